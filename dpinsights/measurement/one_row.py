"""The one whole row that a customer keeps of a `rows: one` table.

Stability: a customer's row is chosen among that customer's own rows alone, by a total order of their values. So adding
or removing a customer adds or removes at most one row of the result, and changes no other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

from sqlglot import exp

from dpinsights.measurement import tree
from dpinsights.measurement.nodes import Leaf
from dpinsights.measurement.reader import CUSTOMER, Reader
from dpinsights.measurement.reading import DAY, FIRST_DAY, LAST_DAY
from dpinsights.measurement.tree import Sql
from dpinsights.model.contract import Boolean, Category, Coded, Date, DecimalColumn, Integer, Timestamp
from dpinsights.model.expressions import CustomerColumn

MOST = 2**62


def one_row(name: str, leaves: Sequence[Leaf], reader: Reader) -> exp.Select:
    """One whole row a customer: the smallest by all declared columns in the contract's order, null first.

    Texts take no part: rows that differ in those alone are equal to all that is asked here. Where all columns' ranges fit 62 bits together, a row is one whole number and the smallest is a plain minimum.
    """
    columns = reader.contract.tables[name].coded
    wanted = sorted({leaf.column for leaf in leaves if isinstance(leaf, CustomerColumn)})
    rows = reader.rows(name, columns).subquery("row")
    ranges = [range_of(column) for column in columns.values()]
    if math.prod(high - low + 2 for low, high in ranges) < MOST:
        return _smallest_packed(list(columns), ranges, wanted, rows)
    order = [tree.column(f"_{column}") for column in columns]
    first = tree.binary(exp.EQ, tree.numbered([tree.column(CUSTOMER)], order), exp.Literal.number(1))
    return (
        exp.select(tree.column(CUSTOMER), *(tree.column(f"_{column}") for column in wanted))
        .from_(rows)
        .qualify(first)
    )


def one_text(name: str, text: str, reader: Reader) -> exp.Select:
    """The text of the row that each customer keeps, as `_text`; of rows that differ in texts alone, the smallest."""
    columns = [*reader.contract.tables[name].coded, text]
    order = [tree.column(f"_{column}") for column in columns]
    first = tree.binary(exp.EQ, tree.numbered([tree.column(CUSTOMER)], order), exp.Literal.number(1))
    rows = reader.rows(name, columns).subquery("row")
    return exp.select(tree.column(CUSTOMER), tree.column(f"_{text}")).from_(rows).qualify(first)


def range_of(column: Coded) -> tuple[int, int]:
    """The lowest and highest whole number that a cleaned column can hold."""
    match column:
        case Category():
            return 0, len(column.keys) - 1
        case Boolean():
            return 0, 1
        case Integer():
            return int(column.bounds[0]), int(column.bounds[1])
        case DecimalColumn():
            # Half-even, as reading rounds: a bound may lie between two steps.
            return round(column.bounds[0] / column.step), round(column.bounds[1] / column.step)
        case Date():
            return FIRST_DAY, LAST_DAY
        case Timestamp():
            return FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1
        case _:
            assert_never(column)


def _smallest_packed(
    columns: Sequence[str], ranges: Sequence[tuple[int, int]], wanted: Sequence[str], rows: exp.Subquery
) -> exp.Select:
    """The smallest row as a mixed radix number whose first digit is the first column, null being digit 0."""
    packed: Sql = tree.number(0)
    for column, (low, high) in zip(columns, ranges, strict=True):
        digit = tree.call(
            "coalesce", tree.binary(exp.Sub, tree.column(f"_{column}"), tree.number(low - 1)), tree.number(0)
        )
        packed = tree.binary(exp.Add, tree.binary(exp.Mul, packed, tree.number(high - low + 2)), digit)
    least = exp.alias_(tree.call("min", packed), "least", quoted=True)
    smallest = exp.select(tree.column(CUSTOMER), least).from_(rows).group_by(tree.column(CUSTOMER))
    select = exp.select(tree.column(CUSTOMER)).from_(smallest.subquery("smallest"))
    below = 1
    for column, (low, high) in reversed(list(zip(columns, ranges, strict=True))):
        digit = tree.binary(
            exp.Mod,
            tree.binary(exp.IntDiv, tree.column("least"), tree.number(below)),
            tree.number(high - low + 2),
        )
        if column in wanted:
            number = tree.binary(exp.Add, tree.call("nullif", digit, tree.number(0)), tree.number(low - 1))
            select = select.select(exp.alias_(number, f"_{column}", quoted=True))
        below *= high - low + 2
    return select
