"""Raising a cap needs the signatures of just this proposal; lowering one needs none. Each way to cheat has its own error."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dpinsights.amending import (
    amend_signed,
    lower_cap,
    propose,
    read_proposal,
    sign_proposal,
    signatures_folder,
    write_proposal,
)
from dpinsights.budget import cap_of, changes_of
from dpinsights.errors import LedgerError
from dpinsights.governance.approvals.amendment import (
    AMENDMENT,
    Proposal,
    amendment_approved,
    approve_amendment,
    parse_proposal,
)
from dpinsights.governance.approvals.envelope import parse_envelope, seal
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    ExpiredApprovalError,
    ExpiredKeyError,
    OtherAccountError,
    OtherAmendmentError,
    OtherPartnershipError,
    ProposalError,
    SameSignerError,
    SelfApprovalError,
    SignatureError,
    StatementError,
    TooFewSignaturesError,
    UnknownAuthorError,
    WrongRoleError,
)
from dpinsights.governance.approvals.raises import amendments_signed
from dpinsights.governance.approvals.statement import APPROVAL, Statement, parse_statement
from dpinsights.governance.chain import Entry, link
from dpinsights.governance.ledger.interface import Cap, Ledger, Period
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.model.names import FrozenMap
from dpinsights.model.release import CapChange
from dpinsights.model.trust import Role
from tests.governance.approvals.house import (
    AUTHOR,
    DAY,
    flipped,
    lock,
    signed,
    signer,
    terms,
    trust,
    trust_text,
)
from tests.governance.house import CONVERSION, DISCOVERY, PARTNERSHIP, POLICY, Clock

ENOUGH: tuple[tuple[str, Role], ...] = (
    ("Li Na", "owner"),
    ("Zhao Min", "owner"),
    ("Chen Jie", "compliance"),
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = SqliteLedger.create(
        tmp_path / "ledger.db",
        partnership=PARTNERSHIP,
        policy_name="gongyin-xiaobai",
        policy_digest=POLICY,
        conversion_delta=CONVERSION,
        discovery_delta=DISCOVERY,
        lifetime=cap_of(Decimal(4), CONVERSION),
        accounts={name: cap_of(Decimal(1), CONVERSION) for name in ("icbc", "jd", "exploration")},
        clock=Clock(),
    )
    yield made
    made.close()


def proposal(**changes: str) -> Proposal:
    before, after = cap_of(Decimal(1), CONVERSION), cap_of(Decimal(2), CONVERSION)
    fields = {
        "partnership": PARTNERSHIP, "policy": "gongyin-xiaobai", "account": "jd", "period": "", "before": "1",
        "before_rho": str(before.rho_units), "after": "2", "after_rho": str(after.rho_units),
        "conversion_delta": "0.0000000001", "number": "1", "author": AUTHOR, "reason": "two more quarters",
    }  # fmt: skip
    return Proposal(**(fields | changes))


def envelope(name: str, role: Role, of: Proposal | None = None, **changes: object) -> bytes:
    return approve_amendment(of or proposal(), terms(role, **changes), signer(name)).to_bytes()


def enough(of: Proposal | None = None, **changes: object) -> dict[str, bytes]:
    return {f"{name}.dsse.json": envelope(name, role, of, **changes) for name, role in ENOUGH}


def test_enough_signatures_raise_a_cap_and_the_ledger_keeps_them(ledger: Ledger, tmp_path: Path) -> None:
    made = propose(ledger, "jd", Decimal("2.0"), author=AUTHOR, reason="two more quarters")
    assert made == proposal()
    path = write_proposal(made, tmp_path / "amendment.json")
    assert read_proposal(path) == made and write_proposal(made, path) == path
    for name, role in ENOUGH:
        sign_proposal(path, signer(name), terms(role), made.digest)
    change, approved = amend_signed(ledger, path, trust(), DAY)
    assert change == CapChange(DAY, "jd", Decimal(1), Decimal(2), 3)
    assert sorted(approved.persons) == sorted(name for name, _ in ENOUGH) and not approved.set_aside
    assert ledger.amendments()[0].after == cap_of(Decimal(2), CONVERSION) and changes_of(ledger) == (change,)
    assert amendments_signed(ledger.entries(), trust()) == ()
    ledger.check()


def test_a_proposal_is_used_once(ledger: Ledger, tmp_path: Path) -> None:
    path = write_proposal(proposal(), tmp_path / "amendment.json")
    for name, role in ENOUGH:
        sign_proposal(path, signer(name), terms(role), proposal().digest)
    amend_signed(ledger, path, trust(), DAY)
    with pytest.raises(OtherAmendmentError, match="used already"):
        amend_signed(ledger, path, trust(), DAY)
    lower_cap(ledger, "jd", Decimal(1))  # the cap is as it was before, and yet the number is not
    with pytest.raises(OtherAmendmentError, match="used already"):
        amend_signed(ledger, path, trust(), DAY)
    assert len(ledger.amendments()) == 2


def test_a_proposal_of_another_ledger_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    for changed in ({"partnership": "f" * 16}, {"policy": "another"}):
        path = tmp_path / "-".join(changed)
        write_proposal(proposal(**changed), path)
        with pytest.raises(OtherPartnershipError, match="right --state"):
            amend_signed(ledger, path, trust(), DAY)


@pytest.mark.parametrize("absent", range(3))
def test_one_too_few_is_refused(ledger: Ledger, tmp_path: Path, absent: int) -> None:
    path = write_proposal(proposal(), tmp_path / "amendment.json")
    for at, (name, role) in enumerate(ENOUGH):
        if at != absent:
            sign_proposal(path, signer(name), terms(role), proposal().digest)
    with pytest.raises(TooFewSignaturesError, match="missing: "):
        amend_signed(ledger, path, trust(), DAY)
    assert not ledger.amendments()


def restated(**changes: str) -> bytes:
    """A well signed statement of Li Na's, whose predicate says something else than its subject."""
    said = parse_statement(parse_envelope(envelope("Li Na", "owner"), "x").payload, AMENDMENT, "x")
    return seal(
        Statement(said.subjects, AMENDMENT, {**said.predicate, **changes}).to_bytes(), signer("Li Na")
    ).to_bytes()


