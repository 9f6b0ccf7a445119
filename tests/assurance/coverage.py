"""How often the printed intervals of the thirty questions hold the true value, at a real budget.

The exact vectors are aggregated once through the package; then the noise is drawn again and again, by numpy, and each
time every query is estimated as a release would be. The true values come from plain SQL over the same rows
(tests/questions/truth.py). What is counted is unconditional: also where an interval is too wide to have a value.

    python -m tests.assurance.coverage --draws 10000 > docs/coverage.md
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from operator import itemgetter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dpinsights.estimation.agreement import agree, coarser, rolled_up
from dpinsights.estimation.answers import Answer
from dpinsights.estimation.estimates import answers
from dpinsights.estimation.intervals import FINE, Noisy
from dpinsights.estimation.ranking import discovered
from dpinsights.measurement.aggregation import exact_vectors
from dpinsights.measurement.discovery import ExactMap
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Plan, PlannedQuery
from dpinsights.model.release import Estimate
from dpinsights.pipeline import Data, define, plan
from tests.estimation.simulation import LOWEST, noise
from tests.questions.population import write_population
from tests.questions.sql import Plain
from tests.questions.truth import Numbers, truths

PARTNERSHIP = Path(__file__).resolve().parents[1] / "questions" / "partnership"

HIGHEST = 0.961
"""The most that the interval of an unclamped linear estimate may cover at 95%, where its noise is not coarse."""

Z = 1.96
"""Standard deviations in the half-width of a 95% interval."""

BLOCK = 100
"""Draws with one seed, so that the figures don't depend on how many processes share the work."""

CLEAR = 5.0
"""From how many standard deviations above zero on an interval of a count is never cut at zero."""

LINEAR = frozenset({"count", "sum", "histogram", "pairs", "top"})
"""Measures whose numbers are single noisy sums."""

SUMS = LINEAR | {"funnel", "retention"}
"""Measures whose number for nobody is 0; those of all others have none."""

REASONS = {
    "discrete-gaussian": "whole steps: the shortest interval of a lattice covers a little more",
    "combined-gaussian": "totals of whole steps, widened by half a step",
    "consistent": "limits are rounded outwards to whole customers",
    "box": "numerator and denominator each miss half as often (scales under 20 steps)",
    "fieller": "all that can be, where a denominator is not told from 0; cut at public bounds",
    "fieller-bounds": "holds whatever the customers within a bin look like",
    "inverted-distribution": "ends are cuts, so whole bins are kept",
    "composite": "the mean's own interval takes part of the misses, whatever it adds",
    "mover": "made from two intervals that cover more themselves",
}
"""Why an interval may cover more than it says, by how it is made."""


@dataclass(frozen=True)
class Setting:
    """A plan over one population: its exact vectors by key, and what is true by table and keys.

    Of a discovery, `keys` are those of its vector: each a group's code and a text, whether it would be shown or not.
    """

    planned: Plan
    epsilon: Decimal
    exact: Mapping[str, NDArray[np.float64]]
    keys: Mapping[str, tuple[tuple[str, ...], ...]]
    truth: Mapping[str, Numbers]


@dataclass(frozen=True)
class Coverage:
    """How often the intervals of one table held the truth, number by number.

    Attributes:
        table: its name, which begins with its question's number.
        measure: of its query.
        interval: how its intervals are made.
        shares: for each number that has a true value, the share of draws whose interval held it.
        shown: for each of them the share of draws in which a value was printed beside the interval.
        two_sided: for each of them whether it may not cover too often either.
    """

    table: str
    measure: str
    interval: str
    shares: NDArray[np.float64]
    shown: NDArray[np.float64]
    two_sided: NDArray[np.bool_]


