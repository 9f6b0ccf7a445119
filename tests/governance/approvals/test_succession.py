"""A new trust file is signed under the old one's threshold."""

from __future__ import annotations

from datetime import date

import pytest

from dpinsights.governance.approvals.errors import (
    ApprovalError,
    EnvelopeError,
    ExpiredKeyError,
    OtherLockError,
    OtherPartnershipError,
    SameSignerError,
    StatementError,
    TooFewSignaturesError,
    UnknownKeyError,
    WrongRoleError,
)
from dpinsights.governance.approvals.succession import check_successor, sign_successor
from dpinsights.model.trust import Role
from tests.governance.approvals.house import DAY, enough, files, flipped, signer, trust

OLD = trust()
NEW = trust(version=2, Li_Na={"until": date(2020, 1, 1)})
CONTENT = b"trust: the new file's bytes"


def signed(name: str, role: Role, content: bytes = CONTENT, on: date = DAY) -> bytes:
    return sign_successor(NEW, content, role, on, signer(name)).to_bytes()


def three() -> list[bytes]:
    return [signed("Li Na", "owner"), signed("Zhao Min", "owner"), signed("Chen Jie", "compliance")]


def test_a_successor_that_the_old_threshold_signed() -> None:
    assert check_successor(OLD, NEW, CONTENT, files(*three()), DAY) == ("Li Na", "Zhao Min", "Chen Jie")
    with_author = trust(
        threshold={"author": {"in_all": 1}, "owner": {"each_party": 1}, "compliance": {"in_all": 1}}
    )
    assert check_successor(with_author, NEW, CONTENT, files(*three()), DAY)


@pytest.mark.parametrize("version", [1, 3])
def test_the_next_version_follows_and_no_other(version: int) -> None:
    with pytest.raises(ApprovalError, match="comes 2"):
        check_successor(OLD, trust(version=version), CONTENT, files(*three()), DAY)


REFUSED: dict[str, tuple[bytes, type[ApprovalError]]] = {
    "other bytes": (signed("Li Na", "owner", b"others"), OtherLockError),
    "a key that the new file alone holds": (
        sign_successor(NEW, CONTENT, "owner", DAY, signer("Li Na the second")).to_bytes(),
        UnknownKeyError,
    ),
    "wrong role": (signed("Li Na", "compliance"), WrongRoleError),
    "expired": (signed("Li Na", "owner", on=date(2016, 12, 31)), ExpiredKeyError),
    "twice": (signed("Zhao Min", "owner", on=date(2018, 1, 14)), SameSignerError),
    "an approval": (enough()[0], StatementError),
    "another version": (
        sign_successor(trust(version=3), CONTENT, "owner", DAY, signer("Li Na")).to_bytes(),
        OtherPartnershipError,
    ),
    "no envelope": (b"", EnvelopeError),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_signature_that_does_not_count(why: str) -> None:
    bad, error = REFUSED[why]
    with pytest.raises(ApprovalError) as caught:
        check_successor(OLD, NEW, CONTENT, files(*three()[1:], bad), DAY)
    assert type(caught.value) is error
    assert check_successor(OLD, NEW, CONTENT, files(*three(), bad), DAY)


def test_fewer_than_the_old_threshold() -> None:
    for absent in range(3):
        some = [one for number, one in enumerate(three()) if number != absent]
        with pytest.raises(TooFewSignaturesError, match="version 2"):
            check_successor(OLD, NEW, CONTENT, files(*some), DAY)
    lower = trust(version=2, name="abc-baidu")
    with pytest.raises(OtherPartnershipError):
        check_successor(OLD, lower, CONTENT, files(*three()), DAY)


def test_every_byte_of_a_signed_succession_counts() -> None:
    content = three()[0]
    for place, changed in flipped(content, range(0, len(content), 3)):
        with pytest.raises(ApprovalError):
            check_successor(OLD, NEW, CONTENT, files(changed, *three()[1:]), DAY)
            pytest.fail(f"byte {place}")
