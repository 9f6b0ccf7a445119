"""Regression: equal to numpy's on exact moments, invariant where it should be, covered for every term."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from dpinsights.estimation.regression import SINGULAR, Regression, Units, regression, regression_intervals

MISS = 0.05
Z = float(stats.norm.ppf(1 - MISS / 2))
LEAST = 0.939
"""PRIVACY.md, Estimates."""

Array = NDArray[np.float64]


def columns(rng: np.random.Generator, n: int, p: int, correlated: float, explained: float) -> Array:
    """1, x1 .. xp and y for n customers, of shape (n, p + 2), as centred and scaled by public figures: a bit off."""
    common = rng.normal(size=(n, 1))
    x = (
        correlated**0.5 * common
        + (1 - correlated) ** 0.5 * rng.normal(size=(n, p))
        + rng.uniform(-0.3, 0.3, p)
    )
    y = explained * x @ np.linspace(1, -0.5, p) + rng.normal(size=n)
    return np.asarray(np.clip(np.column_stack([np.ones(n), x, y]), -4, 4))


def moments(table: Array) -> Array:
    return np.asarray(table.T @ table)


def symmetric_noise(rng: np.random.Generator, scales: Array, draws: int) -> Array:
    upper = np.triu(rng.normal(size=(draws, *scales.shape)) * scales)
    return np.asarray(upper + np.swapaxes(np.triu(upper, 1), 1, 2))


def squared(table: Array, fit: Array) -> float:
    """R squared, from the residuals."""
    y = table[:, -1]
    return float(1 - np.sum((y - table[:, :-1] @ fit) ** 2) / np.sum((y - y.mean()) ** 2))


def least_squares(table: Array) -> Array:
    return np.asarray(np.linalg.lstsq(table[:, :-1], table[:, -1])[0])


def regression_coverage(
    draws: int, sizes: tuple[int, ...] = (200, 5000, 1_000_000), seed: int = 1
) -> Iterator[tuple[dict[str, float], float, float]]:
    """For each case and term (the last is R squared): what it is, the coverage, the share of draws with a value.

    Noise is relative to the least eigenvalue of the predictors' moments; up to 1, where nothing can be told.
    """
    rng = np.random.default_rng(seed)
    for n in sizes:
        for p in (1, 2, 3, 4):
            for correlated in (0.0, 0.5, 0.9, 0.98) if p > 1 else (0.0,):
                for explained in (0.0, 1.0):
                    table = columns(rng, n, p, correlated, explained)
                    exact, fit = moments(table), least_squares(table)
                    truths = [*fit, squared(table, fit)]
                    smallest = np.linalg.eigvalsh(exact[:-1, :-1])[0]
                    for relative in (0.001, 0.03, 0.1, 0.2, 0.4):
                        scales = np.full(exact.shape, relative * smallest)
                        scales[0], scales[:, 0] = scales[0] / 3, scales[:, 0] / 3
                        noisy = exact + symmetric_noise(rng, scales, draws)
                        found = regression_intervals(noisy, scales, Z, np.eye(p + 1))
                        for j, truth in enumerate(truths):
                            hit = (found[1][:, j] <= truth + 1e-9) & (truth - 1e-9 <= found[2][:, j])
                            case = {"n": n, "p": p, "correlated": correlated, "explained": explained}
                            case |= {"noise": relative, "term": j}
                            yield case, float(hit.mean()), float(np.mean(~np.isnan(found[0][:, j])))


def exactly(table: Array, units: Units | None = None) -> Regression:
    return regression(moments(table), np.full((table.shape[1],) * 2, 1e-7), miss=MISS, units=units)


@pytest.mark.parametrize("p", [1, 2, 3, 4])
@pytest.mark.parametrize("correlated", [0.0, 0.9])
def test_it_is_numpys_on_exact_moments(p: int, correlated: float) -> None:
    table = columns(np.random.default_rng(p), 1000, p, correlated, 1.0)
    found, fit = exactly(table), least_squares(table)
    assert [term.value for term in found.terms] == pytest.approx(list(fit), abs=1e-8)
    assert found.r_squared.value == pytest.approx(squared(table, fit), abs=1e-8)
    assert all(term.high - term.low < 1e-6 for term in (*found.terms, found.r_squared))
    assert found.reason is None


def test_original_units_are_numpys_on_the_original_columns() -> None:
    table = columns(np.random.default_rng(7), 1000, 3, 0.5, 1.0)
    units = Units(centres=(100.0, -3.0, 0.5, 2000.0), units=(25.0, 0.1, 7.0, 400.0))
    original = table.copy()
    original[:, 1:] = table[:, 1:] * units.units + np.array(units.centres)
    found, fit = exactly(table, units), least_squares(original)
    assert [term.value for term in found.terms] == pytest.approx(list(fit), rel=1e-6)
    assert found.r_squared.value == pytest.approx(squared(original, fit), abs=1e-6)


def test_the_intercept_in_original_units_covers() -> None:
    rng = np.random.default_rng(8)
    table = columns(rng, 2000, 2, 0.5, 1.0)
    units = Units(centres=(40.0, 3.0, 50.0), units=(20.0, 1.0, 10.0))
    combinations = np.array([units.intercept(), [0, 1, 0], [0, 0, 1]])
    scales = np.full((4, 4), 40.0)
    noisy = moments(table) + symmetric_noise(rng, scales, 10_000)
    _, low, high = regression_intervals(noisy, scales, Z, combinations)
    truth = combinations @ least_squares(table)
    assert np.mean((low[:, :3] <= truth) & (truth <= high[:, :3]), axis=0) == pytest.approx(0.95, abs=0.011)


def test_collinear_predictors_and_empty_groups_have_no_values() -> None:
    table = columns(np.random.default_rng(9), 1000, 2, 0.5, 1.0)
    table[:, 2] = table[:, 1]
    for exact in (moments(table), np.zeros((4, 4))):
        found = regression(
            exact + symmetric_noise(np.random.default_rng(10), np.ones((4, 4)), 1)[0],
            np.ones((4, 4)),
            miss=MISS,
        )
        assert found.reason == SINGULAR
        assert all(term.value is None and term.low == -np.inf and term.high == np.inf for term in found.terms)
        assert (found.r_squared.value, found.r_squared.low, found.r_squared.high) == (None, 0.0, 1.0)


def test_units_are_positive_and_one_a_column() -> None:
    with pytest.raises(ValueError, match="positive unit"):
        Units((0.0, 0.0), (1.0, 0.0))


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_predictors_in_another_order_have_the_same_intervals(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    scales = np.full((5, 5), scale)
    noisy = moments(columns(rng, 500, 3, 0.3, 1.0)) + symmetric_noise(rng, scales, 1)[0]
    one, order = regression(noisy, scales, miss=MISS), [0, 3, 1, 2, 4]
    other = regression(noisy[np.ix_(order, order)], scales, miss=MISS)
    assert other.reason == one.reason
    for found, expected in zip(other.terms, [one.terms[i] for i in order[:-1]], strict=True):
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-8)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e4))
def test_an_interval_holds_its_value(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    noisy = moments(columns(rng, 300, 2, 0.6, 1.0)) + symmetric_noise(rng, np.full((4, 4), scale), 1)[0]
    found = regression(noisy, np.full((4, 4), scale), miss=MISS)
    assert 0 <= found.r_squared.low <= found.r_squared.high <= 1
    for term in (*found.terms, found.r_squared):
        assert term.low <= term.high
        assert term.value is None or term.low <= term.value <= term.high


def assert_covers(draws: int, sizes: tuple[int, ...], seed: int) -> None:
    """At least what is promised, or 0.95 within four standard errors of few draws; not far over it at small noise."""
    error = 4 * (MISS * (1 - MISS) / draws) ** 0.5
    cases = list(regression_coverage(draws, sizes, seed))
    assert min(coverage for _, coverage, _ in cases) >= (LEAST if draws >= 10_000 else 1 - MISS - error)
    assert (
        max(coverage for case, coverage, _ in cases if case["noise"] <= 0.01 and case["explained"])
        <= 0.96 + error
    )


def test_every_term_covers() -> None:
    assert_covers(1000, (200,), 1)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "sizes"), [(1, (200, 1_000_000)), (5, (200, 5000))])
def test_every_term_covers_at_every_size(seed: int, sizes: tuple[int, ...]) -> None:
    assert_covers(10_000, sizes, seed)
