"""Nodes as SQL at the edges of their ranges: against exact arithmetic, to the bit."""

from __future__ import annotations

from fractions import Fraction

import duckdb
import pytest

from dpinsights.measurement import tree
from dpinsights.measurement.nodes import FEW, value
from dpinsights.measurement.tree import Sql
from dpinsights.model.expressions import Constant, CustomerColumn, Cut, Divide, Node, Recode

MOST = 2**62
EDGES = [-MOST, 1 - MOST, -(2**61) - 1, -7, -6, -5, -3, -2, -1, 0, 1, 2, 3, 4, 5, 2**61, MOST - 1, MOST, None]
X, Y = CustomerColumn("p.t", "x"), CustomerColumn("p.t", "y")


def found(node: Node, rows: list[tuple[int | None, int | None]]) -> list[int | None]:
    """A node's values over rows of x and y, in order."""

    def leaf(leaf: object) -> Sql | None:
        return tree.column(leaf.column) if isinstance(leaf, CustomerColumn) else None

    with duckdb.connect() as connection:
        connection.execute("create table rows (place integer, x bigint, y bigint)")
        connection.executemany("insert into rows values (?, ?, ?)", [(i, *row) for i, row in enumerate(rows)])
        sql = value(node, leaf).sql(dialect="duckdb")
        return [row[0] for row in connection.execute(f"select {sql} from rows order by place").fetchall()]


def test_a_quotient_is_rounded_half_even() -> None:
    rows = [(x, y) for x in EDGES for y in EDGES]
    expected = [None if x is None or not y else round(Fraction(x, y)) for x, y in rows]
    assert found(Divide(X, Y), rows) == expected


@pytest.mark.parametrize("by", [-MOST, -3, -2, -1, 0, 2, 3, 10, MOST, None])
def test_a_quotient_by_a_constant(by: int | None) -> None:
    expected = [None if x is None or not by else round(Fraction(x, by)) for x in EDGES]
    assert found(Divide(X, Constant(by)), [(x, 0) for x in EDGES]) == expected


@pytest.mark.parametrize("cuts", [1, 2, FEW, FEW + 1, 2 * FEW + 3, 399])
def test_many_cuts(cuts: int) -> None:
    at = tuple(3 * i - 5 for i in range(cuts))
    codes = (-1, *((7 * i) % 11 - 1 for i in range(cuts)))
    rows: list[tuple[int | None, int | None]] = [(x, 0) for x in [*range(-9, 3 * cuts + 5), None]]
    below = [None if x is None else sum(cut <= x for cut in at) for x, _ in rows]
    assert found(Cut(X, at), rows) == below
    recoded = [None if code is None or codes[code] == -1 else codes[code] for code in below]
    assert found(Recode(Cut(X, at), codes), rows) == recoded


def test_many_cuts_are_written_once() -> None:
    """A period for each day of a year is one branch for each cut, not one for each pair of them."""
    periods = Recode(Cut(X, tuple(range(400))), (-1, *range(399), -1))
    assert len(value(periods, lambda leaf: tree.column("x")).sql(dialect="duckdb")) < 40_000
