"""Selection: the loss is OpenDP's own and covers the exponential mechanism, and the choice is that mechanism's."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import logsumexp

from dpinsights.errors import InternalError
from dpinsights.mechanisms.selection import NoisyMax, NoisyTopK, scale_for_selection

choices = pytest.mark.parametrize("k", [1, 3])


def choice(k: int, *, size: int = 3, linf: int = 1, scale: float) -> NoisyMax | NoisyTopK:
    if k == 1:
        return NoisyMax(unit="x", size=size, linf=linf, scale=scale)
    return NoisyTopK(k=k, unit="x", size=size, linf=linf, scale=scale)


def log_chances(scores: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """The logarithms of the exponential mechanism's probabilities."""
    return np.asarray(scores / scale - logsumexp(scores / scale), dtype=np.float64)


@choices
@given(linf=st.integers(1, 10**6), scale=st.floats(1e-2, 1e9))
def test_the_loss_is_that_of_so_many_exponential_mechanisms(k: int, linf: int, scale: float) -> None:
    made = choice(k, linf=linf, scale=scale)
    for customers in (1, 2):
        closed = k * Fraction(customers * linf) ** 2 / (2 * Fraction(scale) ** 2)
        assert made.rho(customers) >= closed
        assert made.rho(customers) == pytest.approx(float(closed), rel=1e-12)


@given(
    st.lists(st.integers(-50, 50), min_size=2, max_size=6), st.data(), st.integers(1, 9), st.floats(0.5, 50)
)
def test_one_customer_is_hidden_as_stated(
    scores: list[int], data: st.DataObject, linf: int, scale: float
) -> None:
    """Renyi divergences between the exponential mechanism's choices on scores that one customer may tell apart."""
    moves = data.draw(st.lists(st.integers(-linf, linf), min_size=len(scores), max_size=len(scores)))
    with_it, without = np.array(scores), np.array(scores) + np.array(moves)
    p, q = log_chances(with_it, scale), log_chances(without, scale)
    rho = choice(1, size=len(scores), linf=linf, scale=scale).rho(1)
    for order in (1.01, 2.0, 8.0, 64.0):
        divergence = logsumexp(q + order * (p - q)) / (order - 1)
        assert divergence <= order * rho * (1 + 1e-9) + 1e-9


@choices
@given(linf=st.integers(1, 10**6), units=st.integers(10**3, 2**60))
def test_the_scale_that_a_charge_buys_fits_the_charge(k: int, linf: int, units: int) -> None:
    scale = scale_for_selection(linf=linf, rho_units=units, k=k)
    made = choice(k, linf=linf, scale=scale)
    assert made.rho_units <= units
    assert units - made.rho_units <= max(2, units * 1e-9)


@pytest.mark.parametrize("smallest", [False, True])
def test_choices_are_drawn_as_the_exponential_mechanism_draws_them(smallest: bool) -> None:
    scores, scale, draws = np.array([0, 12, -7, 5]), 10.0, 6_000
    made = NoisyMax(unit="x", size=4, linf=1, scale=scale, smallest=smallest)
    drawn = np.bincount([made.draw(scores.copy) for _ in range(draws)], minlength=4)
    wanted = draws * np.exp(log_chances(-scores if smallest else scores, scale))
    assert np.all(np.abs(drawn - wanted) < 7 * np.sqrt(wanted))


def test_the_largest_come_first_where_noise_is_small() -> None:
    made = NoisyTopK(k=3, unit="x", size=5, linf=1, scale=1.0)
    assert made.draw(lambda: np.array([500, -300, 900, 0, 700])) == (2, 4, 0)


def test_scores_at_the_ends_of_64_bits_are_told_apart() -> None:
    made = NoisyMax(unit="x", size=3, linf=1, scale=1e-3)
    assert made.draw(lambda: np.array([2**63 - 2, 2**63 - 1, -(2**63)])) == 1


@choices
@pytest.mark.parametrize("scores", [np.zeros(2, dtype=np.int64), np.zeros(3, dtype=np.int32), np.zeros(3)])
def test_scores_of_another_shape_are_refused(k: int, scores: NDArray[np.int64]) -> None:
    with pytest.raises(InternalError, match="refused its scores") as caught:
        choice(k, scale=1.0).draw(lambda: scores)
    assert caught.value.__cause__ is None


@choices
@pytest.mark.parametrize(
    ("size", "linf", "scale"),
    [(0, 1, 1.0), (3, 0, 1.0), (3, 1, 0.0), (3, 1, math.nan), (3, 1, math.inf), (3, 1, -1.0)],
)
def test_what_is_no_selection_is_refused(k: int, size: int, linf: int, scale: float) -> None:
    with pytest.raises(InternalError):
        choice(k, size=size, linf=linf, scale=scale)


@pytest.mark.parametrize("k", [0, 4])
def test_no_more_can_be_chosen_than_there_are(k: int) -> None:
    with pytest.raises(InternalError):
        NoisyTopK(k=k, unit="x", size=3, linf=1, scale=1.0)
