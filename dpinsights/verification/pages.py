"""Pages: each is rendered again from the release, and what differs is named by its cell."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from dpinsights.errors import DefinitionError, InternalError, ReportError
from dpinsights.governance.approvals.receipt import FILE as RECEIPT
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.model.names import LANGUAGES
from dpinsights.model.release import Release
from dpinsights.reporting.documents import render
from dpinsights.reporting.words import Words
from dpinsights.verification.comparing import differences
from dpinsights.verification.evidence import RELEASE, Evidence
from dpinsights.verification.findings import Finding, failed, passed
from dpinsights.verification.markup import Number, Places, numbers

MOST = 20
"""Differences that are named in one file; the rest are counted."""

_PAGE = re.compile(r"report\.([a-z]{2})\.html")
_OWN = "templates/"

_BY_DIGEST = (".pdf", ".xlsx", ".parquet")
"""Kinds of documents that are checked by their digest alone."""


def pages(evidence: Evidence) -> Iterator[Finding]:
    """Every page shows the numbers of the release, formatted again and compared letter by letter."""
    release = evidence.release
    names = [
        name for name in evidence.files if name.endswith((".html", ".htm")) and not name.startswith(_OWN)
    ]
    if release is None:
        yield from (failed("unchecked", name) for name in names or ["report.en.html"])
        return
    yield from (
        failed("page-missing", page)
        for page in (f"report.{language}.html" for language in LANGUAGES)
        if page not in names
    )
    for name in names:
        page = _PAGE.fullmatch(name)
        if not page or page[1] not in LANGUAGES:
            yield failed("page-unknown", name)
            continue
        yield from _page(evidence, release, name, page[1])


def _page(evidence: Evidence, release: Release, name: str, language: str) -> Iterator[Finding]:
    try:
        theirs = evidence.files[name].decode("utf-8")
        with _templates(_own_templates(evidence)) as folder:
            candidates = [
                render(release, language=language, template=template, templates=folder)
                for template in _template_names(evidence)
            ]
    except UnicodeDecodeError:
        yield failed("page-unreadable", name, why="it is not UTF-8")
        return
    except (DefinitionError, InternalError, ReportError) as fault:
        yield failed("page-unreadable", name, why=fault)
        return
    ours = min(candidates, key=lambda one: len({*one.split("\n")} ^ {*theirs.split("\n")}))
    if theirs == ours:
        yield passed("page-same", name)
    elif same_version(release):
        yield from some(_cells(name, ours, theirs, named(release, language)), name)
    else:
        yield from some(_numbers(name, ours, theirs, named(release, language), release), name)


def _template_names(evidence: Evidence) -> list[str]:
    """What the pages may have been made of: what was locked; without a lock, any template that lies there, else ours."""
    if evidence.lock is not None:
        return [str(evidence.lock.data["report"].get("template", "partner"))]
    own = [
        name.removeprefix(_OWN).removesuffix(".html")
        for name in evidence.files
        if name.startswith(_OWN) and not name.startswith(f"{_OWN}_")
    ]
    return ["partner", *(name for name in own if name != "partner")]


def _own_templates(evidence: Evidence) -> dict[str, bytes]:
    """The release's own templates by name. Where something was signed, only what was: others could keep us busy for ever."""
    own = {name: content for name, content in evidence.files.items() if name.startswith(_OWN)}
    if evidence.lock is not None:
        signed = evidence.lock.data["templates"]
        own = {name: one for name, one in own.items() if signed.get(name) == hashlib.sha256(one).hexdigest()}
    return {name.removeprefix(_OWN): content for name, content in own.items()}


@contextmanager
def _templates(own: Mapping[str, bytes]) -> Iterator[Path | None]:
    """Templates as files: the bytes that were digested, whatever happens to the folder."""
    if not own:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, content in own.items():
            if "/" not in name:
                (Path(folder) / name).write_bytes(content)
        yield Path(folder)


def same_version(release: Release) -> bool:
    """Whether a release was made by this version of dpinsights: then every letter must be the same."""
    theirs = release.versions.get("dpinsights", "")
    return theirs.split(".")[:2] == version("dpinsights").split(".")[:2]


def named(release: Release, language: str) -> dict[str, str]:
    """What each number's address is called: its table's title and its keys."""
    words = Words(language)
    return {
        cell.address: " | ".join([words.name(table.title, table.name), *cell.keys])
        for table in release.tables
        for cell in table.cells
    }


def some(findings: Iterator[Finding], name: str) -> Iterator[Finding]:
    """The first findings, and how many more there are."""
    for count, finding in enumerate(findings):
        if count == MOST:
            yield failed("page-more", name, count=1 + sum(1 for _ in findings))
            return
        yield finding


def _cells(name: str, ours: str, theirs: str, names: Mapping[str, str]) -> Iterator[Finding]:
    places = Places(ours, names)
    for one in differences(ours, theirs):
        cells = places.covering(one.start, one.end)
        for cell in cells:
            yield failed("page-cell", name, cell, ours=_quoted(one.ours), theirs=_quoted(one.theirs))
        if not cells:
            heading = places.heading(one.start)
            place = f"line {one.line}" + (f", under {heading}" if heading else "")
            yield failed("page-line", name, place, ours=_quoted(one.ours), theirs=_quoted(one.theirs))


def _numbers(
    name: str, ours: str, theirs: str, names: Mapping[str, str], release: Release
) -> Iterator[Finding]:
    """Of a page by another version: the numbers alone, which each carry their address."""
    wanted, found = numbers(ours), numbers(theirs)
    wrong = False
    for address in sorted({*wanted, *found}):
        one, other = set(wanted.get(address, ())), set(found.get(address, ()))
        if one != other:
            wrong = True
            place = names.get(address, address)
            yield failed("page-cell", name, place, ours=_all(one - other), theirs=_all(other - one))
    if not wrong:
        made, count = release.versions.get("dpinsights", ""), sum(map(len, found.values()))
        yield passed("page-numbers", name, theirs=made, ours=version("dpinsights"), count=count)


def _all(some: set[Number]) -> str:
    return (
        ", ".join(sorted(f"{one.text} ({one.value}, {one.low} to {one.high})" for one in some)) or "nothing"
    )


def _quoted(text: str) -> str:
    return f"“{text if len(text) <= 120 else text[:120] + ' ...'}”"


def others(evidence: Evidence) -> Iterator[Finding]:
    """Documents whose numbers can't be formatted again: said, so that nobody takes them for compared; and files of no release."""
    for name in evidence.files:
        if name in (RELEASE, LEDGER, RECEIPT) or name.startswith(("approval/", "templates/")):
            continue
        if name.endswith(_BY_DIGEST):
            yield passed("digest-only", name)
        elif not name.endswith(
            (".html", ".htm", ".csv")
        ):  # those are compared, or refused, as pages and tables
            yield failed("page-unknown", name)
