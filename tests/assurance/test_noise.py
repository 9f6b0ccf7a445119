"""The noise that is drawn is the noise that is charged for, no two cells share it, and printed intervals cover."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2

from dpinsights import pipeline
from dpinsights.estimation.estimates import tables
from dpinsights.estimation.intervals import Noisy, method, ratio
from dpinsights.measurement.exact import ExactVector
from dpinsights.measurement.privatizing import privatize
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.measurement import Draw, Group, Measurement
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Plan
from dpinsights.model.release import Cell
from tests.assurance import frozen

ALPHA = 1e-6
CELLS = 2000
PARTNERSHIP = "noise-test"

Reals = NDArray[np.float64]


@cache
def _plan(report: str = "partner-quarterly") -> Plan:
    """A shipped report's plan that shows every group: coverage is stated over all of them, not given that one is shown."""
    planned = pipeline.plan(pipeline.define(frozen.REPORTS / "gongyin-xiaobai" / f"{report}.yaml"))
    return replace(planned, smallest_group=None)


def _query(name: str, report: str = "partner-quarterly") -> tuple[Draw, Draw | None]:
    """The draws of a planned query: the numerator's and the denominator's."""
    query = next(query for query in _plan(report).queries if query.name == name)
    first, *rest = (_plan(report).draw(key) for key in query.keys)
    return first, rest[0] if rest else None


def _sigma(bound: int, k: int, rho_units: int) -> float:
    """From the definition: k cells of at most `bound` steps each, and sigma^2 = l2^2 / (2 rho)."""
    return math.sqrt(k * bound**2 / (2 * rho_units / 10**12))


PLANNED = {
    # name: the report's query, the largest contribution in steps, how many cells one customer reaches
    "a count": ("shared_by_province", 1, 1),
    "a count of groups": ("products_by_level", 1, 3),
    "a sum of money": ("spend_by_category", 2000 * 100, 3),
    "a mean's total": ("spend_by_tier", 6000 * 100, 1),
    "a total over rows": ("order_value", 3 * 2000 * 100, 1),
}
"""Written down from partner-quarterly.yaml and contract.yaml (a step of money is 0.01), not asked of the code."""


def _widened(draw: Draw, cells: int) -> Draw:
    """The same measurement, its charge and scale, over more cells, so that one draw has many residuals."""
    relation = draw.measurement.relation
    groups = (Group(relation.groups[0].code, cells),) if relation.groups else ()
    return replace(draw, measurement=replace(draw.measurement, relation=replace(relation, groups=groups)))


def _residuals(draw: Draw, exact: NDArray[np.int64]) -> Reals:
    """What `privatize` adds to a known exact vector."""
    (noisy,) = privatize([draw], {draw.key: ExactVector(exact.copy())}, partnership=PARTNERSHIP, snapshot="s")
    return np.array([float(a - int(b)) for a, b in zip(noisy.values, exact, strict=True)])


def _rejected(residuals: Reals, sigma: float) -> bool:
    """A two-sided chi-square test of the scale."""
    statistic = float((residuals**2).sum()) / sigma**2
    n = len(residuals)
    return bool(statistic < chi2.ppf(ALPHA / 2, n) or statistic > chi2.isf(ALPHA / 2, n))


def _known(cells: int) -> NDArray[np.int64]:
    return np.random.default_rng(3).integers(0, 10**9, cells)


@pytest.mark.parametrize("name", PLANNED)
def test_the_noise_is_what_was_charged_for(name: str) -> None:
    """Residuals fit the scale that the definition and the charge give; scales 30% off either way are rejected."""
    query, bound, k = PLANNED[name]
    draw = _query(query)[0]
    sigma = _sigma(bound, k, draw.rho_units)
    residuals = _residuals(_widened(draw, CELLS), _known(CELLS))
    assert not _rejected(residuals, sigma)
    assert _rejected(residuals, sigma * 1.3)
    assert _rejected(residuals, sigma * 0.7)
    assert abs(residuals.mean()) < 6 * sigma / math.sqrt(CELLS)


