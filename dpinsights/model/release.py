"""A release: the numbers that came out, each with its interval, and the statement of what they cost.

All of it is post-processing of noisy vectors and public definitions; the reporting room sees nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from dpinsights.model.names import FrozenMap
from dpinsights.model.numbers import plain
from dpinsights.model.plan import Axis


class Flag(StrEnum):
    """What a reader must know of a number."""

    BOUND_DECLARED = (
        "bound-declared"  # values were clamped to declared bounds: the number may be biased towards them
    )
    GROUPS_LIMITED = "groups-limited"  # a customer counts in at most k groups, or r rows
    NOT_ABOVE_ZERO = "not-above-zero"  # the interval holds zero
    TOO_WIDE = "too-wide"  # the interval is too wide to mean anything
    MISSED_FORECAST = "missed-forecast"  # the margin is wider than the plan expected
    CONSISTENT = "consistent"  # made to add up with other tables of the report, which narrowed its interval
    CHANGED_BY_CONSISTENCY = "changed-by-consistency"  # moved further than rounding, so as not to be negative
    BETWEEN_CUTS = "between-cuts"  # read off between public cuts: as fine as those
    SIGNIFICANT = "significant"  # a test that adds sampling to the noise found it, among all that were tested
    NOT_SIGNIFICANT = "not-significant"
    DISCOVERED = "discovered"  # its key was not known beforehand: rare keys are left out
    SUPPRESSED = "suppressed"  # not shown: of a group below the smallest, or one could be worked out from it


@dataclass(frozen=True)
class Estimate:
    """One number: `low` to `high` is the interval; all exact decimals in the table's unit, an end without limit infinite.

    `value` is None where the interval is too wide for one to mean anything (a mean over a group that may be empty), and
    where it is suppressed: then the interval has no limits and the margin is infinite.
    """

    value: Decimal | None
    low: Decimal
    high: Decimal
    margin: Decimal
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class Cell:
    """A group's keys, one for each axis, and its estimate; `address` is the number's place in the release."""

    address: str
    keys: tuple[str, ...]
    estimate: Estimate


@dataclass(frozen=True)
class NoiseFact:
    """The noise under a table: the mechanism, its scale and sensitivity in `step`s, and what it cost.

    `draws` counts the independent draws that were combined by inverse variance; scale is then the combined one. Where
    keys were discovered, `threshold` is what a noisy count had to exceed to be released, and `delta_units`, `delta` and
    `delta_two` go with the three losses in rho.
    """

    role: str
    mechanism: str
    scale: float
    step: Decimal
    l0: int
    linf: int
    l2_squared: int
    rho_units: int
    rho: float
    rho_two: float
    draws: int = 1
    threshold: int | None = None
    delta_units: int = 0
    delta: float = 0.0
    delta_two: float = 0.0


@dataclass(frozen=True)
class TestFact:
    """A test over noisy numbers, its sampling variance added to the noise's.

    Attributes:
        name: `difference`, `trend` or `independence`.
        keys: the groups that it is about.
        statistic: its value; degrees: of freedom, for a chi-square.
        p_value: None where the noise is too large to test anything.
        found: whether it stands among all tests of the report under Benjamini-Hochberg.
    """

    name: str
    keys: tuple[str, ...]
    statistic: float
    degrees: int | None
    p_value: float | None
    found: bool = False


@dataclass(frozen=True)
class ResultTable:
    """A table that answers a query: one cell for every combination of declared keys.

    Attributes:
        name: the query's name; where a query has several tables, those after the first add a point and a word.
        estimates: what the numbers estimate, as in `PlannedQuery`.
        interval: how the interval is made (`discrete-gaussian`, `combined-gaussian`, `fieller`, `box`).
        low, high: declared bounds of one contribution in the unit, or None for counts.
        tests: what was tested over the numbers.
        threshold: of keys that were discovered: those of fewer than about so many customers are not shown, and the
            intervals of those that are shown cover the less surely the closer to it they lie.
        over: of a ratio, what its denominator sums.
        against: of comparisons, what each one's cells are set against: a key, `previous`, `first` or `total`.
        rank: of quantiles that were chosen among public cuts: in each group, the number of customers below each value
            misses the asked share of all by at most so many customers more than for the best of the cuts, at the
            release's confidence for all quantiles of the group together.
        alarm: whether tables that ought to add up differ by more than their noise explains.
        smallest_group: numbers of groups whose noisy count is below it are suppressed; None where all are shown.
    """

    name: str
    title: FrozenMap[str, str]
    note: FrozenMap[str, str] | None
    measure: str
    of: str
    estimates: str
    interval: str
    unit: str | None
    step: Decimal
    population: str
    where: str | None
    rows_where: str | None
    k: int | None
    r: int | None
    low: Decimal | None
    high: Decimal | None
    margin_wanted: Decimal | None
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    noise: tuple[NoiseFact, ...]
    tests: tuple[TestFact, ...] = ()
    alarm: bool = False
    over: str | None = None
    against: tuple[str, ...] = ()
    threshold: int | None = None
    rank: int | None = None
    smallest_group: int | None = None


@dataclass(frozen=True)
class Spending:
    """A privacy loss as printed: rho in ledger units, and epsilon at the conversion delta.

    `delta_units` are those of key discovery: the epsilon holds at the conversion delta and these together.
    """

    rho_units: int
    epsilon: Decimal
    delta_units: int = 0


@dataclass(frozen=True)
class PeriodSpending:
    """What the recipient's account was charged in one calendar period, after this report.

    Attributes:
        start, until: the period's first day, and the day after its last, on which the cap is counted anew.
        spent, cap: of the period alone; the account's own cap and the lifetime cap count for ever beside it.
        reserved: what of the period's cap is kept for other reports that were promised.
    """

    start: date
    until: date
    spent: Spending
    cap: Spending
    reserved: Spending


@dataclass(frozen=True)
class CapChange:
    """A cap that was changed: on which day, from which epsilon to which, and by how many persons it was signed.

    Of a cap for each `period` (month, quarter or year), None says that there was or is none.

    >>> str(CapChange(date(2017, 12, 1), "jd", Decimal(3), Decimal(4), 3))
    '2017-12-01: jd 3 -> 4, signed by 3 persons'
    >>> str(CapChange(date(2017, 12, 1), "jd", None, Decimal(1), period="quarter"))
    '2017-12-01: jd, each quarter, none -> 1'
    """

    day: date
    account: str
    before: Decimal | None
    after: Decimal | None
    signed_by: int = 0
    period: str = ""

    def __str__(self) -> str:
        signed = f", signed by {self.signed_by} person{'s' * (self.signed_by > 1)}" if self.signed_by else ""
        before, after = ("none" if cap is None else plain(cap) for cap in (self.before, self.after))
        each = f", each {self.period}," if self.period else ""
        return f"{self.day}: {self.account}{each} {before} -> {after}{signed}"


@dataclass(frozen=True)
class Statement:
    """The privacy statement of a release.

    Attributes:
        report: what this report's numbers cost if every one of them were drawn afresh (what its reader has seen of it).
        report_two: the same for a change of all rows of one customer at one party only, the other's known: map(2).
        account, account_cap: the recipient's account after this report, and its cap.
        lifetime, lifetime_cap: the partnership's over all recipients.
        conversion_delta, discovery_delta: the deltas.
        amendments: every change of a cap until this report.
        period: where the account has one.
    """

    privacy_unit: str
    adjacency: str
    measure: str
    report: Spending
    report_two: Spending
    fresh: Spending
    account: Spending
    account_cap: Spending
    lifetime: Spending
    lifetime_cap: Spending
    conversion_delta: Decimal
    discovery_delta: Decimal
    snapshot_map: str
    amendments: tuple[CapChange, ...] = ()
    period: PeriodSpending | None = None


@dataclass(frozen=True)
class Signature:
    """Who signed the report's lock: a person, under a role, for a party or for none."""

    owner: str
    role: str
    party: str | None = None


