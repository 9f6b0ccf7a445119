"""Tests that add sampling variance to the noise's, and the choice among many of them.

Each statistic is a score statistic: its variance is taken under the null hypothesis, from the noisy numbers, and is the
sampling variance plus that of the noise. Without noise they are Pearson's chi-square, Cochran and Armitage's trend
and the two-sample z. Adding the noise's covariance to the multinomial one and projecting out the fitted margins follows
Kifer and Rogers (2017), "A new class of private chi-square hypothesis tests". Where the total is not far above its
noise, or a fitted count is below five, the p-value is Monte Carlo under the fitted null (Gaboardi et al. 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

Reals = NDArray[np.float64]

DRAWS: Final = 9_999
"""Tables drawn under the fitted null: p-values no smaller than 1e-4."""

FEWEST: Final = 5.0
"""The least fitted count for which the chi-square distribution is trusted (Cochran 1954)."""

TESTABLE: Final = 4.0
"""A total below so many standard deviations of its noise is not tested."""

CLEAR: Final = 20.0
"""Above so many, the products of two noises are negligible and the chi-square distribution is used."""


@dataclass(frozen=True)
class Tested:
    """One test: a chi-square statistic with its degrees of freedom, or z with None.

    The p-value is two-sided; None says that the noise is too large to test.
    """

    __test__: ClassVar[bool] = False  # pytest would collect the name

    name: str
    statistic: float
    degrees: int | None
    p_value: float | None


def independence(table: ArrayLike, scale: float, *, draws: int = DRAWS) -> Tested:
    """Chi-square test that the rows and columns of a table of customers are independent.

    Args:
        table: (r, c) noisy counts, each customer in one cell; negative ones are kept as they are.
        scale: the standard deviation of the independent noise in each cell.
        draws: how many tables a Monte Carlo p-value draws; the level is the same for any number
            one less than a multiple of 20.

    Raises:
        ValueError: if there are not two rows and two columns.

    >>> round(independence([[300, 200], [200, 300]], scale=0.0).statistic, 6)
    40.0
    >>> independence([[300, 200], [200, 300]], scale=80.0).p_value < 0.05
    False
    >>> independence([[30, -12], [9, 20]], scale=40.0).p_value is None
    True
    """
    noisy = np.asarray(table, dtype=np.float64) + 0.0
    if noisy.ndim != 2 or min(noisy.shape) < 2:
        raise ValueError(f"a table of at least 2 x 2 is needed, not {noisy.shape}")
    if scale == 0:
        noisy = noisy[noisy.sum(axis=1) > 0][:, noisy.sum(axis=0) > 0]
    rows, columns = noisy.shape
    degrees = (rows - 1) * (columns - 1)
    total, own = float(noisy.sum()), scale * math.sqrt(rows * columns)
    if degrees < 1 or total <= TESTABLE * own:
        return Tested("independence", 0.0, max(degrees, 0), None)
    statistic = float(_chi_square(noisy[None], scale)[0])
    fitted = _shares(noisy.sum(axis=1))[:, None] * _shares(noisy.sum(axis=0))
    p_value = float(chi2.sf(statistic, degrees))
    if total < CLEAR * own or total * fitted.min() < FEWEST:

        def null(rng: np.random.Generator) -> Reals:
            drawn = rng.multinomial(round(total), fitted.ravel(), size=draws).reshape(draws, rows, columns)
            return _chi_square(drawn + rng.normal(0.0, scale, drawn.shape), scale)

        p_value = _monte_carlo(statistic, null, noisy)
    return Tested("independence", statistic, degrees, p_value)


def _shares(margin: Reals) -> Reals:
    kept = np.maximum(margin, 0.0)
    return np.asarray(kept / np.maximum(kept.sum(axis=-1, keepdims=True), 1.0))


def _chi_square(tables: Reals, scale: float) -> Reals:
    """The statistic of each of (b, r, c) tables.

    With A = I - p 1' and B = I - q 1', the residuals A Y B' of the noisy table Y have the covariance
    n (D_p - pp') x (D_q - qq') + scale^2 AA' x BB' to the first order. One basis for the rows and one for the columns
    make both parts diagonal, so that the statistic is a sum of (r - 1)(c - 1) independent squares.
    """
    total = np.maximum(tables.sum(axis=(1, 2)), 1.0)
    p, q = _shares(tables.sum(axis=2)), _shares(tables.sum(axis=1))
    residuals = tables - p[:, :, None] * tables.sum(axis=1)[:, None, :]
    residuals -= residuals.sum(axis=2)[:, :, None] * q[:, None, :]
    left, a = _basis(p)
    right, b = _basis(q)
    z = left @ residuals[:, :-1, :-1] @ np.swapaxes(right, 1, 2)
    variance = total[:, None, None] * a[:, :, None] * b[:, None, :] + scale**2
    # Without noise a drawn table may lack a row; its residuals there are zero and so is their variance.
    return np.asarray(np.divide(z**2, variance, out=np.zeros_like(z), where=variance > 1e-9).sum(axis=(1, 2)))


def _basis(p: Reals) -> tuple[Reals, Reals]:
    """For each p of (b, k): the map under which AA' is the identity and D_p - pp' is diagonal, and that diagonal."""
    k = p.shape[1]
    s = p[:, :-1]
    outer = s[:, :, None] * s[:, None, :]
    noise = np.eye(k - 1) - s[:, :, None] - s[:, None, :] + k * outer
    sampling = s[:, :, None] * np.eye(k - 1) - outer
    inverse = np.linalg.inv(np.linalg.cholesky(noise))
    values, vectors = np.linalg.eigh(inverse @ sampling @ np.swapaxes(inverse, 1, 2))
    return np.swapaxes(vectors, 1, 2) @ inverse, np.maximum(values, 0.0)


def trend(
    successes: ArrayLike,
    totals: ArrayLike,
    scale_successes: ArrayLike,
    scale_totals: ArrayLike,
    scores: ArrayLike | None = None,
    *,
    most: int = 1,
    draws: int = DRAWS,
) -> Tested:
    """Cochran and Armitage's test that a rate neither rises nor falls with the scores of its bins.

    Args:
        successes, totals: (k,) noisy counts; the customers counted in successes are among those in totals.
        scale_successes, scale_totals: standard deviations of the independent noise, one for all bins or (k,).
        scores: (k,) public numbers of the bins; 0 to k - 1 if None.
        most: the most bins that one customer is in. What a customer adds to the score is a sum of so many terms, whose
            square is at most so many times the sum of their squares: the sampling variance is taken that many times,
            which finds less. With 1 in its place, customers who are in 3 bins of 12 give a level of 0.23.
        draws: how many data sets a Monte Carlo p-value draws.

    Raises:
        ValueError: if the shapes differ or all scores are equal.

    >>> round(trend([10, 20, 30], [100, 100, 100], 0.0, 0.0).statistic, 2)
    3.54
    """
    return score_trend("trend", successes, totals, scale_successes, scale_totals, scores, draws, most)


def score_trend(
    name: str,
    successes: ArrayLike,
    totals: ArrayLike,
    scale_successes: ArrayLike,
    scale_totals: ArrayLike,
    scores: ArrayLike | None,
    draws: int,
    most: int = 1,
) -> Tested:
    """`trend` under another name; with two bins it is the two-sample test of shares."""
    s, t = (np.asarray(each, dtype=np.float64) + 0.0 for each in (successes, totals))
    w = np.arange(len(s), dtype=np.float64) if scores is None else np.asarray(scores, dtype=np.float64)
    if not (s.ndim == 1 and s.shape == t.shape == w.shape and np.ptp(w) > 0):
        raise ValueError("successes, totals and scores need one value a bin, and two different scores")
    noise_s, noise_t = (
        np.broadcast_to(np.asarray(each, float), s.shape) for each in (scale_successes, scale_totals)
    )
    total, own = float(t.sum()), float(np.linalg.norm(noise_t))
    if total <= TESTABLE * own:
        return Tested(name, 0.0, None, None)
    z = float(_score(s[None], t[None], noise_s, noise_t, w, most)[0])
    if math.isnan(z):
        return Tested(name, 0.0, None, None)
    rate = min(max(float(s.sum()) / total, 0.0), 1.0)
    p_value = float(chi2.sf(z**2, 1))
    sizes = np.rint(_shares(t) * total).astype(np.int64)
    if total < CLEAR * own or total * min(rate, 1 - rate) < FEWEST * len(s):

        def null(rng: np.random.Generator) -> Reals:
            hits = rng.binomial(sizes, rate, size=(draws, len(s)))
            drawn_s = sizes * rate + math.sqrt(most) * (hits - sizes * rate)
            drawn_s += rng.normal(0.0, noise_s, (draws, len(s)))
            drawn_t = sizes + rng.normal(0.0, noise_t, (draws, len(s)))
            return np.abs(np.nan_to_num(_score(drawn_s, drawn_t, noise_s, noise_t, w, most)))

        p_value = _monte_carlo(abs(z), null, np.concatenate([s, t]))
    return Tested(name, z, None, p_value)


def _score(s: Reals, t: Reals, noise_s: Reals, noise_t: Reals, scores: Reals, most: int) -> Reals:
    """z of each of b data sets, (b, k): the sum of (w - mean w)(S - pT), whose noise is that of S - pT."""
    total = np.maximum(t.sum(axis=1, keepdims=True), 1.0)
    rate = np.clip(s.sum(axis=1, keepdims=True) / total, 0.0, 1.0)
    w = scores - (scores * t).sum(axis=1, keepdims=True) / total
    sampling = most * rate[:, 0] * (1 - rate[:, 0]) * np.maximum((w**2 * t).sum(axis=1), 0.0)
    variance = sampling + (w**2 * (noise_s**2 + rate**2 * noise_t**2)).sum(axis=1)
    root = np.sqrt(np.where(variance > 0, variance, np.nan))
    return np.asarray((w * (s - rate * t)).sum(axis=1) / root)


def _monte_carlo(statistic: float, null: Callable[[np.random.Generator], Reals], noisy: Reals) -> float:
    """The share of draws as extreme, the observed one included; the seed is of the noisy values, so a report repeats."""
    rng = np.random.default_rng(np.frombuffer(noisy.tobytes(), dtype=np.uint32))
    drawn = null(rng)
    return float((1 + np.count_nonzero(drawn >= statistic * (1 - 1e-12))) / (1 + len(drawn)))


def benjamini_hochberg(p_values: Sequence[float | None], level: float) -> tuple[bool, ...]:
    """Which hypotheses are found, at a false discovery rate of at most `level` (Benjamini and Hochberg 1995).

    None is never found, and counts as a hypothesis: whether the noise allows a test depends on the noisy numbers, and
    dropping hypotheses after looking would make the rest too easy to find.

    >>> benjamini_hochberg([0.01, 0.04, None, 0.02], 0.05)
    (True, False, False, True)
    >>> benjamini_hochberg([0.03, None], 0.05)
    (False, False)
    """
    count = len(p_values)
    ordered = sorted(p for p in p_values if p is not None)
    passing = [p for rank, p in enumerate(ordered, start=1) if p <= level * rank / count]
    return tuple(bool(passing) and p is not None and p <= passing[-1] for p in p_values)
