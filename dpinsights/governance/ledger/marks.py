"""Texts that carry a mark against damage: those of the ledger's tables that no entry of the chain covers."""

from __future__ import annotations

import hashlib
from datetime import datetime

from dpinsights.errors import LedgerError


def marked(text: str) -> str:
    """A text and, behind a blank, the first 8 digits of its SHA-256.

    >>> marked("2018-01-15T09:00:00+00:00")
    '2018-01-15T09:00:00+00:00 31ba73f1'
    """
    return f"{text} {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def unmarked(stored: str) -> str:
    """The text that was marked.

    Raises:
        LedgerError: if the text or its mark is damaged.
    """
    text, _, _ = stored.rpartition(" ")
    if marked(text) != stored:
        raise LedgerError(
            "a lease or the time of the last act is damaged: restore the last sound copy of the ledger"
        )
    return text


def instant(stored: str) -> datetime:
    """The instant that was marked."""
    return datetime.fromisoformat(unmarked(stored))
