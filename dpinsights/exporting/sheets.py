"""The checklist as a page and as a table for a spreadsheet, and the ledger's entries as one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from dpinsights.exporting.checklist import Row
from dpinsights.exporting.telling import Telling
from dpinsights.governance.chain import Entry
from dpinsights.reporting.data import text_cell
from dpinsights.reporting.documents import csp_hash, stylesheet
from dpinsights.reporting.fragments import check_fragment
from dpinsights.reporting.templating import run
from dpinsights.reporting.words import HTML_LANGUAGE, visible

_TEMPLATES = Path(__file__).parent / "templates"
_HEAD = ("number", "field", "part", "source", "value", "state")


@dataclass(frozen=True)
class Checked:
    """A release in a language, with its checklist."""

    telling: Telling
    rows: tuple[Row, ...]

    @property
    def name(self) -> str:
        """The release's name, under which its files stand in a pack."""
        return self.telling.folder.release.release


def checklist_html(checked: Sequence[Checked]) -> str:
    """A self-contained page, without a script or an address, in the style and under the policy of the reports' pages.

    The marks of all releases (made up, not approved) stand at its top and bottom.
    """
    telling = checked[0].telling
    page = telling.page
    marks = {mark["code"]: mark for one in checked for mark in one.telling.page["marks"]}
    view = {
        "doc": {"lang": HTML_LANGUAGE[telling.language]},
        "said": {key: telling.say(key) for key in ("checklist", "checklist_kind", "checklist_about", "releases", *_HEAD)},
        "releases": [_release(one) for one in checked],
    }  # fmt: skip
    content = run("checklist", _TEMPLATES, view)
    check_fragment(content, "checklist.html")
    style = stylesheet() + (_TEMPLATES / "checklist.css").read_text(encoding="utf-8")
    title = " · ".join([telling.say("checklist"), *(str(mark["text"].unescape()) for mark in marks.values())])
    shell = {
        "doc": page["doc"],
        "marks": list(marks.values()),
        "content": Markup(content),
        "style": Markup(style),
        "style_hash": csp_hash(style),
        "page_title": title,
    }
    return run("_shell", None, shell)


def _release(one: Checked) -> dict[str, Any]:
    telling = one.telling
    filled = sum(row.state == "filled" for row in one.rows)
    lines = [telling.say("summary_line", filled=filled, all=len(one.rows))]
    for state in ("missing", "faulty"):
        names = [
            telling.say(f"part_{field.key}")
            for row in one.rows
            for field in row.fields
            if field.state == state
        ]
        if names:
            lines.append(telling.say(f"{state}_line", fields=telling.both(names)))
    return {
        "name": one.name,
        "title": telling.title,
        "line": telling.say("release_line", edition=telling.doc("edition"), audience=telling.doc("audience"), released=telling.doc("released")),
        "marks": list(telling.marks),
        "summary": lines,
        "rows": [_row(row, telling) for row in one.rows],
    }  # fmt: skip


def _row(row: Row, telling: Telling) -> dict[str, Any]:
    return {
        "number": str(row.number),
        "name": telling.say(f"row_{row.number}"),
        "size": str(len(row.fields)),
        "fields": [
            {
                "name": telling.say(f"part_{field.key}"),
                "source": telling.say(f"from_{field.source}"),
                "lines": [visible(line) for line in (*field.lines, *_lines(field.fault))],
                "code": field.state,
                "state": telling.say(f"state_{field.state}"),
            }
            for field in row.fields
        ],
    }


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def checklist_csv(checked: Sequence[Checked]) -> str:
    """One line for each field of each release; no text that a spreadsheet would take for a formula."""
    telling = checked[0].telling
    head = [telling.say(key) for key in ("release", *_HEAD)]
    return _csv(head, (line for one in checked for line in _checklist_lines(one)))


def _checklist_lines(one: Checked) -> Iterator[list[str]]:
    say = one.telling.say
    for row in one.rows:
        for field in row.fields:
            value = " | ".join((*field.lines, *_lines(field.fault)))
            yield [one.name, str(row.number), say(f"row_{row.number}"), say(f"part_{field.key}"), say(f"from_{field.source}"), value, say(f"state_{field.state}")]  # fmt: skip


def ledger_csv(entries: Sequence[Entry]) -> str:
    """The chain as a table: for each entry what happened to which account, and the charge in ledger units.

    Columns: `seq`, `day`, `type`, `account`, `report`, `version`, `run`, `rho_units` and `delta_units` (what the account
    was charged), `lifetime_rho_units`, `lifetime_delta_units`, `epsilon_before`, `epsilon_after` (of a changed cap), `hash`.
    """
    head = (
        "seq", "day", "type", "account", "report", "version", "run", "rho_units", "delta_units",
        "lifetime_rho_units", "lifetime_delta_units", "epsilon_before", "epsilon_after", "hash",
    )  # fmt: skip
    return _csv(head, (_entry_line(entry) for entry in entries))


def _entry_line(entry: Entry) -> list[str]:
    data = entry.data
    texts = {name: str(data.get(name, "")) for name in ("day", "account", "report", "version", "run")}
    charges = [""] * 4
    if entry.type == "charged":
        charges = [
            str(sum(int(item[payer][loss]) for item in data["items"]))
            for payer in ("account", "lifetime")
            for loss in ("rho", "delta")
        ]
    caps = [str(data[side]["cap_epsilon"]) if entry.type == "amended" else "" for side in ("before", "after")]
    return [str(entry.seq), texts.pop("day"), entry.type, *texts.values(), *charges, *caps, entry.hash]


def _csv(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    for line in lines:
        writer.writerow([text_cell(text) for text in line])
    return out.getvalue()
