"""What somebody changes past this package, in whichever database: found when the ledger is opened, or refused by its tables."""

from __future__ import annotations

import pytest

from dpinsights.errors import InternalError, LedgerError
from dpinsights.governance.accountant import Loss
from dpinsights.governance.ledger.interface import Cap, Period
from dpinsights.governance.ledger.sql_ledger import SqlLedger
from dpinsights.model.names import FrozenMap
from tests.governance.house import House, draw, plan

A = plan("jd", draw("a", 100, 10.0))


@pytest.fixture
def house(house: House) -> House:
    """A ledger with one release and a period, closed."""
    house.release(A)
    house.ledger.set_period("jd", Period("year", Cap(400, "3"), FrozenMap({"yearly": Cap(9, "1")})))
    house.ledger.close()
    return house


@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE entries SET body = replace(body, '"rho":"100"', '"rho":"1"')""",
        "DELETE FROM entries WHERE seq = 3",
        "UPDATE entries SET type = 'resolved' WHERE seq = 2",
    ],
)
def test_edited_entries_are_found(house: House, statement: str) -> None:
    house.edit_entries(statement)
    with pytest.raises(LedgerError, match="chain is broken at entry"):
        house.open()


def test_a_cut_tail_is_found_by_the_sums(house: House) -> None:
    house.edit_entries("DELETE FROM entries WHERE seq > 3")
    with pytest.raises(
        LedgerError, match=r"tables \(accounts, runs, vectors, seen\) are not what its entries add up to"
    ):
        house.open()


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE accounts SET spent_rho = 99 WHERE account = 'jd'", "accounts"),
        ("UPDATE accounts SET cap_rho = 501 WHERE account = 'jd'", "accounts"),
        ("UPDATE accounts SET cap_epsilon = '5' WHERE account = 'jd'", "accounts"),
        ("UPDATE accounts SET frozen = 'x' WHERE account = 'jd'", "accounts"),
        ("UPDATE accounts SET period = NULL WHERE account = 'jd'", "accounts"),
        ("UPDATE accounts SET period = replace(period, '\"9\"', '\"8\"') WHERE account = 'jd'", "accounts"),
        ("UPDATE snapshots SET contract_digest = 'x'", "snapshots"),
        ("UPDATE runs SET state = 'measured'", "runs"),
        ("UPDATE runs SET fence = 2", "runs"),
        ("UPDATE runs SET identity = 'x'", "runs"),
        ("UPDATE runs SET origin = 'synthetic'", "runs"),
        ("UPDATE runs SET report = 'another'", "runs"),
        ("UPDATE runs SET day = '2017-12-31'", "runs"),
        ("UPDATE runs SET lock = 'x', approval = 'x'", "runs"),
        ("UPDATE items SET specification = replace(specification, 'p+3', 'p+2')", "runs"),
        ("UPDATE items SET account_rho = 1", "runs"),
        ("UPDATE vectors SET rho = 1", "vectors"),
        ("UPDATE vectors SET exploration = TRUE", "vectors"),
        ("DELETE FROM uses", "runs"),
        ("DELETE FROM seen", "seen"),
        ("INSERT INTO seen SELECT 'icbc', run, key FROM vectors", "seen"),
        ("UPDATE ledger SET partnership = 'x'", "ledger"),
        ("UPDATE ledger SET policy_digest = 'x'", "ledger"),
        ("UPDATE ledger SET conversion_delta = '0.1'", "ledger"),
    ],
)
def test_edited_tables_are_found(house: House, statement: str, table: str) -> None:
    house.edit(statement)
    with pytest.raises(LedgerError, match=rf"tables \({table}\) are not what its entries add up to"):
        house.open()


def test_a_damaged_vector_is_found_when_it_is_read(house: House) -> None:
    eight = {"sqlite": r"x'0800000000000000'", "postgres": r"'\x0800000000000000'"}[house.kind]
    house.edit(f"UPDATE vectors SET noisy = {eight}")
    ledger = house.open()
    again = ledger.store(house.charge(A, ledger=ledger), ())
    with pytest.raises(LedgerError, match="a stored noisy vector is damaged"):
        ledger.vectors(again)


def test_checks_of_the_tables_are_a_second_guard(house: House) -> None:
    ledger = house.open()
    assert isinstance(ledger, SqlLedger)
    with pytest.raises(InternalError, match="does not fit"), ledger._connection.writing():
        ledger._tables.spend("jd", Loss(401))
    with pytest.raises(InternalError, match="does not fit"), ledger._connection.writing():
        ledger._tables.spend("jd", Loss(0, 10**7 + 1))
    with (
        pytest.raises(LedgerError, match="SQLITE_CONSTRAINT_CHECK|23514; a rule"),
        ledger._connection.writing(),
    ):
        ledger._connection.run("UPDATE accounts SET spent_rho = 501 WHERE account = 'jd'")
    with (
        pytest.raises(LedgerError, match="SQLITE_CONSTRAINT_CHECK|23514; a rule"),
        ledger._connection.writing(),
    ):
        ledger._connection.run("UPDATE accounts SET spent_rho = -1 WHERE account = 'jd'")
    with pytest.raises(LedgerError, match="IntegrityError|22P02"), ledger._connection.writing():
        ledger._connection.run("UPDATE accounts SET spent_rho = 'much' WHERE account = 'jd'")
    ledger.check()


def test_a_second_run_of_one_identity_is_refused_by_the_index(house: House) -> None:
    ledger = house.open()
    house.charge(plan("jd", draw("b", 1, 1.0)), ledger=ledger)
    assert isinstance(ledger, SqlLedger)
    with (
        pytest.raises(LedgerError, match="SQLITE_CONSTRAINT_UNIQUE|23505; a rule"),
        ledger._connection.writing(),
    ):
        ledger._connection.run(
            "UPDATE runs SET state = 'charged', identity = (SELECT max(identity) FROM runs)"
        )
