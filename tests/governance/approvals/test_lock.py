"""Locks: the same bytes for the same definitions, other bytes for any other."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights import approving
from dpinsights.approving import check_lock, lock_path, read_lock, write_lock
from dpinsights.errors import DpInsightsError
from dpinsights.governance.approvals.differences import differences
from dpinsights.governance.approvals.errors import LockError
from dpinsights.governance.approvals.lock import parse_lock
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.canonical import canonical_bytes
from dpinsights.permitting import check_approved
from dpinsights.pipeline import define, plan
from tests.governance.approvals.house import (
    DAY,
    GOOD,
    copy,
    flipped,
    lock,
    lock_from,
    signed,
    trust_text,
)

REPORT = "partner-quarterly.yaml"


def test_a_lock_is_deterministic_and_read_back(tmp_path: Path) -> None:
    again = lock_from(copy(tmp_path))
    assert again.content == lock().content and differences(lock(), again) == ()
    assert again.digest == hashlib.sha256(again.content).hexdigest()
    path = write_lock(again, tmp_path / REPORT)
    assert path == lock_path(tmp_path / REPORT) and read_lock(path) == again
    before = path.stat().st_mtime_ns, path.stat().st_ino
    write_lock(again, tmp_path / REPORT)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith(".")) == []


def test_a_lock_does_not_depend_on_where_it_lies_or_how_yaml_is_called(tmp_path: Path) -> None:
    copy(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / REPORT).rename(tmp_path / "a" / "b" / "other.yaml")
    assert lock_from(tmp_path / "a" / "b", "other.yaml").content == lock().content


def test_a_lock_holds_the_plan_that_will_be_drawn() -> None:
    planned = plan(define(GOOD / REPORT))
    held = lock().data["plan"]
    assert set(held["draws"]) == {draw.key for draw in planned.draws}
    for draw in planned.draws:
        one = held["draws"][draw.key]
        noise = GaussianNoise.of(
            draw.measurement, unit=planned.partnership, scale=float.fromhex(one["scale"])
        )
        assert int(one["rho_units"]) == noise.rho_units == draw.rho_units
        assert int(one["l2_squared"]) == draw.measurement.l2_squared
    assert (
        int(held["rho_units"])
        == planned.rho_units
        == sum(int(o["rho_units"]) for o in held["draws"].values())
    )
    for query in planned.queries:
        ceiling = sum(planned.draw(key).rho_units for key in set(query.keys))
        assert int(held["queries"][query.name]["rho_units"]) == ceiling
    assert held["queries"]["spend_by_level"]["columns"] == [
        "icbc.customers.province", "icbc.customers.wealth_tier", "jd.orders.amount", "jd.orders.ordered_on",
    ]  # fmt: skip
    assert lock().data["versions"] == {"dpinsights": "0.1", "opendp": "0.16"}
    assert lock().parties == ("icbc", "jd") and lock().account == "jd"


def test_no_number_of_a_lock_is_a_json_number() -> None:
    def numbers(part: Any) -> list[Any]:
        if isinstance(part, dict):
            return [n for value in part.values() for n in numbers(value)]
        if isinstance(part, list):
            return [n for value in part for n in numbers(value)]
        return [part] if isinstance(part, int | float) and not isinstance(part, bool) else []

    assert numbers(json.loads(lock().content)) == []


def test_the_subjects_are_the_lock_and_all_files_in_it() -> None:
    subjects = {one.name: one.sha256 for one in lock().subjects}
    assert subjects["partner-quarterly.lock.json"] == lock().digest
    for name, file in (("report.yaml", REPORT), ("contract.yaml", "contract.yaml")):
        assert subjects[name] == hashlib.sha256((GOOD / file).read_bytes()).hexdigest()
    assert subjects["dpinsights/partner.html"] and subjects["dpinsights/_style.css"]


def test_a_contract_without_a_partnership_can_not_be_locked(tmp_path: Path) -> None:
    contract = copy(tmp_path) / "contract.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("partnership:", "#"), encoding="utf-8")
    with pytest.raises(LockError, match="budget open"):
        lock_from(tmp_path)


def test_a_template_that_is_a_link_is_refused(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "templates").mkdir()
    (tmp_path / "page.html").write_text("x")
    (tmp_path / "templates" / "page.html").symlink_to(tmp_path / "page.html")
    with pytest.raises(LockError, match="link"):
        lock_from(tmp_path)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An approved report with a template of its own, and package templates that can be touched."""
    packaged = tmp_path / "packaged"
    shutil.copytree(approving.PACKAGED, packaged)
    monkeypatch.setattr(approving, "PACKAGED", packaged)
    folder = copy(tmp_path / "partnership")
    (folder / "templates").mkdir()
    (folder / "templates" / "partner.html").write_text("<p>{{ release.title }}</p>\n", encoding="utf-8")
    (folder / "trust.yaml").write_text(trust_text(), encoding="utf-8")
    made = lock_from(folder)
    write_lock(made, folder / REPORT)
    kept = folder / "approvals" / made.digest
    kept.mkdir(parents=True)
    for name, role in (("Li Na", "owner"), ("Zhao Min", "owner"), ("Chen Jie", "compliance")):
        (kept / f"{name[:2]}.dsse.json").write_bytes(signed(name, role, of=made))  # type: ignore[arg-type]
    assert check_approved(lock_from(folder), folder / REPORT, DAY).approved.lock_digest == made.digest
    return folder


