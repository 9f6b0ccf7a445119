"""Least squares from noisy moments, with intervals for noise only.

With G the moments of the predictors and h those with the response, the coefficients b solve h = Gb. For fixed b the
noise of h - Gb is exactly normal and has mean 0, so the interval of a combination c'b is the set of all t for which
v'(h - G b(t)) is within its own noise of zero: v = G^-1 c / c'G^-1 c, and b(t) solves every other equation. It is
Fieller's set, with D = 1 / c'G^-1 c as the denominator (for one coefficient: the predictor's spread that the others
don't explain, by Frisch, Waugh and Lovell), and it is bounded exactly where D is distinguishable from zero. What noise
in the other predictors adds to second order is added to the variance; without it the intercept of collinear
predictors misses too often. No random numbers: the same noisy moments always have the same intervals.

Measured against the percentile interval of a parametric bootstrap (299 redraws of the noise; 54 cases of 500 draws, so
that the least of them is low by chance), coefficients covered 0.928 or more and the bootstrap's 0.914 or more. For
R squared the bootstrap covered 0.07 where nothing is explained (5,000 customers, 2 predictors, noise of a fifth of the
least eigenvalue), as redrawn noise explains what isn't there twice over; the intervals here covered 0.952 or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from dpinsights.estimation.correlation import Quotient
from dpinsights.estimation.intervals import Interval

Array = NDArray[np.float64]

SINGULAR = (
    "the predictors' moments are not distinguishable from those of collinear predictors or an empty group"
)
"""Why a regression has no values."""
KNOWN = 4.0
"""How many standard deviations of its noise each denominator must be above zero. At fewer the set is bounded, but one
coefficient's set misses too often given that another's denominator was drawn large."""
ROUNDS = 4
"""How often the ends of R squared are put right by the variance that they imply."""
HALVINGS = 30
"""How often the multiplier of the likeliest coefficients is halved in."""


@dataclass(frozen=True)
class Units:
    """What 0 and 1 of the moments' columns stand for in the original units: predictors in order, then the response."""

    centres: tuple[float, ...]
    units: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.centres) != len(self.units) or any(unit <= 0 for unit in self.units):
            raise ValueError("a regression's units are one centre and one positive unit for each column")

    def intercept(self) -> Array:
        """The combination of the coefficients that is the centred response where all predictors are 0."""
        return np.array([1.0, *(-centre / unit for centre, unit in self._pairs()[:-1])])

    def rescale(self, terms: Sequence[Interval]) -> tuple[Interval, ...]:
        """The intercept (already at predictors of 0) and the slopes, from centred steps to the original units."""
        centre, unit = self._pairs()[-1]
        slopes = [(0.0, unit / each) for each in self.units[:-1]]
        return tuple(_moved(term, *by) for term, by in zip(terms, [(centre, unit), *slopes], strict=True))

    def _pairs(self) -> list[tuple[float, float]]:
        return list(zip(self.centres, self.units, strict=True))


@dataclass(frozen=True)
class Regression:
    """Intercept and slopes in order, the share of the response's variance explained, and why there is none, if so."""

    terms: tuple[Interval, ...]
    r_squared: Interval
    reason: str | None = None


def regression(moments: Array, scales: Array, *, miss: float, units: Units | None = None) -> Regression:
    """The least squares fit of y on 1, x1 .. xp.

    Args:
        moments: symmetric, of shape (p + 2, p + 2): sums over customers of products of the columns 1, x1 .. xp, y,
            centred and scaled by public figures so that their ranges are about 1.
        scales: symmetric, of the same shape: the noise's standard deviation in each sum; entries on and above the
            diagonal are independent. Scales under a few steps want widening by the caller.
        miss: one minus the confidence.
        units: the answer's units; left out, those of the moments.

    >>> x, y = np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0, 7.0])
    >>> columns = np.stack([np.ones(4), x, y])
    >>> found = regression(columns @ columns.T, np.full((3, 3), 1e-3), miss=0.05)
    >>> [round(term.value, 3) for term in found.terms], round(found.r_squared.value, 3)
    ([1.0, 2.0], 1.0)
    """
    terms = len(moments) - 1
    combinations = np.eye(terms)
    if units is not None:
        combinations[0] = units.intercept()
    z = -float(ndtri(miss / 2))
    values, low, high = (
        side[0].tolist() for side in regression_intervals(moments[None], scales, z, combinations)
    )
    if np.isnan(values[0]):
        nothing = Interval(None, -np.inf, np.inf)
        return Regression((nothing,) * terms, Interval(None, 0.0, 1.0), SINGULAR)
    found = [Interval(*each) for each in zip(values[:-1], low[:-1], high[:-1], strict=True)]
    explained = Interval(None if np.isnan(values[-1]) else values[-1], low[-1], high[-1])
    return Regression(tuple(found) if units is None else units.rescale(found), explained)


