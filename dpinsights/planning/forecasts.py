"""The margins to expect before anything is drawn.

Counts and sums have exact margins: they depend on the noise alone. A mean's margin depends on the size of its group,
which is data, so it is forecast from figures: those already released on the snapshot, if the caller knows any, else public ones:
the query's own, else the contract's population spread evenly over the cells; else it is shown for groups of 1,000,
10,000 and 100,000 customers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from scipy.special import ndtri

from dpinsights.errors import PlanError
from dpinsights.estimation.discrete import half_width, scale_for_half_width
from dpinsights.model.contract import Planning
from dpinsights.model.numbers import RHO_UNITS
from dpinsights.model.plan import Forecast, Measurement
from dpinsights.model.resolved import ResolvedQuery
from dpinsights.planning.measurements import Needed

MISS = 0.05
SIZES = (1_000, 10_000, 100_000)
LIKELY_MEAN = 0.5
"""Where a forecast takes a mean to lie, as a part of the larger of its bounds: on the wide side for most money."""


def scale_for_margin(measurement: Measurement, margin: Decimal) -> float:
    """The largest noise with which a sum's 95% interval has at most this half-width."""
    steps = margin / measurement.step
    return scale_for_half_width(float(steps), MISS)


def forecasts(
    need: Needed, scales: Mapping[str, float], planning: Planning, released: Mapping[str, int]
) -> tuple[Forecast, ...]:
    """The expected half-widths of a query's intervals, in its unit.

    `released` has typical group sizes by the key of the count that was released.
    """
    step = need.numerator.step
    scale = scales[need.numerator.key]
    if need.denominator is None:
        return (Forecast(half_width(scale, MISS) * step),)
    noise = math.hypot(scale, _likely(need.query) * scales[need.denominator.key])
    size = released.get(need.denominator.key) or group_size(need.query, planning)
    return tuple(
        Forecast(_significant(Decimal(-float(ndtri(MISS / 2)) * noise / n) * step), n)
        for n in ((size,) if size else SIZES)
    )


def units_for_mean(need: Needed, margin: Decimal, planning: Planning, name: str) -> int:
    """What a mean must cost for its forecast margin to be the wanted one.

    Raises:
        PlanError: if no public figure says how large a group is.
    """
    if need.denominator is None:
        raise AssertionError("only a mean has a denominator")
    size = group_size(need.query, planning)
    if size is None:
        raise PlanError(
            f"{name}: a mean's margin depends on how many customers a group holds, and no public figure says so: "
            "add group_size, or give the query a cost or a weight instead of a margin"
        )
    width = float(margin / need.numerator.step) * size / -float(ndtri(MISS / 2))
    total = sum(share for _, share in need.shares)
    factors = (1.0, _likely(need.query) ** 2)
    # sigma^2 = l2_squared / (2 rho), with rho the measurement's share of the cost.
    variance_at_rho_one = sum(
        factor * measurement.l2_squared * total / (2 * share)
        for (measurement, share), factor in zip(need.shares, factors, strict=True)
    )
    return math.ceil(variance_at_rho_one / width**2 * RHO_UNITS)


def group_size(query: ResolvedQuery, planning: Planning) -> int | None:
    """How many customers a group holds by public figures, or None where none says so."""
    if query.query.group_size is not None:
        return max(1, int(query.query.group_size))
    if query.rows is not None:
        return None
    figures = planning.customers
    if query.population == "any":
        parties = [count for name, count in figures.items() if name != "shared"]
        size = sum(parties) - figures.get("shared", 0)
    else:
        size = figures.get(query.population, 0)
    spread = size // math.prod(group.size for group in query.groups)
    return spread if spread >= 1 else None


def _likely(query: ResolvedQuery) -> float:
    return LIKELY_MEAN * max(abs(query.low), abs(query.high))


def _significant(number: Decimal) -> Decimal:
    """Three significant digits, rounded up: a forecast claims no more."""
    places = number.adjusted() - 2
    return number.quantize(Decimal(1).scaleb(places), rounding="ROUND_CEILING") if number else number
