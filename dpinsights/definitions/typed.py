"""Values under construction: a node with its type, and the operations that keep both right.

Every operation checks kinds and units, brings numbers to a common step by exact integer factors, computes the range by
interval arithmetic and refuses what could leave 62 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from dpinsights.definitions import building as build
from dpinsights.definitions.places import Fault, nearest
from dpinsights.definitions.ranges import (
    DAY,
    FIRST_DAY,
    LAST_DAY,
    common_step,
    fit,
    literal_step,
    ratio,
    steps_of,
    times,
)
from dpinsights.model.expressions import Comparator, Constant, Node, Operator
from dpinsights.model.values import Key, ValueType

BOOLEAN = ValueType("boolean", 0, 1, nullable=False)


@dataclass(frozen=True)
class Typed:
    """A node with its type.

    Attributes:
        node: the node; for a text that has not met its category yet, a placeholder.
        type: its type; None for a bare null and for a bare text.
        literal: a number written in the definition: it takes the unit of what it meets.
        text: a quoted text, which means a key of the category that it is compared with.
    """

    node: Node
    type: ValueType | None
    literal: bool = False
    text: str | None = None

    @property
    def kind(self) -> str:
        """What it is, in words for messages."""
        if self.type is None:
            return "a text" if self.text is not None else "null"
        if self.type.kind == "number" and self.type.unit:
            return f"an amount in {self.type.unit}"
        words = {"boolean": "true or false", "number": "a number", "category": "a category"}
        return words.get(self.type.kind, f"a {self.type.kind}")


NULL = Typed(build.NULL, None)


def number(value: Decimal) -> Typed:
    """A literal number."""
    step = literal_step(value)
    steps = steps_of(value, step)
    return Typed(Constant(steps), ValueType("number", steps, steps, nullable=False, step=step), literal=True)


def text(value: str) -> Typed:
    """A literal text."""
    return Typed(build.NULL, None, text=value)


def condition(node: Node, *parts: Typed) -> Typed:
    """A truth value made from parts; null if one of them can be."""
    return Typed(
        node, replace(BOOLEAN, nullable=any(part.type is None or part.type.nullable for part in parts))
    )


def known(value: Typed) -> ValueType:
    """The type of a value that must have one by now."""
    if value.type is None:
        if value.text is not None:
            raise Fault("text-alone", f"'{value.text}' stands where no category is compared with it")
        raise Fault("null-alone", "null can't be compared or computed with", "is null")
    return value.type


def truth(value: Typed) -> Typed:
    """A value as a condition."""
    if known(value).kind != "boolean":
        raise Fault("not-a-condition", f"expected a condition, found {value.kind}")
    return value


def code_of(key: str, keys: Sequence[Key]) -> int:
    """The code of a declared key.

    Raises:
        Fault: `unknown-key`, with the nearest key as hint.
    """
    names = [known_key.key for known_key in keys]
    if key not in names:
        near = nearest(key, names)
        raise Fault("unknown-key", f"'{key}' is not a declared key", f"'{near}'" if near else _some(names))
    return names.index(key)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:8])
    return f"one of {shown}" + (", ..." if len(names) > 8 else "")


def scaled(value: Typed, step: Decimal) -> Typed:
    """A number in a finer step."""
    kind = known(value)
    factor = ratio(kind.step, step)
    if factor is None or factor == 1:
        return replace(value, type=replace(kind, step=step))
    low, high = kind.low * factor, kind.high * factor
    fit(low, high)
    node = build.arithmetic("*", value.node, Constant(factor))
    return replace(value, node=node, type=replace(kind, low=low, high=high, step=step))


def as_seconds(value: Typed) -> Typed:
    """A date as the timestamp of its midnight."""
    kind = known(value)
    node = build.arithmetic("*", value.node, Constant(DAY))
    return Typed(node, replace(kind, kind="timestamp", low=kind.low * DAY, high=kind.high * DAY))


def alike(values: Sequence[Typed]) -> list[Typed]:
    """Values of one kind, unit and step, each scaled as needed; bare texts become codes, bare nulls stay.

    Raises:
        Fault: `wrong-type`, `unit-mismatch`, `unknown-key` or `different-keys`.
    """
    typed = [value for value in values if value.type is not None]
    if not typed:
        known(next((value for value in values if value.text is not None), values[0]))
    kinds = {known(value).kind for value in typed}
    if kinds == {"date", "timestamp"}:
        values = [
            as_seconds(value) if value.type and value.type.kind == "date" else value for value in values
        ]
        kinds = {"timestamp"}
    if len(kinds) > 1:
        first, second = typed[0], next(value for value in typed if known(value).kind != known(typed[0]).kind)
        raise Fault("wrong-type", f"{first.kind} and {second.kind} don't go together")
    kind = next(iter(kinds))
    if kind != "category" and any(value.text is not None for value in values):
        near = {"date": "date '2017-10-01'", "timestamp": "timestamp '2017-10-01 12:00'"}.get(kind, "")
        raise Fault("wrong-type", f"{typed[0].kind} and a text don't go together", near)
    if kind == "number":
        return _same_unit(values)
    if kind == "category":
        return _same_keys(values)
    return list(values)


def _same_unit(values: Sequence[Typed]) -> list[Typed]:
    numbers = [value for value in values if value.type is not None]
    units = {known(value).unit for value in numbers if not value.literal}
    if len(units) > 1:
        names = " and ".join(sorted(unit or "a plain number" for unit in units))
        raise Fault("unit-mismatch", f"different units don't go together: {names}")
    unit = next(iter(units), None)
    step = known(numbers[0]).step
    for value in numbers[1:]:
        step = common_step(step, known(value).step)
    result = []
    for value in values:
        if value.type is not None:
            value = scaled(value, step)
            value = replace(value, type=replace(known(value), unit=unit))
        result.append(value)
    return result


def _same_keys(values: Sequence[Typed]) -> list[Typed]:
    first = next(known(value) for value in values if value.type is not None)
    result = []
    for value in values:
        if value.text is not None:
            code = code_of(value.text, first.keys)
            value = Typed(Constant(code), replace(first, low=code, high=code, nullable=False), literal=True)
        elif value.type is not None and [k.key for k in value.type.keys] != [k.key for k in first.keys]:
            raise Fault("different-keys", "two categories with different keys don't go together")
        result.append(value)
    return result


def compare(operator: Comparator, left: Typed, right: Typed) -> Typed:
    """A comparison; categories only by = and <>, truth values likewise."""
    for side in (left, right):
        if side.type is None and side.text is None:
            raise Fault("null-alone", "a comparison with null is never true", "is null")
    left, right = alike([left, right])
    kind = known(left).kind
    if kind in ("category", "boolean") and operator not in ("=", "<>"):
        raise Fault("not-ordered", f"{left.kind} is compared by =, <> and in; it has no order")
    if kind == "boolean":
        for one, other in ((left, right), (right, left)):
            if isinstance(one.node, Constant) and one.node.value is not None:
                same = (one.node.value == 1) == (operator == "=")
                return condition(other.node if same else build.negated(other.node), other)
    return condition(build.compared(operator, left.node, right.node), left, right)


def among(part: Typed, values: Sequence[Typed]) -> Typed:
    """Whether a value is among literals."""
    if not values:
        raise Fault("empty-list", "in () holds nothing: name at least one value")
    if any(value.type is None and value.text is None for value in values):
        raise Fault("null-alone", "null in a list is never found", "or ... is null")
    part, *others = alike([part, *values])
    codes = []
    for value in others:
        if not isinstance(value.node, Constant) or value.node.value is None:
            raise Fault("not-a-literal", "in (...) takes written values only", "or")
        codes.append(value.node.value)
    return condition(build.member(part.node, codes), part)


def unify(values: Sequence[Typed]) -> tuple[list[Typed], ValueType]:
    """Values that one result may take, alike, and the type that holds them all."""
    same = alike(values)
    types = [value.type for value in same if value.type is not None]
    low, high = min(kind.low for kind in types), max(kind.high for kind in types)
    nullable = any(value.type is None or value.type.nullable for value in same)
    return same, replace(types[0], low=low, high=high, nullable=nullable)


def coalesce(values: Sequence[Typed]) -> Typed:
    """The first of the values that is not null."""
    same, kind = unify(values)
    nullable = True
    kept: list[Typed] = []
    for value in same:
        kept.append(value)
        if value.type is not None and not value.type.nullable:
            nullable = False
            break
    return Typed(build.coalesced([value.node for value in kept]), replace(kind, nullable=nullable))


def case(branches: Sequence[tuple[Typed, Typed]], otherwise: Typed) -> Typed:
    """The value beside the first condition that is true."""
    same, kind = unify([value for _, value in branches] + [otherwise])
    pairs = [(truth(test).node, value.node) for (test, _), value in zip(branches, same, strict=False)]
    return Typed(build.chosen(pairs, same[-1].node), kind)


def compute(operator: Operator, left: Typed, right: Typed) -> Typed:
    """Arithmetic of numbers; a date and days; two dates."""
    one, other = known(left), known(right)
    nullable = one.nullable or other.nullable
    if "date" in (one.kind, other.kind):
        return _days(operator, left, right, nullable)
    if one.kind != "number" or other.kind != "number":
        raise Fault("wrong-type", f"can't compute with {left.kind if one.kind != 'number' else right.kind}")
    if operator == "*":
        if one.unit and other.unit:
            raise Fault("unit-mismatch", f"{one.unit} times {other.unit}: one side must be a plain number")
        corners = [a * b for a in (one.low, one.high) for b in (other.low, other.high)]
        low, high, step, unit = (
            min(corners),
            max(corners),
            times(one.step, other.step),
            one.unit or other.unit,
        )
    else:
        left, right = alike([left, right])
        one, other = known(left), known(right)
        low = one.low + (other.low if operator == "+" else -other.high)
        high = one.high + (other.high if operator == "+" else -other.low)
        step, unit = one.step, one.unit
    fit(low, high)
    kind = ValueType("number", low, high, nullable, step, unit)
    node = build.arithmetic(operator, left.node, right.node)
    return Typed(node, kind, literal=left.literal and right.literal)


def _days(operator: Operator, left: Typed, right: Typed, nullable: bool) -> Typed:
    one, other = known(left), known(right)
    if one.kind == other.kind == "date" and operator == "-":
        kind = ValueType("number", one.low - other.high, one.high - other.low, nullable)
        return Typed(build.arithmetic("-", left.node, right.node), kind)
    if operator == "+" and one.kind == "number":
        left, right, one, other = right, left, other, one
    if operator == "*" or one.kind != "date" or other.kind != "number" or other.step % 1:
        raise Fault(
            "wrong-type", f"{left.kind} {operator} {right.kind}: a date takes + or - whole days, or - a date"
        )
    right = scaled(right, Decimal(1))
    other = known(right)
    low = one.low + (other.low if operator == "+" else -other.high)
    high = one.high + (other.high if operator == "+" else -other.low)
    if low < FIRST_DAY - 40_000 or high > LAST_DAY + 40_000:
        raise Fault("out-of-range", "this date can lie more than a century outside 1900 to 2199")
    return Typed(build.arithmetic(operator, left.node, right.node), ValueType("date", low, high, nullable))


def divided(left: Typed, right: Typed, step: Decimal) -> Typed:
    """One number over another, rounded half-even to whole steps; null where a side is null or the right one is 0.

    Args:
        left: the number above the line.
        right: the number below it: a plain one, which leaves the unit, or one of the same unit, which takes it away.
        step: what one step of the quotient is worth.

    Raises:
        Fault: `wrong-type`, `unit-mismatch`, or `out-of-range` if a side can leave 62 bits once it is brought to steps.

    >>> half = divided(number(Decimal(1)), number(Decimal(8)), Decimal("0.01"))
    >>> half.node, half.type.step
    (Constant(value=12), Decimal('0.01'))
    """
    one, other = known(left), known(right)
    for side in (left, right):
        if known(side).kind != "number":
            raise Fault("wrong-type", f"a quotient is of numbers, and this is {side.kind}")
    if other.unit and one.unit != other.unit:
        above = one.unit or "a plain number"
        raise Fault("unit-mismatch", f"{above} over {other.unit}: both of one unit, or the right one plain")
    factor = Fraction(one.step) / (Fraction(other.step) * Fraction(step))
    top = (one.low * factor.numerator, one.high * factor.numerator)
    bottom = (other.low * factor.denominator, other.high * factor.denominator)
    fit(*top, *bottom)
    node = build.divided(
        build.arithmetic("*", left.node, Constant(factor.numerator)),
        build.arithmetic("*", right.node, Constant(factor.denominator)),
    )
    least, most = quotients(top, bottom)
    nullable = one.nullable or other.nullable or bottom[0] <= 0 <= bottom[1]
    return Typed(node, ValueType("number", least, most, nullable, step, None if other.unit else one.unit))


def quotients(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """The lowest and highest rounded quotient of two ranges, 0 never below the line; (0, 0) if only 0 is there.

    >>> quotients((-5, 9), (0, 2)), quotients((1, 9), (-2, 3))
    ((-5, 9), (-9, 9))
    """
    edges = {edge for edge in (*right, -1, 1) if edge and right[0] <= edge <= right[1]}
    found = [round(Fraction(top, bottom)) for top in left for bottom in edges]
    return min(found, default=0), max(found, default=0)
