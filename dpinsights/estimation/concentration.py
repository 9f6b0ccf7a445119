"""Concentration of a sum over customers: Gini, share held by the top, Lorenz points; for noise and bins only.

Each customer is in one bin of public edges by its own value, which is not negative; each bin has a noisy count c and a
noisy sum s. n and S are their totals. What the exact values of the customers would give is known between bounds that
are linear or quadratic in the exact c and s:

- Gini is at least that of the chords between the Lorenz points (all in a bin equal), 1 - sum c (2 S_below + s) / (n S),
  and at most that with every bin's customers at its two edges, which adds sum (s - c e)(c e' - s) / (e' - e) / (n S)
  (Gastwirth 1972, Review of Economics and Statistics 54).
- The top q hold at most (q n e + S_above - e C_above) / S, whatever the edge e (the tangents of the Lorenz curve), and at
  least what the chord of the bin with the q-th quantile gives.

Each bound is a ratio whose interval is Fieller's, with the numerator's and denominator's noise to the first order in the
noise and around the noisy numbers, which overstates it where noise is large. The interval printed runs from the lower
limit of the lower bound to the upper limit of the upper bound, each missing half as often as allowed, so it holds the
exact statistic of the clipped values whatever the customers within a bin look like. It is a function of the noisy
numbers alone; nothing is simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from dpinsights.estimation.intervals import Interval, Noisy, fieller, ratio_of_sums, smooth, total

Reals = NDArray[np.float64]

CLEARLY = 3.0
"""By how many standard deviations a bound must be the lower of two to be preferred."""

BIN_PART = 0.1
"""The part of the allowed misses that finding the bin of the top share has."""


@dataclass(frozen=True)
class Concentration:
    """How unequally customers hold a sum.

    Attributes:
        gini: between 0 (all hold the same) and 1.
        top: the share of the sum that the top part of the customers holds, by the Lorenz curve.
        lorenz: for each inner edge, the share of customers below it and the share of the sum that they hold. Each has
            its own interval; together they cover less often.
    """

    gini: Interval
    top: Interval
    lorenz: tuple[tuple[Interval, Interval], ...]


@dataclass(frozen=True)
class _Bins:
    """Noisy counts and sums between edges; scales are those of a continuous Gaussian that covers the lattice."""

    counts: Reals
    sums: Reals
    below: Reals
    above: Reals
    count_scale: float
    sum_scale: float
    z: float

    @property
    def n(self) -> float:
        return float(self.counts.sum())

    @property
    def s(self) -> float:
        return float(self.sums.sum())


@dataclass(frozen=True)
class _Form:
    """A function of counts and sums at the noisy numbers, and its derivatives by each count and each sum."""

    value: float
    by_count: Reals
    by_sum: Reals


def concentration(
    counts: Sequence[float],
    sums: Sequence[float],
    *,
    edges: Sequence[float],
    count_scale: float,
    sum_scale: float,
    top: float = 0.1,
    miss: float,
) -> Concentration:
    """Gini, top share and Lorenz points of clipped values, from noisy bins.

    Gini and top share have no value where the number of customers or the sum is not distinguishable from zero; a point of
    the curve has none where its own total is not.

    Args:
        counts, sums: the noisy number of customers and their noisy sum (in steps) in each of the bins, with independent
            noise.
        edges: one more than bins, ascending, in steps: lower bound, public cuts, upper bound. Bin i has
            edges[i] <= x < edges[i + 1], the last one also its upper edge.
        count_scale, sum_scale: of the noise of a bin.
        top: the part of the customers whose share is asked.
        miss: one minus the confidence.

    Raises:
        ValueError: edges that do not ascend from 0 or more, or do not fit the bins; a top that is no proper part.

    >>> found = concentration(
    ...     (5_000.0, 4_000.0, 1_000.0), (2.5e5, 8e5, 6e5), edges=(0, 100, 400, 1000),
    ...     count_scale=10.0, sum_scale=1000.0, miss=0.05,
    ... )
    >>> round(found.gini.value, 2), round(found.gini.low, 2), round(found.gini.high, 2)
    (0.5, 0.44, 0.56)
    >>> round(found.top.value, 2), round(found.top.low, 2), round(found.top.high, 2)
    (0.36, 0.36, 0.37)
    >>> [(round(x.value, 2), round(y.value, 2)) for x, y in found.lorenz]
    [(0.5, 0.15), (0.9, 0.64)]
    """
    ends = np.asarray(edges, dtype=np.float64)
    if ends[0] < 0 or (np.diff(ends) <= 0).any() or not len(ends) == len(counts) + 1 == len(sums) + 1:
        raise ValueError(f"{len(counts)} bins need {len(counts) + 1} ascending edges from 0 or more")
    if not 0 < top < 1:
        raise ValueError(f"the top must be a part between 0 and 1, not {top}")
    z = -float(ndtri(miss / 2))
    bins = _Bins(
        np.asarray(counts, dtype=np.float64),
        np.asarray(sums, dtype=np.float64),
        ends[:-1],
        ends[1:],
        smooth(count_scale, miss),
        smooth(sum_scale, miss),
        z,
    )
    root = z * len(counts) ** 0.5
    if bins.n <= root * bins.count_scale or bins.s <= root * bins.sum_scale:
        nothing = Interval(None, 0.0, 1.0)
        possible = replace(bins, counts=np.maximum(bins.counts, 0.0), sums=np.maximum(bins.sums, 0.0))
        points = _lorenz(bins, possible, count_scale, sum_scale, miss)
        return Concentration(nothing, Interval(None, top, 1.0), points)
    fitted = _fitted(bins)
    lorenz = _lorenz(bins, fitted, count_scale, sum_scale, miss)
    return Concentration(_gini(bins, fitted), _top(bins, fitted, top, miss), lorenz)


def _fitted(bins: _Bins) -> _Bins:
    """The nearest bins that can be: no count negative, each bin's mean between its edges; so its Lorenz curve is convex."""
    weight, other = bins.count_scale**-2, bins.sum_scale**-2
    best = np.zeros_like(bins.counts), np.zeros_like(bins.sums)
    least = weight * bins.counts**2 + other * bins.sums**2
    inside = (
        (bins.counts >= 0) & (bins.sums >= bins.counts * bins.below) & (bins.sums <= bins.counts * bins.above)
    )
    rays = []
    for edge in (bins.below, bins.above):  # all of a bin's customers at one edge
        count = np.maximum(
            (weight * bins.counts + other * edge * bins.sums) / (weight + other * edge**2), 0.0
        )
        rays.append((count, count * edge))
    for count, held in (*rays, (np.where(inside, bins.counts, 0.0), np.where(inside, bins.sums, 0.0))):
        distance = weight * (count - bins.counts) ** 2 + other * (held - bins.sums) ** 2
        nearer = distance < least
        least = np.where(nearer, distance, least)
        best = np.where(nearer, count, best[0]), np.where(nearer, held, best[1])
    return _Bins(*best, bins.below, bins.above, bins.count_scale, bins.sum_scale, bins.z)


