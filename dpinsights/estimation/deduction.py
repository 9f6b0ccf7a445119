"""Which more numbers must be left out so that none that is not shown can be worked out from those that add up with it.

Tables that add up are sums over the same atoms: the cells of their family's base, or of the one measurement from which
they were added up. A number is worked out exactly if its row of zeros and ones is a combination of rows that are
shown. So rows are let in one after the other, the largest numbers first, and one that would complete such a
combination is left out too (complementary suppression; Willenborg and de Waal 2001, chapter 4): totals stay, and a
small number goes with a hidden one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpinsights.estimation.agreement import cells_of
from dpinsights.model.plan import Family, Part

MOST = 4_000_000
"""Rows times atoms up to which combinations are looked for; beyond, whatever overlaps with a hidden number goes."""

NOTHING = 1e-9
"""A squared length below which nothing of a row is left."""

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """A table of counts: the measurement it is read from, and for each number whether it is hidden, and its value."""

    part: Part
    hidden: tuple[bool, ...]
    values: tuple[float, ...]


def revealing(tables: Sequence[Table], families: Sequence[Family]) -> tuple[frozenset[int], ...]:
    """For each table the places of further numbers that must not be shown.

    >>> fine = Table(Part("value", "a"), (True, False, False), (3.0, 40.0, 900.0))
    >>> total = Table(Part("value", "a", (0, 0, 0), 1), (False,), (943.0,))
    >>> [sorted(places) for places in revealing([fine, total], ())]
    [[1], []]
    """
    more: list[frozenset[int]] = [frozenset() for _ in tables]
    for members in _linked(tables, families):
        if len(members) > 1 and any(any(tables[at].hidden) for at, _ in members):
            rows = _rows([(tables[at], atoms) for at, atoms in members])
            hidden = np.concatenate([tables[at].hidden for at, _ in members])
            values = np.concatenate([tables[at].values for at, _ in members])
            found = _completing(rows, hidden, values) if rows.size <= MOST else _overlapping(rows, hidden)
            start = 0
            for at, _ in members:
                size = len(tables[at].values)
                more[at] = frozenset(int(place) - start for place in found if start <= place < start + size)
                start += size
    return tuple(more)


def _linked(
    tables: Sequence[Table], families: Sequence[Family]
) -> Iterator[list[tuple[int, NDArray[np.int64] | None]]]:
    """The tables over the same atoms, each with the cell of its measurement that an atom lies in (itself if None)."""
    home: Mapping[str, int] = {image.key: at for at, family in enumerate(families) for image in family.images}
    groups: dict[int | str, list[tuple[int, NDArray[np.int64] | None]]] = {}
    for at, table in enumerate(tables):
        key = table.part.key
        cells = None
        if key in home:
            family = families[home[key]]
            cells = cells_of(family, next(image for image in family.images if image.key == key))
        groups.setdefault(home.get(key, key), []).append((at, cells))
    yield from groups.values()


def _rows(members: Sequence[tuple[Table, NDArray[np.int64] | None]]) -> Reals:
    """A row for each number, with 1 for each atom that it adds up; atoms that no table tells apart are one."""
    number_of = []
    for table, cells in members:
        coarse = table.part.cells
        if cells is None:
            cells = np.arange(len(table.values) if coarse is None else len(coarse))
        number_of.append(cells if coarse is None else np.asarray(coarse, dtype=np.int64)[cells])
    atoms = np.unique(np.stack(number_of), axis=1)
    rows = []
    for (table, _), cell in zip(members, atoms, strict=True):
        part = np.zeros((len(table.values), atoms.shape[1]))
        part[cell, np.arange(atoms.shape[1])] = 1.0
        rows.append(part)
    return np.concatenate(rows)


def _completing(rows: Reals, hidden: NDArray[np.bool_], values: Reals) -> list[int]:
    """Rows that would complete a combination which gives a hidden row, the largest numbers let in first."""
    secret = np.unique(rows[hidden], axis=0)
    secret = secret[secret.any(axis=1)]
    lengths = (secret**2).sum(axis=1)
    basis = np.zeros((0, rows.shape[1]))
    left_out = []
    order = sorted(np.flatnonzero(~hidden), key=lambda at: (-values[at], at))
    for at in order:
        rest = _beside(rows[at], basis)
        if (rest**2).sum() <= NOTHING:
            continue  # it says nothing that those before it don't
        rest /= np.linalg.norm(rest)
        after = secret - np.outer(secret @ rest, rest)
        if ((after**2).sum(axis=1) <= NOTHING * lengths).any():
            left_out.append(int(at))
            continue
        secret, basis = after, np.vstack([basis, rest])
    return left_out


def _beside(row: Reals, basis: Reals) -> Reals:
    """What of a row is at right angles to a basis; twice, for the rounding of the first time."""
    for _ in range(2):
        row = row - (basis @ row) @ basis
    return row


def _overlapping(rows: Reals, hidden: NDArray[np.bool_]) -> list[int]:
    """Rows of shown numbers that share an atom with a hidden one: without them nothing is known of it."""
    atoms = rows[hidden].any(axis=0)
    return [int(at) for at in np.flatnonzero(~hidden) if rows[at, atoms].any()]
