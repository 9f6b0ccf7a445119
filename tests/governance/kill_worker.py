"""Processes that use one ledger until they are killed; driven by kill_storm.py, and one at a time by test_kill.py.

    python -m tests.governance.kill_worker each-call|each-statement FOLDER VARIANT [ADDRESS]

A worker makes runs: charge, begin drawing, draw, store, estimate, publish, finish, and notes what it does in an fsynced
file when it does it. `each-call` and `each-statement`: one worker at a time, killed at its nth call or SQL statement,
n = 1, 2, ... until it lives.

Variants break the ledger or its use on purpose, so that the tests can show that they would find it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dpinsights.errors import BudgetError, LedgerError
from dpinsights.governance.ledger import sql_ledger
from dpinsights.governance.ledger.connection import Connection
from dpinsights.governance.ledger.interface import Cap, Ledger, Run
from dpinsights.governance.ledger.postgres import PostgresLedger
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.governance.states import Course
from dpinsights.model.noisy import State
from dpinsights.model.plan import Plan
from tests.governance.house import (
    CONTRACT,
    CONVERSION,
    DISCOVERY,
    PARTNERSHIP,
    POLICY,
    RELEASE,
    draw,
    noisy,
    plan,
)

LEASE = timedelta(seconds=0.4)
PATIENCE_SECONDS = 60
CALLS = ("open", "charge", "begin", "draw", "store", "vectors", "publish", "finish")
POINTS = tuple((call, side) for call in CALLS for side in ("before", "after"))


def clock() -> datetime:
    """The real time: leases end by it."""
    return datetime.now(UTC)


def make(folder: Path, lifetime: int, address: str = "") -> None:
    """A ledger to fight over: the accounts together may ask for more than lifetime has."""
    (folder / "address").write_text(address)
    options = {
        "partnership": PARTNERSHIP,
        "policy_name": "storm",
        "policy_digest": POLICY,
        "conversion_delta": CONVERSION,
        "discovery_delta": DISCOVERY,
        "lifetime": Cap(lifetime, "8"),
        "accounts": {name: Cap(lifetime * 2 // 3, "4") for name in ("icbc", "jd", "exploration")},
        "clock": clock,
    }
    ledger: Ledger = (
        PostgresLedger.create(address, **options)  # type: ignore[arg-type]
        if address
        else SqliteLedger.create(folder / "ledger.db", **options)  # type: ignore[arg-type]
    )
    ledger.register_snapshot("q4", CONTRACT, "map-1")
    ledger.close()


def opened(folder: Path) -> SqliteLedger | PostgresLedger:
    """The ledger that `make` made."""
    address = (folder / "address").read_text()
    if address:
        return PostgresLedger.open(address, clock=clock)
    return SqliteLedger.open(folder / "ledger.db", clock=clock)


class Worker:
    """One process's work, and where it dies."""

    def __init__(
        self, folder: Path, seed: int, variant: str, point: tuple[str, str] | None, statement: int
    ) -> None:
        self.folder, self.variant, self.point, self.left = folder, variant, point, statement
        self.random = random.Random(seed)
        self.notes = os.open(folder / f"notes-{os.getpid()}-{seed}", os.O_CREAT | os.O_WRONLY | os.O_APPEND)

    def note(self, *words: object) -> None:
        """Writes a line that survives what comes."""
        os.write(self.notes, (" ".join(map(str, words)) + "\n").encode())
        os.fsync(self.notes)

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """Dies right before or right after a call, if that is its point."""
        for side in ("before", "after"):
            if self.point == (name, side):
                self.note("dies", side, name)
                os.kill(os.getpid(), signal.SIGKILL)
            if side == "before":
                yield

    def statement(self, sql: str) -> None:
        """Dies at its nth statement."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def ask(self) -> tuple[Plan, bool]:
        """A request: a new name four times a second, each asked for longer than a lease, so that workers meet."""
        name = f"m{int(time.monotonic() * 4) - self.random.randrange(4)}"
        account, scale = self.random.choice(("icbc", "jd", "exploration")), self.random.choice((10.0, 7.0))
        return plan(account, draw(name, int(10_000 / scale**2), scale)), account == "exploration"

    def work(self, rounds: int, asked: tuple[Plan, bool] | None = None) -> None:
        """Opens the ledger and makes runs."""
        with self.call("open"):
            ledger = self.open()
        if self.left and isinstance(ledger, SqliteLedger):
            ledger._connection._raw.set_trace_callback(self.statement)
        for _ in range(rounds):
            try:
                self.run(ledger, *(asked or self.ask()))
            except BudgetError:
                self.note("refused")
            except LedgerError as error:
                said = str(error).replace("\n", " ")
                self.note("waited" if "another process" in said else f"error {said}")
                time.sleep(0.02)
                if isinstance(ledger, PostgresLedger) and ledger._connection._raw.closed:
                    ledger = self.open()
        ledger.close()

    def open(self) -> SqliteLedger | PostgresLedger:
        """Opens the ledger; a server may have to start again first."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return opened(self.folder)
            except LedgerError as error:
                if not (self.folder / "address").read_text() or time.monotonic() > end:
                    raise
                self.note(f"error {error}".replace("\n", " "))
                time.sleep(0.02)

    def run(self, ledger: Ledger, wanted: Plan, exploration: bool) -> None:
        """One run, in the order that DESIGN.md demands, unless the variant says otherwise."""
        with self.call("charge"):
            run = ledger.charge(
                wanted, snapshot="q4", origin="real", exploration=exploration, lease=LEASE, epsilon_of=str
            )
        if run.state is not State.MEASURED:
            if self.variant == "draws before it says so":
                self.draw(run)
            if run.state is State.CHARGED:
                with self.call("begin"):
                    run = ledger.begin_drawing(run)
            if self.variant != "draws before it says so":
                self.draw(run)
            with self.call("store"):
                run = ledger.store(run, noisy(run, wanted))
        with self.call("vectors"):
            ledger.vectors(run)
        with self.call("publish"):
            self.note("published", run.id, run.fence)
        with self.call("finish"):
            ledger.finish(run, RELEASE)

    def draw(self, run: Run) -> None:
        """Where the real thing draws noise: exactly here it must never come twice on one charge."""
        with self.call("draw"):
            if run.fresh:
                self.note("drew", run.id, run.fence)


