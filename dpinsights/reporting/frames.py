"""Released tables as rows of plain floats and texts, for data frames."""

from __future__ import annotations

import math
from typing import Any

from dpinsights.model.release import ResultTable
from dpinsights.reporting.data import axis_names, unit_of


def rows_of_numbers(table: ResultTable) -> list[dict[str, Any]]:
    """A row for each cell: its keys, value (NaN if too wide to say), low, high, margin, unit and flags."""
    return [
        {
            **dict(zip(axis_names(table), cell.keys, strict=True)),
            "value": math.nan if cell.estimate.value is None else float(cell.estimate.value),
            "low": float(cell.estimate.low),
            "high": float(cell.estimate.high),
            "margin": float(cell.estimate.margin),
            "unit": unit_of(table),
            "flags": ", ".join(cell.estimate.flags),
        }
        for cell in table.cells
    ]


def rows_of_tests(table: ResultTable) -> list[dict[str, Any]]:
    """A row for each test: its keys (none, if it is of the whole table), statistic, degrees, p-value, found."""
    return [
        {
            **dict(zip(axis_names(table), test.keys, strict=False)),
            "test": test.name,
            "statistic": test.statistic,
            "degrees": test.degrees,
            "p_value": test.p_value,
            "found": test.found,
        }
        for test in table.tests
    ]