@pytest.mark.parametrize(("scale", "bound"), [(0.8, 7), (1.5, 7), (12.0, 7), (300.0, 7), (1e7, 1_000_000)])
def test_a_mechanism_at_any_scale(scale: float, bound: int) -> None:
    """The same for the mechanism alone, at small and large scales; the charge is that of the definition."""
    noise = GaussianNoise(unit=PARTNERSHIP, size=CELLS, l2_squared=3 * bound**2, scale=scale)
    assert noise.rho_units == pytest.approx(3 * bound**2 / (2 * scale**2) * 10**12, rel=1e-9, abs=1.01)
    exact = _known(CELLS)
    residuals = (noise.draw(lambda: exact) - exact).astype(float)
    sigma = _sigma(bound, 3, noise.rho_units)
    assert not _rejected(residuals, sigma)
    assert _rejected(residuals, sigma * 1.3)
    assert _rejected(residuals, sigma * 0.7)


def test_means_split_their_cost_into_two_noises() -> None:
    """A mean's total and its count have each a noise of its own, at its own scale."""
    total, count = _query("spend_by_tier")
    assert count is not None
    draws = [_widened(total, CELLS), _widened(count, CELLS)]
    zero = np.zeros(CELLS, dtype=np.int64)
    exact = {draw.key: ExactVector(zero.copy()) for draw in draws}
    drawn = privatize(draws, exact, partnership=PARTNERSHIP, snapshot="s")
    first, second = (np.array(vector.values, dtype=float) for vector in drawn)
    assert not _rejected(first, _sigma(600_000, 1, total.rho_units))
    assert not _rejected(second, _sigma(1, 1, count.rho_units))
    assert abs(_sign_correlation(first, second)) < 6 / math.sqrt(CELLS)


def _sign_correlation(one: Reals, other: Reals) -> float:
    return float((np.sign(one) * np.sign(other)).mean())


def test_no_two_cells_share_noise() -> None:
    """Over 600 runs of 30 cells no pair's signs agree or disagree more than by chance; and no two runs are equal."""
    runs, cells = 600, 30
    noise = GaussianNoise(unit=PARTNERSHIP, size=cells, l2_squared=1, scale=500.0)
    drawn = np.array([noise.draw(lambda: np.zeros(cells, dtype=np.int64)) for _ in range(runs)])
    signs = np.sign(drawn).astype(float)
    correlations = signs.T @ signs / runs
    off_diagonal = correlations[~np.eye(cells, dtype=bool)]
    assert np.abs(off_diagonal).max() < 6 / math.sqrt(runs)
    shared = np.repeat(signs[:, :1], cells, axis=1)
    assert np.abs((shared.T @ shared / runs)[0, 1]) > 6 / math.sqrt(runs)  # the test sees what it looks for
    assert len({tuple(row) for row in drawn.tolist()}) == runs
    assert np.abs((signs[1:] * signs[:-1]).mean()) < 6 / math.sqrt((runs - 1) * cells)


def test_an_empty_vector_repeats_no_more_than_chance() -> None:
    """600 empty cells: one noise value for all, or a few, is a fault that has happened elsewhere."""
    cells, scale = 600, 1000.0
    noise = GaussianNoise(unit=PARTNERSHIP, size=cells, l2_squared=1, scale=scale)
    values = noise.draw(lambda: np.zeros(cells, dtype=np.int64)).tolist()
    # Two cells are equal with probability 1 / (2 sigma sqrt(pi)).
    expected = cells * (cells - 1) / 2 / (2 * scale * math.sqrt(math.pi))
    pairs = sum(values.count(value) - 1 for value in values) / 2
    assert pairs < expected + 6 * math.sqrt(expected)
    assert 0 not in values or values.count(0) < 10


