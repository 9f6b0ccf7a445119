"""Receipts: what they say is read back, and each way in which one can be wrong has its own error."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as TheirStatement
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import SSlibKey

from dpinsights.governance.approvals.approval import approved
from dpinsights.governance.approvals.envelope import parse_envelope, seal
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    EnvelopeError,
    ExpiredKeyError,
    PayloadTypeError,
    SignatureError,
    StatementError,
    TooFewSignaturesError,
    UnknownKeyError,
    WrongRoleError,
)
from dpinsights.governance.approvals.receipt import (
    FILE,
    ReceiptFacts,
    Total,
    differing,
    facts_of,
    read_receipt,
    receipt_bytes,
)
from dpinsights.governance.approvals.statement import RELEASE
from dpinsights.model.names import FrozenMap
from dpinsights.model.release import Spending
from dpinsights.model.trust import Trust
from tests.governance.approvals.house import (
    DAY,
    enough,
    files,
    flipped,
    lock,
    private_key,
    signed,
    signer,
    terms,
    trust,
)
from tests.reporting.releases import approved as approved_release

OPERATOR = "Xu Lei"
BUNDLE = {
    "release.json": b"{}\n",
    "report.en.html": b"<p>1</p>",
    "tables/a.csv": b"key,value\n",
    "x.pdf": b"\0\xff",
}


def with_operator(**changes: Any) -> Trust:
    """The trust file with an operator in it."""
    one = signer(OPERATOR)
    key = {
        "id": one.key_id,
        "owner": OPERATOR,
        "roles": ("operator",),
        "public_key": base64.b64encode(one.public_key).decode(),
        "from": date(2017, 1, 1),
        "until": date(2019, 1, 1),
    }
    data = trust().model_dump(by_alias=True)
    return Trust.model_validate(data | {"keys": (*data["keys"], key | changes)})


TRUST = with_operator()


def facts(**changes: Any) -> ReceiptFacts:
    """What the quarterly report's receipt says."""
    said = facts_of(
        replace(approved_release(), released_on=DAY),
        run="0123456789abcdef-1",
        seq=9,
        hash="ab" * 32,
        lock="cd" * 32,
        approval="ef" * 32,
        python="3.13.1",
    )
    return replace(said, **changes)


def receipt(by: str = OPERATOR, **changes: Any) -> bytes:
    """A receipt of the bundle."""
    return receipt_bytes(facts(**changes), BUNDLE, signer(by))


def restated(change: Callable[[dict[str, Any]], object]) -> bytes:
    """A receipt whose statement was changed and signed again by the operator."""
    data = json.loads(parse_envelope(receipt(), FILE).payload)
    change(data)
    return seal(json.dumps(data).encode(), signer(OPERATOR)).to_bytes()


def test_a_receipt_is_read_back_as_it_was_written() -> None:
    found = read_receipt(receipt(), TRUST)
    assert found.facts == facts() and found.signed_by == OPERATOR and found.key_id == signer(OPERATOR).key_id
    assert set(found.files) == set(BUNDLE) and list(found.files) == sorted(BUNDLE)
    assert (
        found.facts.versions["python"] == "3.13.1" and found.facts.cost == approved_release().statement.report
    )
    assert receipt() == receipt()


_spending = st.builds(
    Spending,
    st.integers(0, 10**20),
    st.decimals(0, 1000, places=4),
    st.integers(0, 10**18),
)


@given(_spending, _spending, st.integers(1, 10**6), st.sampled_from(["", "0" * 64]))
def test_every_fact_survives(cost: Spending, cap: Spending, number: int, digest: str) -> None:
    said = facts(
        cost=cost, lifetime_total=Total(cost, cap), version=number, seq=number, lock=digest, approval=digest
    )
    assert read_receipt(receipt_bytes(said, BUNDLE, signer(OPERATOR)), TRUST).facts == said


def test_a_receipt_is_a_statement_that_others_read_and_verify() -> None:
    theirs = TheirEnvelope.from_dict(json.loads(receipt()))
    public = private_key(OPERATOR).public_key()
    key = SSlibKey.from_crypto(public, keyid=signer(OPERATOR).key_id)
    assert theirs.verify([key], 1)
    parsed = json_format.Parse(theirs.payload, statement_pb2.Statement())
    TheirStatement.copy_from_pb(parsed).validate()


@pytest.mark.parametrize(
    ("content", "trusted", "error"),
    [
        (receipt("Mallory"), TRUST, UnknownKeyError),
        (receipt(), trust(), UnknownKeyError),
        (receipt("Chen Jie"), TRUST, WrongRoleError),
        (receipt(), with_operator(roles=("compliance",)), WrongRoleError),
        (receipt(released_on=date(2019, 1, 1)), TRUST, ExpiredKeyError),
        (receipt(released_on=date(2016, 12, 31)), TRUST, ExpiredKeyError),
        (signed("Li Na", "owner"), TRUST, StatementError),
        (b"{}", TRUST, EnvelopeError),
    ],
    ids=["unknown", "not-in-trust", "no-operator", "role-taken", "after", "before", "an-approval", "nothing"],
)
def test_a_receipt_that_does_not_count_is_refused(
    content: bytes, trusted: Trust, error: type[ApprovalError]
) -> None:
    with pytest.raises(error):
        read_receipt(content, trusted)


