"""What a release carries beside its pages, so that its reader can check it alone: ledger, approval, templates, receipt."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import date

from dpinsights.errors import InternalError
from dpinsights.governance import extract
from dpinsights.governance.approvals import receipt
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.receipt import facts_of
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Ledger, Run
from dpinsights.model.canonical import digest
from dpinsights.model.release import Release
from dpinsights.permitting import Permission
from dpinsights.reporting.files import encoded_file


def last_day(entries: Sequence[Entry]) -> date:
    """The day of a ledger's last entry: an approval that has ended can't be revived by setting a clock back."""
    return date.fromisoformat(entries[-1].data["day"])


def runs_of(entries: Sequence[Entry], lock: str) -> int:
    """How many releases were made under a lock."""
    charged = {
        entry.data["run"]
        for entry in entries
        if entry.type == "charged" and (entry.data["permit"] or {}).get("lock") == lock
    }
    return sum(entry.type == "released" and entry.data["run"] in charged for entry in entries)


def sealed(
    pages: Mapping[str, str],
    templates: Mapping[str, bytes],
    release: Release,
    run: Run,
    ledger: Ledger,
    permission: Permission | None,
    signer: Signer | None,
) -> dict[str, bytes]:
    """All files of a release: its pages and tables, the ledger up to this run, the lock and its signatures, the receipt.

    They follow from the definitions, the keys and the ledger's prefix alone, so a run that died before it was finished
    writes the same bytes again.
    """
    came = release.provenance
    if came is None:
        raise InternalError("a release was made that does not know its place in the ledger")
    files = {name: encoded_file(text) for name, text in pages.items()} | dict(templates)
    files[extract.FILE] = extract.extract_bytes(ledger.entries(came.seq))
    if permission is not None:
        files |= permission.files
    if signer is not None:
        facts = facts_of(
            release,
            run=run.id,
            seq=came.seq,
            hash=came.hash,
            lock=came.lock,
            approval=came.approval,
            python=platform.python_version(),
        )
        files[receipt.FILE] = receipt.receipt_bytes(facts, files, signer)
    return files


def release_digest(files: Mapping[str, bytes]) -> str:
    """The digest under which the ledger knows a release's files, the receipt among them."""
    return digest(
        {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        purpose="release-files",
    )
