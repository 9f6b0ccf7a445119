"""The margins to expect before anything is drawn.

Counts and sums have exact margins: they depend on the noise alone. All others depend on the size of a group, which is
data, so they are forecast: the very estimator is run on the sums that a group of that size would have if its values
were typical, and the margin it states is the forecast. The size comes from figures already released on the snapshot, if
the caller knows any, else from public ones: the query's own, else the contract's population spread evenly over the
groups; else the margin is shown for groups of 1,000, 10,000 and 100,000 customers.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from dpinsights.errors import PlanError
from dpinsights.estimation.discrete import half_width, scale_for_half_width
from dpinsights.estimation.estimates import answers
from dpinsights.estimation.intervals import Noisy
from dpinsights.model.contract import Planning
from dpinsights.model.measurement import Measured, Selection
from dpinsights.model.numbers import RHO_UNITS
from dpinsights.model.plan import Forecast, PlannedQuery
from dpinsights.model.resolved import ResolvedQuery
from dpinsights.planning.measurements import Needed
from dpinsights.planning.typical import typical

SIZES = (1_000, 10_000, 100_000)
EXACT = frozenset({"count", "sum", "histogram", "pairs", "top"})
"""Measures whose margins depend on the noise alone."""

ROUNDS = 12
"""Steps in the search for the cost of a margin; each brings the forecast near what is wanted."""


def is_exact(query: ResolvedQuery) -> bool:
    """Whether a margin holds whatever the data are."""
    return query.measure in EXACT


def scale_for_margin(measurement: Measured, margin: Decimal, miss: float) -> float:
    """The largest noise with which a sum's interval has at most this half-width."""
    return scale_for_half_width(float(margin / measurement.step), miss)


def forecasts(
    need: Needed,
    planned: PlannedQuery,
    scales: Mapping[str, float],
    planning: Planning,
    released: Mapping[str, int],
    confidence: Decimal,
) -> tuple[Forecast, ...]:
    """The expected half-widths of a query's intervals, in its unit.

    `released` has typical group sizes by the key of the count that was released.
    """
    if isinstance(need.parts[0].measurement, Selection):
        return ()  # the margin is one of ranks
    if is_exact(need.query) and not need.query.query.cumulative:
        measurement = need.part("value")
        return (Forecast(half_width(scales[measurement.key], 1 - float(confidence)) * measurement.step),)
    if need.query.query.cumulative:
        return tuple(_known(_expected(need, planned, scales, SIZES[0], confidence), None))
    counted = (part.measurement for part in need.parts if is_group_count(need, part.measurement))
    known = next((released[count.key] for count in counted if count.key in released), None)
    size = known or group_size(need.query, planning)
    sizes = (size,) if size else SIZES
    return tuple(
        forecast for n in sizes for forecast in _known(_expected(need, planned, scales, n, confidence), n)
    )


def is_group_count(need: Needed, measurement: Measured) -> bool:
    """Whether a measurement counts the customers of each group, whole."""
    return measurement.value is None and measurement.strategy is None and not need.query.own_groups


def _known(margin: Decimal | None, size: int | None) -> tuple[Forecast, ...]:
    return () if margin is None else (Forecast(_significant(margin), size),)


def _expected(
    need: Needed, planned: PlannedQuery, scales: Mapping[str, float], size: int, confidence: Decimal
) -> Decimal | None:
    """The margin that the estimator would state for one group of this many typical customers, or None if none."""
    asked = planned.asked.replace(compare=None, test=None, margin=None)
    axes = planned.axes[-1:] if asked.cumulative else ()
    one = replace(planned, asked=asked, axes=axes)
    sums = {
        part.role: tuple(Noisy(value, scales[part.measurement.key]) for value in typical(need, part, size))
        for part in need.parts
    }
    first = answers(one, sums, confidence)[0]
    margins = [
        estimate.margin
        for _, estimate in first.cells
        if estimate.value is not None and estimate.margin.is_finite()
    ]
    return Decimal(statistics.median(margins)) if margins else None


def units_for_margin(
    need: Needed, planned: PlannedQuery, margin: Decimal, planning: Planning, confidence: Decimal
) -> int:
    """What a query must cost for its forecast margin to be the wanted one.

    Raises:
        PlanError: if no public figure says how large a group is, or no cost would do.
    """
    name = need.query.name
    size = SIZES[0] if need.query.query.cumulative else group_size(need.query, planning)
    if size is None:
        raise PlanError(
            f"{name}: the margin of a {need.query.measure} depends on how many customers a group holds, and no public "
            "figure says so: add group_size, or give the query a cost or a weight instead of a margin"
        )
    units = 1e9
    for _ in range(ROUNDS):
        found = _expected(need, planned, scales_for(need, units), size, confidence)
        ratio = 4.0 if found is None else float(found / margin)
        units = min(units * ratio**2, 1e24)
        if abs(ratio - 1) < 1e-4:
            break
    else:
        if units >= 1e24:
            raise PlanError(
                f"{name}: no noise is small enough for a margin of {margin:f} in groups of {size:,}"
            )
    return math.ceil(units)


def scales_for(need: Needed, units: float) -> dict[str, float]:
    """The noise of each measurement if the query cost this much, in ledger units."""
    total = sum(share for _, share in need.shares)
    return {
        measurement.key: math.sqrt(measurement.l2_squared * RHO_UNITS * total / (2 * units * share))
        for measurement, share in need.shares
    }


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


def _significant(number: Decimal) -> Decimal:
    """Three significant digits, rounded up: a forecast claims no more."""
    places = number.adjusted() - 2
    return number.quantize(Decimal(1).scaleb(places), rounding="ROUND_CEILING") if number else number
