"""A whole ledger on PostgreSQL: through the command line, with an operator's few rights, and raced for."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from typer.testing import CliRunner, Result

from dpinsights.cli import app
from dpinsights.demo import Demo, run_demo
from dpinsights.errors import BudgetError, LedgerError
from dpinsights.governance.ledger.postgres import PostgresLedger
from dpinsights.state import State, find_state
from tests.governance.house import Clock, House, draw, noisy, plan
from tests.governance.postgres_server import database_of, installation

GRANTS = Path(__file__).parents[2] / "docs" / "operator.md"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Definitions, keys and data; its own ledger is a file."""
    return run_demo(tmp_path_factory.mktemp("postgres") / "demo", scale=100)


def test_a_report_from_opening_to_the_doctor(
    demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("DPINSIGHTS_LEDGER", database_of(tmp_path))
    monkeypatch.setenv("DPINSIGHTS_STATE", str(state))
    monkeypatch.setenv("DPINSIGHTS_KEY", str(demo.key))
    monkeypatch.setenv("DPINSIGHTS_PASSPHRASE_FILE", str(demo.passphrase))

    def done(*words: object) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result

    report = demo.definitions / "partner-quarterly.yaml"
    done("budget", "open", demo.definitions / "policy.yaml")
    assert not (state / "ledger.sqlite").exists()
    done("run", report, "--sources", demo.sources)
    [release] = (state / "releases").iterdir()
    receipt = release / "receipt.dsse.json"
    assert "jd" in done("budget").output
    done("ledger", "doctor", "--receipt", receipt, "--trust", demo.trust)
    done("verify", release, "--trust", demo.trust)
    done("snapshots")


def test_two_ledgers_are_refused(demo: Demo) -> None:
    environment = {"DPINSIGHTS_LEDGER": "postgresql://h/d"}
    with pytest.raises(LedgerError, match="its budget would be spent twice; unset DPINSIGHTS_LEDGER"):
        find_state(demo.state.folder, environment)
    assert find_state(demo.state.folder, {}) == State(demo.state.folder)


def test_what_is_no_address(tmp_path: Path) -> None:
    for address in ("postgresql://ann:SECRET-9@h/d", "service=ledger"):
        found = find_state(tmp_path, {"DPINSIGHTS_LEDGER": address})
        assert found.address == address
        assert "SECRET" not in repr(found)
    with pytest.raises(LedgerError, match="write postgresql://ROLE@HOST/DATABASE"):
        find_state(tmp_path, {"DPINSIGHTS_LEDGER": "/var/ledger.sqlite"})


def granted(statements: str, address: str, role: str) -> str:
    """The address for a role that has what `statements` grant to dpinsights_operator."""
    parts = urlsplit(address)
    with psycopg.connect(address) as server:
        server.execute(f"CREATE ROLE {role} LOGIN")  # type: ignore[arg-type]
        server.execute(statements.replace("dpinsights_operator", role))  # type: ignore[arg-type]
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.partition('@')[2]}"))


@pytest.fixture
def operator(tmp_path: Path) -> tuple[House, str]:
    """A house, and the address of a role with the rights that docs/operator.md grants."""
    house, address = House(tmp_path, "postgres"), database_of(tmp_path / "ledger.db")
    [statements] = [
        text.partition("```")[0]
        for text in GRANTS.read_text(encoding="utf-8").split("```sql\n")
        if "GRANT" in text[:50]
    ]
    role = f"operator_{urlsplit(address).path[1:]}"
    with psycopg.connect(address) as server:
        server.execute(f"DROP OWNED BY {role}" if known(server, role) else "SELECT 1")  # type: ignore[arg-type]
        server.execute(f"DROP ROLE IF EXISTS {role}")  # type: ignore[arg-type]
    return house, granted(statements, address, role)


def known(server: psycopg.Connection[Any], role: str) -> bool:
    """Whether a role exists."""
    return bool(server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchall())