FLIPPED = {
    "definition": f"partnership/{REPORT}",
    "contract": "partnership/contract.yaml",
    "own template": "partnership/templates/partner.html",
    "package template": "packaged/partner.html",
    "package style": "packaged/_style.css",
    "lock": "partnership/partner-quarterly.lock.json",
}


@pytest.mark.parametrize("what", FLIPPED)
def test_any_flipped_byte_is_refused(house: Path, what: str) -> None:
    """Sampled: about 24 bytes of each file, one bit each; comments and white space count too."""
    file = house.parent / FLIPPED[what]
    content = file.read_bytes()
    fresh = lock_from(house)
    for place, changed in flipped(content, range(0, len(content), max(1, len(content) // 24))):
        file.write_bytes(changed)
        with pytest.raises(DpInsightsError):
            check_approved(fresh if what == "lock" else lock_from(house), house / REPORT, DAY)
            pytest.fail(f"byte {place} of {file.name}")
    file.write_bytes(content)
    assert check_approved(lock_from(house), house / REPORT, DAY)


def test_every_byte_of_a_lock_counts() -> None:
    """Sampled: every fifth."""
    content = lock().content
    for place, changed in flipped(content, range(0, len(content), 5)):
        with pytest.raises(LockError):
            check_lock(parse_lock(changed, "x"), lock(), "x")
            pytest.fail(f"byte {place}")


def test_a_policy_that_changed_or_a_file_that_came_or_went_is_refused(house: Path) -> None:
    policy = house / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("jd: {epsilon: 4}", "jd: {epsilon: 5}"), encoding="utf-8")
    with pytest.raises(LockError, match="in the policy, accounts.jd.epsilon: was 4, is 5"):
        check_approved(lock_from(house), house / REPORT, DAY)
    policy.write_text(text, encoding="utf-8")
    (house / "templates" / "new.html").write_text("x")
    with pytest.raises(LockError, match="new.html is new"):
        check_approved(lock_from(house), house / REPORT, DAY)
    (house / "templates" / "new.html").unlink()
    (house / "templates" / "partner.html").unlink()
    with pytest.raises(LockError, match="partner.html is gone"):
        check_approved(lock_from(house), house / REPORT, DAY)


def test_what_is_missing_is_said(house: Path) -> None:
    fresh = lock_from(house)
    (house / "trust.yaml").unlink()
    with pytest.raises(DpInsightsError, match=r"no trust\.yaml"):
        check_approved(fresh, house / REPORT, DAY)
    lock_path(house / REPORT).unlink()
    with pytest.raises(LockError, match="dpinsights lock"):
        check_approved(fresh, house / REPORT, DAY)


def test_the_runs_an_approval_allows_are_counted(house: Path) -> None:
    fresh = lock_from(house)
    assert check_approved(fresh, house / REPORT, DAY, runs=1)
    with pytest.raises(DpInsightsError, match="allows 2 runs"):
        check_approved(fresh, house / REPORT, DAY, runs=2)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"null",
        lock().content + b"\n",
        lock().content.replace(b'"lock":"2"', b'"lock":"1"'),
        canonical_bytes({**lock().data, "author": ""}),
        canonical_bytes({**lock().data, "more": ""}),
        canonical_bytes({**lock().data, "files": {}}),
        canonical_bytes({**lock().data, "plan": {}}),
        canonical_bytes({name: value for name, value in lock().data.items() if name != "seed"}),
        json.dumps(lock().data).encode(),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_lock_is_refused(content: bytes) -> None:
    parse_lock(lock().content, "good")
    with pytest.raises(LockError, match=r"bad\.lock\.json"):
        parse_lock(content, "bad.lock.json")


def places(part: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every text, list and object of JSON data."""
    inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


PLACES = [place for place in places(lock().data) if place]
VALUES = st.one_of(
    st.none(), st.text("ab1.", max_size=3), st.just([]), st.just({}), st.just(["a"]), st.just([["a", None]])
)


@given(st.sampled_from(PLACES), VALUES)
def test_any_change_of_a_lock_is_said_or_refused(place: tuple[Any, ...], value: Any) -> None:
    data = json.loads(lock().content)
    part = data
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    content = canonical_bytes(data)
    try:
        changed = parse_lock(content, "x")
    except LockError:
        return
    assert bool(differences(lock(), changed)) == (content != lock().content)
    assert bool(differences(changed, lock())) == (content != lock().content)
