"""A fault at every statement in turn: no act is half written, nothing is released unpaid, and a retry ends well.

A connection is wrapped so that its nth statement fails, n = 1, 2, ... until a whole run gets through: as a failing
disk, a full one, a held lock and a lost connection do, before the statement was executed or after it.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.interface import Ledger, Run
from dpinsights.governance.ledger.sql_ledger import SqlLedger
from dpinsights.model.noisy import State
from dpinsights.model.plan import Plan
from tests.governance.house import CONTRACT, LEASE, RELEASE, House, draw, noisy, plan

REMEDY = re.compile(r"try again|run the same command again|free some space|restore|check")
"""What to do, in the words of a message."""


def sqlite_error(name: str) -> sqlite3.Error:
    """An error as the library raises it."""
    error = sqlite3.OperationalError("SECRET")
    error.sqlite_errorname = name
    return error


SQLITE = {
    "I/O error": lambda raw: sqlite_error("SQLITE_IOERR_WRITE"),
    "disk full": lambda raw: sqlite_error("SQLITE_FULL"),
    "busy": lambda raw: sqlite_error("SQLITE_BUSY"),
}


def lost(raw: Any) -> Exception:
    """The server is gone."""
    raw.close()
    return psycopg.OperationalError("SECRET")


POSTGRES: dict[str, Callable[[Any], Exception]] = {
    "I/O error": lambda raw: psycopg.errors.IoError("SECRET"),
    "disk full": lambda raw: psycopg.errors.DiskFull("SECRET"),
    "busy": lambda raw: psycopg.errors.LockNotAvailable("SECRET"),
    "lost connection": lost,
}


class Faulty:
    """A connection whose nth statement fails, before or after it was executed."""

    def __init__(self, raw: Any, nth: int, fault: Callable[[Any], Exception], after: bool) -> None:
        self._raw, self._left, self._fault, self._after = raw, nth, fault, after
        self.failed = ""

    def execute(self, sql: str, *values: Any) -> Any:
        """Executes, or fails."""
        self._left -= 1
        if self._left != 0:
            return self._raw.execute(sql, *values)
        self.failed = sql
        if self._after:
            self._raw.execute(sql, *values)
        raise self._fault(self._raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


@dataclass
class Report:
    """A report that is run until it is out, by one process after another."""

    wanted: Plan
    drew: int = 0
    published: bool = False

    def run(self, ledger: Ledger) -> Run:
        """As the pipeline runs it."""
        ledger.register_snapshot("q4", CONTRACT, "map-1")
        run = ledger.charge(
            self.wanted, snapshot="q4", origin="real", exploration=False, lease=LEASE, epsilon_of=str
        )
        if run.state is not State.MEASURED:
            run = ledger.begin_drawing(run)
            self.drew += 1
            run = ledger.store(run, noisy(run, self.wanted))
        ledger.vectors(run), ledger.spent_by(run), ledger.entries(ledger.spent_by(run).position.seq)
        self.published = True
        return ledger.finish(run, RELEASE)


def spent(ledger: Ledger) -> int:
    """What the account jd has spent."""
    return next(balance.spent_rho for balance in ledger.balances() if balance.account == "jd")


def state_of(ledger: Ledger, measurement_digest: str) -> list[str]:
    """The states of a report's runs, oldest first, by the entries."""
    states: dict[str, str] = {}
    runs = {
        entry.data["run"]
        for entry in ledger.entries()
        if entry.type == "charged" and entry.data["measurement_digest"] == measurement_digest
    }
    for entry in ledger.entries():
        if entry.data.get("run") in runs and entry.type != "resumed":
            states[entry.data["run"]] = entry.type
    return list(states.values())


CASES = [
    pytest.param(
        kind, fault, after, marks=[] if (kind, fault, after) == ("sqlite", "I/O error", True) else pytest.mark.slow
    )
    for kind, faults in (("sqlite", SQLITE), ("postgres", POSTGRES))
    for fault in faults
    for after in (False, True)
    # A lock that is held, or a disk that is full, is told before anything happens.
    if not (after and fault in ("busy", "disk full"))
]


UNKNOWN = (("sqlite", "I/O error"), ("postgres", "lost connection"))
"""Faults of a commit after which nobody knows whether it was kept."""


@pytest.mark.parametrize(("kind", "fault", "after"), CASES)
def test_a_fault_at_every_statement(tmp_path: Path, kind: str, fault: str, after: bool) -> None:
    """The statements of a whole run fail in turn; what follows a fault is another process an hour later."""
    house = House(tmp_path, kind, lifetime=10**6, jd=10**6)
    raise_it = {"sqlite": SQLITE, "postgres": POSTGRES}[kind][fault]
    seen_states, watcher = set(), house.open("watcher")
    for nth in range(1, 300):
        ledger = house.ledger
        assert isinstance(ledger, SqlLedger)
        connection: Any = ledger._connection
        raw = connection._raw
        faulty = connection._raw = Faulty(raw, nth, raise_it, after)
        report = Report(plan("jd", draw(f"m{nth}", 100, 10.0), digest=f"{nth}"))
        before = spent(watcher)
        try:
            report.run(ledger)
        except LedgerError as error:
            message = str(error)
        else:
            break
        finally:
            connection._raw = raw
        assert "SECRET" not in message and REMEDY.search(message), message
        # What a fault left: whole acts, and noise or a release only where the ledger knows of it.
        watcher.check()
        states = state_of(watcher, f"{nth}")
        state = states[0] if states else "nothing"
        seen_states.add(state)
        assert not report.drew or state in ("drawing", "measured", "released")
        assert not report.published or state in ("measured", "released")
        assert spent(watcher) - before == (0 if state == "nothing" else 100)
        if faulty.failed == "COMMIT" and (kind, fault) in UNKNOWN:
            assert "the act was kept or it was not" in message and "which finds out" in message
        ledger.close()
        # A retry by somebody else, after the lease: it ends, and pays again only where noise may have been seen.
        house.clock.now += 6 * LEASE
        house.ledger = house.open(f"retry-{nth}")
        was_published = report.published
        final = report.run(house.ledger)
        assert final.state is State.RELEASED and report.published
        paid = spent(watcher) - before
        assert paid == (200 if state == "drawing" else 100)
        if was_published and state == "released":
            assert final.charged_account_units == 0
        watcher.check()
    else:
        pytest.fail("never succeeded")
    watcher.close()
    assert nth > 40
    assert seen_states >= {"nothing", "charged", "drawing", "measured"}


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A very small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k,mode=0700", "none", str(folder)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(full_disk: Path) -> None:
    house = House(full_disk, lifetime=10**6, jd=10**6)
    house.release(plan("jd", draw("a", 100, 10.0)))
    stuffing = full_disk / "stuffing"
    handle = os.open(stuffing, os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        while True:
            os.write(handle, b"x" * 1024)
    os.close(handle)
    before = house.ledger.head()
    refused = 0
    for number in range(10):
        try:
            house.charge(plan("jd", draw(f"b{number}", 100, 10.0), digest=f"{number}"))
        except LedgerError as error:
            refused += 1
            assert "the disk is full: nothing was written, free some space and try again" in str(error)
    assert refused
    house.ledger.check()
    house.open().close()
    assert house.ledger.head().seq == before.seq + 10 - refused
    stuffing.unlink()
    run = house.charge(plan("jd", draw("c", 100, 10.0), digest="c"))
    assert run.charged_account_units == 100
    house.ledger.check()
    house.ledger.close()
