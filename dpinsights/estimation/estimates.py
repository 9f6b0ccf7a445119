"""From the noisy vectors of a run to the tables of its release.

Everything here is a function of the plan and of noisy vectors, so by the post-processing theorem it costs nothing.
An interval is about this snapshot's own clipped, k-limited statistic and covers noise only; that values were clamped
and groups limited is said beside it, by flags.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from dpinsights.estimation import comparing, linear, moments, ranking, rates, testing
from dpinsights.estimation.agreement import AGREEING, Agreed, Agreement, agree, coarser, rolled_up
from dpinsights.estimation.answers import Answer, Sums
from dpinsights.estimation.intervals import Noisy, combine
from dpinsights.estimation.suppression import Answered, has_sizes, suppressed
from dpinsights.model.measurement import Discovery, Draw, Selection
from dpinsights.model.names import FrozenMap
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Plan, PlannedQuery
from dpinsights.model.release import NoiseFact, ResultTable

MECHANISM = "discrete Gaussian"
THRESHOLDED = "discrete Gaussian with a threshold"
CHOSEN = "exponential mechanism"

Vectors = Mapping[str, tuple[NoisyVector, ...]]
"""For each measurement's key, the independent draws to combine."""


class Loss(NamedTuple):
    """OpenDP's map(1) and map(2), in rho and in delta, each added over the draws of a measurement."""

    rho: float
    rho_two: float
    delta: float = 0.0
    delta_two: float = 0.0


Losses = Mapping[str, Loss]
"""For each measurement's key."""

Estimator = Callable[[PlannedQuery, Sums, float], tuple[Answer, ...]]

ESTIMATORS: dict[str, Estimator] = {
    "count": linear.totals,
    "sum": linear.totals,
    "histogram": linear.totals,
    "pairs": linear.totals,
    "top": ranking.listed,
    "mean": rates.rates,
    "share": rates.rates,
    "ratio": rates.rates,
    "funnel": rates.funnel,
    "retention": rates.retention,
    "var": moments.spread,
    "std": moments.spread,
    "corr": moments.correlation,
    "regression": moments.regression,
    "quantile": moments.quantiles,
    "concentration": moments.concentration,
}
"""How each measure is estimated from its noisy sums."""


def answers(
    query: PlannedQuery, sums: Sums, confidence: Decimal, agreed: Agreed | None = None
) -> tuple[Answer, ...]:
    """All tables that answer a query; its counts as they were made to add up with other tables, if they were."""
    miss = 1 - float(confidence)
    if agreed is not None and query.measure in AGREEING:
        found = linear.agreed(query, agreed, miss)
    else:
        found = ESTIMATORS[query.measure](query, sums, miss)
    if query.figures is not None:
        found += (linear.out_of(query, sums if agreed is None else {"value": agreed.numbers}, miss),)
    if query.asked.compare:
        found += (comparing.compared(query, sums, miss),)
    return testing.tested(query, sums, found) if query.asked.test else found


def tables(plan: Plan, vectors: Vectors, losses: Losses) -> tuple[ResultTable, ...]:
    """The tables of each query of the plan, in its order; each declared cell, or shown key, has a number."""
    noisy = {key: tuple(combined(drawn)) for key, drawn in vectors.items() if not _has_keys(drawn)}
    agreement = agree(plan.families, noisy)
    asked = [_answered(query, plan, vectors, noisy, agreement) for query in plan.queries]
    found = [one.answers for one in asked]
    if plan.smallest_group is not None:
        together = [family for family in plan.families if family.images[0].key in agreement.tables]
        found = list(suppressed(asked, together, plan.smallest_group))
    made: list[ResultTable] = []
    for query, shown in zip(plan.queries, found, strict=True):
        noise = tuple(
            _noise(part.role, plan.draw(part.key), vectors[part.key], losses[part.key])
            for part in query.parts
        )
        alarm = query.measure in AGREEING and query.parts[0].key in agreement.alarms
        threshold = None if query.threshold is None else vectors[query.parts[0].key][0].threshold
        made += [
            replace(
                _table(query, answer, noise),
                alarm=alarm,
                threshold=threshold,
                smallest_group=plan.smallest_group if has_sizes(query) else None,
            )
            for answer in shown
        ]
    return testing.chosen(tuple(made), 1 - plan.confidence)


