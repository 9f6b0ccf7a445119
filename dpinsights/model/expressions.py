"""Expressions over one customer's values, resolved: every leaf and every result is an integer or null.

The definitions room checks a text against the contract and turns it into these nodes; by then categories are codes
(0 to keys-1, in the contract's order), booleans 0 or 1, decimals whole steps, dates days since 1970-01-01, timestamps
seconds since 1970-01-01 00:00 on the clock of their zone. Logic has SQL's three values. No node can raise: a division
by 0 is null, there is no cast, and ranges were proved to fit 62 bits before a node is made.

A node is either about a row (it holds a `RowColumn`) or about a customer (it holds none). `Aggregate` is a leaf about
a customer, whose own `value` and `where` are about the rows of one table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

Comparator = Literal["=", "<>", "<", "<=", ">", ">="]
Operator = Literal["+", "-", "*"]
Part = Literal["year", "quarter", "month", "day", "weekday", "hour"]
Unit = Literal["year", "quarter", "month", "week", "day"]
How = Literal["sum", "count", "any", "min", "max", "first", "last", "distinct", "favourite"]


@dataclass(frozen=True)
class RowColumn:
    """A column of the row in hand, of a many-row table."""

    table: str
    column: str


@dataclass(frozen=True)
class CustomerColumn:
    """A column of the customer's one row in a `rows: one` table; null where the customer has no row there."""

    table: str
    column: str


@dataclass(frozen=True)
class Absent:
    """1 where the customer has no row in a `rows: one` table, else 0."""

    table: str


@dataclass(frozen=True)
class Member:
    """1 where the customer is a member of a party, else 0."""

    party: str


@dataclass(frozen=True)
class Aggregate:
    """A value made from a customer's rows in one many-row table.

    Over no rows: sum, count and distinct are 0, any is 0 (false), min, max, first, last and favourite are null. Nulls
    of `value` are skipped; `any` asks for a row where `where` is true. `first` and `last` go by the table's time
    column, ties by the canonical order of all declared columns, smallest first. `distinct` counts different values.
    `favourite` is the value of most rows, or that with the largest sum of `weight`, where rows without a weight are
    skipped too; ties go to the smallest value.
    """

    how: How
    table: str
    value: Node | None
    where: Node | None
    weight: Node | None = None


@dataclass(frozen=True)
class Constant:
    """A whole number, or null."""

    value: int | None


@dataclass(frozen=True)
class Compare:
    operator: Comparator
    left: Node
    right: Node


@dataclass(frozen=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class IsNull:
    part: Node


@dataclass(frozen=True)
class In:
    """Whether a value is among constants; null if the value is null."""

    part: Node
    values: tuple[int, ...]


@dataclass(frozen=True)
class Arithmetic:
    operator: Operator
    left: Node
    right: Node


@dataclass(frozen=True)
class Divide:
    """The quotient rounded half-even to a whole number; null where a side is null or the right one is 0."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Coalesce:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Case:
    """The value beside the first condition that is true, else `otherwise`."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node


@dataclass(frozen=True)
class Clamp:
    """The nearest value within [low, high]; null stays null."""

    part: Node
    low: int
    high: int


@dataclass(frozen=True)
class Cut:
    """How many of the ascending cuts are at most the value: its label's code; null stays null."""

    part: Node
    at: tuple[int, ...]


@dataclass(frozen=True)
class Recode:
    """The new code beside an old code; -1 stands for null."""

    part: Node
    codes: tuple[int, ...]


@dataclass(frozen=True)
class DatePart:
    """A part of a date (or of a timestamp, `seconds` true); weekday is 1 (Monday) to 7."""

    part: Part
    of: Node
    seconds: bool


@dataclass(frozen=True)
class DateTrunc:
    """The first day of the year, quarter, month or week (Monday) in which a date or timestamp lies, as a date."""

    unit: Unit
    of: Node
    seconds: bool


Node: TypeAlias = (
    RowColumn | CustomerColumn | Absent | Member | Aggregate | Constant | Compare | And | Or | Not | IsNull | In
    | Arithmetic | Divide | Coalesce | Case | Clamp | Cut | Recode | DatePart | DateTrunc
)  # fmt: skip


def walk(node: Node | None, *, into_aggregates: bool = False) -> Iterator[Node]:
    """A node and all nodes below it, each before its parts; the inside of an aggregate only if asked.

    >>> [type(n).__name__ for n in walk(Not(IsNull(Absent("a.b"))))]
    ['Not', 'IsNull', 'Absent']
    """
    if node is None:
        return
    yield node
    if isinstance(node, Aggregate) and not into_aggregates:
        return
    for part in parts_of(node):
        yield from walk(part, into_aggregates=into_aggregates)


def parts_of(node: Node) -> Iterator[Node]:
    """The nodes right below a node.

    >>> list(parts_of(Not(IsNull(Absent("a.b")))))
    [IsNull(part=Absent(table='a.b'))]
    """
    for field in fields(node):
        yield from _nodes(getattr(node, field.name))


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)
    elif hasattr(value, "__dataclass_fields__"):
        yield value  # type: ignore[misc]


def tables_of(node: Node | None) -> frozenset[str]:
    """The tables that a node names; those of a party's members, which `Member` reads, are the contract's to know."""
    return frozenset(
        n.table
        for n in walk(node, into_aggregates=True)
        if isinstance(n, RowColumn | CustomerColumn | Absent | Aggregate)
    )


def is_about_rows(node: Node | None) -> bool:
    """Whether a node is about a row rather than about a customer."""
    return any(isinstance(n, RowColumn) for n in walk(node))


def conjunction(*parts: Node | None) -> Node | None:
    """All the given conditions together; none if there is none."""
    flat: list[Node] = []
    for part in parts:
        if part is not None:
            flat.extend(part.parts if isinstance(part, And) else (part,))
    return None if not flat else flat[0] if len(flat) == 1 else And(tuple(flat))
