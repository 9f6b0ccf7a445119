"""Intervals: exact half-widths, Fieller, the box, and what they do at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dpinsights.estimation.discrete import SUMMED, half_width, scale_for_half_width
from dpinsights.estimation.intervals import Noisy, combine, method, ratio

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