def setting(folder: Path) -> Setting:
    """The population written into a folder, aggregated once."""
    definitions = define(PARTNERSHIP / "report.yaml")
    planned = plan(definitions)
    sources = write_population(folder / "rows")
    vectors: dict[str, NDArray[np.float64]] = {}
    keys: dict[str, tuple[tuple[str, ...], ...]] = {}
    with Data(sources, folder / "rows", folder / "work").reader(definitions.contract) as reader:
        for key, exact in exact_vectors([draw.measurement for draw in planned.draws], reader).items():
            taken = exact.take()
            if isinstance(exact, ExactMap):
                assert isinstance(taken, Mapping)
                texts = exact.texts(taken)
                codes = sorted(taken, key=texts.__getitem__)  # by text: codes are salted afresh in each run
                keys[key] = tuple((str(group), text) for group, text in map(texts.__getitem__, codes))
                taken = np.array([taken[code] for code in codes])
            vectors[key] = np.asarray(taken, dtype=np.float64)
    epsilon = definitions.report.budget.epsilon
    queries = tuple(plainly(query) for query in planned.queries)
    truth = truths(Plain(folder / "rows"))
    drawn = Setting(replace(planned, queries=queries), epsilon, vectors, keys, truth)
    sums = {query.name for query in queries if query.measure in SUMS}
    for name, answer in tables(drawn, np.random.default_rng(0)).items():
        for place, _ in answer.cells:  # what SQL does not mention is nobody
            drawn.truth[name].setdefault(place, 0.0 if name in sums else None)
    return drawn


def plainly(query: PlannedQuery) -> PlannedQuery:
    """The query without its test, which has no interval; of the most frequent keys all, so that none is chosen by noise."""
    most = {"most": 1000} if query.measure == "top" else {}
    return replace(query, asked=query.asked.replace(test=None, **most))


def tables(drawn: Setting, rng: np.random.Generator) -> dict[str, Answer]:
    """Every table of one release, its noise drawn by numpy."""
    planned = drawn.planned
    noisy, found = {}, {}
    for draw in planned.draws:
        exact = drawn.exact[draw.key]
        values = exact + noise(draw.scale, len(exact), rng)
        noisy[draw.key] = tuple(Noisy(value, draw.scale) for value in values.tolist())
    agreement = agree(planned.families, noisy)
    for query in planned.queries:
        (first, *_) = query.parts
        if first.key in drawn.keys:
            found[query.name] = _all_keys(drawn, query, noisy[first.key])
            continue
        sums = {part.role: rolled_up(noisy[part.key], part) for part in query.parts}
        agreed = coarser(agreement.tables.get(first.key), first)
        for answer in answers(query, sums, planned.confidence, agreed):
            cells = sorted(answer.cells, key=itemgetter(0)) if query.measure == "top" else answer.cells
            name = f"{query.name}.{answer.part}" if answer.part else query.name
            found[name] = replace(answer, cells=tuple(cells))
    return found


def _all_keys(drawn: Setting, query: PlannedQuery, noisy: Sequence[Noisy]) -> Answer:
    """What a discovery would say of every key, whether it would be shown or not."""
    (first, *_) = query.parts
    values, scale = tuple(int(one.value) for one in noisy), noisy[0].scale
    vector = NoisyVector(first.key, "", scale, 1, values, keys=drawn.keys[first.key])
    answer = discovered(query, vector, drawn.planned.confidence)
    return replace(answer, cells=tuple(sorted(answer.cells, key=itemgetter(0))))


def covered(drawn: Setting, block: int, draws: int) -> dict[str, NDArray[np.int64]]:
    """For each table and number of it, in how many draws of one seed its interval held the truth, and it had a value."""
    rng = np.random.default_rng([2017, block])
    counts: dict[str, NDArray[np.int64]] = {}
    for _ in range(draws):
        for name, answer in tables(drawn, rng).items():
            truth = drawn.truth[name]
            held = [(_holds(e, truth.get(keys)), e.value is not None) for keys, e in answer.cells]
            added = np.array(held, dtype=np.int64).T
            counts[name] = counts[name] + added if name in counts else added
    return counts


def _holds(estimate: Estimate, exact: float | None) -> bool:
    """Whether an interval holds the truth, up to what a float can say."""
    if exact is None:
        return True
    room = 1e-9 * max(1.0, abs(exact))
    return float(estimate.low) - room <= exact <= float(estimate.high) + room


