"""What a ledger promises, and the frozen results that it hands out.

Every method is one transaction that is durable before it returns. Rules come from `governance.accountant`; an
implementation brings storage, and that alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, Protocol

from dpinsights.errors import LedgerError
from dpinsights.governance.chain import Entry
from dpinsights.model.names import FrozenMap
from dpinsights.model.noisy import Balance, NoisyVector, State
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Delta

Clock = Callable[[], datetime]
"""Tells an aware time. Entries are ordered by number alone; a clock only dates them and ends leases."""


class FencedError(LedgerError):
    """The run has been moved by another process, or is not in the state that this step begins from."""


@dataclass(frozen=True)
class Cap:
    """What an account may spend: in ledger units of rho, and the epsilon that its policy words it in."""

    rho_units: int
    epsilon: str


Every = Literal["month", "quarter", "year"]
"""Calendar periods, by the ledger's days in UTC."""


@dataclass(frozen=True)
class Period:
    """What an account may spend in each calendar period, beside its cap for ever; what of it is kept for which reports."""

    every: Every
    cap: Cap
    reserve: FrozenMap[str, Cap] = field(default_factory=lambda: FrozenMap({}))


@dataclass(frozen=True)
class PeriodSpent:
    """How an account stands in one calendar period, for one report.

    Attributes:
        start, until: from a day until the day after the last.
        spent_rho: what the account was charged in it, by all reports.
        cap: what it may spend in it.
        reserved_rho: what is still kept in it for other reports.
    """

    account: str
    start: date
    until: date
    spent_rho: int
    cap: Cap
    reserved_rho: int

    @property
    def left_rho(self) -> int:
        """What the report may be charged in it; below zero where a cap was lowered."""
        return self.cap.rho_units - self.spent_rho - self.reserved_rho


@dataclass(frozen=True)
class PeriodChange:
    """An account's period that was set or ended: by which entry, on which day, from what to what, signed how."""

    seq: int
    day: str
    account: str
    before: Period | None
    after: Period | None
    envelopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Amendment:
    """A cap that was changed: by which entry, on which day (UTC, for readers only), from what to what.

    `envelopes` are the texts of the signed envelopes that agreed to it, as they were given.
    """

    seq: int
    day: str
    account: str
    before: Cap
    after: Cap
    envelopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permit:
    """What allows a report to run for a party: its lock and the approval of it, by their digests, and how often.

    >>> Permit("a" * 64, "b" * 64, 0)
    Traceback (most recent call last):
    ...
    dpinsights.errors.LedgerError: a permit allows one run or more
    """

    lock: str
    approval: str
    max_runs: int

    def __post_init__(self) -> None:
        for named in (self.lock, self.approval):
            if not re.fullmatch(r"[0-9a-f]{64}", named):
                raise LedgerError("a permit names a lock and an approval by their SHA-256 in hexadecimal")
        if type(self.max_runs) is not int or self.max_runs < 1:
            raise LedgerError("a permit allows one run or more")


@dataclass(frozen=True)
class Snapshot:
    """A named state of the data, bound to the contract and the account map that it was registered under."""

    name: str
    contract_digest: str
    map_version: str


