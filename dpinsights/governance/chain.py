"""The hash chain: each entry's hash covers its number, type and stored bytes, and the hash before it.

It makes an edit evident to whoever checks. Alone it does not show a cut tail or a restored copy: for that, someone
else must hold a later `Head`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dpinsights.errors import LedgerError
from dpinsights.model.canonical import canonical_bytes

GENESIS = "0" * 64
"""What stands for the hash before the first entry."""

BACKWARD = timedelta(minutes=5)
"""How far a clock may lie behind the last act before the ledger refuses to write."""


@dataclass(frozen=True)
class Entry:
    """One act. `body` is the canonical JSON as it was stored; the hash covers those bytes, never a re-serialisation."""

    seq: int
    type: str
    body: str
    prev: str
    hash: str

    @property
    def data(self) -> dict[str, Any]:
        """The body as JSON data; its numbers are decimal texts."""
        data: dict[str, Any] = json.loads(self.body)
        return data


def entry_hash(seq: int, kind: str, body: str, prev: str) -> str:
    """The SHA-256 of an entry, separated by purpose and version.

    >>> entry_hash(1, "opened", "{}", GENESIS)[:12]
    'ab1e9871c064'
    """
    return hashlib.sha256(f"dpinsights/ledger-entry/v1\n{seq}\n{kind}\n{prev}\n{body}".encode()).hexdigest()


def link(last: Entry | None, kind: str, body: object) -> Entry:
    """The entry that follows `last`.

    >>> link(link(None, "opened", {"cap": 5}), "amended", {"cap": 6}).body
    '{"cap":"6"}'
    """
    seq, prev = (1, GENESIS) if last is None else (last.seq + 1, last.hash)
    text = canonical_bytes(body).decode()
    return Entry(seq, kind, text, prev, entry_hash(seq, kind, text, prev))


def verified(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The same entries, each checked against the one before it.

    Raises:
        LedgerError: at the first entry whose number, predecessor or hash is not what it must be.
    """
    prev = GENESIS
    for seq, entry in enumerate(entries, start=1):
        sound = entry.seq == seq and entry.prev == prev
        if not sound or entry.hash != entry_hash(seq, entry.type, entry.body, prev):
            raise LedgerError(
                f"the ledger's chain is broken at entry {seq}: it was edited or damaged after it was written; "
                "restore the last copy whose head both parties know, and charge nothing until then"
            )
        prev = entry.hash
        yield entry


def utc(now: datetime) -> datetime:
    """A clock's time in UTC.

    >>> utc(datetime(2018, 1, 1, tzinfo=UTC)).isoformat()
    '2018-01-01T00:00:00+00:00'
    """
    if now.tzinfo is None:
        raise LedgerError(
            "the ledger's clock must tell its time zone: pass a clock such as lambda: datetime.now(UTC)"
        )
    return now.astimezone(UTC)


def not_before(now: datetime, last: datetime) -> datetime:
    """The instant at which an act is recorded: never earlier than the last one.

    Raises:
        LedgerError: if the clock lies more than five minutes behind the last act.
    """
    if now < last - BACKWARD:
        raise LedgerError(
            f"the clock says {now:%Y-%m-%d %H:%M} UTC, but the last entry was written at {last:%Y-%m-%d %H:%M} UTC: "
            "set the clock right; nothing was written (if the earlier act had the wrong time, ledger/schema.sql says how "
            "to mend ledger.last_at)"
        )
    return max(now, last)