def _answered(
    query: PlannedQuery,
    plan: Plan,
    vectors: Vectors,
    noisy: Mapping[str, tuple[Noisy, ...]],
    agreement: Agreement,
) -> Answered:
    (first, *_) = query.parts
    if query.threshold is not None:
        (released,) = vectors[first.key]
        return Answered(query, {}, (ranking.discovered(query, released, plan.confidence),))
    sums = {part.role: rolled_up(noisy[part.key], part) for part in query.parts}
    agreed = coarser(agreement.tables.get(first.key), first)
    return Answered(query, sums, answers(query, sums, plan.confidence, agreed))


def typical_sizes(vectors: Vectors) -> dict[str, int]:
    """The median of each measurement's noisy cells where it is at least 1: as group sizes, what forecasts need.

    >>> typical_sizes({"a": (NoisyVector("a", "q4", 5.0, 1, (10, 30, 20)),), "b": (NoisyVector("b", "q4", 5.0, 1, (-3,)),)})
    {'a': 20}
    """
    medians = {
        key: statistics.median(noisy.value for noisy in combined(drawn))
        for key, drawn in vectors.items()
        if not _has_keys(drawn)
    }
    return {key: int(median) for key, median in medians.items() if median >= 1}


def _has_keys(drawn: tuple[NoisyVector, ...]) -> bool:
    return any(vector.keys is not None for vector in drawn)


def combined(drawn: tuple[NoisyVector, ...]) -> list[Noisy]:
    """The independent draws of one measurement, combined number by number."""
    scales = tuple(vector.scale for vector in drawn)
    return [combine(values, scales) for values in zip(*(vector.values for vector in drawn), strict=True)]


def _table(query: PlannedQuery, answer: Answer, noise: tuple[NoiseFact, ...]) -> ResultTable:
    asked = query.asked
    name = f"{query.name}.{answer.part}" if answer.part else query.name
    value = query.values[0] if query.values else None
    return ResultTable(
        name=name,
        title=asked.title or FrozenMap({"en": query.name.replace("_", " ")}),
        note=asked.note if not answer.part else None,
        measure=query.measure,
        of=asked.of,
        estimates=answer.estimates,
        interval=answer.interval,
        unit=answer.unit,
        step=answer.step,
        population=query.population,
        where=asked.where,
        rows_where=asked.rows_where,
        k=query.k,
        r=query.r,
        low=None if value is None else value.low * value.step,
        high=None if value is None else value.high * value.step,
        margin_wanted=asked.margin if not answer.part else None,
        axes=answer.axes,
        cells=answer.as_cells(name),
        noise=noise,
        tests=answer.tests,
        over=asked.over,
        against=tuple(compare.to for compare in asked.compare or ()) if answer.part == "change" else (),
        rank=answer.rank,
    )


def _mechanism(draw: Draw) -> str:
    match draw.measurement:
        case Discovery():
            return THRESHOLDED
        case Selection():
            return CHOSEN
    return MECHANISM


def _noise(role: str, draw: Draw, drawn: tuple[NoisyVector, ...], loss: Loss) -> NoiseFact:
    measurement = draw.measurement
    loss = Loss(*loss)
    together = combine((0.0,) * len(drawn), tuple(vector.scale for vector in drawn))
    return NoiseFact(
        role=role,
        mechanism=_mechanism(draw),
        scale=together.scale,
        step=measurement.step,
        l0=measurement.l0,
        linf=measurement.linf,
        l2_squared=measurement.l2_squared,
        rho_units=sum(vector.rho_units for vector in drawn),
        rho=loss.rho,
        rho_two=loss.rho_two,
        draws=len(drawn),
        threshold=drawn[0].threshold,
        delta_units=sum(vector.delta_units for vector in drawn),
        delta=loss.delta,
        delta_two=loss.delta_two,
    )
