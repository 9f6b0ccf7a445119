"""A report's numbers with next to no noise: a seam below the ledger, for tests alone.

The discrete Gaussian of scale 0.1 is 0 but for a chance of 4e-22 a cell. No ledger could pay for it and no user can
reach it: the draws are assembled here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from dpinsights.estimation.estimates import Loss, tables
from dpinsights.estimation.rates import scale_of
from dpinsights.measurement.aggregation import exact_vectors
from dpinsights.measurement.privatizing import privatize
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.mechanisms.threshold import KeyThreshold
from dpinsights.model.measurement import Discovery, Draw
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import PlannedQuery
from dpinsights.model.policy import Sources
from dpinsights.model.release import ResultTable
from dpinsights.pipeline import Data, define, plan

SCALE = 0.1
THRESHOLD = 2
"""Discovered keys of more customers than this are released: the fewest for which a loss can be stated."""


@dataclass(frozen=True)
class NearlyExact:
    """What was drawn.

    Attributes:
        tables: as a release has them, by their names.
        quotients: of each mean, share or ratio, numerator over denominator before it is rounded for print; None where
            there is nobody.
    """

    tables: Mapping[str, ResultTable]
    quotients: Mapping[str, tuple[Fraction | None, ...]]


def nearly_exact(folder: Path, sources: Sources, data: Path, work: Path) -> NearlyExact:
    """The report's numbers, drawn through OpenDP at a standard deviation of at most 0.1 steps."""
    definitions = define(folder / "report.yaml")
    planned = plan(definitions)
    draws = tuple(_at_scale(draw, planned.partnership) for draw in planned.draws)
    with Data(sources, data, work).reader(definitions.contract) as reader:
        exact = exact_vectors([draw.measurement for draw in draws], reader)
        noisy = privatize(draws, exact, partnership=planned.partnership, snapshot=sources.snapshot)
    vectors = {vector.key: (vector,) for vector in noisy}
    found = tables(replace(planned, draws=draws), vectors, dict.fromkeys(vectors, Loss(0.0, 0.0)))
    quotients = [query for query in planned.queries if query.measure in ("mean", "share", "ratio")]
    return NearlyExact(
        {table.name: table for table in found},
        {query.name: _quotients(query, vectors) for query in quotients},
    )


def _at_scale(draw: Draw, partnership: str) -> Draw:
    m = draw.measurement
    if isinstance(m, Discovery):
        mechanism = KeyThreshold.of(m, unit=partnership, scale=SCALE, threshold=THRESHOLD)
        (rho, delta), (rho_two, delta_two) = mechanism.loss(1), mechanism.loss(2)
        return Draw(
            m, mechanism.rho_units, SCALE, rho, rho_two, mechanism.delta_units, delta, delta_two, THRESHOLD
        )
    noise = GaussianNoise.of(m, unit=partnership, scale=SCALE)
    return Draw(m, noise.rho_units, SCALE, noise.rho(1), noise.rho(2))


def _quotients(
    query: PlannedQuery, vectors: Mapping[str, tuple[NoisyVector, ...]]
) -> tuple[Fraction | None, ...]:
    [above], [below] = (vectors[query.key(role)] for role in ("numerator", "denominator"))
    step = Fraction(scale_of(query)[0])
    return tuple(
        Fraction(one, other) * step if other else None
        for one, other in zip(above.values, below.values, strict=True)
    )
