"""When a lock is approved, and every reason why a signature doesn't count, each with an error of its own."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.governance.approvals.approval import approve, approved
from dpinsights.governance.approvals.envelope import parse_envelope, seal
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    EnvelopeError,
    ExpiredApprovalError,
    ExpiredKeyError,
    OtherAccountError,
    OtherLockError,
    OtherPartnershipError,
    OtherReportError,
    PayloadTypeError,
    SameSignerError,
    SelfApprovalError,
    SignatureError,
    StatementError,
    TooFewSignaturesError,
    UnknownAuthorError,
    UnknownKeyError,
    UsedUpError,
    WrongRoleError,
)
from dpinsights.governance.approvals.lock import Lock
from dpinsights.governance.approvals.statement import APPROVAL, RELEASE, Statement, parse_statement
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.trust import Role
from tests.governance.approvals.house import (
    AUTHOR,
    DAY,
    PERSONS,
    enough,
    files,
    flipped,
    lock,
    signed,
    signer,
    terms,
    trust,
)


def other_lock(**changes: Any) -> Lock:
    """A lock with some fields of its report or plan changed."""
    data = json.loads(lock().content)
    for path, value in changes.items():
        room, field = path.split("__")
        data[room][field] = value
    return Lock(canonical_bytes(data))


def test_each_owner_and_compliance_are_enough() -> None:
    found = approved(lock(), files(*enough()), trust(), DAY)
    assert [one.owner for one in found.approvals] == ["Li Na", "Zhao Min", "Chen Jie"]
    assert found.lock_digest == lock().digest and not found.set_aside
    assert (found.until, found.max_runs) == (date(2018, 4, 1), 2)
    assert found == approved(lock(), files(*enough()), trust(), DAY)


def test_the_earliest_end_and_the_fewest_runs_are_in_force() -> None:
    three = [
        signed("Li Na", "owner", until=date(2018, 2, 1)),
        signed("Zhao Min", "owner", max_runs=7),
        signed("Chen Jie", "compliance", max_runs=1),
    ]
    found = approved(lock(), files(*three), trust(), DAY)
    assert (found.until, found.max_runs) == (date(2018, 2, 1), 1)
    assert found.digest != approved(lock(), files(*enough()), trust(), DAY).digest


@pytest.mark.parametrize("absent", range(3))
def test_one_too_few_is_refused_and_named(absent: int) -> None:
    some = [one for number, one in enumerate(enough()) if number != absent]
    with pytest.raises(TooFewSignaturesError) as caught:
        approved(lock(), files(*some), trust(), DAY)
    assert ("owner of icbc (0 of 1)", "owner of jd (0 of 1)", "compliance (0 of 1)")[absent] in str(
        caught.value
    )


def test_none_at_all_is_refused() -> None:
    with pytest.raises(TooFewSignaturesError, match="compliance .0 of 1., owner of icbc"):
        approved(lock(), {}, trust(), DAY)


def test_k_of_n_within_a_role() -> None:
    two = trust(threshold={"owner": {"each_party": 1}, "compliance": {"in_all": 2}})
    with pytest.raises(TooFewSignaturesError, match="compliance .1 of 2"):
        approved(lock(), files(*enough()), two, DAY)
    assert approved(lock(), files(*enough(), signed("Sun Wei", "compliance")), two, DAY)
    author = trust(
        threshold={"author": {"in_all": 1}, "owner": {"each_party": 1}, "compliance": {"in_all": 1}}
    )
    with pytest.raises(TooFewSignaturesError, match="author .0 of 1"):
        approved(lock(), files(*enough()), author, DAY)
    assert approved(lock(), files(*enough(), signed(AUTHOR, "author")), author, DAY)


def swapped_type(content: bytes) -> bytes:
    data = json.loads(content)
    return json.dumps(data | {"payloadType": "application/json"}).encode()


def tampered(content: bytes) -> bytes:
    data = json.loads(content)
    payload = base64.b64decode(data["payload"]).replace(b'"max_runs":"2"', b'"max_runs":"9"')
    return json.dumps(data | {"payload": base64.b64encode(payload).decode()}).encode()


def restated(predicate_type: str = APPROVAL, **changes: Any) -> bytes:
    """A well signed statement that says something else."""
    said = parse_statement(parse_envelope(signed("Li Na", "owner"), "x").payload, APPROVAL, "x")
    predicate = {name: value for name, value in {**said.predicate, **changes}.items() if value is not None}
    return seal(Statement(said.subjects, predicate_type, predicate).to_bytes(), signer("Li Na")).to_bytes()


def owner_of_icbc(error: type[ApprovalError]) -> bytes:
    """A signature in the place of the owner of icbc's, that is refused with an error."""
    match error.__name__:
        case "SelfApprovalError":
            return signed(AUTHOR, "compliance")
        case "ExpiredApprovalError":
            return signed("Li Na", "owner", until=DAY)
        case "WrongRoleError":
            return signed("Li Na", "compliance")
        case "SameSignerError":
            return signed("Zhao Min", "owner", comment="once more")
        case "UnknownKeyError":
            return approve(lock(), terms("owner"), signer("nobody")).to_bytes()
        case "PayloadTypeError":
            return swapped_type(signed("Li Na", "owner"))
        case "SignatureError":
            return tampered(signed("Li Na", "owner"))
        case "OtherLockError":
            return signed("Li Na", "owner", of=other_lock(plan__rho_units="1"))
        case "OtherAccountError":
            return signed("Li Na", "owner", of=other_lock(report__account="icbc"))
        case "OtherPartnershipError":
            return signed("Li Na", "owner", of=other_lock(plan__partnership="0" * 16))
        case "OtherReportError":
            return signed("Li Na", "owner", of=other_lock(report__audience="icbc"))
        case "EnvelopeError":
            return b"{}"
        case "UsedUpError":
            return signed("Li Na", "owner", max_runs=1)
        case "StatementError":
            return restated(RELEASE)
    raise AssertionError(error)