def tampered() -> bytes:
    data = json.loads(envelope("Li Na", "owner"))
    payload = base64.b64decode(data["payload"]).replace(b'"after":"2"', b'"after":"9"')
    return json.dumps(data | {"payload": base64.b64encode(payload).decode()}).encode()


def _instead(error: type[ApprovalError]) -> bytes:
    """What stands in the place of the owner of icbc's signature."""
    match error.__name__:
        case "SelfApprovalError":
            return envelope(AUTHOR, "compliance")
        case "WrongRoleError":
            return envelope("Li Na", "compliance")
        case "SameSignerError":
            return envelope("Zhao Min", "owner", comment="once more")
        case "ExpiredApprovalError":
            return envelope("Li Na", "owner", until=DAY)
        case "OtherPartnershipError":
            return envelope("Li Na", "owner", proposal(partnership="f" * 16))
        case "OtherAccountError":
            return envelope("Li Na", "owner", proposal(account="icbc"))
        case "OtherAmendmentError":
            return envelope("Li Na", "owner", proposal(number="2"))
        case "SignatureError":
            return tampered()
        case "StatementError":
            return signed("Li Na", "owner")  # an approval of a report
    raise AssertionError(error)


@pytest.mark.parametrize(
    "error",
    [
        SelfApprovalError, WrongRoleError, SameSignerError, ExpiredApprovalError, OtherPartnershipError,
        OtherAccountError, OtherAmendmentError, SignatureError, StatementError,
    ],
)  # fmt: skip
def test_each_signature_that_does_not_count_has_its_own_error(error: type[ApprovalError]) -> None:
    files = enough() | {"Li Na.dsse.json": _instead(error)}
    if error is SameSignerError:
        files["z.dsse.json"] = files.pop("Li Na.dsse.json")
    with pytest.raises(error, match="owner of icbc"):
        amendment_approved(proposal(), files, trust(), DAY)
    # And it stands in nobody's way.
    found = amendment_approved(proposal(), files | {"y.dsse.json": envelope("Li Na", "owner")}, trust(), DAY)
    assert len(found.persons) == 3 and len(found.set_aside) == 1