@dataclass(frozen=True)
class Head:
    """The chain's last entry: its number and its hash. Who holds it can tell a later tail cut or restore."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Run:
    """One report's way through the ledger, as it stood after the act that returned it.

    Attributes:
        id: the first 16 digits of the run's identity and the number of the attempt.
        fence: counts the processes that took the run over; only the latest moves it.
        fresh: the keys to draw, sorted; all others of the plan are stored already.
        charged_account_units, charged_lifetime_units: what this run was charged, in units of rho.
        resumed: whether an earlier, unfinished run goes on; it was charged then and is not charged again.
    """

    id: str
    fence: int
    state: State
    account: str
    snapshot: str
    measurement_digest: str
    fresh: tuple[str, ...]
    charged_account_units: int
    charged_lifetime_units: int
    resumed: bool = False


@dataclass(frozen=True)
class Spent:
    """What a run's privacy statement is made from, in units of rho and of delta.

    Everything is as of the entry that says that the run was measured: a function of the chain up to there, so that
    whoever holds that much of the chain finds the same, and a retry says the same.

    Attributes:
        position: that entry.
        day: its day, in UTC.
        seen_rho: the sum over all vectors that the run's numbers are estimated from: what its reader has seen of it.
        fresh_rho: the part of that which this run drew: what the lifetime account was charged.
        seen_delta, fresh_delta: the same of delta.
        account, lifetime: the running totals and caps.
        amendments: every change of a cap until then.
        period: how the account stood in the period in which the run was charged, if it has one.
        period_changes: every change of an account's period until then.
    """

    position: Head
    day: date
    seen_rho: int
    fresh_rho: int
    account: Balance
    lifetime: Balance
    amendments: tuple[Amendment, ...]
    seen_delta: int = 0
    fresh_delta: int = 0
    period: PeriodSpent | None = None
    period_changes: tuple[PeriodChange, ...] = ()


class Ledger(Protocol):
    """A partnership's budget ledger."""

    @property
    def partnership(self) -> str:
        """The ledger's identity, which contracts carry."""
        ...

    @property
    def policy(self) -> str:
        """The name of the policy that the ledger was opened from."""
        ...

    def deltas(self) -> Delta:
        """The delta at which epsilon is stated, and the one for key discovery: fixed for life."""
        ...

    def balances(self) -> tuple[Balance, ...]:
        """All accounts, the lifetime account first."""
        ...

    def amendments(self) -> tuple[Amendment, ...]:
        """Every change of a cap, oldest first."""
        ...

    def amend(
        self, account: str, cap: Cap, envelopes: tuple[str, ...] = (), *, number: int | None = None
    ) -> Amendment:
        """Changes a cap, for later charges; never to less than what is spent. Stores who signed for it, unread.

        `number`, if it is given, is how many changes of caps and periods there have been, and one: who signed for the
        third change must not be taken to have signed for the fourth.
        """
        ...

    def periods(self) -> Mapping[str, Period]:
        """The accounts that have a period, and which."""
        ...

    def set_period(
        self,
        account: str,
        period: Period | None,
        envelopes: tuple[str, ...] = (),
        *,
        number: int | None = None,
    ) -> PeriodChange:
        """Gives an account another period, or none, for later charges; what it was charged in this one counts on."""
        ...

    def freeze(self, account: str, why_code: str) -> None:
        """Refuses further charges and draws on an account (or on all of them: lifetime)."""
        ...

    def resolve(self, account: str) -> None:
        """Ends a freeze: an operator has looked into its reason."""
        ...

    def snapshots(self) -> tuple[Snapshot, ...]:
        """All registered snapshots, oldest first."""
        ...

    def register_snapshot(self, name: str, contract_digest: str, map_version: str) -> Snapshot:
        """Names a state of the data. The same name means the same contract and map for ever."""
        ...

    def charge(
        self,
        plan: Plan,
        *,
        snapshot: str,
        origin: str,
        exploration: bool,
        lease: timedelta,
        epsilon_of: Callable[[int], str],
        permit: Permit | None = None,
    ) -> Run:
        """Decides what a plan costs here and charges it, or resumes its unfinished run.

        Args:
            plan: the locked plan.
            snapshot: a registered snapshot's name.
            origin: `real` or `synthetic`; one snapshot has one origin.
            exploration: whether this is for a notebook; what is drawn for one is never used outside.
            lease: for how long this process alone may move the run.
            epsilon_of: words units of rho as an epsilon at the conversion delta, for refusals.
            permit: the lock and approval that the run is under. Runs of one lock that were not abandoned are counted
                against what the approval allows; one that is resumed was counted already.

        Raises:
            UsedUpError: the lock has been run as often as its approval allows; nothing was charged.
            BudgetError: it does not fit; nothing was charged.
            LedgerError: the plan is not of this ledger or snapshot, an account is frozen, or another process has it.
        """
        ...

    def begin_drawing(self, run: Run) -> Run:
        """From charged to drawing: noise may be drawn once this has returned, once."""
        ...

    def store(self, run: Run, vectors: tuple[NoisyVector, ...]) -> Run:
        """From drawing to measured, with exactly the vectors that the run was charged for."""
        ...

    def finish(self, run: Run, release_digest: str) -> Run:
        """From measured to released."""
        ...

    def let_go(self, run: Run) -> None:
        """Ends the lease of a run that is charged and not drawn, so that the next process may go on with it at once."""
        ...

    def abandon(self, run: Run, why_code: str) -> Run:
        """Ends an unfinished run; what it was charged stays charged."""
        ...

    def vectors(self, run: Run) -> Mapping[str, tuple[NoisyVector, ...]]:
        """For each measurement of the run's plan, the vectors to combine, as decided when it was charged."""
        ...

    def seen_by(self, account: str, snapshot: str) -> Mapping[str, tuple[NoisyVector, ...]]:
        """All that an account has been shown of a snapshot, by measurement; forecasts are made from it."""
        ...

    def free(self, plan: Plan, *, snapshot: str, exploration: bool) -> frozenset[str]:
        """The keys of a plan's measurements that its account would not be charged for; nothing is charged."""
        ...

    def spent_by(self, run: Run) -> Spent:
        """What the run's statement says, as of the entry by which it was measured.

        Raises:
            FencedError: if the run is not measured yet.
        """
        ...

    def entries(self, until: int | None = None) -> tuple[Entry, ...]:
        """The chain from its first entry, up to and including the one of this number, or all; every hash recomputed.

        Raises:
            LedgerError: if the chain is broken, or has no such entry.
        """
        ...

    def head(self) -> Head:
        """The chain's last entry."""
        ...

    def verify_chain(self) -> Head:
        """Recomputes every hash; raises LedgerError at the first entry that does not match."""
        ...

    def check(self) -> None:
        """Adds up all entries again and compares every table with them; raises LedgerError if one differs."""
        ...

    def close(self) -> None:
        """Gives the ledger back; no other method may be called afterwards."""
        ...