@pytest.mark.parametrize("day", [date(2017, 1, 1), date(2018, 12, 31)])
def test_a_key_counts_from_its_first_day_to_its_last(day: date) -> None:
    assert read_receipt(receipt(released_on=day), TRUST).facts.released_on == day


def test_an_altered_byte_is_refused_everywhere() -> None:
    content = receipt()
    for place, changed in flipped(content, range(0, len(content), 7)):
        with pytest.raises(ApprovalError):
            pytest.fail(f"byte {place}: {read_receipt(changed, TRUST)}")


def test_another_type_of_payload_is_refused() -> None:
    data = json.loads(receipt())
    data["payloadType"] = "application/json"
    with pytest.raises(PayloadTypeError):
        read_receipt(json.dumps(data).encode(), TRUST)


def test_an_altered_statement_is_refused() -> None:
    data = json.loads(receipt())
    payload = base64.b64decode(data["payload"]).replace(b'"seq":"9"', b'"seq":"8"')
    with pytest.raises(SignatureError, match="altered"):
        read_receipt(json.dumps(data | {"payload": base64.b64encode(payload).decode()}).encode(), TRUST)


def test_two_signatures_are_refused() -> None:
    payload = parse_envelope(receipt(), FILE).payload
    with pytest.raises(StatementError, match="one signature"):
        read_receipt(seal(payload, signer(OPERATOR), signer("Chen Jie")).to_bytes(), TRUST)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["predicate"].update(more="x"),
        lambda data: data["predicate"].pop("origin"),
        lambda data: data["predicate"].update(version=1),
        lambda data: data["predicate"].update(version="01"),
        lambda data: data["predicate"].update(report="x" * 201),
        lambda data: data["predicate"].update(released_on="20180115"),
        lambda data: data["predicate"].update(released_on="2018-13-01"),
        lambda data: data["predicate"].update(lock="abc"),
        lambda data: data["predicate"]["ledger"].update(hash=""),
        lambda data: data["predicate"]["ledger"].update(seq="-1"),
        lambda data: data["predicate"]["cost"].update(epsilon="1.50"),
        lambda data: data["predicate"]["cost"].update(epsilon="-1"),
        lambda data: data["predicate"]["cost"].update(epsilon="NaN"),
        lambda data: data["predicate"]["account_total"].pop("cap"),
        lambda data: data["predicate"].update(versions={}),
        lambda data: data["predicate"].update(versions={"dpinsights": 1}),
        lambda data: data["subject"].reverse(),
        lambda data: data["subject"][0].update(name="../release.json"),
        lambda data: data["subject"][0].update(name="/etc/passwd"),
        lambda data: data["subject"].append({"name": "receipt.dsse.json", "digest": {"sha256": "0" * 64}}),
        lambda data: data.update(predicateType="urn:dpinsights:approval:1"),
    ],
)
def test_what_is_no_receipt_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(StatementError):
        read_receipt(restated(change), TRUST)


def test_an_operator_can_sign_what_was_not_changed_again() -> None:
    assert read_receipt(restated(lambda data: None), TRUST).facts == facts()
    assert json.loads(parse_envelope(receipt(), FILE).payload)["predicateType"] == RELEASE


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", "A.html", "", "receipt.dsse.json", "a/b/c/d", "."])
def test_a_receipt_is_about_files_of_its_folder(name: str) -> None:
    with pytest.raises(ApprovalError, match="other files"):
        receipt_bytes(facts(), {name: b""}, signer(OPERATOR))


def test_what_two_receipts_say_differently_is_named() -> None:
    cheaper = replace(facts().cost, epsilon=Decimal("0.1"))
    assert list(differing(facts(), facts(cost=cheaper, seq=10))) == ["seq", "cost"]
    assert not list(differing(facts(), facts(versions=FrozenMap(facts().versions))))


def test_an_operator_approves_nothing() -> None:
    with pytest.raises(WrongRoleError, match="receipts"):
        signed(OPERATOR, "operator")
    everything = with_operator(roles=("operator", "owner"), party="jd")
    assert approved(lock(), files(*enough(), signed(OPERATOR, "owner")), everything, DAY)
    with pytest.raises(WrongRoleError):
        approved(lock(), files(*enough()[:2], _as_operator()), everything, DAY)
    with pytest.raises(TooFewSignaturesError):
        approved(lock(), files(*enough()[:2]), everything, DAY)


def _as_operator() -> bytes:
    """An approval that says it is an operator's, signed as no release of ours would sign it."""
    data = json.loads(parse_envelope(signed(OPERATOR, "owner"), FILE).payload)
    data["predicate"]["role"] = terms("operator").role
    return seal(json.dumps(data).encode(), signer(OPERATOR)).to_bytes()
