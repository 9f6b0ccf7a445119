"""Numbers of groups whose noisy count is below the policy's smallest group are not shown.

What is shown is decided on noisy numbers alone, so this is post-processing and costs nothing. A number that is not
shown has neither value nor interval, here and so in every format; nor has any of which it could be worked out exactly:
a comparison with it, a share of a public figure, a test over it, a table that adds up with its own (`deduction`).
Given that a number is shown, its interval covers less often than stated, which nobody can state without the true count.

A group's size is the noisy number itself where customers or rows are counted, and the noisy denominator or count of a
mean, a share, a variance, a correlation, a regression, a quantile or a concentration. Sums and ratios of sums have
none, nor have quantiles that were chosen: they are shown whatever the group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from dpinsights.estimation.agreement import AGREEING
from dpinsights.estimation.answers import Answer, Numbered, Sums, grid, groups_of
from dpinsights.estimation.comparing import bases, kept
from dpinsights.estimation.decoding import decode
from dpinsights.estimation.deduction import Table, revealing
from dpinsights.estimation.intervals import Noisy, total
from dpinsights.model.plan import Family, Part, PlannedQuery
from dpinsights.model.release import Estimate, Flag, TestFact
from dpinsights.model.strategy import Strategy

Keys = tuple[str, ...]

COUNTED = frozenset({"count", "histogram", "pairs", "top", "funnel", "retention"})
"""Measures whose own numbers are sizes."""

_LISTED = AGREEING | {"top"}
"""Measures whose cells are those of the measurement: a list of the largest has the counts of a table."""

_OF_DEFINITIONS = (
    Flag.BOUND_DECLARED,
    Flag.GROUPS_LIMITED,
    Flag.CONSISTENT,
    Flag.BETWEEN_CUTS,
    Flag.DISCOVERED,
)
"""Flags that say nothing about the number itself."""

_SIZES = {"mean": "denominator", "share": "denominator", "var": "count", "std": "count", "regression": "0*0"}

_WITHOUT = Decimal("Infinity")


@dataclass(frozen=True)
class Answered:
    """A query with its noisy numbers by role (none where keys were discovered) and the tables that answer it."""

    query: PlannedQuery
    sums: Sums
    answers: tuple[Answer, ...]


def suppressed(
    asked: Sequence[Answered], families: Sequence[Family], smallest: int
) -> tuple[tuple[Answer, ...], ...]:
    """The tables of each query without the numbers of groups that are too small.

    Args:
        asked: the queries, in the plan's order.
        families: of tables that were made to add up.
        smallest: the least noisy count that is shown.
    """
    hidden = _alike(asked, [_too_small(one, smallest) for one in asked])
    linear = [at for at, one in enumerate(asked) if _adds_up(one.query)]
    cells = [asked[at].answers[0].cells for at in linear]
    counts = [
        Table(
            asked[at].query.parts[0],
            tuple(keys in hidden[at] for keys, _ in numbers),
            tuple(float(number.value or 0) for _, number in numbers),
        )
        for at, numbers in zip(linear, cells, strict=True)
    ]
    for at, numbers, more in zip(linear, cells, revealing(counts, families), strict=True):
        hidden[at] = hidden[at] | {numbers[place][0] for place in more}
    return tuple(_without(one, keys) for one, keys in zip(asked, _alike(asked, hidden), strict=True))


def _alike(asked: Sequence[Answered], hidden: Sequence[frozenset[Keys]]) -> list[frozenset[Keys]]:
    """What is hidden where the same counts are shown twice: in neither, if it is in one."""
    together: dict[Part, frozenset[Keys]] = {}
    counted = [one.query.parts[0] if one.query.measure in _LISTED else None for one in asked]
    for part, keys in zip(counted, hidden, strict=True):
        if part is not None:
            together[part] = together.get(part, frozenset()) | keys
    return [keys if part is None else together[part] for part, keys in zip(counted, hidden, strict=True)]


def has_sizes(query: PlannedQuery) -> bool:
    """Whether a query measures how many customers or rows its groups have."""
    roles = {part.role for part in query.parts}
    if query.measure in COUNTED:
        return True
    if query.measure in ("corr", "quantile"):
        return bool(roles & {"0*0", "value"})
    return query.measure == "concentration" or query.measure in _SIZES


def _adds_up(query: PlannedQuery) -> bool:
    return query.measure in AGREEING and not query.asked.cumulative


def _too_small(one: Answered, smallest: int) -> frozenset[Keys]:
    """The keys of counts, or of groups, whose noisy size is below the smallest."""
    query = one.query
    if query.measure in COUNTED:
        (first, *_) = one.answers
        return frozenset(
            keys for keys, number in first.cells if number.value is not None and number.value < smallest
        )
    return frozenset(keys for keys, size in _sizes(query, one.sums) if size < smallest)


def _sizes(query: PlannedQuery, sums: Sums) -> Iterator[tuple[Keys, float]]:
    """The noisy number of customers (or rows) in each group of `by`, where one was measured."""
    role = _SIZES.get(query.measure, "")
    if role in sums:
        yield from zip(grid(query.axes), (noisy.value for noisy in sums[role]), strict=True)
    elif query.measure == "corr" and "0*0" in sums:
        yield from zip(grid(query.axes), (noisy.value for noisy in sums["0*0"]), strict=True)
    elif query.measure in ("corr", "concentration"):
        parts = sums["value" if query.measure == "corr" else "count"]
        for keys, numbers in groups_of(query, parts):
            yield keys, total(numbers).value
    elif query.measure == "quantile" and "value" in sums:
        for keys, numbers in groups_of(query, sums["value"]):
            yield keys, _all_bins(query, numbers)


def _all_bins(query: PlannedQuery, numbers: Sequence[Noisy]) -> float:
    strategy = Strategy("tree", len(query.edges) - 1)
    decoded = decode(np.array([noisy.value for noisy in numbers]), strategy, numbers[0].scale)
    return float(decoded.values.sum())


def _without(one: Answered, hidden: frozenset[Keys]) -> tuple[Answer, ...]:
    """The tables of a query without some of its counts, or of its groups, and without what shows them."""
    return tuple(_masked(answer, _shows(one, answer, hidden)) for answer in one.answers)


def _shows(one: Answered, answer: Answer, hidden: frozenset[Keys]) -> frozenset[Keys]:
    """Which numbers of a table are, or show, one that is hidden."""
    query = one.query
    keys = [keys for keys, _ in answer.cells]
    if answer.part == "change":
        return _compared(query, hidden)
    if query.measure not in COUNTED:
        return frozenset(each for each in keys if each[: len(query.axes)] in hidden)
    if query.measure == "funnel" and answer.part == "rates":
        steps = [key.key for key in one.answers[0].axes[-1].keys]
        before = dict(zip(steps[1:], steps, strict=False))
        return frozenset(each for each in keys if {each, (*each[:-1], before[each[-1]])} & hidden)
    if query.measure == "retention" and answer.part == "rates":
        return frozenset(each for each in keys if {each, (*each[:-1], "0")} & hidden)
    return frozenset(each for each in keys if each in hidden)


def _compared(query: PlannedQuery, hidden: Collection[Keys]) -> frozenset[Keys]:
    """The comparisons in which a hidden number takes part; a total shows each of its parts."""
    state = {keys: keys in hidden for keys in grid(query.axes)}
    axes = list(query.axes)
    for compare in query.asked.compare or ():
        place = [axis.source for axis in axes].index(compare.by)
        made: dict[Keys, bool] = {}
        for cell, base in bases(state, [key.key for key in axes[place].keys], place, compare.to):
            other = state[base] if base is not None else any(_along(cell, keys, place) for keys in hidden)
            made[cell] = state[cell] or other
        state = made
        axes[place] = replace(axes[place], keys=tuple(kept(axes[place].keys, compare.to)))
    return frozenset(cell for cell, shows in state.items() if shows)


def _along(cell: Keys, other: Keys, place: int) -> bool:
    return all(a == b for at, (a, b) in enumerate(zip(cell, other, strict=True)) if at != place)


def _masked(answer: Answer, hidden: frozenset[Keys]) -> Answer:
    if not hidden:
        return answer
    cells: tuple[Numbered, ...] = tuple(
        (keys, not_shown(number) if keys in hidden else number) for keys, number in answer.cells
    )
    tests = tuple(_untested(test) if _is_over(test, hidden) else test for test in answer.tests)
    return replace(answer, cells=cells, tests=tests)


def not_shown(number: Estimate) -> Estimate:
    """What is left of a number that is not shown: what the definitions alone say of it.

    >>> not_shown(Estimate(Decimal(3), Decimal(0), Decimal(9), Decimal(6), (Flag.NOT_ABOVE_ZERO,))).flags
    (<Flag.SUPPRESSED: 'suppressed'>,)
    """
    flags = tuple(flag for flag in number.flags if flag in _OF_DEFINITIONS)
    return Estimate(None, -_WITHOUT, _WITHOUT, _WITHOUT, (*flags, Flag.SUPPRESSED))


def _is_over(test: TestFact, hidden: Collection[Keys]) -> bool:
    return any(keys[: len(test.keys)] == test.keys for keys in hidden)


def _untested(test: TestFact) -> TestFact:
    return replace(test, statistic=0.0, p_value=None)
