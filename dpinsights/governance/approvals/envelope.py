"""DSSE envelopes: a payload, its type, and signatures over both.

Dead Simple Signing Envelope v1.0.2 (https://github.com/secure-systems-lab/dsse). A signature covers PAE(type, payload),
the stored bytes as they are, so nothing has to be canonical to be verified. Stricter than the specification: no fields
but its own, key ids always, standard base64 alone.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import rfc8785

from dpinsights.governance.approvals.errors import EnvelopeError
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.strict import exactly, strict_base64, strict_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""The only type of payload that is signed here."""

_MOST_SIGNATURES = 100
_SIGNATURE_BYTES = 64


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: the pre-authentication encoding of DSSE.

    >>> pae("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True)
class Signature:
    """A signature, and the id of the key that is said to have made it."""

    key_id: str
    value: bytes


@dataclass(frozen=True)
class Envelope:
    """A payload with its type and signatures; nothing about them is verified yet."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def signed(self) -> bytes:
        """What the signatures are of."""
        return pae(self.payload_type, self.payload)

    def to_bytes(self) -> bytes:
        """The envelope as a file, the same bytes for the same envelope."""
        return rfc8785.dumps(
            {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": self.payload_type,
                "signatures": [
                    {"keyid": one.key_id, "sig": base64.b64encode(one.value).decode()}
                    for one in self.signatures
                ],
            }
        )


def seal(payload: bytes, *signers: Signer) -> Envelope:
    """A payload signed by one or several, once each."""
    message = pae(PAYLOAD_TYPE, payload)
    each = {signer.key_id: signer for signer in signers}
    return Envelope(
        PAYLOAD_TYPE, payload, tuple(Signature(name, signer.sign(message)) for name, signer in each.items())
    )


def parse_envelope(content: bytes, name: str) -> Envelope:
    """The envelope that a file holds.

    Args:
        content: the file's bytes.
        name: what the file is called, for the message.

    Raises:
        EnvelopeError: if it is anything but an envelope as the specification writes it.
    """
    try:
        data = exactly(strict_json(content), ("payload", "payloadType", "signatures"), "an envelope")
        listed = data["signatures"]
        if not isinstance(listed, list) or not 1 <= len(listed) <= _MOST_SIGNATURES:
            raise ValueError(f"an envelope has 1 to {_MOST_SIGNATURES} signatures")
        if not isinstance(data["payloadType"], str):
            raise ValueError("payloadType is a text")
        return Envelope(
            data["payloadType"], strict_base64(data["payload"]), tuple(_signature(one) for one in listed)
        )
    except ValueError as fault:
        raise EnvelopeError(f"{name} is no DSSE envelope: {fault}") from None


def _signature(data: object) -> Signature:
    fields = exactly(data, ("keyid", "sig"), "a signature")
    value = strict_base64(fields["sig"])
    if not isinstance(fields["keyid"], str) or not fields["keyid"]:
        raise ValueError("a signature names its key")
    if len(value) != _SIGNATURE_BYTES:
        raise ValueError(f"an Ed25519 signature has {_SIGNATURE_BYTES} bytes")
    return Signature(fields["keyid"], value)