def test_any_field_that_differs_is_another_amendment() -> None:
    for changed in (
        {"reason": "none"},
        {"after": "3"},
        {"after_rho": "99999999999999"},
        {"number": "2"},
        {"period": "month"},
    ):
        files = enough(proposal(**changed))
        with pytest.raises(OtherAmendmentError, match=next(iter(changed))):
            amendment_approved(proposal(), files, trust(), DAY)


def test_a_statement_that_is_not_of_its_subject_is_refused() -> None:
    with pytest.raises(OtherAmendmentError, match="other bytes"):
        amendment_approved(proposal(reason="x"), {"a": restated(reason="x")}, trust(), DAY)
    with pytest.raises(StatementError, match="role one of"):
        amendment_approved(proposal(), {"a": restated(role="king")}, trust(), DAY)
    with pytest.raises(StatementError, match="written 2017-10-01"):
        amendment_approved(proposal(), {"a": restated(until="20180401")}, trust(), DAY)


def test_days_and_keys_are_held_to() -> None:
    late = trust(Li_Na={"until": date(2018, 1, 10)})
    with pytest.raises(ExpiredKeyError, match="Li Na"):
        amendment_approved(proposal(), enough(), late, DAY)
    with pytest.raises(OtherPartnershipError, match="trust file is of another"):
        amendment_approved(proposal(), enough(), trust(name="another"), DAY)
    with pytest.raises(UnknownAuthorError, match="Nobody"):
        amendment_approved(proposal(author="Nobody"), enough(proposal(author="Nobody")), trust(), DAY)
    with pytest.raises(WrongRoleError, match="operator"):
        approve_amendment(proposal(), terms("operator"), signer("Li Na"))


def test_an_approval_of_an_amendment_is_none_of_a_report() -> None:
    with pytest.raises(StatementError):
        parse_statement(parse_envelope(envelope("Li Na", "owner"), "x").payload, APPROVAL, "x")
    assert lock().partnership == PARTNERSHIP


def test_a_signature_that_would_not_count_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "trust.yaml").write_text(trust_text(), encoding="utf-8")
    path = write_proposal(proposal(), tmp_path / "amendment.json")
    with pytest.raises(WrongRoleError):
        sign_proposal(path, signer("Li Na"), terms("compliance"), proposal().digest)
    with pytest.raises(SelfApprovalError):
        sign_proposal(path, signer(AUTHOR), terms("compliance"), proposal().digest)
    with pytest.raises(ProposalError, match="changed while it was shown"):
        sign_proposal(path, signer("Li Na"), terms("owner"), "0" * 64)
    assert not signatures_folder(proposal(), path).exists()
    assert sign_proposal(path, signer("Li Na"), terms("owner"), proposal().digest).exists()


def test_units_beyond_the_epsilon_are_neither_signed_nor_spent(ledger: Ledger, tmp_path: Path) -> None:
    sly = proposal(after_rho=str(10 * cap_of(Decimal(2), CONVERSION).rho_units))
    path = write_proposal(sly, tmp_path / "amendment.json")
    with pytest.raises(ProposalError, match="ledger units are more"):
        sign_proposal(path, signer("Li Na"), terms("owner"), sly.digest)
    with pytest.raises(ProposalError, match="ledger units are more"):
        amend_signed(ledger, path, trust(), DAY)