def test_forked_processes_draw_apart() -> None:
    """The sampler keeps no state that a fork would copy."""
    noise = GaussianNoise(unit=PARTNERSHIP, size=50, l2_squared=1, scale=1e6)
    noise.draw(lambda: np.zeros(50, dtype=np.int64))
    found = {tuple(noise.draw(lambda: np.zeros(50, dtype=np.int64)).tolist())}
    for _ in range(6):
        found.add(_drawn_in_a_fork(noise))
    assert len(found) == 7


def _drawn_in_a_fork(noise: GaussianNoise) -> tuple[int, ...]:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            values = noise.draw(lambda: np.zeros(50, dtype=np.int64))
            os.write(writing, values.tobytes())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    assert len(content) == 400
    return tuple(np.frombuffer(content, dtype=np.int64).tolist())


# Coverage: exact vectors once, noise many times.

LOWEST, HIGHEST = 0.939, 0.961


def _drawn(scale: float, size: int) -> NDArray[np.int64]:
    """Many independent noises of one scale, from the very mechanism."""
    noise = GaussianNoise(unit=PARTNERSHIP, size=size, l2_squared=1, scale=scale)
    return noise.draw(lambda: np.zeros(size, dtype=np.int64))


def _slack(times: int) -> float:
    """Four standard deviations of a simulated coverage."""
    return 4 * math.sqrt(0.95 * 0.05 / times)


@dataclass(frozen=True)
class Truth:
    """A cell's exact sums in steps, small groups included."""

    total: int
    count: int


def _printed(
    report: str, name: str, truths: Sequence[Truth], times: int
) -> Iterator[tuple[Truth, Sequence[Cell]]]:
    """The printed cells of a query over many draws of its noise, with the truth of each.

    A query of one axis of `times` keys stands for `times` runs; what is printed is what `tables` makes of it.
    """
    plan = _plan(report)
    query = next(query for query in plan.queries if query.name == name)
    key = query.axes[0].keys[0]
    axis = replace(query.axes[0], keys=tuple(replace(key, key=str(i)) for i in range(times)))
    alone = replace(query, axes=(axis,))
    wide = {draw.key: _widened(draw, times) for draw in plan.draws}
    draws = {key: wide[key] for key in query.keys}
    planned = replace(plan, queries=(alone,))
    for truth in truths:
        exact = dict(zip(query.keys, (truth.total, truth.count), strict=False))
        vectors = {
            key: (
                NoisyVector(
                    key,
                    "s",
                    draw.scale,
                    draw.rho_units,
                    tuple((_drawn(draw.scale, times) + exact[key]).tolist()),
                ),
            )
            for key, draw in draws.items()
        }
        (table,) = tables(planned, vectors, {key: (draw.rho, draw.rho_two) for key, draw in draws.items()})
        yield truth, table.cells


COUNTS = (Truth(0, 0), Truth(1, 1), Truth(40, 40), Truth(10**6, 10**6))
MEANS = tuple(Truth(int(n * mean), n) for n in (1, 3, 30, 300, 3000, 10**5) for mean in (0.02, 0.4, 1.0))
CASES = (
    # report, query, bound in steps, truths
    ("partner-quarterly", "shared_by_province", 1, COUNTS),
    ("partner-quarterly", "products_by_level", 1, COUNTS),
    ("partner-quarterly", "spend_by_category", 1, (Truth(0, 0), Truth(200_000, 1), Truth(10**10, 10**5))),
    ("partner-quarterly", "spend_by_tier", 600_000, MEANS),
    ("partner-quarterly", "order_value", 200_000, MEANS),
    ("partner-quarterly", "shopping_by_tier", 1, MEANS),
    ("channel-moves", "balance_by_channel", 30_000_000, MEANS),
)


