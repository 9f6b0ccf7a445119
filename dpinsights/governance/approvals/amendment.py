"""Raising a cap: a proposal that persons sign as they sign a report's lock, and whether enough did.

A signature states the whole proposal, so whoever holds the ledger's entries alone can make the proposal again and count.
A proposal has the number of one amendment, so it can't be used twice; and a person of the other party never signs an
account or a partnership that they did not see.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date

from dpinsights.governance.approvals.approval import (
    LONGEST_COMMENT,
    Terms,
    allowed,
    can_be_seen,
    check_author,
    check_terms,
    without_perhaps_the_author,
)
from dpinsights.governance.approvals.counting import count, enough, in_force, in_its_days
from dpinsights.governance.approvals.envelope import Envelope, parse_envelope, seal
from dpinsights.governance.approvals.errors import (
    OtherAccountError,
    OtherAmendmentError,
    OtherPartnershipError,
    ProposalError,
    StatementError,
)
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.statement import Statement, Subject, parse_statement
from dpinsights.governance.approvals.strict import exactly, strict_day, strict_json
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.numbers import exact, plain
from dpinsights.model.trust import ROLES, Trust, TrustedKey

AMENDMENT = "urn:dpinsights:amendment:1"
"""The predicate of an amendment: a role agrees that a cap is raised."""

FORMAT = "1"
"""The version of a proposal's format."""

FILE = "amendment.json"
"""What a proposal is called in what is signed, wherever its file lies."""

