"""What the ledger's SQL runs on: a connection that reads and writes in transactions, SQLite's or PostgreSQL's."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol


class SqlConnection(Protocol):
    """A connection of one process to one ledger. Statements are such as both understand; a `?` stands for a value."""

    def checked(self) -> SqlConnection:
        """Itself, if it leads to a sound ledger of this version, and what it rests on keeps commits."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """One transaction in which all reads see the same state."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """One transaction that keeps other writers out from its beginning and is durable at its end."""
        ...

    def run(self, sql: str, *values: object) -> int:
        """Executes a statement inside a transaction; says how many rows it changed."""
        ...

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        ...

    def close(self) -> None:
        """Gives the connection back; a forked child's does nothing."""
        ...
