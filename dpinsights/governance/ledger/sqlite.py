"""The ledger on one SQLite file: for one host, any number of processes."""

from __future__ import annotations

from pathlib import Path
from typing import Self, Unpack

from dpinsights.governance.ledger import interface
from dpinsights.governance.ledger.connection import Connection
from dpinsights.governance.ledger.sql_accounts import Opening, beginning
from dpinsights.governance.ledger.sql_ledger import SqlLedger


class SqliteLedger(SqlLedger):
    """A partnership's ledger in one file; see `interface.Ledger` for what each method promises."""

    _connection: Connection

    @classmethod
    def create(
        cls, path: Path, *, clock: interface.Clock, owner: str | None = None, **opening: Unpack[Opening]
    ) -> Self:
        """Makes a partnership's ledger, once.

        Raises:
            LedgerError: if there is one already, or a name or a cap can't be stored.
        """
        Connection.create(path, beginning(opening, clock))
        return cls.open(path, clock=clock, owner=owner)

    @classmethod
    def open(cls, path: Path, *, clock: interface.Clock, owner: str | None = None) -> Self:
        """Opens a ledger after checking its file system, settings, schema, chain and sums.

        Raises:
            LedgerError: with what is wrong and the next step; nothing is charged.
        """
        return cls._opened(Connection(path), clock=clock, owner=owner)
