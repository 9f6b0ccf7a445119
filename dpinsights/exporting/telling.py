"""What a release's files say of it, in one language, as plain texts: the pages' own words wherever they have some."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from markupsafe import Markup

from dpinsights.exporting.folder import ReleaseFolder
from dpinsights.exporting.phrases import PHRASES
from dpinsights.model.approval import ApprovalField
from dpinsights.model.contract import UNCLASSED
from dpinsights.model.names import EXPLORATION
from dpinsights.model.numbers import plain
from dpinsights.reporting.spending import rho_text
from dpinsights.reporting.view import view_of
from dpinsights.reporting.words import Words


def text_of(value: object) -> str:
    """A text that is not for HTML, from one that may be.

    >>> text_of(Markup("a &amp; b")), text_of("a &amp; b")
    ('a & b', 'a &amp; b')
    """
    return str(value.unescape()) if isinstance(value, Markup) else str(value)


@dataclass(frozen=True)
class Telling:
    """A release's folder in the words of a language."""

    folder: ReleaseFolder
    words: Words

    @property
    def language(self) -> str:
        """`en` or `zh`."""
        return self.words.language

    def say(self, key: str, **parts: object) -> str:
        """A phrase of the exports as plain text."""
        return PHRASES[self.language][key].format(**parts)

    @cached_property
    def page(self) -> Mapping[str, Any]:
        """What the pages show: `doc`, `statement`, `marks` and so on, as templates see them."""
        return view_of(self.folder.release, self.words)

    def statement(self, part: str) -> tuple[str, ...]:
        """A list of sentences of the privacy statement: `processing`, `unprotected`, `methods`."""
        return tuple(text_of(line) for line in self.page["statement"][part])

    @property
    def statement_line(self) -> str:
        """The privacy statement on one line."""
        return text_of(self.page["statement"]["one_line"])

    @property
    def facts(self) -> tuple[str, ...]:
        """The statement's facts, each with its term: unit, adjacency, guarantee, account map, key discovery."""
        return tuple(self.join(fact["term"], fact["text"]) for fact in self.page["statement"]["facts"])

    @property
    def spending(self) -> tuple[str, ...]:
        """The losses: what, epsilon, rho, and the cap where there is one."""
        lines = []
        for line in self.page["statement"]["spending"]:
            key = "spent_of" if line["cap"] else "spent"
            told = {name: text_of(line[name]) for name in ("what", "epsilon", "rho", "cap")}
            lines.append(self.say(key, **told))
        return tuple(lines)

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The noise under each table: mechanism, scale, sensitivity, cost, margin."""
        return tuple(self._mechanism(row) for row in self.page["statement"]["noise"])

    def _mechanism(self, row: Mapping[str, Any]) -> str:
        told = {
            name: text_of(row[name])
            for name in ("what", "mechanism", "scale", "sensitivity", "rho", "margin")
        }
        return self.say("mechanism_margin" if told["margin"] else "mechanism", **told)

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """What stands over everything that is shown of the release: made up, not approved, exploration."""
        return tuple(text_of(mark["text"]) for mark in self.page["marks"])

    @property
    def title(self) -> str:
        """The report's title."""
        return text_of(self.page["doc"]["title"])

    def doc(self, part: str) -> str:
        """A part of the cover: `parties`, `audience`, `period`, `released`, `edition`."""
        return text_of(self.page["doc"][part])

    def approval_field(self, name: ApprovalField) -> str:
        """A field of the report's `approval`, or an empty text."""
        fields = self._report.get("approval") or {}
        texts = fields.get(name) or {}
        return self.words.name(texts) if isinstance(texts, Mapping) else ""

    @property
    def _report(self) -> Mapping[str, Any]:
        return self.folder.lock.data["report"] if self.folder.lock else {}

    def join(self, term: object, text: object) -> str:
        """A term and what is said of it."""
        return self.say("term", term=text_of(term), text=text_of(text))

    def both(self, texts: Iterable[str]) -> str:
        """Several texts as a list within a sentence."""
        return self.words.text("c_list").join(texts)

    @property
    def tables_read(self) -> tuple[str, ...]:
        """The tables that the approved questions read, by name."""
        columns = {".".join(column.split(".")[:2]) for column in self._columns if "." in column}
        return tuple(sorted(columns))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the approved questions read, each with its sensitivity class."""
        return tuple(
            f"{column} ({self._class_of(column)})" for column in self._columns if column.count(".") > 1
        )

    @property
    def _columns(self) -> tuple[str, ...]:
        if self.folder.lock is None:
            return ()
        queries = self.folder.lock.data["plan"]["queries"].values()
        return tuple(sorted({column for query in queries for column in query["columns"]}))

    def _class_of(self, column: str) -> str:
        table, _, name = column.rpartition(".")
        assert self.folder.lock is not None
        columns = dict(self.folder.lock.data["contract"]["tables"].get(table, {}).get("columns", ()))
        return str(columns.get(name, {}).get("sensitivity") or UNCLASSED)

    @property
    def limits(self) -> tuple[str, ...]:
        """For each table how a customer's contribution is bounded."""
        return tuple(self._limit(number) for number, _ in enumerate(self.folder.release.tables))

    def _limit(self, number: int) -> str:
        table = self.folder.release.tables[number]
        parts = []
        if table.k is not None:
            parts.append(self.say("limit_groups", n=table.k))
        if table.r is not None:
            parts.append(self.say("limit_rows", n=table.r))
        if table.low is not None and table.high is not None:
            unit = f" {table.unit}" if table.unit else ""
            parts.append(self.say("limit_bounds", low=plain(table.low), high=plain(table.high), unit=unit))
        if not parts:
            parts.append(self.say("limit_none"))
        return self.join(self.words.name(table.title, table.name), self.both(parts))

    @property
    def versions(self) -> str:
        """The versions that made the release."""
        return self.both(f"{name} {version}" for name, version in self.folder.release.versions.items())

    @property
    def explored(self) -> str:
        """What the account `exploration` had been charged when this was released, or an empty text without a ledger."""
        if not self.folder.entries:
            return ""
        spent = sum(
            int(item["account"]["rho"])
            for entry in self.folder.entries
            if entry.type == "charged" and entry.data["account"] == EXPLORATION
            for item in entry.data["items"]
        )
        head = self.folder.entries[-1].seq
        return self.say("explored", rho=rho_text(spent, self.words) if spent else plain(Decimal(0)), seq=head)
