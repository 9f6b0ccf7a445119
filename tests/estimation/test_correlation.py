"""Correlations: equal to scipy's on exact sums, invariant where they should be, covered at every size and noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from dpinsights.estimation.correlation import (
    _rank_spread,
    pearson,
    pearson_intervals,
    spearman,
    spearman_intervals,
)
from dpinsights.estimation.discrete import half_width
from dpinsights.estimation.intervals import Interval, Noisy

MISS = 0.05
Z = float(stats.norm.ppf(1 - MISS / 2))
LEAST = 0.939
"""PRIVACY.md, Estimates."""
STEPS = 1000
"""Steps in one standard deviation of the made-up values."""

Array = NDArray[np.float64]


def discrete(rng: np.random.Generator, scale: float, size: tuple[int, ...]) -> Array:
    """Draws of the discrete Gaussian: from its mass where the lattice shows, else a rounded normal."""
    if scale > 50:
        return np.rint(rng.normal(scale=scale, size=size))
    x = np.arange(-int(12 * scale) - 2, int(12 * scale) + 3)
    mass = np.exp(-0.5 * (x / scale) ** 2)
    return x[np.searchsorted(np.cumsum(mass / mass.sum()), rng.random(size)).clip(max=len(x) - 1)].astype(
        float
    )


def covered(found: tuple[Array, ...], truth: float) -> float:
    _, low, high = found
    return float(np.mean((low <= truth + 1e-12) & (truth - 1e-12 <= high)))


def values(rng: np.random.Generator, n: int, r: float, offset: float) -> tuple[Array, Array]:
    """Two clipped values in steps, correlated by about r, and a public centre `offset` deviations from the mean."""
    x = rng.normal(size=n)
    y = r * x + np.sqrt(1 - r * r) * rng.normal(size=n)
    return tuple(np.clip(np.rint((v + offset) * STEPS), -4 * STEPS, 4 * STEPS) for v in (x, y))  # type: ignore[return-value]


def moments(x: Array, y: Array) -> Array:
    return np.array([len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y], dtype=float)


def pearson_coverage(
    draws: int, sizes: tuple[int, ...] = (30, 300, 10_000, 1_000_000), seed: int = 1
) -> Iterator[tuple[dict[str, float], float, float]]:
    """For each case: what it is, the coverage, and the share of draws with a value."""
    rng = np.random.default_rng(seed)
    for n in sizes:
        for r in (0.0, 0.3, 0.95):
            for offset in (0.0, 1.0):
                x, y = values(rng, n, r, offset)
                exact, truth = moments(x, y), float(np.corrcoef(x, y)[0, 1])
                for relative in (1e-4, 1e-3, 0.003, 0.01, 0.02, 0.03, 0.06, 0.1, 0.3, 3.0):
                    level = max(n * relative, 0.5)
                    scales = level * np.array([1, *[4 * STEPS] * 2, *[(4 * STEPS) ** 2] * 3])
                    noise = np.stack([discrete(rng, scale, (draws,)) for scale in scales], axis=1)
                    wide = np.maximum(scales, [half_width(scale, MISS) / Z for scale in scales])
                    found = pearson_intervals(exact + noise, wide, Z)
                    case = {"n": n, "r": r, "offset": offset, "noise": relative}
                    yield case, covered(found, truth), float(np.mean(~np.isnan(found[0])))


def histogram(rng: np.random.Generator, n: int, r: float, shape: tuple[int, int], skewed: bool) -> Array:
    x, y = values(rng, n, r, 0.0)
    table = np.zeros(shape)
    first = 0.5 if skewed else -1.2
    cuts = [np.linspace(first, 2, k - 1) if k > 2 else np.array([max(first, 0.0)]) for k in shape]
    codes = [np.searchsorted(cut * STEPS, v) for cut, v in zip(cuts, (x, y), strict=True)]
    np.add.at(table, tuple(codes), 1)
    return table


def rank_correlation(table: Array) -> float:
    """scipy's, of one pair of bin codes for each customer."""
    x, y = np.repeat(np.indices(table.shape).reshape(2, -1), table.astype(int).ravel(), axis=1)
    return float(stats.spearmanr(x, y).statistic)


def spearman_coverage(
    draws: int, sizes: tuple[int, ...] = (30, 300, 10_000, 1_000_000), seed: int = 2
) -> Iterator[tuple[dict[str, float], float, float]]:
    """For each case: what it is, the coverage, and the share of draws with a value."""
    rng = np.random.default_rng(seed)
    for n in sizes:
        for rows, columns in ((2, 2), (2, 6), (5, 5), (10, 10)):
            for r, skewed in ((0.0, False), (0.0, True), (0.3, False), (0.95, False), (0.95, True)):
                table = histogram(rng, n, r, (rows, columns), skewed)
                truth = rank_correlation(table)
                for relative in (1e-3, 0.01, 0.03, 0.06, 0.1, 0.13, 0.2, 1.0):
                    scale = max(n * relative / (rows * columns) ** 0.5, 0.3)
                    noisy = table + discrete(rng, scale, (draws, rows, columns))
                    found = spearman_intervals(noisy, max(scale, half_width(scale, MISS) / Z), Z)
                    case = {
                        "n": n,
                        "r": r,
                        "rows": rows,
                        "columns": columns,
                        "skewed": skewed,
                        "noise": relative,
                    }
                    yield case, covered(found, truth), float(np.mean(~np.isnan(found[0])))


