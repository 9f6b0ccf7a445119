"""The rank that is stated of chosen cuts, in simulations of the exponential mechanism and at its worst."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from dpinsights.estimation.decoding import decode
from dpinsights.estimation.selecting import (
    hierarchy_error,
    is_selection_better,
    rank_margin,
    selection_error,
)
from dpinsights.measurement.quantile_scores import quantile_scores
from dpinsights.mechanisms.selection import NoisyMax
from dpinsights.model.strategy import Strategy

RNG = np.random.default_rng(20)
SPREAD = {
    "even": np.full(80, 50),
    "steep": (4000 * 0.8 ** np.arange(80)).astype(int) + 1,
    "one bin": np.eye(1, 80, 40, dtype=int)[0] * 5000,
    "gaps": np.where(np.arange(80) % 9 == 0, 400, 0),
}


def excess(chosen: NDArray[np.int64], bins: NDArray[np.int64], p: Decimal) -> NDArray[np.float64]:
    """By how many customers the rank of each chosen cut misses more than the best cut's does."""
    off = np.abs(np.cumsum(bins)[:-1] - float(p) * bins.sum())
    return np.asarray(off[chosen] - off.min())


def choices(bins: NDArray[np.int64], p: Decimal, scale: float, draws: int) -> NDArray[np.int64]:
    """As the exponential mechanism chooses: the largest of minus the scores plus Gumbel noise."""
    scores = quantile_scores(bins, Fraction(p))
    return np.argmax(-scores / scale + RNG.gumbel(size=(draws, len(scores))), axis=1)


@pytest.mark.parametrize("spread", SPREAD)
@pytest.mark.parametrize("at", [("0.5",), ("0.1", "0.5", "0.9"), ("0.45", "0.5", "0.55", "0.6")])
def test_sorted_choices_of_a_group_keep_the_stated_rank_together(spread: str, at: tuple[str, ...]) -> None:
    bins, draws = SPREAD[spread].astype(np.int64), 4_000
    asked = [Decimal(p) for p in at]
    scales = [40.0 * Fraction(p).denominator for p in asked]
    margin = rank_margin(asked, scales, candidates=79, miss=0.05)
    chosen = np.sort([choices(bins, p, s, draws) for p, s in zip(asked, scales, strict=True)], axis=0)
    missed = np.array([excess(one, bins, p) > margin for one, p in zip(chosen, asked, strict=True)])
    assert missed.any(axis=0).mean() <= 0.05 + 4 * math.sqrt(0.05 * 0.95 / draws)


def test_the_error_of_a_hierarchy_is_that_of_its_worst_decoded_rank() -> None:
    strategy, p = Strategy("tree", 60), 0.25
    noise = RNG.normal(0, 10, size=(20_000, strategy.rows))
    below = np.cumsum(decode(noise, strategy, 10.0).values, axis=-1)
    spread = (below - p * below[:, -1:]).std(axis=0).max()
    stated = hierarchy_error([Decimal("0.25")], strategy, 10.0, 0.05)
    assert stated == pytest.approx(1.96 * spread, rel=0.03)


def test_the_better_of_the_two_is_taken_whatever_both_cost() -> None:
    """The comparison at a cost of one half is that of the errors at any other."""
    strategy = Strategy("tree", 200)
    for at in (["0.5"], ["0.9"], ["0.5", "0.6"], ["0.1", "0.25", "0.5", "0.75", "0.9"]):
        asked = [Decimal(p) for p in at]
        for groups, rho in itertools.product((1, 2, 5), (1e-4, 0.3)):
            scales = [
                max(f.numerator, f.denominator - f.numerator) * math.sqrt(groups * len(asked) / (2 * rho))
                for f in map(Fraction, asked)
            ]
            chosen = selection_error(asked, scales, candidates=199, miss=0.05)
            tree = hierarchy_error(asked, strategy, math.sqrt(strategy.norm_squared / (2 * rho)), 0.05)
            better = is_selection_better(asked, strategy, groups=groups, miss=0.05)
            assert better == (chosen < tree)


def test_opendp_chooses_as_the_bound_assumes() -> None:
    """Of 20 cuts all but one are worse by just over the margin: OpenDP takes one of those about as often as stated."""
    scale, draws = 30.0, 4_000
    steps = math.floor(2 * selection_error([Decimal("0.5")], [scale], candidates=20, miss=0.05)) + 1
    scores = np.full(20, steps, dtype=np.int64)
    scores[7] = 0
    made = NoisyMax(unit="x", size=20, linf=1, scale=scale, smallest=True)
    missed = np.mean([made.draw(scores.copy) != 7 for _ in range(draws)])
    error = math.sqrt(0.05 * 0.95 / draws)
    assert 0.05 * 0.9 - 4 * error < missed < 0.05 + 4 * error


def test_fewer_cuts_and_more_confidence_move_the_margin_as_they_should() -> None:
    def error(candidates: int, miss: float) -> float:
        return selection_error([Decimal("0.5")], [20.0], candidates=candidates, miss=miss)

    assert error(1, 0.05) == 0 < error(2, 0.05) < error(100, 0.05) < error(100, 0.01)
    assert error(2, 0.05) == pytest.approx(10 * math.log(19))
