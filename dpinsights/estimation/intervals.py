"""Intervals of a sum, of a ratio of sums, and of differences and quotients of estimates, for noise only.

**A sum** with discrete Gaussian noise has the shortest symmetric interval of whole steps that covers; on a lattice it
covers a little more than asked. Draws combined by inverse variance, and totals of cells, are sums of discrete
Gaussians on a lattice no coarser than a step: their interval is the normal one widened by half a step.

**A ratio** of two noisy sums S/C has Fieller's interval: the set of all t for which S - tC is within its own noise of
zero. It is exact for Gaussian noise whatever the size of the group, where the delta method and a plain quotient of
intervals are not, and it grows without limit as C comes close to zero, which is the honest answer. Two public facts
shorten it: a mean of values clamped to [low, high] lies in [low, high], and C is a count. Where a scale is under 20
steps the Gaussian is too coarse, and the interval is that of the box: S and C each within an interval that misses half
as often, which covers at least as often as asked (Bonferroni), also where S and C share cells.

**A difference or quotient** of two independent estimates recovers each one's variance from its limits (MOVER: Zou and
Donner 2008, Statistics in Medicine 27; for ratios Donner and Zou 2012, Statistical Methods in Medical Research 21).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from scipy.special import ndtri

from dpinsights.estimation.discrete import half_width

FINE = 20.0
"""From this scale on, in steps, a discrete Gaussian passes for a continuous one."""


@dataclass(frozen=True)
class Noisy:
    """A noisy sum in steps: its value, its noise's standard deviation, and how many draws it combines or adds up."""

    value: float
    scale: float
    draws: int = 1

    def half_width(self, miss: float) -> float:
        """The half-width of the interval that misses with at most this probability."""
        if self.draws == 1:
            return half_width(self.scale, miss)
        return -float(ndtri(miss / 2)) * self.scale + 0.5


def combine(values: tuple[float, ...], scales: tuple[float, ...]) -> Noisy:
    """Independent draws of one sum, combined by inverse variance.

    >>> combine((10.0, 13.0), (1.0, 1.0))
    Noisy(value=11.5, scale=0.7071067811865476, draws=2)
    """
    if len(values) == 1:
        return Noisy(values[0], scales[0])
    weights = [1 / scale**2 for scale in scales]
    total = math.fsum(weights)
    value = math.fsum(w * v for w, v in zip(weights, values, strict=True)) / total
    return Noisy(value, total**-0.5, len(values))


def total(cells: Sequence[Noisy]) -> Noisy:
    """The sum of cells with independent noise.

    Each cell is a whole number of steps, or draws combined on a finer lattice, so the total's lattice is no coarser than
    a step and half a step is slack enough.

    >>> total([Noisy(10.0, 3.0), Noisy(20.0, 4.0)])
    Noisy(value=30.0, scale=5.0, draws=2)
    """
    if len(cells) == 1:
        return cells[0]
    scale = math.sqrt(math.fsum(cell.scale**2 for cell in cells))
    return Noisy(math.fsum(cell.value for cell in cells), scale, sum(cell.draws for cell in cells))


