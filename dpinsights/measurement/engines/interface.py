"""What an engine does: says how columns are stored, keeps a table, runs one SELECT."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from dpinsights.measurement.reading import Storage
from dpinsights.measurement.tree import Sql


class Engine(Protocol):
    """An open engine. Errors after a charge are `MeasurementError`s with a fixed message."""

    def storage(self, table: str) -> Mapping[str, Storage]:
        """How each column of a declared table is stored, from its schema alone."""
        ...

    def source(self, table: str) -> Sql:
        """The declared table as something that a SELECT can read from."""
        ...

    def keep(self, name: str, select: Sql) -> None:
        """Keeps a SELECT's rows under a name, for this run, within the engine."""
        ...

    def rows(self, select: Sql) -> list[tuple[int | None, ...]]:
        """The rows of a SELECT, whole numbers exact at any size."""
        ...

    def texts(self, select: Sql) -> list[tuple[int, int, str]]:
        """The rows of a SELECT of two whole numbers and a text: released keys alone are asked for."""
        ...
