"""The plan: which measurements are drawn for a report, which query each serves, and which tables must add up.

Everything here is a function of definitions alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from dpinsights.model.measurement import Draw
from dpinsights.model.names import FrozenMap
from dpinsights.model.report import Query
from dpinsights.model.values import Key


@dataclass(frozen=True)
class Axis:
    """One grouping of a query, for readers: where it comes from, its names, its keys in order."""

    source: str
    names: FrozenMap[str, str] | None
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Forecast:
    """An expected half-width of an interval, in the query's unit.

    `customers` is the size of the group it holds for, or None where the margin is exact whatever the size.
    """

    margin: Decimal
    customers: int | None = None


IN_UNITS = frozenset({"sum", "mean", "var", "std", "quantile", "regression"})
"""Measures whose numbers are in the unit of what is measured."""


@dataclass(frozen=True)
class Part:
    """A measurement in the role that a statistic gives it: `value`, `numerator`, `denominator`, `second`, ...

    `cells` says for each number of the measurement to which of the statistic's `size` numbers it is added, where the
    measurement is a finer count than the one asked for.
    """

    role: str
    key: str
    cells: tuple[int, ...] | None = None
    size: int = 0


@dataclass(frozen=True)
class PlannedValue:
    """A number that a query is about, for estimators and readers.

    Attributes:
        name: as it is written.
        step, unit: of one step of what was summed.
        low, high: public bounds of one contribution, in steps.
        centre: what was subtracted from a contribution, in steps, before powers and products.
        coarse: by what a contribution was divided after that.
        clamped: whether the bounds may have clipped.
    """

    name: str
    step: Decimal
    unit: str | None
    low: int
    high: int
    centre: int = 0
    coarse: int = 1
    clamped: bool = True


@dataclass(frozen=True)
class PlannedQuery:
    """A query as planned.

    Attributes:
        name: the query's name in its report.
        asked: the query as written, names full.
        estimates: what a number estimates: `customers`, `rows`, `total`, `mean-per-customer`, `share-of-customers`, ...
        parts: the measurements, by role.
        axes: the groupings in `by`, as readers see them; the numbers' order is that of the measurements' cells.
        own_axes: groupings that the measure itself brings, after those.
        values: what it is about; none for counts of customers.
        edges: of bins: the lower bound, the cuts, the upper bound.
        figures: of the public figures that counts are set against: which group they are by, and a figure for each of
            its keys, or None for a key that has none.
        per: customer or row.
        population: as in the relation.
        k, r: the contribution limits that apply, for readers.
        forecasts: expected margins.
        threshold: of keys that are discovered: those of fewer than about so many customers are not shown.
        rank: of quantiles that are chosen among cuts: the margin of their rank, in customers.
    """

    name: str
    asked: Query
    estimates: str
    parts: tuple[Part, ...]
    axes: tuple[Axis, ...]
    own_axes: tuple[Axis, ...]
    values: tuple[PlannedValue, ...]
    edges: tuple[Decimal, ...]
    per: str
    population: str
    k: int | None
    r: int | None
    forecasts: tuple[Forecast, ...]
    figures: tuple[str, tuple[Decimal | None, ...]] | None = None
    threshold: int | None = None
    rank: int | None = None

    @property
    def measure(self) -> str:
        """What is measured."""
        return self.asked.measure

    @property
    def unit(self) -> str | None:
        """The unit of the query's own numbers, if they have one."""
        if self.measure == "ratio":
            above, below = (value.unit for value in self.values)
            return None if above == below else f"{above or 1}/{below or 1}"
        unit = self.values[0].unit if self.measure in IN_UNITS and self.values else None
        return f"{unit}²" if unit and self.measure == "var" else unit

    def key(self, role: str) -> str:
        """The key of the measurement in a role."""
        return next(part.key for part in self.parts if part.role == role)

    @property
    def keys(self) -> tuple[str, ...]:
        """The measurements' keys."""
        return tuple(part.key for part in self.parts)


@dataclass(frozen=True)
class Image:
    """How a table is an image of a family's base.

    Attributes:
        key: the measurement's.
        groups: for each of its groups, which root of the base it is a function of, how many codes it has, and its code
            for each of the root's.
    """

    key: str
    groups: tuple[tuple[int, int, tuple[int, ...]], ...]


@dataclass(frozen=True)
class Family:
    """Tables that must add up: images of one base, whose cells are all combinations of its roots' codes."""

    sizes: tuple[int, ...]
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Plan:
    """What will be drawn for a report, and for which numbers; no data was read to make it.

    Attributes:
        report: the report's name; version its version.
        partnership: the ledger's identity; contract and contract_digest what was signed.
        measurement_digest: of all that decides numbers; reader_digest: of all that a reader sees.
        budget_units: the report's ceiling in ledger units.
        conversion_delta: the delta at which epsilon is stated.
        confidence: of every interval.
        draws: one for each distinct measurement.
        queries: in the report's order.
        families: tables that are proved to add up.
        smallest_group: numbers of groups whose noisy count is below it are not shown; None shows all.
    """

    report: str
    version: int
    partnership: str
    contract: str
    contract_digest: str
    measurement_digest: str
    reader_digest: str
    audience: str
    account: str
    start: date
    until: date
    budget_units: int
    conversion_delta: Decimal
    discovery_delta: Decimal
    confidence: Decimal
    draws: tuple[Draw, ...]
    queries: tuple[PlannedQuery, ...]
    families: tuple[Family, ...] = ()
    smallest_group: int | None = None

    @property
    def rho_units(self) -> int:
        """What the whole plan costs if every draw is fresh."""
        return sum(draw.rho_units for draw in self.draws)

    @property
    def delta_units(self) -> int:
        """What the whole plan costs in delta if every draw is fresh."""
        return sum(draw.delta_units for draw in self.draws)

    def draw(self, key: str) -> Draw:
        """The draw of a measurement."""
        return next(draw for draw in self.draws if draw.key == key)