_PERIODS = ("month", "quarter", "year")
_WHOLE = re.compile(r"[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class Proposal:
    """A cap that is to be raised; all fields are texts, as they are signed.

    Attributes:
        partnership: the ledger's identity.
        policy: the name of its policy, which is the trust file's.
        account: whose cap.
        period: `month`, `quarter` or `year` for the cap of each of the account's periods, empty for its cap for ever.
        before, after: the cap as epsilon at `conversion_delta`.
        before_rho, after_rho: the same in the ledger's units, of which the ledger counts.
        number: how many changes of caps and periods the ledger has had, and one.
        author: who proposes it, as trust.yaml has the name.
        reason: why.
    """

    partnership: str
    policy: str
    account: str
    period: str
    before: str
    before_rho: str
    after: str
    after_rho: str
    conversion_delta: str
    number: str
    author: str
    reason: str

    def __post_init__(self) -> None:
        for wanted, message in (
            (all(isinstance(getattr(self, one), str) for one in _NAMES), "its fields are texts"),
            (bool(self.partnership and self.policy and self.account), "it names an account of a partnership"),
            (self.period in ("", *_PERIODS), f"a period is a {', '.join(_PERIODS)}, or empty"),
            (bool(_WHOLE.fullmatch(self.number)), "its number is 1 or more"),
            (
                bool(_WHOLE.fullmatch(self.before_rho) and _WHOLE.fullmatch(self.after_rho)),
                "a cap has ledger units, written as a whole number",
            ),
            (
                self.author == self.author.strip()
                and 0 < len(self.author) <= 80
                and can_be_seen(self.author),
                "it names who proposes it, as trust.yaml has the name",
            ),
            (
                0 < len(self.reason.strip())
                and len(self.reason) <= LONGEST_COMMENT
                and can_be_seen(self.reason),
                f"it says why, in at most {LONGEST_COMMENT} characters, all of which can be seen",
            ),
        ):
            if not wanted:
                raise ProposalError(f"this is no proposal: {message}")
        try:
            before, after, delta = (exact(text) for text in (self.before, self.after, self.conversion_delta))
        except ValueError as fault:
            raise ProposalError(f"this is no proposal: {fault}") from None
        if not before < after or not int(self.before_rho) < int(self.after_rho):
            raise ProposalError(
                "a proposal raises a cap; to lower one needs no signatures: dpinsights budget amend ACCOUNT EPSILON"
            )
        if not 0 < delta < 1 or [plain(one) for one in (before, after, delta)] != [
            self.before, self.after, self.conversion_delta
        ]:  # fmt: skip
            raise ProposalError("this is no proposal: its numbers are not written as dpinsights writes them")

    @property
    def content(self) -> bytes:
        """The proposal's file: canonical JSON, the same bytes for the same proposal."""
        return canonical_bytes({"amendment": FORMAT, **self.texts})

    @property
    def digest(self) -> str:
        """The SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def texts(self) -> dict[str, str]:
        """Its fields by name."""
        return {name: getattr(self, name) for name in _NAMES}

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What a signature is about."""
        return (Subject(FILE, self.digest),)

    def lines(self) -> Iterator[str]:
        """The proposal for its signers to read."""
        yield f"partnership {self.partnership}, policy {self.policy}: amendment {self.number} of its caps"
        yield (
            f"{self.account}{f', each {self.period}' if self.period else ''}: from epsilon {self.before} to epsilon {self.after} at delta {self.conversion_delta} "
            f"({self.before_rho} to {self.after_rho} ledger units of rho)"
        )
        yield f"proposed by {self.author}: {self.reason}"


_NAMES = tuple(field.name for field in fields(Proposal))
_PREDICATE = ("role", "signed_on", "until", "comment", *_NAMES)


@dataclass(frozen=True)
class AmendmentApproved:
    """A proposal with enough signatures.

    Attributes:
        proposal: which.
        persons: who signed, by name.
        envelopes: one for each of them, with that signature alone; the ledger keeps their texts.
        set_aside: why other signatures don't count.
    """

    proposal: Proposal
    persons: tuple[str, ...]
    envelopes: tuple[bytes, ...]
    set_aside: tuple[str, ...]


def parse_proposal(content: bytes, name: str) -> Proposal:
    """The proposal that a file holds.

    Raises:
        ProposalError: if it is not, byte for byte, what `Proposal.content` writes.
    """
    try:
        data = exactly(strict_json(content), ("amendment", *_NAMES), "a proposal")
        if data.pop("amendment") != FORMAT:
            raise ValueError(f"its format is {FORMAT}")
        proposal = Proposal(**data)
        if proposal.content != content:
            raise ValueError("it is not written canonically")
    except (ValueError, TypeError) as fault:
        raise ProposalError(
            f"{name} is no proposal as dpinsights writes it: {fault}; make it again with dpinsights budget propose"
        ) from None
    return proposal


def approve_amendment(proposal: Proposal, terms: Terms, *signers: Signer) -> Envelope:
    """A proposal signed under a role; it is used once, whatever number of runs the terms allow.

    Raises:
        ApprovalError: if the terms allow no day, or the comment is too long or holds unseen characters.
    """
    check_terms(terms)
    predicate = {
        "role": terms.role,
        "signed_on": terms.signed_on,
        "until": terms.until,
        "comment": terms.comment,
        **proposal.texts,
    }
    return seal(Statement(proposal.subjects, AMENDMENT, predicate).to_bytes(), *signers)


def amendment_approved(
    proposal: Proposal, envelopes: Mapping[str, bytes], trust: Trust, on: date
) -> AmendmentApproved:
    """Whether a cap may be raised on a day: counted as a report's approvals are, under the same threshold.

    Args:
        proposal: what would be done.
        envelopes: the signed approvals, by the names of their files.
        trust: the partnership's.
        on: the day, never before the ledger's last one.

    Raises:
        ApprovalError: if the signatures are not enough: the class of the first that does not count says why, and
            `TooFewSignaturesError` that all count and are too few.
    """
    if trust.trust != proposal.policy:
        raise OtherPartnershipError(f"the trust file is of {trust.trust}, the proposal of {proposal.policy}")
    check_author("the proposal", proposal.author, trust)

    def read(file: str, key: TrustedKey, payload: bytes) -> Terms:
        terms = _terms(file, payload, proposal)
        in_force(file, key, terms.signed_on, on)
        in_its_days(file, key, terms.signed_on, terms.until, on)
        allowed(file, key, terms.role, proposal.author)
        return terms

    counted, refused = without_perhaps_the_author(*count(envelopes, trust, read), proposal.author, trust)
    enough(
        f"amendment {proposal.number} ({proposal.account} to epsilon {proposal.after}) is not approved",
        trust.threshold,
        sorted({key.party for key in trust.keys if key.party}),
        [(one.said.role, one.key.party) for one in counted],
        refused,
    )
    return AmendmentApproved(
        proposal,
        tuple(one.key.owner for one in counted),
        tuple(_alone(envelopes[one.file], one.key.id) for one in counted),
        tuple(str(error) for error in refused),
    )


def _alone(content: bytes, key_id: str) -> bytes:
    """An envelope with the signature of one key."""
    whole = parse_envelope(content, "the envelope")
    one = tuple(signature for signature in whole.signatures if signature.key_id == key_id)[:1]
    return Envelope(whole.payload_type, whole.payload, one).to_bytes()


def _terms(file: str, payload: bytes, proposal: Proposal) -> Terms:
    """What a verified payload says, if it is about this proposal."""
    statement = parse_statement(payload, AMENDMENT, file)
    terms, signed = said_of(file, statement)
    for name, kind in (("partnership", OtherPartnershipError), ("account", OtherAccountError)):
        theirs, ours = getattr(signed, name), getattr(proposal, name)
        if theirs != ours:
            raise kind(f"{file} agrees to a cap of {name} {theirs[:80]!r}, and this proposal's is {ours!r}")
    if signed != proposal:
        differing = [name for name in _NAMES if getattr(signed, name) != getattr(proposal, name)]
        raise OtherAmendmentError(
            f"{file} agrees to another amendment: not the same are {', '.join(differing)}; what was signed is not what "
            "would be done"
        )
    return terms


def said_of(file: str, statement: Statement) -> tuple[Terms, Proposal]:
    """A statement's terms and its proposal."""
    try:
        said = exactly(dict(statement.predicate), _PREDICATE, "an amendment's approval")
        if not all(isinstance(text, str) for text in said.values()) or said["role"] not in ROLES:
            raise ValueError("its fields are texts, its role one of " + ", ".join(ROLES))
        if len(said["comment"]) > LONGEST_COMMENT:
            raise ValueError("its comment is short")
        terms = Terms(
            said["role"], strict_day(said["signed_on"]), strict_day(said["until"]), 1, said["comment"]
        )
        proposal = Proposal(**{name: said[name] for name in _NAMES})
    except (ValueError, ProposalError) as fault:
        raise StatementError(f"{file} approves no amendment: {fault}") from None
    if statement.subjects != proposal.subjects:
        raise OtherAmendmentError(f"{file} signs other bytes than those of the proposal that it states")
    return terms, proposal
