"""A digit that was altered in a page or a table: its cell is named, even if the receipt was made to fit."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpinsights.model.names import FrozenMap
from dpinsights.model.release import Release
from dpinsights.reporting.files import bundle
from dpinsights.reporting.labels import Labels
from dpinsights.reporting.words import Words
from dpinsights.verification.comparing import differences
from dpinsights.verification.findings import Finding
from dpinsights.verification.markup import Places, numbers
from dpinsights.verification.pages import MOST
from tests.reporting.releases import approved, hostile, large
from tests.verification.house import Files, House, release_of

SOME = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
PICK = st.integers(0, 2**32)
PAGES = ("report.en.html", "report.zh.html")
NUMBER = re.compile(r'<data class="number"[^>]*data-address="([^"]+)"[^>]*>([^<]+)')


def another(digit: str) -> str:
    return str((int(digit) + 3) % 10)


def altered(text: str, at: int) -> str:
    """The text with the digit at a place turned into another."""
    return text[:at] + another(text[at]) + text[at + 1 :]


def digits_of(page: str) -> list[tuple[re.Match[str], int]]:
    """Each digit that a reader sees of a number: some numbers are not shown, being too wide."""
    return [(one, at) for one in NUMBER.finditer(page) for at in range(*one.span(2)) if page[at].isdecimal()]


def places_of(release: Release, address: str, language: str) -> tuple[str, ...]:
    """What a reader sees around a number: its table's title and the labels of its keys."""
    words = Words(language)
    for table in release.tables:
        labels = Labels(release, table, words)
        for cell in table.cells:
            if cell.address == address:
                return (words.name(table.title, table.name), *(labels.of(cell.keys)))
    raise AssertionError(address)


def shown(house: House, files: Files, name: str, text: str, *, signed: bool) -> tuple[Finding, ...]:
    """What is found in a file whose text was changed: with the old receipt, or with one that the operator made to fit."""
    changed = {**files, name: text.encode()}
    found = house.faults(house.resigned(changed) if signed else changed, house.earlier)
    assert signed or any(one.code == "file-changed" and one.file == name for one in found)
    assert all(one.file == name for one in found)
    return tuple(one for one in found if one.code != "file-changed")


@SOME
@given(PICK, st.sampled_from(PAGES), st.booleans())
def test_an_altered_number_of_a_page_is_named_by_its_table_row_and_column(
    house: House, pick: int, name: str, signed: bool
) -> None:
    page = house.second[name].decode()
    digits = digits_of(page)
    number, at = digits[pick % len(digits)]
    found = shown(house, house.second, name, altered(page, at), signed=signed)
    assert [one.code for one in found] == ["page-cell"]
    for part in places_of(release_of(house.second), number[1], name.split(".")[1]):
        assert part in found[0].place, (part, found[0].place)
    assert any(f"“{word}”" in found[0].text for word in number[2].split())


@SOME
@given(PICK, st.sampled_from(PAGES), st.booleans())
def test_any_altered_digit_of_a_page_is_named(house: House, pick: int, name: str, signed: bool) -> None:
    page = house.second[name].decode()
    digits = [at for at, letter in enumerate(page) if letter in "0123456789"]
    at = digits[pick % len(digits)]
    found = shown(house, house.second, name, altered(page, at), signed=signed)
    assert found and {one.code for one in found} <= {"page-cell", "page-line"}
    line = page.count("\n", 0, at) + 1
    if "<td" in page.split("\n")[line - 1]:
        assert {one.code for one in found} == {"page-cell"}
    assert any(one.code == "page-cell" or f"line {line}," in f"{one.place}," for one in found)


@SOME
@given(PICK, PICK, st.booleans())
def test_an_altered_digit_of_a_table_is_named_by_its_table_keys_and_column(
    house: House, pick: int, table: int, signed: bool
) -> None:
    names = [one for one in house.second if one.startswith("tables/")]
    name = names[table % len(names)]
    rows = list(csv.reader(io.StringIO(house.second[name].decode(), newline="")))
    digits = [
        (row, column, at)
        for row, texts in enumerate(rows)
        for column, text in enumerate(texts)
        for at, letter in enumerate(text)
        if row and letter in "0123456789"
    ]
    row, column, at = digits[pick % len(digits)]
    text = rows[row][column]
    keys = [text for text, head in zip(rows[row], rows[0], strict=True) if f"{head}.label" in rows[0]]
    rows[row][column] = altered(text, at)
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    found = shown(house, house.second, name, out.getvalue(), signed=signed)
    assert [one.code for one in found] == ["page-cell"]
    title = next(
        table.title["en"]
        for table in release_of(house.second).tables
        if name.split("/")[1].removesuffix(".csv").removesuffix(".tests") == table.name
    )
    assert found[0].place.startswith(title) and found[0].place.endswith(f"| {rows[0][column]}")
    assert all(key in found[0].place for key in keys)
    assert text in found[0].text and rows[row][column] in found[0].text


def test_epsilon_misstated_on_a_page_alone_is_named(house: House) -> None:
    page = house.second["report.en.html"].decode()
    start = page.index("This report, a whole customer changed")
    at = page.index(">1", start) + 1
    (found,) = shown(house, house.second, "report.en.html", altered(page, at), signed=True)
    assert found.code == "page-cell" and "Privacy loss | This report" in found.place


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("</main>", "<p>More.</p>\n</main>"),
        lambda text: text.replace("<h1>", "<h1 hidden>"),
        lambda text: (
            text.replace("SYNTHETIC", "REAL").replace("Synthetic", "Real").replace("synthetic", "real")
        ),
        lambda text: "",
        lambda text: text * 2,
        lambda text: "\n" * 9000 + text[:5000],
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\n".join(text.split("\n")[50:]),
    ],
)
def test_text_that_was_changed_added_or_cut_is_noticed(house: House, change: Callable[[str], str]) -> None:
    for name in ("report.en.html", "tables/segments.csv"):
        text = change(house.second[name].decode())
        if text != house.second[name].decode():
            found = shown(house, house.second, name, text, signed=True)
            assert found and len(found) <= MOST + 1


