"""What every estimator takes and gives: noisy sums by role in, tables of estimates out.

A number printed here is an exact decimal in its table's unit. Values and ends of intervals that are not whole steps are
rounded, the ends outwards.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from dpinsights.estimation.intervals import Interval, Noisy
from dpinsights.model.plan import Axis, PlannedQuery
from dpinsights.model.release import Cell, Estimate, Flag, TestFact

Sums = Mapping[str, tuple[Noisy, ...]]
"""For each role, its noisy numbers in the order of the measurement's cells."""

Keyed = dict[tuple[str, ...], Interval]
"""An interval in steps for each combination of keys."""

Numbered = tuple[tuple[str, ...], Estimate]
"""A cell's keys and its estimate."""

COARSEST = -4
"""What is not a whole number of steps is rounded to this power of ten of one, or finer where the interval is narrow."""


@dataclass(frozen=True)
class Answer:
    """One table of numbers that a query is answered with.

    Attributes:
        part: empty for the query's first table, else a word that follows its name.
        axes: one for each key of a cell.
        cells: keys and estimate of each number.
        estimates: what the numbers estimate.
        interval: how their intervals are made.
        unit, step: of the numbers.
        tests: what was tested over them.
        rank: of quantiles chosen among cuts, the margin of their rank in customers.
    """

    part: str
    axes: tuple[Axis, ...]
    cells: tuple[Numbered, ...]
    estimates: str
    interval: str
    unit: str | None
    step: Decimal
    tests: tuple[TestFact, ...] = ()
    rank: int | None = None

    def as_cells(self, name: str) -> tuple[Cell, ...]:
        """The cells with their addresses in a release."""
        return tuple(Cell("/".join((name, *keys)), keys, estimate) for keys, estimate in self.cells)


def grid(axes: Sequence[Axis]) -> Iterator[tuple[str, ...]]:
    """All combinations of keys, the last axis fastest."""
    return itertools.product(*(tuple(key.key for key in axis.keys) for axis in axes))


def groups_of(
    query: PlannedQuery, numbers: Sequence[Noisy]
) -> Iterator[tuple[tuple[str, ...], tuple[Noisy, ...]]]:
    """The keys of `by` with the numbers of each: the measure's own numbers are the fastest."""
    each = len(numbers) // math.prod(len(axis.keys) for axis in query.axes)
    for place, keys in enumerate(grid(query.axes)):
        yield keys, tuple(numbers[place * each : (place + 1) * each])


def declared(query: PlannedQuery) -> tuple[Flag, ...]:
    """What the definitions alone say of a number: that it may be clipped, or limited to k groups."""
    clamped = any(value.clamped for value in query.values)
    bounded = (Flag.BOUND_DECLARED,) if clamped else ()
    return bounded + ((Flag.GROUPS_LIMITED,) if query.k or query.r else ())


def summed(query: PlannedQuery, noisy: Noisy, *, step: Decimal, miss: float, not_negative: bool) -> Estimate:
    """A noisy sum, in whole steps; a single draw is one and kept exactly, beyond what a float can hold.

    What is estimated is a whole number of steps too, so the interval of a combination ends at the whole numbers in it.
    """
    if noisy.draws == 1:
        value, half = Decimal(noisy.value), Decimal(noisy.half_width(miss))
        low, high = value - half, value + half
    else:
        centre, width = noisy.value, noisy.half_width(miss)
        low, high = Decimal(math.ceil(centre - width)), Decimal(math.floor(centre + width))
        value = min(max(_rounded(centre, Decimal(1), ROUND_HALF_EVEN), low), high)
        half = max(high - value, value - low)
    if not_negative:  # what is counted, or summed of values that are not negative, is not negative
        low, high = max(low, Decimal(0)), max(high, Decimal(0))
    flags = declared(query) + ((Flag.NOT_ABOVE_ZERO,) if low <= 0 <= high else ())
    flags += missed(query, half * step)
    return Estimate(value * step, low * step, high * step, half * step, flags)


def estimated(
    query: PlannedQuery,
    found: Interval,
    *,
    step: Decimal,
    most: tuple[float, float] | None = None,
    flags: tuple[Flag, ...] = (),
) -> Estimate:
    """An interval in steps as an estimate; `most` is the range that it could have at all, to call it too wide.

    An end without limit is a decimal infinity, and such a number has no value.
    """
    flags = declared(query) + flags
    quantum = _fine(found)
    low = _rounded(found.low, quantum, ROUND_FLOOR) * step
    high = _rounded(found.high, quantum, ROUND_CEILING) * step
    if found.value is None:
        margin = (high - low) / 2 if low.is_finite() and high.is_finite() else Decimal("Infinity")
        return Estimate(None, low, high, margin, (*flags, Flag.TOO_WIDE))
    value = _rounded(found.value, quantum, ROUND_HALF_EVEN) * step
    margin = max(high - value, value - low)
    if most is not None and (found.high - found.low) * 2 > most[1] - most[0]:
        flags += (Flag.TOO_WIDE,)
    if low <= 0 <= high:
        flags += (Flag.NOT_ABOVE_ZERO,)
    return Estimate(value, low, high, margin, flags + missed(query, margin))


def _fine(found: Interval) -> Decimal:
    """A ten-thousandth, or a thousandth of the interval's own order of magnitude if that is finer."""
    width = found.high - found.low
    places = math.floor(math.log10(width)) - 3 if 0 < width < math.inf else COARSEST
    return Decimal(1).scaleb(max(-40, min(places, COARSEST)))


def missed(query: PlannedQuery, margin: Decimal) -> tuple[Flag, ...]:
    """The flag of a margin that is wider than what was asked for."""
    wanted = query.asked.margin
    return (Flag.MISSED_FORECAST,) if wanted is not None and margin > wanted else ()


def _rounded(value: float, quantum: Decimal, rounding: str) -> Decimal:
    number = Decimal(value)
    return number.quantize(quantum, rounding=rounding) if number.is_finite() else number


def interval_of(numbers: Sequence[Noisy]) -> str:
    """How the interval of a sum is made: exactly for one draw, from the normal for several combined."""
    return "discrete-gaussian" if all(noisy.draws == 1 for noisy in numbers) else "combined-gaussian"
