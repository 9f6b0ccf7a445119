"""Counting signatures: which of an envelope's are sound, and whether those that count reach the threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Generic, TypeVar

from dpinsights.governance.approvals.envelope import PAYLOAD_TYPE, parse_envelope
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    ExpiredApprovalError,
    ExpiredKeyError,
    PayloadTypeError,
    SameSignerError,
    SignatureError,
    TooFewSignaturesError,
    UnknownKeyError,
)
from dpinsights.governance.approvals.keys import signed_by
from dpinsights.model.trust import Quorum, Role, Trust, TrustedKey

T = TypeVar("T")

Verified = tuple[str, TrustedKey, bytes]
"""A file, the key that signed, and what was signed."""


@dataclass(frozen=True)
class Counted(Generic[T]):
    """A person's signature that counts: its file, the key, and what it says."""

    file: str
    key: TrustedKey
    said: T


def count(
    envelopes: Mapping[str, bytes], trust: Trust, read: Callable[[str, TrustedKey, bytes], T]
) -> tuple[tuple[Counted[T], ...], tuple[ApprovalError, ...]]:
    """The signatures that count, one for each person, and why the others don't.

    Args:
        envelopes: the signed files, by their names; they are looked at in the order of the names.
        trust: whose keys count.
        read: what a sound signature says, given its file, its key and its payload; raises ApprovalError if it doesn't count.
    """
    counted: dict[str, Counted[T]] = {}
    refused: list[ApprovalError] = []
    for file in sorted(envelopes):
        try:
            for found in signatures(file, envelopes[file], trust):
                try:
                    one = _one(found, read)
                    if one.key.owner in counted:
                        raise SameSignerError(
                            f"{file}: {one.key.owner} has signed already ({counted[one.key.owner].file}): "
                            "a person counts once"
                        )
                    counted[one.key.owner] = one
                except ApprovalError as error:
                    refused.append(error)
        except ApprovalError as error:
            refused.append(error)
    return tuple(counted.values()), tuple(refused)


def _one(found: Verified | ApprovalError, read: Callable[[str, TrustedKey, bytes], T]) -> Counted[T]:
    if isinstance(found, ApprovalError):
        raise found
    file, key, payload = found
    return Counted(file, key, read(file, key, payload))


def signatures(file: str, content: bytes, trust: Trust) -> Iterator[Verified | ApprovalError]:
    """The signatures of a file, each verified, or with the reason why it is not.

    Raises:
        EnvelopeError: if it is no envelope.
        PayloadTypeError: if its payload is of another type.
    """
    envelope = parse_envelope(content, file)
    if envelope.payload_type != PAYLOAD_TYPE:
        raise PayloadTypeError(
            f"{file}: the payload is said to be {envelope.payload_type[:80]!r}, not {PAYLOAD_TYPE}"
        )
    for signature in envelope.signatures:
        key = trust.key(signature.key_id)
        if key is None:
            yield UnknownKeyError(f"{file}: the trust file has no key {signature.key_id[:64]!r}")
        elif not signed_by(key.public_bytes, signature.value, envelope.signed):
            yield SignatureError(
                f"{file}: the signature of {key.owner} is not of these bytes: the file was altered after it was signed"
            )
        else:
            yield file, key, envelope.payload


def in_force(file: str, key: TrustedKey, *days: date) -> None:
    """That a key counts on each of some days: that of the signature, and that of its use.

    The second is asked for because whoever finds an expired key can date a signature back.

    Raises:
        ExpiredKeyError: if it doesn't.
    """
    for day in days:
        if not key.start <= day < key.until:
            raise ExpiredKeyError(
                f"{file}: the key of {key.owner} counts from {key.start} until {key.until}, not on {day}"
            )


def in_its_days(file: str, key: TrustedKey, signed_on: date, until: date, on: date) -> None:
    """That a signature counts on a day: from that of the signature until the end that it names.

    Raises:
        ExpiredApprovalError: if it doesn't.
    """
    if not signed_on <= on < until:
        raise ExpiredApprovalError(
            f"{file}: the approval of {key.owner} counts from {signed_on} until {until}, not on {on}"
        )


def larger(one: Mapping[Role, Quorum], other: Mapping[Role, Quorum]) -> dict[Role, Quorum]:
    """What reaches both of two thresholds: in each role the larger numbers.

    >>> both = larger({"owner": Quorum(each_party=1)}, {"owner": Quorum(each_party=2, in_all=5)})
    >>> both["owner"].each_party, both["owner"].in_all
    (2, 5)
    """
    found: dict[Role, Quorum] = {}
    for role in sorted({*one, *other}):
        asked = [quorum for quorum in (one.get(role), other.get(role)) if quorum is not None]
        found[role] = Quorum(
            each_party=max((quorum.each_party or 0 for quorum in asked), default=0) or None,
            in_all=max((quorum.in_all or 0 for quorum in asked), default=0) or None,
        )
    return found


def missing(
    quorums: Mapping[Role, Quorum], parties: Sequence[str], have: Sequence[tuple[Role, str | None]]
) -> Iterator[str]:
    """What the threshold asks for beyond the roles and parties of the persons who signed."""
    for role, quorum in sorted(quorums.items()):
        for party in parties if quorum.each_party else ():
            of = sum(one == (role, party) for one in have)
            if of < (quorum.each_party or 0):
                yield f"{role} of {party} ({of} of {quorum.each_party})"
        all_of = sum(one == role for one, _ in have)
        if all_of < (quorum.in_all or 0):
            yield f"{role} ({all_of} of {quorum.in_all})"


def enough(
    what: str,
    quorums: Mapping[Role, Quorum],
    parties: Sequence[str],
    have: Sequence[tuple[Role, str | None]],
    refused: Sequence[ApprovalError],
) -> None:
    """That the persons who signed reach the threshold.

    Raises:
        ApprovalError: of the class of the first signature that doesn't count; if all count, `TooFewSignaturesError`.
    """
    lacking = tuple(missing(quorums, parties, have))
    if not lacking:
        return
    text = f"{what}; missing: {', '.join(lacking)}"
    if not refused:
        raise TooFewSignaturesError(text)
    raise type(refused[0])("\n  ".join([text, *(str(error) for error in refused)]))
