"""The notebook's door: a session over one account, with plans that are free and releases that are charged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from dpinsights.budget import clock, current_periods, open_ledger
from dpinsights.definitions.loading import load_checked, load_policy, make_sources
from dpinsights.definitions.places import PYTHON
from dpinsights.definitions.python import period as make_period
from dpinsights.definitions.python import with_full_names
from dpinsights.definitions.resolving import CheckedContract, check_report, report_digests
from dpinsights.errors import DefinitionError, DpInsightsError, LedgerError, PlanError, Problem
from dpinsights.estimation.estimates import typical_sizes
from dpinsights.governance.ledger.interface import Ledger
from dpinsights.mechanisms.loss import epsilon_of
from dpinsights.model.contract import Contract
from dpinsights.model.measurement import Draw
from dpinsights.model.names import EXPLORATION, NAME, FrozenMap
from dpinsights.model.noisy import Balance
from dpinsights.model.numbers import exact
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Policy
from dpinsights.model.release import PeriodSpending, Release, ResultTable
from dpinsights.model.report import Epsilon, Period, Query, Report
from dpinsights.pipeline import Data, data_of, measure, release_of
from dpinsights.planning.planning import make_plan
from dpinsights.reporting.frames import rows_of_numbers, rows_of_tests
from dpinsights.reporting.notebook import budget_text, budget_view, plan_text, plan_view, release_view
from dpinsights.reporting.words import Words
from dpinsights.state import State, find_state

if TYPE_CHECKING:
    import pandas as pd

LIKELY_BUDGET = Decimal("0.1")
"""What an exploration query may cost at most unless it says so: epsilon of one release."""


def open(
    folder: Path | str,
    *,
    account: str,
    period: tuple[str | date, str | date],
    state: Path | str | None = None,
    sources: Path | str | None = None,
    frames: Mapping[str, Any] | None = None,
    snapshot: str | None = None,
    origin: Literal["real", "synthetic"] = "real",
    language: str = "en",
    budget: int | str | Decimal = LIKELY_BUDGET,
) -> Session:
    """Opens a session over a partnership's merged customers.

    Args:
        folder: the partnership's definitions: contract.yaml and policy.yaml.
        account: which account is charged: `exploration`, the only one that a notebook may charge.
        period: from a day until the day after the last.
        state: the state directory with the ledger; DPINSIGHTS_STATE if not given.
        sources: the operator's sources file; `sources.yaml` in the folder if not given.
        frames: pandas or Arrow tables by table name (`party.table`), instead of a sources file. They are a new
            snapshot at each `open`, so that what was measured before is not reused, unless `snapshot` names it.
        snapshot: the name of this state of the frames; the same name promises the same rows.
        origin: `synthetic` if the frames are made up; a sources file says so itself.
        language: en or zh, for what is shown.
        budget: the most that one release may cost, as epsilon.

    Raises:
        DefinitionError: all problems of the definitions, or of what was given here.
        LedgerError: if there is no ledger there, or it has no account for exploration.
        ReportError: if the language is none of ours.
    """
    if account != EXPLORATION:
        raise DpInsightsError(
            f"a notebook's account is {EXPLORATION!r}, not {account!r}: what it draws is never used for an outside "
            "audience; a party's account is charged by reports, with `dpinsights run`"
        )
    ceiling, days = _epsilon(budget), _period(period)
    Words(language)
    if frames is None and (snapshot is not None or origin != "real"):
        raise _problem(
            "frames", "no-frames", "snapshot and origin are about frames; a sources file has its own"
        )
    folder = Path(folder)
    checked = load_checked(folder / "contract.yaml")
    policy = load_policy(folder / "policy.yaml", checked.contract)
    where = find_state(state)
    data = (
        _framed(checked.contract, folder, where, frames, snapshot, origin)
        if frames is not None
        else data_of(
            Path(sources) if sources is not None else folder / "sources.yaml", checked.contract, where.work
        )
    )
    ledger = open_ledger(where)
    if account not in {balance.account for balance in ledger.balances()}:
        ledger.close()
        raise LedgerError(f"the ledger has no account {account!r}: the policy that opened it named none")
    where.prepare()
    return Session(
        checked, policy, ledger, data, account=account, period=days, language=language, budget=ceiling
    )


def _problem(field: str, code: str, message: str, hint: str = "") -> DefinitionError:
    return DefinitionError((Problem(PYTHON, 0, 0, field, code, message, hint),))


def _period(given: object) -> Period:
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise _problem("period", "bad-period", "expected two days", '("2017-10-01", "2018-01-01")')
    return make_period(*given)


def _epsilon(given: object) -> Decimal:
    try:
        epsilon = exact(given)
    except ValueError as fault:
        raise _problem("budget", "not-a-number", str(fault)) from None
    if epsilon <= 0:
        raise _problem("budget", "not-positive", "what one release may cost is more than 0")
    return epsilon


def _framed(
    contract: Contract,
    folder: Path,
    state: State,
    frames: Mapping[str, Any],
    snapshot: str | None,
    origin: str,
) -> Data:
    fields = {
        "snapshot": snapshot or f"frames-{datetime.now(UTC):%Y%m%d%H%M%S%f}",
        "origin": origin,
        "tables": {name: {"frame": name} for name in frames},
    }
    return Data(make_sources(fields, contract), folder, state.work, frames)


class Session:
    """One account's view of a partnership. `plan` reads and spends nothing; `release` charges, then measures."""

    def __init__(
        self,
        checked: CheckedContract,
        policy: Policy,
        ledger: Ledger,
        data: Data,
        *,
        account: str,
        period: Period,
        language: str,
        budget: Decimal,
    ) -> None:
        self.contract = checked.contract
        self._checked = checked
        self._policy = policy
        self._ledger = ledger
        self._data = data
        self._account = account
        self._period = period
        self._language = language
        self._budget = budget
        self._last_cost = 0
        self._known: dict[str, Draw] = {}

    def plan(self, *queries: Query, **named: Query) -> PlanView:
        """What queries would cost and how precise they would be; spends nothing, reads nothing.

        Raises:
            DefinitionError: if a query is not one that the contract can answer.
            PlanError: if what is asked costs more than one release may.
        """
        planned = self._planned(queries, named)[0]
        free = self._ledger.free(planned, snapshot=self._data.sources.snapshot, exploration=True)
        return PlanView(planned, self._language, free)

    def release(self, *queries: Query, **named: Query) -> Result:
        """Charges, measures and estimates; what was measured already on this snapshot is free.

        Raises:
            DefinitionError, PlanError: as `plan`; nothing is charged.
            BudgetError: if the account has too little left; nothing is charged.
        """
        planned, report = self._planned(queries, named)
        check_report(report, self._checked, self._policy)  # a plan may ask what would be refused
        run = measure(planned, self.contract, self._data, self._ledger, lambda _: None)
        release = release_of(
            planned,
            report,
            self.contract,
            run,
            self._ledger,
            origin=self._data.sources.origin,
            stage=lambda _: None,
        )
        self._ledger.finish(run, planned.measurement_digest)
        self._last_cost = run.charged_account_units or self._last_cost
        self._known |= {draw.key: draw for draw in planned.draws}
        return Result(release, run.charged_account_units, self._language)

    @property
    def budget(self) -> BudgetView:
        """What is spent and left, and about how many more releases like the last would fit."""
        delta = self._policy.delta.conversion
        chosen = tuple(b for b in self._ledger.balances() if b.account in ("lifetime", self._account))
        periods = current_periods(self._ledger, clock().date())
        return BudgetView(chosen, self._last_cost, delta, self._language, periods)

    def close(self) -> None:
        """Gives the ledger back; `with dpi.open(...) as session:` does it by itself."""
        self._ledger.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Session({self.contract.contract}, account={self._account!r})\n{self.budget!r}".rstrip()

    def _repr_html_(self) -> str:
        return self.budget._repr_html_()

    def _planned(self, queries: tuple[Query, ...], named: Mapping[str, Query]) -> tuple[Plan, Report]:
        asked = _named(queries, named)
        full = {name: with_full_names(query, self.contract) for name, query in asked.items()}
        report = Report(
            report="notebook",
            version=1,
            contract=self.contract.contract,
            audience=EXPLORATION,
            account=self._account,
            period=self._period,
            budget=Epsilon(epsilon=self._budget),
            queries=FrozenMap(full),
        )
        resolved = check_report(report, self._checked, None)
        digests = report_digests(report, self._checked, resolved)
        released = typical_sizes(self._ledger.seen_by(self._account, self._data.sources.snapshot))
        try:
            known = tuple(self._known.values())
            return make_plan(report, resolved, self.contract, self._policy, digests, released, known), report
        except PlanError as error:
            if error.would_fit is None:
                raise
            raise PlanError(
                f"{error}\nThat budget is what `dpi.open` was given for one release; a larger one is "
                f'dpi.open(..., budget="{error.would_fit}"), as far as the account has it.',
                would_fit=error.would_fit,
            ) from None