def exactly(x: Array, y: Array) -> Interval:
    return pearson(*(Noisy(float(v), 1e-6) for v in moments(x, y)), miss=MISS)


@pytest.mark.parametrize("r", [-0.9, 0.0, 0.3, 0.95])
def test_pearson_is_numpys_on_exact_sums(r: float) -> None:
    x, y = values(np.random.default_rng(3), 500, r, 1.0)
    truth = float(np.corrcoef(x, y)[0, 1])
    found = exactly(x, y)
    assert found.value == pytest.approx(truth, abs=1e-9)
    assert found.low <= truth <= found.high
    assert found.high - found.low < 1e-6


@pytest.mark.parametrize("shape", [(2, 2), (3, 7), (10, 10)])
@pytest.mark.parametrize("r", [-0.8, 0.0, 0.95])
def test_spearman_is_scipys_on_exact_tables(shape: tuple[int, int], r: float) -> None:
    table = histogram(np.random.default_rng(4), 400, r, shape, False)
    assert spearman(table, 1e-6, miss=MISS).value == pytest.approx(rank_correlation(table), abs=1e-9)


def test_spearmans_sums_are_unbiased() -> None:
    """The mean over draws of each polynomial is its value on the exact table."""
    rng = np.random.default_rng(5)
    table = histogram(rng, 300, 0.8, (6, 4), False)
    exact, found = (
        _rank_spread(table[None], 0.0),
        _rank_spread(table + discrete(rng, 15, (50_000, 6, 4)), 15.0),
    )
    for name in ("above", "first", "second"):
        draws = getattr(found, name)
        assert abs(draws.mean() - getattr(exact, name)[0]) < 4 * draws.std() / len(draws) ** 0.5


def test_no_value_where_a_spread_may_be_zero() -> None:
    x, y = values(np.random.default_rng(6), 1000, 0.5, 0.0)
    sums, everything = moments(x, y), Interval(None, -1.0, 1.0)
    for place in (0, 3, 4):
        scales = [1.0] * 6
        scales[place] = float(sums[place])
        assert pearson(*map(Noisy, sums, scales), miss=MISS) == everything
    one_row = np.array([[500.0, 500.0], [2.0, -1.0]])
    assert spearman(one_row, 5.0, miss=MISS) == everything


moderate = st.floats(0.01, 2.0)


@given(st.integers(0, 2**32 - 1), moderate)
def test_pearson_changes_sign_with_x_and_not_with_its_unit(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    sums = moments(*values(rng, 200, 0.6, 0.3))
    scales = noise * np.array([1, *[4 * STEPS] * 2, *[(4 * STEPS) ** 2] * 3])
    sums = sums + rng.normal(size=6) * scales
    one = pearson_intervals(sums[None], scales, Z)
    turned = pearson_intervals(sums[None] * [1, -1, 1, 1, 1, -1], scales, Z)
    np.testing.assert_allclose(turned, (-one[0], -one[2], -one[1]), atol=1e-9)
    unit = np.array([1, 10, 1, 100, 1, 10])
    np.testing.assert_allclose(pearson_intervals(sums[None] * unit, scales * unit, Z), one, atol=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 30))
def test_spearman_turns_with_its_axes(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    table = histogram(rng, 500, 0.7, (3, 5), False) + rng.normal(size=(3, 5)) * scale
    one = spearman_intervals(table[None], scale, Z)
    np.testing.assert_allclose(spearman_intervals(table.T[None], scale, Z), one, atol=1e-9)
    turned = spearman_intervals(table[None, ::-1], scale, Z)
    np.testing.assert_allclose(turned, (-one[0], -one[2], -one[1]), atol=1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=9, max_size=9), st.floats(0.01, 1e5))
def test_an_interval_is_within_its_range_and_holds_its_value(cells: list[float], scale: float) -> None:
    found = spearman(np.array(cells).reshape(3, 3), scale, miss=MISS)
    assert -1 <= found.low <= found.high <= 1
    assert found.value is None or found.low <= found.value <= found.high


def assert_covers(cases: Iterator[tuple[dict[str, float], float, float]], draws: int, most: float) -> None:
    """Coverage of 0.95 within four standard errors of the simulation, and not far over it where noise is small."""
    error = 4 * (MISS * (1 - MISS) / draws) ** 0.5
    cases_found = list(cases)
    assert min(coverage for _, coverage, _ in cases_found) >= max(
        1 - MISS - error, LEAST if draws >= 10_000 else 0
    )
    small = [coverage for case, coverage, _ in cases_found if case["n"] >= 10_000 and case["noise"] <= 0.01]
    assert max(small) <= most + error


def test_pearson_covers() -> None:
    assert_covers(pearson_coverage(2000, (30, 10_000)), 2000, 0.96)


def test_spearman_covers() -> None:
    assert_covers(spearman_coverage(500, (30, 10_000)), 500, 0.965)


@pytest.mark.slow
def test_correlations_cover_at_every_size() -> None:
    assert_covers(pearson_coverage(10_000), 10_000, 0.96)
    assert_covers(spearman_coverage(10_000), 10_000, 0.965)