REFUSALS = [
    SelfApprovalError, ExpiredApprovalError, WrongRoleError, SameSignerError, UnknownKeyError, PayloadTypeError, SignatureError,
    OtherLockError, OtherAccountError, OtherPartnershipError, OtherReportError, EnvelopeError, UsedUpError, StatementError,
]  # fmt: skip


@pytest.mark.parametrize("error", REFUSALS)
def test_a_signature_that_does_not_count_is_refused_with_its_own_error(error: type[ApprovalError]) -> None:
    three = files(*enough())
    three["9.dsse.json"] = owner_of_icbc(error)
    # Among enough others it is set aside, and stands in nobody's way.
    found = approved(lock(), three, trust(), DAY, runs=1)
    assert len(found.set_aside) == 1 and "9.dsse.json" in found.set_aside[0]
    del three["0.dsse.json"]
    with pytest.raises(ApprovalError) as caught:
        approved(lock(), three, trust(), DAY, runs=1)
    assert type(caught.value) is error
    assert "9.dsse.json" in str(caught.value) and "owner of icbc (0 of 1)" in str(caught.value)


@pytest.mark.parametrize(
    ("day", "fields"),
    [
        (DAY, {"until": DAY}),
        (DAY, {"from": DAY + timedelta(days=1)}),
        (DAY, {"from": date(2018, 1, 9)}),  # after the day that the signature bears
        (date(2018, 3, 31), {"until": date(2018, 3, 31)}),
    ],
)
def test_a_key_counts_on_the_days_of_signature_and_use(day: date, fields: dict[str, date]) -> None:
    with pytest.raises(ExpiredKeyError, match="Li Na"):
        approved(lock(), files(*enough()), trust(Li_Na=fields), day)


def test_days_are_half_open() -> None:
    for day in (date(2018, 1, 8), date(2018, 3, 31)):
        assert approved(lock(), files(*enough()), trust(Li_Na={"until": date(2018, 4, 1)}), day)
    for day in (date(2018, 1, 7), date(2018, 4, 1)):
        with pytest.raises(ExpiredApprovalError):
            approved(lock(), files(*enough()), trust(), day)


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "boss"}, {"role": None}, {"more": "x"}, {"max_runs": "0"}, {"max_runs": "-1"}, {"max_runs": "1.5"},
        {"until": "20180401"}, {"until": "soon"}, {"signed_on": ["2018-01-01"]}, {"comment": "x" * 401},
    ],
)  # fmt: skip
def test_an_approval_that_says_something_else_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StatementError):
        approved(lock(), files(restated(**changes), *enough()[1:]), trust(), DAY)


def test_the_trust_file_must_be_of_this_partnership_and_know_the_author() -> None:
    with pytest.raises(OtherPartnershipError):
        approved(lock(), files(*enough()), trust(name="abc-baidu"), DAY)
    with pytest.raises(UnknownAuthorError, match="Wang Fang"):
        approved(lock(), files(*enough()), trust(Wang_Fang={"roles": ("compliance",)}), DAY)


