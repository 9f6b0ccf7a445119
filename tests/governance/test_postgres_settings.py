"""A server that is set wrong, is a replica, waits for one or dies: what could lose commits is refused or told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.postgres_connection import PostgresConnection
from tests.governance.postgres_server import Server
from tests.governance.test_postgres import UNKNOWN, begin, edit, refused


@pytest.fixture(scope="module")
def own() -> Iterator[Server]:
    """A server of this file alone, which may be set wrong and killed."""
    server = Server()
    yield server
    server.remove()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_settings_of_the_server_that_lose_commits_are_refused(own: Server, setting: str) -> None:
    address = own.database()
    PostgresConnection.create(address, begin)
    connection = PostgresConnection(address).checked()
    own.configure(**{setting: "off"})
    own.restart()
    assert f"has {setting} off, not on: its entries might not survive a crash" in refused(address)
    with pytest.raises(LedgerError, match=f"has {setting} off"):
        PostgresConnection.create(own.database(), begin)
    with pytest.raises(LedgerError, match="run the same command again"), connection.writing():
        pytest.fail("an act began on a lost connection")
    own.configure(**{setting: "on"})
    own.reload()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with psycopg.connect(address) as raw:
            if raw.execute(f"SHOW {setting}").fetchone() == ("on",):
                break
    PostgresConnection(address).checked().close()


def test_a_replica_is_refused(own: Server) -> None:
    address = own.database("here")
    PostgresConnection.create(address, begin)
    replica = Server(primary=own)
    try:
        connection = PostgresConnection(replica.address("here"))
        with pytest.raises(LedgerError, match="is on a replica, which may be behind: name the primary"):
            connection.checked()
        with pytest.raises(LedgerError, match="0A000; the server is a replica or read only"):
            PostgresConnection.create(replica.address("here"), begin)
        with pytest.raises(LedgerError, match="0A000"), connection.writing():
            pytest.fail("an act began on a replica")
        connection.close()
    finally:
        replica.remove()


def test_an_unanswered_replica_leaves_a_commit_unknown(own: Server) -> None:
    address = own.database()
    PostgresConnection.create(address, begin)
    own.configure(synchronous_standby_names="nobody")
    own.restart()
    connection = PostgresConnection(address)
    waiting = f"""
        DO $$BEGIN
            WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep') LOOP
                PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
            END LOOP;
        END$$;
        SELECT pg_cancel_backend({connection._raw.info.backend_pid})"""
    canceller = threading.Thread(target=edit, args=(address, waiting))
    canceller.start()
    with pytest.raises(LedgerError, match=UNKNOWN), connection.writing():
        connection.run("UPDATE ledger SET policy = 'x'")
    canceller.join()
    connection.close()
    own.configure(synchronous_standby_names="")
    own.restart()


@pytest.mark.slow
def test_what_is_kept_outlives_the_death_of_the_server(own: Server) -> None:
    address = own.database()
    PostgresConnection.create(address, begin)
    for number in range(3):
        connection = PostgresConnection(address).checked()
        with connection.writing():
            connection.run("UPDATE ledger SET policy = ?", f"p{number}")
        own.kill()
        own.restart()
        with pytest.raises(LedgerError, match="run the same command again"), connection.reading():
            pytest.fail("a lost connection answered")
        again = PostgresConnection(address).checked()
        with again.reading():
            assert again.rows("SELECT policy FROM ledger") == [(f"p{number}",)]
        again.close()
