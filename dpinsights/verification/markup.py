"""Where in a page things stand: which cell of which table covers a stretch of it.

Only pages that were rendered here are read for places; of a page from elsewhere, the marked numbers alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

_HEADINGS = frozenset({"h1", "h2", "h3", "h4"})


@dataclass(frozen=True)
class Span:
    """A stretch of a page, and what it is."""

    start: int
    end: int
    place: str


@dataclass(frozen=True)
class Number:
    """A number of a page: its exact value and ends as data, and its text."""

    value: str
    low: str
    high: str
    text: str


class Places:
    """What covers each stretch of a page.

    >>> page = '<table><caption>T</caption><tr><th scope="row">r</th><td>17</td></tr></table>'
    >>> Places(page, {}).covering(page.index("17"), page.index("17") + 1)
    ('T | r',)
    """

    def __init__(self, page: str, named: Mapping[str, str]) -> None:
        """Args:
        page: rendered here.
        named: what the addresses of numbers are called.
        """
        reader = _Reader(page, named)
        self._spans = sorted(reader.spans, key=lambda span: (span.start, -span.end))
        self._starts = [span.start for span in self._spans]
        self._headings = reader.headings

    def covering(self, start: int, end: int) -> tuple[str, ...]:
        """The cells that share something with a stretch, in order; the innermost of those that lie in each other."""
        found = [span for span in self._spans[: bisect_right(self._starts, end - 1)] if span.end > start]
        inner = [one for one in found if not any(_within(other, one) for other in found)]
        return tuple(dict.fromkeys(one.place for one in inner))

    def heading(self, at: int) -> str:
        """The heading above a place."""
        before = [text for start, text in self._headings if start <= at]
        return before[-1] if before else ""


def _within(inner: Span, outer: Span) -> bool:
    return inner != outer and outer.start <= inner.start and inner.end <= outer.end


def numbers(page: str) -> dict[str, list[Number]]:
    """The marked numbers of a page, by address."""
    return _Reader(page, {}).numbers


class _Reader(HTMLParser):
    """Follows tables, headings and marked numbers through a page."""

    def __init__(self, page: str, named: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=True)
        self.spans: list[Span] = []
        self.headings: list[tuple[int, str]] = []
        self.numbers: dict[str, list[Number]] = {}
        self._named = named
        self._lines = [0]
        for line in page.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._title = self._caption = self._group = self._below = ""
        self._columns: dict[int, str] = {}
        self._rows: list[str] = []
        self._column = 0
        self._head = False
        self._shape: list[int] = []
        self._address = ""
        self._taking: list[tuple[str, int, Callable[[str, int, int], None], list[str]]] = []
        self.feed(page)
        self.close()

    @property
    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        match tag:
            case "div" if given.get("role") == "region":
                self._title = given.get("aria-label", "")
            case "table":
                self._caption, self._columns = "", {}
            case "caption":
                self._take(tag, self._captioned)
            case "thead":
                self._head = True
            case "tr":
                self._rows, self._column = [], 0
            case "tbody":
                self._group = ""
            case "th" | "td":
                self._take(tag, self._cell(given))
            case "g":
                self._shape.append(self._at)
                self._address = ""
            case _ if tag in _HEADINGS:
                self._take(tag, self._headed)
        if "data-address" in given and tag in ("data", "text"):
            self._take(tag, self._numbered(given))

    def handle_data(self, data: str) -> None:
        for _, _, _, texts in self._taking:
            texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "thead":
            self._head = False
        elif tag == "table":
            self._title = ""
        elif tag == "g" and self._shape:
            start = self._shape.pop()
            if self._address:
                self.spans.append(Span(start, self._at, self._name(self._address)))
        if self._taking and any(one[0] == tag for one in self._taking):
            while self._taking:
                taken, start, done, texts = self._taking.pop()
                if taken == tag:
                    done(" ".join("".join(texts).split()), start, self._at)
                    break

    def _take(self, tag: str, done: Callable[[str, int, int], None]) -> None:
        self._taking.append((tag, self._at, done, []))

    def _captioned(self, text: str, start: int, end: int) -> None:
        self._caption = text

    def _headed(self, text: str, start: int, end: int) -> None:
        self.headings.append((start, text))
        self._below = text

    def _cell(self, given: Mapping[str, str]) -> Callable[[str, int, int], None]:
        at, width = self._column, _whole(given.get("colspan", "1"))
        self._column += width
        scope, head = given.get("scope", ""), self._head

        def done(text: str, start: int, end: int) -> None:
            if head:
                self._columns |= dict.fromkeys(range(at, at + width), text)
                place = [self._table, text]
            elif scope == "rowgroup":
                self._group = text
                place = [self._table, text]
            elif scope == "row":
                self._rows.append(text)
                place = [self._table, *self._rows]
            else:
                place = [self._table, *filter(None, [self._group]), *self._rows, self._columns.get(at, "")]
            self.spans.append(Span(start, end, " | ".join(filter(None, place))))

        return done

    @property
    def _table(self) -> str:
        return self._title or self._caption or self._below

    def _numbered(self, given: Mapping[str, str]) -> Callable[[str, int, int], None]:
        address = given["data-address"]
        in_table = any(tag in ("td", "th") for tag, _, _, _ in self._taking)
        self._address = address

        def done(text: str, start: int, end: int) -> None:
            number = Number(
                given.get("value", ""), given.get("data-low", ""), given.get("data-high", ""), text
            )
            self.numbers.setdefault(address, []).append(number)
            if not in_table:
                self.spans.append(Span(start, end, self._name(address)))

        return done

    def _name(self, address: str) -> str:
        return self._named.get(address, address)


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 5 else 1
