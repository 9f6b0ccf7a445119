"""A release's folder, read: the release, and beside it the lock, approvals, receipt and ledger extract, if it has them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpinsights.errors import ReportError
from dpinsights.governance.approvals.lock import Lock, parse_lock
from dpinsights.governance.chain import Entry
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.governance.extract import read_extract
from dpinsights.model.release import Release
from dpinsights.reporting.data import read_release

RELEASE = "release.json"
LOCK = "report.lock.json"
RECEIPT = "receipt.dsse.json"

APPROVALS = "approval"
_LARGEST = 512 * 1024 * 1024


@dataclass(frozen=True)
class ReleaseFolder:
    """What a release's folder holds for compliance; the numbers' pages and tables are left aside.

    Attributes:
        release: the release.
        lock: what was approved, or None for what ran without an approval.
        envelopes: the signed approvals, by the names of their files.
        receipt: the bytes of the signed receipt, or None.
        entries: the ledger's chain up to the release's position, verified; empty if the folder has none.
        files: the bytes of lock, approvals, receipt and ledger extract, by file name.
        digests: the SHA-256 of all that was read, by its path in the folder.
    """

    release: Release
    lock: Lock | None
    envelopes: Mapping[str, bytes]
    receipt: bytes | None
    entries: tuple[Entry, ...]
    files: Mapping[str, bytes]
    digests: Mapping[str, str]


def read_folder(folder: Path) -> ReleaseFolder:
    """The parts of a release's folder.

    Raises:
        ReportError: if it holds no release, or a file can't be read.
        LockError: if its lock is not as dpinsights writes it.
        LedgerError: if its ledger extract is not sound; names the entry.
    """
    if not folder.is_dir():
        raise ReportError(f"{folder} is no folder: name the folder of a release, with its release.json")
    content = _read(folder / RELEASE)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ReportError(f"{folder / RELEASE} is no text: it was altered") from None
    files = {name: _read(folder / name) for name in (RECEIPT, LEDGER) if _is_there(folder / name)}
    approval = folder / APPROVALS
    lock = _read(approval / LOCK) if _is_there(approval / LOCK) else None
    envelopes = {file.name: _read(file) for file in sorted(approval.glob("*.dsse.json"))}
    approvals = {**({} if lock is None else {LOCK: lock}), **envelopes}
    read = {
        RELEASE: content,
        **files,
        **{f"{APPROVALS}/{name}": held for name, held in approvals.items()},
    }
    return ReleaseFolder(
        release=read_release(text),
        lock=None if lock is None else parse_lock(lock, LOCK),
        envelopes=envelopes,
        receipt=files.get(RECEIPT),
        entries=read_extract(files[LEDGER]) if LEDGER in files else (),
        files={**approvals, **files},
        digests={name: hashlib.sha256(held).hexdigest() for name, held in read.items()},
    )


def _is_there(file: Path) -> bool:
    return file.is_symlink() or file.exists()


def _read(file: Path) -> bytes:
    if file.is_symlink():
        raise ReportError(f"{file} is a link: a release's folder holds plain files alone")
    try:
        if file.stat().st_size > _LARGEST:
            raise ReportError(f"{file} is too large for a file of a release")
        return file.read_bytes()
    except OSError as error:
        raise ReportError(f"{file} can't be read ({error.strerror})") from None
