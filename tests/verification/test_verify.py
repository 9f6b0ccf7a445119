"""verify over whole releases, and over releases that somebody changed: with no key, with a key of their own, with the operator's."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpinsights.governance.approvals.approval import Terms, approve, approved
from dpinsights.governance.approvals.envelope import parse_envelope, seal
from dpinsights.governance.approvals.errors import ApprovalError, UnknownKeyError
from dpinsights.governance.approvals.lock import parse_lock
from dpinsights.governance.approvals.receipt import FILE as RECEIPT
from dpinsights.governance.approvals.receipt import read_receipt, receipt_bytes
from dpinsights.governance.chain import link
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.governance.extract import extract_bytes, read_extract
from dpinsights.model.names import FrozenMap
from dpinsights.model.release import Release, Spending
from dpinsights.reporting.files import bundle
from dpinsights.verification.evidence import LOCK
from dpinsights.verification.findings import Finding
from dpinsights.verification.verifying import CHECKS, earlier_receipt, listed, verify
from tests.governance.approvals.house import signer
from tests.verification.house import Files, House, provenance_of, release_of, sha256, write

SOME = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


def codes(findings: tuple[Finding, ...]) -> set[str]:
    return {one.code for one in findings}


def flip(content: bytes, place: int) -> bytes:
    """One bit of one byte turned; which follows from the place."""
    changed = bytearray(content)
    changed[place] ^= 1 << (place * 5 + 3) % 8
    return bytes(changed)


def test_whole_releases_are_verified(house: House, tmp_path: Path) -> None:
    assert house.faults(house.first) == house.faults(house.rehearsal) == ()
    folder = write(house.second, tmp_path / "release")
    found = verify(folder, house.trust, house.earlier)
    assert all(one.ok for one in found), found
    assert {
        "receipt-signed",
        "files",
        "approval-signed",
        "approval-runs",
        "ledger-earlier",
        "spending",
    } <= codes(found)
    assert earlier_receipt(write(house.first, tmp_path / "first"), house.trust) == house.earlier
    assert list(listed(found))[-1].startswith("VERIFIED")
    assert "approval-none" in codes(house.verify(house.rehearsal))


def test_whatever_is_signed_again_unchanged_is_verified(house: House) -> None:
    assert house.faults(house.resigned(house.second)) == ()
    assert house.faults(house.restated(house.second, lambda release: release)) == ()
    assert house.faults(house.rewritten(house.second, lambda *entry: None), house.earlier) == ()


# Without a key


@SOME
@given(st.data())
def test_any_byte_of_any_file_is_noticed(house: House, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(house.second)))
    place = data.draw(st.integers(0, len(house.second[name]) - 1))
    content = flip(house.second[name], place)
    found = house.faults({**house.second, name: content}, house.earlier)
    assert any(one.file == name for one in found)
    if name != RECEIPT:
        changed = next(one for one in found if one.code == "file-changed")
        assert changed.file == name
        assert sha256(content) in changed.text and sha256(house.second[name]) in changed.text


@pytest.mark.parametrize("name", ["report.pdf", "tables.xlsx"])
def test_a_byte_of_a_file_that_only_has_a_digest_names_the_file(house: House, name: str) -> None:
    content = b"PK\x03\x04 or %PDF-1.7\n\xe2\xe3\xcf\xd3\0" * 40
    files = house.resigned({**house.second, name: content})
    whole = house.verify(files, house.earlier)
    assert all(one.ok for one in whole) and ("digest-only", name) in {(one.code, one.file) for one in whole}
    for place in range(0, len(content), 31):
        (found,) = house.faults({**files, name: flip(content, place)}, house.earlier)
        assert (found.code, found.file) == ("file-changed", name)


def test_files_that_are_missing_or_were_added_are_named(house: House) -> None:
    for name in house.second:
        found = house.faults({one: content for one, content in house.second.items() if one != name})
        assert any(one.file == name for one in found), name
    added = house.faults({**house.second, "more.txt": b"x"})
    assert {(one.code, one.file) for one in added} == {("file-added", "more.txt"), ("page-unknown", "more.txt")}
    assert sha256(b"x") in added[0].text


def test_links_are_refused(house: House, tmp_path: Path) -> None:
    folder = write(house.second, tmp_path / "release")
    (tmp_path / "elsewhere.csv").write_bytes(house.second["tables/segments.csv"])
    (folder / "tables/segments.csv").unlink()
    (folder / "tables/segments.csv").symlink_to(tmp_path / "elsewhere.csv")
    found = [one for one in verify(folder, house.trust) if not one.ok]
    assert {"file-strange", "file-missing"} <= codes(tuple(found))
    assert all(one.file == "tables/segments.csv" for one in found)


@pytest.mark.parametrize("by", ["nobody trusted", "another who is trusted"])
def test_a_receipt_by_another_key_hides_nothing(house: House, by: str) -> None:
    files = {**house.second, "tables/segments.csv": house.second["tables/segments.csv"] + b"x\n"}
    found = house.faults(house.resigned(files, by=signer(by)))
    assert {"receipt-signed", "page-line"} <= codes(found) and "file-changed" not in codes(found)
    with pytest.raises(UnknownKeyError):
        read_receipt(house.resigned(files, by=signer(by))[RECEIPT], house.trust)


def test_a_receipt_on_a_day_on_which_the_key_does_not_count_is_refused(house: House) -> None:
    day = house.trust.keys[0].until
    files = house.restated(house.second, lambda release: replace(release, released_on=day))
    found = house.faults(files)
    assert {"receipt-signed", "ledger-run"} <= codes(found)


# With the operator's key: whatever a receipt is made to fit


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda said: {"report": Spending(said.report.rho_units, Decimal("0.5"))}, "statement.report"),
        (lambda said: {"report": Spending(1, Decimal("0.000001"))}, "statement.report"),
        (lambda said: {"fresh": Spending(said.fresh.rho_units + 1, said.fresh.epsilon)}, "statement.fresh"),
        (lambda said: {"account": replace(said.account, rho_units=5)}, "statement.account"),
        (
            lambda said: {"account_cap": replace(said.account_cap, epsilon=Decimal(9))},
            "statement.account_cap",
        ),
        (lambda said: {"lifetime": replace(said.lifetime, epsilon=Decimal("0.1"))}, "statement.lifetime"),
        (lambda said: {"lifetime_cap": replace(said.lifetime_cap, delta_units=0)}, "statement.lifetime_cap"),
        (lambda said: {"report_two": replace(said.report_two, rho_units=7)}, "statement.report_two"),
    ],
)
def test_a_misstated_cost_is_added_up_again(
    house: House, change: Callable[[Any], dict[str, Any]], place: str
) -> None:
    def misstated(release: Release) -> Release:
        return replace(release, statement=replace(release.statement, **change(release.statement)))

    found = house.faults(house.restated(house.second, misstated), house.earlier)
    assert [(one.code, one.file, one.place) for one in found] == [("spending", "release.json", place)]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"approved": False}, "approval-same"),
        ({"audience": "icbc"}, "approval-same"),
        ({"account": "icbc"}, "ledger-run"),
        ({"version": 2}, "approval-same"),
        ({"contract_digest": "0" * 64}, "approval-same"),
        ({"measurement_digest": "0" * 64}, "ledger-run"),
        ({"reader_digest": "0" * 64}, "approval-same"),
        ({"confidence": Decimal("0.5")}, "approval-same"),
        ({"title": FrozenMap(en="Another")}, "approval-same"),
        ({"origin": "real"}, "ledger-run"),
        ({"contract": "another"}, "release-facts"),
        ({"partnership": "another"}, "ledger-run"),
        ({"release": "partner-quarterly-0-1"}, "ledger-run"),
        ({"provenance": None}, "release-facts"),
        ({"terms": FrozenMap(purpose=FrozenMap(en="Advertising"))}, "approval-same"),
        ({"versions": FrozenMap(dpinsights="0.1.0", opendp="0.15.0", duckdb="2.0.0")}, "approval-same"),
    ],
    ids=lambda one: next(iter(one)) if isinstance(one, dict) else one,
)
def test_what_the_release_says_of_itself_is_held_against_the_rest(
    house: House, changes: dict[str, Any], code: str
) -> None:
    said = house.facts(house.second)
    release = replace(release_of(house.second), **changes)
    files = house.restated(house.second, lambda _: replace(release, provenance=provenance_of(house.second)))
    if release.provenance is None:
        files |= {name: text.encode() for name, text in bundle(release).items()}
        rest = {name: content for name, content in files.items() if name != RECEIPT}
        files[RECEIPT] = receipt_bytes(said, rest, house.operator)
    assert code in codes(house.faults(files))


def test_titles_and_noise_of_tables_are_held_against_lock_and_ledger(house: House) -> None:
    def renamed(release: Release) -> Release:
        first, *rest = release.tables
        return replace(release, tables=(replace(first, title=FrozenMap(en="Another", zh="另一")), *rest))

    def quieter(release: Release) -> Release:
        first, *rest = release.tables
        noise = (replace(first.noise[0], scale=first.noise[0].scale / 2), *first.noise[1:])
        return replace(release, tables=(replace(first, noise=noise), *rest))

    def fewer(release: Release) -> Release:
        return replace(release, tables=release.tables[1:])

    assert codes(house.faults(house.restated(house.second, renamed))) == {"approval-same"}
    assert codes(house.faults(house.restated(house.second, quieter))) == {"spending"}
    assert "approval-same" in codes(house.faults(house.restated(house.second, fewer)))


def _without(house: House, *names: str) -> Files:
    return house.resigned({name: content for name, content in house.second.items() if name not in names})


def _approvals(house: House) -> list[str]:
    return [name for name in house.second if name.startswith("approval/") and name != LOCK]


def test_an_approval_that_was_removed_or_replaced_is_missed(house: House) -> None:
    assert "approval-lock" in codes(house.faults(_without(house, LOCK, *_approvals(house))))
    assert "approval-signed" in codes(house.faults(_without(house, *_approvals(house))))
    for name in _approvals(house):
        assert codes(house.faults(_without(house, name))) == {"approval-signed"}
        payload = parse_envelope(house.second[name], name).payload
        forged = house.resigned({**house.second, name: seal(payload, signer("Mallory")).to_bytes()})
        (found,) = house.faults(forged)
        assert found.code == "approval-signed" and "no key" in found.text
        by_operator = house.resigned({**house.second, name: seal(payload, house.operator).to_bytes()})
        assert codes(house.faults(by_operator)) == {"approval-signed"}


def test_a_release_without_approval_can_not_pass_as_approved(house: House) -> None:
    assert codes(house.faults(house.resigned(house.second, lock="", approval=""))) >= {
        "approval-none",
        "release-facts",
    }
    claimed = house.restated(house.rehearsal, lambda release: replace(release, approved=True))
    assert "approval-none" in codes(house.faults(claimed))


def test_another_lock_is_not_what_was_signed(house: House) -> None:
    data = json.loads(house.second[LOCK])
    data["plan"]["rho_units"] = "999999999999"
    content = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    found = house.faults(house.resigned({**house.second, LOCK: content}))
    assert {"approval-lock", "approval-signed"} <= codes(found)


def _approved_anew(house: House, **terms: Any) -> Files:
    """The second release under approvals with other terms, signed by the same persons, and all that names them."""
    lock = parse_lock(house.second[LOCK], LOCK)
    day = release_of(house.second).released_on
    said: dict[str, Any] = {"signed_on": day, "until": day + timedelta(days=30), "max_runs": 2, **terms}
    files, envelopes = dict(house.second), {}
    for name in _approvals(house):
        person = house.signers[name.removeprefix("approval/").removesuffix(".dsse.json")]
        role = next(key.roles[0] for key in house.trust.keys if key.id == person.key_id)
        files[name] = approve(lock, Terms(role, **said), person).to_bytes()
        envelopes[name.removeprefix("approval/")] = files[name]
    digest = approved(lock, envelopes, house.trust, said["signed_on"]).digest

    def permitted(seq: int, kind: str, data: dict[str, Any]) -> None:
        if kind == "charged":
            data["permit"]["approval"] = digest

    def named(release: Release) -> Release:
        assert release.provenance is not None
        return replace(release, provenance=replace(release.provenance, approval=digest))

    return house.restated(house.rewritten(files, permitted), named)


def test_more_runs_than_were_approved_are_counted(house: House) -> None:
    assert house.faults(_approved_anew(house)) == ()
    (found,) = house.faults(_approved_anew(house, max_runs=1))
    assert found.code == "approval-runs" and found.values == FrozenMap(runs="2", most="1")


def test_an_approval_that_had_not_begun_does_not_count(house: House) -> None:
    day = release_of(house.second).released_on + timedelta(days=1)
    found = house.faults(_approved_anew(house, signed_on=day))
    assert (
        codes(found) == {"approval-signed"}
        and f"not on {release_of(house.second).released_on}" in found[0].text
    )


# The ledger


def test_every_altered_entry_is_named(house: House) -> None:
    lines = house.second[LEDGER].split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        data = json.loads(line)
        data["body"] = data["body"].replace('"day":"20', '"day":"19', 1)
        assert data["body"] != json.loads(line)["body"]
        altered = json.dumps(data, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        content = b"\n".join([*lines[: number - 1], altered, *lines[number:]])
        found = house.faults({**house.second, LEDGER: content}, house.earlier)
        chain = [one for one in found if one.code == "ledger-chain"]
        assert len(chain) == 1 and f"entry {number}" in chain[0].text


def test_a_cut_or_shortened_ledger_is_noticed(house: House) -> None:
    lines = house.second[LEDGER].split(b"\n")
    for content in (b"", b"\n".join(lines[:-2]) + b"\n", b"\n".join(lines[:-1]), b"\n".join(lines[1:])):
        found = house.faults(house.resigned({**house.second, LEDGER: content}), house.earlier)
        assert codes(found) & {"ledger-chain", "ledger-position"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda seq, kind, data: data.update(day="2020-01-01"), {"ledger-earlier", "ledger-run"}),
        (
            lambda seq, kind, data: kind == "opened" and data["accounts"][0].update(cap_rho="9" * 15),
            {"spending"},
        ),
        (
            lambda seq, kind, data: kind == "opened" and data["accounts"][0].update(cap_rho="1"),
            {"ledger-sums"},
        ),
        (lambda seq, kind, data: kind == "charged" and _cheaper(data), {"ledger-losses", "spending"}),
        (lambda seq, kind, data: kind == "charged" and _noisier(data), {"ledger-losses", "approval-same"}),
        (lambda seq, kind, data: kind == "charged" and _half(data), {"ledger-sums"}),
        (lambda seq, kind, data: kind == "charged" and data.update(permit=None), {"ledger-run"}),
        (lambda seq, kind, data: kind == "charged" and data.update(origin="real"), {"ledger-run"}),
        (
            lambda seq, kind, data: kind == "charged" and data["permit"].update(lock="0" * 64),
            {"approval-runs"},
        ),
        (lambda seq, kind, data: kind == "charged" and data["items"].clear(), {"approval-same"}),
        (lambda seq, kind, data: data.clear(), {"ledger-sums"}),
        (lambda seq, kind, data: kind == "charged" and data.pop("items"), {"ledger-sums"}),
        (lambda seq, kind, data: kind == "measured" and data.update(run="0"), {"ledger-sums"}),
    ],
    ids=[
        "days",
        "cap",
        "overspent",
        "cheaper",
        "noisier",
        "half",
        "permit",
        "origin",
        "lock",
        "items",
        "bare",
        "broken",
        "run",
    ],
)
def test_a_ledger_written_anew_by_the_operator_does_not_add_up(
    house: House, change: Callable[[int, str, dict[str, Any]], object], expected: set[str]
) -> None:
    files = house.rewritten(house.second, change)
    found = codes(house.faults(files, house.earlier))
    assert expected | {"ledger-earlier"} <= found
    assert "ledger-chain" not in found and "ledger-position" not in found


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": "0x0p+0"},
        {"scale": "nan"},
        {"scale": "inf"},
        {"scale": "-0x1p+4"},
        {"scale": "0x1p-1000"},
        {"size": "-1"},
        {"size": "9" * 30},
        {"l2_squared": "-4"},
        {"l2_squared": "9" * 400},
        {"kind": "laplace"},
        {"kind": "threshold"},
        {"kind": "exponential", "linf": "1", "candidates": "0"},
    ],
    ids=str,
)
def test_a_draw_that_no_mechanism_makes_is_refused(house: House, changes: dict[str, str]) -> None:
    def strange(seq: int, kind: str, data: dict[str, Any]) -> None:
        if kind == "charged":
            data["items"][0]["specification"].update(changes)

    found = house.faults(house.rewritten(house.second, strange))
    assert codes(found) & {"ledger-losses", "ledger-sums"}


def _cheaper(data: dict[str, Any]) -> None:
    """Every draw at half its price, consistently."""
    for item in data["items"]:
        for payer in ("account", "lifetime"):
            item[payer]["rho"] = str(int(item[payer]["rho"]) // 2)


def _noisier(data: dict[str, Any]) -> None:
    """Said to be drawn with more noise than it was."""
    for item in data["items"]:
        item["specification"]["scale"] = (float.fromhex(item["specification"]["scale"]) * 2).hex()


def _half(data: dict[str, Any]) -> None:
    """The lifetime account pays half of what is drawn."""
    for item in data["items"]:
        item["lifetime"]["rho"] = str(int(item["lifetime"]["rho"]) // 2)


def test_a_ledger_that_was_written_anew_is_noticed_by_whoever_holds_an_earlier_receipt_alone(
    house: House,
) -> None:
    def another(seq: int, kind: str, data: dict[str, Any]) -> None:
        if kind == "charged":
            data["identity"] = "0" * 64

    files = house.rewritten(house.second, another)
    assert house.faults(files) == ()
    (found,) = house.faults(files, house.earlier)
    assert found.code == "ledger-earlier" and found.place == f"entry {house.earlier.facts.seq}"
    assert house.earlier.facts.hash in found.text and house.earlier.facts.release in found.text


def test_a_receipt_that_is_not_earlier_or_of_another_partnership_is_refused(house: House) -> None:
    later = read_receipt(house.second[RECEIPT], house.trust)
    (found,) = house.faults(house.first, later)
    assert found.code == "ledger-earlier" and "older" in found.text
    (found,) = house.faults(house.second, replace(later, facts=replace(later.facts, partnership="other")))
    assert found.code == "ledger-earlier" and "partnership" in found.text
    assert house.faults(house.second, later) == ()


def test_a_raised_cap_that_nobody_signed_is_named(house: House) -> None:
    before = {"cap_rho": "185275307672", "cap_epsilon": "4"}
    last, entries = None, []
    for entry in read_extract(house.second[LEDGER]):
        last = link(last, entry.type, entry.data)
        entries.append(last)
        if entry.seq == 1:
            body = {
                "account": "jd",
                "before": before,
                "after": {"cap_rho": "385275307672", "cap_epsilon": "6"},
                "envelopes": [],
                "day": entry.data["day"],
            }
            last = link(last, "amended", body)
            entries.append(last)
    assert last is not None
    files = house.resigned({**house.second, LEDGER: extract_bytes(entries)}, seq=last.seq, hash=last.hash)
    found = [one for one in house.faults(files) if one.code in ("cap-changed", "ledger-run")]
    assert any(one.place == "entry 2" and "nobody signed" in one.text for one in found)
    assert any(one.place == "statement.amendments" for one in found)


# Whatever is written by hand


@SOME
@given(st.data())
def test_nothing_that_an_attacker_writes_ends_the_checks(house: House, data: st.DataObject) -> None:
    """JSON with something taken out or turned into something else: refused, and every other check still made."""
    name = data.draw(st.sampled_from([RECEIPT, LOCK, LEDGER, "release.json", *_approvals(house)]))
    content = house.second[name]
    if name == LEDGER:
        first, rest = content.split(b"\n", 1)
        content = _mangled(first, data) + b"\n" + rest
    elif name == RECEIPT or name in _approvals(house):
        payload = json.loads(content)["payload"]
        content = seal(_mangled(base64.b64decode(payload), data), house.operator).to_bytes()
    else:
        content = _mangled(content, data)
    files = {**house.second, name: content}
    try:
        files = files if name == RECEIPT else house.resigned(files)
    except Exception:
        files = {**house.second, name: content}
    found = house.verify(files, house.earlier)
    if content != house.second[name]:
        assert any(not one.ok for one in found)
    assert {"report.en.html", "tables/segments.csv"} <= {one.file for one in found}


def _mangled(content: bytes, data: st.DataObject) -> bytes:
    whole = json.loads(content)
    place = whole
    for _ in range(data.draw(st.integers(0, 4))):
        inner = [
            one
            for one in (place.values() if isinstance(place, dict) else place)
            if isinstance(one, dict | list) and one
        ]
        if not inner:
            break
        place = data.draw(st.sampled_from(inner))
    key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(st.sampled_from([None, "", "x", [], {}, "0", [[]], {"a": "b"}, "-1", "1e9"]))
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def test_an_empty_folder_fails_every_check_and_none_ends(house: House) -> None:
    found = house.verify({})
    assert found and not any(one.ok for one in found if one.code != "ledger-first")
    assert len(found) >= len(CHECKS) - 2
    assert list(listed(found, "zh"))[-1].startswith("核对未通过")


def test_what_is_shown_of_a_file_can_not_steer_a_terminal(house: House) -> None:
    csv = house.second["tables/segments.csv"].replace(b"customers", b"\x1b[2J\xe2\x80\xaecustomers", 1)
    for line in listed(house.faults({**house.second, "tables/segments.csv": csv, "a\x1bb.html": b""})):
        assert "\x1b" not in line and "\u202e" not in line


def test_an_earlier_receipt_is_read_from_its_file(house: House, tmp_path: Path) -> None:
    path = tmp_path / "receipt.dsse.json"
    path.write_bytes(house.first[RECEIPT])
    assert earlier_receipt(path, house.trust) == house.earlier
    path.write_bytes(flip(house.first[RECEIPT], 40))
    with pytest.raises(ApprovalError):
        earlier_receipt(path, house.trust)
