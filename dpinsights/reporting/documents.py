"""A release as one self-contained page: what a template gives, in a shell that no template can change."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from markupsafe import Markup

from dpinsights.errors import DefinitionError, Problem, ReportError
from dpinsights.model.names import EXPLORATION
from dpinsights.model.release import Release
from dpinsights.reporting.fragments import check_fragment
from dpinsights.reporting.marks import check_marks, marks_of
from dpinsights.reporting.templating import PACKAGED, run
from dpinsights.reporting.view import view_of
from dpinsights.reporting.words import Words

_TEMPLATE = re.compile("[a-z0-9][a-z0-9-]{0,62}")


def render(
    release: Release, *, language: str, template: str = "partner", templates: Path | None = None
) -> str:
    """A page of HTML in one language, the same bytes for the same release.

    It holds no script and no address of anything outside, and its content security policy forbids both.
    Whether the population is made up and whether the report was approved stands at its top and bottom
    whatever the template does.

    Args:
        release: what to show.
        language: `en` or `zh`.
        template: a template's name, without `.html`.
        templates: a directory of templates to look in first, none of which may be a link.

    Raises:
        DefinitionError: for a template that is missing or wrong; names it and the line.
        ReportError: for a language that there are no words for, or if what was explored is to be shown to a party.
    """
    words = Words(language)
    if release.account == EXPLORATION and release.audience != EXPLORATION:
        raise ReportError(
            "what the account exploration was charged for is for no party: nobody signed it, and who chose it had seen "
            "numbers; ask the same in a report of the party's own account, which is measured anew"
        )
    if not _TEMPLATE.fullmatch(template):
        raise DefinitionError(
            (
                Problem(
                    template[:80], 0, 0, "template", "template-name", "expected letters a to z, digits and -"
                ),
            )
        )
    view = view_of(release, words)
    content = run(template, templates, view)
    check_fragment(content, f"{template}.html")
    style = stylesheet()
    shell = {
        **view,
        "content": Markup(content),
        "style": Markup(style),
        "style_hash": csp_hash(style),
        "page_title": page_title(release, words),
    }
    page = run("_shell", None, shell)
    check_marks(page, release, words)
    return page


def page_title(release: Release, words: Words) -> str:
    """The title of the window, which carries the marks too."""
    title = words.name(release.title, release.report)
    for mark in reversed(marks_of(release, words)):
        title = words.text("marked_title", mark=mark["text"], title=title)
    return title


def stylesheet() -> str:
    """The style of all pages."""
    return (PACKAGED / "_style.css").read_text(encoding="utf-8")


def csp_hash(style: str) -> str:
    """How a content security policy names an inline style.

    >>> csp_hash("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
