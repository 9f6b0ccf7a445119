"""The tables of one plan made to add up, where the plan proves that they must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dpinsights.estimation.consistency import Adjusted, Observed, Rounded, consistent, rounded
from dpinsights.estimation.intervals import Noisy, total
from dpinsights.model.plan import Family, Image, Part

AGREEING = frozenset({"count", "histogram"})
"""Measures whose tables are made to add up; what compares or tests their numbers takes them as they were drawn."""


@dataclass(frozen=True)
class Agreed:
    """A table's numbers after adjustment.

    Attributes:
        numbers: the fitted numbers with what is left of their noise.
        printed: whole, not negative, adding up where one table is a sum of another.
        moved: which cells are further from the fitted number than rounding takes them.
        noise: the standard deviation of a number as it was drawn.
    """

    numbers: tuple[Noisy, ...]
    printed: tuple[int, ...]
    moved: tuple[bool, ...]
    noise: float


@dataclass(frozen=True)
class Agreement:
    """The adjusted tables by measurement, and those that ought to add up but differ by more than noise explains."""

    tables: Mapping[str, Agreed]
    alarms: frozenset[str]


def agree(families: tuple[Family, ...], noisy: Mapping[str, tuple[Noisy, ...]]) -> Agreement:
    """Adjusts each family of tables; one whose alarm is raised is left as it was drawn."""
    tables: dict[str, Agreed] = {}
    alarms: set[str] = set()
    for family in families:
        observed = [_observed(family, image, noisy[image.key]) for image in family.images]
        adjusted = consistent(observed)
        if adjusted.raised:
            alarms |= {image.key for image in family.images}
        else:
            tables |= _agreed(adjusted)
    return Agreement(tables, frozenset(alarms))


def rolled_up(numbers: tuple[Noisy, ...], part: Part) -> tuple[Noisy, ...]:
    """The numbers of a coarser table as sums of a finer one's, whose noise is independent.

    A cell that no cell of the finer table adds to is one that nobody can be in: it is 0, exactly.
    """
    if part.cells is None:
        return numbers
    added: list[list[Noisy]] = [[] for _ in range(part.size)]
    for noisy, cell in zip(numbers, part.cells, strict=True):
        added[cell].append(noisy)
    return tuple(total(cells) if cells else Noisy(0.0, numbers[0].scale, 2) for cells in added)


def coarser(found: Agreed | None, part: Part) -> Agreed | None:
    """What a coarser table prints once the finer one was made to add up: the sums of what that one prints.

    A sum of fitted numbers varies no more than that of the drawn ones (Gauss-Markov), whose noise is stated for it.
    """
    if found is None or part.cells is None:
        return found
    printed = [0] * part.size
    for number, cell in zip(found.printed, part.cells, strict=True):
        printed[cell] += number
    noisy = tuple(replace(fitted, scale=found.noise) for fitted in found.numbers)
    return Agreed(rolled_up(noisy, part), tuple(printed), (False,) * part.size, found.noise)


def _observed(family: Family, image: Image, numbers: tuple[Noisy, ...]) -> Observed:
    values = np.array([noisy.value for noisy in numbers])
    return Observed(image.key, values, numbers[0].scale, cells_of(family, image))


def cells_of(family: Family, image: Image) -> NDArray[np.int64]:
    """For each cell of the base, the last of its codes fastest, the cell of a table that it adds to.

    >>> cells_of(Family((2, 2), ()), Image("a", ((1, 2, (1, 0)),))).tolist()
    [1, 0, 1, 0]
    """
    if not family.sizes:
        return np.zeros(1, dtype=np.int64)
    codes = np.indices(family.sizes, dtype=np.int64).reshape(len(family.sizes), -1)
    cells = np.zeros(codes.shape[1], dtype=np.int64)
    for root, size, mapped in image.groups:
        cells = cells * size + np.array(mapped, dtype=np.int64)[codes[root]]
    return cells


def _nests(adjusted: Adjusted) -> list[list[int]]:
    """The places of tables, each finest one followed by those that are sums of it (and of none before it)."""
    nests: list[list[int]] = []
    order = sorted(range(len(adjusted.observed)), key=lambda at: -len(adjusted.observed[at].values))
    for at in order:
        table = adjusted.observed[at]
        for nest in nests:
            finest = adjusted.observed[nest[0]]
            both = np.unique(np.stack([finest.cell_of, table.cell_of]), axis=1)
            if both.shape[1] == len(finest.values):
                nest.append(at)
                break
        else:
            nests.append([at])
    return nests


def _agreed(adjusted: Adjusted) -> dict[str, Agreed]:
    """Fitted numbers and what is printed of them: each finest table and its sums are rounded together."""
    integers: dict[str, Rounded] = {}
    for nest in _nests(adjusted):
        part = replace(
            adjusted,
            tables=tuple(adjusted.tables[at] for at in nest),
            observed=tuple(adjusted.observed[at] for at in nest),
            base=0,
        )
        integers |= {table.key: table for table in rounded(part)}
    found = {}
    for table, drawn in zip(adjusted.tables, adjusted.observed, strict=True):
        whole = integers[table.key]
        pairs = zip(table.values, table.variances, strict=True)
        numbers = tuple(Noisy(float(value), float(variance) ** 0.5, 2) for value, variance in pairs)
        found[table.key] = Agreed(
            numbers,
            tuple(int(value) for value in whole.values),
            tuple(bool(changed) for changed in whole.changed),
            drawn.scale,
        )
    return found