def regression_intervals(
    moments: Array, scales: Array, z: float, combinations: Array
) -> tuple[Array, Array, Array]:
    """Values, least and largest ends, each of shape (draws, terms + 1), for moments of shape (draws, q, q).

    The last column is R squared; the others are the rows of `combinations` times the coefficients.
    """
    draws, size = moments.shape[:2]
    p = size - 1
    predictors = moments[:, :p, :p]
    known = np.linalg.eigvalsh(predictors)[:, 0] > 0
    inverse = np.linalg.inv(np.where(known[:, None, None], predictors, np.eye(p)))
    fitted = np.einsum("dij,dj->di", inverse, moments[:, :p, p])
    residual = np.concatenate([-fitted, np.ones((draws, 1))], axis=1)
    noise = _row_noise(scales)
    score = _moved_by(noise, residual)  # the noise of (h - Gb, y'y - h'b), moment by moment
    values, low, high = (np.empty((draws, len(combinations) + 1)) for _ in range(3))
    for j, combination in enumerate(combinations):
        quotient = _term(inverse, score[:, :p], noise[:p, :p], combination)
        known &= (quotient.below > 0) & (quotient.below**2 > KNOWN**2 * quotient.below_variance)
        values[:, j] = fitted @ combination
        for side, end in zip((low, high), quotient.ends(z), strict=True):
            side[:, j] = values[:, j] + end
    unexplained, least, most = _unexplained(moments, inverse, residual, score[:, :p], noise, known, z)
    low[:, -1], high[:, -1] = np.clip(1 - most, 0.0, 1.0), np.clip(1 - least, 0.0, 1.0)
    below = np.where(unexplained.below > 0, unexplained.below, 1.0)
    value = np.clip(1 - unexplained.above / below, low[:, -1], high[:, -1])
    values[:, -1] = np.where((low[:, -1] > 0) | (high[:, -1] < 1), value, np.nan)
    values[~known], low[~known], high[~known] = np.nan, -np.inf, np.inf
    low[~known, -1], high[~known, -1] = 0.0, 1.0
    return values, low, high


def _row_noise(scales: Array) -> Array:
    """How each of the independent moments moves each entry of the matrix, in its own standard deviations: (q, q, m)."""
    first, second = np.triu_indices(len(scales))
    noise = np.zeros((len(scales), len(scales), len(first)))
    each = np.arange(len(first))
    noise[first, second, each] = noise[second, first, each] = scales[first, second]
    return noise


def _moved_by(noise: Array, vector: Array) -> Array:
    """The noise of the matrix times a vector, moment by moment: from (k, b, m) and (draws, b) to (draws, k, m)."""
    return np.asarray(np.tensordot(vector, noise, axes=(1, 1)))


def _along(vector: Array, noise: Array) -> Array:
    """From (draws, k) and (draws, k, m) to (draws, m)."""
    return np.asarray((vector[:, None, :] @ noise)[:, 0, :])


def _trace(one: Array, other: Array) -> Array:
    """Of the products of two stacks of matrices."""
    return np.asarray((one * np.swapaxes(other, 1, 2)).sum(axis=(1, 2)))


def _term(inverse: Array, score: Array, noise: Array, combination: Array) -> Quotient:
    """The quotient whose set, moved by the estimate, is the interval of one combination of the coefficients."""
    solved = inverse @ combination
    below = 1 / (solved @ combination)
    v = solved * below[:, None]
    design = _moved_by(noise, v)  # the noise of Gv
    across, along = _along(v, score), _along(v, design)
    others = inverse - np.einsum("di,dj->dij", solved, solved) * below[:, None, None]
    turned = design.transpose(0, 2, 1)
    own, mixed = others @ (design @ turned), others @ (score @ turned)
    second_order = _trace(own, others @ (score @ score.transpose(0, 2, 1))) + _trace(mixed, mixed)
    variance = (across**2).sum(axis=1) + np.maximum(second_order, 0.0)
    return Quotient(
        np.zeros_like(below), below, variance, (across * along).sum(axis=1), (along**2).sum(axis=1)
    )


