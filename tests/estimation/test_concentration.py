"""Gini, top share and Lorenz points: the customers' own within bins, limits that hold them under noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.estimation.concentration import Concentration, concentration
from tests.estimation.simulation import LOWEST, Reals, noise

MISS = 0.05
MOST = 10_000.0
FEW = np.array([0, 50, 100, 200, 500, 1000, 2000, 5000, MOST])
MANY = np.append(0.0, np.rint(np.geomspace(10, MOST, 20)))
SMALL = 1e-9

DATA = {
    "lognormal": lambda n: np.clip(np.rint(np.random.default_rng(1).lognormal(5.5, 1.2, n)), 0, MOST),
    "most have none": lambda n: np.where(np.random.default_rng(2).random(n) < 0.93, 0.0, MOST),
    "on the cuts": lambda n: np.random.default_rng(3).choice([50.0, 100, 200, 500, 1000, 2000], n),
    "all equal": lambda n: np.full(n, 700.0),
    "a step at the top tenth": lambda n: np.where(np.arange(n) < n // 10, 1000.0, 100.0),
    "at both ends of a bin": lambda n: np.where(np.arange(n) < n // 10, 999.0, 500.0),
}


def gini(values: Reals) -> float:
    """The mean absolute difference of two customers over twice the mean, by ranks."""
    x, n = np.sort(values), len(values)
    return float(((2 * np.arange(1, n + 1) - n - 1) @ x) / (n * x.sum()))


def share_of_top(values: Reals, part: float) -> float:
    """The sum of the largest values over that of all; the customer at the edge counts by the part that is in."""
    x = np.sort(values)[::-1]
    weights = np.clip(part * len(x) - np.arange(len(x)), 0, 1)
    return float(weights @ x / x.sum())


def binned(values: Reals, edges: Reals) -> tuple[Reals, Reals]:
    size = len(edges) - 1
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, size - 1)
    return np.bincount(at, minlength=size).astype(float), np.bincount(at, weights=values, minlength=size)


def found_of(counts: Reals, sums: Reals, edges: Reals, scale: float, top: float = 0.1) -> Concentration:
    return concentration(
        counts.tolist(),
        sums.tolist(),
        edges=edges.tolist(),
        count_scale=scale,
        sum_scale=scale * MOST,
        top=top,
        miss=MISS,
    )


class Covered(NamedTuple):
    """How often the intervals hold the customers' own Gini, top share and Lorenz points (the worst of these)."""

    gini: float
    top: float
    lorenz: float


def coverage_of_concentration(
    values: Reals, edges: Reals, count_scale: float, *, top: float = 0.1, draws: int, seed: int = 17
) -> Covered:
    """Over draws of the noise, with sums' noise in proportion to what one customer can add."""
    rng = np.random.default_rng(seed)
    counts, sums = binned(values, edges)
    noisy_counts = counts + noise(count_scale, (draws, len(counts)), rng)
    noisy_sums = sums + noise(count_scale * MOST, (draws, len(counts)), rng)
    exact, held = gini(values), share_of_top(values, top)
    points = np.column_stack([np.cumsum(part)[:-1] / part.sum() for part in (counts, sums)])
    hits, lorenz = np.zeros(2), np.zeros(points.shape)
    for c, s in zip(noisy_counts, noisy_sums, strict=True):
        found = found_of(c, s, edges, count_scale, top)
        hits += [f.low - SMALL <= t <= f.high + SMALL for f, t in ((found.gini, exact), (found.top, held))]
        ends = np.array([[(f.low, f.high) for f in point] for point in found.lorenz])
        lorenz += (ends[..., 0] - SMALL <= points) & (points <= ends[..., 1] + SMALL)
    return Covered(float(hits[0]) / draws, float(hits[1]) / draws, float(lorenz.min()) / draws)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("edges", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("top", [0.01, 0.1, 0.5])
def test_without_noise_only_the_bins_are_uncertain(name: str, edges: Reals, top: float) -> None:
    values = DATA[name](100_000)
    counts, sums = binned(values, edges)
    found = found_of(counts, sums, edges, 1e-12, top)
    for interval, exact in ((found.gini, gini(values)), (found.top, share_of_top(values, top))):
        assert interval.value is not None
        assert interval.low - 1e-3 <= exact <= interval.high + 1e-3
        assert interval.value == pytest.approx(exact, abs=0.12)
    below = np.cumsum(counts)[:-1] / counts.sum(), np.cumsum(sums)[:-1] / sums.sum()
    for (x, y), *at in zip(found.lorenz, *below, strict=True):
        assert (x.value, y.value) == pytest.approx(at, abs=1e-6)


def test_with_fine_bins_it_is_exact() -> None:
    values = np.random.default_rng(4).integers(0, 500, 50_000).astype(float)
    counts, sums = binned(values, np.arange(501.0))
    found = found_of(counts, sums, np.arange(501.0), 1e-12)
    assert found.gini.value == pytest.approx(gini(values), abs=1e-4)
    assert found.top.value == pytest.approx(share_of_top(values, 0.1), abs=1e-4)


@given(
    st.lists(st.tuples(st.floats(-1e4, 1e5), st.floats(-1e7, 1e9)), min_size=2, max_size=8),
    st.floats(0.3, 1e4),
    st.floats(0.01, 0.9),
)
def test_limits_are_ordered_and_possible(bins: list[tuple[float, float]], scale: float, top: float) -> None:
    counts, sums = (np.array(part) for part in zip(*bins, strict=True))
    found = found_of(counts, sums, FEW[: len(bins) + 1], scale, top)
    assert len(found.lorenz) == len(bins) - 1
    for interval in (found.gini, found.top, *(end for point in found.lorenz for end in point)):
        assert 0 <= interval.low <= interval.high <= 1
        assert interval.value is None or interval.low <= interval.value <= interval.high
    assert found.top.low >= top - SMALL
    assert found == found_of(counts, sums, FEW[: len(bins) + 1], scale, top)


def test_a_total_that_may_be_zero_has_none() -> None:
    found = found_of(np.full(8, 30.0), np.full(8, 9000.0), FEW, 60.0)
    assert found.gini.value is None and (found.gini.low, found.gini.high) == (0, 1)
    assert found.top.value is None and (found.top.low, found.top.high) == (0.1, 1)
    assert all(end.value is None for point in found.lorenz for end in point)


@pytest.mark.parametrize("edges", [(0, 5), (0, 5, 5), (-1, 5, 9), (0, 5, 9, 12)])
def test_edges_that_do_not_fit_are_refused(edges: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="edges"):
        concentration((9.0, 9.0), (9.0, 9.0), edges=edges, count_scale=1, sum_scale=1, miss=MISS)


def test_a_top_that_is_all_is_refused() -> None:
    with pytest.raises(ValueError, match="top"):
        concentration((9.0, 9.0), (9.0, 9.0), edges=(0, 5, 9), count_scale=1, sum_scale=1, top=1, miss=MISS)


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("size", "scale"), [(500, 5.0), (20_000, 0.6), (20_000, 40.0), (20_000, 400.0)])
def test_it_covers_at_any_noise(name: str, size: int, scale: float) -> None:
    """For the worst of many Lorenz points, 3.5 standard deviations of a simulated coverage are allowed."""
    for edges in (FEW, MANY):
        covered = coverage_of_concentration(DATA[name](size), edges, scale, draws=1500)
        assert min(covered.gini, covered.top) >= LOWEST
        assert covered.lorenz >= 0.95 - 3.5 * (0.95 * 0.05 / 1500) ** 0.5