def _product(bins: _Bins, one: _Form, other: _Form) -> float:
    """The covariance of two forms' noise, to the first order."""
    counts = bins.count_scale**2 * float(one.by_count @ other.by_count)
    return counts + bins.sum_scale**2 * float(one.by_sum @ other.by_sum)


def _limits(bins: _Bins, numerator: _Form, denominator: _Form, z: float) -> tuple[float, float] | None:
    """Fieller's interval of a quotient of forms, with the noise that the derivatives give each of them."""
    return fieller(
        Noisy(numerator.value, _product(bins, numerator, numerator) ** 0.5),
        Noisy(denominator.value, _product(bins, denominator, denominator) ** 0.5),
        z,
        _product(bins, numerator, denominator),
    )


def _gini(bins: _Bins, fitted: _Bins) -> Interval:
    ones = np.ones_like(bins.counts)
    whole = _Form(bins.n * bins.s, bins.s * ones, bins.n * ones)
    chords, within = _chords(bins), _within(bins)
    # Noise takes the squares in `within` down by its variance.
    lost = (
        (bins.sum_scale**2 + bins.below * bins.above * bins.count_scale**2) / (bins.above - bins.below)
    ).sum()
    ends = _Form(
        chords.value - within.value - float(lost),
        chords.by_count - within.by_count,
        chords.by_sum - within.by_sum,
    )
    equal, apart = _limits(bins, chords, whole, bins.z), _limits(bins, ends, whole, bins.z)
    low = min(max(1 - equal[1], 0.0), 1.0) if equal else 0.0
    high = min(max(1 - apart[0], 0.0), 1.0) if apart else 1.0
    low, high = min(low, high), max(low, high)
    if (low <= 0 and high >= 1) or fitted.n * fitted.s <= 0:
        return Interval(None, low, high)
    value = 1 - (_chords(fitted).value - _within(fitted).value / 2) / (fitted.n * fitted.s)
    return Interval(min(max(value, low), high), low, high)


def _chords(bins: _Bins) -> _Form:
    """sum c (2 S_below + s): twice the area under the Lorenz curve's chords, times n S."""
    below = np.cumsum(bins.sums) - bins.sums
    above = bins.n - np.cumsum(bins.counts)
    by_count = 2 * below + bins.sums
    return _Form(float(bins.counts @ by_count), by_count, bins.counts + 2 * above)


def _within(bins: _Bins) -> _Form:
    """sum (s - c e)(c e' - s) / (e' - e): what Gini gains, times n S, with each bin's customers at its edges."""
    width = bins.above - bins.below
    up, down = bins.sums - bins.counts * bins.below, bins.counts * bins.above - bins.sums
    by_count = (bins.above * up - bins.below * down) / width
    return _Form(float((up * down / width).sum()), by_count, (down - up) / width)


