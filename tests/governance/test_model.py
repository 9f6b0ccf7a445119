"""A ledger against a model of twenty lines, over random histories; and the same with broken ledgers, which must fail.

The model knows nothing of SQL, chains or states of files. It keeps a set of drawn vectors and who has seen them, and
says from that alone what each act costs.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from dpinsights.errors import BudgetError, LedgerError
from dpinsights.governance import accountant
from dpinsights.governance.accountant import NOTHING, Loss, Stored
from dpinsights.governance.ledger import sql_ledger
from dpinsights.governance.ledger.interface import Cap, FencedError, Run
from dpinsights.governance.ledger.marks import marked
from dpinsights.governance.ledger.runs import RunRow, Runs
from dpinsights.governance.ledger.tables import Tables
from dpinsights.governance.states import Course
from dpinsights.model.noisy import State
from dpinsights.model.plan import Plan
from tests.governance.house import LEASE, RELEASE, House, draw, noisy, plan

# A draw's scale and cost go together as they do for the Gaussian mechanism, 10,000 units at scale 1.
SCALES = {10.0: 100, 7.2: 193, 6.0: 278}  # 10 and 7.2 combined are 5.84
ACCOUNTS = ("jd", "icbc", "exploration")
NEXT = {State.CHARGED: "draw", State.DRAWING: "store", State.MEASURED: "finish"}


class Model:
    """What a ledger must do, in few words."""

    def __init__(self, caps: dict[str, int]) -> None:
        self.caps, self.spent = caps, dict.fromkeys(caps, 0)
        self.drawn: list[tuple[str, float, int, bool]] = []  # name, scale, rho, exploration
        self.seen: set[tuple[str, int]] = set()

    def cost(
        self, account: str, name: str, scale: float, ceiling: int, exploration: bool
    ) -> tuple[int, int, int | None]:
        """What the account and lifetime pay for one measurement, and which vector is shown."""
        usable = [i for i, v in enumerate(self.drawn) if v[0] == name and (exploration or not v[3])]
        seen = [self.drawn[i][1] for i in usable if (account, i) in self.seen]
        if seen and sum(s**-2 for s in seen) ** -0.5 <= scale * (1 + 1e-12):
            return 0, 0, None
        room = min(ceiling, self.caps[account] - self.spent[account])
        good = [i for i in usable if (account, i) not in self.seen and self.drawn[i][1] <= scale]
        best = min(good, key=lambda i: self.drawn[i][2:], default=None)  # of equals, not exploration's
        if best is not None and (self.drawn[best][2] <= SCALES[scale] or self.drawn[best][2] <= room):
            return self.drawn[best][2], 0, best
        return SCALES[scale], SCALES[scale], None

    def charge(
        self, account: str, name: str, scale: float, ceiling: int, exploration: bool
    ) -> tuple[int, int] | None:
        """Charges, or says None if it does not fit."""
        own, life, shown = self.cost(account, name, scale, ceiling, exploration)
        if (
            self.spent[account] + own > self.caps[account]
            or self.spent["lifetime"] + life > self.caps["lifetime"]
        ):
            return None
        self.spent[account] += own
        self.spent["lifetime"] += life
        if shown is not None:
            self.seen.add((account, shown))
        return own, life

    def store(self, account: str, name: str, scale: float, exploration: bool) -> None:
        """A fresh vector, seen by whom it was drawn for."""
        self.drawn.append((name, scale, SCALES[scale], exploration))
        self.seen.add((account, len(self.drawn) - 1))


class LedgerMachine(RuleBasedStateMachine):
    """Random histories of one ledger, held by two processes."""

    @initialize()
    def begin(self) -> None:
        """A new ledger and a new model of it."""
        self.folder = Path(
            tempfile.mkdtemp(
                prefix="dpinsights-model-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
            )
        )
        self.house = House(self.folder)
        self.model = Model({"lifetime": 1000, "icbc": 500, "jd": 500, "exploration": 300})
        self.holders = {"first": self.house.ledger, "second": self.house.open("second")}
        self.live: dict[
            str, tuple[Run, Plan, Any, str, Any]
        ] = {}  # run id: run, plan, what was asked, holder, lease end

    @rule(
        account=st.sampled_from(ACCOUNTS),
        name=st.sampled_from("ab"),
        scale=st.sampled_from(sorted(SCALES)),
        ceiling=st.sampled_from([400, 1000]),
        explore=st.booleans(),
        holder=st.sampled_from(["first", "second"]),
    )
    def charge(self, account: str, name: str, scale: float, ceiling: int, explore: bool, holder: str) -> None:
        """Asks; compares what is charged with the model, retries included."""
        asked = (account, name, scale, explore)
        wanted = plan(account, draw(name, SCALES[scale], scale), budget=ceiling)
        before = next((one for one in self.live.values() if one[2] == asked), None)
        free = before is None or before[3] == holder or before[4] <= self.house.clock.now
        ledger = self.holders[holder]
        if before is not None and before[0].state is not State.MEASURED and not free:
            with pytest.raises(LedgerError, match="another process"):
                self.house.charge(wanted, ledger=ledger, exploration=explore)
            return
        if before is not None and before[0].state is not State.DRAWING:
            run = self.house.charge(wanted, ledger=ledger, exploration=explore)
            assert (run.id, run.fence, run.resumed) == (before[0].id, before[0].fence + 1, True)
            with pytest.raises(FencedError):
                ledger.abandon(before[0], "stale")
        else:
            costs = self.model.charge(account, name, scale, ceiling, explore)
            if costs is None:
                with pytest.raises(BudgetError):
                    self.house.charge(wanted, ledger=ledger, exploration=explore)
                return
            run = self.house.charge(wanted, ledger=ledger, exploration=explore)
            assert (run.charged_account_units, run.charged_lifetime_units, run.resumed) == (*costs, False)
            if before is not None:
                del self.live[before[0].id]
        self.live[run.id] = (run, wanted, asked, holder, self.house.clock.now + LEASE)

    @rule(account=st.sampled_from(ACCOUNTS), scale=st.sampled_from(sorted(SCALES)), explore=st.booleans())
    def release(self, account: str, scale: float, explore: bool) -> None:
        """A whole run, if nothing is in its way."""
        asked = (account, "a", scale, explore)
        self.charge(*asked[:3], 1000, explore, "first")
        for name in [name for name, one in self.live.items() if one[2] == asked and one[3] == "first"]:
            while name in self.live:
                self.move(name, NEXT[self.live[name][0].state])

    @rule(data=st.data(), after=st.sampled_from(["draw", "draw", "store", "store", "finish", "abandon"]))
    def step(self, data: st.DataObject, after: str) -> None:
        """Moves a run on, or is refused."""
        if self.live:
            self.move(data.draw(st.sampled_from(sorted(self.live))), after)

    def move(self, name: str, after: str) -> None:
        """Moves a run on, or is refused, as its state says."""
        run, wanted, asked, holder, lease = self.live[name]
        ledger = self.holders[holder]
        legal = {
            "draw": run.state is State.CHARGED,
            "store": run.state is State.DRAWING or (run.state is State.CHARGED and not run.fresh),
            "finish": run.state is State.MEASURED,
            "abandon": True,
        }[after]
        acts: dict[str, Callable[[], Run]] = {
            "draw": lambda: ledger.begin_drawing(run),
            "store": lambda: ledger.store(run, noisy(run, wanted)),
            "finish": lambda: ledger.finish(run, RELEASE),
            "abandon": lambda: ledger.abandon(run, "tested"),
        }
        act = acts[after]
        if not legal:
            with pytest.raises(FencedError):
                act()
            return
        moved = act()
        if after == "store" and run.fresh:
            self.model.store(*asked)
        if after in ("finish", "abandon"):
            del self.live[name]
        else:
            self.live[name] = (moved, wanted, asked, holder, lease)

    @rule(account=st.sampled_from(["lifetime", *ACCOUNTS]), cap=st.integers(0, 2000))
    def amend(self, account: str, cap: int) -> None:
        """Changes a cap, or is refused."""
        if cap < self.model.spent[account]:
            with pytest.raises(LedgerError):
                self.house.ledger.amend(account, Cap(cap, "x"))
        else:
            self.house.ledger.amend(account, Cap(cap, "x"))
            self.model.caps[account] = cap

    @rule(seconds=st.sampled_from([60, 601]))
    def wait(self, seconds: int) -> None:
        """Time passes; leases end."""
        self.house.clock.now += LEASE * (seconds / 600)

    @rule()
    def reopen(self) -> None:
        """A process ends and begins again: as another holder, with the same file."""
        self.holders["second"].close()
        self.holders["second"] = self.house.open("second")

    @invariant()
    def balances(self) -> None:
        """The sums are the model's, and the books agree."""
        if hasattr(self, "house"):
            found = {
                balance.account: (balance.spent_rho, balance.cap_rho)
                for balance in self.house.ledger.balances()
            }
            assert found == {name: (self.model.spent[name], cap) for name, cap in self.model.caps.items()}
            self.house.ledger.check()

    def teardown(self) -> None:
        """Removes the file."""
        if hasattr(self, "house"):
            for ledger in self.holders.values():
                ledger.close()
            shutil.rmtree(self.folder)


