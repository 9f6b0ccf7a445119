"""A partnership's two releases, whole and signed, and what attackers can do to them: with no key, or with the operator's."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dpinsights.budget import clock
from dpinsights.demo import run_demo
from dpinsights.demo_signing import PASSPHRASE
from dpinsights.governance.approvals.keys import FileSigner, Signer
from dpinsights.governance.approvals.receipt import FILE as RECEIPT
from dpinsights.governance.approvals.receipt import (
    Receipt,
    ReceiptFacts,
    facts_of,
    read_receipt,
    receipt_bytes,
)
from dpinsights.governance.approvals.trust import load_trust
from dpinsights.governance.chain import Entry, link
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.governance.extract import extract_bytes, read_extract
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.model.names import FrozenMap
from dpinsights.model.release import Provenance, Release
from dpinsights.model.trust import Trust
from dpinsights.pipeline import data_of, run_report
from dpinsights.reporting.data import read_release
from dpinsights.reporting.files import bundle
from dpinsights.verification.evidence import Evidence
from dpinsights.verification.findings import Finding
from dpinsights.verification.folder import Folder
from dpinsights.verification.verifying import CHECKS, _found

Files = dict[str, bytes]


@dataclass(frozen=True)
class House:
    """What a partner has: two releases of one ledger, a rehearsal, and the trust file; and the keys of all persons, by id."""

    first: Files
    second: Files
    rehearsal: Files
    trust: Trust
    trust_file: Path
    operator: Signer
    signers: Mapping[str, Signer]

    def __repr__(self) -> str:
        return "House()"  # hypothesis prints arguments, and these have megabytes

    @property
    def earlier(self) -> Receipt:
        """The receipt of the first release."""
        return read_receipt(self.first[RECEIPT], self.trust)

    def verify(self, files: Mapping[str, bytes], earlier: Receipt | None = None) -> tuple[Finding, ...]:
        """All checks, over files in memory."""
        evidence = Evidence(Folder(FrozenMap(files), ()), self.trust, earlier)
        return tuple(finding for check in CHECKS for finding in _found(check, evidence))

    def faults(self, files: Mapping[str, bytes], earlier: Receipt | None = None) -> tuple[Finding, ...]:
        """What is not as it must be."""
        return tuple(one for one in self.verify(files, earlier) if not one.ok)

    def resigned(self, files: Mapping[str, bytes], by: Signer | None = None, **changes: Any) -> Files:
        """The files with a receipt that fits them, signed by the operator or another, its facts changed."""
        rest = {name: content for name, content in files.items() if name != RECEIPT}
        said = self.facts(files)
        return rest | {RECEIPT: receipt_bytes(replace(said, **changes), rest, by or self.operator)}

    def facts(self, files: Mapping[str, bytes]) -> ReceiptFacts:
        """What a receipt of these files must say, as far as the release tells."""
        release = release_of(files)
        came = release.provenance
        assert came is not None
        return facts_of(
            release,
            run=release.release.removeprefix(f"{release.report}-"),
            seq=came.seq,
            hash=came.hash,
            lock=came.lock,
            approval=came.approval,
            python="3.13.1",
        )

    def restated(self, files: Mapping[str, bytes], change: Callable[[Release], Release]) -> Files:
        """The files of another release: its pages, tables and receipt fit it, and the operator has signed them."""
        release = change(release_of(files))
        pages = {name: text.encode() for name, text in bundle(release).items()}
        kept = {name: files[name] for name in files if name not in pages and not name.startswith("tables/")}
        return self.resigned({**kept, **pages})

    def rewritten(
        self, files: Mapping[str, bytes], change: Callable[[int, str, dict[str, Any]], object]
    ) -> Files:
        """The files with a ledger whose entries were changed and bound to each other again, signed by the operator."""
        last: Entry | None = None
        entries = []
        for entry in read_extract(files[LEDGER]):
            data = entry.data
            change(entry.seq, entry.type, data)
            last = link(last, entry.type, data)
            entries.append(last)
        assert last is not None
        seq, hash = last.seq, last.hash

        def moved(release: Release) -> Release:
            assert release.provenance is not None
            return replace(release, provenance=replace(release.provenance, seq=seq, hash=hash))

        return self.restated({**files, LEDGER: extract_bytes(entries)}, moved)


def release_of(files: Mapping[str, bytes]) -> Release:
    """The release that the files hold."""
    return read_release(files["release.json"].decode())


def provenance_of(files: Mapping[str, bytes]) -> Provenance:
    """Where it comes from."""
    found = release_of(files).provenance
    assert found is not None
    return found


def read(folder: Path) -> Files:
    """All files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def write(files: Mapping[str, bytes], folder: Path) -> Path:
    """The files as a folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def build(folder: Path) -> House:
    """The demo over few made-up customers, its report run twice and rehearsed once."""
    demo = run_demo(folder, scale=100)
    operator = FileSigner.load(demo.key, PASSPHRASE)
    keys = [FileSigner.load(path, PASSPHRASE) for path in demo.key.parent.glob("*.pem")]
    report = demo.definitions / "partner-quarterly.yaml"
    ledger = SqliteLedger.open(demo.state.ledger, clock=clock, owner="tests")

    def again(path: Path, *, rehearsal: bool = False) -> Files:
        made = run_report(
            path,
            ledger=ledger,
            data=lambda contract: data_of(demo.sources, contract, demo.state.work),
            releases=demo.state.releases,
            signer=operator,
            rehearsal=rehearsal,
        )
        return read(made.folder)

    try:
        second = again(report)
        rehearsal = again(demo.definitions / "channel-moves.yaml", rehearsal=True)
    finally:
        ledger.close()
    return House(
        first=read(demo.released.folder),
        second=second,
        rehearsal=rehearsal,
        trust=load_trust(demo.trust),
        trust_file=demo.trust,
        operator=operator,
        signers={key.key_id: key for key in keys},
    )


def sha256(content: bytes) -> str:
    """A digest in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def changed_json(content: bytes, change: Callable[[Any], object]) -> bytes:
    """JSON with something changed in it."""
    data = json.loads(content)
    change(data)
    return json.dumps(data, ensure_ascii=False).encode()
