"""One PostgreSQL database, used the one way that keeps what it says through crashes: checked, never assumed.

Every setting that matters is set or read again in each transaction, so that neither a reload of the server nor a pool of
connections between us and it can take it away. Every act begins by locking the ledger's one row: acts are serial.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import finalize

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.connection import VERSION

if TYPE_CHECKING:
    import psycopg

SCHEMA = "dpinsights_ledger"
APPLICATION = "dpinsights ledger"
OBJECTS = "a561e832ea655ba422e3fff8c0b00c22dc182cbe5a7ea353841a47adb803b4b7"
"""The digest of all tables, constraints, indexes and triggers as PostgreSQL 16 to 18 describe them."""

OLDEST = 16
LOCK_SECONDS, IDLE_SECONDS = 30, 60

SETTINGS = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
    "session_replication_role": ("origin",),  # anything else passes triggers over
    "pg_is_in_recovery": ("false",),
}
"""What must be in force: without it a commit could be lost, or the entries changed."""

_READ_SETTINGS = (
    ", ".join(f"current_setting('{name}')" for name in SETTINGS if name != "pg_is_in_recovery")
    + ", pg_is_in_recovery()::text"
)

WRITING, READING = "READ COMMITTED READ WRITE", "REPEATABLE READ READ ONLY"

_READ_ONLY = "the server is a replica or read only: name the primary server; nothing was written"

_HINTS = {
    "08": "the connection was lost before anything was kept: run the same command again",
    "23": "a rule of its tables refuses what this step would have written: nothing was written",
    "0A000": _READ_ONLY,  # what a replica answers to READ WRITE
    "25006": _READ_ONLY,
    "28": "the server does not let this role in: check the role, and the password in PGPASSFILE or the service file",
    "3D000": "there is no such database: have the server's administrator make it",
    "42P01": "a table is missing, or the role may not use the ledger's schema: docs/operator.md lists its rights",
    "42501": "the role lacks a right that a ledger needs: docs/operator.md lists them; nothing was written",
    "53100": "the server's disk is full: nothing was written, free some space and try again",
    "53300": "the server takes no more connections: try again later",
    "55P03": f"another process has held it for {LOCK_SECONDS} seconds: try again",
    "57": "the server is stopping or ended the statement; nothing was written: run the same command again",
}
"""What to do about an error, by the first characters of its SQLSTATE."""


class PostgresConnection:
    """A connection of one process to the ledger in one database."""

    def __init__(self, address: str) -> None:
        """Connects, and sets nothing: each transaction does.

        Args:
            address: a libpq connection string or URI; passwords belong into PGPASSFILE or a service file.

        Raises:
            LedgerError: with the reason and the next step. It never quotes the address's user or password.
        """
        self._psycopg = _psycopg()
        self._pid = os.getpid()
        self._warned: list[str] = []
        self.name = "the ledger on PostgreSQL"
        try:
            given = self._psycopg.conninfo.conninfo_to_dict(address)
        except self._psycopg.ProgrammingError:
            raise LedgerError(
                "DPINSIGHTS_LEDGER is not an address of PostgreSQL: write postgresql://ROLE@HOST/DATABASE"
            ) from None
        waits = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 1000 * IDLE_SECONDS}
        try:
            self._raw: psycopg.Connection[tuple[Any, ...]] = self._psycopg.connect(
                **{**waits, **given, "application_name": "dpinsights"},
                autocommit=True,
                prepare_threshold=None,
            )
        except self._psycopg.Error as error:
            hint = _hint(error.sqlstate) or (
                "it can't be reached, or does not let this role in: check DPINSIGHTS_LEDGER, that the server runs, "
                "and the password in PGPASSFILE or the service file"
            )
            raise LedgerError(f"{self.name}: {hint}") from None
        self.name = f"the ledger in the database {self._raw.info.dbname}"
        warned = self._warned
        self._raw.add_notice_handler(lambda notice: warned.append(notice.severity_nonlocalized or ""))
        # Whoever is dropped without closing must not keep one of the server's few connections.
        finalize(self, _close, self._raw, self._pid)

    @classmethod
    def create(cls, address: str, fill: Callable[[PostgresConnection], None]) -> None:
        """Makes a ledger of this version in a database, in one transaction, with the rows that `fill` writes.

        Raises:
            LedgerError: if there is one already, or the server's settings would lose commits.
        """
        connection = cls(address)
        try:
            connection.check_server()
            with connection._transaction(WRITING):
                connection.check_settings()
                if connection._has_schema():
                    raise LedgerError(
                        f"{connection.name} exists already: a partnership's ledger is made once; "
                        "dpinsights budget amend changes its caps"
                    )
                connection._raw.execute(_schema())
                connection.run("INSERT INTO schema_version VALUES (1, ?, ?)", APPLICATION, VERSION)
                fill(connection)
        finally:
            connection.close()

    def checked(self) -> PostgresConnection:
        """Itself, if it is a ledger of this version, the server keeps commits and the schema is untouched."""
        self.check_server()
        with self.reading():
            self.check_settings()
            if not self._has_schema():
                raise LedgerError(f"{self.name} is not there: make one, once, with dpinsights budget open")
            named = self.rows(
                "SELECT 1 FROM pg_class WHERE relnamespace = ?::regnamespace AND relname = 'schema_version'",
                SCHEMA,
            )
            stored = self.rows("SELECT application, version FROM schema_version") if named else []
            if [application for application, _ in stored] != [APPLICATION]:
                raise LedgerError(f"{self.name}: the schema {SCHEMA} is not a dpinsights ledger")
            [(_, version)] = stored
            if version != VERSION:
                age = "newer" if version > VERSION else "older"
                raise LedgerError(
                    f"{self.name} has schema version {version}, {age} than {VERSION}, which this dpinsights reads and "
                    "writes: use the dpinsights that wrote it"
                )
            if self.objects() != OBJECTS:
                raise LedgerError(
                    f"{self.name}: tables or triggers of the ledger were changed; restore a sound copy"
                )
        return self

    def check_server(self) -> None:
        """Raises LedgerError if the server or the database can't hold a ledger."""
        if self._raw.info.server_version < OLDEST * 10000:
            raise LedgerError(f"{self.name}: the server is older than PostgreSQL {OLDEST}: use a newer one")
        if self._raw.info.parameter_status("server_encoding") != "UTF8":
            raise LedgerError(f"{self.name}: the database is not encoded in UTF8: make one that is")

    def check_settings(self, locking: bool = False) -> None:
        """Reads every setting back, and locks the ledger's row if asked; raises LedgerError if one is not in force."""
        lock = " FROM ledger FOR UPDATE" if locking else ""
        rows = self.rows(f"SELECT {_READ_SETTINGS}{lock}")
        if not rows:
            raise LedgerError(f"{self.name} does not say whose it is: restore the last sound copy")
        for (name, wanted), found in zip(SETTINGS.items(), rows[0], strict=True):
            if found in wanted:
                continue
            if name == "pg_is_in_recovery":
                raise LedgerError(
                    f"{self.name} is on a replica, which may be behind: name the primary server"
                )
            raise LedgerError(
                f"{self.name} has {name} {found}, not {wanted[0]}: its entries might not survive a crash; have the "
                "server's administrator set it back; nothing was written"
            )

    def objects(self) -> str:
        """The digest of what the catalog says about the ledger's schema."""
        rows = self.rows(files(__package__).joinpath("objects_postgres.sql").read_text(encoding="utf-8"))
        return hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()

    def close(self) -> None:
        """Closes the connection; a forked child must not, and does nothing."""
        _close(self._raw, self._pid)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that holds the ledger's lock from its beginning and is durable at its end."""
        with self._transaction(WRITING):
            self.check_settings(locking=True)
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One transaction in which all reads see the same state."""
        with self._transaction(READING):
            yield

    def run(self, sql: str, *values: object) -> int:
        """Executes a statement inside a transaction; says how many rows it changed."""
        return self._raw.execute(_percents(sql), [_plain(value) for value in values]).rowcount

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        return self._raw.execute(_percents(sql), [_plain(value) for value in values]).fetchall()

    @contextmanager
    def _transaction(self, mode: str) -> Iterator[None]:
        if os.getpid() != self._pid:
            raise LedgerError("a ledger can't be used across a fork: open it again in this process")
        step = "work"
        try:
            try:
                self._raw.execute(_begin(mode))
                yield
                step = "commit"
                self._warned.clear()
                # A COMMIT of a transaction that failed before answers ROLLBACK, and no error.
                answer = self._raw.execute("COMMIT").statusmessage
                step = "kept" if answer == "COMMIT" and "WARNING" not in self._warned else "commit"
                if step == "commit":
                    raise self._psycopg.OperationalError
            except BaseException:
                if not self._raw.closed and self._raw.info.transaction_status:
                    self._raw.execute("ROLLBACK")
                raise
        except self._psycopg.Error as error:
            raise LedgerError(self._said(error, step)) from None

    def _said(self, error: psycopg.Error, step: str) -> str:
        """What to do about an error. The library's own text can quote stored values; its SQLSTATE can't."""
        state = error.sqlstate
        lost = self._raw.closed or self._raw.broken
        if step == "commit" and (lost or state is None or state.startswith(("08", "57", "40003"))):
            return (
                f"{self.name}: the answer to a commit was lost, so the act was kept or it was not: run the same command "
                "again, which finds out"
            )
        hint = _hint("08000" if lost else state) or (
            "what this step would have written is not in it: have the server looked after, then run the same command again"
        )
        return f"{self.name}: {state or type(error).__name__}; {hint}"

    def _has_schema(self) -> bool:
        return bool(self.rows("SELECT 1 FROM pg_namespace WHERE nspname = ?", SCHEMA))


def _begin(mode: str) -> str:
    """The beginning of a transaction with all that it relies on, in one message to the server."""
    return (
        f"BEGIN ISOLATION LEVEL {mode}; SET LOCAL search_path = {SCHEMA}, pg_temp; "
        f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'; SET LOCAL statement_timeout = '{IDLE_SECONDS}s'; "
        f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'"
    )


def _psycopg() -> ModuleType:
    try:
        import psycopg
    except ImportError:
        raise LedgerError(
            "a ledger on PostgreSQL needs psycopg: pip install 'dpinsights[postgres]'"
        ) from None
    return psycopg


def _close(raw: psycopg.Connection[tuple[Any, ...]], pid: int) -> None:
    if os.getpid() == pid:
        raw.close()


def _schema() -> str:
    return files(__package__).joinpath("schema_postgres.sql").read_text(encoding="utf-8")


@cache
def _percents(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _hint(state: str | None) -> str:
    return next((hint for start, hint in _HINTS.items() if state and state.startswith(start)), "")
