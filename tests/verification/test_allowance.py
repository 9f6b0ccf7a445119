"""An operator who rewrites the ledger from its first entry on, and signs it: what nobody approved, and what was never drawn so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dpinsights.model.names import FrozenMap
from dpinsights.model.release import Release
from tests.verification.house import House

Change = Callable[[int, str, dict[str, Any]], object]


def _opened(name: str, value: object) -> Change:
    return lambda _, kind, body: kind == "opened" and body.update({name: value})


def _more(_: int, kind: str, body: dict[str, Any]) -> None:
    if kind == "opened":
        for account in body["accounts"]:
            account["cap_rho"] = str(2 * int(account["cap_rho"]))


def _charged(**fields: object) -> Change:
    return lambda _, kind, body: kind == "charged" and body.update(fields)


def _free(_: int, kind: str, body: dict[str, Any]) -> None:
    """Nothing was charged, and nothing used."""
    if kind == "charged":
        for item in body["items"]:
            item.update(
                verdict="free",
                uses=[],
                account={"rho": "0", "delta": "0"},
                lifetime={"rho": "0", "delta": "0"},
            )


def _another(_: int, kind: str, body: dict[str, Any]) -> None:
    """A mechanism that costs less on paper."""
    if kind == "charged":
        for item in body["items"]:
            item["specification"]["kind"] = "exponential"


def _real(_: int, kind: str, body: dict[str, Any]) -> None:
    if kind == "charged":
        body.update(origin="real", permit=None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_opened("conversion_delta", "0.01"), "policy-kept"),
        (_opened("discovery_delta", "0.00000000002"), "policy-kept"),
        (_more, "policy-kept"),
        (_charged(exploration=True), "ledger-permits"),
        (_charged(account="exploration"), "ledger-permits"),
        (_real, "ledger-permits"),
        (_free, "ledger-sums"),
        (_another, "approval-same"),
    ],
)
def test_a_ledger_that_was_written_anew(house: House, change: Change, code: str) -> None:
    found = {one.code for one in house.faults(house.rewritten(house.second, change))}
    assert code in found


def test_a_report_for_a_party_over_real_customers_needs_an_approval(house: House) -> None:
    real = house.restated(house.rehearsal, lambda release: replace(release, origin="real"))
    assert "approval-needed" in {one.code for one in house.faults(real)}


@pytest.mark.parametrize(
    "words",
    [
        lambda release: replace(release, summary=FrozenMap(en="Exact, and audited")),
        lambda release: replace(
            release, parties=FrozenMap({**release.parties, "jd": FrozenMap(en="Somebody")})
        ),
        lambda release: replace(release, statement=replace(release.statement, adjacency="none")),
        lambda release: replace(
            release, tables=(replace(release.tables[0], note=FrozenMap(en="exact")), *release.tables[1:])
        ),
    ],
)
def test_words_that_nobody_signed(house: House, words: Callable[[Any], Any]) -> None:
    assert "approval-same" in {one.code for one in house.faults(house.restated(house.second, words))}


@pytest.mark.parametrize(
    "fields",
    [
        {"scale": 0.01},
        {"draws": 2},
        {"mechanism": "none"},
        {"rho_two": 0.0},
        {"l2_squared": 7},
        {"rho_units": 1},
    ],
)
def test_noise_that_was_not_drawn_so(house: House, fields: dict[str, Any]) -> None:
    def change(release: Release) -> Release:
        first, *rest = release.tables
        noise = (replace(first.noise[0], **fields), *first.noise[1:])
        return replace(release, tables=(replace(first, noise=noise), *rest))

    for files in (house.second, house.rehearsal):
        assert "spending" in {one.code for one in house.faults(house.restated(files, change))}


def test_noise_that_is_left_out_or_exchanged(house: House) -> None:
    def without(release: Release) -> Release:
        return replace(release, tables=tuple(replace(table, noise=()) for table in release.tables))

    assert "spending" in {one.code for one in house.faults(house.restated(house.second, without))}


@pytest.mark.parametrize("name", ["more.json", "notes.md", "ledger2.jsonl"])
def test_a_file_that_no_release_has(house: House, name: str) -> None:
    added = house.resigned({**house.second, name: b"{}"})
    assert ("page-unknown", name) in {(one.code, one.file) for one in house.faults(added)}


def test_a_page_in_one_language_alone_is_half_a_release(house: House) -> None:
    rest = {name: content for name, content in house.second.items() if name != "report.zh.html"}
    assert ("page-missing", "report.zh.html") in {
        (one.code, one.file) for one in house.faults(house.resigned(rest))
    }


def test_a_template_that_nobody_signed_is_not_run(house: House) -> None:
    slow = b"{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}"
    files = house.resigned({**house.second, "templates/partner.html": slow})
    assert {"approval-same"} <= {one.code for one in house.faults(files)}
