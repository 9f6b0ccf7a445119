"""The plan: which relations are built, which measurements are drawn from them, and which query each serves.

Everything here is a function of definitions alone. A `Measurement` is the identity of a noisy vector: two queries whose
measurements are equal share one draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from dpinsights.model.canonical import digest
from dpinsights.model.expressions import Node
from dpinsights.model.names import FrozenMap
from dpinsights.model.values import Key

FORMULATION = 1
"""The version of the per-customer relation's meaning (reading, bounding, selection order); part of every key."""


@dataclass(frozen=True)
class Group:
    """One public grouping: a node that yields a code, and how many codes there are."""

    code: Node
    size: int


@dataclass(frozen=True)
class Relation:
    """What customers contribute: (customer, cell) pairs, each with the integers to be summed.

    A customer contributes if it is of the population and `where` is true. Without `rows` it contributes to the one
    cell that its own codes name. With `rows`, those of its rows in that table for which `rows_where` is true name
    cells; per customer, at most `groups_per_customer` cells are kept by the selection order; per row, at most
    `rows_per_customer` rows are kept by digest. A contribution whose code or `present` value is null is left out.

    Attributes:
        population: a party's name, `shared`, or `any`.
        rows: the many-row table that supplies rows, or None.
        groups: the cell's coordinates, in order; the cell's number is their mixed radix number, last fastest.
        where: a condition about the customer.
        rows_where: a condition about the row, the period included.
        present: a node that must not be null (before clamping) for a contribution to count, or None.
        groups_per_customer: k, or None where a customer can only reach one cell or rows are bounded instead.
        rows_per_customer: r for per-row statistics, else None.
        seed: the selection order's seed.
    """

    population: str
    rows: str | None
    groups: tuple[Group, ...]
    where: Node | None
    rows_where: Node | None
    present: Node | None
    groups_per_customer: int | None
    rows_per_customer: int | None
    seed: str

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return math.prod(group.size for group in self.groups)


@dataclass(frozen=True)
class Measurement:
    """One vector of integer sums over a relation, drawn with one scale.

    Attributes:
        relation: whose contributions are summed.
        value: what a contribution adds, clamped to [low, high]; None for a count, which adds 1. A value about rows is
            summed over the customer's rows of the cell and then clamped; per row, each row is clamped and then summed.
        low, high: public bounds of one contribution, in steps.
        step: what one step is worth.
    """

    relation: Relation
    value: Node | None
    low: int
    high: int
    step: Decimal = Decimal(1)
    formulation: int = FORMULATION

    @cached_property
    def key(self) -> str:
        """The digest that identifies this measurement within a snapshot."""
        return digest(self, purpose="measurement")

    @property
    def linf(self) -> int:
        """The most that one customer adds to one cell, in absolute steps."""
        return max(abs(self.low), abs(self.high)) * (self.relation.rows_per_customer or 1)

    @property
    def l0(self) -> int:
        """The most cells that one customer reaches."""
        most = self.relation.groups_per_customer or self.relation.rows_per_customer or 1
        return min(most, self.relation.cells)

    @property
    def l1(self) -> int:
        """The most that one customer adds over all cells, in absolute steps."""
        return self.linf if self.relation.rows_per_customer else self.linf * self.l0

    @property
    def l2_squared(self) -> int:
        """The square of the Euclidean sensitivity, in steps: an integer.

        Per customer, l0 cells change by linf at most. Per row, r rows of at most c each change cells by amounts whose
        absolute values add up to r*c at most, and the Euclidean norm of a vector is at most that sum.
        """
        return self.linf**2 if self.relation.rows_per_customer else self.l0 * self.linf**2


@dataclass(frozen=True)
class Draw:
    """A planned draw: a measurement, the loss it is charged, and the noise that the loss buys.

    Attributes:
        rho_units: the charge in ledger units: OpenDP's map(1) of the object that draws, rounded up.
        scale: the discrete Gaussian's scale in steps.
        rho, rho_two: OpenDP's map(1) and map(2).
    """

    measurement: Measurement
    rho_units: int
    scale: float
    rho: float
    rho_two: float

    @property
    def key(self) -> str:
        """The measurement's key."""
        return self.measurement.key


@dataclass(frozen=True)
class Axis:
    """One grouping of a query, for readers: where it comes from, its names, its keys in order."""

    source: str
    names: FrozenMap[str, str] | None
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Forecast:
    """An expected half-width of a 95% interval, in the query's unit.

    `customers` is the size of the group it holds for, or None where the margin is exact whatever the size.
    """

    margin: Decimal
    customers: int | None = None


@dataclass(frozen=True)
class PlannedQuery:
    """A query as planned.

    Attributes:
        name: the query's name in its report.
        measure, of: count, sum or mean, and of what.
        estimates: what a number estimates: `customers`, `rows`, `total`, `mean-per-customer`, `mean-per-row`,
            `share-of-customers` or `share-of-rows`.
        numerator, denominator: keys of measurements; the denominator only for a mean.
        axes: the groupings, as readers see them; the numbers' order is that of the measurement's cells.
        step, unit: of the value; for a mean the numerator's.
        low, high: the public bounds of one contribution in steps.
        per: customer or row.
        population: as in the relation.
        clamped: whether bounds are declared that may clip.
        k, r: the contribution limits that apply, for readers.
        margin: the wanted margin, if any.
        forecasts: expected margins.
    """

    name: str
    measure: str
    of: str
    estimates: str
    numerator: str
    denominator: str | None
    axes: tuple[Axis, ...]
    step: Decimal
    unit: str | None
    low: int
    high: int
    per: str
    population: str
    k: int | None
    r: int | None
    where: str | None
    rows_where: str | None
    margin: Decimal | None
    forecasts: tuple[Forecast, ...]
    title: FrozenMap[str, str] | None
    note: FrozenMap[str, str] | None


@dataclass(frozen=True)
class Plan:
    """What will be drawn for a report, and for which numbers; no data was read to make it.

    Attributes:
        report: the report's name; version its version.
        partnership: the ledger's identity; contract and contract_digest what was signed.
        measurement_digest: of all that decides numbers; reader_digest: of all that a reader sees.
        budget_units: the report's ceiling in ledger units.
        conversion_delta: the delta at which epsilon is stated.
        draws: one for each distinct measurement.
        queries: in the report's order.
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
    draws: tuple[Draw, ...]
    queries: tuple[PlannedQuery, ...]

    @property
    def rho_units(self) -> int:
        """What the whole plan costs if every draw is fresh."""
        return sum(draw.rho_units for draw in self.draws)

    def draw(self, key: str) -> Draw:
        """The draw of a measurement."""
        return next(draw for draw in self.draws if draw.key == key)
