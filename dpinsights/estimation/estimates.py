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

from dpinsights.estimation import comparing, linear, moments, rates, testing
from dpinsights.estimation.agreement import Agreed, agree, coarser, rolled_up
from dpinsights.estimation.answers import Answer, Sums
from dpinsights.estimation.intervals import Noisy, combine
from dpinsights.model.names import FrozenMap
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Draw, Plan, PlannedQuery
from dpinsights.model.release import NoiseFact, ResultTable

MECHANISM = "discrete Gaussian"

Vectors = Mapping[str, tuple[NoisyVector, ...]]
"""For each measurement's key, the independent draws to combine."""

Losses = Mapping[str, tuple[float, float]]
"""For each measurement's key, the sums of OpenDP's map(1) and map(2) over those draws."""

Estimator = Callable[[PlannedQuery, Sums, float], tuple[Answer, ...]]

ESTIMATORS: dict[str, Estimator] = {
    "count": linear.totals,
    "sum": linear.totals,
    "histogram": linear.totals,
    "pairs": linear.totals,
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

AGREEING = frozenset({"count", "histogram"})
"""Measures whose tables are made to add up; what compares or tests their numbers takes them as they were drawn."""


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
    """The tables of each query of the plan, in its order; each declared cell has a number."""
    noisy = {key: tuple(combined(drawn)) for key, drawn in vectors.items()}
    agreement = agree(plan.families, noisy)
    made: list[ResultTable] = []
    for query in plan.queries:
        sums = {part.role: rolled_up(noisy[part.key], part.cells) for part in query.parts}
        noise = tuple(
            _noise(part.role, plan.draw(part.key), vectors[part.key], losses[part.key])
            for part in query.parts
        )
        agreed = coarser(agreement.tables.get(query.parts[0].key), query.parts[0].cells)
        alarm = query.measure in AGREEING and query.parts[0].key in agreement.alarms
        made += [
            replace(_table(query, answer, noise), alarm=alarm)
            for answer in answers(query, sums, plan.confidence, agreed)
        ]
    return testing.chosen(tuple(made), 1 - plan.confidence)


def typical_sizes(vectors: Vectors) -> dict[str, int]:
    """The median of each measurement's noisy cells where it is at least 1: as group sizes, what forecasts need.

    >>> typical_sizes({"a": (NoisyVector("a", "q4", 5.0, 1, (10, 30, 20)),), "b": (NoisyVector("b", "q4", 5.0, 1, (-3,)),)})
    {'a': 20}
    """
    medians = {
        key: statistics.median(noisy.value for noisy in combined(drawn)) for key, drawn in vectors.items()
    }
    return {key: int(median) for key, median in medians.items() if median >= 1}


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
    )


def _noise(role: str, draw: Draw, drawn: tuple[NoisyVector, ...], loss: tuple[float, float]) -> NoiseFact:
    measurement = draw.measurement
    together = combine((0.0,) * len(drawn), tuple(vector.scale for vector in drawn))
    return NoiseFact(
        role=role,
        mechanism=MECHANISM,
        scale=together.scale,
        step=measurement.step,
        l0=measurement.l0,
        linf=measurement.linf,
        l2_squared=measurement.l2_squared,
        rho_units=sum(vector.rho_units for vector in drawn),
        rho=loss[0],
        rho_two=loss[1],
        draws=len(drawn),
    )
