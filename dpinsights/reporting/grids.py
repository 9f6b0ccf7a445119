"""A table's layout: a list of groups, or a matrix of the last two axes, in parts by the others.

Cells are found by their keys, so a table need not be a complete grid: a triangle of pairs or of cohorts leaves places
empty.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dpinsights.model.release import Cell, ResultTable
from dpinsights.reporting.labels import Labels

_MOST_COLUMNS = 14
_FEW_COLUMNS = 6
_SHORT = 12

# What these measures bring stands across, whatever its length.
_ACROSS = frozenset({"quantile", "retention", "regression", "concentration"})

CellData = Callable[[Cell], dict[str, Any]]


@dataclass(frozen=True)
class Layout:
    """How a table is laid out, and the words that join labels and head what has no group."""

    table: ResultTable
    labels: Labels
    join: str
    everyone: str

    def data(self, cell_data: CellData) -> dict[str, Any]:
        """The layout as plain data."""
        sizes = [len(axis.keys) for axis in self.table.axes[-2:]]
        if (
            len(sizes) == 2
            and self.table.measure != "top"
            and (min(sizes) <= _MOST_COLUMNS or self.table.measure in _ACROSS)
        ):
            return {"kind": "matrix", **self._matrix(cell_data)}
        rows = [
            {"labels": self.labels.of(cell.keys) or [self.everyone], "cell": cell_data(cell)}
            for cell in self.table.cells
        ]
        return {"kind": "list", "rows": rows, "size": "short" if len(rows) <= _SHORT else ""}

    def _matrix(self, cell_data: CellData) -> dict[str, Any]:
        """Rows and columns of the last two axes, the longer one downwards where it can't stand across."""
        tall, wide = (len(axis.keys) for axis in self.table.axes[-2:])
        turned = self.table.measure not in _ACROSS and wide > _FEW_COLUMNS and wide > tall
        down, across = (-1, -2) if turned else (-2, -1)
        cells = {cell.keys: cell for cell in self.table.cells}
        groups = [
            {
                "heading": self.join.join(self.labels.of(outer)),
                "rows": [
                    row
                    for key in (each.key for each in self.table.axes[down].keys)
                    if any((row := self._row(outer, key, turned, cells, cell_data))["cells"])
                ],
            }
            for outer in outer_keys(self.table, 2)
        ]
        columns = list(self.labels.keys[across].values())
        return {
            "row_axis": self.labels.axes[down],
            "column_axis": self.labels.axes[across],
            "columns": columns,
            "groups": groups,
            "size": _size(len(columns), len(self.table.cells) // len(columns)),
        }

    def _row(
        self,
        outer: tuple[str, ...],
        key: str,
        turned: bool,
        cells: dict[tuple[str, ...], Cell],
        cell_data: CellData,
    ) -> dict[str, Any]:
        others = [each.key for each in self.table.axes[-2 if turned else -1].keys]
        places = [(*outer, other, key) if turned else (*outer, key, other) for other in others]
        return {
            "label": self.labels.keys[-1 if turned else -2][key],
            "cells": [cell_data(cells[place]) if place in cells else None for place in places],
        }


def outer_keys(table: ResultTable, inner: int) -> Sequence[tuple[str, ...]]:
    """All combinations of keys of all axes but the last few, in order."""
    return list(itertools.product(*(tuple(key.key for key in axis.keys) for axis in table.axes[:-inner])))


def is_grid(table: ResultTable) -> bool:
    """Whether there is a cell for every combination of keys."""
    size = 1
    for axis in table.axes:
        size *= len(axis.keys)
    return len(table.cells) == size


def _size(columns: int, rows: int) -> str:
    """The classes that make a matrix narrower or denser, and keep a short one on one sheet of paper."""
    width = "wide" if columns > 8 else "narrow" if columns < 4 else ""
    return f"{width} {'short' if rows <= _SHORT else ''}".strip()