def test_an_operator_needs_few_rights(operator: tuple[House, str]) -> None:
    house, address = operator
    house.ledger = PostgresLedger.open(address, clock=house.clock)
    asked = plan("jd", draw("a", 100, 10.0))
    house.release(asked)
    house.ledger.abandon(house.charge(plan("jd", draw("b", 10, 10.0))), "tested")
    house.ledger.freeze("jd", "tested")
    house.ledger.resolve("jd")
    house.ledger.register_snapshot("q5", "c" * 64, "map-1")
    house.ledger.check()


def test_a_missing_right_is_told(operator: tuple[House, str]) -> None:
    house, address = operator
    house.edit(f"REVOKE INSERT ON entries FROM {urlsplit(address).username}")
    house.ledger = PostgresLedger.open(address, clock=house.clock)
    with pytest.raises(LedgerError, match=r"42501; the role lacks a right.* docs/operator.md lists them"):
        house.ledger.freeze("jd", "tested")
    house.edit(f"REVOKE USAGE ON SCHEMA dpinsights_ledger FROM {urlsplit(address).username}")
    with pytest.raises(LedgerError, match="42P01; a table is missing, or the role may not use the"):
        PostgresLedger.open(address, clock=house.clock)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = '{}'",
        "DELETE FROM entries",
        "TRUNCATE entries CASCADE",
        "UPDATE vectors SET noisy = ''",
        "DELETE FROM vectors",
        "DELETE FROM runs",
        "DELETE FROM seen",
        "UPDATE items SET account_rho = 0",
        "UPDATE ledger SET partnership = 'x'",
        "UPDATE schema_version SET version = 9",
        "DROP TRIGGER entries_are_never_changed ON entries",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
        "CREATE TABLE more (x BIGINT)",
        "SET session_replication_role = replica",
        "SET fsync = off",
    ],
)
def test_an_operator_can_t_change_what_is_kept(operator: tuple[House, str], statement: str) -> None:
    _, address = operator
    refusals = (psycopg.errors.InsufficientPrivilege, psycopg.errors.CantChangeRuntimeParam)
    with (
        psycopg.connect(address, options="-c search_path=dpinsights_ledger") as server,
        pytest.raises(refusals),
    ):
        server.execute(statement)  # type: ignore[arg-type]


def test_a_ledger_moves_with_pg_dump(tmp_path: Path) -> None:
    house, other = House(tmp_path, "postgres"), database_of(tmp_path / "other")
    house.release(plan("jd", draw("a", 100, 10.0)))
    programs = installation() / "bin"
    dump = ["pg_dump", "--schema", "dpinsights_ledger", "--no-owner", "-d", database_of(house.path)]
    load = ["psql", "--quiet", "-v", "ON_ERROR_STOP=1", "-d", other]
    text = subprocess.run([programs / dump[0], *dump[1:]], capture_output=True, check=True).stdout
    subprocess.run([programs / load[0], "-X", *load[1:]], input=text, capture_output=True, check=True)
    moved = PostgresLedger.open(other, clock=house.clock)
    assert (moved.head(), moved.balances()) == (house.ledger.head(), house.ledger.balances())
    house.ledger = moved
    house.release(plan("jd", draw("a", 100, 10.0), draw("b", 10, 10.0)))
    moved.check()


def race(address: str, number: int) -> int:
    """One of many that charge the same account until nothing is left: what it was charged."""
    house = House.__new__(House)
    house.clock = Clock()
    house.ledger = PostgresLedger.open(address, clock=house.clock)
    for turn in range(1000):
        asked = plan("jd", draw(f"r{number}-{turn}", 7, 10.0))
        try:
            run = house.charge(asked)
        except BudgetError:
            house.ledger.close()
            return 7 * turn
        house.ledger.store(house.ledger.begin_drawing(run), noisy(run, asked))
    raise AssertionError("an account without an end")


def test_a_race_spends_the_account_to_the_last_charge_that_fits(tmp_path: Path) -> None:
    """To the server it is all the same whether threads or processes connect; these start sooner."""
    house = House(tmp_path, "postgres", lifetime=10**6, jd=1000)
    address = database_of(house.path)
    with ThreadPoolExecutor(16) as racers:
        charged = list(racers.map(lambda number: race(address, number), range(16)))
    assert sum(charged) == house.balance("jd").spent_rho == 994
    assert max(charged) < 994
    house.ledger.check()
    assert house.ledger.head().seq == 2 + 3 * 142
