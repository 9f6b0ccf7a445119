"""Features made from a customer's rows of one many-row table: aggregates, and quotients of two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import cast

from dpinsights.definitions import building as build
from dpinsights.definitions import ranges
from dpinsights.definitions.expressions import Lookup, parse
from dpinsights.definitions.places import Fault, within
from dpinsights.definitions.rows import rows_table
from dpinsights.definitions.typed import BOOLEAN, Typed, divided, known, quotients
from dpinsights.model.contract import Bounds, Feature
from dpinsights.model.expressions import Aggregate, Constant, How, Node
from dpinsights.model.values import ValueType

STEP_DECIMALS = 12
"""Digits after the point that a step may have."""

MOST_ROWS = 10**9
"""A step is refused if a customer's count in it could leave 62 bits with fewer rows than this."""

SHARE_STEP = Decimal("0.001")
"""The step of a share that names none."""


def whole_bounds(bounds: Bounds, step: Decimal) -> tuple[int, int]:
    """Bounds in steps.

    Raises:
        Fault: `bounds-order`, `not-whole-steps` or `out-of-range`.
    """
    low, high = (ranges.steps_of(bound, step) for bound in bounds)
    if low >= high:
        raise Fault(
            "bounds-order",
            f"the lower bound must lie below the upper one, found {bounds[0]:f} and {bounds[1]:f}",
        )
    return low, high


def check_step(step: Decimal) -> None:
    """Refuse a step that is not above 0, or too fine.

    Raises:
        Fault: `step-not-positive` or `step-too-fine`.
    """
    if step <= 0:
        raise Fault("step-not-positive", f"a step is above 0, found {step:f}", "0.01")
    if ranges.decimals(step) > STEP_DECIMALS:
        raise Fault("step-too-fine", f"a step has at most {STEP_DECIMALS} digits after the point", "0.01")


def bounded(feature: Feature, value: Typed) -> Typed:
    """A value within a feature's bounds, if it has any.

    Raises:
        Fault: `field-not-taken` if the value is no number, or what is wrong with the bounds.
    """
    if feature.bounds is None:
        return value
    with within("bounds"):
        kind = known(value)
        if kind.kind != "number":
            raise Fault("field-not-taken", f"bounds are of numbers, and this is {value.kind}")
        low, high = whole_bounds(feature.bounds, kind.step)
    return Typed(build.clamped(value.node, low, high), replace(kind, low=low, high=high))


def ratio(feature: Feature, above: Typed, below: Typed) -> Typed:
    """A customer's one number over another, rounded half-even to the step and clamped to the bounds.

    Raises:
        Fault: `not-about-customers`, and what `divided` refuses.
    """
    assert feature.step is not None  # the contract's own rule
    for place, side in enumerate((above, below)):
        with within("ratio", place):
            table = rows_table(side.node)
            if table is not None:
                raise Fault(
                    "not-about-customers",
                    f"a ratio is of two numbers of a customer, and this is about rows of {table}",
                    "a sum or a count of them",
                )
    with within("step"):
        check_step(feature.step)
    with within("ratio"):
        value = divided(above, below, feature.step)
    return bounded(feature, value)


