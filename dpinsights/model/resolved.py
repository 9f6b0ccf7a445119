"""A query checked against its contract: names gone, every expression an integer node with a proven range."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dpinsights.model.expressions import Node
from dpinsights.model.measurement import Group, TextColumn
from dpinsights.model.plan import Axis
from dpinsights.model.report import Query
from dpinsights.model.values import ValueType


@dataclass(frozen=True)
class ResolvedValue:
    """A number that a query sums, averages or relates.

    Attributes:
        name: as it is written.
        node: the value before clamping.
        type: its type before clamping to the query's bounds.
        low, high: bounds of one contribution in steps.
    """

    name: str
    node: Node
    type: ValueType
    low: int
    high: int


@dataclass(frozen=True)
class ResolvedQuery:
    """A query whose every name is resolved.

    Attributes:
        name: the query's name in its report.
        query: the query as written, short names made full.
        per: customer or row.
        population: a party, `shared` or `any`.
        rows: the one many-row table that supplies rows, or None.
        axes, groups: the groupings in `by`, for readers and for engines, in the same order.
        where, rows_where: the conditions; `rows_where` holds the period where `rows` has a time column.
        values: what is summed or related, in the measure's order; none for counts.
        own_axes, own_groups: groupings that the measure itself brings, after those in `by`: bins, steps of a funnel,
            the keys of pairs, cohorts and last periods.
        edges: of bins, in steps: the lower bound, the cuts, the upper bound; else none.
        figures: a public figure for each key of the group that has them, or None for a key that has none.
        groups_per_customer, rows_per_customer: the contribution limits in force (k is None where one cell is all
            a customer can reach, and where rows are bounded).
        text: the column whose keys are not known beforehand; its one axis in `own_axes` has no keys, and no group.
    """

    name: str
    query: Query
    per: str
    population: str
    rows: str | None
    axes: tuple[Axis, ...]
    groups: tuple[Group, ...]
    where: Node | None
    rows_where: Node | None
    values: tuple[ResolvedValue, ...]
    own_axes: tuple[Axis, ...]
    own_groups: tuple[Group, ...]
    edges: tuple[int, ...]
    figures: tuple[Decimal | None, ...]
    groups_per_customer: int | None
    rows_per_customer: int | None
    text: TextColumn | None = None

    @property
    def measure(self) -> str:
        """What is measured."""
        return self.query.measure
