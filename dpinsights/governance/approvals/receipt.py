"""The receipt of a release: who ran what under which approval, where the ledger stood, and the digest of every file.

A DSSE envelope of an in-toto statement, signed by an operator. Its subjects are all other files of the release's folder;
whoever holds the trust file and an earlier receipt needs nothing else to check them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

from dpinsights.governance.approvals.counting import in_force, signatures
from dpinsights.governance.approvals.envelope import parse_envelope, seal
from dpinsights.governance.approvals.errors import ApprovalError, StatementError, WrongRoleError
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.statement import RELEASE, Statement, Subject, parse_statement, subject
from dpinsights.governance.approvals.strict import exactly
from dpinsights.model.names import FrozenMap
from dpinsights.model.numbers import exact, plain
from dpinsights.model.release import Release, Spending
from dpinsights.model.trust import Trust

FILE = "receipt.dsse.json"
"""What the receipt is called in a release."""

OPERATOR = "operator"
"""The only role that signs receipts."""

_TEXTS = (
    "release", "report", "version", "audience", "account", "partnership", "origin", "run", "released_on", "lock", "approval",
)  # fmt: skip
_OBJECTS = ("ledger", "cost", "fresh", "account_total", "lifetime_total", "versions")
_SPENDING = ("rho_units", "delta_units", "epsilon")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,29}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"([a-z0-9_][a-z0-9_.-]{0,126}/){0,2}[a-z0-9_][a-z0-9_.-]{0,126}")
_LONGEST = 200


@dataclass(frozen=True)
class Total:
    """What an account has spent after a release, and its cap."""

    spent: Spending
    cap: Spending


@dataclass(frozen=True)
class ReceiptFacts:
    """What a receipt says beside the files' digests.

    Attributes:
        run: the run's id in the ledger.
        lock, approval: digests in hexadecimal, empty where nobody was asked to approve.
        seq, hash: the ledger's entry in which the run was measured; `ledger.jsonl` ends there.
        cost: what the report's reader has seen of it, fresh or not.
        fresh: what of that was drawn for it.
        account, lifetime: the totals after that entry.
        versions: the exact ones of dpinsights and of what could change a number.
    """

    release: str
    report: str
    version: int
    audience: str
    account: str
    partnership: str
    origin: str
    run: str
    released_on: date
    lock: str
    approval: str
    seq: int
    hash: str
    cost: Spending
    fresh: Spending
    account_total: Total
    lifetime_total: Total
    versions: FrozenMap[str, str]


@dataclass(frozen=True)
class Receipt:
    """A receipt whose signature counts.

    Attributes:
        files: the SHA-256 of every other file of the release, by its name.
        signed_by: the operator who signed, as the trust file names the person.
        digest: the SHA-256 of the receipt's own file.
    """

    facts: ReceiptFacts
    files: FrozenMap[str, str]
    signed_by: str
    key_id: str
    digest: str


def facts_of(
    release: Release, *, run: str, seq: int, hash: str, lock: str = "", approval: str = "", python: str = ""
) -> ReceiptFacts:
    """What the receipt of a release says: the release itself tells all but where it stands in the ledger and why it might run.

    Args:
        release: as it is written into `release.json`.
        run: the run's id.
        seq, hash: the ledger's position.
        lock, approval: the digests of what allowed it, or empty.
        python: the exact version of Python, added to the release's own versions unless it is empty.
    """
    said = release.statement
    return ReceiptFacts(
        release=release.release,
        report=release.report,
        version=release.version,
        audience=release.audience,
        account=release.account,
        partnership=release.partnership,
        origin=release.origin,
        run=run,
        released_on=release.released_on,
        lock=lock,
        approval=approval,
        seq=seq,
        hash=hash,
        cost=said.report,
        fresh=said.fresh,
        account_total=Total(said.account, said.account_cap),
        lifetime_total=Total(said.lifetime, said.lifetime_cap),
        versions=FrozenMap({**release.versions, **({"python": python} if python else {})}),
    )


def receipt_bytes(facts: ReceiptFacts, files: Mapping[str, bytes], signer: Signer) -> bytes:
    """The receipt of a release's files, the same bytes for the same arguments.

    Args:
        facts: what it says.
        files: every other file of the folder, by name (`tables/x.csv`).
        signer: an operator's key.

    Raises:
        ApprovalError: if there is no file, or one of them can't be called so.
    """
    if not files or not all(_NAME.fullmatch(name) and name != FILE for name in files):
        raise ApprovalError(
            "a receipt is about the other files of a release, whose names have small letters, digits, '.', '_' and '-'"
        )
    subjects = tuple(subject(name, files[name]) for name in sorted(files))
    return seal(Statement(subjects, RELEASE, _predicate(facts)).to_bytes(), signer).to_bytes()


def _predicate(facts: ReceiptFacts) -> dict[str, Any]:
    return {name: str(getattr(facts, name)) for name in _TEXTS} | {
        "ledger": {"seq": str(facts.seq), "hash": facts.hash},
        "cost": _spending(facts.cost),
        "fresh": _spending(facts.fresh),
        "account_total": _total(facts.account_total),
        "lifetime_total": _total(facts.lifetime_total),
        "versions": dict(facts.versions),
    }


def _spending(one: Spending) -> dict[str, Any]:
    return {
        "rho_units": str(one.rho_units),
        "delta_units": str(one.delta_units),
        "epsilon": plain(one.epsilon),
    }


def _total(one: Total) -> dict[str, Any]:
    return {**_spending(one.spent), "cap": _spending(one.cap)}


def read_receipt(content: bytes, trust: Trust, name: str = FILE) -> Receipt:
    """The receipt that a file holds, if an operator signed it within the days of the key.

    Args:
        content: the file's bytes.
        trust: the partnership's.
        name: what the file is called, for the message.

    Raises:
        EnvelopeError, PayloadTypeError, StatementError: if it is no receipt as `receipt_bytes` writes it.
        UnknownKeyError: if the trust file does not hold the key.
        SignatureError: if it was altered after it was signed.
        WrongRoleError: if the key is no operator's.
        ExpiredKeyError: if the key did not count on the day of the release.
    """
    found = tuple(signatures(name, content, trust))
    if len(found) != 1:
        raise StatementError(f"{name}: a receipt has one signature: ask for the release again")
    one = found[0]
    if isinstance(one, ApprovalError):
        raise one
    _, key, payload = one
    facts, files = _stated(payload, name)
    if OPERATOR not in key.roles:
        raise WrongRoleError(
            f"{name}: {key.owner} may sign as {', '.join(key.roles)}: a receipt is signed by an operator"
        )
    in_force(name, key, facts.released_on)
    return Receipt(facts, files, key.owner, key.id, hashlib.sha256(content).hexdigest())


def unverified(content: bytes, name: str = FILE) -> tuple[ReceiptFacts, FrozenMap[str, str]]:
    """What a file says, and the digests that it lists, whoever signed it: to be compared, never to be believed.

    Raises:
        EnvelopeError, StatementError: if it is no receipt as `receipt_bytes` writes it.
    """
    return _stated(parse_envelope(content, name).payload, name)


def _stated(payload: bytes, name: str) -> tuple[ReceiptFacts, FrozenMap[str, str]]:
    statement = parse_statement(payload, RELEASE, name)
    try:
        facts = _facts(exactly(dict(statement.predicate), _TEXTS + _OBJECTS, "a receipt"))
        _check_subjects(statement.subjects)
    except ValueError as fault:
        raise StatementError(f"{name} is no receipt of a release: {fault}") from None
    return facts, FrozenMap({one.name: one.sha256 for one in statement.subjects})


def _check_subjects(subjects: tuple[Subject, ...]) -> None:
    names = [one.name for one in subjects]
    if names != sorted(names):
        raise ValueError("its files are sorted by name")
    if not all(_NAME.fullmatch(name) and name != FILE for name in names):
        raise ValueError("its files lie in the folder of the release, and it is none of them")


def _facts(said: dict[str, Any]) -> ReceiptFacts:
    texts = {name: said[name] for name in _TEXTS}
    if not all(_is_text(text) for text in texts.values()):
        raise ValueError(f"its fields are texts of at most {_LONGEST} characters")
    ledger = exactly(said["ledger"], ("seq", "hash"), "its place in the ledger")
    released_on = date.fromisoformat(texts["released_on"])
    if released_on.isoformat() != texts["released_on"]:
        raise ValueError("a day is written 2017-10-01")
    return ReceiptFacts(
        release=texts["release"],
        report=texts["report"],
        version=_whole(texts["version"]),
        audience=texts["audience"],
        account=texts["account"],
        partnership=texts["partnership"],
        origin=texts["origin"],
        run=texts["run"],
        released_on=released_on,
        lock=_sha256(texts["lock"], optional=True),
        approval=_sha256(texts["approval"], optional=True),
        seq=_whole(ledger["seq"]),
        hash=_sha256(ledger["hash"]),
        cost=_read_spending(said["cost"]),
        fresh=_read_spending(said["fresh"]),
        account_total=_read_total(said["account_total"]),
        lifetime_total=_read_total(said["lifetime_total"]),
        versions=_versions(said["versions"]),
    )


def _is_text(data: object) -> bool:
    return isinstance(data, str) and len(data) <= _LONGEST


def _whole(data: object) -> int:
    if not isinstance(data, str) or not _WHOLE.fullmatch(data):
        raise ValueError("whole numbers are texts of digits")
    return int(data)


def _sha256(data: object, *, optional: bool = False) -> str:
    if not isinstance(data, str) or not (_SHA256.fullmatch(data) or (optional and not data)):
        raise ValueError("a digest is a SHA-256 in small hexadecimal digits")
    return data


def _read_spending(data: object) -> Spending:
    said = exactly(data, _SPENDING, "a loss")
    text = said["epsilon"]
    epsilon = exact(text) if _is_text(text) else Decimal(-1)
    if epsilon < 0 or plain(epsilon) != text:
        raise ValueError("an epsilon is a decimal number from 0 on, as a text")
    return Spending(_whole(said["rho_units"]), epsilon, _whole(said["delta_units"]))


def _read_total(data: object) -> Total:
    said = exactly(data, (*_SPENDING, "cap"), "a total")
    return Total(_read_spending({name: said[name] for name in _SPENDING}), _read_spending(said["cap"]))


def _versions(data: object) -> FrozenMap[str, str]:
    if not isinstance(data, dict) or not data or not all(_is_text(text) for text in data.values()):
        raise ValueError("versions are texts")
    return FrozenMap(data)


def differing(ours: ReceiptFacts, theirs: ReceiptFacts) -> Iterator[str]:
    """The names of the facts that two receipts say differently."""
    for field in fields(ReceiptFacts):
        if getattr(ours, field.name) != getattr(theirs, field.name):
            yield field.name
