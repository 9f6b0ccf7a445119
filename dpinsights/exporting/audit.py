"""The audit pack: approvals, receipts, locks and the ledger of some releases, with the field checklist over them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from dpinsights.errors import LedgerError, ReportError
from dpinsights.exporting.checklist import checklist
from dpinsights.exporting.folder import ReleaseFolder
from dpinsights.exporting.sheets import Checked, checklist_csv, checklist_html, ledger_csv
from dpinsights.exporting.telling import Telling
from dpinsights.governance.chain import Entry
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.governance.extract import extract_bytes
from dpinsights.model.names import LANGUAGES
from dpinsights.model.trust import Trust
from dpinsights.reporting.words import Words

MANIFEST = "manifest.json"
"""What lists all other files with their digests."""


def audit_pack(
    folders: Sequence[ReleaseFolder], trust: Trust, trust_file: bytes, languages: Sequence[str] = LANGUAGES
) -> Mapping[str, bytes]:
    """All files of an audit pack by name, the same bytes for the same arguments.

    `checklist.<language>.html` and `.csv`; `trust.yaml` as given; for each release a folder with its lock, signed
    approvals and receipt; `ledger.jsonl`, the longest extract, which all others begin, and `ledger.csv`, the same as a
    table; `manifest.json` with the SHA-256 of each. The released numbers are not among them.

    Args:
        folders: the releases, of one partnership.
        trust: the partnership's keys.
        trust_file: the bytes of the file that it was read from.
        languages: of the checklist.

    Raises:
        ReportError: if there is no release, one is given twice, or they are of several partnerships.
        LedgerError: if one extract does not continue another.
    """
    ordered = sorted(folders, key=lambda one: (one.release.released_on, one.release.release))
    _check(ordered)
    files: dict[str, bytes] = {"trust.yaml": trust_file}
    for language in languages:
        words = Words(language)
        checked = [Checked(Telling(folder, words), checklist(folder, trust, words)) for folder in ordered]
        files[f"checklist.{language}.html"] = checklist_html(checked).encode("utf-8")
        files[f"checklist.{language}.csv"] = checklist_csv(checked).encode("utf-8")
    for folder in ordered:
        for name, content in folder.files.items():
            if name != LEDGER:
                files[f"{folder.release.release}/{name}"] = content
    entries = _longest(ordered)
    if entries:
        files[LEDGER] = extract_bytes(entries)
        files["ledger.csv"] = ledger_csv(entries).encode("utf-8")
    return {**dict(sorted(files.items())), MANIFEST: _manifest(files)}


def _check(folders: Sequence[ReleaseFolder]) -> None:
    names = [folder.release.release for folder in folders]
    if not names:
        raise ReportError("an audit pack is about releases: name at least one release's folder")
    if len(set(names)) < len(names):
        raise ReportError("a release is given twice: name each release's folder once")
    if len({folder.release.partnership for folder in folders}) > 1:
        raise ReportError("the releases are of several partnerships: make a pack for each of them")


def _longest(folders: Sequence[ReleaseFolder]) -> tuple[Entry, ...]:
    """The longest of the ledger extracts, all others being its beginning."""
    longest = max(folders, key=lambda one: len(one.entries))
    for folder in folders:
        for ours, theirs in zip(longest.entries, folder.entries, strict=False):
            if ours != theirs:
                raise LedgerError(
                    f"the ledgers of {longest.release.release} and {folder.release.release} differ from entry {ours.seq} "
                    "on: they are two ledgers, or one of them was rewritten; dpinsights verify each release before an audit"
                )
    return longest.entries


def _manifest(files: Mapping[str, bytes]) -> bytes:
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    data = {"format": "dpinsights-audit-pack", "format_version": "1", "sha256": listed}
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode("utf-8")