@dataclass(frozen=True)
class Provenance:
    """Where a release comes from: its place in the ledger, and what allowed it.

    Attributes:
        seq, hash: the ledger's entry in which the run was measured; totals are those after it.
        lock, approval: the digests of the report's lock and of the signatures that counted; empty where none was asked for.
        signatures: those.
    """

    seq: int
    hash: str
    lock: str = ""
    approval: str = ""
    signatures: tuple[Signature, ...] = ()


@dataclass(frozen=True)
class Release:
    """What a run released.

    Attributes:
        terms: what the definitions say in words beside the questions (purpose, retention, contact, ...), by field.
        names: what readers may call the names in `of`, `where` and `rows_where`: a table (`jd.orders`), a column
            (`jd.orders.amount`), a feature (`online_spend`), a key of a category (`icbc.holdings.product=deposit`).
            What has no name here is printed as it is written.
    """

    release: str
    report: str
    version: int
    contract: str
    partnership: str
    contract_digest: str
    measurement_digest: str
    reader_digest: str
    title: FrozenMap[str, str]
    summary: FrozenMap[str, str] | None
    parties: FrozenMap[str, FrozenMap[str, str]]
    audience: str
    account: str
    start: date
    until: date
    released_on: date
    confidence: Decimal
    origin: str
    approved: bool
    statement: Statement
    tables: tuple[ResultTable, ...]
    versions: FrozenMap[str, str]
    names: FrozenMap[str, FrozenMap[str, str]] = FrozenMap()
    terms: FrozenMap[str, FrozenMap[str, str]] = FrozenMap()
    provenance: Provenance | None = None
