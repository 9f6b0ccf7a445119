"""A release as data: JSON that reads back as the same release, and one CSV file for each table.

The JSON form is version 1 of a stored format and is never redefined. It is one object:

- `format`: always `dpinsights-release`; `format_version`: always `1`.
- `marks`: a list of {code, en, zh}: `synthetic` for made-up populations, `not-approved` for reports not
  approved, `exploration` for what is for no party.
- `release`: the release, field for field as `dpinsights.model.release` describes it. Every number is decimal
  text with all its digits (noise scales and rho are the shortest decimal text of a double), days are
  YYYY-MM-DD, absent values are null. The end of an interval that has no limit is `-Infinity` or `Infinity`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from dpinsights.errors import ReportError
from dpinsights.model.names import LANGUAGES
from dpinsights.model.numbers import plain
from dpinsights.model.release import Cell, Release, ResultTable
from dpinsights.reporting.codec import WrongDataError, from_data, to_data
from dpinsights.reporting.kinds import LINEAR, kind_of
from dpinsights.reporting.labels import Labels
from dpinsights.reporting.marks import marks_of
from dpinsights.reporting.words import Words, visible

FORMAT = "dpinsights-release"
FORMAT_VERSION = "1"

_LARGEST = 512 * 1024 * 1024
# What a spreadsheet takes for a formula, once it has skipped white space and a byte order mark.
_FORMULA = frozenset("=+-@\t\r\n\0＝＋－＠")


def release_json(release: Release) -> str:
    """The release as JSON, all of it exact; the same text for the same release."""
    data = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "marks": _marks(release),
        "release": to_data(release),
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _marks(release: Release) -> list[dict[str, str]]:
    by_language = {language: marks_of(release, Words(language)) for language in LANGUAGES}
    return [
        {
            "code": mark["code"],
            **{language: str(marks[at]["text"].unescape()) for language, marks in by_language.items()},
        }
        for at, mark in enumerate(by_language[LANGUAGES[0]])
    ]


def read_release(text: str) -> Release:
    """The release that `release_json` wrote.

    Raises:
        ReportError: for what is no release, has an unknown version, holds a key twice or a number that is no
            text, or whose marks are not those of its release.
    """
    if len(text) > _LARGEST:
        raise ReportError("this is too large for a release")
    try:
        data = json.loads(
            text,
            object_pairs_hook=_once,
            parse_float=_no_number,
            parse_int=_no_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        raise ReportError(f"this is no release: {error}") from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ReportError(f"this is no release: expected an object whose format is {FORMAT!r}")
    if data.get("format_version") != FORMAT_VERSION:
        raise ReportError(
            f"a release of format version {data.get('format_version')!r} can't be read: "
            f"expected {FORMAT_VERSION!r}; read it with the version of dpinsights that wrote it"
        )
    if set(data) != {"format", "format_version", "marks", "release"}:
        raise ReportError(
            "this is no release: expected format, format_version, marks and release, and nothing else"
        )
    try:
        release: Release = from_data(Release, data["release"])
    except (WrongDataError, TypeError) as error:
        raise ReportError(f"this is no release: {error}") from None
    if data["marks"] != _marks(release):
        raise ReportError("the marks of this file are not those of its release: it was edited")
    return release


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"numbers are written as text, found {text[:40]}")


def tables_csv(release: Release, language: str) -> Mapping[str, str]:
    """One CSV text for each table, by file name, with all digits; a second one with its tests, if it has any.

    Columns: for each axis its key (named after its source) and its label in the language; `value` (empty
        where the
    interval is too wide to say), `low`, `high`, `margin` (empty where there is no limit), `unit`, `flags` (separated by spaces), `address`,
    and on every line `origin` and `approval`. Texts that a spreadsheet would take for a formula begin with an
    apostrophe; numbers are plain.
    """
    words = Words(language)
    files: dict[str, str] = {}
    for table in release.tables:
        files[f"{table.name}.csv"] = _csv(release, table, words)
        if table.tests:
            files[f"{table.name}.tests.csv"] = _tests_csv(release, table, words)
    return files


def _csv(release: Release, table: ResultTable, words: Words) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    axes = [name for axis in axis_names(table) for name in (axis, f"{axis}.label")]
    writer.writerow(
        [text_cell(name) for name in axes]
        + ["value", "low", "high", "margin", "unit", "flags", "address", "origin", "approval"]
    )
    constant = _constant(release, words)
    labels = Labels(release, table, words)
    for cell in table.cells:
        writer.writerow([*_cells(cell, table, labels), *constant])
    return out.getvalue()


def axis_names(table: ResultTable) -> list[str]:
    """The sources of the axes, each once: of a pair, the second has a number."""
    sources = [axis.source for axis in table.axes]
    return [f"{name}.2" if name in sources[:at] else name for at, name in enumerate(sources)]


def _constant(release: Release, words: Words) -> list[str]:
    """What stands on every line: the origin of the data, and whether the report was approved."""
    marked = {mark["code"]: f"{mark['code']}: {mark['text'].unescape()}" for mark in marks_of(release, words)}
    return [
        marked.get("synthetic", "real"),
        marked.get("exploration") or marked.get("not-approved", "approved"),
    ]


def _tests_csv(release: Release, table: ResultTable, words: Words) -> str:
    """One line for each test: what it is about, statistic, degrees of freedom, p-value, and whether it was found."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    axes = [axis.source for axis in table.axes][: len(table.tests[0].keys)]
    head = ["test", "statistic", "degrees", "p_value", "found", "origin", "approval"]
    writer.writerow([text_cell(name) for name in axes] + head)
    for test in table.tests:
        tested = test.p_value is not None
        figures = [repr(test.statistic), test.degrees or "", repr(test.p_value)] if tested else ["", "", ""]
        found = "true" if test.found else "false"
        writer.writerow(
            [*(text_cell(key) for key in test.keys), test.name, *figures, found, *_constant(release, words)]
        )
    return out.getvalue()


def _cells(cell: Cell, table: ResultTable, labels: Labels) -> Iterator[str]:
    for key, named in zip(cell.keys, labels.of(cell.keys), strict=True):
        yield text_cell(key)
        yield text_cell(named)
    estimate = cell.estimate
    yield "" if estimate.value is None else plain(estimate.value)
    for number in (estimate.low, estimate.high, estimate.margin):
        yield plain(number) if number.is_finite() else ""
    yield text_cell(unit_of(table))
    yield " ".join(flag.value for flag in estimate.flags)
    yield text_cell(cell.address)


def unit_of(table: ResultTable) -> str:
    """The unit of a table's numbers as data: a share is a number from 0 to 1, an index 100 where it is equal."""
    kind = kind_of(table)
    if kind.base == "coefficient":
        return f"{table.unit or 1} per unit"
    if kind.comparison == "index":
        return "index"
    counted = kind.base in LINEAR and kind.comparison in ("", "difference")
    return table.unit or (kind.base.removeprefix("running-") if counted else "1")


def text_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula, on one line.

    >>> text_cell("=cmd"), text_cell(" +1"), text_cell("大众"), text_cell("18-24")
    ("'=cmd", "' +1", '大众', '18-24')
    """
    start = text.lstrip(" \u00a0\u3000\ufeff")[:1]
    guarded = bool(start) and (start in _FORMULA or text[:1] in _FORMULA)
    return ("'" if guarded else "") + visible(text)
