"""What a customer's rows of one many-row table come to: aggregates, and favourites.

Stability: every value is an aggregate grouped by customer, so it is made of that customer's rows alone. The order of
`first`, `last` and `favourite` is total, so that none depends on how rows are stored. So adding or removing a customer
adds or removes at most one row of the result, and changes no other.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from dpinsights.measurement import tree
from dpinsights.measurement.nodes import Leaf, condition, value
from dpinsights.measurement.one_row import MOST
from dpinsights.measurement.reader import CUSTOMER, Reader
from dpinsights.measurement.tree import Sql
from dpinsights.model.contract import Category, Table
from dpinsights.model.expressions import Aggregate, Cut, Node, Recode, RowColumn, walk

CODES = 2**17
"""More codes than a category may have keys: 100,000."""

BITS = 62
"""Codes that the bits of one number can mark: a customer's different ones are then counted twice as fast."""


def aggregate_name(leaves: Sequence[Leaf], leaf: Leaf) -> str:
    """The column that holds an aggregate."""
    return f"a{leaves.index(leaf)}"


def aggregated(name: str, leaves: Sequence[Leaf], reader: Reader) -> exp.Select:
    """A customer's aggregates over its rows of one many-row table, but for its favourites."""
    declared = reader.contract.tables[name]
    made = [leaf for leaf in leaves if isinstance(leaf, Aggregate) and leaf.how != "favourite"]
    used = {column for leaf in made for column in _columns(leaf)}
    if any(leaf.how in ("first", "last") for leaf in made):
        used |= set(declared.coded)
    select = (
        exp.select(tree.column(CUSTOMER))
        .from_(reader.rows(name, used).subquery("row"))
        .group_by(tree.column(CUSTOMER))
    )
    for leaf in made:
        found = _aggregate(leaf, declared)
        select = select.select(exp.alias_(found, aggregate_name(leaves, leaf), quoted=True))
    return select


def favourite(leaf: Aggregate, reader: Reader) -> exp.Select:
    """Each customer's key of most rows, or of the largest sum of weights; of equals the smallest code.

    The total and the code are one number, whose largest is a plain maximum: the total, then the code counted down.
    A customer none of whose rows has a key (and a weight) is not there.

    Stability: a key's total is made of one customer's rows alone, and the greatest is taken among that customer's
    totals alone. So adding or removing a customer adds or removes at most one row of the result, and changes no other.
    """
    if leaf.value is None:
        raise AssertionError("a favourite is of a category")
    code = value(leaf.value, row_leaf)
    weight = None if leaf.weight is None else value(leaf.weight, row_leaf)
    counts = tree.every(
        [
            None if leaf.where is None else condition(leaf.where, row_leaf),
            tree.not_null(code),
            None if weight is None else tree.not_null(weight),
        ]
    )
    rows = exp.select(tree.column(CUSTOMER), exp.alias_(code, "code", quoted=True))
    if weight is None:
        total: Sql = exp.Count(this=exp.Star())
    else:
        rows = rows.select(exp.alias_(weight, "weight", quoted=True))
        wide = tree.cast(tree.text(str(MOST)), "HUGEINT")
        sums = tree.clamped(tree.call("sum", tree.column("weight")), exp.Neg(this=wide), wide)
        total = tree.binary(exp.Add, sums, wide)
    rows = rows.from_(reader.rows(leaf.table, _columns(leaf)).subquery("row")).where(counts)
    down = tree.binary(exp.Sub, tree.number(CODES - 1), tree.column("code"))
    packed = tree.binary(exp.Add, tree.binary(exp.Mul, total, tree.number(CODES)), down)
    keys = (tree.column(CUSTOMER), tree.column("code"))
    totals = exp.select(tree.column(CUSTOMER), exp.alias_(packed, "packed", quoted=True)).from_(
        rows.subquery("coded")
    )
    most = tree.binary(exp.Mod, tree.call("max", tree.column("packed")), tree.number(CODES))
    best = tree.cast(tree.binary(exp.Sub, tree.number(CODES - 1), most), "BIGINT")
    return (
        exp.select(tree.column(CUSTOMER), exp.alias_(best, "favourite", quoted=True))
        .from_(totals.group_by(*keys).subquery("totals"))
        .group_by(tree.column(CUSTOMER))
    )


def _columns(leaf: Aggregate) -> set[str]:
    """The columns of rows that an aggregate reads."""
    return {n.column for n in walk(leaf, into_aggregates=True) if isinstance(n, RowColumn)}


def row_leaf(node: Node) -> Sql | None:
    """A column of the row in hand; inside an aggregate there are no other leaves."""
    return tree.column(f"_{node.column}") if isinstance(node, RowColumn) else None


def _aggregate(leaf: Aggregate, table: Table) -> Sql:
    of = None if leaf.value is None else value(leaf.value, row_leaf)
    counts = tree.every(
        [
            None if leaf.where is None else condition(leaf.where, row_leaf),
            None if of is None else tree.not_null(of),
        ]
    )
    masked = leaf.value is not None and _codes(leaf.value, table) <= BITS
    match leaf.how:
        case "sum":
            found: Sql = tree.call("sum", of or tree.number(1))
        case "count" | "any":
            found = exp.Count(this=exp.Star())
        case "distinct":
            code = of or tree.number(None)
            if masked:
                found = tree.call("bit_or", tree.binary(exp.BitwiseLeftShift, tree.number(1), code))
            else:
                found = exp.Count(this=exp.Distinct(expressions=[code]))
        case "min" | "max":
            found = tree.call(leaf.how, of or tree.number(None))
        case "first" | "last":
            found = tree.call(
                "arg_min", of or tree.number(None), _row_order(leaf.how, table.time, list(table.coded))
            )
        case "favourite":
            raise AssertionError("a favourite has a select of its own")
    if counts is not None:
        found = exp.Filter(this=found, expression=exp.Where(this=counts))
    if leaf.how == "distinct":
        return tree.call("bit_count", found) if masked else found
    if leaf.how == "any":
        return tree.cast(tree.binary(exp.GT, found, exp.Literal.number(0)), "BIGINT")
    if leaf.how == "sum":
        wide = tree.cast(tree.text(str(MOST)), "HUGEINT")
        return tree.cast(tree.clamped(found, exp.Neg(this=wide), wide), "BIGINT")
    return found


def _codes(node: Node, table: Table) -> int:
    """How many codes a category of rows can have, as far as its node shows; else more than any category's."""
    match node:
        case RowColumn(_, column):
            kind = table.columns[column]
            return len(kind.keys) if isinstance(kind, Category) else CODES
        case Cut(_, at):
            return len(at) + 1
        case Recode(_, codes):
            return max(codes) + 1
    return CODES


def _row_order(how: str, time: str | None, columns: Sequence[str]) -> Sql:
    """By time, then by all declared columns, smallest first, null below all: a total order of distinct rows."""
    least = tree.cast(tree.text(str(-(2**63))), "BIGINT")
    keys: list[Sql] = []
    if time is not None:
        moment = tree.column(f"_{time}")
        keys.append(exp.Neg(this=moment) if how == "last" else moment)
    keys += [tree.column(f"_{column}") for column in columns]
    return exp.Array(expressions=[tree.call("coalesce", key, least) for key in keys])
