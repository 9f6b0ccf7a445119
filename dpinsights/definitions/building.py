"""Nodes put together so that equal meanings are equal nodes.

Constants fold, nested `And` and `Or` are flattened, repeated parts go, and the parts that remain are sorted by their
canonical bytes, so that the order of a text does not reach a digest. That is sound only because nodes are total: no part
can raise, so no part guards another. All rewrites hold in SQL's three-valued logic.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.expressions import (
    And,
    Arithmetic,
    Case,
    Clamp,
    Coalesce,
    Comparator,
    Compare,
    Constant,
    Divide,
    In,
    IsNull,
    Node,
    Not,
    Operator,
    Or,
)

TRUE, FALSE, NULL = Constant(1), Constant(0), Constant(None)

_INVERSE: dict[Comparator, Comparator] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
_FLIPPED: dict[Comparator, Comparator] = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def all_of(parts: Iterable[Node]) -> Node:
    """The conjunction.

    >>> from dpinsights.model.expressions import RowColumn
    >>> a, b = RowColumn("p.t", "a"), RowColumn("p.t", "b")
    >>> all_of([b, all_of([a, TRUE]), a]) == And((a, b))
    True
    """
    flat = _flat(parts, And)
    if FALSE in flat:
        return FALSE
    rest = _sorted(part for part in flat if part != TRUE)
    return TRUE if not rest else rest[0] if len(rest) == 1 else And(rest)


def any_of(parts: Iterable[Node]) -> Node:
    """The disjunction."""
    flat = _flat(parts, Or)
    if TRUE in flat:
        return TRUE
    rest = _sorted(part for part in flat if part != FALSE)
    return FALSE if not rest else rest[0] if len(rest) == 1 else Or(rest)


def negated(part: Node) -> Node:
    """The negation; a comparison turns round, which keeps null null."""
    match part:
        case Constant(value):
            return NULL if value is None else Constant(1 - value)
        case Not(inner):
            return inner
        case Compare(operator, left, right):
            return Compare(_INVERSE[operator], left, right)
    return Not(part)


def compared(operator: Comparator, left: Node, right: Node) -> Node:
    """A comparison, a constant on its right, other sides in canonical order.

    >>> compared("<", Constant(1), IsNull(NULL))
    Compare(operator='>', left=IsNull(part=Constant(value=None)), right=Constant(value=1))
    """
    if isinstance(left, Constant) and isinstance(right, Constant):
        return _fold(operator, left.value, right.value)
    swap = isinstance(left, Constant) or (
        not isinstance(right, Constant) and canonical_bytes(right) < canonical_bytes(left)
    )
    return Compare(_FLIPPED[operator], right, left) if swap else Compare(operator, left, right)


def _fold(operator: Comparator, left: int | None, right: int | None) -> Node:
    if left is None or right is None:
        return NULL
    truth = {
        "=": left == right, "<>": left != right, "<": left < right,
        "<=": left <= right, ">": left > right, ">=": left >= right,
    }  # fmt: skip
    return Constant(int(truth[operator]))


def is_null(part: Node, *, nullable: bool) -> Node:
    """Whether a value is null; decided here if it can't be."""
    if isinstance(part, Constant):
        return Constant(int(part.value is None))
    return IsNull(part) if nullable else FALSE


def member(part: Node, values: Iterable[int]) -> Node:
    """Whether a value is among constants."""
    known = tuple(sorted(set(values)))
    if len(known) == 1:
        return compared("=", part, Constant(known[0]))
    if isinstance(part, Constant):
        return NULL if part.value is None else Constant(int(part.value in known))
    return In(part, known)


def arithmetic(operator: Operator, left: Node, right: Node) -> Node:
    """Arithmetic, folded where both sides are constants or one changes nothing."""
    if isinstance(left, Constant) and isinstance(right, Constant):
        if left.value is None or right.value is None:
            return NULL
        one, other = left.value, right.value
        return Constant(one + other if operator == "+" else one - other if operator == "-" else one * other)
    neutral = Constant(1 if operator == "*" else 0)
    if right == neutral:
        return left
    if left == neutral and operator != "-":
        return right
    if operator != "-" and canonical_bytes(right) < canonical_bytes(left):
        left, right = right, left
    return Arithmetic(operator, left, right)


def coalesced(parts: Sequence[Node]) -> Node:
    """The first value that is not null, of parts that can all be null but the last."""
    rest = [part for part in parts if part != NULL]
    return NULL if not rest else rest[0] if len(rest) == 1 else Coalesce(tuple(rest))


def chosen(branches: Iterable[tuple[Node, Node]], otherwise: Node) -> Node:
    """A case whose decided branches are gone."""
    kept: list[tuple[Node, Node]] = []
    for condition, value in branches:
        if condition == TRUE:
            otherwise = value
            break
        if condition not in (FALSE, NULL):
            kept.append((condition, value))
    while kept and kept[-1][1] == otherwise:
        kept.pop()
    return Case(tuple(kept), otherwise) if kept else otherwise


def clamped(part: Node, low: int, high: int) -> Node:
    """The nearest value within bounds."""
    if isinstance(part, Constant):
        return part if part.value is None else Constant(min(max(part.value, low), high))
    return Clamp(part, low, high)


def _flat(parts: Iterable[Node], kind: type[And | Or]) -> list[Node]:
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    return flat


def _sorted(parts: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(set(parts), key=canonical_bytes))


def divided(left: Node, right: Node) -> Node:
    """The quotient rounded half-even to a whole number, folded where it is known; null over 0.

    >>> divided(Constant(5), Constant(2)), divided(Constant(-7), Constant(2)), divided(Constant(1), Constant(0))
    (Constant(value=2), Constant(value=-4), Constant(value=None))
    """
    if NULL in (left, right) or right == FALSE:
        return NULL
    if isinstance(left, Constant) and isinstance(right, Constant):
        assert left.value is not None and right.value is not None
        return Constant(round(Fraction(left.value, right.value)))
    return left if right == TRUE else Divide(left, right)
