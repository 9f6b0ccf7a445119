"""Variances, quantiles, correlations, regressions and concentration, group by group.

The formulas are in `spread`, `quantiles`, `correlation`, `regression` and `concentration`; here they meet the plan: the
numbers of each group, the units, the keys.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from dpinsights.estimation.answers import Answer, Numbered, Sums, estimated, grid, groups_of
from dpinsights.estimation.concentration import concentration as concentrated
from dpinsights.estimation.correlation import pearson, spearman
from dpinsights.estimation.intervals import Interval, Noisy, smooth
from dpinsights.estimation.quantiles import quantiles as quantiles_of
from dpinsights.estimation.regression import Units
from dpinsights.estimation.regression import regression as regressed
from dpinsights.estimation.selecting import selected
from dpinsights.estimation.spread import deviation, variance
from dpinsights.model.names import FrozenMap
from dpinsights.model.numbers import plain
from dpinsights.model.plan import Axis, PlannedQuery
from dpinsights.model.release import Flag
from dpinsights.model.strategy import Strategy
from dpinsights.model.values import Key

ONE = Decimal(1)
PROBABILITIES = (Decimal("0.1"), Decimal("0.25"), Decimal("0.5"), Decimal("0.75"), Decimal("0.9"))
"""The quantiles that are answered unless a query names others."""

TOP = Decimal("0.1")
"""The top whose share is answered unless a query names another."""


def spread(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """The variance or standard deviation of each cell."""
    value = query.values[0]
    width = (value.high - value.low) / value.coarse
    find = variance if query.measure == "var" else deviation
    step = (value.step * value.coarse) ** 2 if query.measure == "var" else value.step * value.coarse
    largest = width**2 / 4 if query.measure == "var" else width / 2
    cells = []
    for keys, n, first, second in zip(
        grid(query.axes), sums["count"], sums["first"], sums["second"], strict=True
    ):
        found = find(n, first, second, largest=width**2 / 4, miss=miss)
        cells.append((keys, estimated(query, found, step=step, most=(0, largest))))
    return (Answer("", query.axes, tuple(cells), query.estimates, "composite", query.unit, step),)


def quantiles(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """The asked quantiles of each group: chosen among cuts, or by inverting its noisy distribution function."""
    value = query.values[0]
    asked = query.asked.at or PROBABILITIES
    axis = Axis("quantile", FrozenMap(en="Quantile", zh="分位数"), tuple(quantile_key(p) for p in asked))
    if "value" not in sums:
        return selected(query, sums, axis, miss)
    strategy = Strategy("tree", len(query.edges) - 1)
    edges = [float(edge / value.step) for edge in query.edges]
    cells: list[Numbered] = []
    for keys, numbers in groups_of(query, sums["value"]):
        found = quantiles_of(
            np.array([noisy.value for noisy in numbers]),
            strategy,
            numbers[0].scale,
            probabilities=[float(p) for p in asked],
            edges=edges,
            miss=miss,
        )
        cells += [
            (
                (*keys, key.key),
                estimated(
                    query, one, step=value.step, most=(edges[0], edges[-1]), flags=(Flag.BETWEEN_CUTS,)
                ),
            )
            for key, one in zip(axis.keys, found, strict=True)
        ]
    axes = (*query.axes, axis)
    return (Answer("", axes, tuple(cells), query.estimates, "inverted-distribution", query.unit, value.step),)


def quantile_key(probability: Decimal) -> Key:
    """The key of a quantile, as tables and roles have it: p50, also called the median."""
    text = f"p{plain(probability * 100)}"
    return Key(text, FrozenMap(en="median", zh="中位数") if probability == Decimal("0.5") else None)


def correlation(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """The correlation of each group: Pearson's from moments, or Spearman's from a table of public bins."""
    if query.asked.method == "spearman":
        shape = tuple(len(axis.keys) for axis in query.own_axes)
        found = [
            (keys, _ranked(numbers, (shape[0], shape[1]), miss))
            for keys, numbers in groups_of(query, sums["value"])
        ]
    else:
        found = [
            (keys, pearson(*(sums[role][place] for role in PEARSON), miss=miss))
            for place, keys in enumerate(grid(query.axes))
        ]
    cells = tuple((keys, estimated(query, one, step=ONE, most=(-1, 1))) for keys, one in found)
    return (Answer("", query.axes, cells, query.estimates, "fieller", None, ONE),)


PEARSON = ("0*0", "0*1", "0*2", "1*1", "2*2", "1*2")
"""The roles of n, and of the sums of x, y, x^2, y^2 and xy."""


def _ranked(numbers: Sequence[Noisy], shape: tuple[int, int], miss: float) -> Interval:
    table = np.array([noisy.value for noisy in numbers]).reshape(shape)
    return spearman(table, numbers[0].scale, miss=miss)


def regression(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """The coefficients of each group: what one unit more of each number goes with, the others held equal."""
    names = ("intercept", *(value.name for value in query.values[1:]))
    axis = Axis("term", FrozenMap(en="Term", zh="变量"), tuple(Key(name) for name in names))
    columns = (*query.values[1:], query.values[0])
    units = Units(
        tuple(float(value.centre * value.step) for value in columns),
        tuple(float(value.coarse * value.step) for value in columns),
    )
    cells: list[Numbered] = []
    fit: list[Numbered] = []
    for place, keys in enumerate(grid(query.axes)):
        found = regressed(*_matrix(query, sums, place, miss), miss=miss, units=units)
        cells += [
            ((*keys, name), estimated(query, term, step=ONE))
            for name, term in zip(names, found.terms, strict=True)
        ]
        fit.append((keys, estimated(query, found.r_squared, step=ONE, most=(0, 1))))
    return (
        Answer("", (*query.axes, axis), tuple(cells), query.estimates, "fieller", query.unit, ONE),
        Answer("fit", query.axes, tuple(fit), "r-squared", "fieller", None, ONE),
    )


def _matrix(
    query: PlannedQuery, sums: Sums, place: int, miss: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The noisy moments of (1, x1, ..., y), y last, with the noise of each."""
    order = [0, *range(2, len(query.values) + 1), 1]
    size = len(order)
    moments, scales = np.zeros((size, size)), np.zeros((size, size))
    for i, j in itertools.combinations_with_replacement(range(size), 2):
        noisy = sums[_role(order[i], order[j])][place]
        moments[i, j] = moments[j, i] = noisy.value
        scales[i, j] = scales[j, i] = smooth(noisy.scale, miss)
    return moments, scales