def test_a_page_that_is_no_text_or_of_no_language_is_refused(house: House) -> None:
    for name, content, code in (
        ("report.en.html", b"\xff\xfe", "page-unreadable"),
        ("tables/segments.csv", b"\xff\xfe", "page-unreadable"),
        ("report.fr.html", b"<p>1</p>", "page-unknown"),
        ("more.html", b"<p>1</p>", "page-unknown"),
        ("tables/more.csv", b"a,b\n", "page-unknown"),
        ("segments.csv", b"a,b\n", "page-unknown"),
    ):
        (found,) = house.faults(house.resigned({**house.second, name: content}))
        assert (found.code, found.file) == (code, name)
    without = {name: content for name, content in house.second.items() if name != "tables/segments.csv"}
    (found,) = house.faults(house.resigned(without))
    assert (found.code, found.file) == ("page-missing", "tables/segments.csv")
    without = {name: content for name, content in house.second.items() if name not in PAGES}
    both = house.faults(house.resigned(without))
    assert [(one.code, one.file) for one in both] == [("page-missing", name) for name in PAGES]


def test_a_table_that_lies_in_an_expected_line_break_or_quote_is_refused(house: House) -> None:
    text = house.second["tables/segments.csv"].decode().replace("value", '"value"', 1)
    (found,) = shown(house, house.second, "tables/segments.csv", text, signed=True)
    assert found.code == "page-unreadable"


def test_tables_may_carry_labels_of_either_language(house: House) -> None:
    chinese = bundle(release_of(house.second), languages=("zh", "en"))
    files = {name: text.encode() for name, text in chinese.items()}
    assert house.faults(house.resigned({**house.second, **files})) == ()


def test_pages_of_the_partnerships_own_template_are_made_with_it_again(house: House, tmp_path: Path) -> None:
    own = b"<h1>{{ doc.title }}</h1>\n{% for question in questions %}<h2>{{ question.title }}</h2>{% endfor %}\n"
    (tmp_path / "short.html").write_bytes(own)
    made = bundle(release_of(house.rehearsal), template="short", templates=tmp_path)
    files = house.rehearsal | {name: text.encode() for name, text in made.items()}
    whole = house.resigned({**files, "templates/short.html": own})
    assert house.faults(whole) == ()
    name = "report.zh.html"
    (found,) = shown(house, whole, name, whole[name].decode().replace("</h2>", "7</h2>", 1), signed=True)
    assert found.code == "page-line"
    without = house.faults(house.resigned(files))
    assert {one.file for one in without} == set(PAGES)
    other = house.faults(house.resigned({**whole, "templates/short.html": own.replace(b"h1", b"h3")}))
    assert {one.file for one in other} == set(PAGES)
    wrong = house.faults(house.resigned({**whole, "templates/short.html": b"{{ doc.nothing }}"}))
    assert {one.file for one in wrong} == set(PAGES)


def of_another_version(house: House, change: Callable[[str], str] = lambda text: text) -> tuple[Finding, ...]:
    """What is found in a release by an older dpinsights, whose pages were worded differently."""

    def older(release: Release) -> Release:
        return replace(release, versions=FrozenMap({**release.versions, "dpinsights": "0.0.9"}))

    files = house.restated(house.second, older)
    for name in PAGES:
        page = files[name].decode().replace("<h2>", "<h2>§ ")
        files[name] = change(page).encode()
    return house.verify(house.resigned(files))


def test_of_another_version_the_numbers_alone_are_compared_and_that_is_said(house: House) -> None:
    found = of_another_version(house)
    assert {one.code for one in found if not one.ok} == {"approval-same"}  # the lock was of this version
    said = [one for one in found if one.code == "page-numbers"]
    assert {one.file for one in said} == set(PAGES) and all("0.0.9" in one.text for one in said)
    number, _ = digits_of(house.second["report.en.html"].decode())[0]
    found = of_another_version(house, lambda page: altered(page, digits_of(page)[0][1]))
    wrong = [one for one in found if one.code == "page-cell"]
    assert {one.file for one in wrong} == set(PAGES)
    assert wrong[0].place.startswith(places_of(release_of(house.second), number[1], "en")[0])


@pytest.mark.parametrize("release", [approved(), large(), hostile()], ids=["quarterly", "large", "hostile"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_marked_number_of_a_page_has_a_place(release: Release, language: str) -> None:
    page = bundle(release, languages=(language,))[f"report.{language}.html"]
    places = Places(page, {})
    found = list(NUMBER.finditer(page))
    assert len(found) == sum(len(table.cells) for table in release.tables)
    for number in found:
        covering = places.covering(*number.span(2))
        assert len(covering) == 1 and " | " in covering[0]
    assert set(numbers(page)) == {cell.address for table in release.tables for cell in table.cells}


@given(st.text("ab1<>\n ", max_size=60), st.text("ab1<>\n ", max_size=60))
def test_texts_differ_somewhere_just_if_they_are_not_the_same(one: str, other: str) -> None:
    assert bool(list(differences(one, other))) == (one != other)