def test_only_the_lock_author_signs_as_author() -> None:
    both = trust(
        Sun_Wei={"roles": ("author",)},
        threshold={"author": {"in_all": 1}, "owner": {"each_party": 1}, "compliance": {"in_all": 1}},
    )
    with pytest.raises(WrongRoleError, match="the author, who is Wang Fang"):
        approved(lock(), files(*enough(), signed("Sun Wei", "author")), both, DAY)


def test_a_person_with_two_keys_or_two_roles_counts_once() -> None:
    two_keys = trust(Sun_Wei={"owner": "Chen Jie", "roles": ("owner", "compliance")})
    some = [signed("Li Na", "owner"), signed("Chen Jie", "compliance"), signed("Sun Wei", "owner")]
    with pytest.raises(SameSignerError, match="Chen Jie has signed already"):
        approved(lock(), files(*some), two_keys, DAY)
    some = [signed("Li Na", "owner"), signed("Sun Wei", "owner"), signed("Sun Wei", "compliance")]
    with pytest.raises(SameSignerError):
        approved(lock(), files(*some), trust(), DAY)


def test_several_signatures_in_one_file_are_counted_one_by_one() -> None:
    owners = approve(lock(), terms("owner"), signer("Li Na"), signer("Zhao Min"), signer("Li Na"))
    assert len(owners.signatures) == 2
    found = approved(lock(), files(owners.to_bytes(), enough()[2]), trust(), DAY)
    assert [one.owner for one in found.approvals] == ["Li Na", "Zhao Min", "Chen Jie"]
    twice = replace(owners, signatures=owners.signatures[:1] * 2)
    with pytest.raises(SameSignerError):
        approved(lock(), files(twice.to_bytes(), enough()[2]), trust(), DAY)


def test_a_signature_moved_to_another_name_is_refused() -> None:
    mine = parse_envelope(enough()[0], "x")
    stolen = replace(mine, signatures=(replace(mine.signatures[0], key_id=signer("Zhao Min").key_id),))
    with pytest.raises(SignatureError, match="Zhao Min"):
        approved(lock(), files(enough()[0], stolen.to_bytes(), enough()[2]), trust(), DAY)


def test_every_byte_of_an_approval_counts() -> None:
    content = enough()[0]
    for place, changed in flipped(content, range(len(content))):
        with pytest.raises(ApprovalError):
            approved(lock(), files(changed, *enough()[1:]), trust(), DAY)
            pytest.fail(f"byte {place}")


CHOICES = st.lists(
    st.tuples(st.sampled_from(sorted(PERSONS)), st.sampled_from(["author", "owner", "compliance"])),
    max_size=7,
)


@given(CHOICES)
def test_approved_exactly_if_a_plain_count_says_so(choices: list[tuple[str, Role]]) -> None:
    model: dict[str, Role] = {}
    for name, role in choices:
        if role in PERSONS[name][0] and (name == AUTHOR) == (role == "author"):
            model.setdefault(name, role)
    parties = {PERSONS[name][1] for name, role in model.items() if role == "owner"}
    expected = {"icbc", "jd"} <= parties and "compliance" in model.values()
    try:
        found = approved(lock(), files(*(signed(*one) for one in choices)), trust(), DAY)
    except ApprovalError:
        assert not expected
    else:
        assert expected and {one.owner: one.terms.role for one in found.approvals} == model


@pytest.mark.parametrize(
    "said", [{"until": date(2018, 1, 8)}, {"max_runs": 0}, {"comment": "x" * 401}, {"comment": "a\u202eb"}]
)
def test_terms_that_allow_nothing_are_not_signed(said: dict[str, Any]) -> None:
    with pytest.raises(ApprovalError):
        signed("Li Na", "owner", **said)


def test_who_may_write_reports_approves_only_beside_the_author() -> None:
    """Else whoever has both roles could lock a report of their own in another author's name, and approve it."""
    both = trust(Sun_Wei={"roles": ("author", "compliance")})
    three = [signed("Li Na", "owner"), signed("Zhao Min", "owner"), signed("Sun Wei", "compliance")]
    with pytest.raises(SelfApprovalError, match="Sun Wei may be an author too"):
        approved(lock(), files(*three), both, DAY)
    found = approved(lock(), files(*three, signed(AUTHOR, "author")), both, DAY)
    assert {one.owner for one in found.approvals} == {"Li Na", "Zhao Min", "Sun Wei", AUTHOR}
