"""JSON that reads back as the same release; CSV that a spreadsheet takes for text and numbers."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from dpinsights.errors import ReportError
from dpinsights.model.names import LANGUAGES
from dpinsights.model.release import Release, ResultTable
from dpinsights.reporting.data import read_release, release_json, tables_csv, text_cell
from dpinsights.reporting.documents import render
from dpinsights.reporting.phrases import PHRASES
from tests.reporting.measures import measures
from tests.reporting.releases import HOSTILE_KEYS, approved, hostile, large, quarterly

RELEASES = [quarterly(), approved(), large(), hostile(), measures()]
IDS = ["quarterly", "approved", "large", "hostile", "measures"]


@pytest.mark.parametrize("release", RELEASES, ids=IDS)
def test_json_reads_back_as_the_same_release(release: Release) -> None:
    text = release_json(release)
    again = read_release(text)
    assert again == release
    assert release_json(again) == text == release_json(release)
    assert text.endswith("\n") and "\r" not in text
    for language in LANGUAGES:  # the order of names, too, is kept
        assert render(again, language=language) == render(release, language=language)


def test_json_keeps_every_digit() -> None:
    release = quarterly()
    table = release.tables[1]
    odd = replace(table.cells[0].estimate, value=Decimal("123456789012345678901234567890.123456789"))
    odd = replace(odd, low=Decimal("-0.000000000000000000000000000001"), high=Decimal("1E+29"))
    noise = replace(table.noise[0], scale=0.1 + 0.2, l2_squared=2**70 + 1, rho=1e-17)
    changed = replace(table, cells=(replace(table.cells[0], estimate=odd), *table.cells[1:]), noise=(noise,))
    again = read_release(release_json(replace(release, tables=(changed,)))).tables[0]
    assert again == changed
    assert again.noise[0].scale == 0.30000000000000004


def test_json_holds_no_bare_number() -> None:
    def numbers(data: Any) -> list[Any]:
        if isinstance(data, dict):
            return [n for value in data.values() for n in numbers(value)]
        if isinstance(data, list):
            return [n for value in data for n in numbers(value)]
        return [data] if isinstance(data, int | float) and not isinstance(data, bool) else []

    assert numbers(json.loads(release_json(quarterly()))) == []


def test_json_bears_the_marks_in_every_language() -> None:
    marks = json.loads(release_json(quarterly()))["marks"]
    assert [mark["code"] for mark in marks] == ["synthetic", "not-approved"]
    for language in LANGUAGES:
        assert [mark[language] for mark in marks] == [
            PHRASES[language]["mark_synthetic"],
            PHRASES[language]["mark_unapproved"],
        ]
    assert json.loads(release_json(approved()))["marks"] == []


def _edited(change: Any) -> str:
    data = json.loads(release_json(quarterly()))
    change(data)
    return json.dumps(data)


def _first(data: Any) -> Any:
    return data["release"]["tables"][0]["cells"][0]["estimate"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no release"),
        ("[]", "format"),
        ("{}", "format"),
        ('{"format": "x"}', "format"),
        ('{"format": "dpinsights-release", "format": "dpinsights-release"}', "twice"),
        ('{"format": NaN}', "numbers are written as text"),
        ('{"format": Infinity}', "numbers are written as text"),
        ('{"format": 1}', "numbers are written as text"),
        ('{"format": 1.5}', "numbers are written as text"),
        ("[" * 100_000, "no release"),
        (_edited(lambda d: d.update(format_version="2")), "version '2'"),
        (_edited(lambda d: d.pop("format_version")), "version None"),
        (_edited(lambda d: d.update(more="x")), "nothing else"),
        (_edited(lambda d: d.pop("marks")), "nothing else"),
        (_edited(lambda d: d.update(marks=[])), "edited"),
        (_edited(lambda d: d["release"].update(origin="real")), "edited"),
        (_edited(lambda d: d["release"].update(approved=True)), "edited"),
        (_edited(lambda d: d["release"].update(approved="true")), "release.approved"),
        (_edited(lambda d: d["release"].update(more="x")), "'more'"),
        (_edited(lambda d: d["release"].pop("tables")), "'tables'"),
        (_edited(lambda d: d["release"].update(start="2017-13-01")), "release.start"),
        (_edited(lambda d: d["release"].update(version="1.5")), "release.version"),
        (_edited(lambda d: d["release"].update(parties=[])), "release.parties"),
        (_edited(lambda d: d["release"].update(tables={})), "release.tables"),
        (_edited(lambda d: _first(d).update(value="NaN")), "tables[0].cells[0].estimate.value"),
        (_edited(lambda d: _first(d).update(low="Infinity")), "estimate.low"),
        (_edited(lambda d: _first(d).update(low=None)), "estimate.low"),
        (_edited(lambda d: _first(d).update(high="-Infinity")), "estimate.high"),
        (_edited(lambda d: _first(d).update(value="Infinity")), "estimate.value"),
        (_edited(lambda d: d["release"]["tables"][0].update(low="-Infinity")), "tables[0].low"),
        (_edited(lambda d: _first(d).update(flags=["unknown"])), "estimate.flags[0]"),
        (_edited(lambda d: d["release"]["tables"][0]["noise"][0].update(scale="1e400")), "scale"),
        (_edited(lambda d: d["release"]["tables"][0]["noise"][0].update(l0="١")), "l0"),
    ],
)
def test_what_is_no_release_is_refused(text: str, said: str) -> None:
    with pytest.raises(ReportError) as caught:
        read_release(text)
    assert said in str(caught.value)


def test_files_of_earlier_releases_without_later_fields_read() -> None:
    assert read_release(_edited(lambda d: d["release"].pop("names"))).names == {}


def test_every_field_of_a_release_is_written() -> None:
    data = json.loads(release_json(quarterly()))["release"]

    def check(noun: Any, data: Any) -> None:
        if is_dataclass(noun) and not isinstance(noun, type):
            assert set(data) == {field.name for field in fields(noun)}
            for field in fields(noun):
                check(getattr(noun, field.name), data[field.name])
        elif isinstance(noun, tuple):
            for inner, item in zip(noun, data, strict=True):
                check(inner, item)

    check(quarterly(), data)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("release", RELEASES, ids=IDS)
def test_csv_holds_every_number_exactly(release: Release, language: str) -> None:
    files = tables_csv(release, language)
    tested = {f"{table.name}.tests.csv" for table in release.tables if table.tests}
    assert [name for name in files if name not in tested] == [f"{table.name}.csv" for table in release.tables]
    assert tested <= set(files)
    for table in release.tables:
        text = files[f"{table.name}.csv"]
        assert not text.startswith("\ufeff") and "\r" not in text and text.endswith("\n")
        head, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert len(lines) == len(table.cells) == text.count("\n") - 1
        for line, cell in zip(lines, table.cells, strict=True):
            row = dict(zip(head[2 * len(table.axes) :], line[2 * len(table.axes) :], strict=True))
            estimate = cell.estimate
            assert (Decimal(row["value"]) if row["value"] else None) == estimate.value
            for column, number in zip(
                ("low", "high", "margin"), (estimate.low, estimate.high, estimate.margin), strict=True
            ):
                assert row[column] == "" if number.is_infinite() else Decimal(row[column]) == number
            assert row["flags"].split() == [flag.value for flag in estimate.flags]
            synthetic, unapproved = PHRASES[language]["mark_synthetic"], PHRASES[language]["mark_unapproved"]
            assert row["origin"] == ("real" if release.origin == "real" else f"synthetic: {synthetic}")
            assert row["approval"] == ("approved" if release.approved else f"not-approved: {unapproved}")


def test_csv_heads_and_labels() -> None:
    text = tables_csv(quarterly(), "zh")["segments.csv"]
    head, first = text.splitlines()[:2]
    assert head == (
        "icbc.customers.wealth_tier,icbc.customers.wealth_tier.label,shopper_level,shopper_level.label,"
        "value,low,high,margin,unit,flags,address,origin,approval"
    )
    assert first.startswith("mass,大众,none,无消费,")
    assert ",CNY," in tables_csv(quarterly(), "en")["spend_by_tier.csv"]


def test_csv_texts_are_no_formulas() -> None:
    for name, text in tables_csv(hostile(), "en").items():
        table = next(t for t in hostile().tables if f"{t.name}.csv" == name)
        head, *lines = csv.reader(io.StringIO(text))
        count = 2 * len(table.axes)
        for line in [head, *lines]:
            texts = [*line[:count], line[count + 4], line[count + 6]]
            for cell in texts:
                assert cell.lstrip(" \u00a0\u3000\ufeff")[:1] not in set("=+-@\t\r\n\0＝＋－＠") - {""}
                assert all(ord(character) >= 32 for character in cell)
        if lines[0][count] and table is hostile().tables[0]:
            assert {line[count][0] for line in lines} >= {"-"}  # numbers may be negative, and stay plain


@pytest.mark.parametrize("text", [*HOSTILE_KEYS, " =x", "\ufeff=x", "\u3000＋x", "", " "])
def test_text_cell(text: str) -> None:
    cell = text_cell(text)
    start = text.lstrip(" \u00a0\u3000\ufeff")[:1]
    assert cell.startswith("'") == (start in set("=+-@\t\r\n\0＝＋－＠") if start else False)
    assert len(cell) - len(text) in (0, 1)


def test_columns_do_not_depend_on_numbers() -> None:
    table: ResultTable = quarterly().tables[0]
    assert tables_csv(replace(quarterly(), tables=(table,)), "en")["shared_customers.csv"].startswith(
        "value,low,high,"
    )
