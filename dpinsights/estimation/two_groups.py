"""Tests of a difference between two groups, or between two sums of one group: noise and sampling variance together.

Shares are Cochran and Armitage's test in two bins. Means and sums have a z whose sampling variance is a plug-in from
charged second moments; where the noise of a plug-in is more than a tenth of it, its upper 95% bound stands in, which
finds less and never more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scipy.special import ndtr

from dpinsights.estimation.intervals import Noisy
from dpinsights.estimation.significance import DRAWS, TESTABLE, Tested, score_trend

RELIABLE: Final = 0.1
"""A plug-in variance is used as it is where its noise is at most this part of it."""

UPPER: Final = 1.645
"""Standard deviations from a value to its one-sided 95% bound."""


@dataclass(frozen=True)
class Moments:
    """Noisy count, sum and sum of squares of one group, in steps from one public centre; independent noise."""

    count: Noisy
    first: Noisy
    second: Noisy


def two_shares(s1: Noisy, n1: Noisy, s0: Noisy, n0: Noisy, *, draws: int = DRAWS) -> Tested:
    """z for the same share in two groups; s1 and s0 count some of the customers in n1 and n0.

    The p-value is None where a group's count is not distinguishable from zero.

    >>> found = two_shares(Noisy(300.0, 10.0), Noisy(1000.0, 10.0), Noisy(200.0, 10.0), Noisy(1000.0, 10.0))
    >>> round(found.statistic, 2), found.p_value < 0.001
    (4.13, True)
    """
    if min(n1.value - TESTABLE * n1.scale, n0.value - TESTABLE * n0.scale) <= 0:
        return Tested("two shares", 0.0, None, None)
    return score_trend(
        "two shares",
        [s0.value, s1.value],
        [n0.value, n1.value],
        [s0.scale, s1.scale],
        [n0.scale, n1.scale],
        None,
        draws,
    )


def two_means(group: Moments, control: Moments) -> Tested:
    """z for equal means of a clipped value in two groups of different customers, with Welch's variances.

    The p-value is None where a count is not distinguishable from zero or a plug-in variance is not positive.

    >>> group = Moments(Noisy(1000.0, 10.0), Noisy(500.0, 50.0), Noisy(9000.0, 300.0))
    >>> control = Moments(Noisy(1000.0, 10.0), Noisy(100.0, 50.0), Noisy(9000.0, 300.0))
    >>> round(two_means(group, control).statistic, 2)
    2.65
    """
    name, groups = "two means", (group, control)
    if any(each.count.value <= TESTABLE * each.count.scale for each in groups):
        return Tested(name, 0.0, None, None)
    # Under the null both groups have this mean; it is steadier than the mean of a small group.
    mean = (group.first.value + control.first.value) / (group.count.value + control.count.value)
    variance = 0.0
    for each in groups:
        sampling = _squares_about_mean(each)
        if sampling is None:
            return Tested(name, 0.0, None, None)
        noise = each.first.scale**2 + (mean * each.count.scale) ** 2
        variance += (sampling + noise) / each.count.value**2
    difference = group.first.value / group.count.value - control.first.value / control.count.value
    return _z(name, difference, variance)


def _squares_about_mean(group: Moments) -> float | None:
    """n times the sample variance, or its upper bound; None if not positive."""
    n, first, second = group.count, group.first, group.second
    mean = first.value / n.value
    # The square of a noisy sum is too large by the noise's variance, to the first order.
    about = second.value - (first.value**2 - first.scale**2) / n.value
    about *= n.value / max(n.value - 1, 1.0)
    return _plug_in(about, math.hypot(second.scale, 2 * mean * first.scale, mean**2 * n.scale))


def paired(difference: Noisy, squares: Noisy) -> Tested:
    """z for no change of a sum over the same customers, from the noisy sum of each one's change d and that of d^2.

    The sampling variance of the sum of d, over another draw of customers from one in which the mean of d is zero,
    is the sum of d^2. The p-value is None where that is not positive.

    >>> round(paired(Noisy(300.0, 30.0), Noisy(10_000.0, 100.0)).statistic, 2)
    2.87
    """
    return _changed("paired", difference, squares)


def total_change(after: Noisy, before: Noisy, after_squares: Noisy, before_squares: Noisy) -> Tested:
    """z for no change between two sums of a non-negative value over the same customers: conservative.

    Only the second moments of the two periods are charged, and for non-negative values the sum of
    (a - b)^2 = a^2 + b^2 - 2ab is at most the sum of theirs. The more a customer's two values agree, the less is found;
    `paired` with a charged sum of d^2 finds more.

    >>> round(total_change(Noisy(900.0, 30.0), Noisy(600.0, 30.0), Noisy(9e3, 90.0), Noisy(6e3, 90.0)).statistic, 2)
    2.31
    """
    squares = Noisy(
        after_squares.value + before_squares.value,
        math.hypot(after_squares.scale, before_squares.scale),
        draws=2,
    )
    change = Noisy(after.value - before.value, math.hypot(after.scale, before.scale), draws=2)
    return _changed("total change", change, squares)


def _changed(name: str, change: Noisy, squares: Noisy) -> Tested:
    sampling = _plug_in(squares.value, squares.scale)
    if sampling is None:
        return Tested(name, 0.0, None, None)
    return _z(name, change.value, sampling + change.scale**2)


def _plug_in(value: float, noise: float) -> float | None:
    """A variance's plug-in, its upper bound where the noise is large, None where it is not positive."""
    if value <= 0:
        return None
    return value if noise <= RELIABLE * value else value + UPPER * noise


def _z(name: str, difference: float, variance: float) -> Tested:
    z = difference / math.sqrt(variance)
    return Tested(name, z, None, float(2 * ndtr(-abs(z))))
