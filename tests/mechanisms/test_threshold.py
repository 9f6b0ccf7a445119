"""Discovered keys: what is charged covers what is released, ties included."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import opendp.prelude as dp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpinsights.errors import InternalError, PlanError
from dpinsights.mechanisms.threshold import KeyThreshold, threshold_for
from dpinsights.model.numbers import DELTA_UNITS


def tail(scale: float, least: int) -> float:
    """P[Z >= least] of a discrete Gaussian, from its definition."""
    reach = np.arange(-math.ceil(40 * scale) - 40, math.ceil(40 * scale) + 41, dtype=np.float64)
    mass = np.exp(-0.5 * (reach / scale) ** 2)
    return float(mass[reach >= least].sum() / mass.sum())


def with_ties(scale: float, threshold: int) -> Any:
    """OpenDP's own mechanism for counts, which releases what equals the threshold too."""
    return dp.m.make_gaussian_threshold(
        dp.map_domain(dp.atom_domain(T="i64"), dp.atom_domain(T="i64")),
        dp.l02inf_distance(dp.absolute_distance(T="f64")),
        scale,
        threshold,
    )


def counts(l0: int, linf: int, scale: float, threshold: int) -> KeyThreshold:
    return KeyThreshold(unit="x", l0=l0, linf=linf, scale=scale, threshold=threshold)


def test_the_mend_is_still_needed() -> None:
    """Fails once OpenDP mends opendp/opendp#2922: then take `strictly` out of KeyThreshold, and this test."""
    upstream = with_ties(0.01, 6)  # no noise to speak of: P[Z != 0] < exp(-4999)
    assert upstream({1: 6}) == {1: 6}, "OpenDP no longer releases ties"
    claimed = with_ties(2.0, 6).map((1, 1.0, 1.0))[1]
    assert claimed < tail(2.0, 5), "OpenDP's delta now covers ties"


def test_only_what_is_above_the_threshold_is_released() -> None:
    mechanism = counts(1, 1, 0.01, 6)
    assert mechanism.draw(lambda: {1: 6, 2: 7, 3: 5, 4: -7}) == {2: 7}


@given(st.floats(0.5, 60), st.floats(1.5, 6), st.integers(1, 9), st.integers(1, 40))
def test_the_stated_delta_covers_the_keys_that_only_one_customer_holds(
    scale: float, scales: float, l0: int, linf: int
) -> None:
    threshold = max(2 * linf, round(linf + scale * scales))
    true = 1 - (1 - tail(scale, threshold - linf + 1)) ** l0
    assert true <= counts(l0, linf, scale, threshold).loss(1)[1]


@given(st.floats(0.5, 60), st.floats(2, 6), st.integers(1, 9), st.integers(1, 40))
def test_two_customers(scale: float, scales: float, l0: int, linf: int) -> None:
    threshold = max(2 * linf, round(2 * linf + scale * scales))
    mechanism = counts(l0, linf, scale, threshold)
    rho, delta = mechanism.loss(2)
    assert rho == pytest.approx(4 * mechanism.loss(1)[0], rel=1e-12)
    assert rho >= 4 * l0 * linf**2 / (2 * scale**2) * (1 - 1e-15)
    for keys, each in ((2 * l0, linf), (l0, 2 * linf)):
        assert 1 - (1 - tail(scale, threshold - each + 1)) ** keys <= delta


def test_no_loss_is_stated_for_more_customers_than_the_threshold() -> None:
    with pytest.raises(InternalError, match="no loss"):
        counts(1, 1, 0.1, 6).loss(7)


@given(st.integers(1, 30), st.integers(1, 50), st.floats(0.1, 1e6), st.integers(10**5, 10**12))
@settings(max_examples=40)
def test_the_threshold_is_the_smallest_that_fits_its_delta(
    l0: int, linf: int, scale: float, units: int
) -> None:
    threshold = threshold_for(l0=l0, linf=linf, scale=scale, delta_units=units)
    assert counts(l0, linf, scale, threshold).delta_units <= units
    if threshold > 2 * linf:
        assert counts(l0, linf, scale, threshold - 1).delta_units > units


def test_a_policy_s_delta_of_discovery_can_be_had() -> None:
    threshold = threshold_for(l0=20, linf=1, scale=150.0, delta_units=DELTA_UNITS // 10**11)
    assert 7 * 150 < threshold < 8 * 150


def test_a_delta_that_floats_can_t_state_is_refused() -> None:
    with pytest.raises(PlanError, match=r"at a delta of 1e-17: .* take a larger budget for the report"):
        threshold_for(l0=4, linf=1, scale=10.0, delta_units=10)


def test_released_keys_come_in_ascending_order_whatever_order_they_were_counted_in() -> None:
    keys = [int(key) for key in np.random.default_rng(5).integers(0, 2**63 - 1, 300)]
    released = counts(1, 1, 1.0, 10).draw(lambda: dict.fromkeys(keys, 1_000_000))
    assert list(released) == sorted(keys)


SECRET = 123_456_789


@pytest.mark.parametrize(
    "bad", [{1: 2.5}, {SECRET: None}, {"a": 1}, {True: 3}, {1: np.int64(SECRET)}, {2**63: 1}, 7]
)
def test_counts_that_are_no_counts_are_refused_without_a_word_of_them(bad: Any) -> None:
    with pytest.raises(InternalError, match="refused an aggregate") as caught:
        counts(1, 1, 1.0, 10).draw(lambda: bad)
    assert caught.value.__cause__ is None and str(SECRET) not in str(caught.value)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_no_scale_is_refused(scale: float) -> None:
    with pytest.raises(InternalError):
        counts(1, 1, scale, 10)


@pytest.mark.parametrize(
    ("l0", "linf", "threshold"), [(0, 1, 10), (1, 0, 10), (1, 6, 11), (1, 1, 1), (1, 1, 2**62)]
)
def test_bounds_without_room_are_refused(l0: int, linf: int, threshold: int) -> None:
    with pytest.raises(InternalError):
        counts(l0, linf, 1.0, threshold)


@pytest.mark.slow
def test_audit_a_lone_customer_s_key_is_released_no_more_often_than_stated() -> None:
    """Coarse settings, where the fault shows; keys are independent, so one draw is many trials."""
    trials, scale, threshold = 400_000, 2.0, 6
    lone = dict.fromkeys(range(trials), 1)
    mended = counts(1, 1, scale, threshold)
    claimed = mended.loss(1)[1]

    def released(draw: Callable[[], dict[int, int]]) -> tuple[float, float]:
        share = len(draw()) / trials
        return share, 6 * math.sqrt(share / trials)

    share, margin = released(lambda: mended.draw(lambda: lone))
    assert share + margin < claimed
    assert abs(share - tail(scale, threshold)) < margin
    share, margin = released(lambda: with_ties(scale, threshold)(lone))
    assert share - margin > claimed