def fork(folder: Path, seed: int, variant: str, rounds: int, **death: object) -> int:
    """Begins a worker; says its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        asked = death.pop("asked", None)
        worker = Worker(folder, seed, variant, death.get("point"), death.get("statement", 0))  # type: ignore[arg-type]
        worker.work(rounds, asked)  # type: ignore[arg-type]
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def each(folder: Path, variant: str, what: str, address: str) -> dict[str, int]:
    """One worker at a time, killed at each call or statement of one run in turn, then one that is left to end."""
    make(folder, 10**6, address)
    counts, number = {"kills": 0, "ended": 0, "failed": 0}, 0
    while counts["ended"] < 1:
        number += 1
        asked = (
            plan("jd", draw(f"m{number}", 100, 10.0), draw("both", 100, 10.0), digest=str(number)),
            False,
        )
        death: dict[str, object] = {"statement": number}
        if what == "call":
            death = {"point": POINTS[number - 1] if number <= len(POINTS) else None}
        child = fork(folder, number, variant, 1, asked=asked, **death)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        counts["kills" if code == -signal.SIGKILL else "failed" if code else "ended"] += 1
        if counts["failed"]:
            break
        # Whoever comes next, when the lease is over, must get through.
        time.sleep(LEASE.total_seconds() / 8)
        child = fork(folder, number + 10_000, variant, 9, asked=asked)
        counts["failed"] += bool(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    return counts


class Autocommit(Connection):
    """Each statement is a transaction of its own."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._translated():
            yield


def main(mode: str, folder: Path, variant: str, address: str = "") -> None:
    """Breaks what the variant says, and drives."""
    global LEASE
    if variant == "each statement commits":
        Connection.writing = Autocommit.writing  # type: ignore[method-assign, assignment]
    if variant == "a free retry from drawing":
        setattr(sql_ledger, "course", lambda state, **_: Course.RESUME)  # noqa: B010
    LEASE = timedelta(seconds=0.08)
    print(json.dumps(each(folder, variant, mode.removeprefix("each-"), address)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
