"""What a template may emit: a closed list of elements and attributes, properly nested.

So a template can neither load, run nor style anything, nor end or hide the shell that it is put into, whether
it was written so or was led to it by a text that it failed to escape.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from dpinsights.errors import DefinitionError, Problem

HTML_ELEMENTS = frozenset(
    "a abbr article aside b blockquote br caption cite code col colgroup data dd details dfn div dl dt em "
    "figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i kbd li mark nav ol p pre q s samp section small "
    "span strong sub summary sup svg table tbody td tfoot th thead time tr u ul var wbr".split()
)
SVG_ELEMENTS = frozenset("svg g rect line path circle polyline polygon text tspan title desc".split())
VOID = frozenset({"br", "hr", "wbr", "col"})

_ATTRIBUTES = frozenset(
    "class id lang title role scope colspan rowspan span headers datetime value start tabindex abbr open "
    "x y x1 x2 y1 y2 dx dy cx cy r rx ry d points width height viewbox preserveaspectratio transform "
    "fill fill-opacity stroke stroke-width stroke-opacity stroke-dasharray stroke-linecap stroke-linejoin "
    "paint-order text-anchor font-size font-weight dominant-baseline shape-rendering vector-effect".split()
)
_TITLES = frozenset({"title", "desc"})


def check_fragment(html: str, template: str) -> None:
    """Refuses what a template emitted if it holds anything but the elements and attributes of this file, well
    nested.

    Raises:
        DefinitionError: names the template, the line of its output and the element.

    >>> check_fragment("<p class='a'>x<br></p>", "x.html")
    >>> check_fragment("<b></i>", "x.html")
    Traceback (most recent call last):
    ...
    dpinsights.errors.DefinitionError: x.html: output line 1: </i> closes no open element (template-nesting)
    """
    parser = _Checker(template)
    parser.feed(html)
    parser.close()
    parser.finish()


class _Checker(HTMLParser):
    def __init__(self, template: str) -> None:
        # References stay apart from text, so that a `<` within text is one that was written so.
        super().__init__(convert_charrefs=False)
        self._template = template
        self._open: list[str] = []

    def _refuse(self, code: str, message: str) -> None:
        line = self.getpos()[0]
        raise DefinitionError((Problem(self._template, 0, 0, f"output line {line}", code, message),))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = "svg" in self._open
        if self._open and self._open[-1] in _TITLES:
            self._refuse("template-element", f"<{self._open[-1]}> holds text only, found <{_short(tag)}>")
        if tag not in (SVG_ELEMENTS if inside else HTML_ELEMENTS):
            self._refuse(
                "template-element",
                f"a template may not emit <{_short(tag)}>{' inside <svg>' if inside else ''}",
            )
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self._refuse("template-attribute", f"an attribute of <{tag}> stands twice")
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        if tag not in VOID:
            self._open.append(tag)

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name == "href":
            if tag != "a" or not re.fullmatch(r"#[\w:./~-]+", value):
                self._refuse("template-attribute", "href may only point within the page: #name")
        elif not (name in _ATTRIBUTES or re.fullmatch(r"(data|aria)-[a-z-]+", name)) or name == "aria-hidden":
            self._refuse(
                "template-attribute", f"a template may not emit the attribute {_short(name)!r} on <{tag}>"
            )
        elif re.search(r"url\s*\(", value, re.IGNORECASE) and not name.startswith(("data-", "aria-")):
            self._refuse("template-attribute", f"the attribute {name!r} on <{tag}> refers elsewhere")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in VOID:
            return
        if "svg" not in self._open[:-1] and tag != "svg":
            self._refuse("template-element", f"<{tag}/> closes itself only within <svg>")
        self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self._refuse("template-nesting", f"</{_short(tag)}> closes no open element")

    def handle_data(self, data: str) -> None:
        if "<" in data:
            self._refuse("template-nesting", "a tag is begun and not finished, or a text was not escaped")

    def handle_comment(self, data: str) -> None:
        self._refuse("template-element", "a template may not emit comments")

    def handle_decl(self, decl: str) -> None:
        self._refuse("template-element", "a template may not emit declarations: the shell does")

    def handle_pi(self, data: str) -> None:
        self._refuse("template-element", "a template may not emit processing instructions")

    def unknown_decl(self, data: str) -> None:
        self._refuse("template-element", "a template may not emit declarations: the shell does")

    def finish(self) -> None:
        """To be called at the end: nothing may be open."""
        if self._open:
            self._refuse("template-nesting", f"<{self._open[-1]}> is never closed")


def _short(name: str) -> str:
    return name[:40]
