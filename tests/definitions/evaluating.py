"""A tiny evaluator of expression nodes over one customer's or one row's values, written from the nodes' docstrings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import assert_never

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

EPOCH = date(1970, 1, 1)


def evaluate(node: Node, values: Mapping[str, int | None]) -> int | None:
    """The value of a node; `values` holds the columns by name."""
    match node:
        case RowColumn(_, column) | CustomerColumn(_, column):
            return values[column]
        case Constant(value):
            return value
        case Absent() | Member() | Aggregate():
            raise NotImplementedError
        case Compare(operator, left, right):
            one, other = evaluate(left, values), evaluate(right, values)
            return None if one is None or other is None else int(compare(operator, one, other))
        case And(parts):
            return both([evaluate(part, values) for part in parts])
        case Or(parts):
            return invert(both([invert(evaluate(part, values)) for part in parts]))
        case Not(part):
            return invert(evaluate(part, values))
        case IsNull(part):
            return int(evaluate(part, values) is None)
        case In(part, among):
            found = evaluate(part, values)
            return None if found is None else int(found in among)
        case Arithmetic(operator, left, right):
            one, other = evaluate(left, values), evaluate(right, values)
            if one is None or other is None:
                return None
            return one + other if operator == "+" else one - other if operator == "-" else one * other
        case Divide(left, right):
            one, other = evaluate(left, values), evaluate(right, values)
            return None if one is None or not other else round(Fraction(one, other))
        case Coalesce(parts):
            return next((v for v in (evaluate(part, values) for part in parts) if v is not None), None)
        case Case(branches, otherwise):
            for when, then in branches:
                if evaluate(when, values):
                    return evaluate(then, values)
            return evaluate(otherwise, values)
        case Clamp(part, low, high):
            found = evaluate(part, values)
            return None if found is None else min(max(found, low), high)
        case Cut(part, at):
            found = evaluate(part, values)
            return None if found is None else sum(cut <= found for cut in at)
        case Recode(part, codes):
            found = evaluate(part, values)
            return None if found is None or codes[found] < 0 else codes[found]
        case DatePart(name, of, seconds):
            found = evaluate(of, values)
            return None if found is None else date_part(name, found, seconds)
        case DateTrunc(unit, of, seconds):
            found = evaluate(of, values)
            return None if found is None else first_day(unit, found // 86_400 if seconds else found)
        case _:
            assert_never(node)


def compare(operator: str, one: int, other: int) -> bool:
    return {
        "=": one == other,
        "<>": one != other,
        "<": one < other,
        "<=": one <= other,
        ">": one > other,
        ">=": one >= other,
    }[operator]


def both(parts: list[int | None]) -> int | None:
    """And, with three values."""
    return 0 if 0 in parts else None if None in parts else 1


def invert(truth: int | None) -> int | None:
    return None if truth is None else 1 - truth


def date_part(name: str, found: int, seconds: bool) -> int:
    day = EPOCH + timedelta(days=found // 86_400 if seconds else found)
    if name == "hour":
        return found % 86_400 // 3_600 if seconds else 0
    return {
        "year": day.year, "quarter": (day.month + 2) // 3, "month": day.month, "day": day.day, "weekday": day.isoweekday(),
    }[name]  # fmt: skip


def first_day(unit: str, found: int) -> int:
    day = EPOCH + timedelta(days=found)
    first = {
        "year": day.replace(month=1, day=1), "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "month": day.replace(day=1), "week": day - timedelta(days=day.weekday()), "day": day,
    }[unit]  # fmt: skip
    return (first - EPOCH).days
