"""One result as plain data for templates: what it estimates, its chart, its table, its notes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from dpinsights.model.numbers import plain
from dpinsights.model.release import Cell, Flag, Release, ResultTable
from dpinsights.reporting.charts import Panel, chart, listed, panels_of
from dpinsights.reporting.figures import UNSAID, Figure, Figures, State, per_cent
from dpinsights.reporting.grids import Layout, is_grid
from dpinsights.reporting.kinds import is_running
from dpinsights.reporting.labels import Labels
from dpinsights.reporting.lines import Drawn, lorenz_chart, running_chart
from dpinsights.reporting.sentences import Sentences
from dpinsights.reporting.words import Words

_SHADES = 5

# Flags said of single numbers; the others are said in the number's place or of the whole table.
_MARKED = {Flag.MISSED_FORECAST: "†", Flag.CHANGED_BY_CONSISTENCY: "‡", Flag.SIGNIFICANT: "*"}


def element_id(address: str) -> str:
    """An address as the id of an element: one to one, without white space.

    >>> element_id("spend/mass/手机 x")
    'spend/mass/手机:20x'
    """
    return re.sub(r"[^\w./~-]", lambda found: f":{ord(found.group()):02x}", address)


class ResultView:
    """Turns one table of a release into what a template sees; `first` is the first table of the same query."""

    def __init__(
        self, release: Release, table: ResultTable, words: Words, first: ResultTable | None = None
    ) -> None:
        self.release, self.table, self.words = release, table, words
        self.first = table if first is None else first
        self.figures = Figures(table, words)
        self.labels = Labels(release, table, words)
        self.sentences = Sentences(release, table, self.first, words)
        self.title = words.name(table.title, table.name)
        self.confidence = per_cent(release.confidence, words)
        self._top = Figures(table, words, replace(self.figures.kind, share=True))
        self._join = words.text("group_join")
        plain_values = [
            cell.estimate.value
            for cell in table.cells
            if self.figure(cell).state is State.PLAIN and cell.estimate.value
        ]
        self._largest = max(plain_values, default=Decimal(0))

    @property
    def subtitle(self) -> str:
        """What tells the tables of one query apart."""
        kind, words = self.figures.kind, self.words
        if kind.comparison:
            return words.text(f"part_{kind.comparison}")
        known = f"part_{kind.base}"
        return words.text(known) if words.has(known) else words.text("part_numbers")

    def full_title(self, parts: int) -> str:
        """The title, with what tells it apart where the query has several tables."""
        if parts < 2:
            return self.title
        return self.words.text("part_title", title=self.title, part=self.subtitle)

    def figures_of(self, cell: Cell) -> Figures:
        """How a cell is printed: of a concentration, the Gini coefficient plain and the top's share in per cent."""
        return (
            self._top if self.table.estimates == "concentration" and cell.keys[-1] == "top" else self.figures
        )

    def figure(self, cell: Cell) -> Figure:
        """A cell's number as printed."""
        return self.figures_of(cell).figure(cell.estimate)

    def data(self, number: int, parts: int = 1) -> dict[str, Any]:
        """The whole result."""
        words, table = self.words, self.table
        title = self.full_title(parts)
        drawn, note = self._chart(title)
        return {
            "name": table.name,
            "id": f"result-{table.name}",
            "number": number,
            "title": title,
            "subtitle": self.subtitle if parts > 1 else "",
            "note": words.name(table.note) if table.note else "",
            "sentences": self.sentences.all(),
            "unit": self.unit(),
            "chart": drawn,
            "chart_describes": words.say("chart_describes", confidence=self.confidence),
            "chart_note": note,
            "alarm": words.say("alarm") if table.alarm else "",
            "table": self.table_data(title),
            "notes": list(self.sentences.notes()),
            "marks": self.marks(),
        }

    def unit(self) -> str:
        """The unit, and the bounds that values were clipped to: beside the numbers that they may bias."""
        words, bounds = self.words, self.sentences.bounds()
        unit = words.text("unit", unit=self.figures.unit)
        if not bounds or self.table.measure in ("ratio", "corr", "regression"):
            clipped = words.text("clipped_somewhere") if bounds else ""
        else:
            clipped = words.text("clipped", low=bounds[0], high=bounds[1])
        return words.text("unit_clipped", unit=unit, clipped=clipped) if clipped else unit

    def _chart(self, title: str) -> tuple[dict[str, Any] | None, str]:
        """A chart, if one helps, and the line under it."""
        words, table = self.words, self.table
        if not table.axes or table.estimates in ("coefficient", "concentration"):
            return None, ""
        if table.measure == "top":
            panels = listed(self.labels, table.cells, self._join)
            return (
                (chart(title, panels, self.figures, words), self._chart_note(panels))
                if panels
                else (None, "")
            )
        if not is_grid(table):
            return None, words.text("chart_shading")
        drawn = Drawn(table, self.labels, self.figures, words)
        if table.estimates == "lorenz":
            return lorenz_chart(drawn, title), words.text("chart_lorenz", confidence=self.confidence)
        if is_running(table) and len(table.axes[-1].keys) > 2:
            return running_chart(drawn, title), words.text("chart_line", confidence=self.confidence)
        panels = panels_of([list(labels.values()) for labels in self.labels.keys], table.cells, self._join)
        if not panels:
            return None, words.text("chart_none")
        return chart(title, panels, self.figures, words), self._chart_note(panels)

    def _chart_note(self, panels: Sequence[Panel]) -> str:
        shown = sum(len(panel.bars) for panel in panels)
        if shown < len(self.table.cells):
            return self.words.text("chart_first", n=shown)
        kind = self.figures.kind
        if kind.dotted:
            key = "chart_key_base" if kind.null else "chart_key_dots"
            return self.words.text(key, confidence=self.confidence, null=kind.null or 0)
        return self.words.text("chart_key", confidence=self.confidence)

    def marks(self) -> list[dict[str, Any]]:
        """The flags of single numbers that occur here, with what they mean."""
        flags = {flag for cell in self.table.cells for flag in cell.estimate.flags}
        return [
            {"mark": mark, "text": self.words.say(f"flag_{flag.value}")}
            for flag, mark in _MARKED.items()
            if flag in flags
        ]

    # The table

    def cell_data(self, cell: Cell) -> dict[str, Any]:
        """One number; an end without limit has no exact value."""
        figures, estimate = self.figures_of(cell), cell.estimate
        figure = figures.figure(estimate)
        near = figure.state is State.NEAR_ZERO
        null = figures.kind.null or Decimal(0)
        return {
            "address": cell.address,
            "id": element_id(cell.address),
            "exact": "" if estimate.value is None else plain(estimate.value),
            "low": plain(estimate.low) if estimate.low.is_finite() else "",
            "high": plain(estimate.high) if estimate.high.is_finite() else "",
            "text": figure.text,
            "margin": figure.margin,
            "interval": figure.interval,
            "state": figure.state.value,
            "brief": self.words.text("near_zero_mark", null=null) if near else figure.text,
            "below": self._below(cell, figure, figures),
            "shade": self._shade(estimate.value) if figure.state is State.PLAIN else 0,
            "marks": "".join(mark for flag, mark in _MARKED.items() if flag in estimate.flags),
        }

    def _below(self, cell: Cell, figure: Figure, figures: Figures) -> str:
        near = figure.state is State.NEAR_ZERO
        if figure.state in UNSAID or figures.cuts or (near and not figures.never_negative):
            return figure.interval
        if not near:
            return self.words.text("plus_minus", margin=figure.margin)
        _, high = figures.shown_ends(cell.estimate)
        if high <= 0:
            return self.words.text("near_zero_noise")
        most = figures.amount(high, figures.place(cell.estimate), ROUND_CEILING)
        return self.words.text("near_zero_most", high=most)

    def _shade(self, value: Decimal | None) -> int:
        if not value or value <= 0 or self._largest <= 0 or not self._shaded:
            return 0
        return min(int(value * _SHADES / self._largest) + 1, _SHADES)

    @property
    def _shaded(self) -> bool:
        """Whether a larger number is more of something."""
        kind = self.figures.kind
        return not kind.dotted and kind.base not in ("concentration", "lorenz")

    def table_data(self, title: str) -> dict[str, Any]:
        """The table: a list of groups, or a matrix of the last two axes, in parts by the others."""
        words = self.words
        layout = Layout(self.table, self.labels, self._join, words.text("headline_all"))
        return {
            "caption": words.say("table_caption", title=title, confidence=self.confidence, unit=self.unit()),
            "axes": self.labels.axes or [words.text("group")],
            "interval": words.say("interval", confidence=self.confidence),
            "margin_unit": self.figures.margin_unit,
            "margins": not self.figures.cuts,
            "near_zero": any(self.figure(cell).state is State.NEAR_ZERO for cell in self.table.cells),
            "shading": words.text("shading") if self._shaded else "",
            **layout.data(self.cell_data),
        }