def _role(one: int, other: int) -> str:
    """The role of the product of two columns: column 0 is 1, column i the i-th value."""
    low, high = sorted((one, other))
    return f"{low}*{high}"


def concentration(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """The Gini coefficient, the share of the sum that the top customers hold, and the Lorenz curve at public cuts."""
    value = query.values[0]
    top = query.asked.top_share or TOP
    edges = [float(edge / value.step) for edge in query.edges]
    figures = Axis(
        "figure",
        FrozenMap(en="Figure", zh="指标"),
        (
            Key("gini", FrozenMap(en="Gini coefficient", zh="基尼系数")),
            Key(
                "top",
                FrozenMap(en=f"Share of the top {plain(top * 100)}%", zh=f"前 {plain(top * 100)}% 所占份额"),
            ),
        ),
    )
    upto = Axis(value.name, None, tuple(Key(plain(edge)) for edge in query.edges[1:-1]))
    shares = Axis(
        "share",
        FrozenMap(en="Share below", zh="低于该值的份额"),
        (
            Key("customers", FrozenMap(en="of customers", zh="客户")),
            Key("sum", FrozenMap(en="of the sum", zh="总额")),
        ),
    )
    cells: list[Numbered] = []
    curve: list[Numbered] = []
    pairs = zip(groups_of(query, sums["count"]), groups_of(query, sums["total"]), strict=True)
    for (keys, counts), (_, totals) in pairs:
        found = concentrated(
            [noisy.value for noisy in counts],
            [noisy.value for noisy in totals],
            edges=edges,
            count_scale=counts[0].scale,
            sum_scale=totals[0].scale,
            top=float(top),
            miss=miss,
        )
        for key, one in zip(("gini", "top"), (found.gini, found.top), strict=True):
            cells.append(
                ((*keys, key), estimated(query, one, step=ONE, most=(0, 1), flags=(Flag.BETWEEN_CUTS,)))
            )
        for cut, point in zip(upto.keys, found.lorenz, strict=True):
            for key, one in zip(("customers", "sum"), point, strict=True):
                curve.append(((*keys, cut.key, key), estimated(query, one, step=ONE, most=(0, 1))))
    return (
        Answer("", (*query.axes, figures), tuple(cells), query.estimates, "fieller-bounds", None, ONE),
        Answer("lorenz", (*query.axes, upto, shares), tuple(curve), "lorenz", "fieller", None, ONE),
    )
