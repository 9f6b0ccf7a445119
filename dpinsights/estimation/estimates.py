"""From the noisy vectors of a run to the tables of its release.

Everything here is a function of the plan and of noisy vectors, so by the post-processing theorem it costs nothing.
An interval is about this snapshot's own clipped, k-limited statistic and covers noise only; that values were clamped
and groups limited is said beside it, by flags.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from dpinsights.estimation.intervals import Noisy, combine, method, ratio
from dpinsights.model.names import FrozenMap
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Draw, Plan, PlannedQuery
from dpinsights.model.release import Cell, Estimate, Flag, NoiseFact, ResultTable

CONFIDENCE = Decimal("0.95")
MECHANISM = "discrete Gaussian"


Vectors = Mapping[str, tuple[NoisyVector, ...]]
"""For each measurement's key, the independent draws to combine."""

Losses = Mapping[str, tuple[float, float]]
"""For each measurement's key, the sums of OpenDP's map(1) and map(2) over those draws."""


def tables(plan: Plan, vectors: Vectors, losses: Losses) -> tuple[ResultTable, ...]:
    """One table for each query of the plan, in its order; each declared cell has a number."""
    return tuple(_table(plan, query, vectors, losses) for query in plan.queries)


def typical_sizes(vectors: Vectors) -> dict[str, int]:
    """The median of each measurement's noisy cells where it is at least 1: as group sizes, what forecasts need.

    >>> typical_sizes({"a": (NoisyVector("a", "q4", 5.0, 1, (10, 30, 20)),), "b": (NoisyVector("b", "q4", 5.0, 1, (-3,)),)})
    {'a': 20}
    """
    medians = {key: statistics.median(noisy.value for noisy in _noisy(drawn)) for key, drawn in vectors.items()}
    return {key: int(median) for key, median in medians.items() if median >= 1}


def _table(plan: Plan, query: PlannedQuery, vectors: Vectors, losses: Losses) -> ResultTable:
    roles = [("numerator" if query.denominator else "value", query.numerator)]
    if query.denominator:
        roles.append(("denominator", query.denominator))
    noise = tuple(_noise(role, plan.draw(key), vectors[key], losses[key]) for role, key in roles)
    counted = query.measure == "count"
    return ResultTable(
        name=query.name,
        title=query.title or FrozenMap({"en": query.name.replace("_", " ")}),
        note=query.note,
        measure=query.measure,
        of=query.of,
        estimates=query.estimates,
        interval=_interval_method(noise),
        unit=query.unit,
        step=query.step,
        population=query.population,
        where=query.where,
        rows_where=query.rows_where,
        k=query.k,
        r=query.r,
        low=None if counted else query.low * query.step,
        high=None if counted else query.high * query.step,
        margin_wanted=query.margin,
        axes=query.axes,
        cells=tuple(_cells(query, vectors)),
        noise=noise,
    )


def _noise(role: str, draw: Draw, drawn: tuple[NoisyVector, ...], loss: tuple[float, float]) -> NoiseFact:
    measurement = draw.measurement
    combined = combine((0.0,) * len(drawn), tuple(vector.scale for vector in drawn))
    return NoiseFact(
        role=role,
        mechanism=MECHANISM,
        scale=combined.scale,
        step=measurement.step,
        l0=measurement.l0,
        linf=measurement.linf,
        l2_squared=measurement.l2_squared,
        rho_units=sum(vector.rho_units for vector in drawn),
        rho=loss[0],
        rho_two=loss[1],
        draws=len(drawn),
    )


def _interval_method(noise: tuple[NoiseFact, ...]) -> str:
    if len(noise) == 2:
        return method(noise[0].scale, noise[1].scale)
    return "discrete-gaussian" if noise[0].draws == 1 else "combined-gaussian"


def _cells(query: PlannedQuery, vectors: Vectors) -> Iterator[Cell]:
    numerators = _noisy(vectors[query.numerator])
    denominators = _noisy(vectors[query.denominator]) if query.denominator else itertools.repeat(None)
    keys = itertools.product(*(tuple(key.key for key in axis.keys) for axis in query.axes))
    for group, numerator, denominator in zip(keys, numerators, denominators, strict=False):
        found = _sum(query, numerator) if denominator is None else _mean(query, numerator, denominator)
        yield Cell("/".join((query.name, *group)), group, found)


def _noisy(drawn: tuple[NoisyVector, ...]) -> Iterator[Noisy]:
    scales = tuple(vector.scale for vector in drawn)
    for values in zip(*(vector.values for vector in drawn), strict=True):
        yield combine(values, scales)


def _sum(query: PlannedQuery, noisy: Noisy) -> Estimate:
    width = noisy.half_width(1 - float(CONFIDENCE))
    # A single draw is a whole number of steps: kept exactly, beyond what a float can hold.
    value = (
        Decimal(noisy.value) if noisy.draws == 1 else _rounded(noisy.value, Decimal("0.001"), ROUND_HALF_EVEN)
    )
    half = _rounded(width, Decimal(1) if noisy.draws == 1 else Decimal("0.001"), ROUND_CEILING)
    low, high = value - half, value + half
    if query.low >= 0:  # what is counted, or summed of values that are not negative, is not negative
        low, high = max(low, Decimal(0)), max(high, Decimal(0))
    flags = _declared(query)
    if low <= 0 <= high:
        flags += (Flag.NOT_ABOVE_ZERO,)
    if query.margin is not None and half * query.step > query.margin:
        flags += (Flag.MISSED_FORECAST,)
    return Estimate(value * query.step, low * query.step, high * query.step, half * query.step, flags)


def _mean(query: PlannedQuery, numerator: Noisy, denominator: Noisy) -> Estimate:
    found = ratio(numerator, denominator, low=query.low, high=query.high, miss=1 - float(CONFIDENCE))
    quantum = Decimal("0.0001")
    low = _rounded(found.low, quantum, ROUND_FLOOR) * query.step
    high = _rounded(found.high, quantum, ROUND_CEILING) * query.step
    flags = _declared(query)
    if found.value is None:
        return Estimate(None, low, high, (high - low) / 2, (*flags, Flag.TOO_WIDE))
    value = _rounded(found.value, quantum, ROUND_HALF_EVEN) * query.step
    margin = max(high - value, value - low)
    if (high - low) * 2 > (query.high - query.low) * query.step:
        flags += (Flag.TOO_WIDE,)
    if low <= 0 <= high:
        flags += (Flag.NOT_ABOVE_ZERO,)
    if query.margin is not None and margin > query.margin:
        flags += (Flag.MISSED_FORECAST,)
    return Estimate(value, low, high, margin, flags)


def _declared(query: PlannedQuery) -> tuple[Flag, ...]:
    bounded = (
        (Flag.BOUND_DECLARED,) if query.measure != "count" and not query.estimates.startswith("share") else ()
    )
    return bounded + ((Flag.GROUPS_LIMITED,) if query.k or query.r else ())


def _rounded(value: float, quantum: Decimal, rounding: str) -> Decimal:
    return Decimal(value).quantize(quantum, rounding=rounding)
