"""The discrete Gaussian's tails and half-widths.

The discrete Gaussian of scale s puts on each integer x a mass proportional to exp(-x^2 / 2 s^2) (Canonne, Kamath and
Steinke 2020). Its standard deviation is s to many digits once s is above 1, and smaller below.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

SUMMED = 2000.0
"""Up to this scale the mass is summed exactly; above, a lattice step is under a 2000th of the scale."""


@lru_cache(maxsize=4096)
def _tail(scale: float) -> NDArray[np.float64]:
    """P[|X| > h] for h = 0, 1, 2, ... until it vanishes."""
    reach = math.ceil(12 * scale) + 2
    mass = np.exp(-0.5 * (np.arange(reach + 1, dtype=np.float64) / scale) ** 2)
    total = mass[0] + 2 * mass[1:].sum()
    above = 2 * np.cumsum(mass[::-1])[::-1] / total  # P[|X| >= h], twice too large at 0
    tail: NDArray[np.float64] = above[1:]
    return tail


def half_width(scale: float, miss: float) -> int:
    """The smallest whole h with P[|X| > h] <= miss, for a discrete Gaussian X.

    >>> half_width(10.0, 0.05), half_width(1.0, 0.05), half_width(0.1, 0.05)
    (20, 2, 0)
    >>> half_width(1e6, 0.05)
    1959964
    """
    if scale <= SUMMED:
        tail = _tail(scale)
        return int(np.searchsorted(-tail, -miss))
    # P[|X| > h] is within 1e-7 of the continuous tail at h + 1/2 here; one step more is on the safe side.
    return (
        math.ceil(-float(ndtri(miss / 2)) * scale - 0.5) + 1
        if scale < 1e5
        else math.ceil(-float(ndtri(miss / 2)) * scale)
    )


def scale_for_half_width(width: float, miss: float) -> float:
    """The largest scale (to a part in 1e12) whose half-width is at most `width`.

    >>> half_width(scale_for_half_width(50, 0.05), 0.05)
    50
    """
    low, high = 0.0, max(width, 1.0)
    while half_width(high, miss) <= width:
        low, high = high, high * 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if half_width(middle, miss) <= width else (low, middle)
    return low
