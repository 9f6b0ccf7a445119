"""The geometry of a chart: bars with their intervals, in panels that share one scale.

Horizontal places are shares of the panel's width, so that a chart fits any screen while its text keeps its
size; each bar lies under a line with its label and its value. All of it is plain data: macros in
`templates/_charts.html` draw it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from dpinsights.model.release import Cell
from dpinsights.reporting.figures import UNSAID, Figures, State
from dpinsights.reporting.labels import Labels
from dpinsights.reporting.words import Words

ROW = 36
"""The height of a bar with its line of text, in pixels."""

_LONGEST = 60
MOST_PANELS = 12
"""More are too much for the eye."""

_MOST_BARS = 96
_PER_COLUMN = 16


@dataclass(frozen=True)
class Bar:
    """One number to be drawn: its label, the cell, and its address's id in the page."""

    label: str
    cell: Cell


@dataclass(frozen=True)
class Panel:
    """Bars under one heading (empty where there is one panel)."""

    heading: str
    bars: tuple[Bar, ...]


def panels_of(labels: Sequence[Sequence[str]], cells: Sequence[Cell], join: str) -> tuple[Panel, ...]:
    """The panels of a table: one for each group of all axes but the last.

    None where that is too much for the eye, or where there is but one number.

    Args:
        labels: the labels of each axis's keys.
        cells: the cells, last axis fastest.
        join: what stands between the labels of one heading.
    """
    if not labels:
        return ()
    last = labels[-1]
    if len(labels) == 1:
        shown = [Bar(label, cell) for label, cell in zip(last, cells, strict=True)][:_LONGEST]
        columns = 2 if len(shown) > _PER_COLUMN else 1
        length = -(-len(shown) // columns)
        return tuple(Panel("", tuple(shown[at : at + length])) for at in range(0, len(shown), length))
    count = len(cells) // len(last)
    if count > MOST_PANELS or len(cells) > _MOST_BARS:
        return ()
    headings = [""]
    for axis in labels[:-1]:
        headings = [f"{head}{join if head else ''}{label}" for head in headings for label in axis]
    return tuple(
        Panel(heading, tuple(Bar(label, cells[at * len(last) + i]) for i, label in enumerate(last)))
        for at, heading in enumerate(headings)
    )


def listed(labels: Labels, cells: Sequence[Cell], join: str) -> tuple[Panel, ...]:
    """The panels of a list that is no grid: one for each group, its bars in the order of the cells."""
    groups: dict[str, list[Bar]] = {}
    for cell in cells[:_LONGEST]:
        *outer, last = labels.of(cell.keys)
        groups.setdefault(join.join(outer), []).append(Bar(last, cell))
    return tuple(Panel(heading, tuple(bars)) for heading, bars in groups.items())


def chart(title: str, panels: Sequence[Panel], figures: Figures, words: Words) -> dict[str, Any]:
    """A chart as plain data: `columns` panels side by side on a wide screen, each with its bars and ticks."""
    scale = _Scale.over([bar.cell for panel in panels for bar in panel.bars], figures)
    columns = 1 if len(panels) == 1 else 2
    if len(panels) in (3, 5, 6, 9) and all(len(panel.bars) <= 6 for panel in panels):
        columns = 3
    width = {1: 56, 2: 46, 3: 38}[columns]
    return {
        "kind": "bars",
        "columns": columns,
        "panels": [_panel(title, panel, scale, figures, width, words) for panel in panels],
    }


def _panel(
    title: str, panel: Panel, scale: _Scale, figures: Figures, width: int, words: Words
) -> dict[str, Any]:
    bottom = len(panel.bars) * ROW + 4
    return {
        "title": words.text("chart_title", title=title, panel=panel.heading) if panel.heading else title,
        "heading": panel.heading,
        "height": bottom + 20,
        "bottom": bottom,
        "zero": scale.at(scale.origin),
        "ticks": scale.ticks(figures),
        "bars": [_bar(bar, row * ROW, scale, figures, width) for row, bar in enumerate(panel.bars)],
    }


def _bar(bar: Bar, top: int, scale: _Scale, figures: Figures, width: int) -> dict[str, Any]:
    estimate = bar.cell.estimate
    figure = figures.figure(estimate)
    low, high = figures.shown_ends(estimate)
    shown = figure.state is not State.SUPPRESSED
    found: dict[str, Any] = {
        "address": bar.cell.address,
        "label": shortened(bar.label, max(width - columns_of(figure.short) - 2, 8)),
        "text": figure.short,
        "state": figure.state.value,
        "text_y": top + 15,
        "bar_y": top + 21,
        "middle": top + 27,
        "cap_top": top + 22,
        "cap_bottom": top + 32,
        "low": scale.at(low) if shown else None,
        "high": scale.at(high) if shown else None,
        "low_inside": shown and scale.low <= low,
        "high_inside": shown and high <= scale.high,
        "bar": None,
        "dot": None,
    }
    if figure.state not in UNSAID and estimate.value is not None:
        start, end = sorted((scale.clip(Decimal(0)), scale.clip(estimate.value)))
        if figures.kind.dotted:
            found["dot"] = scale.at(estimate.value)
        elif end > start:
            found["bar"] = {"x": scale.at(start), "width": scale.length(end - start)}
    return found


@dataclass(frozen=True)
class _Scale:
    """From a table's unit to shares of the width; what stands for nothing is always on it: zero, or 1 or 100."""

    low: Decimal
    high: Decimal
    step: Decimal
    origin: Decimal

    @classmethod
    def over(cls, cells: Sequence[Cell], figures: Figures) -> _Scale:
        """A scale that holds all intervals but those too wide to mean anything."""
        usable = [cell.estimate for cell in cells if figures.figure(cell.estimate).state not in UNSAID]
        ends = [figures.shown_ends(estimate) for estimate in usable or [cell.estimate for cell in cells[:1]]]
        origin = figures.kind.null or Decimal(0)
        finite = [origin, *(end for pair in ends for end in pair if end.is_finite())]
        low, high = min(finite), max(finite)
        step = nice_step((high - low) / 4) if high > low else Decimal(1)
        # The right end is not rounded up to a tick: a bar may as well use the room.
        return cls(low, max(high, low + step), step, origin)

    def clip(self, value: Decimal) -> Decimal:
        return min(max(value, self.low), self.high)

    def at(self, value: Decimal) -> str:
        """Where a value lies, clipped to the scale; a hair from both edges so that strokes are not cut."""
        share = (self.clip(value) - self.low) / (self.high - self.low)
        return f"{Decimal('0.4') + share * Decimal('99.2'):.2f}%"

    def length(self, difference: Decimal) -> str:
        return f"{difference / (self.high - self.low) * Decimal('99.2'):.2f}%"

    def ticks(self, figures: Figures) -> list[dict[str, str]]:
        """Round values within the scale, and how their text is anchored."""
        first = (self.low / self.step).to_integral_value(rounding=ROUND_CEILING)
        values, value = [], first * self.step
        while value <= self.high:
            values.append(value)
            value += self.step
        return [
            {
                "at": self.at(value),
                "text": tick_text(value, self.step, figures),
                "anchor": self._anchor(value),
            }
            for value in values
        ]

    def _anchor(self, value: Decimal) -> str:
        share = (value - self.low) / (self.high - self.low)
        return "start" if share < Decimal("0.08") else "end" if share > Decimal("0.92") else "middle"


def tick_text(value: Decimal, step: Decimal, figures: Figures) -> str:
    """A round value of a scale, with the places that its step needs."""
    finest = int(step.normalize().as_tuple().exponent)
    place = min(finest + (2 if figures.share or figures.kind.points else -figures.power), 0)
    return figures.amount(value, place)


def nice_step(least: Decimal) -> Decimal:
    """The smallest of 1, 2, 5 (and from ten on 2.5) times a power of ten that is at least `least`.

    >>> nice_step(Decimal("2100")), nice_step(Decimal("2.1")), nice_step(Decimal("0.021"))
    (Decimal('2.5E+3'), Decimal('5'), Decimal('0.05'))
    """
    power = Decimal((0, (1,), least.adjusted()))
    factors = ("1", "2", "2.5", "5", "10") if least >= 10 else ("1", "2", "5", "10")
    return next(power * Decimal(factor) for factor in factors if power * Decimal(factor) >= least)


def columns_of(text: str) -> int:
    """How wide a text is, in Latin letters; Chinese characters take two.

    >>> columns_of("A4"), columns_of("大众")
    (2, 4)
    """
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def shortened(text: str, width: int) -> str:
    """A text cut to a width, with an ellipsis where it was cut.

    >>> shortened("Certificate of deposit", 12)
    'Certificate…'
    """
    if columns_of(text) <= width:
        return text
    while text and columns_of(text) > width - 1:
        text = text[:-1]
    return text.rstrip() + "…"
