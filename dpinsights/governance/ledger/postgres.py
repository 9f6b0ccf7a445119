"""The ledger in one PostgreSQL database: for any number of hosts and processes."""

from __future__ import annotations

from typing import Self, Unpack

from dpinsights.governance.ledger import interface
from dpinsights.governance.ledger.postgres_connection import PostgresConnection
from dpinsights.governance.ledger.sql_accounts import Opening, beginning
from dpinsights.governance.ledger.sql_ledger import SqlLedger


class PostgresLedger(SqlLedger):
    """A partnership's ledger in one database; see `interface.Ledger` for what each method promises."""

    _connection: PostgresConnection

    @classmethod
    def create(
        cls, address: str, *, clock: interface.Clock, owner: str | None = None, **opening: Unpack[Opening]
    ) -> Self:
        """Makes a partnership's ledger, once, in a database that exists and holds none.

        Raises:
            LedgerError: if there is one already, a name or a cap can't be stored, or the server could lose commits.
        """
        PostgresConnection.create(address, beginning(opening, clock))
        return cls.open(address, clock=clock, owner=owner)

    @classmethod
    def open(cls, address: str, *, clock: interface.Clock, owner: str | None = None) -> Self:
        """Opens a ledger after checking the server, its settings, the schema, the chain and the sums.

        Raises:
            LedgerError: with what is wrong and the next step; nothing is charged.
        """
        return cls._opened(PostgresConnection(address), clock=clock, owner=owner)
