"""One SQLite file, opened the one way that keeps what it says through crashes: checked, never assumed.

Measured (facts/assurance.md, 3): the module's default transactions overspend; explicit BEGIN IMMEDIATE with a rollback
journal and synchronous=EXTRA does not. Write-ahead logging is refused: SQLite before 3.51.3 can corrupt it.
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.queue import turn

VERSION = 3
APPLICATION = 0x4450494C  # "DPIL"
BUSY_SECONDS = 30

PRAGMAS = {"journal_mode": "delete", "synchronous": 3, "foreign_keys": 1, "mmap_size": 0}
"""What must be in force on every connection; synchronous 3 is EXTRA: the journal's directory is synced as well."""

NETWORK = re.compile(
    r"nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|9p|ceph|glusterfs|lustre|beegfs|gpfs|ocfs2|gfs2|fuse\..*(ssh|gluster|ceph|s3|rclone|nfs|smb).*"
)


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system that holds `path`, by a table in the format of /proc/mounts.

    >>> file_system(Path("/srv/a b/x"), "/dev/vda / ext4 rw 0 0\\nhost:/e /srv/a\\\\040b nfs4 rw 0 0\\n")
    'nfs4'
    """
    found, depth = "", -1
    for line in mounts.splitlines():
        _, mounted, kind, *_ = line.split(" ")
        point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), mounted))
        # Of several mounts on one point the last lies on top.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = kind, len(point.parts)
    return found


def _refuse_network(path: Path, mounts: Path = Path("/proc/mounts")) -> None:
    if not mounts.exists():
        return
    kind = file_system(path.resolve(), mounts.read_text())
    if NETWORK.fullmatch(kind):
        raise LedgerError(
            f"{path} lies on a network file system ({kind}), whose locks a ledger can't rely on: "
            "keep the state directory on a local disk"
        )


def statements() -> tuple[str, ...]:
    """The statements of schema.sql, comments included."""
    found, statement = [], ""
    for line in (
        files(__package__).joinpath("schema.sql").read_text(encoding="utf-8").splitlines(keepends=True)
    ):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement.strip())
            statement = ""
    return tuple(found)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str, str, str]]:
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")
    return set(rows)


def _name(error: Exception) -> str:
    """An error's name: the library's own text can quote stored values."""
    name: str = getattr(error, "sqlite_errorname", "unknown")
    return type(error).__name__ if name == "unknown" else name


class Connection:
    """A connection of one process to one ledger file."""

    def __init__(self, path: Path) -> None:
        """Opens an existing file, sets what must be set, and checks that it holds.

        Raises:
            LedgerError: with the reason and the next step.
        """
        if not path.is_file():
            raise LedgerError(f"there is no ledger at {path}: make one, once, with dpinsights budget open")
        self.path = path
        self._pid = os.getpid()
        _refuse_network(path)
        with self._translated():
            self._raw = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS
            )
            try:
                self._raw.execute("PRAGMA synchronous = EXTRA")
                self._raw.execute("PRAGMA foreign_keys = ON")
                self._raw.execute("PRAGMA mmap_size = 0")
                self._raw.execute("PRAGMA trusted_schema = OFF")
            except BaseException:
                self._raw.close()
                raise

    @classmethod
    def create(cls, path: Path, fill: Callable[[Connection], None]) -> None:
        """Makes a ledger file of this version, readable by its owner alone, with the rows that `fill` writes.

        It is made under another name and linked to its own when it is whole: a crash leaves no half-made ledger.

        Raises:
            LedgerError: if there is a file already, or no directory to make it in.
        """
        if not path.parent.is_dir():
            raise LedgerError(f"{path.parent} is not a directory: make it first, readable by its owner alone")
        unborn = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        try:
            if path.exists():
                raise FileExistsError
            os.close(os.open(unborn, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connection = cls(unborn)
            try:
                with connection._transaction("BEGIN IMMEDIATE"):
                    connection.run(f"PRAGMA application_id = {APPLICATION}")
                    connection.run(f"PRAGMA user_version = {VERSION}")
                    for statement in statements():
                        connection.run(statement)
                    fill(connection)
            finally:
                connection.close()
            os.link(unborn, path)
            _sync(path.parent)
        except FileExistsError:
            raise LedgerError(
                f"{path} exists already: a partnership's ledger is made once; dpinsights budget amend changes its caps"
            ) from None
        finally:
            unborn.unlink(missing_ok=True)

    def checked(self) -> Connection:
        """Itself, if the file is a ledger of this version, its settings hold, its schema is untouched and its pages whole."""
        if os.name == "posix" and self.path.stat().st_mode & 0o077:
            raise LedgerError(f"{self.path} can be read by others than its owner: chmod 600 {self.path}")
        if self._pragma("application_id") != APPLICATION:
            raise LedgerError(f"{self.path} is not a dpinsights ledger")
        version = self._pragma("user_version")
        if version != VERSION:
            age = "newer" if version > VERSION else "older"
            raise LedgerError(
                f"{self.path} has schema version {version}, {age} than {VERSION}, which this dpinsights reads and "
                "writes: use the dpinsights that wrote it (before 1.0 no ledger is carried over to another version)"
            )
        self.check_settings()
        memory = sqlite3.connect(":memory:")
        try:
            memory.executescript("\n".join(statements()))
            if _objects(memory) != self._objects():
                raise LedgerError(
                    f"{self.path}: tables or triggers of the ledger were changed; restore a sound copy"
                )
        finally:
            memory.close()
        # The chain and the sums show what tables say, not that an index finds all of it. Only this does.
        if self._pragma("integrity_check(1)") != "ok" or self._pragma("foreign_key_check") != 0:
            raise LedgerError(f"{self.path} is damaged: restore the last sound copy")
        return self

    def check_settings(self) -> None:
        """Reads every setting back; raises LedgerError if one is not in force."""
        for name, wanted in PRAGMAS.items():
            found = self._pragma(name)
            if found != wanted:
                raise LedgerError(
                    f"{self.path} has {name} {found}, not {wanted}: its entries might not survive a crash; "
                    + (
                        "close all its users and set it back"
                        if name == "journal_mode"
                        else "nothing was written"
                    )
                )

    def close(self) -> None:
        """Closes the connection; a forked child must not, and does nothing."""
        if os.getpid() == self._pid:
            self._raw.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction that holds the write lock from its beginning and is durable at its end; writers stand in line."""
        with (
            turn(self.path.with_name(f"{self.path.name}.queue"), BUSY_SECONDS),
            self._transaction("BEGIN IMMEDIATE"),
        ):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One transaction in which all reads see the same state."""
        with self._transaction("BEGIN"):
            yield

    def run(self, sql: str, *values: object) -> int:
        """Executes a statement inside a transaction; says how many rows it changed."""
        return self._raw.execute(sql, values).rowcount

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        return self._raw.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        if os.getpid() != self._pid:
            raise LedgerError("a ledger can't be used across a fork: open it again in this process")
        with self._translated():
            self._raw.execute(begin)
            try:
                yield
                self._commit()
            except BaseException:
                if self._raw.in_transaction:
                    self._raw.execute("ROLLBACK")
                raise

    def _commit(self) -> None:
        try:
            self._raw.execute("COMMIT")
        except sqlite3.Error as error:
            name = _name(error)
            if name in ("SQLITE_BUSY", "SQLITE_FULL"):
                raise  # before anything was kept
            # The journal may be gone, which keeps the act, and only what came after it failed.
            raise LedgerError(
                f"the ledger {self.path}: {name} at a commit, so the act was kept or it was not: check the disk, then run "
                "the same command again, which finds out"
            ) from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            name = _name(error)
            hint = {
                "SQLITE_BUSY": f"another process has held it for {BUSY_SECONDS} seconds: try again",
                "SQLITE_FULL": "the disk is full: nothing was written, free some space and try again",
                "SQLITE_NOTADB": "it is not a dpinsights ledger",
                "SQLITE_CORRUPT": "it is damaged: restore the last sound copy",
                "UnicodeDecodeError": "it is damaged: restore the last sound copy",
                "SQLITE_READONLY": "it can't be written: check its owner and its directory's",
            }.get(
                name,
                "what this step would have written is not in it: check the disk, then run the same command again",
            )
            raise LedgerError(f"the ledger {self.path}: {name}; {hint}") from None

    def _pragma(self, name: str) -> Any:
        with self._translated():
            row = self._raw.execute(f"PRAGMA {name}").fetchone()
        return row[0] if row else 0  # a build without memory maps answers nothing to mmap_size

    def _objects(self) -> set[tuple[str, str, str, str]]:
        with self._translated():
            return _objects(self._raw)
