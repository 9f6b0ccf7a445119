"""The number charged is OpenDP's own, rounded up, and stands for the object that draws."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.errors import InternalError
from dpinsights.mechanisms.loss import epsilon_of, rho_units_of
from dpinsights.mechanisms.noise import GaussianNoise, root_up, scale_for, units_up
from dpinsights.model.numbers import RHO_UNITS

squares = st.integers(1, 10**30)


@given(squares)
def test_a_root_is_never_too_small(square: int) -> None:
    root = root_up(square)
    assert Fraction(root) ** 2 >= square > Fraction(math.nextafter(root, 0)) ** 2


@given(squares, st.integers(1, 2**60))
def test_the_noise_that_a_charge_buys_fits_the_charge(square: int, units: int) -> None:
    if not 1e-3 < square / units < 1e20:
        return
    scale = scale_for(l2_squared=square, rho_units=units)
    noise = GaussianNoise(unit="x", size=1, l2_squared=square, scale=scale)
    assert noise.rho_units <= units
    assert noise.rho(1) >= float(Fraction(square) / (2 * Fraction(scale) ** 2)) * (1 - 1e-15)
    assert units - noise.rho_units <= max(1, units * 1e-9)


def test_two_customers_cost_four_times_as_much() -> None:
    noise = GaussianNoise(unit="x", size=3, l2_squared=7, scale=13.0)
    assert noise.rho(2) == pytest.approx(4 * noise.rho(1), rel=1e-12)
    assert noise.rho(2) >= 4 * Fraction(7) / (2 * Fraction(13) ** 2)


@pytest.mark.parametrize("vector", [np.zeros(2, dtype=np.int64), np.zeros(3, dtype=np.int32), np.zeros(3)])
def test_a_vector_of_another_shape_is_refused(vector: np.ndarray) -> None:
    with pytest.raises(InternalError, match="refused an aggregate") as caught:
        GaussianNoise(unit="x", size=3, l2_squared=1, scale=1.0).draw(lambda: vector)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_no_scale_is_refused(scale: float) -> None:
    with pytest.raises(InternalError):
        GaussianNoise(unit="x", size=3, l2_squared=1, scale=scale)


@given(st.decimals("0.001", "50", places=3))
def test_a_cap_in_rho_never_exceeds_its_epsilon(epsilon: Decimal) -> None:
    delta = Decimal("1e-10")
    units = rho_units_of(epsilon, delta)
    assert epsilon_of(units, delta) <= epsilon < epsilon_of(units + RHO_UNITS // 10**6, delta) + Decimal("0.01")


def test_units_round_up() -> None:
    assert units_up(float(Fraction(1, 3))) == -(-Fraction(1 / 3) * RHO_UNITS // 1)
