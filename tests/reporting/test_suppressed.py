"""A number that is not shown is nowhere: whatever it was, every file, page and view is the same to the byte."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpinsights.estimation.suppression import not_shown
from dpinsights.model.names import LANGUAGES, FrozenMap
from dpinsights.model.release import Flag, Release, ResultTable
from dpinsights.reporting.data import read_release, release_json, tables_csv
from dpinsights.reporting.documents import render
from dpinsights.reporting.frames import rows_of_numbers, rows_of_tests
from dpinsights.reporting.notebook import release_view
from dpinsights.reporting.view import view_of
from dpinsights.reporting.words import Words
from tests.estimation.test_suppression import COUNTY, answered, count, planned
from tests.reporting.measures import measures
from tests.reporting.parsing import parse
from tests.reporting.releases import names, quarterly

PLAN = planned(
    counties=count(COUNTY, out_of="people", compare={"by": COUNTY, "to": "total"}),
    crossed=count("rich", COUNTY, test="independence"),
    means={
        "share": "bank.customers.balance > 500", "by": [COUNTY], "compare": {"by": COUNTY, "to": "a"}, "test": "difference",
    },
    bins={"histogram": "bank.customers.age", "cuts": [30, 60]},
    steps={"funnel": ["bank.customers.balance > 0", "bank.customers.balance > 500"]},
)  # fmt: skip
TOO_SMALL = ((3, 2, 1), (9, 8, 9), (-40, 0, -7))


def released(small: tuple[int, int, int]) -> Release:
    one, other, third = small
    tables = answered(
        replace(PLAN, families=()),
        {
            "counties": {"value": [400, one, 900, 700]},
            "crossed": {"value": [4000, other, 9000, 7000, 4000, 3000, 2000, 1000]},
            "means": {"numerator": [2000, third, 3000, 400], "denominator": [4000, third, 4000, 900]},
            "bins": {"value": [500, third, 700]},
            "steps": {"value": [4000, 900 - third, third]},  # the first step holds the second
        },
    )
    parties = FrozenMap({"bank": names("Bank", "银行"), "shop": names("Shop", "商城")})
    return replace(
        quarterly(), tables=tuple(tables.values()), parties=parties, audience="bank", account="bank"
    )


def artefacts(release: Release, templates: Path) -> Iterator[str]:
    yield release_json(release)
    for language in LANGUAGES:
        yield from tables_csv(release, language).values()
        yield render(release, language=language)
        yield render(release, language=language, template="own", templates=templates)
        yield release_view(release, language)
        yield repr(view_of(release, Words(language)))
    for table in release.tables:
        yield repr(rows_of_numbers(table))
        yield repr(rows_of_tests(table))


def test_what_was_hidden_is_nowhere(tmp_path: Path) -> None:
    own = "{{ results }}{{ questions }}{{ headlines }}{{ statement }}{{ doc }}"
    (tmp_path / "own.html").write_text(own, encoding="utf-8")
    first, *others = [list(artefacts(released(small), tmp_path)) for small in TOO_SMALL]
    for other in others:
        assert other == first
    shown = list(artefacts(released((300, 300, 300)), tmp_path))
    assert sum(a != b for a, b in zip(shown, first, strict=True)) > len(first) / 2


def test_a_release_with_hidden_numbers_reads_back() -> None:
    release = released((1, 2, 3))
    assert read_release(release_json(release)) == release


@pytest.mark.parametrize(
    ("language", "said", "note", "unsaid"),
    [
        ("en", "not shown", "below the smallest group (10)", "given that the number is shown is not stated"),
        ("zh", "不予显示", "低于最小分组（10）", "此处不作说明"),
    ],
)
def test_the_page_says_so(language: str, said: str, note: str, unsaid: str) -> None:
    page = parse(render(released((1, 2, 3)), language=language)).text()
    hidden = [cell for table in released((1, 2, 3)).tables for cell in table.cells]
    assert page.count(said) >= sum(Flag.SUPPRESSED in cell.estimate.flags for cell in hidden) > 5
    assert note in page
    assert unsaid in page
    assert said not in parse(render(quarterly(), language=language)).text()


def test_csv_and_frames_have_no_number() -> None:
    release = released((1, 2, 3))
    lines = tables_csv(release, "en")["counties.csv"].splitlines()
    head, hidden = lines[0].split(","), lines[2].split(",")
    row = dict(zip(head, hidden, strict=True))
    assert [row[name] for name in ("value", "low", "high", "margin")] == [""] * 4
    assert row["flags"] == "suppressed"
    (table,) = [table for table in release.tables if table.name == "counties"]
    assert math.isnan(rows_of_numbers(table)[1]["value"])
    assert [rows_of_numbers(table)[1][name] for name in ("low", "high")] == [-math.inf, math.inf]


def every(table: ResultTable, *, but: int = 0) -> ResultTable:
    cells = (replace(cell, estimate=not_shown(cell.estimate)) for cell in table.cells[but:])
    return replace(table, cells=(*table.cells[:but], *cells), smallest_group=10)


@pytest.mark.parametrize("but", [0, 1, 2])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_table_and_chart_does_without_numbers(language: str, but: int) -> None:
    """All numbers hidden, or all but the first ones."""
    release = measures()
    release = replace(release, tables=tuple(every(table, but=but) for table in release.tables))
    page = render(release, language=language)
    assert "NaN" not in page
    assert "Infinity" not in page

    def numbers(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if part.get("state") == "suppressed" and "exact" in part:
                yield part
            for inner in part.values():
                yield from numbers(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from numbers(inner)

    found = list(numbers(view_of(release, Words(language))["results"]))
    assert len(found) == sum(max(len(table.cells) - but, 0) for table in release.tables)
    for one in found:
        assert [one[name] for name in ("exact", "low", "high", "margin", "interval", "below")] == [""] * 6
        assert (one["shade"], one["marks"]) == (0, "")
