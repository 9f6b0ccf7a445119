"""A query checked against its contract: names gone, every expression an integer node with a proven range."""

from __future__ import annotations

from dataclasses import dataclass

from dpinsights.model.expressions import Node
from dpinsights.model.plan import Axis, Group
from dpinsights.model.report import Query
from dpinsights.model.values import ValueType


@dataclass(frozen=True)
class ResolvedQuery:
    """A query whose every name is resolved.

    Attributes:
        name: the query's name in its report.
        query: the query as written, short names made full.
        per: customer or row.
        population: a party, `shared` or `any`.
        rows: the one many-row table that supplies rows, or None.
        axes, groups: the groupings, for readers and for engines, in the same order.
        where, rows_where: the conditions; `rows_where` holds the period where `rows` has a time column.
        value: the node that is summed or averaged; None for counts.
        type: the value's type before clamping to the query's bounds; None for counts.
        low, high: bounds of one contribution in steps; 0 and 1 for counts.
        groups_per_customer, rows_per_customer: the contribution limits in force (k is None where one cell is all
            a customer can reach, and where rows are bounded).
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
    value: Node | None
    type: ValueType | None
    low: int
    high: int
    groups_per_customer: int | None
    rows_per_customer: int | None
