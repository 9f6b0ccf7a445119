"""What ties a page to the ledger and to its approval, and what the definitions say in words, as plain data for templates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dpinsights.model.names import EXPLORATION
from dpinsights.model.release import Release, Signature
from dpinsights.reporting.words import Words


def terms_data(release: Release, words: Words) -> list[dict[str, Any]]:
    """Purpose, legal basis, retention, contact and the like, as far as the report's definition says them."""
    return [
        {"term": words.either(f"term_{name}", name), "text": words.name(text)}
        for name, text in release.terms.items()
    ]


def receipt_data(release: Release, words: Words) -> list[dict[str, Any]]:
    """What ties the page to the ledger: names, digests, who signed, versions."""
    return [{"term": words.say(f"receipt_{name}"), "text": text} for name, text in _rows(release, words)]


def _rows(release: Release, words: Words) -> Iterator[tuple[str, str]]:
    versions = words.say("c_list").join(f"{name} {version}" for name, version in release.versions.items())
    yield "release", release.release
    yield "report", words.say("edition_text", report=release.report, version=release.version)
    yield "contract", release.contract
    yield "partnership", release.partnership
    yield "contract_digest", release.contract_digest
    yield "measurement_digest", release.measurement_digest
    yield "reader_digest", release.reader_digest
    yield "origin", words.either(f"origin_{release.origin}", release.origin)
    yield "approval", _approval(release, words)
    came = release.provenance
    if came is not None:
        if came.lock:
            yield "lock", came.lock
            yield (
                "signatures",
                words.say("c_list").join(_signed(release, one, words) for one in came.signatures),
            )
        yield "ledger", words.say("ledger_entry", seq=came.seq, hash=came.hash)
    yield "cost", str(release.statement.report.rho_units)
    yield "versions", versions
    if release.approved:
        yield "check", f"dpinsights verify {release.release} --trust trust.yaml"


def _approval(release: Release, words: Words) -> str:
    if release.audience == EXPLORATION:
        return words.say("mark_exploration")
    return words.say("approved" if release.approved else "not_approved")


def _signed(release: Release, one: Signature, words: Words) -> str:
    role = words.either(f"signed_{one.role}", one.role)
    if one.party is None:
        return words.say("signed_as", person=one.owner, role=role)
    party = words.name(release.parties.get(one.party), one.party)
    return words.say("signed_as_of", person=one.owner, role=role, party=party)
