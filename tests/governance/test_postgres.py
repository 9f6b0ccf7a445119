"""What concerns PostgreSQL alone: settings of sessions, the schema, lost connections, what errors say."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger import connection as sqlite_connection
from dpinsights.governance.ledger import postgres_connection
from dpinsights.governance.ledger.postgres_connection import OBJECTS, PostgresConnection
from tests.governance.postgres_server import database_of, drop_database, shared

UNKNOWN = "was kept or it was not: run the same command again, which finds out"


@pytest.fixture
def address(tmp_path: Path) -> str:
    """An empty database."""
    return database_of(tmp_path)


def begin(connection: PostgresConnection) -> None:
    """The least that a ledger holds for its lock."""
    connection.run("INSERT INTO ledger VALUES (1, 'p', 'p', 'd', '0.1', '0.1', '2018-01-15T09:00:00+00:00')")


def database_name(address: str) -> str:
    """The name of an address's database."""
    return urlsplit(address).path[1:]


def edit(address: str, *statements: str) -> None:
    """Edits the database past this package."""
    with psycopg.connect(address, options="-c search_path=dpinsights_ledger") as raw:
        for statement in statements:
            raw.execute(statement)


def test_the_digest_of_the_schema_is_that_of_the_file(address: str) -> None:
    PostgresConnection.create(address, begin)
    connection = PostgresConnection(address)
    with connection.reading():
        assert connection.objects() == OBJECTS, "put this digest into postgres_connection.OBJECTS"
    connection.checked().close()


@pytest.fixture
def made(address: str) -> str:
    """A database with an empty ledger."""
    PostgresConnection.create(address, begin)
    return address


def refused(address: str) -> str:
    """Why a ledger is not opened."""
    connection = PostgresConnection(address)
    with pytest.raises(LedgerError) as error:
        connection.checked()
    connection.close()
    return str(error.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("synchronous_commit", "off"),
        ("synchronous_commit", "local"),
        ("synchronous_commit", "remote_write"),
        ("session_replication_role", "replica"),
    ],
)
def test_settings_of_the_session_that_lose_commits_are_refused(made: str, setting: str, value: str) -> None:
    connection = PostgresConnection(made).checked()
    edit(made, f"ALTER DATABASE {database_name(made)} SET {setting} = {value}")
    assert f"has {setting} {value}, not o" in refused(made)
    connection._raw.execute(f"SET {setting} = {value}")
    with pytest.raises(LedgerError, match=f"has {setting} {value}"), connection.writing():
        pytest.fail("an act began")
    connection.close()


def test_a_stricter_setting_is_taken(made: str) -> None:
    connection = PostgresConnection(made)
    connection._raw.execute("SET synchronous_commit = remote_apply")
    connection.checked().close()


def test_it_is_made_once(made: str) -> None:
    with pytest.raises(LedgerError, match="made once; dpinsights budget amend"):
        PostgresConnection.create(made, begin)


def test_a_failed_making_leaves_nothing(address: str) -> None:
    def fail(connection: PostgresConnection) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        PostgresConnection.create(address, fail)
    assert "make one, once, with dpinsights budget open" in refused(address)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE schema_version SET version = version + 1", "newer than"),
        ("UPDATE schema_version SET version = 2", "schema version 2, older than"),
        ("UPDATE schema_version SET application = 'x'", "is not a dpinsights ledger"),
        ("DELETE FROM schema_version", "is not a dpinsights ledger"),
        ("DROP TABLE schema_version", "is not a dpinsights ledger"),
        (
            "DROP TRIGGER entries_are_never_changed ON entries",
            "tables or triggers of the ledger were changed",
        ),
        ("ALTER TABLE entries DISABLE TRIGGER entries_are_never_changed", "were changed"),
        ("ALTER TABLE entries ENABLE TRIGGER entries_are_never_changed", "were changed"),
        ("ALTER TABLE items DISABLE TRIGGER ALL", "were changed"),
        ("ALTER TABLE seen SET UNLOGGED", "were changed"),
        ("CREATE TABLE more (x BIGINT)", "were changed"),
        ("CREATE RULE x AS ON UPDATE TO accounts DO INSTEAD NOTHING", "were changed"),
        ("DROP INDEX runs_unfinished_once", "were changed"),
        ("ALTER TABLE accounts DROP CONSTRAINT accounts_check", "were changed"),
        ("ALTER TABLE accounts ALTER spent_rho TYPE NUMERIC", "were changed"),
        ("ALTER TABLE accounts ALTER cap_epsilon DROP NOT NULL", "were changed"),
        ("ALTER TABLE entries ENABLE ROW LEVEL SECURITY", "were changed"),
        (
            "CREATE OR REPLACE FUNCTION entries_are_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RETURN NULL; END$$",
            "were changed",
        ),
    ],
)
def test_what_open_refuses(made: str, statement: str, words: str) -> None:
    edit(made, statement)
    assert words in refused(made)


