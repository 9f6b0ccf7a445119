"""Counting signatures: which of an envelope's are sound, and whether those that count reach the threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from dpinsights.governance.approvals.envelope import PAYLOAD_TYPE, parse_envelope
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    ExpiredKeyError,
    PayloadTypeError,
    SignatureError,
    TooFewSignaturesError,
    UnknownKeyError,
)
from dpinsights.governance.approvals.keys import signed_by
from dpinsights.model.trust import Quorum, Role, Trust, TrustedKey

Verified = tuple[str, TrustedKey, bytes]
"""A file, the key that signed, and what was signed."""


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
