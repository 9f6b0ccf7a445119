"""Counts and sums, histograms, pairs and running totals: linear in the noisy numbers."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal

import numpy as np

from dpinsights.estimation.agreement import Agreed
from dpinsights.estimation.answers import Answer, Sums, estimated, grid, interval_of, summed
from dpinsights.estimation.decoding import decode, prefix_sums
from dpinsights.estimation.intervals import Interval, Noisy
from dpinsights.model.plan import PlannedQuery
from dpinsights.model.release import Flag
from dpinsights.model.strategy import Strategy


def totals(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """One noisy sum for each cell."""
    numbers = _running(query, sums["value"]) if query.asked.cumulative else sums["value"]
    step, unit, low = Decimal(1), None, 0
    if query.measure == "sum":
        step, unit, low = query.values[0].step, query.values[0].unit, query.values[0].low
    paired = query.measure == "pairs"
    axes = query.axes + query.own_axes * (2 if paired else 1)
    keys = _pairs(query) if paired else grid(axes)
    cells = tuple(
        (key, summed(query, noisy, step=step, miss=miss, not_negative=low >= 0))
        for key, noisy in zip(keys, numbers, strict=True)
    )
    return (Answer("", axes, cells, query.estimates, interval_of(numbers), unit, step),)


def agreed(query: PlannedQuery, found: Agreed, miss: float) -> tuple[Answer, ...]:
    """Counts that were made to add up with other tables: whole numbers, each with what is left of its noise."""
    axes = query.axes + query.own_axes
    cells = []
    for keys, noisy, printed, moved in zip(
        grid(axes), found.numbers, found.printed, found.moved, strict=True
    ):
        one = summed(query, noisy, step=Decimal(1), miss=miss, not_negative=True)
        value = Decimal(printed)
        flags = (*one.flags, Flag.CONSISTENT, *((Flag.CHANGED_BY_CONSISTENCY,) if moved else ()))
        low, high = min(one.low, value), max(one.high, value)
        cells.append((keys, replace(one, value=value, low=low, high=high, flags=flags)))
    return (Answer("", axes, tuple(cells), query.estimates, "consistent", None, Decimal(1)),)


def out_of(query: PlannedQuery, sums: Sums, miss: float) -> Answer:
    """Each count as a share of a public figure, which is exact; a key without a figure has none."""
    source, figures = query.figures or ("", ())
    place = [axis.source for axis in query.axes].index(source)
    by_key = dict(zip((key.key for key in query.axes[place].keys), figures, strict=True))
    cells = []
    for keys, noisy in zip(grid(query.axes), sums["value"], strict=True):
        figure = by_key[keys[place]]
        if figure is not None:
            width, whole = noisy.half_width(miss), float(figure)
            low, high = max(noisy.value - width, 0.0), max(noisy.value + width, 0.0)
            share = Interval(max(noisy.value, 0.0) / whole, low / whole, high / whole)
            cells.append((keys, estimated(query, share, step=Decimal(1))))
    known = tuple(key for key in query.axes[place].keys if by_key[key.key] is not None)
    axes = tuple(replace(axis, keys=known) if at == place else axis for at, axis in enumerate(query.axes))
    how = interval_of(sums["value"])
    return Answer("rate", axes, tuple(cells), "share-of-figure", how, None, Decimal(1))


def _pairs(query: PlannedQuery) -> list[tuple[str, ...]]:
    """Each pair once, the earlier key first; a key with itself counts its holders."""
    held = [key.key for key in query.own_axes[0].keys]
    pairs = list(itertools.combinations_with_replacement(held, 2))
    return [(*group, *pair) for group in grid(query.axes) for pair in pairs]


def _running(query: PlannedQuery, numbers: tuple[Noisy, ...]) -> tuple[Noisy, ...]:
    """Running totals over the last group, decoded from the series that was drawn."""
    strategy = Strategy("series", len(query.axes[-1].keys))
    running: list[Noisy] = []
    for start in range(0, len(numbers), strategy.rows):
        block = numbers[start : start + strategy.rows]
        decoded = decode(np.array([noisy.value for noisy in block]), strategy, block[0].scale)
        values, variances = prefix_sums(decoded)
        running += [Noisy(float(v), float(s) ** 0.5, 2) for v, s in zip(values, variances, strict=True)]
    return tuple(running)
