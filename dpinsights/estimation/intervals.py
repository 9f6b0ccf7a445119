"""Intervals of a sum and of a ratio of sums, for noise only.

**A sum** with discrete Gaussian noise has the shortest symmetric interval of whole steps that covers; on a lattice it
covers a little more than asked. Draws combined by inverse variance are weighted sums of discrete Gaussians: their
interval is the normal one widened by half of the coarsest lattice step in the combination.

**A ratio** of two noisy sums S/C (a mean) has Fieller's interval: the set of all t for which S - tC is within its own
noise of zero. It is exact for Gaussian noise whatever the size of the group, where the delta method and a plain
quotient of intervals are not, and it grows without limit as C comes close to zero, which is the honest answer. Two
public facts shorten it: a mean of values clamped to [low, high] lies in [low, high], and C is a count. Where a scale
is under 20 steps the Gaussian is too coarse, and the interval is that of the box: S and C each within an interval
that misses half as often, which covers at least as often as asked (Bonferroni).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtri

from dpinsights.estimation.discrete import half_width

FINE = 20.0
"""From this scale on, in steps, a discrete Gaussian passes for a continuous one."""


@dataclass(frozen=True)
class Noisy:
    """A noisy sum in steps: its value, its noise's standard deviation, and how many draws it combines."""

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


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; `value` is None where the noisy numbers say nothing of it."""

    value: float | None
    low: float
    high: float


def method(numerator_scale: float, denominator_scale: float) -> str:
    """Which interval a ratio gets: a function of the plan alone."""
    return "fieller" if min(numerator_scale, denominator_scale) >= FINE else "box"


def ratio(numerator: Noisy, denominator: Noisy, *, low: float, high: float, miss: float) -> Interval:
    """The interval of numerator / denominator, known to lie in [low, high], the denominator a count.

    Args:
        numerator, denominator: noisy sums with independent noise.
        low, high: public bounds of the ratio, in the numerator's steps.
        miss: one minus the confidence.

    >>> r = ratio(Noisy(50_000.0, 100.0), Noisy(1_000.0, 25.0), low=0, high=100, miss=0.05)
    >>> round(r.value, 1), round(r.low, 1), round(r.high, 1)
    (50.0, 47.7, 52.6)
    >>> ratio(Noisy(3.0, 100.0), Noisy(-2.0, 25.0), low=0, high=100, miss=0.05)
    Interval(value=None, low=0, high=100)
    """
    if method(numerator.scale, denominator.scale) == "fieller":
        found = _fieller(numerator, denominator, -float(ndtri(miss / 2)))
    else:
        found = _box(numerator, denominator, miss)
    least, most = (max(low, found[0]), min(high, found[1])) if found else (low, high)
    if least > most:  # the noise drew the pair outside what can be: the nearest possible value
        least = most = min(max(least, low), high)
    if denominator.value <= 0 or (least <= low and most >= high):
        return Interval(None, least, most)
    value = min(max(numerator.value / denominator.value, low), high)
    return Interval(min(max(value, least), most), least, most)


def _fieller(numerator: Noisy, denominator: Noisy, z: float) -> tuple[float, float] | None:
    """All t with (S - tC)^2 <= z^2 (s^2 + t^2 c^2), or None where that set is unbounded."""
    a = denominator.value**2 - (z * denominator.scale) ** 2
    b = numerator.value * denominator.value
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
    least = max(least, 1.0)  # a mean is of at least one contribution
    quotients = [(numerator.value + sign * s) / count for sign in (-1, 1) for count in (least, most)]
    return min(quotients), max(quotients)