def test_comments_and_grants_are_the_administrators(made: str) -> None:
    edit(made, "COMMENT ON TABLE entries IS 'x'", "GRANT SELECT ON entries TO PUBLIC", "ANALYZE")
    PostgresConnection(made).checked().close()


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement", ["UPDATE entries SET body = '{}'", "DELETE FROM entries", "TRUNCATE entries"]
)
def test_triggers_refuse_changes_of_entries(made: str, statement: str, role: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        edit(made, f"SET session_replication_role = {role}", statement)


def test_both_schemas_hold_the_same_columns(made: str) -> None:
    """What the prose of schema.sql says holds for both."""
    lite = re.sub(r"--.*", "", "\n".join(sqlite_connection.statements()))
    tables = {
        name: re.findall(r"^    ([a-z_]+) (?!KEY)", body, re.M)
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", lite, re.S)
    }
    connection = PostgresConnection(made)
    with connection.reading():
        rows = connection.rows(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'dpinsights_ledger' "
            "AND table_name <> 'schema_version' AND column_name <> 'rowid' ORDER BY ordinal_position"
        )
        checks = connection.rows(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND connamespace = ?::regnamespace",
            "dpinsights_ledger",
        )
    connection.close()
    found: dict[str, list[str]] = {}
    for table, column in rows:
        found.setdefault(table, []).append(column)
    assert found == tables
    booleans = len(re.findall(r"exploration INTEGER", lite))
    assert checks == [(len(re.findall(r"CHECK", lite)) - booleans + 1,)]


def test_a_connection_lost_before_the_commit(made: str) -> None:
    connection = PostgresConnection(made)
    pid = connection._raw.info.backend_pid
    with pytest.raises(LedgerError, match="before anything was kept: run the same"), connection.writing():
        connection.run("UPDATE ledger SET policy = 'x'")
        edit(made, f"SELECT pg_terminate_backend({pid}, 5000)")
        connection.run("UPDATE ledger SET policy = 'y'")
    with pytest.raises(LedgerError, match="run the same command again"), connection.reading():
        pytest.fail("a lost connection answered")
    again = PostgresConnection(made)
    with again.reading():
        assert again.rows("SELECT policy FROM ledger") == [("p",)]
    again.close()


def test_a_connection_lost_at_the_commit(made: str) -> None:
    connection = PostgresConnection(made)
    with pytest.raises(LedgerError, match=UNKNOWN), connection.writing():
        edit(made, f"SELECT pg_terminate_backend({connection._raw.info.backend_pid}, 5000)")


class Deaf:
    """A connection whose commits are kept and whose answer is lost."""

    def __init__(self, raw: psycopg.Connection) -> None:
        self._raw = raw

    def execute(self, sql: str, *values: object) -> psycopg.Cursor:
        done = self._raw.execute(sql, *values)  # type: ignore[arg-type]
        if sql == "COMMIT":
            self._raw.close()
            raise psycopg.OperationalError("SECRET-9")
        return done

    def __getattr__(self, name: str) -> object:
        return getattr(self._raw, name)


def test_a_commit_whose_answer_is_lost(made: str) -> None:
    connection = PostgresConnection(made)
    connection._raw = Deaf(connection._raw)  # type: ignore[assignment]
    with pytest.raises(LedgerError, match=UNKNOWN) as error, connection.writing():
        connection.run("UPDATE ledger SET policy = 'x'")
    assert "SECRET" not in str(error.value)


def test_a_transaction_that_failed_is_never_taken_for_kept(made: str) -> None:
    connection = PostgresConnection(made)
    with pytest.raises(LedgerError), connection.writing(), pytest.raises(psycopg.Error):
        connection.run("UPDATE ledger SET id = 2")
    connection.close()


def test_a_held_lock_is_told(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connection, "LOCK_SECONDS", 0.05)
    connection, other = PostgresConnection(made), PostgresConnection(made)
    told = pytest.raises(LedgerError, match="55P03; another process has held it")
    with other.writing(), told, connection.writing():
        pytest.fail("two acts at once")
    with connection.writing(), other.reading():
        assert other.rows("SELECT policy FROM ledger") == [("p",)]
    connection.close()
    other.close()


def test_errors_never_quote_values_or_addresses(made: str) -> None:
    connection = PostgresConnection(made)
    with pytest.raises(LedgerError) as error, connection.reading():
        connection.rows("SELECT 'SECRET-9'::bigint")
    connection.close()
    assert "SECRET" not in str(error.value)
    assert error.value.__cause__ is None
    for wrong in (
        "postgresql://ann:SECRET-9@127.0.0.1:1/x?connect_timeout=1",
        made.replace("postgres@", "SECRET-9@", 1),
        made.replace("/t_", "/SECRET-9_"),
    ):
        with pytest.raises(LedgerError, match="check DPINSIGHTS_LEDGER") as error:
            PostgresConnection(wrong)
        assert "SECRET" not in str(error.value)
    with pytest.raises(LedgerError, match="write postgresql://ROLE@HOST/DATABASE") as error:
        PostgresConnection("postgresql://a:SECRET-9@h/d?no_such=option")
    assert "SECRET" not in str(error.value)


def test_it_is_not_shared_over_a_fork(made: str, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = PostgresConnection(made)
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        with pytest.raises(LedgerError, match="across a fork"), connection.reading():
            pytest.fail("a transaction began")
        connection.close()
    connection.checked().close()


def test_psycopg_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(LedgerError, match=r"pip install 'dpinsights\[postgres\]'"):
        PostgresConnection(shared())


def test_another_encoding_is_refused(address: str) -> None:
    latin = re.sub(r"/t_", "/latin_", address)
    with psycopg.connect(address, autocommit=True) as raw:
        raw.execute(f"CREATE DATABASE {database_name(latin)} ENCODING LATIN1 TEMPLATE template0")
    with pytest.raises(LedgerError, match="not encoded in UTF8"):
        PostgresConnection.create(latin, begin)
    drop_database(latin)
