"""Our expression nodes as SQL trees.

Every value is a BIGINT or null, and a condition a SQL boolean; a condition used as a value becomes 1, 0 or null. The
nodes are total and their ranges were proved when they were made, so none of this can raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    Divide,
    In,
    IsNull,
    Member,
    Node,
    Not,
    Or,
    Recode,
    RowColumn,
)

Leaf = RowColumn | CustomerColumn | Absent | Member | Aggregate
Leaves = Callable[[Node], Sql | None]
"""Where a node's value is found already: a leaf's always, another's if it has a column of its own, else None."""

REPEATED = (Divide, Clamp, Cut, Recode)
"""Nodes whose SQL writes out what they are made of several times."""

_COMPARE = {"=": exp.EQ, "<>": exp.NEQ, "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE}
_ARITHMETIC = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}


def value(node: Node, leaves: Leaves) -> Sql:
    """A node as a BIGINT."""
    known = leaves(node)
    if known is not None:
        return known
    match node:
        case RowColumn() | CustomerColumn() | Absent() | Member() | Aggregate():
            raise AssertionError("a leaf is found somewhere")
        case Constant(constant):
            return tree.number(constant)
        case Compare() | And() | Or() | Not() | IsNull() | In():
            return tree.cast(condition(node, leaves), "BIGINT")
        case Arithmetic(operator, left, right):
            return tree.binary(_ARITHMETIC[operator], value(left, leaves), value(right, leaves))
        case Divide(left, right):
            return _divided(value(left, leaves), value(right, leaves))
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
            return _cut(value(part, leaves), at, range(len(at) + 1))
        case Recode(Cut(part, at), codes):
            return _cut(value(part, leaves), at, codes)
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
    known = leaves(node)
    if known is not None:
        return tree.binary(exp.NEQ, known, tree.number(0))
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


def _divided(left: Sql, right: Sql) -> Sql:
    """Rounded half-even in whole numbers of 64 bits: both sides lie within 2^62, so twice a remainder fits."""
    above = tree.binary(exp.Mul, left, tree.call("sign", right))
    below = tree.call("nullif", tree.call("abs", right), tree.number(0))
    return tree.cast(tree.half_even(above, below), "BIGINT")


FEW = 16
"""Cuts that are tried one by one; more are halved, so that a value meets the logarithm of their number."""


def _cut(part: Sql, at: tuple[int, ...], codes: Sequence[int]) -> Sql:
    """The code beside the number of cuts at or below the value; -1 stands for null."""
    branches: list[tuple[Sql, Sql]] = [(tree.is_null(part), exp.null())]
    if len(at) <= FEW:
        return tree.case([*branches, *_below(part, at, codes)], _code(codes[len(at)]))
    return tree.case(branches, _halved(part, at, codes))


def _halved(part: Sql, at: Sequence[int], codes: Sequence[int]) -> Sql:
    if len(at) <= FEW:
        return tree.case(_below(part, at, codes), _code(codes[len(at)]))
    middle = len(at) // 2
    low = _halved(part, at[:middle], codes[: middle + 1])
    high = _halved(part, at[middle + 1 :], codes[middle + 1 :])
    return tree.case([(tree.binary(exp.LT, part, tree.number(at[middle])), low)], high)


def _below(part: Sql, at: Sequence[int], codes: Sequence[int]) -> list[tuple[Sql, Sql]]:
    """The first cut above the value names its code."""
    return [
        (tree.binary(exp.LT, part, tree.number(cut)), _code(code))
        for cut, code in zip(at, codes, strict=False)
    ]


def _code(code: int) -> Sql:
    return tree.number(None if code == -1 else code)


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
