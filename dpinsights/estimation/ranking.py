"""The keys that most customers have: of a category by its noisy counts, or of a text by those that were released.

Keys are sorted by their noisy counts, so a key may stand above one that more customers have. An interval is that of a
count. It covers as often as asked for each key by itself; of a discovered key, that holds before it is known whether the
key is shown: one whose count lies near the threshold is shown only if its noise was positive, so given that it is shown
its interval covers less often, and how much less depends on the count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from dpinsights.errors import InternalError
from dpinsights.estimation.answers import Answer, Numbered, Sums, grid, interval_of, summed
from dpinsights.estimation.intervals import Noisy
from dpinsights.estimation.linear import totals
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import PlannedQuery
from dpinsights.model.release import Flag
from dpinsights.model.values import Key

MOST = 10
"""How many keys of a group are shown unless the query says so."""


def listed(query: PlannedQuery, sums: Sums, miss: float) -> tuple[Answer, ...]:
    """The largest counts of a category's keys, group by group."""
    (answer,) = totals(query, sums, miss)
    return (replace(answer, cells=_most(query, answer.cells)),)


def discovered(query: PlannedQuery, released: NoisyVector, confidence: Decimal) -> Answer:
    """The largest counts of released keys, group by group; the own axis has those that are shown, and no others.

    Args:
        query: with one own axis, without keys.
        released: the keys above the threshold, with their counts.
        confidence: of the intervals.
    """
    if released.keys is None:
        raise InternalError("a discovery has no keys")
    groups = list(grid(query.axes))
    numbers = [Noisy(value, released.scale) for value in released.values]
    cells: list[Numbered] = []
    for (group, text), noisy in zip(released.keys, numbers, strict=True):
        one = summed(query, noisy, step=Decimal(1), miss=1 - float(confidence), not_negative=True)
        cells.append(((*groups[int(group)], text), replace(one, flags=(*one.flags, Flag.DISCOVERED))))
    shown = _most(query, cells)
    (own,) = query.own_axes
    texts = dict.fromkeys(keys[-1] for keys, _ in _falling(shown))
    axes = (*query.axes, replace(own, keys=tuple(Key(text) for text in texts)))
    return Answer("", axes, shown, query.estimates, interval_of(numbers), None, Decimal(1))


def _most(query: PlannedQuery, cells: Sequence[Numbered]) -> tuple[Numbered, ...]:
    """The first so many of each group, the groups in their order."""
    kept: dict[tuple[str, ...], list[Numbered]] = {keys: [] for keys in grid(query.axes)}
    for cell in _falling(cells):
        kept[cell[0][:-1]].append(cell)
    most = query.asked.most or MOST
    return tuple(cell for group in kept.values() for cell in group[:most])


def _falling(cells: Iterable[Numbered]) -> list[Numbered]:
    """By falling value; equal ones stay in order."""
    return sorted(cells, key=lambda cell: -(cell[1].value or Decimal(0)))
