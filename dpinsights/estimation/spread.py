"""Variance and standard deviation of a clipped value, for noise only.

With n customers, S1 the sum of x - c and S2 the sum of (x - c)^2 around a public centre c, the variance is
S2/n - m^2 with m = S1/n. For a known m it is a ratio of sums that are linear in the noisy numbers,

    v = (S2 - 2 m S1 + m^2 n) / n,

and Fieller's set for it is exact at any size of the group. The mean is not known, so the interval is the union of those
sets over all m in an interval of the mean. A tenth of the allowed misses goes to the mean, the rest to the variance
(Bonferroni): it covers at least as often as asked, 0.955 for 0.95 where the noise is small, and more where the noise
of the mean is as large as the deviation itself.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri

from dpinsights.estimation.intervals import Interval, Noisy, fieller, smooth

MEAN_PART = 0.1
"""The part of the allowed misses that the mean's interval has."""

MEANS = 65
"""How many values of the mean the union is taken over."""


def variance(count: Noisy, first: Noisy, second: Noisy, *, largest: float, miss: float) -> Interval:
    """The population variance S2/n - (S1/n)^2 in squared steps, with an interval in [0, largest].

    There is no value where the count is not distinguishable from zero or the interval is all of [0, largest].

    Args:
        count, first, second: the noisy n, S1 and S2, with independent noise; S1 in steps and S2 in squared steps
            from a public centre within the clipping bounds.
        largest: the most that the variance can be, (high - low)^2 / 4 for values clipped to [low, high].
        miss: one minus the confidence.

    >>> found = variance(Noisy(1e4, 30.0), Noisy(2e4, 3e3), Noisy(1e6, 3e4), largest=2500.0, miss=0.05)
    >>> round(found.value), round(found.low), round(found.high)
    (96, 89, 104)
    >>> variance(Noisy(40.0, 30.0), Noisy(2e4, 3e3), Noisy(1e6, 3e4), largest=2500.0, miss=0.05)
    Interval(value=None, low=0.0, high=2500.0)
    """
    own = miss * (1 - MEAN_PART)
    z = -float(ndtri(own / 2))
    n, s1, s2 = (smooth(noisy.scale, own) for noisy in (count, first, second))
    a = count.value**2 - (z * n) ** 2
    if count.value <= 0 or a <= 0:
        return Interval(None, 0.0, largest)
    mean = first.value / count.value
    m = np.append(np.linspace(*_means(count, first, largest, miss * MEAN_PART), MEANS), mean)
    moment = second.value - 2 * m * first.value + m**2 * count.value
    b = moment * count.value - (z * m * n) ** 2
    c = moment**2 - z**2 * (s2**2 + (2 * m * s1) ** 2 + (m**2 * n) ** 2)
    root = np.sqrt(np.maximum(b**2 - a * c, 0.0))
    free = float(((b - root) / a).min()), float(((b + root) / a).max())
    low, high = (min(max(end, 0.0), largest) for end in free)
    if low <= 0 and high >= largest:
        return Interval(None, 0.0, largest)
    # The square of a noisy mean is too large by the mean's own variance, to the first order.
    extra = (first.scale**2 + (mean * count.scale) ** 2) / count.value**2
    value = second.value / count.value - mean**2 + extra
    return Interval(min(max(value, low), high), low, high, (value, *free))


def _means(count: Noisy, first: Noisy, largest: float, miss: float) -> tuple[float, float]:
    """An interval of the mean around the centre; values and centre are within the range, 2 sqrt(largest) wide."""
    reach = 2 * math.sqrt(largest)
    found = fieller(
        Noisy(first.value, smooth(first.scale, miss)),
        Noisy(count.value, smooth(count.scale, miss)),
        -float(ndtri(miss / 2)),
    )
    low, high = found or (-reach, reach)
    return min(max(low, -reach), reach), max(min(high, reach), -reach)


def deviation(count: Noisy, first: Noisy, second: Noisy, *, largest: float, miss: float) -> Interval:
    """The population standard deviation in steps: the square root of `variance`, limits included.

    >>> found = deviation(Noisy(1e4, 30.0), Noisy(2e4, 3e3), Noisy(1e6, 3e4), largest=2500.0, miss=0.05)
    >>> round(found.value, 1), round(found.low, 1), round(found.high, 1)
    (9.8, 9.5, 10.2)
    """
    found = variance(count, first, second, largest=largest, miss=miss)
    value = None if found.value is None else math.sqrt(found.value)
    return Interval(value, math.sqrt(found.low), math.sqrt(found.high))
