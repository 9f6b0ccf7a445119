"""Quantiles from noisy counts over public bins, with intervals that invert the noisy distribution function.

Let C_j count the values below edge j and N all of them, so that C_0 = 0, C_size = N. The p-quantile is the smallest
value x with at least p N values at or below it. It lies in bin i if and only if C_i < p N <= C_(i+1).

**An interval is a hull of bins.** Bin i is kept unless its lower edge is found to have more than p N + 1 values below
it, or its upper edge fewer than p N - 1: two one-sided tests, each wrong with probability miss / 2. The quantile's own
bin is dropped only if one of its own two tests is wrong, whatever the tests at other edges do: probability at most
miss, with no correction for the number of edges. All bins between two that are kept are kept too, which only adds
coverage. C_j never falls with j, so the bins kept lie together but for noise, and little is added.

**Any convention.** With the 1 on either side, the interval also contains the order statistics of rank floor(p N),
floor(p N) + 1 and floor(p N) + 2 where they exist, and with them what interpolates between two of them, as
`numpy.quantile` does.

**The noise of a test** is that of C_j - p N, a weighted sum of discrete Gaussians whose weights come with the decoder:
the normal half-width, and half of the largest weight more, for the lattice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import ndtri

from dpinsights.errors import InternalError
from dpinsights.estimation.decoding import Floats, decode, decoder, prefix_sums
from dpinsights.estimation.intervals import Interval
from dpinsights.model.strategy import Strategy

CONVENTION = 1.0
"""How many ranks of room an interval leaves on either side, so that it holds under every convention."""


def quantiles(
    noisy: Floats,
    strategy: Strategy,
    scale: float,
    *,
    probabilities: Sequence[float],
    edges: Sequence[float],
    miss: float,
) -> tuple[Interval, ...]:
    """Quantiles of values clamped to public bounds and counted in public bins, each with its own interval.

    An interval's ends are edges, and it contains the quantile of the clamped values with probability at least 1 - miss
    under every convention (see above); that is about noise only. The value interpolates linearly between edges, so
    without noise it lies in the same bin as `numpy.quantile(..., method="inverted_cdf")`. It is None where the interval
    is the whole range: the noisy counts say nothing. Values and both ends never fall as the probability rises.

    Args:
        noisy: shape (rows,): the strategy's rows of the counts, plus noise.
        strategy: what was applied to the counts; a tree is best.
        scale: the noise's standard deviation in each row.
        probabilities: increasing, each within (0, 1).
        edges: size + 1 increasing numbers: the lower bound, the cuts, the upper bound. Bin i holds the values from
            edges[i] on and below edges[i + 1]; the last bin holds the upper bound too.
        miss: one minus the confidence.

    Raises:
        InternalError: for probabilities or edges that are not so.

    >>> strategy, counts = Strategy("tree", 5), [40, 300, 400, 200, 60]
    >>> found = quantiles(np.array(strategy.apply(counts), float) + [3, -9, 4, 1, -6], strategy, 8.0,
    ...                   probabilities=[0.25, 0.5], edges=[0, 10, 20, 30, 40, 50], miss=0.05)
    >>> [(round(q.value, 1), q.low, q.high) for q in found]
    [(17.1, 10, 20), (24.0, 20, 30)]
    """
    if len(edges) != strategy.size + 1 or list(edges) != sorted(set(edges)):
        raise InternalError("a strategy needs one more edge than bins, and they rise")
    low, high = ends(noisy, strategy, scale, probabilities=probabilities, miss=miss)
    found = []
    for value, first, last in zip(
        _values(noisy, strategy, scale, probabilities, edges), low, high, strict=True
    ):
        least, most = edges[first], edges[last]
        known = value is not None and last - first < strategy.size
        found.append(Interval(min(max(value, least), most) if known else None, least, most))
    return tuple(found)


def ends(
    noisy: Floats, strategy: Strategy, scale: float, *, probabilities: Sequence[float], miss: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The intervals of `quantiles` as numbers of edges, first and last; also of a batch of shape (..., rows).

    Returns:
        Two arrays of shape (..., number of probabilities), from 0 to size - 1 and from 1 to size.

    >>> strategy = Strategy("tree", 5)
    >>> noisy = np.array([strategy.apply([40, 300, 400, 200, 60]), strategy.apply([4, 1, 0, 3, 0])], float)
    >>> first, last = ends(noisy, strategy, 8.0, probabilities=[0.1, 0.5], miss=0.05)
    >>> first.tolist(), last.tolist()
    ([[1, 2], [0, 0]], [[2, 3], [5, 5]])
    """
    asked = np.asarray(probabilities, dtype=np.float64)
    if not len(asked) or not (0 < asked[0] and asked[-1] < 1 and np.all(np.diff(asked) > 0)):
        raise InternalError("probabilities rise within (0, 1)")
    size = strategy.size
    below = np.zeros((*noisy.shape[:-1], size + 1))
    below[..., 1:] = np.cumsum(decode(noisy, strategy, scale).values, axis=-1)
    weights = np.zeros((size + 1, strategy.rows))
    weights[1:] = np.cumsum(decoder(strategy), axis=0)
    first, last = [], []
    for p in asked:
        noise = weights - p * weights[-1]
        width = (
            -float(ndtri(miss / 2)) * scale * np.linalg.norm(noise, axis=1) + np.abs(noise).max(axis=1) / 2
        )
        excess = below - p * below[..., -1:]
        # That no value lies below the lower bound, and all of them at or below the upper one, is known.
        not_above = excess[..., :-1] < width[:-1] + CONVENTION
        not_above[..., 0] = True
        not_below = excess[..., 1:] > -width[1:] - CONVENTION
        not_below[..., -1] = True
        first.append(np.argmax(not_below, axis=-1))
        last.append(size - np.argmax(not_above[..., ::-1], axis=-1))
    # Rising with the probability, by widening alone.
    return (
        np.minimum.accumulate(np.stack(first, axis=-1)[..., ::-1], axis=-1)[..., ::-1],
        np.maximum.accumulate(np.stack(last, axis=-1), axis=-1),
    )


def _values(
    noisy: Floats, strategy: Strategy, scale: float, probabilities: Sequence[float], edges: Sequence[float]
) -> list[float | None]:
    """Where the distribution function reaches each probability: its nearest one that never falls, weighted."""
    sums, variances = prefix_sums(decode(noisy, strategy, scale))
    rising = np.maximum(isotonic_regression(sums, weights=1 / variances).x, 0.0)
    below = np.concatenate(([0.0], rising))
    if below[-1] <= 0:
        return [None] * len(probabilities)
    found: list[float | None] = []
    for p in probabilities:
        wanted = p * below[-1] * (1 - 1e-9)  # a hair less: in floats, 0.55 of 20 is above 11
        upper = int(
            np.searchsorted(below, wanted)
        )  # the first edge with at least so many below; never edge 0
        part = (wanted - below[upper - 1]) / (below[upper] - below[upper - 1])
        found.append(float(edges[upper - 1] + part * (edges[upper] - edges[upper - 1])))
    return found
