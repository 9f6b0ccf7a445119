"""A calendar of promised reports, charged in thought: what is left month by month, and which month runs out first.

No data is read and nothing is charged. Every run is taken to be on a new snapshot, so all its noise is new and both its
account and the lifetime account pay the whole plan; a ledger charges less where something can be shown again, never more.
What fits is decided as a ledger decides it, with `governance.accountant` and `governance.periods`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from dpinsights.budget import cap_of, periods_of
from dpinsights.definitions.calendars import ReadCalendar, load_calendar
from dpinsights.definitions.places import refuse
from dpinsights.errors import LedgerError
from dpinsights.governance import books
from dpinsights.governance.accountant import LIFETIME, Loss
from dpinsights.governance.ledger.interface import Cap, Ledger, Period, PeriodSpent
from dpinsights.governance.periods import standing
from dpinsights.model.calendar import Calendar, Promised
from dpinsights.model.canonical import digest
from dpinsights.model.names import FrozenMap
from dpinsights.model.noisy import Balance
from dpinsights.model.numbers import DELTA_UNITS, plain
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Policy
from dpinsights.pipeline import define, plan

Charges = Mapping[tuple[str, date], Mapping[str, int]]
"""Units of rho by account and first day of a month, by report."""


@dataclass(frozen=True)
class Promise:
    """A promised report with what each of its runs costs."""

    report: str
    account: str
    loss: Loss
    when: Promised


@dataclass(frozen=True)
class Standing:
    """What a forecast begins with.

    Attributes:
        balances: all accounts, the lifetime account among them.
        periods: the accounts that have one.
        charges: what was charged already.
        since: the day of the ledger's last entry; None for a policy alone, of which nothing is spent.
    """

    balances: FrozenMap[str, Balance]
    periods: Mapping[str, Period]
    charges: Charges
    since: date | None = None


@dataclass(frozen=True)
class Short:
    """A limit that a run does not keep to.

    Attributes:
        account: whose; `period` is the account's in that month, if it is the period's cap that is too small.
        needed, left: of both parts of the loss.
    """

    account: str
    needed: Loss
    left: Loss
    period: PeriodSpent | None = None

    @property
    def missing(self) -> Loss:
        """By how much."""
        return Loss(max(0, self.needed.rho - self.left.rho), max(0, self.needed.delta - self.left.delta))


@dataclass(frozen=True)
class Planned:
    """A run in its month: charged if nothing is short, else refused."""

    promise: Promise
    short: tuple[Short, ...] = ()


@dataclass(frozen=True)
class Month:
    """A month: its runs, and how the accounts that the calendar is about stand after them."""

    first: date
    runs: tuple[Planned, ...]
    balances: tuple[Balance, ...]
    periods: tuple[PeriodSpent, ...]


@dataclass(frozen=True)
class Forecast:
    """The months of a calendar."""

    months: tuple[Month, ...]

    @property
    def runs_out(self) -> tuple[Month, Planned] | None:
        """The first run that is refused, with its month."""
        return next(((month, run) for month in self.months for run in month.runs if run.short), None)


def forecast(calendar: Calendar, promises: Sequence[Promise], begin: Standing) -> Forecast:
    """What a calendar would be charged, run after run; one that is refused is charged nothing, and the next is tried.

    Months before `begin.since` are taken as done, and so is, in that month, a report that was charged in it.
    """
    balances = dict(begin.balances)
    charges = {key: Counter(of) for key, of in begin.charges.items()}
    accounts = list(dict.fromkeys([*(promise.account for promise in promises), LIFETIME]))
    months = []
    for first in calendar.every_month:
        if begin.since is not None and first < begin.since.replace(day=1):
            continue
        runs = []
        for promise in promises:
            done = begin.since is not None and begin.since.replace(day=1) == first
            if not promise.when.due(first) or (
                done and promise.report in begin.charges.get((promise.account, first), ())
            ):
                continue
            short = tuple(_short(promise, first, balances, begin.periods, charges))
            if not short:
                for name in (promise.account, LIFETIME):
                    balances[name] = _charged(balances[name], promise.loss)
                charges.setdefault((promise.account, first), Counter())[promise.report] += promise.loss.rho
            runs.append(Planned(promise, short))
        stand = [
            _standing(name, first, begin.periods, charges, "") for name in accounts if name in begin.periods
        ]
        months.append(Month(first, tuple(runs), tuple(balances[name] for name in accounts), tuple(stand)))
    return Forecast(tuple(months))


def _charged(balance: Balance, loss: Loss) -> Balance:
    return replace(
        balance, spent_rho=balance.spent_rho + loss.rho, spent_delta=balance.spent_delta + loss.delta
    )


def _short(
    promise: Promise,
    first: date,
    balances: Mapping[str, Balance],
    periods: Mapping[str, Period],
    charges: Charges,
) -> Iterator[Short]:
    for name in (promise.account, LIFETIME):
        left = Loss(balances[name].left_rho, balances[name].left_delta)
        if not promise.loss.fits(left):
            yield Short(name, promise.loss, left)
    if promise.account in periods:
        period = _standing(promise.account, first, periods, charges, promise.report)
        needed = Loss(promise.loss.rho)
        if not needed.fits(Loss(period.left_rho)):
            yield Short(promise.account, needed, Loss(period.left_rho), period)


def _standing(
    account: str, first: date, periods: Mapping[str, Period], charges: Charges, report: str
) -> PeriodSpent:
    """How an account stands in the period of a month, for a report."""
    period = periods[account]
    bare = standing(account, period, first, {}, report)
    within: Counter[str] = Counter()
    for (payer, month), of in charges.items():
        if payer == account and bare.start <= month < bare.until:
            within.update(of)
    return standing(account, period, first, within, report)


# From files and the ledger


def of_policy(policy: Policy) -> Standing:
    """The beginning of a ledger that is opened from a policy: nothing is spent."""
    delta = policy.delta.conversion
    caps = {LIFETIME: policy.lifetime.epsilon, **{name: one.epsilon for name, one in policy.accounts.items()}}
    discovery = int(policy.delta.discovery * DELTA_UNITS)
    return Standing(
        FrozenMap(
            {name: _balance(name, cap_of(epsilon, delta), discovery) for name, epsilon in caps.items()}
        ),
        periods_of(policy),
        {},
    )


def _balance(name: str, cap: Cap, discovery: int) -> Balance:
    return Balance(name, cap.rho_units, discovery, 0, 0, cap.epsilon)


def of_ledger(ledger: Ledger) -> Standing:
    """The beginning that a ledger's entries add up to."""
    entries = ledger.entries()
    sums = books.replay(entries)
    since = date.fromisoformat(entries[-1].data["day"])
    return Standing(FrozenMap(sums.balances), sums.periods, sums.charges, since)


