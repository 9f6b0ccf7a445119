"""The approval: who agreed to exactly this lock, and whether what was released is what the lock holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from dpinsights.governance.approvals.approval import Approved, approved
from dpinsights.governance.approvals.errors import ApprovalError
from dpinsights.governance.approvals.lock import Lock
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.names import EXPLORATION
from dpinsights.model.noisy import State
from dpinsights.model.numbers import plain
from dpinsights.model.release import Release
from dpinsights.verification.evidence import LOCK, RELEASE, Evidence
from dpinsights.verification.findings import Finding, failed, passed

STATED = ("customer", "add-or-remove-one-customer", "approximate zCDP")
"""The only unit, adjacency and measure that a release can state."""


def permission(evidence: Evidence) -> Iterator[Finding]:
    """Either enough have signed exactly what was released, or nobody was asked and the release says so."""
    facts, release = evidence.facts, evidence.release
    if facts is None:
        yield failed("unchecked", LOCK)
        return
    if not facts.lock and not facts.approval:
        if release is not None:
            yield from _unapproved(release)
        return
    lock = evidence.lock
    if lock is None or lock.digest != facts.lock:
        why = evidence.why("lock") if lock is None else f"its digest is {lock.digest}, and not {facts.lock}"
        yield failed("approval-lock", LOCK, why=why)
    else:
        yield passed("approval-lock", LOCK)
    if lock is None:
        yield failed("unchecked", LOCK, "signatures")
        return
    yield from _signatures(evidence, lock)
    if release is not None:
        wrong = [
            failed("approval-same", RELEASE, name, signed=signed, released=released)
            for name, signed, released in _compared(evidence, lock, release)
            if signed != released
        ]
        yield from wrong or [passed("approval-same", RELEASE)]


def _unapproved(release: Release) -> Iterator[Finding]:
    """What nobody approved is exploration, or a rehearsal over made-up customers, and says so."""
    if release.approved:
        yield failed("approval-none", RELEASE)
    elif release.audience != EXPLORATION and release.origin != "synthetic":
        yield failed("approval-needed", RELEASE, audience=release.audience)
    else:
        yield passed("approval-none", RELEASE)


def _signatures(evidence: Evidence, lock: Lock) -> Iterator[Finding]:
    facts = evidence.facts
    assert facts is not None  # permission has looked
    day = _day_of_charge(evidence)
    try:
        found = approved(lock, evidence.envelopes, evidence.trust, day)
    except ApprovalError as fault:
        yield failed("approval-signed", LOCK, why=fault)
        return
    persons = _persons((one.owner, one.terms.role) for one in found.approvals)
    came = evidence.release.provenance if evidence.release else None
    named = _persons((one.owner, one.role) for one in came.signatures) if came else persons
    if found.digest != facts.approval:
        why = f"the signatures are others than the receipt names: {found.digest}, not {facts.approval}"
        yield failed("approval-signed", LOCK, why=why)
    elif named != persons:
        yield failed(
            "approval-signed", LOCK, why=f"the release names {named}, and those who signed are {persons}"
        )
    else:
        yield passed("approval-signed", LOCK, day=day, persons=persons)
    yield from _runs(evidence, lock, found)


def _day_of_charge(evidence: Evidence) -> date:
    """The day on which the run was let through: its charge's, or that on which it was gone on with."""
    assert evidence.facts is not None  # permission has looked
    days = [
        one.data["day"]
        for one in evidence.entries or ()
        if one.type in ("charged", "resumed") and one.data["run"] == evidence.facts.run
    ]
    return date.fromisoformat(days[-1]) if days else evidence.facts.released_on


def _persons(signed: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted(f"{owner} ({role})" for owner, role in signed))


def _runs(evidence: Evidence, lock: Lock, found: Approved) -> Iterator[Finding]:
    if evidence.books is None:
        yield failed("unchecked", LOCK, "runs")
        return
    entries = evidence.entries or ()
    measured = {entry.data["run"] for entry in entries if entry.type == "measured"}
    # Whoever has measured may have shown it, whatever was written afterwards.
    runs = sum(
        run.lock == lock.digest and (run.state is not State.ABANDONED or name in measured)
        for name, run in evidence.books.runs.items()
    )
    finding = passed if 1 <= runs <= found.max_runs else failed
    yield finding("approval-runs", LOCK, runs=runs, most=found.max_runs)