def test_any_flipped_byte_of_a_proposal_or_signature_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    path = write_proposal(proposal(), tmp_path / "amendment.json")
    kept = [sign_proposal(path, signer(name), terms(role), proposal().digest) for name, role in ENOUGH]
    for at, changed in flipped(proposal().content, range(0, len(proposal().content), 3)):
        path.write_bytes(changed)
        with pytest.raises(ApprovalError):
            amend_signed(ledger, path, trust(), DAY)
        assert not ledger.amendments(), at
    path.write_bytes(proposal().content)
    sound = kept[0].read_bytes()
    for at, changed in flipped(sound, range(0, len(sound), 17)):
        kept[0].write_bytes(changed)
        with pytest.raises(ApprovalError):
            amend_signed(ledger, path, trust(), DAY)
        assert not ledger.amendments(), at
    kept[0].write_bytes(sound)
    assert amend_signed(ledger, path, trust(), DAY)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"after": "1"}, "no signatures"),
        ({"after_rho": "1"}, "no signatures"),
        ({"reason": " "}, "says why"),
        ({"reason": "x" * 401}, "says why"),
        ({"reason": "a\u202eb"}, "says why"),
        ({"author": ""}, "who proposes"),
        ({"number": "0"}, "number is 1 or more"),
        ({"after_rho": "1.5"}, "ledger units"),
        ({"after": "two"}, "decimal number"),
        ({"after": "2.0"}, "as dpinsights writes them"),
        ({"conversion_delta": "2"}, "as dpinsights writes them"),
        ({"account": ""}, "names an account"),
        ({"period": "week"}, "a period is a month"),
    ],
)
def test_what_is_no_proposal_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ProposalError, match=message):
        proposal(**changes)


def test_a_proposal_has_one_way_of_being_written() -> None:
    content = proposal().content
    assert parse_proposal(content, "x") == proposal()
    for changed in (
        content + b"\n",
        content.replace(b'"1"', b"1"),
        content.replace(b'"amendment"', b'"lock"'),
        b"[]",
    ):
        with pytest.raises(ProposalError, match="dpinsights budget propose"):
            parse_proposal(changed, "x")


def test_lowering_needs_no_signatures_and_raising_says_how(ledger: Ledger, tmp_path: Path) -> None:
    change = lower_cap(ledger, "jd", Decimal("0.5"))
    assert change == CapChange(DAY, "jd", Decimal(1), Decimal("0.5"))
    assert amendments_signed(ledger.entries(), trust()) == ()
    with pytest.raises(LedgerError, match="dpinsights budget propose jd 0.75 --reason"):
        lower_cap(ledger, "jd", Decimal("0.75"))
    with pytest.raises(LedgerError, match="no account nobody"):
        lower_cap(ledger, "nobody", Decimal(1))
    with pytest.raises(LedgerError, match="more than 0"):
        lower_cap(ledger, "jd", Decimal(0))
    with pytest.raises(ProposalError, match="no signatures"):
        propose(ledger, "jd", Decimal("0.5"), author=AUTHOR, reason="less")
    made = propose(ledger, "jd", Decimal("0.75"), author=AUTHOR, reason="more")
    assert (made.before, made.number) == ("0.5", "2")
    write_proposal(made, tmp_path / "amendment.json")
    with pytest.raises(ProposalError, match="there already"):
        write_proposal(replace(made, reason="other"), tmp_path / "amendment.json")


