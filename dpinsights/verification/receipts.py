"""The receipt: who vouches, for which files, and whether the release says the same of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from dpinsights.governance.approvals.receipt import FILE as RECEIPT
from dpinsights.governance.approvals.receipt import ReceiptFacts, differing, facts_of
from dpinsights.model.release import Provenance
from dpinsights.verification.evidence import RELEASE, Evidence
from dpinsights.verification.findings import Finding, failed, passed


def signature(evidence: Evidence) -> Iterator[Finding]:
    """An operator signed the receipt, with a key that counts on the day of the release."""
    receipt = evidence.receipt
    if receipt is None:
        yield failed("receipt-signed", RECEIPT, why=evidence.why("receipt"))
    else:
        yield passed("receipt-signed", RECEIPT, person=receipt.signed_by, day=receipt.facts.released_on)


def files(evidence: Evidence) -> Iterator[Finding]:
    """Every file that the receipt lists is there and is what it was, and there is no other."""
    for name in evidence.folder.strange:
        yield failed("file-strange", name)
    listed = evidence.listed
    if listed is None:
        yield failed("unchecked", RECEIPT, "files")
        return
    wrong = bool(evidence.folder.strange)
    found = {name: hashlib.sha256(content).hexdigest() for name, content in evidence.files.items()}
    for name in sorted({*listed, *found} - {RECEIPT}):
        if name not in found:
            yield failed("file-missing", name, listed=listed[name])
        elif name not in listed:
            yield failed("file-added", name, found=found[name])
        elif found[name] != listed[name]:
            yield failed("file-changed", name, found=found[name], listed=listed[name])
        else:
            continue
        wrong = True
    if not wrong:
        yield passed("files", count=len(listed))


def facts(evidence: Evidence) -> Iterator[Finding]:
    """The release can be read, is of the trust file's partnership, and says what the receipt says."""
    release, theirs = evidence.release, evidence.facts
    if release is None:
        yield failed("release-read", RELEASE, why=evidence.why("release"))
        return
    yield passed("release-read", RELEASE, count=len(release.tables))
    if theirs is None:
        yield failed("unchecked", RELEASE, "facts")
        return
    came = release.provenance or Provenance(0, "")  # and then it is refused
    ours = facts_of(
        release,
        run=theirs.run,
        seq=came.seq,
        hash=came.hash,
        lock=came.lock,
        approval=came.approval,
        python=theirs.versions.get("python", ""),
    )
    wrong = [
        failed("release-facts", RELEASE, name, theirs=_said(theirs, name), ours=_said(ours, name))
        for name in differing(ours, theirs)
    ]
    if release.contract != evidence.trust.trust:
        wrong.append(
            failed("release-facts", RELEASE, "contract", theirs=evidence.trust.trust, ours=release.contract)
        )
    if release.release != f"{theirs.report}-{theirs.run}":
        wrong.append(
            failed(
                "release-facts",
                RELEASE,
                "release",
                theirs=f"{theirs.report}-{theirs.run}",
                ours=release.release,
            )
        )
    yield from wrong or [passed("release-facts", RELEASE)]


def _said(facts: ReceiptFacts, name: str) -> str:
    said = getattr(facts, name)
    return ", ".join(f"{one} {number}" for one, number in said.items()) if name == "versions" else str(said)