def _coverage(report: str, name: str, bound: int, truths: Sequence[Truth], times: int) -> None:
    query = next(query for query in _plan(report).queries if query.name == name)
    scale = _plan(report).draw(query.keys[0]).scale
    if len(query.keys) > 1:
        truths = [Truth(int(truth.total * bound), truth.count) for truth in truths]
    for truth, cells in _printed(report, name, truths, times):
        exact = Decimal(truth.total) / truth.count if len(query.keys) > 1 else Decimal(truth.total)
        exact *= query.values[0].step if query.values else 1
        covered = sum(cell.estimate.low <= exact <= cell.estimate.high for cell in cells) / times
        assert covered >= LOWEST - _slack(times), (name, truth, covered)
        if len(query.keys) == 1 and scale >= 20:
            # The interval before it is cut at zero: the value and its margin.
            linear = sum(
                e.value is not None and abs(e.value - exact) <= e.margin for e in (c.estimate for c in cells)
            )
            assert LOWEST - _slack(times) <= linear / times <= HIGHEST + _slack(times), (name, truth, linear)


@pytest.mark.parametrize(("report", "name", "bound", "truths"), CASES, ids=[case[1] for case in CASES])
def test_printed_intervals_cover(report: str, name: str, bound: int, truths: tuple[Truth, ...]) -> None:
    """Every 95% interval that a report prints covers its own exact number: 2,000 redraws of the noise."""
    _coverage(report, name, bound, truths if len(truths) < 9 else truths[::4], 2000)


@pytest.mark.slow
@pytest.mark.parametrize(("report", "name", "bound", "truths"), CASES, ids=[case[1] for case in CASES])
def test_printed_intervals_cover_more_draws(
    report: str, name: str, bound: int, truths: tuple[Truth, ...]
) -> None:
    """The same with 10,000 redraws and all groups."""
    _coverage(report, name, bound, truths, 10_000)


RATIOS = [
    (scales, n, mean)
    for scales in ((30.0, 25.0), (2000.0, 40.0), (4.0, 2.0), (0.7, 0.9))
    for n in (1, 5, 60, 2000)
    for mean in (0.0, 0.3, 1.0)
]


def _ratios_cover(times: int) -> set[str]:
    seen = set()
    for (numerator, denominator), n, mean in RATIOS:
        bound = 100
        total = int(n * mean * bound)
        pairs = zip(_drawn(numerator, times).tolist(), _drawn(denominator, times).tolist(), strict=True)
        covered = 0
        for more, others in pairs:
            found = ratio(
                Noisy(float(total + more), numerator),
                Noisy(float(n + others), denominator),
                low=0,
                high=bound,
                miss=0.05,
            )
            covered += found.low <= total / n <= found.high
        seen.add(method(numerator, denominator))
        assert covered / times >= LOWEST - _slack(times), (numerator, denominator, n, mean, covered / times)
    return seen


def test_both_intervals_of_a_mean_cover() -> None:
    """Fieller's and the box, over groups from one customer on, at the ends of the bounds too."""
    assert _ratios_cover(2000) == {"fieller", "box"}


@pytest.mark.slow
def test_both_intervals_of_a_mean_cover_more_draws() -> None:
    """The same with 10,000 redraws."""
    assert _ratios_cover(10_000) == {"fieller", "box"}


def test_a_wrong_scale_is_seen_by_coverage() -> None:
    """A negative control: intervals for a noise a fifth smaller than drawn cover too seldom."""
    times = 2000
    narrow = Noisy(0.0, 100.0).half_width(0.05)
    covered = float((np.abs(_drawn(125.0, times)) <= narrow).mean())
    assert covered < LOWEST - _slack(times)


def test_the_planned_bounds_are_those_written_here() -> None:
    """The bounds of PLANNED agree with the plan's measurements, so that neither is about something else."""
    for query, bound, k in PLANNED.values():
        measurement: Measurement = _query(query)[0].measurement
        assert measurement.linf == bound
        assert measurement.l2_squared == k * bound**2
