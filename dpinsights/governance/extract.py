"""A ledger's chain as a file: one entry on each line, so that whoever holds it can recompute every hash and every sum.

A line is canonical JSON (RFC 8785) of `seq`, `type`, `body`, `prev` and `hash`, all texts; `body` is the text that the
ledger stores and the hash covers. Entries hold names, caps, charges and planned noise, never a noisy value or a count.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dpinsights.errors import LedgerError
from dpinsights.governance.approvals.strict import exactly, strict_json
from dpinsights.governance.chain import Entry, verified
from dpinsights.model.canonical import canonical_bytes

FILE = "ledger.jsonl"
"""What the file is called in a release."""

_FIELDS = ("seq", "type", "body", "prev", "hash")


def extract_bytes(entries: Iterable[Entry]) -> bytes:
    """The entries as a file, the same bytes for the same entries.

    >>> from dpinsights.governance.chain import link
    >>> extract_bytes([link(None, "opened", {})])[:33]
    b'{"body":"{}","hash":"ab1e9871c064'
    """
    return b"".join(
        canonical_bytes({name: str(getattr(entry, name)) for name in _FIELDS}) + b"\n" for entry in entries
    )


def read_extract(content: bytes, name: str = FILE) -> tuple[Entry, ...]:
    """The entries of a file, their chain verified from the first one on.

    Raises:
        LedgerError: naming the entry that is not as it was written.

    >>> from dpinsights.governance.chain import link
    >>> read_extract(extract_bytes([link(None, "opened", {})]))[0].type
    'opened'
    """
    lines = content.split(b"\n")
    if len(lines) < 2 or lines[-1]:
        raise LedgerError(f"{name} holds no whole ledger: ask for the file again")
    return tuple(verified(_entry(line, seq, name) for seq, line in enumerate(lines[:-1], start=1)))


def _entry(line: bytes, seq: int, name: str) -> Entry:
    try:
        data: dict[str, Any] = exactly(strict_json(line), _FIELDS, "an entry")
        if not all(isinstance(text, str) for text in data.values()) or data["seq"] != str(seq):
            raise ValueError("its fields are texts, and its number is the line's")
        if canonical_bytes(data) != line:
            raise ValueError("it is not written canonically")
        if canonical_bytes(strict_json(data["body"].encode())) != data["body"].encode():
            raise ValueError("its body is not written canonically")
        return Entry(seq, data["type"], data["body"], data["prev"], data["hash"])
    except ValueError as fault:
        raise LedgerError(f"{name}: entry {seq} can't be read: {fault}") from None
