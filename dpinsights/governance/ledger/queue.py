"""A fair line of processes before one file's write lock. Nothing is safe because of it: the lock itself is SQLite's.

SQLite lets whoever asks first after a release have its lock, and who waits asks ever more seldom: of 16 writers one in
a hundred waited over a second (tests/benchmarks/ledger_latency.py). Here each process draws a number, locks the byte of
its number in a file beside the ledger, and waits for the byte of the number before. The system gives a dead process's
locks back, so a kill moves the line on; at the worst two processes are at its head, and SQLite's lock parts them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: no line; who asks first is first
    fcntl = None  # type: ignore[assignment]

COUNTER = 8
"""The file's bytes: the number that was drawn last, little-endian. The first of them stands for the counter's lock."""

NUMBERS = 2**48
POLL_SECONDS = 0.001


@contextmanager
def turn(path: Path, patience: float) -> Iterator[None]:
    """Waits in line at a file, which may be deleted whenever nobody is there; after `patience` seconds goes on anyway.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, turn(Path(folder) / "line", 1.0):
    ...     pass
    """
    handle = None
    with suppress(OSError):
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    if handle is None or fcntl is None:
        yield
        return
    try:
        with suppress(OSError):
            _wait(handle, time.monotonic() + patience)
        yield
    finally:
        os.close(handle)  # which gives back every lock of this process on the file


def _wait(handle: int, deadline: float) -> None:
    if not _lock(handle, 0, deadline):
        return
    before = int.from_bytes(os.pread(handle, COUNTER, 0), "little") % NUMBERS
    number = (before + 1) % NUMBERS
    _lock(handle, COUNTER + number, deadline)
    os.pwrite(handle, number.to_bytes(COUNTER, "little"), 0)
    fcntl.lockf(handle, fcntl.LOCK_UN, 1, 0)
    _lock(handle, COUNTER + before, deadline)


def _lock(handle: int, byte: int, deadline: float) -> bool:
    """Waits for a byte's lock. It polls: a wait for a lock can't have an end, and only one process waits for each byte."""
    while True:
        with suppress(BlockingIOError, PermissionError):
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
