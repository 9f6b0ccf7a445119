"""Means, shares and ratios, and the steps of funnels and cohorts: one noisy sum over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np
from scipy.optimize import isotonic_regression

from dpinsights.estimation.answers import (
    Answer,
    Keyed,
    Numbered,
    Sums,
    estimated,
    grid,
    groups_of,
    interval_of,
    summed,
)
from dpinsights.estimation.intervals import Interval, Noisy, method, ratio, ratio_of_sums, total
from dpinsights.model.plan import Axis, PlannedQuery
from dpinsights.model.release import Estimate, Flag
from dpinsights.model.values import Key

ONE = Decimal(1)


def rates(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """One mean, share or ratio for each cell."""
    found = quotients(query, sums, miss)
    step, unit, most = scale_of(query)
    cells = tuple((keys, estimated(query, one, step=step, most=most)) for keys, one in found.items())
    how = method(sums["numerator"][0].scale, sums["denominator"][0].scale)
    return (Answer("", query.axes, cells, query.estimates, how, unit, step),)


def quotients(query: PlannedQuery, sums: Sums, miss: float) -> Keyed:
    """The quotient of each cell, in steps."""
    pairs = zip(grid(query.axes), sums["numerator"], sums["denominator"], strict=True)
    return {keys: quotient(query, above, below, miss) for keys, above, below in pairs}


def quotient(query: PlannedQuery, above: Noisy, below: Noisy, miss: float) -> Interval:
    """One mean, share or ratio, in steps."""
    if query.measure == "ratio":
        return ratio_of_sums(above, below, miss=miss)
    value = query.values[0]
    return ratio(above, below, low=value.low, high=value.high, miss=miss)


def scale_of(query: PlannedQuery) -> tuple[Decimal, str | None, tuple[float, float] | None]:
    """What a step of a quotient is worth, its unit, and its range in steps if there is one."""
    if query.measure == "ratio":
        above, below = query.values
        return above.step / below.step, query.unit, None
    value = query.values[0]
    return value.step, value.unit, (value.low, value.high)


def funnel(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """How many customers reached each step, and which share of those of the step before.

    A customer is counted once, at the furthest step that it reached without leaving one out, so the numbers of a
    funnel are tail sums of one histogram: those that reach a step are among those that reached the one before.
    """
    steps = query.own_axes[0]
    counts: list[Numbered] = []
    shares: list[Numbered] = []
    for keys, cells in groups_of(query, sums["value"]):
        reached = [total(cells[place:]) for place in range(1, len(cells))]
        counts += _falling(_counts(query, keys, steps.keys, reached, miss))
        for place in range(1, len(reached)):
            share = _part(reached[place], reached[place - 1], miss)
            shares.append(((*keys, steps.keys[place].key), estimated(query, share, step=ONE, most=(0, 1))))
    later = Axis(steps.source, steps.names, steps.keys[1:])
    return (
        Answer("", (*query.axes, steps), tuple(counts), "customers", interval_of(sums["value"]), None, ONE),
        Answer("rates", (*query.axes, later), tuple(shares), "share-of-step", _how(sums["value"]), None, ONE),
    )


def retention(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """The cohort triangle: how many of those that began in a period were active in or after each later one.

    A customer is counted once, at the pair of its first and last period, so the numbers of a cohort only fall.
    """
    cohorts, last = query.own_axes
    size = len(last.keys)
    ages = tuple(Key(str(age)) for age in range(size))
    counts: list[Numbered] = []
    shares: list[Numbered] = []
    for keys, cells in groups_of(query, sums["value"]):
        for start, cohort in enumerate(cohorts.keys):
            row = cells[start * size : (start + 1) * size]
            stayed = [total(row[place:]) for place in range(start, size)]
            counts += _falling(_counts(query, (*keys, cohort.key), ages, stayed, miss))
            parts = (_part(after, stayed[0], miss) for after in stayed[1:])
            shares += _falling(
                [
                    ((*keys, cohort.key, str(age)), estimated(query, part, step=ONE, most=(0, 1)))
                    for age, part in enumerate(parts, 1)
                ]
            )
    age_axis = Axis("age", None, ages)
    later = Axis("age", None, ages[1:])
    return (
        Answer(
            "", (*query.axes, cohorts, age_axis), tuple(counts), "customers", "combined-gaussian", None, ONE
        ),
        Answer(
            "rates",
            (*query.axes, cohorts, later),
            tuple(shares),
            "share-of-cohort",
            _how(sums["value"]),
            None,
            ONE,
        ),
    )


def _counts(
    query: PlannedQuery, keys: tuple[str, ...], names: Sequence[Key], counts: Sequence[Noisy], miss: float
) -> list[Numbered]:
    return [
        ((*keys, name.key), summed(query, noisy, step=ONE, miss=miss, not_negative=True))
        for name, noisy in zip(names, counts, strict=False)
    ]


def _part(of: Noisy, whole: Noisy, miss: float) -> Interval:
    """A share of a whole that holds it: the part's noise is in both."""
    return ratio(of, whole, low=0, high=1, miss=miss, covariance=of.scale**2)


def _how(numbers: Sequence[Noisy]) -> str:
    return method(numbers[0].scale, numbers[0].scale)


def _falling(cells: Sequence[Numbered]) -> list[Numbered]:
    """Numbers that never rise: the nearest falling ones, weighted by precision, each within its own interval."""
    if any(estimate.value is None for _, estimate in cells):
        return list(cells)
    values = np.array([float(estimate.value or 0) for _, estimate in cells])
    weights = np.array([max(float(estimate.margin), 1e-9) ** -2 for _, estimate in cells])
    nearest = isotonic_regression(values, weights=weights, increasing=False).x
    return [
        (keys, _moved(estimate, Decimal(float(value))))
        for (keys, estimate), value in zip(cells, nearest, strict=True)
    ]


def _moved(estimate: Estimate, value: Decimal) -> Estimate:
    if estimate.value is None or abs(value - estimate.value) < Decimal("1e-9"):
        return estimate
    value = value.quantize(estimate.value, rounding=ROUND_HALF_EVEN)
    low, high = min(estimate.low, value), max(estimate.high, value)
    return replace(
        estimate, value=value, low=low, high=high, flags=(*estimate.flags, Flag.CHANGED_BY_CONSISTENCY)
    )
