"""What the files of a release hold, each read by itself, so that one that can't be read hides nothing of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from dpinsights.errors import DpInsightsError, LedgerError
from dpinsights.governance.approvals.lock import Lock, parse_lock
from dpinsights.governance.approvals.receipt import FILE as RECEIPT
from dpinsights.governance.approvals.receipt import Receipt, ReceiptFacts, read_receipt, unverified
from dpinsights.governance.books import Books, replay
from dpinsights.governance.chain import Entry
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.governance.extract import read_extract
from dpinsights.model.names import FrozenMap
from dpinsights.model.release import Release
from dpinsights.model.trust import Trust
from dpinsights.reporting.data import read_release
from dpinsights.verification.folder import Folder

RELEASE = "release.json"
LOCK = "approval/report.lock.json"

T = TypeVar("T")


@dataclass(frozen=True)
class Evidence:
    """A release's folder, whom to trust, and the receipt of an earlier release.

    What can't be read is None, and its fault says why.
    """

    folder: Folder
    trust: Trust
    earlier: Receipt | None

    @property
    def files(self) -> Mapping[str, bytes]:
        """The files by name."""
        return self.folder.files

    @cached_property
    def _receipt(self) -> Receipt | str:
        return self._read(RECEIPT, lambda content: read_receipt(content, self.trust))

    @property
    def receipt(self) -> Receipt | None:
        """The receipt, if an operator signed it."""
        return None if isinstance(self._receipt, str) else self._receipt

    @cached_property
    def _stated(self) -> tuple[ReceiptFacts, FrozenMap[str, str]] | str:
        return self._read(RECEIPT, unverified)

    @property
    def facts(self) -> ReceiptFacts | None:
        """What the receipt says, whoever signed it: a receipt that doesn't count hides no other fault."""
        return None if isinstance(self._stated, str) else self._stated[0]

    @property
    def listed(self) -> Mapping[str, str] | None:
        """The digests that the receipt lists, whoever signed it."""
        return None if isinstance(self._stated, str) else self._stated[1]

    @cached_property
    def _release(self) -> Release | str:
        return self._read(RELEASE, lambda content: read_release(content.decode("utf-8")))

    @property
    def release(self) -> Release | None:
        """The release."""
        return None if isinstance(self._release, str) else self._release

    @cached_property
    def _lock(self) -> Lock | str:
        return self._read(LOCK, lambda content: parse_lock(content, LOCK))

    @property
    def lock(self) -> Lock | None:
        """The lock."""
        return None if isinstance(self._lock, str) else self._lock

    @property
    def envelopes(self) -> dict[str, bytes]:
        """The signatures of the lock, by file name."""
        return {
            name.removeprefix("approval/"): content
            for name, content in self.files.items()
            if name.startswith("approval/") and name.endswith(".dsse.json")
        }

    @cached_property
    def _entries(self) -> tuple[Entry, ...] | str:
        return self._read(LEDGER, read_extract)

    @property
    def entries(self) -> tuple[Entry, ...] | None:
        """The ledger's entries, if their chain holds."""
        return None if isinstance(self._entries, str) else self._entries

    @cached_property
    def _books(self) -> Books | str:
        entries = self.entries
        if entries is None:
            return self.why("entries")
        try:
            return replay(entries)
        except LedgerError as fault:
            return str(fault)
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            return "an entry lacks what an entry of its kind has: it was not written by dpinsights"

    @property
    def books(self) -> Books | None:
        """What the entries add up to, if they keep the rules."""
        return None if isinstance(self._books, str) else self._books

    def why(self, name: str) -> str:
        """Why something is None: `receipt`, `stated`, `release`, `lock`, `entries`, `books`."""
        found = getattr(self, f"_{name}")
        return found if isinstance(found, str) else ""

    def _read(self, name: str, read: Callable[[bytes], T]) -> T | str:
        content = self.files.get(name)
        if content is None:
            return f"there is no {name}"
        try:
            return read(content)
        except UnicodeDecodeError:
            return f"{name} is not UTF-8"
        except DpInsightsError as fault:
            return str(fault)