def _unexplained(
    moments: Array,
    inverse: Array,
    residual: Array,
    score: Array,
    noise: Array,
    known: NDArray[np.bool_],
    z: float,
) -> tuple[Quotient, Array, Array]:
    """The residual sum of squares over the total one, each unbiased to second order, and its least and largest value.

    What is explained is quadratic in the coefficients, and its variance is far from what the estimate says where they
    are near 0. So each end has the variance that it implies. Where more is explained than was estimated, that is at the
    likeliest coefficients that explain so much, which lie towards the direction of most noise: at a multiple of the
    estimate, nearly collinear predictors that explain little would cover 0.91. Where less is, at the coefficients times
    what makes the end true, or, where so little is explained that their direction is unknown, in the direction of most
    noise.
    """
    p = inverse.shape[1]
    count = np.where(known, moments[:, 0, 0], 1.0)
    mean = moments[:, 0, p] / count
    about_mean = np.zeros_like(residual)
    about_mean[:, 0], about_mean[:, p] = -mean, 1.0
    centred = _moved_by(noise, about_mean)
    fit = inverse @ (score @ score.transpose(0, 2, 1))
    spread = np.trace(fit, axis1=1, axis2=2)
    left = np.einsum("da,dab,db->d", residual, moments, residual)
    squares = moments[:, p, p] - moments[:, 0, p] * mean
    total = squares + (centred[:, 0] ** 2).sum(axis=1) / count
    below = _along(about_mean, centred)
    second_order = 2 * _trace(fit, fit)
    explained = np.maximum(squares - left, 1e-12 * np.abs(squares) + np.finfo(float).tiny)

    def quotient(towards: Array, weak: Array) -> Quotient:
        above = _along(towards, _moved_by(noise, towards))
        variance = np.maximum((above**2).sum(axis=1), 4 * spread * weak) + second_order
        return Quotient(left + spread, total, variance, (above * below).sum(axis=1), (below**2).sum(axis=1))

    likeliest = _Likeliest(moments, inverse, score, known)
    here = quotient(residual, np.zeros_like(total))
    least, most = here.ends(z)
    lower, upper = least, most
    for _ in range(ROUNDS):
        left_over = (1 - np.clip(lower, 0.0, 1.0)) * np.maximum(total, 0.0)
        towards = about_mean - likeliest.coefficients(left_over)
        lower = np.minimum(least, quotient(towards, np.zeros_like(total)).ends(z)[0])
        left_over = (1 - np.clip(upper, 0.0, 1.0)) * np.maximum(total, 0.0)
        towards = about_mean + np.sqrt(left_over / explained)[:, None] * (residual - about_mean)
        upper = np.maximum(most, quotient(towards, np.clip(left_over, 0.0, 4 * spread)).ends(z)[1])
    return here, lower, upper


class _Likeliest:
    """The coefficients nearest to the estimated ones, by their noise, that explain so much of the sum of squares.

    In coordinates m in which the explained sum of squares is m'm and the noise has the diagonal covariance s^2, they
    are m / (1 - u s^2) for the Lagrange multiplier u.
    """

    def __init__(self, moments: Array, inverse: Array, score: Array, known: NDArray[np.bool_]) -> None:
        p = inverse.shape[1]
        count = np.where(known, moments[:, 0, 0], 1.0)
        self._means = moments[:, 0, 1:p] / count[:, None]
        centred = moments[:, 1:p, 1:p] - self._means[:, :, None] * moments[:, 0, None, 1:p]
        root = np.linalg.cholesky(np.where(known[:, None, None], centred, np.eye(p - 1)))
        turned = np.swapaxes(root, 1, 2) @ (inverse @ score)[:, 1:]
        variance, axes = np.linalg.eigh(turned @ np.swapaxes(turned, 1, 2))
        self._to_slopes = np.linalg.inv(np.swapaxes(root, 1, 2)) @ axes
        slopes = np.einsum("dij,dj->di", inverse, moments[:, :p, p])[:, 1:]
        self._estimated = np.einsum("dji,dj->di", root @ axes, slopes)
        self._variance = variance / np.maximum(variance[:, -1:], np.finfo(float).tiny)

    def coefficients(self, explained: Array) -> Array:
        """For each draw, in the order 1, x1 .. xp, y: of the fit less the mean of y; the estimate if it explains more."""
        low, high = np.zeros((len(explained), 1)), np.ones((len(explained), 1))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            at = self._estimated / (1 - middle * self._variance)
            enough = ((at**2).sum(axis=1) >= explained)[:, None]
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        slopes = np.einsum("dij,dj->di", self._to_slopes, self._estimated / (1 - low * self._variance))
        intercept = -np.einsum("di,di->d", self._means, slopes)
        return np.column_stack([intercept, slopes, np.zeros(len(explained))])


def _moved(term: Interval, centre: float, unit: float) -> Interval:
    value = None if term.value is None else centre + unit * term.value
    return Interval(value, centre + unit * term.low, centre + unit * term.high)
