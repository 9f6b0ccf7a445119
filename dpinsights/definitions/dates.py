"""Dates and moments in expressions: literals, parts and truncation."""

from __future__ import annotations

from datetime import date
from typing import Literal, cast, get_args

from dpinsights.definitions import ranges
from dpinsights.definitions.places import Fault, nearest
from dpinsights.definitions.ranges import DAY, day_of
from dpinsights.definitions.typed import Typed, known
from dpinsights.model.expressions import Constant, DatePart, DateTrunc, Part, Unit
from dpinsights.model.values import ValueType

PARTS: tuple[str, ...] = get_args(Part)
UNITS: tuple[str, ...] = get_args(Unit)
_OTHER_NAMES = {"isodow": "weekday", "dayofmonth": "day"}
_SPANS = {"quarter": (1, 4), "month": (1, 12), "day": (1, 31), "weekday": (1, 7), "hour": (0, 23)}


def literal(kind: Literal["date", "timestamp"], text: str) -> Typed:
    """A written date or moment.

    >>> literal("date", "1970-01-03").node
    Constant(value=2)
    """
    value = ranges.day_number(text) if kind == "date" else ranges.second_number(text)
    return Typed(Constant(value), ValueType(kind, value, value, nullable=False))


def part(name: str, of: Typed) -> Typed:
    """A part of a date or moment, as a plain number."""
    name = _OTHER_NAMES.get(name, name)
    if name not in PARTS:
        raise Fault(
            "unknown-function", f"no date part '{name}'", nearest(name, PARTS) or f"one of {', '.join(PARTS)}"
        )
    kind = _dated(of)
    seconds = kind.kind == "timestamp"
    if name == "hour" and not seconds:
        raise Fault("wrong-type", "a date has no hour; only a timestamp has")
    low, high = (
        _SPANS[name] if name in _SPANS else (_day(kind.low, seconds).year, _day(kind.high, seconds).year)
    )
    node = DatePart(cast(Part, name), of.node, seconds)
    return Typed(node, ValueType("number", low, high, kind.nullable))


def trunc(unit: str, of: Typed) -> Typed:
    """The first day of the year, quarter, month or week in which a date or moment lies; a moment's day."""
    if unit not in UNITS:
        raise Fault(
            "unknown-function",
            f"can't truncate to '{unit}'",
            nearest(unit, UNITS) or f"one of {', '.join(UNITS)}",
        )
    kind = _dated(of)
    seconds = kind.kind == "timestamp"
    if unit == "day" and not seconds:
        return of
    low, high = (_first(unit, _day(edge, seconds)) for edge in (kind.low, kind.high))
    return Typed(DateTrunc(cast(Unit, unit), of.node, seconds), ValueType("date", low, high, kind.nullable))


def _dated(of: Typed) -> ValueType:
    kind = known(of)
    if kind.kind not in ("date", "timestamp"):
        raise Fault("wrong-type", f"expected a date or a timestamp, found {of.kind}")
    return kind


def _day(number: int, seconds: bool) -> date:
    return day_of(number // DAY if seconds else number)


def _first(unit: str, day: date) -> int:
    match unit:
        case "year":
            day = day.replace(month=1, day=1)
        case "quarter":
            day = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case "month":
            day = day.replace(day=1)
    number = (day - ranges.EPOCH).days
    return number - day.weekday() if unit == "week" else number
