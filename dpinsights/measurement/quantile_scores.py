"""Scores for the exponential mechanism to choose a quantile by, among public cuts.

Bins are counts of customers, each customer in one: below the first cut, from each cut up to the next, from the last
cut on. With p = num / den, a cut's score is |(den - num) * below - num * not below|, 0 at the quantile: a customer
below moves it by den - num at most and another by num, so its sensitivity is the larger of them.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_MOST = 2**62


def quantile_scores(bins: NDArray[np.int64], probability: Fraction) -> NDArray[np.int64]:
    """The score of each cut, smallest at the quantile; one fewer than there are bins.

    Worked out in whole numbers of any size and clamped to 62 bits, so that nothing overflows or raises; clamping
    brings no two scores further apart.

    >>> quantile_scores(np.array([3, 0, 1, 6]), Fraction(1, 2))
    array([4, 4, 2])
    """
    num, den = probability.numerator, probability.denominator
    counts = [int(count) for count in bins]
    total, below, scores = sum(counts), 0, []
    for count in counts[:-1]:
        below += count
        scores.append(min(abs(den * below - num * total), _MOST))
    return np.array(scores, dtype=np.int64)


def grouped_scores(bins: NDArray[np.int64], probability: Fraction, each: int) -> NDArray[np.int64]:
    """The scores of each group's cuts, group by group, from the counts of its bins, of which there are `each`.

    >>> grouped_scores(np.array([3, 0, 1, 2, 1, 0]), Fraction(1, 2), 3)
    array([2, 2, 1, 3])
    """
    return np.concatenate([quantile_scores(group, probability) for group in bins.reshape(-1, each)])


def quantile_sensitivity(probability: Fraction) -> int:
    """How far one customer moves a score at most.

    >>> quantile_sensitivity(Fraction(1, 4)), quantile_sensitivity(Fraction(9, 10))
    (3, 9)
    """
    return max(probability.numerator, probability.denominator - probability.numerator)