def test_the_cap_of_each_period_is_raised_and_lowered_alike(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no periods: leave out --period"):
        lower_cap(ledger, "jd", Decimal("0.5"), period=True)
    reserve = FrozenMap({"quarterly": cap_of(Decimal("0.25"), CONVERSION)})
    ledger.set_period("jd", Period("quarter", cap_of(Decimal("0.5"), CONVERSION), reserve))
    with pytest.raises(LedgerError, match="propose jd 0.75 --period --reason"):
        lower_cap(ledger, "jd", Decimal("0.75"), period=True)
    made = propose(ledger, "jd", Decimal("0.75"), author=AUTHOR, reason="a busy year", period=True)
    assert (made.period, made.before, made.after, made.number) == ("quarter", "0.5", "0.75", "2")
    assert list(made.lines())[1].startswith("jd, each quarter: from epsilon 0.5 to epsilon 0.75")
    path = write_proposal(made, tmp_path / "amendment.json")
    for name, role in ENOUGH:
        sign_proposal(path, signer(name), terms(role), made.digest)
    change, _ = amend_signed(ledger, path, trust(), DAY)
    assert change == CapChange(DAY, "jd", Decimal("0.5"), Decimal("0.75"), 3, "quarter")
    assert ledger.periods()["jd"] == Period("quarter", cap_of(Decimal("0.75"), CONVERSION), reserve)
    lowered = lower_cap(ledger, "jd", Decimal("0.6"), period=True)
    assert lowered == CapChange(DAY, "jd", Decimal("0.75"), Decimal("0.6"), period="quarter")
    assert {balance.account: balance.cap_epsilon for balance in ledger.balances()}["jd"] == "1"
    assert amendments_signed(ledger.entries(), trust()) == ()
    assert [str(one) for one in changes_of(ledger)] == [
        "2018-01-15: jd, each quarter, none -> 0.5",
        "2018-01-15: jd, each quarter, 0.5 -> 0.75, signed by 3 persons",
        "2018-01-15: jd, each quarter, 0.75 -> 0.6",
    ]
    # A signature for a period is none for the cap for ever.
    again = write_proposal(replace(made, period="", number="4"), tmp_path / "other.json")
    with pytest.raises(OtherAmendmentError, match="propose it again"):
        amend_signed(ledger, again, trust(), DAY)


def test_a_change_is_made_in_its_turn_or_not_at_all(ledger: Ledger) -> None:
    lower_cap(ledger, "jd", Decimal("0.9"))
    with pytest.raises(LedgerError, match="change 2 of the caps, and 1 was meant"):
        ledger.amend("icbc", cap_of(Decimal("0.9"), CONVERSION), number=1)
    with pytest.raises(LedgerError, match="change 2 of the caps, and 3 was meant"):
        ledger.set_period("icbc", Period("year", cap_of(Decimal("0.9"), CONVERSION)), number=3)
    assert len(changes_of(ledger)) == 1


# What a reader finds in the chain


def chain(*bodies: tuple[str, dict[str, object]]) -> list[Entry]:
    found: list[Entry] = []
    for kind, body in (("opened", {"partnership": PARTNERSHIP, "day": date(2018, 1, 1)}), *bodies):
        found.append(link(found[-1] if found else None, kind, body))
    return found


def amended(of: Proposal, envelopes: dict[str, bytes], **changes: object) -> tuple[str, dict[str, object]]:
    body: dict[str, object] = {
        "account": of.account,
        "before": {"cap_rho": of.before_rho, "cap_epsilon": of.before},
        "after": {"cap_rho": of.after_rho, "cap_epsilon": of.after},
        "envelopes": [one.decode() for one in envelopes.values()],
        "day": DAY,
    }
    return "amended", body | changes


def test_a_chain_of_signed_raises_is_sound() -> None:
    second = proposal(
        number="3", before="2", before_rho=proposal().after_rho, after="3", after_rho="99999999999999"
    )
    lowered = amended(proposal(), {}, after={"cap_rho": "1", "cap_epsilon": "0.1"})
    entries = chain(amended(proposal(), enough()), lowered, amended(second, enough(second)))
    assert amendments_signed(entries, trust()) == ()


def _why(*bodies: tuple[str, dict[str, object]]) -> str:
    (found,) = amendments_signed(chain(*bodies), trust())
    assert (found.seq, found.account) == (len(bodies) + 1, bodies[-1][1]["account"])
    return found.why


def test_a_raise_without_enough_signatures_is_found() -> None:
    assert "nobody signed it" in _why(amended(proposal(), {}))
    few = dict(list(enough().items())[:2])
    assert "missing: compliance (0 of 1)" in _why(amended(proposal(), few))
    late = amended(proposal(), enough(), day=DAY + timedelta(days=90))
    assert "counts from" in _why(late)
    assert "no DSSE envelope" in _why(amended(proposal(), {"a": b"{}"}))


def test_signatures_of_something_else_do_not_serve_a_raise() -> None:
    more = {"cap_rho": "99999999999999", "cap_epsilon": "2"}
    assert "has after_rho '99999999999999'" in _why(amended(proposal(), enough(), after=more))
    assert "has account 'icbc'" in _why(amended(proposal(), enough(), account="icbc"))
    lowered = amended(proposal(), {}, after={"cap_rho": "1", "cap_epsilon": "0.1"})
    assert "has number '2'" in _why(lowered, amended(proposal(), enough()))
    other = proposal(partnership="f" * 16)
    assert "has partnership" in _why(amended(other, enough(other)))
    assert "states something else" in _why(amended(proposal(), {"a": signed("Li Na", "owner")}))


def test_a_signature_of_something_else_does_not_stand_in_the_way() -> None:
    strange = {"a": envelope("Sun Wei", "owner", proposal(reason="another"))}
    assert amendments_signed(chain(amended(proposal(), strange | enough())), trust()) == ()


def period_set(
    before: tuple[str, str] | None, after: tuple[str, str] | None, envelopes: dict[str, bytes] | None = None
) -> tuple[str, dict[str, object]]:
    """A change of jd's period, each as its length and its units; the units name the epsilon too."""
    caps = [
        one and {"every": one[0], "cap_rho": one[1], "cap_epsilon": one[1], "reserve": []}
        for one in (before, after)
    ]
    texts = [one.decode() for one in (envelopes or {}).values()]
    return "period-set", {
        "account": "jd",
        "before": caps[0],
        "after": caps[1],
        "envelopes": texts,
        "day": DAY,
    }


def test_periods_may_be_given_and_lowered_unsigned_and_only_raised_by_signatures() -> None:
    first, lower = period_set(None, ("month", "9")), period_set(("month", "9"), ("month", "5"))
    assert amendments_signed(chain(first, lower), trust()) == ()
    assert "nobody signed it" in _why(first, period_set(("month", "9"), ("month", "10")))
    for after in (None, ("year", "5")):
        assert "nobody can sign for" in _why(first, period_set(("month", "9"), after))
    raised = proposal(period="month", before="9", before_rho="9", after="10", after_rho="10", number="2")
    signed_set = period_set(("month", "9"), ("month", "10"), enough(raised))
    assert amendments_signed(chain(first, signed_set), trust()) == ()
    assert "has period 'month'" in _why(
        first, period_set(("month", "9"), ("month", "10"), enough(replace(raised, period="")))
    )


def test_a_ledger_s_own_raise_that_was_not_signed_is_found(ledger: Ledger) -> None:
    ledger.amend("jd", Cap(cap_of(Decimal(2), CONVERSION).rho_units, "2"))
    (found,) = amendments_signed(ledger.entries(), trust())
    assert found.account == "jd"


def test_who_may_be_the_author_signs_only_beside_the_one_who_is_named() -> None:
    both = trust(Sun_Wei={"roles": ("author", "compliance")})
    persons: tuple[tuple[str, Role], ...] = (("Li Na", "owner"), ("Zhao Min", "owner"), ("Sun Wei", "compliance"))
    three = {f"{name}.dsse.json": envelope(name, role) for name, role in persons}
    with pytest.raises(SelfApprovalError, match="Sun Wei may be an author too"):
        amendment_approved(proposal(), three, both, DAY)
