"""Variance and deviation: numpy's on exact data, sound limits at any noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.estimation.intervals import Interval, Noisy
from dpinsights.estimation.spread import deviation, variance
from tests.estimation.simulation import LOWEST, Reals, noise

MISS = 0.05
REACH = 1000.0
"""Values are clipped to [-REACH, REACH] around the centre."""

DATA = {
    # name: from a number of customers to their values around the centre
    "lognormal": lambda n: (
        np.clip(np.rint(np.random.default_rng(1).lognormal(5, 1, n)), 0, 2 * REACH) - REACH
    ),
    "all at one end": lambda n: np.full(n, -REACH),
    "far from the centre": lambda n: np.rint(np.random.default_rng(2).normal(-800, 50, n)),
    "at both ends": lambda n: np.random.default_rng(3).choice([-REACH, REACH], n),
}


def moments(values: Reals, count_scale: float, noises: Reals = np.zeros(3)) -> tuple[Noisy, Noisy, Noisy]:
    """n, S1 and S2 with noise in proportion to what one customer can add."""
    scales = count_scale * np.array([1.0, REACH, REACH**2])
    exact = np.array([len(values), values.sum(), (values**2).sum()]) + noises
    n, first, second = (Noisy(float(v), float(s)) for v, s in zip(exact, scales, strict=True))
    return n, first, second


def coverage_of_variance(values: Reals, count_scale: float, *, draws: int, seed: int = 11) -> float:
    """How often the interval holds numpy's variance of the values, over draws of the noise."""
    rng = np.random.default_rng(seed)
    scales = count_scale * np.array([1.0, REACH, REACH**2])
    noises = np.column_stack([noise(float(scale), draws, rng) for scale in scales])
    truth = float(values.var())
    found = (variance(*moments(values, count_scale, row), largest=REACH**2, miss=MISS) for row in noises)
    return sum(f.low <= truth * (1 + 1e-9) and truth <= f.high * (1 + 1e-9) for f in found) / draws


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("size", [30, 5000])
def test_without_noise_it_is_that_of_numpy(name: str, size: int) -> None:
    values = DATA[name](size)
    n, first, second = moments(values, 1e-9)
    found = variance(n, first, second, largest=REACH**2, miss=MISS)
    assert found.value == pytest.approx(values.var(), rel=1e-6, abs=1e-3)
    assert deviation(n, first, second, largest=REACH**2, miss=MISS).value == pytest.approx(
        values.std(), rel=1e-6, abs=0.05
    )


@given(
    st.floats(-1e4, 1e7),
    st.floats(-1e9, 1e9),
    st.floats(-1e13, 1e13),
    st.floats(0.1, 1e5),
    st.floats(0.001, 0.2),
)
def test_limits_are_ordered_and_possible(
    n: float, first: float, second: float, scale: float, miss: float
) -> None:
    given_ = Noisy(n, scale), Noisy(first, scale * REACH), Noisy(second, scale * REACH**2)
    found = variance(*given_, largest=REACH**2, miss=miss)
    assert 0 <= found.low <= found.high <= REACH**2
    assert found.value is None or found.low <= found.value <= found.high
    root = deviation(*given_, largest=REACH**2, miss=miss)
    assert (root.low, root.high) == (math.sqrt(found.low), math.sqrt(found.high))
    assert (root.value is None) == (found.value is None)


@pytest.mark.parametrize("count", [-100.0, 0.0, 38.0])
def test_a_group_that_may_be_empty_has_none(count: float) -> None:
    found = variance(Noisy(count, 20.0), Noisy(5e4, 2e4), Noisy(5e7, 2e7), largest=REACH**2, miss=MISS)
    assert found == Interval(None, 0.0, REACH**2)


@given(st.floats(0.5, 100), st.integers(-300, 300))
def test_the_sign_of_the_values_is_of_no_matter(scale: float, shift: int) -> None:
    values = DATA["lognormal"](1000) / 4 + shift
    n, first, second = moments(values, scale)
    mirrored = variance(n, Noisy(-first.value, first.scale), second, largest=REACH**2, miss=MISS)
    found = variance(n, first, second, largest=REACH**2, miss=MISS)
    assert mirrored.low == pytest.approx(found.low, rel=1e-6, abs=1e-3)
    assert mirrored.high == pytest.approx(found.high, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(
    ("size", "scale"), [(30, 0.5), (30, 20), (300, 5), (300, 100), (10_000, 20), (10_000, 1000)]
)
def test_it_covers_at_any_size_and_noise(name: str, size: int, scale: float) -> None:
    assert coverage_of_variance(DATA[name](size), scale, draws=3000) >= LOWEST


@pytest.mark.slow
@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_with_little_noise_it_covers_little_more_than_asked(size: int) -> None:
    assert LOWEST <= coverage_of_variance(DATA["lognormal"](size), 40.0, draws=10_000) <= 0.97


def test_the_simulation_sees_intervals_that_are_too_short() -> None:
    """With noise of twice the scale that is told, coverage falls far below."""
    values, rng = DATA["lognormal"](10_000), np.random.default_rng(5)
    truth, hits = float(values.var()), 0
    for _ in range(400):
        noises = np.array([float(noise(80.0 * REACH**k, 1, rng)[0]) for k in range(3)])
        found = variance(*moments(values, 40.0, noises), largest=REACH**2, miss=MISS)
        hits += found.low <= truth <= found.high
    assert hits / 400 < 0.8
