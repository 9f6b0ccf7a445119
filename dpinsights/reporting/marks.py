"""The marks that no template can remove: that a population is made up, that a report was not approved, or is no party's.

The shell around a template's output holds them, and the finished page is parsed again to see that they are
there.
"""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from dpinsights.errors import InternalError
from dpinsights.model.names import EXPLORATION
from dpinsights.model.release import Release
from dpinsights.reporting.words import Words

_VOID = frozenset({"meta", "br", "hr", "wbr", "col", "img", "input", "link"})
_HIDING = frozenset({"hidden", "style", "aria-hidden", "inert", "popover"})


def marks_of(release: Release, words: Words) -> list[dict[str, Any]]:
    """The marks of a release, as plain data: a code, the text, and what it means."""
    found = []
    if release.origin != "real":
        found.append(("synthetic", "mark_synthetic", "mark_synthetic_more"))
    if release.audience == EXPLORATION:
        found.append(("exploration", "mark_exploration", "mark_exploration_more"))
    elif not release.approved:
        found.append(("not-approved", "mark_unapproved", "mark_unapproved_more"))
    return [{"code": code, "text": words.say(text), "more": words.say(more)} for code, text, more in found]


def check_marks(page: str, release: Release, words: Words) -> None:
    """Refuses a page whose body does not begin and end with every mark of the release, in plain sight.

    Raises:
        InternalError: since only a fault of ours can bring it about.
    """
    parser = _Outline()
    parser.feed(page)
    parser.close()
    wanted = [str(mark["text"].unescape()) for mark in marks_of(release, words)]
    for place in ("top", "bottom"):
        found = parser.marks.get(place, "")
        if any(text not in found for text in wanted):
            raise InternalError(f"a mark of the release is missing at the {place} of the page")
    if wanted and (parser.children[0] != "marks" or parser.children[-1] != "marks"):
        raise InternalError("something of the page lies before or after its marks")


class _Outline(HTMLParser):
    """The children of `body`, and the text of those that hold marks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.marks: dict[str, str] = {}
        self.children: list[str] = []
        self._open: list[str] = []
        self._place = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._open == ["html", "body"]:
            given = dict(attrs)
            shown = not (_HIDING & set(given)) and given.get("class") == "marks"
            self.children.append("marks" if shown else tag)
            self._place = (given.get("data-place") or "") if shown else ""
        elif _HIDING & {name for name, _ in attrs} and self._place:
            raise InternalError("an element within the marks is hidden")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if self._open == ["html", "body"]:
            self._place = ""

    def handle_data(self, data: str) -> None:
        if self._place:
            self.marks[self._place] = self.marks.get(self._place, "") + data
