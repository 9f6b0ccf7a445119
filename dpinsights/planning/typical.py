"""The sums that a group of typical customers would have: assumptions for forecasts, made of public bounds alone.

Means are taken to lie at half of the larger bound, which is on the wide side for most money; values to spread evenly
between their bounds where a second moment is needed; customers evenly over a measure's own bins and steps; and
different values to be unrelated.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from dpinsights.model.measurement import Measured
from dpinsights.planning.measurements import Needed, NeededPart

LIKELY_MEAN = 0.5
"""Where a forecast takes a mean to lie, as a part of the larger of its bounds."""


def typical(need: Needed, part: NeededPart, size: int) -> list[float]:
    """The numbers of one group of `size` customers for the measurement in a role, strategy applied."""
    measurement = part.measurement
    own = math.prod(group.size for group in need.query.own_groups)
    if measurement.relation.pairs:
        own = own * (own + 1) // 2
    strategy = measurement.strategy
    if strategy is not None:
        each = strategy.apply([size] * strategy.size)
        return [value / strategy.size for value in each]
    if need.query.measure == "concentration" and part.role == "total":
        return _bin_sums(need, size)
    return [_ROLES.get(part.role, _moment)(measurement, part.role, size) / own] * own


def _bin_sums(need: Needed, size: int) -> list[float]:
    edges = need.query.edges
    each = size / (len(edges) - 1)
    return [each * (low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]


def _count(measurement: Measured, role: str, size: int) -> float:
    return size


def _total(measurement: Measured, role: str, size: int) -> float:
    if measurement.value is None:
        return size
    return size * LIKELY_MEAN * max(abs(measurement.low), abs(measurement.high))


def _square(measurement: Measured, role: str, size: int) -> float:
    """A third of the largest square: what values spread evenly about their centre have."""
    return size * measurement.largest / 3


def _nothing(measurement: Measured, role: str, size: int) -> float:
    return 0.0


def _moment(measurement: Measured, role: str, size: int) -> float:
    """Of centred values: a product with itself is a square, all else adds up to nothing."""
    one, _, other = role.partition("*")
    if one == other:
        return size if one == "0" else size * max(abs(measurement.low), abs(measurement.high)) / 3
    return 0.0


_ROLES: dict[str, Callable[[Measured, str, int], float]] = {
    "value": _total,
    "numerator": _total,
    "denominator": _total,
    "count": _count,
    "total": _total,
    "first": _nothing,
    "second": _square,
}
