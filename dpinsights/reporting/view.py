"""A release as templates see it: nothing but dictionaries, lists and texts, all numbers printed already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from dpinsights.model.release import Release
from dpinsights.reporting.figures import State, per_cent
from dpinsights.reporting.marks import marks_of
from dpinsights.reporting.results import ResultView
from dpinsights.reporting.statement import party_name, receipt_data, statement_data
from dpinsights.reporting.words import HTML_LANGUAGE, Words

_MOST_HEADLINES = 4


def view_of(release: Release, words: Words) -> dict[str, Any]:
    """What a template may use: `doc`, `headlines`, `results`, `statement`, `receipt`, `marks`, `words`."""
    views = [ResultView(release, table, words) for table in release.tables]
    return {
        "doc": _document(release, words),
        "headlines": list(_headlines(views, words)),
        "results": [view.data(number) for number, view in enumerate(views, start=1)],
        "statement": statement_data(release, views, words),
        "receipt": receipt_data(release, words),
        "marks": marks_of(release, words),
        "words": words.fixed(),
    }


def _document(release: Release, words: Words) -> dict[str, Any]:
    parties = [words.name(names, party) for party, names in release.parties.items()]
    last = release.until - timedelta(days=1)
    return {
        "language": words.language,
        "lang": HTML_LANGUAGE[words.language],
        "title": words.name(release.title, release.report),
        "summary": words.name(release.summary) if release.summary else "",
        "parties": words.say("and", first=parties[0], second=parties[1]),
        "audience": party_name(release, release.audience, words),
        "period": words.say("dates", first=words.day(release.start), last=words.day(last)),
        "released": words.day(release.released_on),
        "edition": words.say("edition_text", report=release.report, version=release.version),
        "introduction": words.say("introduction", confidence=per_cent(release.confidence, words)),
    }


def _headlines(views: Sequence[ResultView], words: Words) -> Iterator[dict[str, Any]]:
    """Single numbers first, then the largest estimate of the first table of each kind."""
    single = [view for view in views if not view.table.axes]
    kinds: dict[str, ResultView] = {}
    for view in views:
        if view.table.axes:
            kinds.setdefault(view.table.estimates, view)
    for view in [*single, *kinds.values()][:_MOST_HEADLINES]:
        cells = [
            (cell.estimate.value, at)
            for at, cell in enumerate(view.table.cells)
            if view.figure(cell).state is State.PLAIN and cell.estimate.value is not None
        ]
        if not cells:
            continue
        _, at = max(cells, key=lambda found: (found[0], -found[1]))
        cell = view.table.cells[at]
        data = view.cell_data(cell)
        group = words.say("group_join").join(
            words.name(key.names, key.key)
            for axis, text in zip(view.table.axes, cell.keys, strict=True)
            for key in axis.keys
            if key.key == text
        )
        yield {
            **data,
            "title": view.title,
            "unit": "" if view.figures.share else view.figures.unit,
            "margin": words.say("plus_minus", margin=data["margin"]),
            "points": words.say("points") if view.figures.share else "",
            "group": words.say("headline_largest", group=group, n=len(view.table.cells))
            if view.table.axes
            else words.say("headline_all"),
            "chosen": bool(view.table.axes),
        }
