"""Envelopes and statements: ours are accepted by securesystemslib and in-toto-attestation, and theirs by us."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement as TheirStatement
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from dpinsights.governance.approvals.envelope import (
    PAYLOAD_TYPE,
    Envelope,
    Signature,
    pae,
    parse_envelope,
    seal,
)
from dpinsights.governance.approvals.errors import EnvelopeError, StatementError
from dpinsights.governance.approvals.keys import signed_by
from dpinsights.governance.approvals.statement import (
    APPROVAL,
    RELEASE,
    Statement,
    Subject,
    parse_statement,
)
from dpinsights.governance.approvals.strict import strict_base64, strict_json
from tests.governance.approvals.house import lock, private_key, signed, signer


def their_key(name: str) -> SSlibKey:
    one = signer(name)
    return SSlibKey(one.key_id, "ed25519", "ed25519", {"public": one.public_key.hex()})


def test_pae_is_that_of_the_specification() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()


@given(st.binary(max_size=300), st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True))
def test_our_envelopes_are_verified_by_securesystemslib(payload: bytes, names: list[str]) -> None:
    content = seal(payload, *(signer(name) for name in names)).to_bytes()
    theirs = TheirEnvelope.from_dict(json.loads(content))
    assert theirs.payload == payload and theirs.pae() == pae(PAYLOAD_TYPE, payload)
    keys = [their_key(name) for name in names]
    assert len(theirs.verify(keys, len(names))) == len(names)
    theirs.payload += b"x"
    with pytest.raises(VerificationError):
        theirs.verify(keys, 1)


@given(st.binary(max_size=300))
def test_their_envelopes_are_verified_by_us(payload: bytes) -> None:
    theirs = TheirEnvelope(payload, PAYLOAD_TYPE, {})
    theirs.sign(CryptoSigner(private_key("a"), their_key("a")))
    ours = parse_envelope(json.dumps(theirs.to_dict()).encode(), "theirs")
    assert ours.payload == payload and [one.key_id for one in ours.signatures] == [signer("a").key_id]
    assert signed_by(signer("a").public_key, ours.signatures[0].value, ours.signed)


def test_our_approval_is_a_statement_to_in_toto_and_theirs_to_us() -> None:
    payload = parse_envelope(signed("Li Na", "owner", comment="looks right 好"), "ours").payload
    message = json_format.Parse(payload, statement_pb2.Statement())
    TheirStatement.copy_from_pb(message).validate()
    assert message.predicate_type == APPROVAL and message.predicate["comment"] == "looks right 好"
    assert {one.name: one.digest["sha256"] for one in message.subject} == {
        one.name: one.sha256 for one in lock().subjects
    }
    theirs = TheirStatement(
        [ResourceDescriptor("a.csv", digest={"sha256": "0" * 64}).pb], RELEASE, {"report": "x"}
    )
    theirs.validate()
    ours = parse_statement(json_format.MessageToJson(theirs.pb).encode(), RELEASE, "theirs")
    assert ours == Statement((Subject("a.csv", "0" * 64),), RELEASE, ours.predicate)
    assert dict(ours.predicate) == {"report": "x"}


@given(
    st.binary(max_size=200),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.lists(
        st.tuples(st.text("0123456789abcdef", min_size=1), st.binary(min_size=64, max_size=64)),
        min_size=1,
        max_size=5,
    ),
)
def test_an_envelope_is_read_back_as_it_was(payload: bytes, kind: str, ones: list[tuple[str, bytes]]) -> None:
    envelope = Envelope(kind, payload, tuple(Signature(*one) for one in ones))
    assert parse_envelope(envelope.to_bytes(), "x") == envelope


def changed(**changes: Any) -> dict[str, Any]:
    data = json.loads(seal(b"{}", signer("a")).to_bytes())
    return {name: value for name, value in {**data, **changes}.items() if value is not None}


def one(**changes: Any) -> list[dict[str, Any]]:
    signature = json.loads(seal(b"{}", signer("a")).to_bytes())["signatures"][0]
    return [{name: value for name, value in {**signature, **changes}.items() if value is not None}]


@pytest.mark.parametrize(
    "data",
    [
        changed(more=1),
        changed(payload=None),
        changed(payload="e30"),  # no padding
        changed(payload="e31="),  # stray bits
        changed(payload="e30=\n"),
        changed(payload="-_8="),  # the other alphabet
        changed(payload=1),
        changed(payloadType=None),
        changed(payloadType=["x"]),
        changed(signatures=[]),
        changed(signatures={}),
        changed(signatures=one() * 101),
        changed(signatures=one(cert="x")),
        changed(signatures=one(keyid=None)),
        changed(signatures=one(keyid="")),
        changed(signatures=one(sig=base64.b64encode(bytes(63)).decode())),
        changed(signatures=["x"]),
        [],
        "text",
        None,
    ],
)
def test_what_is_no_envelope_to_the_letter_is_refused(data: Any) -> None:
    parse_envelope(json.dumps(changed()).encode(), "good")
    with pytest.raises(EnvelopeError, match="bad.json"):
        parse_envelope(json.dumps(data).encode(), "bad.json")


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1,"a":1}',
        b'{"a":NaN}',
        b"1.5",
        b"1e400",
        b"Infinity",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'"\\ud800"',
        b"",
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        strict_json(content)


@given(st.binary(max_size=60))
def test_base64_has_one_text(content: bytes) -> None:
    text = base64.b64encode(content).decode()
    assert strict_base64(text) == content
    for other in (text + "\n", text + "=", " " + text, text.rstrip("=") + "!"):
        with pytest.raises(ValueError):
            strict_base64(other)


def statement(**changes: Any) -> bytes:
    data: dict[str, Any] = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a", "digest": {"sha256": "0" * 64}}],
        "predicateType": APPROVAL,
        "predicate": {"role": "owner"},
    }
    return json.dumps({name: value for name, value in (data | changes).items() if value is not None}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        statement(_type="https://in-toto.io/Statement/v0.1"),
        statement(predicateType=RELEASE),
        statement(subject=[]),
        statement(subject=[{"name": "a", "digest": {"sha256": "0" * 64}}] * 2),
        statement(subject=[{"name": "a", "digest": {"sha512": "0" * 128}}]),
        statement(subject=[{"name": "a", "digest": {"sha256": "A" * 64}}]),
        statement(subject=[{"name": "", "digest": {"sha256": "0" * 64}}]),
        statement(subject=[{"name": "a"}]),
        statement(predicate={}),
        statement(predicate=None),
        statement(more="x"),
        b"[]",
        b"",
    ],
)
def test_what_is_no_such_statement_is_refused(payload: bytes) -> None:
    parse_statement(statement(), APPROVAL, "good")
    with pytest.raises(StatementError, match="bad"):
        parse_statement(payload, APPROVAL, "bad")