def _compared(evidence: Evidence, lock: Lock, release: Release) -> Iterator[tuple[str, str, str]]:
    """What the lock holds beside what was released, by name."""
    data, facts = lock.data, evidence.facts
    assert facts is not None  # permission has looked
    yield "approved", "True", str(release.approved)
    for name in ("report", "version", "audience", "account", "partnership"):
        yield name, str(getattr(lock, name)), str(getattr(release, name))
    for name in ("contract", "measurement", "reader"):
        yield f"{name}_digest", str(data["digests"][name]), getattr(release, f"{name}_digest")
    yield "start", data["report"]["period"]["start"], release.start.isoformat()
    yield "until", data["report"]["period"]["until"], release.until.isoformat()
    yield from _worded(data["report"], release)
    for party, said in data["contract"]["parties"].items():
        if party != "_":
            yield f"party {party}", _names(said["name"]), _names(release.parties.get(party))
    yield "snapshot_map", data["map_version"], release.statement.snapshot_map
    for name, version in data["versions"].items():
        yield f"versions.{name}", version, ".".join(facts.versions.get(name, "").split(".")[:2])
    signed = {name: digest for name, digest in data["templates"].items() if name.startswith("templates/")}
    found = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in evidence.files.items()
        if name.startswith("templates/")
    }
    for name in sorted({*signed, *found}):
        yield name, signed.get(name, "no such file"), found.get(name, "no such file")
    yield from _drawn(evidence, data)


def _worded(report: Mapping[str, Any], release: Release) -> Iterator[tuple[str, str, str]]:
    """What stands on the pages beside the numbers: titles, summary, the approval's fields, which questions there are."""
    yield "confidence", report["confidence"], plain(release.confidence)
    if "title" in report:
        yield "title", _names(report["title"]), _names(release.title)
    yield "summary", _names(report.get("summary")), _names(release.summary)
    said = release.statement
    yield (
        "unit, adjacency, measure",
        " ".join(STATED),
        " ".join((said.privacy_unit, said.adjacency, said.measure)),
    )
    signed = {name: _names(text) for name, text in report.get("approval", {}).items() if name != "_"}
    for name in sorted({*signed, *release.terms}):
        yield f"approval.{name}", signed.get(name, ""), _names(release.terms.get(name))
    queries = dict(report["queries"])
    yield (
        "queries",
        " ".join(queries),
        " ".join(dict.fromkeys(one.name.split(".")[0] for one in release.tables)),
    )
    for table in release.tables:
        query = queries.get(table.name)
        if query is None:
            continue  # a further table of a query
        if "title" in query:
            yield f"{table.name}.title", _names(query["title"]), _names(table.title)
        yield f"{table.name}.note", _names(query.get("note")), _names(table.note)


def _names(names: Mapping[str, str] | None) -> str:
    return "; ".join(f"{language}: {text}" for language, text in sorted((names or {}).items()))


def _drawn(evidence: Evidence, data: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The run's statistics: those of the signed plan, each with the signed sensitivity, none dearer than signed."""
    run = evidence.books.runs.get(evidence.facts.run) if evidence.books and evidence.facts else None
    if run is None:
        return
    signed = data["plan"]["draws"]
    yield "statistics", " ".join(sorted(signed)), " ".join(sorted(item.key for item in run.items))
    for item in run.items:
        plan = signed.get(item.key)
        if plan is None:
            continue
        planned = json.loads(canonical_bytes(item.specification))
        for name in sorted({*plan["specification"], *planned}):
            yield f"{item.key[:16]}: {name}", str(plan["specification"].get(name)), str(planned.get(name))
    most = int(data["plan"]["rho_units"]), int(data["plan"]["delta_units"])
    for payer in ("account", "lifetime"):
        losses = [getattr(item, payer) for item in run.items]
        paid = sum(loss.rho for loss in losses), sum(loss.delta for loss in losses)
        over = paid[0] > most[0] or paid[1] > most[1]
        yield f"cost to {payer}", f"at most {most}", f"{paid}" if over else f"at most {most}"
