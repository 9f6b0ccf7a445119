"""The geometry of charts with a curve: running totals with the band of their intervals, and Lorenz curves.

A curve is drawn in a square of 1000 by 1000 that is stretched over its place; ticks and labels are put beside it in
shares of the width, so that text keeps its size. All of it is plain data for macros in `templates/_charts.html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dpinsights.model.release import Cell, Estimate, Flag, ResultTable
from dpinsights.reporting.charts import MOST_PANELS, nice_step, tick_text
from dpinsights.reporting.figures import UNSAID, Figures
from dpinsights.reporting.grids import outer_keys
from dpinsights.reporting.labels import Labels
from dpinsights.reporting.words import Words

HEIGHT = 190
"""Of a running total's curve, in pixels."""

SQUARE = 250
"""Of a Lorenz curve, in pixels; its width is the panel's."""

_SIDE = Decimal(1000)
_MOST_LABELS = 6
_NEAR_SIDE = Decimal("0.06")


@dataclass(frozen=True)
class Drawn:
    """A table to be drawn, and how its numbers and groups are written."""

    table: ResultTable
    labels: Labels
    figures: Figures
    words: Words


def running_chart(drawn: Drawn, title: str) -> dict[str, Any] | None:
    """A curve through the running totals of each combination of the other groups, one scale for all."""
    groups = _groups(drawn, 1)
    if len(groups) > MOST_PANELS:
        return None
    ends = [drawn.figures.shown_ends(cell.estimate) for _, cells in groups for cell in cells]
    high = max([end for pair in ends for end in pair if end.is_finite()], default=Decimal(1)) or Decimal(1)
    low = min([Decimal(0), *(end for end, _ in ends if end.is_finite())])
    step = nice_step((high - low) / 4)
    axis = list(drawn.labels.keys[-1].values())
    panels = []
    for heading, everywhere in groups:
        all_places = [(at + Decimal("0.5")) / len(everywhere) for at in range(len(everywhere))]
        shown = [at for at, cell in enumerate(everywhere) if Flag.SUPPRESSED not in cell.estimate.flags]
        places, cells = [all_places[at] for at in shown], [everywhere[at] for at in shown]
        spans = [drawn.figures.shown_ends(cell.estimate) for cell in cells]
        band = [
            *((x, _share(end, low, high)) for x, (_, end) in zip(places, spans, strict=True)),
            *((x, _share(end, low, high)) for x, (end, _) in reversed(list(zip(places, spans, strict=True)))),
        ]
        middle = (
            (x, _share(_value(cell.estimate), low, high)) for x, cell in zip(places, cells, strict=True)
        )
        panels.append(
            {
                **_panel(drawn, title, heading, HEIGHT),
                "ticks": _ticks(low, high, step, drawn.figures),
                "labels": _labels(axis, all_places),
                "band": _points(band),
                "boxes": [],
                "lines": [{"points": _points(middle), "kind": "estimate"}],
            }
        )
    return {"kind": "lines", "columns": 1 if len(panels) == 1 else 2, "panels": panels}


def lorenz_chart(drawn: Drawn, title: str) -> dict[str, Any] | None:
    """The Lorenz curve of each group: each point's box is what its two intervals leave open."""
    groups = _groups(drawn, 2)
    if len(groups) > MOST_PANELS:
        return None
    zero, one = Decimal(0), Decimal(1)
    panels = []
    for heading, cells in groups:
        points, boxes = [(zero, zero)], []
        for customers, total in zip(cells[::2], cells[1::2], strict=True):
            if any(drawn.figures.figure(cell.estimate).state in UNSAID for cell in (customers, total)):
                continue
            points.append((_value(customers.estimate), _value(total.estimate)))
            boxes.append(_box(drawn, customers.estimate, total.estimate))
        points.append((one, one))
        panels.append(
            {
                **_panel(drawn, title, heading, SQUARE),
                "ticks": _ticks(zero, one, Decimal("0.25"), drawn.figures),
                "labels": [
                    {"at": f"{at * 100}%", "text": drawn.figures.amount(at, 0), "anchor": anchor}
                    for at, anchor in ((zero, "start"), (Decimal("0.5"), "middle"), (one, "end"))
                ],
                "band": "",
                "boxes": boxes,
                "lines": [
                    {"points": _points([(zero, zero), (one, one)]), "kind": "equal"},
                    {"points": _points(sorted(points)), "kind": "estimate"},
                ],
            }
        )
    return {"kind": "lines", "columns": 1 if len(panels) == 1 else 2, "panels": panels, "narrow": True}


def _groups(drawn: Drawn, inner: int) -> list[tuple[str, Sequence[Cell]]]:
    """The cells of each combination of the outer groups, with its heading."""
    outer = outer_keys(drawn.table, inner)
    size = len(drawn.table.cells) // len(outer)
    join = drawn.words.text("group_join")
    return [
        (join.join(drawn.labels.of(keys)), drawn.table.cells[at * size : (at + 1) * size])
        for at, keys in enumerate(outer)
    ]


def _panel(drawn: Drawn, title: str, heading: str, height: int) -> dict[str, Any]:
    named = drawn.words.text("chart_title", title=title, panel=heading) if heading else title
    return {
        "title": named,
        "heading": heading,
        "inner": height,
        "height": height + 26,
        "label_y": height + 20,
    }


def _value(estimate: Estimate) -> Decimal:
    """Where a number is drawn: in the middle of its interval where it has no value."""
    return (estimate.low + estimate.high) / 2 if estimate.value is None else estimate.value


def _share(value: Decimal, low: Decimal, high: Decimal) -> Decimal:
    return (min(max(value, low), high) - low) / (high - low)


def _points(points: Iterable[tuple[Decimal, Decimal]]) -> str:
    """Shares of both sides as points of the square, whose y falls."""
    return " ".join(f"{x * _SIDE:.1f},{(1 - y) * _SIDE:.1f}" for x, y in points)


def _box(drawn: Drawn, customers: Estimate, total: Estimate) -> dict[str, str]:
    (left, right), (bottom, top) = drawn.figures.shown_ends(customers), drawn.figures.shown_ends(total)
    return {
        "x": f"{left * _SIDE:.1f}",
        "y": f"{(1 - top) * _SIDE:.1f}",
        "width": f"{(right - left) * _SIDE:.1f}",
        "height": f"{(top - bottom) * _SIDE:.1f}",
    }


def _ticks(low: Decimal, high: Decimal, step: Decimal, figures: Figures) -> list[dict[str, str]]:
    """Round values within the scale, as shares of the height from above."""
    value = (low / step).to_integral_value(rounding="ROUND_CEILING") * step
    ticks = []
    while value <= high:
        at = (1 - _share(value, low, high)) * 100
        ticks.append({"at": f"{at:.2f}%", "text": tick_text(value, step, figures)})
        value += step
    return ticks


def _labels(texts: Sequence[str], places: Sequence[Decimal]) -> list[dict[str, str]]:
    """As many labels of the last axis as have room, the first and evenly on."""
    every = -(-len(texts) // _MOST_LABELS)
    return [
        {"at": f"{places[at] * 100:.2f}%", "text": texts[at], "anchor": _anchor(places[at])}
        for at in range(0, len(texts), every)
    ]


def _anchor(place: Decimal) -> str:
    """So that a label near a side does not stick out.

    >>> _anchor(Decimal("0.02")), _anchor(Decimal("0.1")), _anchor(Decimal("0.98"))
    ('start', 'middle', 'end')
    """
    if place < _NEAR_SIDE:
        return "start"
    return "end" if place > 1 - _NEAR_SIDE else "middle"
