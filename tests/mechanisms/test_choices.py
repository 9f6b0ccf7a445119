"""Choices for several groups: each is one exponential mechanism, the loss is their sum, and scores are taken once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dpinsights.errors import InternalError
from dpinsights.measurement.quantile_scores import quantile_sensitivity
from dpinsights.mechanisms.selection import GroupedMin
from dpinsights.mechanisms.stated import stated_loss
from dpinsights.model.expressions import Constant
from dpinsights.model.measurement import Group, Relation, Selection


def selection(p: str = "0.25", groups: int = 3, bins: int = 5) -> Selection:
    cells = (Group(Constant(0), groups), Group(Constant(0), bins))
    return Selection(Relation("any", None, cells, None, None, None, None, None, "seed"), Decimal(p))


@given(
    p=st.integers(1, 999), groups=st.integers(1, 40), scale=st.floats(0.1, 1e6), customers=st.integers(1, 2)
)
def test_the_loss_is_that_of_one_choice_for_each_group(
    p: int, groups: int, scale: float, customers: int
) -> None:
    asked = selection(f"0.{p:03}", groups)
    made = GroupedMin.of(asked, unit="x", scale=scale)
    linf = quantile_sensitivity(Fraction(p, 1000))
    closed = groups * Fraction(customers * linf) ** 2 / (2 * Fraction(scale) ** 2)
    assert asked.linf == linf and asked.l2_squared == groups * linf**2
    assert made.rho(customers) >= closed and made.rho(customers) == pytest.approx(float(closed), rel=1e-12)
    one, two, *deltas = stated_loss(asked, unit="x", scale=scale, threshold=None)
    assert (one, two, deltas) == (made.rho(1), made.rho(2), [0.0, 0.0])


def test_each_group_chooses_by_its_own_scores_which_are_taken_once() -> None:
    taken = []

    def take() -> NDArray[np.int64]:
        taken.append(1)
        return np.array([0, 500, 500, 500] + [500, 500, 500, 0] + [500, 0, 500, 500])

    made = GroupedMin.of(selection(), unit="x", scale=3.0)
    assert made.draw(take).tolist() == [0, 3, 1] and len(taken) == 1


def test_groups_with_equal_scores_do_not_share_their_noise() -> None:
    made = GroupedMin(unit="x", groups=60, size=4, linf=1, scale=1.0)
    drawn = np.bincount(made.draw(lambda: np.zeros(240, dtype=np.int64)), minlength=4)
    assert np.all(drawn > 0)


@pytest.mark.parametrize("take", [lambda: np.zeros(11, dtype=np.int64), lambda: np.zeros(12)])
def test_scores_of_another_shape_are_refused(take: Callable[[], NDArray[np.int64]]) -> None:
    with pytest.raises(InternalError, match="refused its scores"):
        GroupedMin.of(selection(), unit="x", scale=1.0).draw(take)
    with pytest.raises(InternalError, match="needs a group"):
        GroupedMin(unit="x", groups=0, size=4, linf=1, scale=1.0)