def _top(bins: _Bins, fitted: _Bins, top: float, miss: float) -> Interval:
    own = -float(ndtri(miss * (1 - BIN_PART) / 2))
    low = min((_least(bins, k, top, own) for k in _plausible(bins, top, miss * BIN_PART)), default=top)
    whole = _Form(bins.s, np.zeros_like(bins.counts), np.ones_like(bins.sums))
    found = _limits(bins, _touching(bins, top), whole, own)
    high = min(max(found[1], top), 1.0) if found else 1.0
    low = min(max(low, top), high)
    if (low <= top and high >= 1) or fitted.n * fitted.s <= 0:
        return Interval(None, low, high)
    most = min(_tangent(fitted, k, top).value for k in range(len(bins.counts) + 1)) / fitted.s
    shares = (
        np.append(0.0, np.cumsum(fitted.counts)) / fitted.n,
        np.append(0.0, np.cumsum(fitted.sums)) / fitted.s,
    )
    value = (most + 1 - float(np.interp(1 - top, *shares))) / 2
    return Interval(min(max(value, low), high), low, high)


def _plausible(bins: _Bins, top: float, miss: float) -> list[int]:
    """The bins that may hold the customer at the top's edge; the right one is missed with at most this probability."""
    z = -float(ndtri(miss / 2))
    size = len(bins.counts)
    above = (
        np.append(np.cumsum(bins.counts[::-1])[::-1], 0.0) - top * bins.n
    )  # in bin k and above, less the top
    higher = size - np.arange(size + 1)
    scale = bins.count_scale * np.sqrt(higher * (1 - top) ** 2 + (size - higher) * top**2)
    return [k for k in range(size) if above[k] >= -z * scale[k] and above[k + 1] <= z * scale[k + 1]]


def _tangent(bins: _Bins, k: int, top: float) -> _Form:
    """q n e + S_above - e C_above for the edge below bin k (above the last one for k = bins)."""
    edge = float(bins.below[k] if k < len(bins.below) else bins.above[-1])
    higher = (np.arange(len(bins.counts)) >= k).astype(np.float64)
    by_count = edge * (top - higher)
    return _Form(float(by_count @ bins.counts + higher @ bins.sums), by_count, higher)


def _touching(bins: _Bins, top: float) -> _Form:
    """The tangent at the edge nearest to the top's, or at a neighbour that is clearly a lower bound.

    Every edge gives an upper bound; one taken only because its noisy value is the least would be too low by selection.
    """
    higher = np.append(np.cumsum(bins.counts[::-1])[::-1], 0.0)
    place = int(np.abs(higher - top * bins.n).argmin())
    taken = nearest = _tangent(bins, place, top)
    for k in (place - 1, place + 1):
        if 0 <= k < len(higher):
            form = _tangent(bins, k, top)
            apart = _Form(
                nearest.value - form.value, nearest.by_count - form.by_count, nearest.by_sum - form.by_sum
            )
            if apart.value > CLEARLY * _product(bins, apart, apart) ** 0.5 and form.value < taken.value:
                taken = form
    return taken


def _least(bins: _Bins, k: int, top: float, z: float) -> float:
    """A lower limit of the top share if the top's edge is in bin k: of its chord, or of its lower edge if it has few."""
    place = np.arange(len(bins.counts))
    own, higher = (place == k).astype(np.float64), (place > k).astype(np.float64)
    held, left = float(higher @ bins.sums), float((top - higher) @ bins.counts)
    if bins.counts[k] > 2 * z * bins.count_scale:
        numerator = _Form(
            held * bins.counts[k] + bins.sums[k] * left,
            bins.sums[k] * (top - higher) + held * own,
            bins.counts[k] * higher + left * own,
        )
        denominator = _Form(bins.s * bins.counts[k], bins.s * own, bins.counts[k] * np.ones_like(own))
    else:
        by_count = bins.below[k] * (top - higher)
        numerator = _Form(held + bins.below[k] * left, by_count, higher)
        denominator = _Form(bins.s, np.zeros_like(own), np.ones_like(own))
    found = _limits(bins, numerator, denominator, z)
    return float(found[0]) if found else top


def _lorenz(
    bins: _Bins, fitted: _Bins, count_scale: float, sum_scale: float, miss: float
) -> tuple[tuple[Interval, Interval], ...]:
    """At each inner edge, the two shares below it; their values are those of the fitted bins."""

    def shares(noisy: Reals, scale: float, possible: Reals) -> list[Interval]:
        cells = [Noisy(float(value), scale) for value in noisy]
        found = []
        for k in range(1, len(cells)):
            part = total(cells[:k])
            at = ratio_of_sums(part, total(cells), low=0, high=1, miss=miss, covariance=part.scale**2)
            if at.value is not None and possible.sum() > 0:
                value = float(possible[:k].sum() / possible.sum())
                at = Interval(min(max(value, at.low), at.high), at.low, at.high)
            found.append(at)
        return found

    customers = shares(bins.counts, count_scale, fitted.counts)
    held = shares(bins.sums, sum_scale, fitted.sums)
    return tuple(zip(customers, held, strict=True))