def coverage(drawn: Setting, draws: int, processes: int = 2) -> tuple[Coverage, ...]:
    """The coverage of each table over so many draws, in the report's order."""
    blocks = [(block, min(BLOCK, draws - block * BLOCK)) for block in range(-(-draws // BLOCK))]
    global _SHARED
    _SHARED = drawn
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        counted = pool.starmap(_block, blocks, chunksize=1)
    totals = {name: sum(counts[name] for counts in counted) for name in counted[0]}
    measures = {query.name: query.measure for query in drawn.planned.queries}
    found = []
    for name, answer in tables(drawn, np.random.default_rng(0)).items():
        measure = measures[name.split(".")[0]]
        exact = [drawn.truth[name].get(keys) for keys, _ in answer.cells]
        known = np.array([number is not None for number in exact])
        linear = measure in LINEAR and answer.interval != "consistent"
        two_sided = [
            linear and _is_clear(answer, place, exact[place]) for place in np.flatnonzero(known).tolist()
        ]
        shares, shown = np.asarray(totals[name], dtype=np.float64)[:, known] / draws
        found.append(Coverage(name, measure, answer.interval, shares, shown, np.array(two_sided)))
    return tuple(found)


_SHARED: Setting | None = None
"""What the processes share: they are forks of this one."""


def _block(block: int, draws: int) -> dict[str, NDArray[np.int64]]:
    assert _SHARED is not None
    return covered(_SHARED, block, draws)


def _is_clear(answer: Answer, place: int, exact: float | None) -> bool:
    """Whether a linear number's noise is not coarse and its interval is never cut at zero."""
    deviation = float(answer.cells[place][1].margin) / Z
    signed = answer.part == "change"
    return deviation >= FINE * float(answer.step) and (signed or (exact or 0.0) > CLEAR * deviation)


def written(found: Sequence[Coverage], *, draws: int, epsilon: Decimal, day: date) -> str:
    """The table, with its command and its date."""
    lines = [
        "# Coverage of 95% intervals",
        "",
        "The share of noise draws in which a printed interval held the true value, number by number, for every table of the",
        f"thirty questions: {draws:,} draws over one made-up population of 4,000 customers, at epsilon {epsilon} for the report.",
        "True means the population's own clipped, k-limited statistic, computed by plain SQL on the same rows. Numbers of few",
        "customers and ratios over few are among them, and so are draws whose interval is too wide to have a value. A",
        "discovered key counts whether its count passes the threshold or not; given that it is shown it is covered less often.",
        "",
        f"    python -m tests.assurance.coverage --draws {draws} > docs/coverage.md",
        "",
        f"Run on {day}. Each share has a standard error of {(0.95 * 0.05 / draws) ** 0.5:.4f}. The rule: at least {LOWEST} for",
        f"every number; at most {HIGHEST} as well for unclamped linear estimates whose noise is {FINE:g} steps or more, of",
        "which `two-sided` gives how many a table has and the most that one of them covered.",
        "",
        "| table | measure | interval | numbers | with a value | least | median | most | two-sided | why more |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        least, middle, most = (float(f(one.shares)) for f in (np.min, np.median, np.max))
        sided = f"{one.two_sided.sum()}: {one.shares[one.two_sided].max():.3f}" if one.two_sided.any() else ""
        row = (
            one.table, one.measure, one.interval, len(one.shares), f"{np.mean(one.shown):.0%}", f"{least:.3f}",
            f"{middle:.3f}", f"{most:.3f}", sided, REASONS[one.interval] if middle > HIGHEST else "",
        )  # fmt: skip
        lines.append("| " + " | ".join(map(str, row)) + " |")
    every = np.concatenate([one.shares for one in found])
    lines += ["", f"Over all {len(every):,} numbers the least coverage is {every.min():.4f}."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=10_000)
    draws = parser.parse_args().draws
    with tempfile.TemporaryDirectory() as folder:
        drawn = setting(Path(folder))
    found = coverage(drawn, draws)
    sys.stdout.write(written(found, draws=draws, epsilon=drawn.epsilon, day=datetime.now(UTC).date()))


if __name__ == "__main__":
    main()