def _named(queries: tuple[Query, ...], named: Mapping[str, Query]) -> dict[str, Query]:
    """The queries by name: the keyword's, or one made from the measure."""
    for given in (*queries, *named.values()):
        if not isinstance(given, Query):
            message = (
                f"expected queries, as dpi.count, dpi.sum and dpi.mean make them, not {type(given).__name__}"
            )
            raise _problem("", "not-a-query", message)
    if not queries and not named:
        raise _problem("", "no-query", "expected at least one query")
    asked = {_name(query, place, len(queries)): query for place, query in enumerate(queries, 1)}
    for name in named:
        if name in asked:
            raise _problem(name, "name-twice", "another query of this call has this name already")
        if not re.fullmatch(NAME, name):
            raise _problem(name, "bad-name", "expected a name of a-z, 0-9 and _, a letter first")
    return asked | dict(named)


def _name(query: Query, place: int, of: int) -> str:
    """A name made from the measure and what it is of, where that is one short name and no expression or list."""
    about = query.of.split(".")[-1]
    is_name = about != "customers" and re.fullmatch(NAME, about) is not None and len(about) <= 40
    words = f"{query.measure}_{about}" if is_name else query.measure
    return words if of == 1 else f"{words}_{place}"


class PlanView:
    """A plan as a notebook shows it: cost by query, and the margins to expect."""

    def __init__(self, plan: Plan, language: str, free: frozenset[str] = frozenset()) -> None:
        self.plan = plan
        self.free = free
        self._language = language

    @property
    def epsilon(self) -> Decimal:
        """What the plan costs if every draw is fresh, as epsilon at the policy's delta."""
        return epsilon_of(self.plan.rho_units, self.plan.conversion_delta)

    @property
    def charged_epsilon(self) -> Decimal:
        """What would be charged now, as epsilon: what was measured already is free."""
        units = sum(draw.rho_units for draw in self.plan.draws if draw.key not in self.free)
        return epsilon_of(units, self.plan.conversion_delta)

    def __repr__(self) -> str:
        return plan_text(self.plan, self._epsilon_of, free=self.free, language=self._language)

    def _repr_html_(self) -> str:
        return plan_view(self.plan, self._epsilon_of, free=self.free, language=self._language)

    def _epsilon_of(self, units: int) -> Decimal:
        return epsilon_of(units, self.plan.conversion_delta)


