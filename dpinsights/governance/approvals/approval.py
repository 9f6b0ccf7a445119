"""Approving a lock, and the rule that says when it is approved.

A signature counts if it is of these bytes, by a key that trust.yaml holds, within the key's days and its own, under a
role that the key has, over exactly this lock. A person counts once, whatever keys and roles; the author counts as the
author alone. A signature that doesn't count never stands in the way of those that do: it is set aside, with its reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from dpinsights.governance.approvals.counting import Counted, count, enough, in_force, in_its_days, larger
from dpinsights.governance.approvals.envelope import Envelope, seal
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    OtherAccountError,
    OtherLockError,
    OtherPartnershipError,
    OtherReportError,
    SelfApprovalError,
    StatementError,
    UnknownAuthorError,
    UsedUpError,
    WrongRoleError,
)
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.lock import Lock
from dpinsights.governance.approvals.statement import APPROVAL, Statement, parse_statement
from dpinsights.governance.approvals.strict import exactly, strict_day
from dpinsights.model.canonical import digest
from dpinsights.model.trust import APPROVING, ROLES, Role, Trust, TrustedKey

LONGEST_COMMENT = 400

_PREDICATE = (
    "role", "report", "version", "audience", "account", "partnership", "signed_on", "until", "max_runs", "comment",
)  # fmt: skip
_WHOLE = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class Terms:
    """What an approver says beside yes.

    Attributes:
        role: as what the approver signs.
        signed_on: the day of the signature.
        until: the day after the last on which the approval counts.
        max_runs: how many runs it allows.
        comment: a remark, or empty.
    """

    role: Role
    signed_on: date
    until: date
    max_runs: int = 1
    comment: str = ""


@dataclass(frozen=True)
class Approval:
    """A signature that counts."""

    owner: str
    party: str | None
    key_id: str
    file: str
    terms: Terms


@dataclass(frozen=True)
class Approved:
    """A lock with enough signatures.

    Attributes:
        lock_digest: which lock.
        approvals: the signatures that count, one for each person.
        until: the earliest end among them.
        max_runs: the fewest runs among them.
        set_aside: why other signatures don't count.
        digest: of the files that hold signatures that count; receipts carry it.
    """

    lock_digest: str
    approvals: tuple[Approval, ...]
    until: date
    max_runs: int
    set_aside: tuple[str, ...]
    digest: str


def approve(lock: Lock, terms: Terms, *signers: Signer) -> Envelope:
    """A lock signed under a role.

    Raises:
        ApprovalError: if the terms allow no day or no run, the comment is too long or holds unseen characters, or the
            role is an operator's.
    """
    check_terms(terms)
    return seal(Statement(lock.subjects, APPROVAL, _predicate(lock, terms)).to_bytes(), *signers)


def check_terms(terms: Terms) -> None:
    """Raises ApprovalError if nothing can be signed on such terms."""
    _approves("this", terms.role)
    if not terms.signed_on < terms.until:
        raise ApprovalError("an approval ends after the day on which it is signed: give a later --until")
    if not _WHOLE.fullmatch(str(terms.max_runs)):
        raise ApprovalError("an approval allows 1 to 999999 runs")
    if len(terms.comment) > LONGEST_COMMENT or not can_be_seen(terms.comment):
        raise ApprovalError(
            f"a comment has at most {LONGEST_COMMENT} characters, and none that can't be seen"
        )


def check_author(what: str, author: str, trust: Trust) -> None:
    """Raises UnknownAuthorError if the trust file doesn't have the author of what is signed as one."""
    if author not in trust.persons("author"):
        raise UnknownAuthorError(
            f"{what}'s author is {author!r}, whom the trust file doesn't know in the role author: then nobody "
            "can tell whether an approval is the author's own"
        )


def without_perhaps_the_author(
    counted: Sequence[Counted[Terms]], refused: Sequence[ApprovalError], author: str, trust: Trust
) -> tuple[tuple[Counted[Terms], ...], tuple[ApprovalError, ...]]:
    """The signatures of those who can't have written what is signed; who wrote it is said in it, and need not be true.

    Whoever may write could put another author's name on a work of their own, and approve it. So the approval of one who
    has the role author counts only beside the signature of the named author as such.
    """
    signed = any(one.said.role == "author" for one in counted)
    perhaps = [one for one in counted if not signed and one.key.owner in trust.persons("author")]
    doubts = tuple(
        SelfApprovalError(
            f"{one.file}: {one.key.owner} may be an author too, and {author} has not signed as the author of this: "
            f"{author} approves it under the role author, or somebody else approves it"
        )
        for one in perhaps
    )
    return tuple(one for one in counted if one not in perhaps), (*refused, *doubts)


def can_be_seen(text: str) -> bool:
    """Whether a text has no characters that a signer can't see.

    >>> can_be_seen("yes"), can_be_seen("yes\\u200b")
    (True, False)
    """
    return not any(unicodedata.category(character)[0] == "C" for character in text)


