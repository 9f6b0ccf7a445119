"""Tests where a query asks for them, and which of a report's findings stand.

A test adds sampling variance to the noise's: it asks whether another draw of customers would show the same. Which of
all the tests of a report stand is decided together, under Benjamini-Hochberg at one minus the report's confidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np

from dpinsights.estimation.answers import Answer, Sums, grid
from dpinsights.estimation.comparing import bases
from dpinsights.estimation.intervals import Noisy
from dpinsights.estimation.significance import Tested, benjamini_hochberg, independence, trend
from dpinsights.estimation.two_groups import Moments, total_change, two_means, two_shares
from dpinsights.model.plan import PlannedQuery, PlannedValue
from dpinsights.model.release import Cell, Flag, ResultTable, TestFact

Found = tuple[tuple[str, ...], Tested]
"""The groups that a test is about, and what it says."""


def tested(query: PlannedQuery, sums: Sums, found: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The answers, with the tests that the query asks for beside the last of them."""
    tests = {"difference": _differences, "trend": _trends, "independence": _independences}[
        query.asked.test or "difference"
    ]
    facts = tuple(
        TestFact(query.asked.test or "", keys, one.statistic, one.degrees, one.p_value)
        for keys, one in tests(query, sums)
    )
    return (*found[:-1], replace(found[-1], tests=facts))


def chosen(tables: Sequence[ResultTable], level: Decimal) -> tuple[ResultTable, ...]:
    """The tables with each test's verdict, and flags on the numbers that a test is about."""
    p_values = [test.p_value for table in tables for test in table.tests]
    verdicts = iter(benjamini_hochberg(p_values, float(level)))
    return tuple(_judged(table, verdicts) for table in tables)


def _judged(table: ResultTable, verdicts: Iterator[bool]) -> ResultTable:
    if not table.tests:
        return table
    tests = tuple(replace(test, found=next(verdicts)) for test in table.tests)
    if table.tests[0].name != "difference":
        return replace(table, tests=tests)
    by_keys = {test.keys: Flag.SIGNIFICANT if test.found else Flag.NOT_SIGNIFICANT for test in tests}
    return replace(table, tests=tests, cells=tuple(_flagged(table.cells, by_keys)))


def _flagged(cells: Iterable[Cell], by_keys: dict[tuple[str, ...], Flag]) -> Iterator[Cell]:
    for cell in cells:
        if Flag.SUPPRESSED in cell.estimate.flags:
            yield cell
            continue
        flags = (*cell.estimate.flags, by_keys[cell.keys])
        yield replace(cell, estimate=replace(cell.estimate, flags=flags))


def _differences(query: PlannedQuery, sums: Sums) -> Iterator[Found]:
    """Each compared cell against its base: of two groups of customers, or of one group's sums at two times."""
    (compare,) = query.asked.compare or ()
    cells = list(grid(query.axes))
    at = {keys: place for place, keys in enumerate(cells)}
    place = [axis.source for axis in query.axes].index(compare.by)
    keys = [key.key for key in query.axes[place].keys]
    for cell, base in bases(cells, keys, place, compare.to):
        if base is not None:
            yield cell, _difference(query, sums, at[cell], at[base])


def _difference(query: PlannedQuery, sums: Sums, one: int, other: int) -> Tested:
    if query.measure == "sum":
        # (a - b)^2 is at most a^2 + b^2 for values that are not negative, and at most twice that for any.
        times = 1 if query.values[0].low >= 0 else 2
        totals, squares = sums["value"], _squares(query.values[0], sums["second"], times)
        return total_change(totals[one], totals[other], squares[one], squares[other])
    if "second" in sums:
        squares = _squares(query.values[0], sums["second"])
        groups = [Moments(sums["denominator"][at], sums["numerator"][at], squares[at]) for at in (one, other)]
        return two_means(groups[0], groups[1])
    shares = [(sums["numerator"][at], sums["denominator"][at]) for at in (one, other)]
    return two_shares(*shares[0], *shares[1])


def _squares(value: PlannedValue, seconds: Sequence[Noisy], times: int = 1) -> list[Noisy]:
    """Sums of squares in the squared steps of the plain sums, whatever they were coarsened by."""
    factor = value.coarse**2 * times
    return [Noisy(noisy.value * factor, noisy.scale * factor, noisy.draws) for noisy in seconds]


def _trends(query: PlannedQuery, sums: Sums) -> Iterator[Found]:
    """Over the last group, for each combination of the others."""
    for keys, places in _along_last(query, 1):
        above, below = ([sums[role][at] for at in places] for role in ("numerator", "denominator"))
        yield (
            keys,
            trend(
                [noisy.value for noisy in above],
                [noisy.value for noisy in below],
                [noisy.scale for noisy in above],
                [noisy.scale for noisy in below],
                most=min(query.k or 1, len(places)),
            ),
        )


def _independences(query: PlannedQuery, sums: Sums) -> Iterator[Found]:
    """Of the last two groups, for each combination of the others."""
    shape = tuple(len(axis.keys) for axis in query.axes[-2:])
    for keys, places in _along_last(query, 2):
        numbers = [sums["value"][at] for at in places]
        table = np.array([noisy.value for noisy in numbers]).reshape(shape)
        # The largest noise of the table stands for all: the test then finds less, never more.
        yield keys, independence(table, max(noisy.scale for noisy in numbers))


def _along_last(query: PlannedQuery, axes: int) -> Iterator[tuple[tuple[str, ...], range]]:
    outer = query.axes[:-axes]
    size = 1
    for axis in query.axes[-axes:]:
        size *= len(axis.keys)
    for place, keys in enumerate(grid(outer)):
        yield keys, range(place * size, (place + 1) * size)