class Result:
    """A release as a notebook shows it: tables with intervals and a chart each; `to_pandas` for more."""

    def __init__(self, release: Release, charged_units: int, language: str) -> None:
        self.release = release
        self.charged_units = charged_units
        self._language = language

    @property
    def tables(self) -> Mapping[str, ResultTable]:
        """The tables by query name."""
        return {table.name: table for table in self.release.tables}

    @property
    def charged_epsilon(self) -> Decimal:
        """What this release was charged, as epsilon; 0 if everything was measured already."""
        return epsilon_of(self.charged_units, self.release.statement.conversion_delta)

    def to_pandas(self, table: str | None = None) -> pd.DataFrame:
        """One table as a data frame: its keys, then value, low, high, margin, unit and flags.

        A share is a number from 0 to 1; a value that is too wide to say is NaN. The tests of a table are a table
        too, named `<table>.tests`: keys, then test, statistic, degrees, p_value and found.

        Raises:
            DpInsightsError: if there are several tables and none is named, or none of that name.
        """
        import pandas as pd

        tested = {f"{name}.tests": found for name, found in self.tables.items() if found.tests}
        names = list(self.tables)
        if table is None and len(names) > 1 or table is not None and table not in {*names, *tested}:
            raise DpInsightsError(f"name one of the tables: {', '.join((*names, *tested))}")
        frame = pd.DataFrame(
            rows_of_tests(tested[table])
            if table in tested
            else rows_of_numbers(self.tables[table or names[0]])
        )
        frame.attrs["origin"] = self.release.origin
        return frame

    def __repr__(self) -> str:
        names = ", ".join(self.tables)
        return f"Release({names}; charged epsilon {self.charged_epsilon}; origin {self.release.origin})"

    def _repr_html_(self) -> str:
        return release_view(self.release, self._language)


class BudgetView:
    """The account's card."""

    def __init__(
        self,
        balances: tuple[Balance, ...],
        last_cost: int,
        delta: Decimal,
        language: str,
        periods: Mapping[str, PeriodSpending],
    ) -> None:
        self.balances = {balance.account: balance for balance in balances}
        self.periods = {name: period for name, period in periods.items() if name in self.balances}
        self._last_cost = last_cost
        self._delta = delta
        self._language = language

    def left(self, account: str | None = None) -> Decimal:
        """What is left of an account (the session's own if not named), as the epsilon that a last release could have now.

        Where the account has a period, what is left in it counts, without what is kept for promised reports.
        """
        own = next((name for name in self.balances if name != "lifetime"), "lifetime")
        left, period = self.balances[account or own].left_rho, self.periods.get(account or own)
        if period is not None:
            left = min(left, period.cap.rho_units - period.spent.rho_units - period.reserved.rho_units)
        return self._epsilon_of(max(left, 0))

    def __repr__(self) -> str:
        return budget_text(
            tuple(self.balances.values()),
            self._last_cost or None,
            self._epsilon_of,
            periods=self.periods,
            language=self._language,
        )

    def _repr_html_(self) -> str:
        return budget_view(
            tuple(self.balances.values()),
            self._last_cost or None,
            self._epsilon_of,
            periods=self.periods,
            language=self._language,
        )

    def _epsilon_of(self, units: int) -> Decimal:
        return epsilon_of(units, self._delta)
