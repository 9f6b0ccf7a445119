"""A policy can ask for more signatures than the trust file, never for fewer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.governance.approvals.approval import approved
from dpinsights.governance.approvals.counting import larger, missing
from dpinsights.governance.approvals.errors import LockError, TooFewSignaturesError
from dpinsights.governance.approvals.lock import Lock, parse_lock
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.trust import Quorum, Role
from tests.governance.approvals.house import DAY, copy, files, lock, lock_from, signed, trust


def asking(folder: Path, signers: str) -> Lock:
    path = copy(folder) / "policy.yaml"
    path.write_text(path.read_text(encoding="utf-8") + f"signers: {signers}\n", encoding="utf-8")
    return lock_from(folder)


def test_a_policy_asks_for_the_author_too(tmp_path: Path) -> None:
    strict = asking(tmp_path, "{author: {in_all: 1}}")
    assert strict.signers == {"author": Quorum(in_all=1)}
    three = [
        signed(name, role, strict)
        for name, role in (("Li Na", "owner"), ("Zhao Min", "owner"), ("Chen Jie", "compliance"))
    ]  # type: ignore[misc]
    with pytest.raises(TooFewSignaturesError, match=r"missing: author \(0 of 1\)"):
        approved(strict, files(*three), trust(), DAY)
    assert (
        len(approved(strict, files(*three, signed("Wang Fang", "author", strict)), trust(), DAY).approvals)
        == 4
    )


def test_a_policy_asks_for_no_less_than_the_trust_file(tmp_path: Path) -> None:
    lax = asking(tmp_path, "{compliance: {in_all: 1}}")
    owners = [signed("Li Na", "owner", lax), signed("Chen Jie", "compliance", lax)]
    with pytest.raises(TooFewSignaturesError, match="missing: owner of "):
        approved(lax, files(*owners), trust(), DAY)


def test_a_lock_whose_policy_asks_for_nonsense_is_none() -> None:
    for signers in (
        {"king": {"in_all": "1"}},
        {"owner": {}},
        {"owner": {"in_all": "many"}},
        {"owner": {"in_all": "0"}},
        [],
    ):
        data = {**lock().data, "policy": {**lock().data["policy"], "signers": signers}}
        with pytest.raises(LockError, match="a part of it is missing"):
            parse_lock(canonical_bytes(data), "bad.lock.json")


QUORUMS = st.dictionaries(
    st.sampled_from(["author", "owner", "compliance"]),
    st.builds(Quorum, each_party=st.integers(1, 3), in_all=st.none() | st.integers(1, 4))
    | st.builds(Quorum, in_all=st.integers(1, 4)),
)
PERSONS = st.lists(
    st.tuples(st.sampled_from(["author", "owner", "compliance"]), st.sampled_from(["icbc", "jd", None])),
    max_size=9,
)


@given(QUORUMS, QUORUMS, PERSONS)
def test_both_are_reached_exactly_if_the_larger_is(
    one: dict[Role, Quorum], other: dict[Role, Quorum], have: list[tuple[Role, str | None]]
) -> None:
    parties = ("icbc", "jd")
    both = not [*missing(one, parties, have), *missing(other, parties, have)]
    assert both == (not list(missing(larger(one, other), parties, have)))
    assert larger(one, other) == larger(other, one)
