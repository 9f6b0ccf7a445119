"""Our expression nodes as SQL trees.

Every value is a BIGINT or null, and a condition a SQL boolean; a condition used as a value becomes 1, 0 or null. The
nodes are total and their ranges were proved when they were made, so none of this can raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from sqlglot import exp

from dpinsights.measurement import tree
from dpinsights.measurement.tree import Sql
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    And,
    Arithmetic,
    Case,
    Clamp,
    Coalesce,
    Compare,
    Constant,
    CustomerColumn,
    Cut,
    DatePart,
    DateTrunc,
    In,
    IsNull,
    Node,
    Not,
    Or,
    Recode,
    RowColumn,
)

Leaf = RowColumn | CustomerColumn | Absent | Aggregate
Leaves = Callable[[Leaf], Sql]
"""Where a leaf's value is found."""

_COMPARE = {"=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}
_ARITHMETIC = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}


def value(node: Node, leaves: Leaves) -> Sql:
    """A node as a BIGINT."""
    match node:
        case RowColumn() | CustomerColumn() | Absent() | Aggregate():
            return leaves(node)
        case Constant(constant):
            return tree.number(constant)
        case Compare() | And() | Or() | Not() | IsNull() | In():
            return tree.cast(condition(node, leaves), "BIGINT")
        case Arithmetic(operator, left, right):
            return tree.binary(_ARITHMETIC[operator], value(left, leaves), value(right, leaves))
        case Coalesce(parts):
            return tree.call("coalesce", *(value(part, leaves) for part in parts))
        case Case(branches, otherwise):
            return tree.case(
                [(condition(when, leaves), value(then, leaves)) for when, then in branches],
                value(otherwise, leaves),
            )
        case Clamp(part, low, high):
            return tree.clamped(value(part, leaves), tree.number(low), tree.number(high))
        case Cut(part, at):
            return _cut(value(part, leaves), at)
        case Recode(part, codes):
            return _recode(value(part, leaves), codes)
        case DatePart(part, of, seconds):
            return _date_part(part, value(of, leaves), seconds)
        case DateTrunc(unit, of, seconds):
            return _days(tree.call("date_trunc", tree.text(unit), _moment(value(of, leaves), seconds)))
        case _:
            assert_never(node)


def condition(node: Node, leaves: Leaves) -> Sql:
    """A node as a SQL boolean with three values."""
    match node:
        case Compare(operator, left, right):
            return tree.binary(_COMPARE[operator], value(left, leaves), value(right, leaves))
        case And(parts):
            return exp.Paren(this=exp.and_(*(condition(part, leaves) for part in parts)))
        case Or(parts):
            return exp.Paren(this=exp.or_(*(condition(part, leaves) for part in parts)))
        case Not(part):
            return exp.Paren(this=exp.Not(this=exp.Paren(this=condition(part, leaves))))
        case IsNull(part):
            return tree.is_null(value(part, leaves))
        case In(part, values):
            return tree.among(value(part, leaves), [tree.number(number) for number in values])
        case _:
            return tree.binary(exp.NEQ, value(node, leaves), tree.number(0))


def _cut(part: Sql, at: tuple[int, ...]) -> Sql:
    """The number of cuts at or below the value: the first cut above it names its label."""
    branches: list[tuple[Sql, Sql]] = [(tree.is_null(part), exp.null())]
    branches += [
        (tree.binary(exp.LT, part, tree.number(cut)), tree.number(code)) for code, cut in enumerate(at)
    ]
    return tree.case(branches, tree.number(len(at)))


def _recode(part: Sql, codes: tuple[int, ...]) -> Sql:
    """One branch for each new code."""
    branches = []
    for new in sorted(set(codes) - {-1}):
        old = [tree.number(code) for code, to in enumerate(codes) if to == new]
        branches.append((tree.among(part, old), tree.number(new)))
    return tree.case(branches) if branches else tree.number(None)


def _moment(part: Sql, seconds: bool) -> Sql:
    """Days or seconds since 1970-01-01 as a date or a timestamp."""
    if seconds:
        return tree.call("make_timestamp", tree.binary(exp.Mul, part, tree.number(1_000_000)))
    day = tree.cast(tree.text("1970-01-01"), "DATE")
    return tree.binary(exp.Add, day, tree.cast(part, "INTEGER"))


def _days(moment: Sql) -> Sql:
    day = tree.cast(moment, "DATE")
    return tree.cast(tree.binary(exp.Sub, day, tree.cast(tree.text("1970-01-01"), "DATE")), "BIGINT")


def _date_part(part: str, of: Sql, seconds: bool) -> Sql:
    if part == "hour" and not seconds:
        return tree.case([(tree.not_null(of), tree.number(0))])
    name = "isodow" if part == "weekday" else part
    return tree.cast(tree.call("date_part", tree.text(name), _moment(of, seconds)), "BIGINT")
