"""Scores of quantiles: whole numbers, 0 at the quantile, and no further apart than one customer may move them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.measurement.quantile_scores import quantile_scores, quantile_sensitivity
from dpinsights.mechanisms.selection import NoisyMax

probabilities = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=100)
histograms = st.lists(st.integers(0, 1000), min_size=2, max_size=12)


@given(histograms, probabilities)
def test_the_best_cut_is_the_one_nearest_to_the_quantile(bins: list[int], p: Fraction) -> None:
    scores = quantile_scores(np.array(bins), p)
    misses = [abs(Fraction(sum(bins[: place + 1])) - p * sum(bins)) for place in range(len(bins) - 1)]
    assert [Fraction(int(score), p.denominator) for score in scores] == misses


@given(histograms, probabilities, st.data())
def test_one_customer_moves_a_score_by_no_more_than_the_sensitivity(
    bins: list[int], p: Fraction, data: st.DataObject
) -> None:
    before = np.array(bins)
    after = before.copy()
    after[data.draw(st.integers(0, len(bins) - 1))] += 1
    moved = np.abs(quantile_scores(after, p) - quantile_scores(before, p))
    assert moved.max() <= quantile_sensitivity(p)


@given(probabilities)
def test_the_sensitivity_is_reached(p: Fraction) -> None:
    empty = quantile_scores(np.zeros(2, dtype=np.int64), p)
    moved = [int(quantile_scores(np.array(bins), p)[0] - empty[0]) for bins in ([1, 0], [0, 1])]
    assert max(moved) == quantile_sensitivity(p)


def test_scores_of_absurd_counts_are_clamped() -> None:
    assert list(quantile_scores(np.array([0, 2**63 - 1]), Fraction(1, 2))) == [2**62]


def test_a_quantile_chosen_by_its_scores() -> None:
    scores = quantile_scores(np.bincount(np.repeat(np.arange(10), 500)), Fraction(3, 10))
    chosen = NoisyMax(
        unit="x", size=9, linf=quantile_sensitivity(Fraction(3, 10)), scale=50.0, smallest=True
    ).draw(scores.copy)
    assert chosen == 2