def smooth(scale: float, miss: float) -> float:
    """The scale of a continuous Gaussian whose interval holds a discrete Gaussian's: wider by half a step each side.

    For combinations whose noise is not a whole number of steps, at any scale.

    >>> round(smooth(1.0, 0.05), 3)
    1.255
    """
    return scale - 0.5 / float(ndtri(miss / 2))


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; `value` is None where the noisy numbers say nothing of it.

    An end may be infinite, and only where `value` is None: the estimate has no public bound on that side and its
    denominator is not distinguishable from zero. Such an interval is printed as no number.

    Attributes:
        value, low, high: the estimate and its limits.
        free: value and limits before public bounds were applied to them, where they were. Their distances are those of
            the noise, which a difference needs: two limits cut at the bounds would make it too short.
    """

    value: float | None
    low: float
    high: float
    free: tuple[float, float, float] | None = field(default=None, repr=False, compare=False)

    @property
    def uncut(self) -> tuple[float, float, float] | None:
        """Value and limits that no public bound has cut, or None without a value."""
        return None if self.value is None else self.free or (self.value, self.low, self.high)


def method(numerator_scale: float, denominator_scale: float) -> str:
    """Which interval a ratio gets: a function of the plan alone."""
    return "fieller" if min(numerator_scale, denominator_scale) >= FINE else "box"


def ratio(
    numerator: Noisy, denominator: Noisy, *, low: float, high: float, miss: float, covariance: float = 0.0
) -> Interval:
    """The interval of numerator / denominator, known to lie in [low, high], the denominator a count.

    Args:
        numerator, denominator: noisy sums.
        low, high: public bounds of the ratio, in the numerator's steps.
        miss: one minus the confidence.
        covariance: of the two noises; where they share cells, the variance of the shared cells' total.

    >>> r = ratio(Noisy(50_000.0, 100.0), Noisy(1_000.0, 25.0), low=0, high=100, miss=0.05)
    >>> round(r.value, 1), round(r.low, 1), round(r.high, 1)
    (50.0, 47.7, 52.6)
    >>> ratio(Noisy(3.0, 100.0), Noisy(-2.0, 25.0), low=0, high=100, miss=0.05)
    Interval(value=None, low=0, high=100)
    """
    if method(numerator.scale, denominator.scale) == "fieller":
        found = fieller(numerator, denominator, -float(ndtri(miss / 2)), covariance)
    else:
        found = _box(numerator, denominator, miss)
    return _within(numerator, denominator, found, low, high)


def ratio_of_sums(
    numerator: Noisy,
    denominator: Noisy,
    *,
    low: float | None = None,
    high: float | None = None,
    miss: float,
    covariance: float = 0.0,
) -> Interval:
    """The interval of numerator / denominator, the denominator a sum of values that are not negative.

    The numerator may have any sign. Where the denominator is not distinguishable from zero the answer has no value, and
    its interval is from `low` to `high`, infinite where that is None; its limits are finite otherwise.

    Args:
        numerator, denominator: noisy sums, in steps of their own.
        low, high: public bounds of the ratio, if there are any.
        miss: one minus the confidence.
        covariance: of the two noises; where they share cells, the variance of the shared cells' total.

    >>> r = ratio_of_sums(Noisy(-5_000.0, 100.0), Noisy(10_000.0, 100.0), miss=0.05)
    >>> round(r.value, 2), round(r.low, 3), round(r.high, 3)
    (-0.5, -0.522, -0.478)
    >>> ratio_of_sums(Noisy(500.0, 100.0), Noisy(150.0, 100.0), low=0, miss=0.05)
    Interval(value=None, low=0, high=inf)
    """
    least = -math.inf if low is None else low
    most = math.inf if high is None else high
    if method(numerator.scale, denominator.scale) == "fieller":
        found = fieller(numerator, denominator, -float(ndtri(miss / 2)), covariance)
    elif denominator.value - denominator.half_width(miss / 2) <= 0:
        found = None
    else:
        found = _box(numerator, denominator, miss)
    if found is None:
        return Interval(None, least, most)
    return _within(numerator, denominator, found, least, most)


def _within(
    numerator: Noisy, denominator: Noisy, found: tuple[float, float] | None, low: float, high: float
) -> Interval:
    least, most = (max(low, found[0]), min(high, found[1])) if found else (low, high)
    if least > most:  # the noise drew the pair outside what can be: the nearest possible value
        least = most = min(max(least, low), high)
    if denominator.value <= 0 or (least <= low and most >= high):
        return Interval(None, least, most)
    value = numerator.value / denominator.value
    free = (value, *found) if found else None
    return Interval(min(max(value, least), most), least, most, free)


def fieller(
    numerator: Noisy, denominator: Noisy, z: float, covariance: float = 0.0
) -> tuple[float, float] | None:
    """All t with (S - tC)^2 <= z^2 (s^2 - 2 t cov + t^2 c^2), or None where that set is unbounded or C is negative."""
    a = denominator.value**2 - (z * denominator.scale) ** 2
    b = numerator.value * denominator.value - z * z * covariance
    c = numerator.value**2 - (z * numerator.scale) ** 2
    if a <= 0 or denominator.value <= 0:
        return None
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def _box(numerator: Noisy, denominator: Noisy, miss: float) -> tuple[float, float] | None:
    """All quotients of an S and a C that are each within an interval missing half as often."""
    s, c = numerator.half_width(miss / 2), denominator.half_width(miss / 2)
    least, most = denominator.value - c, denominator.value + c
    if most < 1:
        return None
    least = max(least, 1.0)  # a ratio has a denominator of at least one step
    quotients = [(numerator.value + sign * s) / count for sign in (-1, 1) for count in (least, most)]
    return min(quotients), max(quotients)


def difference(one: Interval, other: Interval, *, low: float = -math.inf, high: float = math.inf) -> Interval:
    """one - other, of two estimates with independent noise, at the confidence of their intervals.

    Without a value of either there is none of the difference, and its limits are those of any difference of the two.

    Args:
        one, other: the estimates.
        low, high: public bounds of the difference, if there are any.

    >>> difference(Interval(10.0, 7.0, 13.0), Interval(4.0, 0.0, 8.0))
    Interval(value=6.0, low=1.0, high=11.0)
    >>> difference(Interval(10.0, 7.0, 13.0), Interval(None, 0.0, 20.0))
    Interval(value=None, low=-13.0, high=13.0)
    """
    first, second = one.uncut, other.uncut
    if first is None or second is None:
        return Interval(None, max(one.low - other.high, low), min(one.high - other.low, high))
    value = first[0] - second[0]
    below = math.hypot(first[0] - first[1], second[2] - second[0])
    above = math.hypot(first[2] - first[0], second[0] - second[1])
    return _bounded(value, value - below, value + above, low, high)


def quotient(one: Interval, other: Interval) -> Interval:
    """one / other (an index), of two estimates with independent noise, `other` not negative.

    Where `other` may be zero there is no value and no upper limit; where only `one` has no value, the limits are those
    of any quotient of the two. A quotient of what is not negative is not negative.

    >>> found = quotient(Interval(10.0, 7.0, 13.0), Interval(5.0, 4.0, 6.0))
    >>> found.value, round(found.low, 2), round(found.high, 2)
    (2.0, 1.34, 2.82)
    >>> quotient(Interval(10.0, 7.0, 13.0), Interval(5.0, 0.0, 10.0))
    Interval(value=None, low=0.0, high=inf)
    """
    least, most = 0.0 if one.low >= 0 else -math.inf, 0.0 if one.high <= 0 else math.inf
    first, second = one.uncut, other.uncut
    if second is None or other.low <= 0:
        return Interval(None, least, most)
    if first is None:
        ends = [end / by for end in (one.low, one.high) for by in (other.low, other.high)]
        return Interval(None, min(ends), max(ends))
    if second[1] <= 0:  # it is a public bound that keeps the denominator from zero
        second = second[0], other.low, max(second[2], second[0])
    second = (max(second[0], second[1]), second[1], second[2])
    low = _mover(first[0], first[1], *second)
    high = -_mover(-first[0], -first[2], *second)
    value = first[0] / second[0]
    return _bounded(value, min(low, value), max(high, value), least, most)


def _bounded(value: float, low: float, high: float, least: float, most: float) -> Interval:
    """Limits cut at public bounds, the value within them."""
    cut = min(max(low, least), most), max(min(high, most), least)
    free = (value, low, high) if cut != (low, high) else None
    return Interval(min(max(value, cut[0]), cut[1]), *cut, free)


def _mover(numerator: float, low: float, denominator: float, least: float, most: float) -> float:
    """The t at which the lower limit of numerator - t * denominator is zero; the sign of t is that of `low`.

    With x = numerator - low and y the distance to the denominator's limit that matters, t is the smaller root of
    (numerator - t denominator)^2 = x^2 + t^2 y^2, written so that it exists whatever the sign of the square term.
    """
    limit = most if low >= 0 else least
    a = limit * (2 * denominator - limit)
    c = low * (2 * numerator - low)
    b = numerator * denominator
    root = math.sqrt(max(b * b - a * c, 0.0))
    if low < 0:
        return (b - root) / a
    return c / (b + root) if b + root > 0 else 0.0
