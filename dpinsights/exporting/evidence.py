"""Whether the evidence in a release's folder holds: signatures over its lock, its receipt, the raised caps of its ledger.

What `dpinsights verify` checks beyond it needs the whole folder: pages, tables, and the loss of every measurement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from dpinsights.errors import DpInsightsError, ReportError
from dpinsights.exporting.folder import APPROVALS, RELEASE
from dpinsights.exporting.telling import Telling
from dpinsights.governance.approvals.approval import Approved, approved
from dpinsights.governance.approvals.raises import amendments_signed
from dpinsights.governance.approvals.receipt import Receipt, read_receipt
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.model.trust import Trust


@dataclass(frozen=True)
class Evidence:
    """The evidence of a release, held against the partnership's keys as of the day of the release."""

    telling: Telling
    trust: Trust

    @cached_property
    def approval(self) -> Approved | DpInsightsError | None:
        """What the signatures come to, or why they don't hold; None for a release without a lock."""
        lock, release = self.telling.folder.lock, self.telling.folder.release
        if lock is None:
            return None
        locked = tuple(lock.data["digests"].get(name) for name in ("contract", "measurement", "reader"))
        if locked != (release.contract_digest, release.measurement_digest, release.reader_digest):
            return ReportError(self.telling.say("other_lock"))
        try:
            return approved(lock, self.telling.folder.envelopes, self.trust, release.released_on)
        except DpInsightsError as error:
            return error

    @cached_property
    def receipt(self) -> Receipt | DpInsightsError | None:
        """The receipt, or why it is not signed by an operator or not of these files; None for a release without one."""
        folder = self.telling.folder
        if folder.receipt is None:
            return None
        try:
            found = read_receipt(folder.receipt, self.trust)
        except DpInsightsError as error:
            return error
        if found.facts.release != folder.release.release:
            return ReportError(self.telling.say("other_receipt", release=found.facts.release))
        for name in sorted(_evidence(found.files) | _evidence(folder.digests)):
            if found.files.get(name) != folder.digests.get(name):
                return ReportError(self.telling.say("other_file", file=name))
        head = folder.entries[-1] if folder.entries else None
        if head is not None and (head.seq, head.hash) != (found.facts.seq, found.facts.hash):
            return ReportError(self.telling.say("other_ledger"))
        return found

    @cached_property
    def unsigned_raises(self) -> tuple[str, ...]:
        """Which caps the ledger says were raised without enough signatures, and why they don't count."""
        return tuple(
            self.telling.say("raise_unsigned", seq=one.seq, account=one.account, why=one.why)
            for one in amendments_signed(self.telling.folder.entries, self.trust)
        )


def _evidence(names: Iterable[str]) -> set[str]:
    """The files of a release that a pack holds or speaks of."""
    return {name for name in names if name in (RELEASE, LEDGER) or name.startswith(f"{APPROVALS}/")}
