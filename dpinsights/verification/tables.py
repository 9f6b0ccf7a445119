"""Tables: each CSV is written again from the release, and what differs is named by table, keys and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from dpinsights.errors import InternalError, ReportError
from dpinsights.model.names import LANGUAGES
from dpinsights.model.release import Release
from dpinsights.reporting.data import tables_csv
from dpinsights.reporting.words import Words
from dpinsights.verification.evidence import RELEASE, Evidence
from dpinsights.verification.findings import Finding, failed, passed
from dpinsights.verification.pages import same_version, some

_FOLDER = "tables/"
_NUMBERS = frozenset({"value", "low", "high", "margin", "statistic", "degrees", "p_value", "address"})


def tables(evidence: Evidence) -> Iterator[Finding]:
    """Every table of the release is there as CSV, with its numbers, and there is no other."""
    release = evidence.release
    found = {name: content for name, content in evidence.files.items() if name.endswith(".csv")}
    if release is None:
        yield from (failed("unchecked", name) for name in found or [_FOLDER])
        return
    try:
        written = [tables_csv(release, language) for language in LANGUAGES]
    except (InternalError, ReportError) as fault:
        yield failed("page-unreadable", RELEASE, why=fault)
        return
    for name in sorted({*found, *(_FOLDER + one for one in written[0])}):
        inner = name.removeprefix(_FOLDER)
        if name not in found:
            yield failed("page-missing", name)
        elif name == inner or inner not in written[0]:
            yield failed("page-unknown", name)
        else:
            yield from some(_table(release, name, [one[inner] for one in written], found[name]), name)


def _table(release: Release, name: str, ours: list[str], content: bytes) -> Iterator[Finding]:
    """Labels are in one of the languages; which one, the file shows."""
    try:
        theirs = content.decode("utf-8")
    except UnicodeDecodeError:
        yield failed("page-unreadable", name, why="it is not UTF-8")
        return
    if theirs in ours:
        yield passed("page-same", name)
        return
    wanted, found = [_rows(text) for text in ours], _rows(theirs)
    closest = min(wanted, key=lambda rows: _distance(rows, found))
    title = _titles(release).get(name, name)
    alone = None if same_version(release) else _NUMBERS
    wrong = list(_cells(name, title, closest, found, alone))
    if wrong or alone is None:
        yield from wrong or [
            failed("page-unreadable", name, why="quotes or line ends are not as we write them")
        ]
    else:
        made, count = release.versions.get("dpinsights", ""), len(found) - 1
        yield passed("page-numbers", name, theirs=made, ours="another version", count=count)


def _rows(text: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return [[line] for line in text.split("\n")]


def _distance(rows: list[list[str]], found: list[list[str]]) -> int:
    return sum(one != other for one, other in zip(rows, found, strict=False))


def _titles(release: Release) -> dict[str, str]:
    words = Words("en")
    titles = {table.name: words.name(table.title, table.name) for table in release.tables}
    return {f"{_FOLDER}{name}.csv": title for name, title in titles.items()} | {
        f"{_FOLDER}{name}.tests.csv": f"{title}: tests" for name, title in titles.items()
    }


def _cells(
    name: str, title: str, ours: list[list[str]], theirs: list[list[str]], alone: frozenset[str] | None
) -> Iterator[Finding]:
    head = ours[0]
    keys = [
        at for at, column in enumerate(head) if at < _first_number(head) and not column.endswith(".label")
    ]
    for number, (wanted, found) in enumerate(zip(ours, theirs, strict=False), start=1):
        row = [wanted[at] for at in keys] if number > 1 else ["heading"]
        if len(found) != len(wanted):
            place = " | ".join([title, *row, f"line {number}"])
            yield failed(
                "page-line", name, place, ours=f"{len(wanted)} columns", theirs=f"{len(found)} columns"
            )
            continue
        for column, one, other in zip(head, wanted, found, strict=True):
            if one != other and (alone is None or column in alone):
                place = " | ".join([title, *row, column])
                yield failed("page-cell", name, place, ours=f"“{one}”", theirs=f"“{other}”")
    if len(ours) != len(theirs):
        yield failed("page-line", name, title, ours=f"{len(ours)} lines", theirs=f"{len(theirs)} lines")


def _first_number(head: list[str]) -> int:
    return next((at for at, column in enumerate(head) if column in ("value", "test")), len(head))
