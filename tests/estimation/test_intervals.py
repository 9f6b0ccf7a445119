"""Intervals: exact half-widths, Fieller, the box, and what they do at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dpinsights.estimation.discrete import SUMMED, half_width, scale_for_half_width
from dpinsights.estimation.intervals import (
    Interval,
    Noisy,
    combine,
    difference,
    method,
    quotient,
    ratio,
    ratio_of_sums,
    smooth,
    total,
)
from tests.estimation.simulation import LOWEST, Reals, noise

MISS = 0.05


def tail(scale: float, h: int) -> float:
    """P[|X| > h], by the definition of the discrete Gaussian."""
    x = np.arange(0, int(40 * scale) + 50, dtype=np.float64)
    mass = np.exp(-(x**2) / (2 * scale**2))
    mass /= mass[0] + 2 * mass[1:].sum()
    return float(2 * mass[h + 1 :].sum())


@pytest.mark.parametrize("scale", [0.1, 0.5, 1, 3.3, 20, 500, 1999, 2001, 5000])
def test_a_half_width_is_the_shortest_that_covers(scale: float) -> None:
    h = half_width(scale, MISS)
    assert tail(scale, h) <= MISS
    shorter = h - (2 if scale > SUMMED else 1)
    assert shorter < 0 or tail(scale, shorter) > MISS


@pytest.mark.parametrize("width", [0.5, 1, 7, 100, 12345, 1e7])
def test_a_wanted_margin_is_met(width: float) -> None:
    scale = scale_for_half_width(width, MISS)
    assert half_width(scale, MISS) <= width < half_width(scale * 1.02 + 0.6, MISS) + 1


def test_combined_draws_weigh_by_precision() -> None:
    found = combine((10.0, 40.0), (1.0, 3.0))
    assert found.value == pytest.approx(13.0)
    assert found.scale == pytest.approx((1 + 1 / 9) ** -0.5)


def test_fieller_solves_its_own_equation() -> None:
    s, c = Noisy(5000.0, 100.0), Noisy(200.0, 25.0)
    found = ratio(s, c, low=-1000, high=1000, miss=MISS)
    z = stats.norm.ppf(1 - MISS / 2)
    for end in (found.low, found.high):
        assert (s.value - end * c.value) ** 2 == pytest.approx(z**2 * (s.scale**2 + (end * c.scale) ** 2))
    assert found.value == pytest.approx(25)


@pytest.mark.parametrize("count", [-500.0, -1.0, 0.0, 3.0, 40.0])
def test_a_group_that_may_be_empty_says_so(count: float) -> None:
    found = ratio(Noisy(90.0, 400.0), Noisy(count, 25.0), low=0, high=50, miss=MISS)
    assert found.value is None
    assert (found.low, found.high) == (0, 50)


def test_a_mean_stays_within_its_bounds() -> None:
    found = ratio(Noisy(9e6, 100.0), Noisy(1000.0, 25.0), low=0, high=50, miss=MISS)
    assert found.low == found.high == 50 or found.value == 50


def test_small_scales_take_the_box() -> None:
    assert method(19.9, 1000) == method(1000, 1) == "box"
    assert method(20, 20) == "fieller"
    found = ratio(Noisy(30.0, 2.0), Noisy(10.0, 1.0), low=0, high=10, miss=MISS)
    assert found.value == 3
    assert (found.low, found.high) == (26 / 12, 34 / 8)  # S within 4, C within 2, each missing 2.5% at most


@pytest.mark.parametrize("scales", [(0.3,) * 12, (0.6, 0.6), (1, 1, 1), (0.8, 5), (2, 3, 4, 0.5)])
def test_half_a_step_is_slack_enough_for_a_total(scales: tuple[float, ...]) -> None:
    """Against the exact convolution of the cells' noises."""
    mass = np.ones(1)
    for scale in scales:
        x = np.arange(-80, 81)
        one = np.exp(-0.5 * (x / scale) ** 2)
        mass = np.convolve(mass, one / one.sum())
    reach = np.abs(np.arange(len(mass)) - len(mass) // 2)
    for miss in (0.2, 0.05, 0.01):
        width = total([Noisy(0.0, scale) for scale in scales]).half_width(miss)
        assert mass[reach > width].sum() <= miss


@pytest.mark.parametrize("scale", [0.3, 0.5, 0.85, 1, 2.5, 7, 20, 300])
@pytest.mark.parametrize("miss", [0.2, 0.05, 0.01])
def test_a_smooth_scale_holds_the_lattice(scale: float, miss: float) -> None:
    width = smooth(scale, miss) * stats.norm.isf(miss / 2)
    assert tail(scale, math.floor(width)) <= miss


def test_fieller_knows_what_is_shared() -> None:
    """A part of a total: the limits are those of part / rest, which share nothing."""
    part, rest = Noisy(300.0, 30.0), Noisy(700.0, 40.0)
    found = ratio(part, total([part, rest]), low=0, high=1, miss=MISS, covariance=30.0**2)
    odds = ratio(part, rest, low=0, high=1000, miss=MISS)
    assert found.value == pytest.approx(0.3)
    assert (found.low, found.high) == pytest.approx((odds.low / (1 + odds.low), odds.high / (1 + odds.high)))


@pytest.mark.parametrize(("numerator", "denominator"), [(500.0, 150.0), (-500.0, 0.0), (5e6, -900.0)])
@pytest.mark.parametrize("scale", [5.0, 100.0])
def test_a_sum_that_may_be_zero_divides_nothing(numerator: float, denominator: float, scale: float) -> None:
    small = Noisy(denominator * scale / 100, scale)
    found = ratio_of_sums(Noisy(numerator, 100.0), small, miss=MISS)
    assert found == Interval(None, -math.inf, math.inf)
    assert ratio_of_sums(Noisy(numerator, 100.0), small, low=-2, high=3, miss=MISS) == Interval(None, -2, 3)


@given(
    st.floats(-1e6, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(0.1, 1e4),
    st.floats(0.1, 1e4),
    st.floats(-0.99, 0.99),
)
def test_a_ratio_of_sums_holds_its_value(s: float, c: float, sd_s: float, sd_c: float, rho: float) -> None:
    found = ratio_of_sums(Noisy(s, sd_s), Noisy(c, sd_c), miss=MISS, covariance=rho * sd_s * sd_c)
    if found.value is None:
        assert (found.low, found.high) == (-math.inf, math.inf)
    else:
        assert c > 0
        assert -math.inf < found.low <= found.value <= found.high < math.inf
        assert found.value == pytest.approx(s / c)


REASONABLE = st.tuples(st.floats(-100, 100), st.floats(0.01, 50), st.floats(0.01, 50)).map(
    lambda drawn: Interval(drawn[0], drawn[0] - drawn[1], drawn[0] + drawn[2])
)


@given(REASONABLE, REASONABLE)
def test_a_difference_turned_round_is_its_negative(one: Interval, other: Interval) -> None:
    there, back = difference(one, other), difference(other, one)
    assert there.value is not None and back.value is not None
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    widths = (one.high - one.low, other.high - other.low)
    assert there.high - there.low >= max(widths) / 2
    assert there.high - there.low <= sum(widths) * (1 + 1e-9)


@given(REASONABLE, REASONABLE.map(lambda i: Interval(i.value + 151.0, i.low + 151.0, i.high + 151.0)))
def test_a_quotient_solves_its_own_difference(one: Interval, other: Interval) -> None:
    """At each end t of one / other, the limit of one - t other is zero."""
    found = quotient(one, other)
    assert found.value is not None and one.value is not None and other.value is not None
    for t, low in ((found.low, True), (found.high, False)):
        ends = sorted((t * other.low, t * other.high))
        apart = difference(one, Interval(t * other.value, *ends))
        least = 0.0 if low and one.low >= 0 else -math.inf
        if t > least:
            assert (apart.low if low else apart.high) == pytest.approx(0, abs=1e-5)


def test_no_value_of_one_leaves_none_of_both() -> None:
    nothing, some = Interval(None, 0.0, 20.0), Interval(10.0, 7.0, 13.0)
    assert difference(nothing, some) == Interval(None, -13, 13)
    assert difference(some, nothing, low=-5, high=5) == Interval(None, -5, 5)
    assert quotient(nothing, some) == Interval(None, 0, 20 / 7)
    assert quotient(some, nothing) == Interval(None, 0, math.inf)
    assert quotient(Interval(-1.0, -2.0, 0.5), nothing) == Interval(None, -math.inf, math.inf)


def test_bounds_that_cut_an_estimate_do_not_shorten_a_difference() -> None:
    """At the corner of both ranges the limits' distances would be too short by a part of their own."""
    low = ratio(Noisy(300.0, 2500.0), Noisy(200.0, 25.0), low=0, high=100, miss=MISS)
    high = ratio(Noisy(19_000.0, 2500.0), Noisy(200.0, 25.0), low=0, high=100, miss=MISS)
    assert low.low == 0 and high.high == 100
    found = difference(high, low, low=-100, high=100)
    cut = difference(*(Interval(i.value, i.low, i.high) for i in (high, low)))
    assert cut.high < 100 == found.high


def coverage_of_funnel(cells: tuple[int, ...], scale: float, *, draws: int, seed: int = 5) -> float:
    """How often a step's rate, whose numerator is part of its denominator, is held."""
    noisy = np.array(cells) + noise(scale, (draws, len(cells)), np.random.default_rng(seed))
    rate, hits = sum(cells[1:]) / sum(cells), 0
    for row in noisy:
        all_ = [Noisy(float(value), scale) for value in row]
        later = total(all_[1:])
        found = ratio(later, total(all_), low=0, high=1, miss=MISS, covariance=later.scale**2)
        hits += found.low <= rate <= found.high
    return hits / draws


def coverage_of_two_means(
    one: tuple[float, int], other: tuple[float, int], scale: float, *, draws: int, seed: int = 6
) -> tuple[float, float]:
    """How often the difference and the quotient of two means in [0, 100], each (mean, count), are held."""
    rng = np.random.default_rng(seed)

    def means(mean: float, count: int) -> list[Interval]:
        sums: Reals = round(mean * count) + noise(scale * 100, draws, rng)
        counts: Reals = count + noise(scale, draws, rng)
        return [
            ratio(Noisy(float(s), scale * 100), Noisy(float(c), scale), low=0, high=100, miss=MISS)
            for s, c in zip(sums, counts, strict=True)
        ]

    pairs = list(zip(means(*one), means(*other), strict=True))
    apart = [difference(a, b, low=-100, high=100) for a, b in pairs]
    index = [quotient(a, b) for a, b in pairs]
    first, second = (round(mean * count) / count for mean, count in (one, other))
    return (
        sum(f.low <= first - second <= f.high for f in apart) / draws,
        sum(f.low <= first / second <= f.high for f in index) / draws,
    )


@pytest.mark.parametrize(
    "cells", [(5, 3, 2), (100, 50, 3), (1000, 500, 300), (100_000, 3000, 50), (0, 20, 30)]
)
@pytest.mark.parametrize("scale", [1.0, 25.0, 200.0])
def test_a_rate_of_a_funnel_is_covered(cells: tuple[int, ...], scale: float) -> None:
    assert coverage_of_funnel(cells, scale, draws=5000) >= LOWEST


@pytest.mark.slow
@pytest.mark.parametrize("one", [(50, 400), (3, 100), (0, 200), (99.5, 80), (50, 20_000)])
@pytest.mark.parametrize("other", [(40, 300), (97, 60)])
@pytest.mark.parametrize("scale", [5.0, 25.0, 60.0])
def test_differences_and_quotients_are_covered(
    one: tuple[float, int], other: tuple[float, int], scale: float
) -> None:
    assert min(coverage_of_two_means(one, other, scale, draws=5000)) >= LOWEST
