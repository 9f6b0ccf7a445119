"""What concerns the SQLite file alone: settings, damage, edits past the triggers, forks, places it must not lie in."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger import connection
from dpinsights.governance.ledger.connection import Connection, file_system
from dpinsights.governance.ledger.interface import Cap, Period
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.model.names import FrozenMap
from tests.governance.house import House, draw, key, plan

A = plan("jd", draw("a", 100, 10.0))


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A SQLite ledger with one release, closed."""
    house = House(tmp_path)
    house.release(A)
    house.ledger.set_period("jd", Period("year", Cap(400, "3"), FrozenMap({"yearly": Cap(9, "1")})))
    house.ledger.close()
    return house


def test_only_the_owner_can_read_it(house: House) -> None:
    assert stat.S_IMODE(house.path.stat().st_mode) == 0o600
    house.path.chmod(0o640)
    with pytest.raises(LedgerError, match="chmod 600"):
        house.open()


def test_it_is_made_once_and_whole(house: House) -> None:
    before = house.path.read_bytes()
    with pytest.raises(LedgerError, match="made once; dpinsights budget amend"):
        house.create()
    assert house.path.read_bytes() == before
    assert {path.name for path in house.path.parent.iterdir()} == {"ledger.db", "ledger.db.queue"}


def test_a_failed_making_leaves_nothing(tmp_path: Path) -> None:
    def fail(connection: Connection) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Connection.create(tmp_path / "ledger.db", fail)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_ledger_names_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="dpinsights budget open"):
        SqliteLedger.open(tmp_path / "ledger.db", clock=lambda: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(LedgerError, match="is not a directory"):
        Connection.create(tmp_path / "no" / "ledger.db", lambda connection: None)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("PRAGMA user_version = 4", "schema version 4, newer than 3"),
        ("PRAGMA user_version = 2", "schema version 2, older than 3.*before 1.0 no ledger is carried over"),
        ("PRAGMA application_id = 1", "not a dpinsights ledger"),
        ("PRAGMA journal_mode = WAL", "journal_mode wal, not delete"),
        ("DROP TRIGGER entries_are_never_changed", "tables or triggers of the ledger were changed"),
        ("CREATE TABLE more (x)", "tables or triggers of the ledger were changed"),
        ("DROP INDEX runs_unfinished_once", "tables or triggers of the ledger were changed"),
        ("DELETE FROM ledger", "does not say whose it is"),
    ],
)
def test_what_open_refuses(house: House, statement: str, words: str) -> None:
    house.edit(statement)
    with pytest.raises(LedgerError, match=words):
        house.open()


@pytest.mark.parametrize(("name", "value"), [("synchronous", "NORMAL"), ("foreign_keys", "OFF")])
def test_a_setting_that_does_not_hold_is_refused(house: House, name: str, value: str) -> None:
    opened = Connection(house.path)
    opened._raw.execute(f"PRAGMA {name} = {value}")
    with pytest.raises(LedgerError, match=f"has {name} "):
        opened.checked()


@pytest.mark.parametrize(
    "statement",
    ["UPDATE entries SET body = '{}'", "DELETE FROM entries", "DELETE FROM entries WHERE seq = 5"],
)
def test_triggers_refuse_changes_of_entries(house: House, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        house.edit(statement)


@pytest.mark.parametrize("where", [0, 20, 100, -1, -3000])
def test_flipped_bytes_are_found_or_harmless(house: House, where: int) -> None:
    raw = bytearray(house.path.read_bytes())
    raw[where] ^= 0x55
    house.path.write_bytes(raw)
    try:
        ledger = house.open()
    except LedgerError:
        return
    ledger.check()
    assert [balance.spent_rho for balance in ledger.balances()] == [100, 0, 100, 0]


def test_what_is_no_database(tmp_path: Path, house: House) -> None:
    house.path.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="SQLITE_NOTADB; it is not a dpinsights ledger"):
        house.open()


def test_it_is_not_shared_over_a_fork(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = house.open()
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        with pytest.raises(LedgerError, match="across a fork"):
            ledger.balances()
        ledger.close()
    ledger.check()


def test_a_held_lock_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    ledger = house.open()
    other = sqlite3.connect(house.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="SQLITE_BUSY; another process has held it"):
        house.charge(plan("jd", draw("b", 1, 1.0)), ledger=ledger)
    other.execute("ROLLBACK")
    assert house.charge(plan("jd", draw("b", 1, 1.0)), ledger=ledger).charged_account_units == 1


def test_errors_of_the_library_never_quote_values(house: House) -> None:
    ledger = house.open()
    assert isinstance(ledger, SqliteLedger)
    with pytest.raises(LedgerError) as error, ledger._connection.reading():
        ledger._connection.rows("SELECT json('SECRET-9')")
    assert "SECRET" not in str(error.value)
    assert error.value.__cause__ is None


MOUNTS = """/dev/vda / ext4 rw 0 0
host:/home /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
//server/share /mnt/my\\040share cifs rw 0 0
host:/x /srv fuse.sshfs rw 0 0
tmpfs /tmp tmpfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/var/x", "ext4", False),
        ("/home/ann/x", "nfs4", True),
        ("/home/local/x", "xfs", False),
        ("/homes/x", "ext4", False),
        ("/mnt/my share/x", "cifs", True),
        ("/srv/x", "fuse.sshfs", True),
        ("/tmp/x", "tmpfs", False),
    ],
)
def test_file_systems(path: str, kind: str, network: bool) -> None:
    assert file_system(Path(path), MOUNTS) == kind
    assert bool(connection.NETWORK.fullmatch(kind)) is network


def test_a_network_file_system_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "file_system", lambda path, mounts: "nfs4")
    with pytest.raises(LedgerError, match=r"network file system \(nfs4\)"):
        house.open()


class Failing:
    """A connection whose nth statement fails, as if the disk did."""

    def __init__(self, raw: sqlite3.Connection, nth: int) -> None:
        self._raw, self._left = raw, nth

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        self._left -= 1
        if self._left == 0:
            raise sqlite3.OperationalError("disk I/O error")
        return self._raw.execute(sql, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self._raw, name)


STEPS: dict[str, Callable[[House, SqliteLedger], object]] = {
    "charge": lambda house, ledger: house.charge(plan("jd", draw("b", 5, 1.0)), ledger=ledger),
    "retry": lambda house, ledger: house.charge(plan("icbc", draw("a", 100, 10.0)), ledger=ledger),
    "freeze": lambda house, ledger: ledger.freeze("jd", "tested"),
}


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_failure_at_any_statement_leaves_all_or_nothing(house: House, step: str) -> None:
    ledger = house.open()
    assert isinstance(ledger, SqliteLedger)
    raw, before = ledger._connection._raw, ledger.head()
    for nth in range(1, 200):
        ledger._connection._raw = Failing(raw, nth)  # type: ignore[assignment]
        try:
            STEPS[step](house, ledger)
        except LedgerError:
            ledger._connection._raw = raw
            assert not raw.in_transaction
            assert ledger.head() == before
            ledger.check()
            continue
        break
    else:
        pytest.fail("never succeeded")
    ledger._connection._raw = raw
    assert nth > 5
    assert ledger.head().seq == before.seq + 1
    ledger.check()


def test_vectors_are_packed_little_endian(house: House) -> None:
    raw = sqlite3.connect(house.path)
    assert raw.execute("SELECT key, hex(noisy) FROM vectors").fetchall() == [(key("a"), "0700000000000000")]
    raw.close()
