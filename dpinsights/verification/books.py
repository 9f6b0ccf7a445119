"""The ledger up to this run: its chain, its sums, its place after an earlier receipt, and what it says of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dpinsights.governance.approvals.raises import amendments_signed
from dpinsights.governance.approvals.receipt import Receipt
from dpinsights.governance.chain import Entry
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.governance.ledger.interface import Amendment, PeriodChange
from dpinsights.governance.spending import changes
from dpinsights.model.names import EXPLORATION
from dpinsights.verification.evidence import RELEASE, Evidence
from dpinsights.verification.findings import Finding, failed, passed


def chain(evidence: Evidence) -> Iterator[Finding]:
    """Every entry is bound to the one before it, keeps the rules, and the last is the one that the receipt names."""
    entries = evidence.entries
    if entries is None:
        yield failed("ledger-chain", LEDGER, why=evidence.why("entries"))
        return
    yield passed("ledger-chain", LEDGER, count=len(entries))
    if evidence.books is None:
        yield failed("ledger-sums", LEDGER, why=evidence.why("books"))
    else:
        yield passed("ledger-sums", LEDGER)
    facts = evidence.facts
    if facts is None:
        yield failed("unchecked", LEDGER, "position")
    elif (entries[-1].seq, entries[-1].hash) != (facts.seq, facts.hash):
        ours, theirs = _named(entries[-1].seq, entries[-1].hash), _named(facts.seq, facts.hash)
        yield failed("ledger-position", LEDGER, ours=ours, theirs=theirs)
    else:
        yield passed("ledger-position", LEDGER)


def earlier(evidence: Evidence) -> Iterator[Finding]:
    """The ledger goes on from where an earlier receipt saw it, so nobody has written it anew in between."""
    receipt, entries = evidence.earlier, evidence.entries
    if receipt is None:
        yield passed("ledger-first", LEDGER)
    elif entries is None:
        yield failed("unchecked", LEDGER, "earlier")
    else:
        yield _continues(receipt, entries)


def _continues(receipt: Receipt, entries: tuple[Entry, ...]) -> Finding:
    seen = receipt.facts
    place, named = f"entry {seen.seq}", {"seq": seen.seq, "release": seen.release}
    if seen.partnership != _partnership(entries):
        why = f"that receipt is of partnership {seen.partnership}, this ledger of {_partnership(entries)}"
        return failed("ledger-earlier", LEDGER, place, **named, why=why)
    if seen.seq > len(entries):
        why = f"this ledger ends before it, with entry {len(entries)}: give a receipt that is older than this release"
        return failed("ledger-earlier", LEDGER, place, **named, why=why)
    hash = entries[seen.seq - 1].hash
    if hash != seen.hash:
        why = f"its hash is {hash}, and was {seen.hash}: it, or one before it, was changed afterwards"
        return failed("ledger-earlier", LEDGER, place, **named, why=why)
    return passed("ledger-earlier", LEDGER, place, **named)


def _partnership(entries: tuple[Entry, ...]) -> str:
    return str(entries[0].data.get("partnership", ""))


def run(evidence: Evidence) -> Iterator[Finding]:
    """The last entry says that this run was measured; its charge names the release's report and the receipt's approval."""
    entries, books, facts, release = evidence.entries, evidence.books, evidence.facts, evidence.release
    if entries is None or books is None or facts is None or release is None:
        yield failed("unchecked", LEDGER, "run")
        return
    last, charge = entries[-1], _charge(entries, facts.run)
    pairs: list[tuple[str, object, object]] = [
        ("last entry", (last.type, last.data.get("run")), ("measured", facts.run)),
        ("day", last.data.get("day"), release.released_on.isoformat()),
        ("partnership", books.partnership, release.partnership),
    ]
    if charge is None:
        pairs.append(("run", "no such charge", facts.run))
    else:
        pairs += _charged(charge.data, evidence)
    deltas = books.deltas
    assert deltas is not None  # every opening has them
    said = release.statement
    pairs += [
        ("conversion_delta", deltas.conversion, said.conversion_delta),
        ("discovery_delta", deltas.discovery, said.discovery_delta),
    ]
    wrong = [
        failed("ledger-run", LEDGER, name, theirs=theirs, ours=ours)
        for name, theirs, ours in pairs
        if theirs != ours
    ]
    yield from wrong or [passed("ledger-run", LEDGER)]


def _charge(entries: tuple[Entry, ...], run: str) -> Entry | None:
    return next((one for one in entries if one.type == "charged" and one.data["run"] == run), None)


def _charged(data: dict[str, Any], evidence: Evidence) -> Iterator[tuple[str, object, object]]:
    facts, release, books = evidence.facts, evidence.release, evidence.books
    assert facts is not None and release is not None and books is not None  # run has looked
    for name in ("report", "account", "contract_digest", "measurement_digest", "reader_digest", "origin"):
        yield name, data.get(name), getattr(release, name)
    yield "version", data.get("version"), str(release.version)
    yield "exploration", data["exploration"], release.audience == EXPLORATION
    permit = data["permit"] or {"lock": "", "approval": ""}
    yield "lock", permit["lock"], facts.lock
    if not _resumed(
        evidence
    ):  # who goes on with a run may have been approved anew, and its signatures are looked at
        yield "approval", permit["approval"], facts.approval
    maps = {one.name: one.map_version for one in books.snapshots}
    yield "snapshot_map", maps.get(data["snapshot"]), release.statement.snapshot_map


def _resumed(evidence: Evidence) -> bool:
    run = evidence.facts.run if evidence.facts else ""
    return any(one.type == "resumed" and one.data["run"] == run for one in evidence.entries or ())


def _named(seq: int, hash: str) -> str:
    return f"entry {seq} {hash}"


def caps(evidence: Evidence) -> Iterator[Finding]:
    """Every cap that was raised: by whom it was signed; and the release shows every change."""
    entries, books, release = evidence.entries, evidence.books, evidence.release
    if entries is None or books is None:
        yield failed("unchecked", LEDGER, "caps")
        return
    unsigned = {one.seq: one.why for one in amendments_signed(entries, evidence.trust)}
    made: tuple[Amendment | PeriodChange, ...] = (*books.amendments, *books.period_changes)
    for one in sorted(made, key=lambda one: one.seq):
        change, place = "; ".join(map(str, changes((one,)))), f"entry {one.seq}"
        if one.seq in unsigned:
            yield failed("cap-changed", LEDGER, place, change=change, why=unsigned[one.seq])
        else:
            yield passed("cap-changed", LEDGER, place, change=change)
    stated, ours = release.statement.amendments if release else (), changes(made)
    if release is not None and stated != ours:
        words = ["; ".join(map(str, each)) or "none" for each in (ours, stated)]
        yield failed("ledger-run", RELEASE, "statement.amendments", theirs=words[0], ours=words[1])
