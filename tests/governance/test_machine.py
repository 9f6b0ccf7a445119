"""Random histories of both ledgers, with kills, restored copies and two holders at once, against a model of twenty lines."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dpinsights.errors import BudgetError, LedgerError
from dpinsights.governance.doctor import Earlier, examine
from dpinsights.governance.ledger import sql_ledger
from dpinsights.governance.ledger.interface import Ledger, Run
from dpinsights.governance.states import Course
from dpinsights.model.noisy import State
from dpinsights.model.plan import Plan
from tests.governance.house import LEASE, PARTNERSHIP, RELEASE, House, draw, noisy, plan
from tests.governance.postgres_server import database_of, give_back, shared

COST = 100
NAMES = {"a": "jd", "b": "jd", "c": "icbc", "d": "icbc", "e": "exploration"}
CAPS = {"lifetime": 700, "jd": 300, "icbc": 500, "exploration": 300}


class Model:
    """What a ledger must do: a report costs once, a death while drawing costs again, what was measured is free."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(CAPS, 0)
        self.at: dict[
            str, tuple[State, str, int]
        ] = {}  # of unfinished reports: state, holder, end of the lease
        self.measured: set[str] = set()

    def charge(self, name: str, holder: str, now: int) -> str:
        """What happens to who asks for a report."""
        state, held_by, until = self.at.get(name, (State.ABANDONED, "", 0))
        if state in (State.CHARGED, State.DRAWING) and held_by != holder and now < until:
            return "waits"
        cost = COST if state in (State.ABANDONED, State.DRAWING) and name not in self.measured else 0
        account = NAMES[name]
        if any(self.spent[one] + cost > CAPS[one] for one in (account, "lifetime")):
            return "refused"
        for one in (account, "lifetime"):
            self.spent[one] += cost
        self.at[name] = (state if state is State.MEASURED else State.CHARGED, holder, now + 1)
        return "resumed" if state in (State.CHARGED, State.MEASURED) else "charged"


class LedgerMachine(RuleBasedStateMachine):
    """One ledger and two processes that hold it; a party that keeps the head of what it saw last."""

    kind = "sqlite"

    @initialize()
    def begin(self) -> None:
        """A new ledger."""
        self.folder = Path(tempfile.mkdtemp(prefix="dpinsights-machine-"))
        self.house = House(self.folder, self.kind, lifetime=CAPS["lifetime"], jd=CAPS["jd"])
        self.house.ledger.close()
        self.now, self.number, self.model = 0, 0, Model()
        self.holders: dict[str, tuple[str, Ledger]] = {}
        self.runs: dict[str, tuple[Run, Plan]] = {}
        self.saved: Any = None
        self.start("one")
        self.start("two")
        self.seen = Earlier(PARTNERSHIP, self.any.head())

    @property
    def any(self) -> Ledger:
        """The ledger as somebody holds it."""
        return self.holders["one"][1]

    def start(self, which: str) -> None:
        """A process begins."""
        self.number += 1
        owner = f"{which}-{self.number}"
        self.holders[which] = (owner, self.house.open(owner))

    @rule(name=st.sampled_from(sorted(NAMES)), which=st.sampled_from(["one", "two"]))
    def spend(self, name: str, which: str) -> None:
        """Asks for a report, first or again."""
        owner, ledger = self.holders[which]
        asked = plan(NAMES[name], draw(name, COST, 10.0), digest=name)
        wanted = self.model.charge(name, owner, self.now)
        try:
            run = self.house.charge(asked, ledger=ledger)
        except BudgetError:
            assert wanted == "refused"
        except LedgerError as error:
            assert wanted == "waits" and "another process" in str(error)
        else:
            assert wanted == ("resumed" if run.resumed else "charged")
            assert (run.state is State.MEASURED) == (self.model.at[name][0] is State.MEASURED)
            self.runs[name] = (run, asked)

    @rule(name=st.sampled_from(sorted(NAMES)), steps=st.integers(1, 3), which=st.sampled_from(["one", "two"]))
    def go_on(self, name: str, steps: int, which: str) -> None:
        """Moves a report on, through any holder of its run's fence."""
        ledger = self.holders[which][1]
        for _ in range(steps):
            if name not in self.model.at:
                return
            run, asked = self.runs[name]
            state, owner, until = self.model.at[name]
            if state is State.CHARGED and run.fresh:
                run, state = ledger.begin_drawing(run), State.DRAWING
            elif state in (State.CHARGED, State.DRAWING):
                run, state = ledger.store(run, noisy(run, asked)), State.MEASURED
                self.model.measured.add(name)
            else:
                ledger.finish(run, RELEASE)
                self.seen = Earlier(PARTNERSHIP, ledger.spent_by(run).position)
                del self.model.at[name]
                continue
            self.runs[name] = (run, asked)
            self.model.at[name] = (state, owner, until)

    @rule(which=st.sampled_from(["one", "two"]))
    def kill(self, which: str) -> None:
        """A process dies with whatever it has open, and another one begins."""
        del self.holders[which]
        self.start(which)

    @rule()
    def wait(self) -> None:
        """Leases end."""
        self.now += 1
        self.house.clock.now += LEASE * 1.01

    @rule()
    def save(self) -> None:
        """Somebody keeps a copy."""
        head = self.any.head()
        self.saved = (deepcopy(self.model), dict(self.runs), head, self.seen, self.copied())

    @precondition(lambda self: self.saved is not None)
    @rule()
    def restore(self) -> None:
        """Somebody puts the old copy back: who saw more notices it, and who did not lost nothing."""
        seen = self.seen
        self.model, self.runs, head, self.seen, copy = self.saved
        self.saved = None
        self.put_back(copy)
        found = examine(
            self.any.entries(), lambda one: (round(10_000 / one.scale**2), 0), epsilon_of=str, earlier=seen
        )
        codes = {finding.code for finding in found} & {"ledger-shortened", "ledger-forked"}
        assert bool(codes) == (seen.head.seq > head.seq)
        # A copy of another branch would have been a fork: each copy is put back once at most.
        self.house.clock.now += LEASE * 1.01
        self.now += 1

    def copied(self) -> object:
        """A copy of all that is stored."""
        return self.house.path.read_bytes()

    def put_back(self, copy: Any) -> None:
        """Ends both processes, and puts a copy in the ledger's place."""
        for _, ledger in self.holders.values():
            ledger.close()
        self.house.path.write_bytes(copy)
        self.start("one")
        self.start("two")

    @invariant()
    def sums(self) -> None:
        """The accounts hold what the model says, and the books agree."""
        if hasattr(self, "holders"):
            found = {balance.account: balance.spent_rho for balance in self.any.balances()}
            assert found == self.model.spent
            self.any.check()

    def teardown(self) -> None:
        """Removes all."""
        for _, ledger in getattr(self, "holders", {}).values():
            ledger.close()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)
        give_back()