def _predicate(lock: Lock, terms: Terms) -> dict[str, object]:
    return {
        "role": terms.role,
        "report": lock.report,
        "version": lock.version,
        "audience": lock.audience,
        "account": lock.account,
        "partnership": lock.partnership,
        "signed_on": terms.signed_on,
        "until": terms.until,
        "max_runs": terms.max_runs,
        "comment": terms.comment,
    }


def approved(
    lock: Lock, envelopes: Mapping[str, bytes], trust: Trust, on: date, *, runs: int = 0
) -> Approved:
    """Whether a lock may run on a day: signed by as many as the trust file and the lock's policy both ask for.

    Args:
        lock: made from the definitions that would run.
        envelopes: the signed approvals, by the names of their files.
        trust: the partnership's.
        on: the day, never before the ledger's last one.
        runs: how often the lock has run already.

    Raises:
        ApprovalError: if the signatures are not enough: the class of the first that does not count says why, and
            `TooFewSignaturesError` that all count and are too few.
    """
    if trust.trust != lock.contract:
        raise OtherPartnershipError(f"the trust file is of {trust.trust}, the lock of {lock.contract}")
    check_author("the lock", lock.author, trust)

    def read(file: str, key: TrustedKey, payload: bytes) -> Terms:
        terms = _terms(file, payload, lock)
        in_force(file, key, terms.signed_on, on)
        in_its_days(file, key, terms.signed_on, terms.until, on)
        if runs >= terms.max_runs:
            raise UsedUpError(f"{file}: {key.owner} allows {terms.max_runs} runs, and there were {runs}")
        allowed(file, key, terms.role, lock.author)
        return terms

    counted, refused = without_perhaps_the_author(*count(envelopes, trust, read), lock.author, trust)
    approvals = tuple(
        Approval(one.key.owner, one.key.party, one.key.id, one.file, one.said) for one in counted
    )
    enough(
        f"{lock.report} version {lock.version} is not approved",
        larger(trust.threshold, lock.signers),
        lock.parties,
        [(one.terms.role, one.party) for one in approvals],
        refused,
    )
    files = {one.file: envelopes[one.file].hex() for one in approvals}
    return Approved(
        lock.digest,
        approvals,
        min(one.terms.until for one in approvals),
        min(one.terms.max_runs for one in approvals),
        tuple(str(error) for error in refused),
        digest(files, purpose="approvals"),
    )


def _terms(file: str, payload: bytes, lock: Lock) -> Terms:
    """What a verified payload says, if it is about this lock."""
    statement = parse_statement(payload, APPROVAL, file)
    try:
        said = exactly(dict(statement.predicate), _PREDICATE, "an approval")
        if not all(isinstance(text, str) for text in said.values()) or said["role"] not in ROLES:
            raise ValueError("an approval's fields are texts, its role one of " + ", ".join(ROLES))
        if not _WHOLE.fullmatch(said["max_runs"]) or len(said["comment"]) > LONGEST_COMMENT:
            raise ValueError("max_runs is a number above 0, and a comment is short")
        terms = Terms(
            said["role"],
            strict_day(said["signed_on"]),
            strict_day(said["until"]),
            int(said["max_runs"]),
            said["comment"],
        )
    except ValueError as fault:
        raise StatementError(f"{file} is no approval: {fault}") from None
    for name, ours, kind in (
        ("partnership", lock.partnership, OtherPartnershipError),
        ("account", lock.account, OtherAccountError),
        ("report", lock.report, OtherReportError),
        ("version", lock.version, OtherReportError),
        ("audience", lock.audience, OtherReportError),
    ):
        if said[name] != ours:
            raise kind(f"{file} approves {name} {said[name][:80]!r}, and this lock's is {ours!r}")
    if statement.subjects != lock.subjects:
        raise OtherLockError(
            f"{file} approves {statement.subjects[0].sha256[:16]}..., and this lock is {lock.digest[:16]}...: "
            "what was signed is not what would run (dpinsights diff shows how they differ)"
        )
    return terms


def _approves(what: str, role: Role) -> None:
    if role not in APPROVING:
        raise WrongRoleError(
            f"{what}: an approval is by {', '.join(APPROVING)}; an operator signs receipts alone"
        )


def allowed(file: str, key: TrustedKey, role: Role, author: str) -> None:
    """That a key may sign under a role what somebody wrote.

    Raises:
        WrongRoleError: if the key doesn't have the role, or the role is not for approvals.
        SelfApprovalError: if the author signs as anything but the author.
    """
    _approves(file, role)
    if role not in key.roles:
        raise WrongRoleError(
            f"{file}: {key.owner} signs as {role}, but may only sign as {', '.join(key.roles)}"
        )
    if role == "author" and key.owner != author:
        raise WrongRoleError(f"{file}: {key.owner} signs as the author, who is {author}")
    if role != "author" and key.owner == author:
        raise SelfApprovalError(
            f"{file}: {key.owner} wrote what is signed, and an author approves nothing of their own"
        )
