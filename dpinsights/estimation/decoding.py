"""Least squares: from the noisy rows of a strategy back to counts.

All rows carry independent noise of one scale, so ordinary least squares is the best linear unbiased estimate of every
count and of every sum of counts at once (the Gauss-Markov theorem), and its sums agree with its parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dpinsights.errors import InternalError
from dpinsights.model.strategy import Strategy

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decoded:
    """Counts with the covariance of their noise, in counts.

    `values` has shape (..., size): one vector, or a batch with the same noise; `covariance` has (size, size).
    """

    values: Floats
    covariance: Floats


def decode(noisy: Floats, strategy: Strategy, scale: float) -> Decoded:
    """The counts behind the noisy rows of a strategy.

    Args:
        noisy: shape (rows,) or (..., rows): A x plus noise, A being the strategy's integers.
        strategy: what was applied.
        scale: the noise's standard deviation in each row.

    Raises:
        InternalError: where the last axis is not that of the strategy.

    >>> strategy = Strategy("series", 3)
    >>> decoded = decode(np.array(strategy.apply([5, 7, 9]), float), strategy, scale=256.0)
    >>> decoded.values.round(6).tolist(), decoded.covariance[0].round(3).tolist()
    ([5.0, 7.0, 9.0], [1.0, -0.5, -0.125])
    """
    if noisy.shape[-1:] != (strategy.rows,):
        raise InternalError(f"{noisy.shape} noisy values for a strategy of {strategy.rows} rows")
    inverse = decoder(strategy)
    return Decoded(noisy @ inverse.T, scale**2 * (inverse @ inverse.T))


def prefix_sums(decoded: Decoded) -> tuple[Floats, Floats]:
    """Cumulative counts, shape (..., size), and the variances of their noise, shape (size,).

    >>> sums, variances = prefix_sums(Decoded(np.array([1.0, 2.0, 4.0]), np.eye(3)))
    >>> sums.tolist(), variances.tolist()
    ([1.0, 3.0, 7.0], [1.0, 2.0, 3.0])
    """
    corners = np.cumsum(np.cumsum(decoded.covariance, axis=0), axis=1)
    return np.cumsum(decoded.values, axis=-1), np.diagonal(corners).copy()


@lru_cache(maxsize=64)
def decoder(strategy: Strategy) -> Floats:
    """The pseudo-inverse of the strategy's integers, shape (size, rows); read-only, since it is kept."""
    inverse: Floats = np.linalg.pinv(np.array(strategy.matrix, dtype=np.float64))
    inverse.flags.writeable = False
    return inverse