class PostgresMachine(LedgerMachine):
    """The same on PostgreSQL; a copy is another database, made by the server."""

    kind = "postgres"

    def copied(self) -> object:
        """A copy of the database."""
        self.number += 1
        copy = f"copy_{self.folder.name.rsplit('-')[-1]}_{self.number}"
        self.end()
        if self.saved is not None:
            self.administer(f'DROP DATABASE "{self.saved[-1]}"')
        self.administer(f'CREATE DATABASE "{copy}" TEMPLATE "{self.database}"')
        self.start("one")
        self.start("two")
        return copy

    def put_back(self, copy: Any) -> None:
        """The database is the copy."""
        self.end()
        self.administer(f'DROP DATABASE "{self.database}" WITH (FORCE)')
        self.administer(f'ALTER DATABASE "{copy}" RENAME TO "{self.database}"')
        self.start("one")
        self.start("two")

    @property
    def database(self) -> str:
        """The name of the ledger's database."""
        return str(psycopg.conninfo.conninfo_to_dict(database_of(self.house.path))["dbname"])

    def end(self) -> None:
        """Ends both processes, and waits until the server knows it."""
        for _, ledger in self.holders.values():
            ledger.close()
        self.holders.clear()
        gone = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '"
            + self.database
            + "'"
        )
        self.administer(gone)

    def teardown(self) -> None:
        """Removes all."""
        if getattr(self, "saved", None) is not None:
            self.administer(f'DROP DATABASE "{self.saved[-1]}"')
        super().teardown()

    @staticmethod
    def administer(statement: str) -> None:
        """Executes a statement beside all ledgers."""
        with psycopg.connect(shared(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


def configured(machine: type[LedgerMachine], examples: int, steps: int) -> Any:
    """The machine's test case."""
    machine.TestCase.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return machine.TestCase


TestSqliteMachine = configured(LedgerMachine, 25, 25)
TestPostgresMachine = pytest.mark.slow(configured(PostgresMachine, 15, 20))


MUTANTS: dict[str, Callable[..., Course]] = {
    "a free retry after noise": lambda state, **_: Course.RESUME,
    "nobody waits": lambda state, **_: Course.REPLACE if state is State.DRAWING else Course.RESUME,
}


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_broken_ledger_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has power: it finds each of these faults."""
    monkeypatch.setattr(sql_ledger, "course", MUTANTS[mutant])
    with pytest.raises((AssertionError, LedgerError)):
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(
                max_examples=100,
                stateful_step_count=25,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
