"""The field checklist: seventeen rows, filled from files alone; what does not hold is shown so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import dpinsights.exporting
from dpinsights.errors import DpInsightsError, LedgerError, ReportError
from dpinsights.exporting.checklist import ROWS, Field, checklist
from dpinsights.exporting.folder import read_folder
from dpinsights.exporting.phrases import PHRASES
from dpinsights.governance.approvals.errors import LockError
from dpinsights.governance.chain import link
from dpinsights.reporting.words import Words
from tests.exporting import house
from tests.governance.approvals.house import signed

ROOM = Path(dpinsights.exporting.__file__).parent

Files = dict[str, bytes]


def fields(path: Path, held: Files, language: str = "en") -> dict[str, Field]:
    folder = read_folder(house.write(path, held))
    rows = checklist(folder, house.trust(), Words(language))
    assert [row.number for row in rows] == list(range(1, ROWS + 1))
    found = {field.key: field for row in rows for field in row.fields}
    assert len(found) == sum(len(row.fields) for row in rows)
    return found


@pytest.mark.parametrize("language", PHRASES)
def test_an_approved_release_fills_all_fields(language: str, tmp_path: Path) -> None:
    found = fields(tmp_path / "a", house.files(), language)
    assert [key for key, field in found.items() if field.state != "filled"] == []
    assert all(line.strip() for field in found.values() for line in field.lines)


def test_values_are_in_the_language_that_is_asked_for(tmp_path: Path) -> None:
    english, chinese = (fields(tmp_path / language, house.files(), language) for language in ("en", "zh"))
    assert english["purpose"].lines == ("purpose in English",)
    assert chinese["purpose"].lines == ("purpose的中文",)
    assert english["audience"].lines == ("JD Finance",)
    assert chinese["audience"].lines == ("京东金融",)


def test_a_release_alone_lacks_what_lock_receipt_and_ledger_say(tmp_path: Path) -> None:
    found = fields(tmp_path / "a", {"release.json": house.files()["release.json"]})
    missing = {field.source for field in found.values() if field.state == "missing"}
    filled = {field.source for field in found.values() if field.state == "filled"}
    assert missing == {"lock", "approvals", "receipt", "ledger"}
    assert filled == {"release", "dpinsights"}


def test_fields_that_the_author_left_out_are_missing(tmp_path: Path) -> None:
    bare = house.lock(filled=False)
    found = fields(tmp_path / "a", house.files(house.release(bare), of=bare))
    missing = {key for key, field in found.items() if field.state == "missing"}
    own = {"unprotected": "own_unprotected", "releases": "repetition"}
    assert missing == {own.get(name, name) for name in house.FIELDS}
    assert found["signatures"].state == "filled"


def test_signatures_say_who_signed_as_what_until_when(tmp_path: Path) -> None:
    lines = fields(tmp_path / "a", house.files())["signatures"].lines
    assert lines == (
        "Li Na of ICBC, as owner of data, on 2018-01-08, until 2018-04-01, for at most 2 runs: “as discussed”",
        "Zhao Min of JD Finance, as owner of data, on 2018-01-08, until 2018-04-01, for at most 2 runs",
        "Chen Jie, as compliance, on 2018-01-08, until 2018-04-01, for at most 2 runs",
    )


def flip(name: str, place: int | None = None) -> Callable[[Files], Files]:
    def change(held: Files) -> Files:
        content = bytearray(held[name])
        content[len(content) // 2 if place is None else place] ^= 1
        return held | {name: bytes(content)}

    return change


def few(held: Files) -> Files:
    return house.files(approvals=[signed("Li Na", "owner", house.lock())])


def other_release(held: Files) -> Files:
    other = replace(house.release(), release="partner-quarterly-other")
    return held | {"release.json": house.files(other)["release.json"]}


def other_lock(held: Files) -> Files:
    return house.files(replace(house.release(), measurement_digest="0" * 64))


def longer_ledger(held: Files) -> Files:
    ledger = house.files(entries=house.chain(explored=5))["ledger.jsonl"]
    return held | {"ledger.jsonl": ledger}


def other_numbers(held: Files) -> Files:
    text = held["release.json"].decode().replace('"margin": "', '"margin": "1', 1)
    return held | {"release.json": text.encode()}


def one_less(held: Files) -> Files:
    return {name: content for name, content in held.items() if name != "approval/2.dsse.json"}


def one_more(held: Files) -> Files:
    return held | {"approval/3.dsse.json": held["approval/2.dsse.json"]}


@pytest.mark.parametrize(
    ("change", "keys", "said"),
    [
        (few, ("signatures", "expiry", "terms"), "missing: compliance"),
        (flip("approval/0.dsse.json"), ("signatures",), "0.dsse.json"),
        (flip("approval/report.lock.json"), ("signatures", "receipt"), "lock"),
        (flip("receipt.dsse.json"), ("receipt", "position", "digests"), "receipt.dsse.json"),
        (other_release, ("receipt", "position", "digests"), f"partner-quarterly-{house.RUN}"),
        (other_lock, ("signatures", "expiry", "terms"), "not of this release"),
        (longer_ledger, ("receipt", "position", "digests"), "ledger.jsonl"),
        (one_less, ("receipt",), "approval/2.dsse.json"),
        (one_less, ("signatures",), "missing: compliance"),
        (one_more, ("receipt",), "approval/3.dsse.json"),
        (other_numbers, ("receipt", "position", "digests"), "release.json"),
    ],
)
def test_what_does_not_hold_is_shown_so(
    change: Callable[[Files], Files], keys: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    found = fields(tmp_path / "a", change(house.files()))
    for key in keys:
        assert found[key].state == "faulty" and not found[key].lines
        assert said in found[key].fault


def test_caps_refresh_only_as_the_policy_says(tmp_path: Path) -> None:
    assert "never refreshes" in fields(tmp_path / "a", house.files())["refresh"].lines[0]
    lock = house.lock(period="{every: quarter, epsilon: 2}")
    found = fields(tmp_path / "b", house.files(house.release(lock), of=lock))["refresh"]
    assert found.lines == (
        "The account has a cap of ε = 2 for each calendar quarter besides; the caps for ever never refresh.",
    )


def test_the_smallest_group_is_the_releases(tmp_path: Path) -> None:
    assert "No number" in fields(tmp_path / "a", house.files())["smallest_group"].lines[0]
    tables = tuple(replace(table, smallest_group=10) for table in house.release().tables)
    found = fields(tmp_path / "b", house.files(replace(house.release(), tables=tables)))["smallest_group"]
    assert len(found.lines) == 1 and "below 10 are not shown" in found.lines[0]


def test_exploration_is_what_the_ledger_says_it_was_charged(tmp_path: Path) -> None:
    entries = house.chain(explored=2_500_000_000)
    assert fields(tmp_path / "a", house.files(entries=entries))["explored"].lines == (
        f"The account “exploration” had been charged ρ = 0.00250 in this ledger by entry {len(entries)}.",
    )
    assert "ρ = 0 in" in fields(tmp_path / "b", house.files())["explored"].lines[0]


def test_a_cap_that_was_raised_without_signatures_does_not_hold(tmp_path: Path) -> None:
    entries = list(house.chain())
    caps = {"before": {"cap_rho": 1, "cap_epsilon": "4"}, "after": {"cap_rho": 2, "cap_epsilon": "5"}}
    raised = {"account": "jd", **caps, "envelopes": [], "day": house.DAY}
    entries.append(link(entries[-1], "amended", raised))
    assert fields(tmp_path / "a", house.files())["raises"].state == "filled"
    found = fields(tmp_path / "b", house.files(entries=entries))["raises"]
    assert found.state == "faulty" and f"Entry {len(entries)} raised the cap of jd" in found.fault


def test_columns_carry_their_classes(tmp_path: Path) -> None:
    found = fields(tmp_path / "a", house.files())
    assert "jd.orders.amount (C2)" in found["columns"].lines
    assert all(re.fullmatch(r"[a-z_.]+ \(C[12]\)", line) for line in found["columns"].lines)
    assert found["tables"].lines == ("icbc.customers", "jd.orders")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (flip("approval/report.lock.json", 0), LockError),
        (flip("ledger.jsonl"), LedgerError),
        (flip("release.json", 0), ReportError),
    ],
)
def test_what_is_damaged_can_not_be_exported(
    change: Callable[[Files], Files], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        read_folder(house.write(tmp_path / "a", change(house.files())))


def test_links_and_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"release\.json"):
        read_folder(tmp_path)
    with pytest.raises(ReportError, match="is no folder"):
        read_folder(tmp_path / "nowhere")
    folder = house.write(tmp_path / "a", house.files())
    (folder / "receipt.dsse.json").rename(tmp_path / "receipt")
    (folder / "receipt.dsse.json").symlink_to(tmp_path / "receipt")
    with pytest.raises(ReportError, match="is a link"):
        read_folder(folder)


def test_phrases_are_the_same_in_both_languages_and_all_are_used() -> None:
    english, chinese = PHRASES["en"], PHRASES["zh"]
    assert list(english) == list(chinese)
    for key in english:
        assert set(re.findall(r"{(\w+)}", english[key])) == set(re.findall(r"{(\w+)}", chinese[key])), key
    source = "".join(path.read_text(encoding="utf-8") for path in ROOM.glob("*.py"))
    made = ("row_", "part_", "from_", "state_", "role_", "refresh_", "population_")
    for key in english:
        assert key.startswith(made) or f'"{key}"' in source or "_line" in key, key
    parts = {key.removeprefix("part_") for key in english if key.startswith("part_")}
    keys = set(re.findall(r'"([a-z_]+)"', (ROOM / "checklist.py").read_text(encoding="utf-8")))
    assert parts <= keys


def test_chinese_phrases_are_chinese_and_claim_no_anonymity() -> None:
    allowed = {"dpinsights", "OpenDP", "sha", "release", "json", "report", "lock", "receipt", "dsse", "ledger", "jsonl", "exploration", "verify", "trust", "yaml"}  # fmt: skip
    for key, text in PHRASES["zh"].items():
        assert set(re.findall(r"[A-Za-z]{3,}", re.sub(r"{\w+}", "", text))) <= allowed, key
    for language, word in (("en", "anonymous"), ("zh", "匿名")):
        assert [key for key, text in PHRASES[language].items() if word in text] == ["checklist_about"]


def test_no_flipped_byte_of_the_evidence_goes_unnoticed(tmp_path: Path) -> None:
    held = house.files()
    places = ((name, round(len(held[name]) * at / 4)) for name in sorted(held) for at in range(4))
    for number, (name, place) in enumerate(places):
        try:
            found = fields(tmp_path / str(number), flip(name, place)(held))
        except DpInsightsError:
            continue
        assert any(field.state == "faulty" for field in found.values()), (name, place)