def aggregated(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    """A feature over a customer's rows.

    Args:
        feature: the feature.
        value: what it is taken of, about one row.
        table: the rows' table.
        rows: the condition that says which rows count, time included; None for all.
        lookup: finds the values that names mean.

    Raises:
        Fault: for a value of the wrong type, or bounds or a step that don't fit.
    """
    kind = feature.kind
    _check_measure(kind, value)
    return _MADE[kind](feature, value, table, rows, lookup)


def _check_measure(kind: str, value: Typed) -> None:
    of = known(value).kind
    with within(kind):
        if kind in ("any", "all", "share") and of != "boolean":
            raise Fault("not-a-condition", f"{kind} asks for a condition, and this is {value.kind}")
        if kind in ("sum", "mean") and of not in ("number", "boolean"):
            raise Fault("wrong-type", f"can't add up {value.kind}", "count")
        if kind in ("distinct", "favourite") and of != "category":
            raise Fault("wrong-type", f"{kind} is of a category, and this is {value.kind}", "a cut of it")
        if kind in ("min", "max") and of not in ("number", "date", "timestamp"):
            raise Fault(
                "wrong-type", f"{value.kind} has no {kind}", "any" if of == "boolean" else "first or last"
            )


def _any(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    return Typed(Aggregate("any", table, None, _both(rows, value.node)), BOOLEAN)


def _all(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    """No row for which the condition is not true: null counts as not true."""
    true = build.coalesced([value.node, build.FALSE]) if known(value).nullable else value.node
    other = Aggregate("any", table, None, _both(rows, build.negated(true)))
    return Typed(build.negated(other), BOOLEAN)


def _sum(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    of = known(value)
    node = Aggregate("sum", table, value.node, rows)
    return _within(feature, node, ValueType("number", 0, 0, nullable=False, step=of.step, unit=of.unit))


def _count(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    return _within(feature, Aggregate("count", table, None, rows), ValueType("number", 0, 0, nullable=False))


def _within(feature: Feature, node: Node, kind: ValueType) -> Typed:
    """A number of unknown range, within the feature's bounds."""
    assert feature.bounds is not None  # the contract's own rule
    with within("bounds"):
        low, high = whole_bounds(feature.bounds, kind.step)
    return Typed(build.clamped(node, low, high), replace(kind, low=low, high=high))


def _picked(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    """One of the rows' values: the least, greatest, first or last."""
    node = Aggregate(cast(How, feature.kind), table, value.node, rows)
    return bounded(feature, Typed(node, replace(known(value), nullable=True)))


def _distinct(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    node = Aggregate("distinct", table, value.node, rows)
    return Typed(node, ValueType("number", 0, len(known(value).keys), nullable=False))


def _mean(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    """The sum over the count of the values that are not null, in steps of the result.

    With value step s, result step t and s/t = p/q in lowest terms, that is sum(p * value) over q * count. The products
    p * value are proved to fit 62 bits; their sum is clamped to those as every sum is, and the count to 62 bits over q.
    """
    of = known(value)
    step = feature.step if feature.step is not None else SHARE_STEP if feature.kind == "share" else of.step
    with within("step"):
        check_step(step)
        factor = Fraction(of.step) / Fraction(step)
        scaled = (of.low * factor.numerator, of.high * factor.numerator)
        ranges.fit(*scaled, factor.denominator * MOST_ROWS)
    times, over = factor.numerator, factor.denominator
    total = Aggregate("sum", table, build.arithmetic("*", value.node, Constant(times)), rows)
    count: Node = Aggregate("count", table, value.node, rows)
    if over > 1:
        most = (ranges.LIMIT - 1) // over
        count = build.arithmetic("*", build.clamped(count, 0, most), Constant(over))
    low, high = quotients(scaled, (over, over))
    mean = Typed(build.divided(total, count), ValueType("number", low, high, True, step, of.unit))
    if feature.kind == "share":
        with within("step"):
            ranges.steps_of(Decimal(1), step)
        return mean
    return bounded(feature, mean)


def _favourite(feature: Feature, value: Typed, table: str, rows: Node | None, lookup: Lookup) -> Typed:
    weight = None
    if feature.weighted_by is not None:
        with within("weighted_by"):
            weighted = parse(feature.weighted_by, lookup)
            if known(weighted).kind != "number":
                raise Fault("wrong-type", f"a weight is a number, and this is {weighted.kind}")
            if rows_table(weighted.node) != table:
                raise Fault("not-about-rows", f"a weight must be about rows of {table}")
            weight = weighted.node
    node = Aggregate("favourite", table, value.node, rows, weight)
    return Typed(node, replace(known(value), nullable=True))


def _both(*parts: Node | None) -> Node | None:
    whole = build.all_of(part for part in parts if part is not None)
    return None if whole == build.TRUE else whole


_Make = Callable[[Feature, Typed, str, Node | None, Lookup], Typed]

_MADE: dict[str, _Make] = {
    "any": _any,
    "all": _all,
    "sum": _sum,
    "count": _count,
    "min": _picked,
    "max": _picked,
    "first": _picked,
    "last": _picked,
    "distinct": _distinct,
    "mean": _mean,
    "share": _mean,
    "favourite": _favourite,
}
"""How each kind is made, once its value is known to be of the right type."""

OVER_ROWS = frozenset(_MADE)
"""The kinds that are made from a customer's rows."""
