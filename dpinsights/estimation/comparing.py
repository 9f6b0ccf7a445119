"""Cells set against others along a group: post-processing, which costs nothing.

A difference's or an index's interval is made from the two intervals (MOVER; Zou and Donner 2008), which takes their
noise to be independent. It is, but for a part compared with its total, where the noise that they share only narrows the
difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from dpinsights.estimation.answers import Answer, Keyed, Sums, estimated, grid
from dpinsights.estimation.intervals import Interval, Noisy, difference, total
from dpinsights.estimation.intervals import quotient as divided
from dpinsights.estimation.rates import quotient, quotients, scale_of
from dpinsights.model.plan import Axis, PlannedQuery
from dpinsights.model.report import Compare
from dpinsights.model.values import Key

HUNDRED = Decimal(100)


def compared(query: PlannedQuery, sums: Sums, miss: float) -> Answer:
    """The table of comparisons that a query asks for, one after the other."""
    found, axes = _plain(query, sums, miss), list(query.axes)
    step, unit = _scale(query)
    for compare in query.asked.compare or ():
        place = [axis.source for axis in axes].index(compare.by)
        found = _along(found, axes, place, compare, lambda keys, p=place: _total(query, sums, p, keys, miss))  # type: ignore[misc]
        axes[place] = replace(axes[place], keys=tuple(kept(axes[place].keys, compare.to)))
        if compare.how != "difference":
            step, unit = (Decimal(1) if compare.how == "ratio" else HUNDRED), None
    how = (query.asked.compare or (Compare(by=""),))[-1].how
    cells = tuple((keys, estimated(query, found[keys], step=step)) for keys in grid(axes))
    return Answer("change", tuple(axes), cells, f"{how}-of-{query.estimates}", "mover", unit, step)


def _scale(query: PlannedQuery) -> tuple[Decimal, str | None]:
    if query.measure == "count":
        return Decimal(1), None
    if query.measure == "sum":
        return query.values[0].step, query.values[0].unit
    step, unit, _ = scale_of(query)
    return step, unit


def _plain(query: PlannedQuery, sums: Sums, miss: float) -> Keyed:
    """The cells' own intervals, in steps."""
    if "value" in sums:
        return {
            keys: _of_sum(noisy, miss) for keys, noisy in zip(grid(query.axes), sums["value"], strict=True)
        }
    return quotients(query, sums, miss)


def _of_sum(noisy: Noisy, miss: float) -> Interval:
    width = noisy.half_width(miss)
    return Interval(noisy.value, noisy.value - width, noisy.value + width)


def _along(
    found: Keyed,
    axes: Sequence[Axis],
    place: int,
    compare: Compare,
    whole: Callable[[tuple[str, ...]], Interval],
) -> Keyed:
    made: Keyed = {}
    keys = [key.key for key in axes[place].keys]
    against = difference if compare.how == "difference" else divided
    for cell, base in bases(found, keys, place, compare.to):
        other = whole(cell) if base is None else found[base]
        made[cell] = against(found[cell], other)
    return made


def bases(
    found: Iterable[tuple[str, ...]], keys: list[str], place: int, to: str
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...] | None]]:
    """Each cell that is compared, with the cell that it is compared to; None stands for the total."""
    for cell in found:
        at = keys.index(cell[place])
        if to == "total":
            yield cell, None
            continue
        base = keys[at - 1] if to == "previous" else keys[0] if to == "first" else to
        if (to == "previous" and at == 0) or cell[place] == base:
            continue
        yield cell, (*cell[:place], base, *cell[place + 1 :])


def kept(keys: Sequence[Key], to: str) -> Sequence[Key]:
    """The keys that have something to be compared to."""
    if to == "total":
        return keys
    return keys[1:] if to in ("previous", "first") else [key for key in keys if key.key != to]


def _total(query: PlannedQuery, sums: Sums, place: int, cell: tuple[str, ...], miss: float) -> Interval:
    """All cells along a group together."""
    along = [
        at
        for at, keys in enumerate(grid(query.axes))
        if all(a == b for i, (a, b) in enumerate(zip(keys, cell, strict=True)) if i != place)
    ]
    together = {role: total([numbers[at] for at in along]) for role, numbers in sums.items()}
    if "value" in together:
        return _of_sum(together["value"], miss)
    return quotient(query, together["numerator"], together["denominator"], miss)