LedgerMachine.TestCase.settings = settings(
    max_examples=50, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLedgerAgainstModel = LedgerMachine.TestCase


_STORED, _SPEND = Runs.stored, Tables.spend


def _forget(runs: Runs, snapshot: str, account: str, keys: Collection[str]) -> dict[str, tuple[Stored, ...]]:
    found = _STORED(runs, snapshot, account, keys)
    return {key: tuple(replace(vector, seen=True) for vector in vectors) for key, vectors in found.items()}


def _outside(stored: Stored, exploration: bool) -> bool:
    return True


def _spend_account_only(tables: Any, account: str, loss: Loss) -> None:
    _SPEND(tables, account, NOTHING if account == accountant.LIFETIME else loss)


def _stale(runs: Runs, row: RunRow, owner: str, lease_until: Any) -> RunRow:
    lease = marked(lease_until.isoformat())
    return runs._swap("owner = ?, lease_until = ?", row, marked(owner), lease)


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "a free retry from drawing": (sql_ledger, "course", lambda state, **_: Course.RESUME),
    "a lease that keeps nobody out": (
        sql_ledger,
        "course",
        lambda state, **_: Course.REPLACE if state is State.DRAWING else Course.RESUME,
    ),
    "vectors shown for nothing": (Runs, "stored", _forget),
    "exploration's vectors used outside": (Stored, "usable", _outside),
    "lifetime never charged": (Tables, "spend", _spend_account_only),
    "a fence that never rises": (Runs, "take_over", _stale),
    "the worst vector is precise enough": (
        accountant,
        "precise_enough",
        lambda scales, planned: bool(scales),
    ),
    "scales are added, not combined": (accountant, "combined_scale", lambda scales: sum(scales) or math.inf),
}


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_broken_ledger_is_caught(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks have power: each of these faults is found."""
    owner, name, broken = MUTANTS[mutant]
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises((AssertionError, pytest.fail.Exception, LedgerError, BudgetError)):
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(
                max_examples=300,
                stateful_step_count=40,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