def read_promises(read: ReadCalendar) -> tuple[tuple[Promise, ...], tuple[Plan, ...], Policy]:
    """The reports of a calendar, planned without data, and the one policy that they are all under.

    Raises:
        DefinitionError: if a report is not sound, or of another partnership, or under another policy than the first.
        PlanError: if what it asks for does not fit its own budget.
    """
    promises, plans, problems = [], [], []
    policy: Policy | None = None
    for number, (file, when) in enumerate(zip(read.files, read.calendar.reports, strict=True)):
        made = define(file)
        policy = policy or made.policy
        place = ("reports", number, "report")
        if made.contract.contract != read.calendar.calendar:
            message = (
                f"this report is of '{made.contract.contract}', the calendar of '{read.calendar.calendar}'"
            )
            problems.append(read.origin.problem(place, "wrong-contract", message))
        elif digest(made.policy, purpose="policy") != digest(policy, purpose="policy"):
            message = "this report is under another policy than the first: one calendar is about one policy"
            problems.append(read.origin.problem(place, "other-policy", message))
        planned = plan(made)
        plans.append(planned)
        loss = Loss(planned.rho_units, planned.delta_units)
        promises.append(Promise(made.report.report, made.report.account, loss, when))
    refuse(problems)
    assert policy is not None  # a calendar has a report
    return tuple(promises), tuple(plans), policy


def begins(plans: Sequence[Plan], policy: Policy, ledger: Ledger | None) -> Standing:
    """What the forecast begins with: a ledger's balances, if its plans are of that ledger, else the policy's caps.

    Raises:
        LedgerError: if the reports are of another ledger, state epsilon at other deltas, or name an account that it lacks.
    """
    if ledger is None:
        return of_policy(policy)
    begin, deltas = of_ledger(ledger), ledger.deltas()
    for planned in plans:
        if planned.partnership != ledger.partnership:
            raise LedgerError(
                f"{planned.report} is of partnership {planned.partnership}, this ledger of {ledger.partnership}: name the "
                "right --state, or leave it out to begin with the policy's caps"
            )
        if (planned.conversion_delta, planned.discovery_delta) != (deltas.conversion, deltas.discovery):
            raise LedgerError(
                f"{planned.report} states its epsilon at other deltas than the ledger, whose are fixed for life: "
                f"write {plain(deltas.conversion)} and {plain(deltas.discovery)} into the policy"
            )
        if planned.account not in begin.balances:
            raise LedgerError(
                f"{planned.report} is charged to {planned.account}, and the ledger has no such account: there are "
                f"{', '.join(begin.balances)}"
            )
    return begin


def read_forecast(path: Path, ledger: Ledger | None) -> tuple[Calendar, Standing, Forecast, Decimal]:
    """A calendar's file, what it begins with, what comes of it, and the delta at which to state epsilon.

    Raises:
        DefinitionError: all problems of a file at once.
        LedgerError: if its reports are not of the ledger.
    """
    read = load_calendar(path)
    promises, plans, policy = read_promises(read)
    begin = begins(plans, policy, ledger)
    return read.calendar, begin, forecast(read.calendar, promises, begin), policy.delta.conversion
