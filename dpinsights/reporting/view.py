"""A release as templates see it: nothing but dictionaries, lists and texts, all numbers printed already."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from dpinsights.model.release import Release
from dpinsights.reporting.figures import State, per_cent
from dpinsights.reporting.kinds import is_running
from dpinsights.reporting.marks import marks_of
from dpinsights.reporting.receipts import receipt_data, terms_data
from dpinsights.reporting.results import ResultView
from dpinsights.reporting.statement import party_name, statement_data
from dpinsights.reporting.verdicts import none_found, verdicts
from dpinsights.reporting.words import HTML_LANGUAGE, Words

_MOST_HEADLINES = 4


def view_of(release: Release, words: Words) -> dict[str, Any]:
    """What a template may use: `doc`, `headlines`, `questions` and all their `results`, `terms`, `statement`, `receipt`, `marks`, `words`."""
    asked = _asked(release, words)
    views = [view for views in asked for view in views]
    questions = [_question(views, number, words) for number, views in enumerate(asked, start=1)]
    return {
        "doc": _document(release, words),
        "headlines": list(_headlines(asked, words)),
        "questions": questions,
        "results": [result for question in questions for result in question["results"]],
        "terms": terms_data(release, words),
        "statement": statement_data(release, views, words),
        "receipt": receipt_data(release, words),
        "marks": marks_of(release, words),
        "words": words.fixed(),
    }


def _asked(release: Release, words: Words) -> list[list[ResultView]]:
    """The tables of each query together; those after the first are called `<query>.<part>`."""
    found: dict[str, list[ResultView]] = {}
    for table in release.tables:
        views = found.setdefault(table.name.partition(".")[0], [])
        views.append(ResultView(release, table, words, views[0].table if views else None))
    return list(found.values())


def _question(views: Sequence[ResultView], number: int, words: Words) -> dict[str, Any]:
    """A query's title, its tables, and what was tested over them."""
    first = views[0]
    tested = [verdicts(first.release, view.table, first.title, words) for view in views]
    return {
        "name": first.table.name,
        "id": f"question-{first.table.name}",
        "number": number,
        "title": first.title,
        "results": [view.data(number, len(views)) for view in views],
        "tests": [found for found in tested if found],
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


_TILES = frozenset({"count", "sum", "mean", "share", "ratio"})


def _headlines(asked: Sequence[Sequence[ResultView]], words: Words) -> Iterator[dict[str, Any]]:
    """Single numbers first, then the largest estimate of the first table of each kind.

    Never one of a query whose tests found nothing, of a comparison, or of numbers that only mean something together.
    """
    firsts = [
        views[0]
        for views in asked
        if views[0].table.measure in _TILES
        and not is_running(views[0].table)
        and not none_found([view.table for view in views])
    ]
    single = [view for view in firsts if not view.table.axes]
    kinds: dict[str, ResultView] = {}
    for view in firsts:
        if view.table.axes:
            kinds.setdefault(view.table.estimates, view)
    tiles = (tile for view in [*single, *kinds.values()] for tile in _tile(view, words))
    yield from itertools.islice(tiles, _MOST_HEADLINES)


def _tile(view: ResultView, words: Words) -> Iterator[dict[str, Any]]:
    """The largest number that is not near zero, if there is one."""
    cells = [
        (cell.estimate.value, -at)
        for at, cell in enumerate(view.table.cells)
        if view.figure(cell).state is State.PLAIN and cell.estimate.value is not None
    ]
    if not cells:
        return
    cell = view.table.cells[-max(cells)[1]]
    data = view.cell_data(cell)
    group = words.text("group_join").join(view.labels.of(cell.keys))
    yield {
        **data,
        "title": view.title,
        "unit": "" if view.figures.share else view.figures.unit,
        "margin": words.say("plus_minus", margin=data["margin"]),
        "points": view.figures.margin_unit,
        "group": words.say("headline_largest", group=group, n=len(view.table.cells))
        if view.table.axes
        else words.say("headline_all"),
        "chosen": bool(view.table.axes),
    }
