"""One result as plain data for templates: what it estimates, its chart, its table, its notes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from markupsafe import Markup

from dpinsights.model.numbers import plain
from dpinsights.model.release import Cell, Flag, Release, ResultTable
from dpinsights.reporting.charts import chart, panels_of
from dpinsights.reporting.conditions import condition_in_words
from dpinsights.reporting.figures import Figure, Figures, State, per_cent, unit_name
from dpinsights.reporting.words import Words

_MOST_COLUMNS = 14
_FEW_COLUMNS = 6
_SHADES = 5
_SHORT = 12

# Flags said of single numbers; the others are said in the number's place or of the whole table.
_MARKED = {Flag.MISSED_FORECAST: "†", Flag.CHANGED_BY_CONSISTENCY: "‡"}


def element_id(address: str) -> str:
    """An address as the id of an element: one to one, without white space.

    >>> element_id("spend/mass/手机 x")
    'spend/mass/手机:20x'
    """
    return re.sub(r"[^\w./~-]", lambda found: f":{ord(found.group()):02x}", address)


class ResultView:
    """Turns one table of a release into what a template sees."""

    def __init__(self, release: Release, table: ResultTable, words: Words) -> None:
        self.release, self.table, self.words = release, table, words
        self.figures = Figures(table, words)
        self.title = words.name(table.title, table.name)
        self.confidence = per_cent(release.confidence, words)
        self.labels = [[words.name(key.names, key.key) for key in axis.keys] for axis in table.axes]
        self._join = words.text("group_join")
        plain_values = [
            cell.estimate.value
            for cell in table.cells
            if self.figure(cell).state is State.PLAIN and cell.estimate.value
        ]
        self._largest = max(plain_values, default=Decimal(0))

    def figure(self, cell: Cell) -> Figure:
        """A cell's number as printed."""
        return self.figures.figure(cell.estimate)

    def data(self, number: int) -> dict[str, Any]:
        """The whole result."""
        words = self.words
        panels = panels_of(self.labels, self.table.cells, self._join)
        return {
            "name": self.table.name,
            "id": f"result-{self.table.name}",
            "number": number,
            "title": self.title,
            "note": words.name(self.table.note) if self.table.note else "",
            "sentences": self.sentences(),
            "unit": words.say("unit", unit=self.figures.unit),
            "chart": chart(self.title, panels, self.figures, words) if panels else None,
            "chart_describes": words.say("chart_describes", confidence=self.confidence),
            "chart_note": self._chart_note(panels),
            "table": self.table_data(),
            "notes": list(self.notes()),
            "marks": self.marks(),
        }

    def _chart_note(self, panels: Sequence[Any]) -> str:
        if not panels:
            return self.words.text("chart_none") if self.labels else ""
        shown = sum(len(panel.bars) for panel in panels)
        if shown < len(self.table.cells):
            return self.words.text("chart_first", n=shown)
        return self.words.text("chart_key", confidence=self.confidence)

    # What it estimates

    def people(self) -> Markup:
        """Which customers the numbers are about."""
        words, parties = self.words, self.release.parties
        first, second = [words.name(names, party) for party, names in parties.items()][:2]
        if self.table.population in parties:
            return words.say(
                "people_party", party=words.name(parties[self.table.population], self.table.population)
            )
        return words.say(f"people_{self.table.population}", first=first, second=second)

    def of(self) -> str:
        """What is summed, averaged or counted, as readers may call it."""
        names, of = self.release.names, self.table.of
        table, _, column = of.rpartition(".")
        if column and table in names and of in names:
            named = (self.words.name(names[of], column), self.words.name(names[table], table))
            return self.words.text("column_of", column=named[0], table=named[1])
        return self.words.name(names.get(of), of)

    def sentences(self) -> list[Markup]:
        """What a number estimates, then the filters."""
        table, words = self.table, self.words
        rows = table.of.rpartition(".")[0]
        found = [
            words.say(
                f"est_{table.estimates}_{'grouped' if table.axes else 'all'}",
                people=self.people(),
                of=self.of(),
                rows=words.name(self.release.names.get(rows), rows or table.of),
            )
        ]
        for key, condition in (("where", table.where), ("rows_where", table.rows_where)):
            if condition:
                found.append(
                    words.say(key, condition=condition_in_words(condition, self.release.names, words))
                )
        return found

    def notes(self) -> Iterator[Markup]:
        """Limits, bounds and wishes that hold for the whole table."""
        table, words = self.table, self.words
        flags = {flag for cell in table.cells for flag in cell.estimate.flags}
        if table.k:
            yield words.say("groups_limited", n=table.k)
        if table.r:
            yield words.say("rows_limited", n=table.r)
        if table.k or table.r:
            yield words.say("limit_bias")
        if table.k and table.estimates == "customers":
            yield words.say("overlap")
        if Flag.BOUND_DECLARED in flags and table.low is not None and table.high is not None:
            key = "bounds_row" if table.r else "bounds_customer" if table.measure == "sum" else "bounds_value"
            yield words.say(key, low=self.exact(table.low), high=self.exact(table.high))
            yield words.say("bounds_bias")
        if table.margin_wanted is not None:
            yield words.say("margin_wanted", wanted=self.exact(table.margin_wanted))

    def marks(self) -> list[dict[str, Any]]:
        """The flags of single numbers that occur here, with what they mean."""
        flags = {flag for cell in self.table.cells for flag in cell.estimate.flags}
        return [
            {"mark": mark, "text": self.words.say(f"flag_{flag.value}")}
            for flag, mark in _MARKED.items()
            if flag in flags
        ]

    def exact(self, amount: Decimal) -> str:
        """An amount that a definition states, with its unit."""
        if self.figures.share:
            return per_cent(amount, self.words, min(int((amount * 100).normalize().as_tuple().exponent), 0))
        return self.with_unit(self.words.number(amount))

    def with_unit(self, number: str) -> str:
        """A number's text with the table's unit, if it has one."""
        unit = unit_name(self.table.unit, self.words)
        return self.words.text("with_unit", number=number, unit=unit) if unit else number

    # The table

    def cell_data(self, cell: Cell) -> dict[str, Any]:
        """One number."""
        figure, estimate = self.figure(cell), cell.estimate
        place = self.figures.place(estimate)
        _, high = self.figures.shown_ends(estimate)
        near = figure.state is State.NEAR_ZERO
        most = self.figures.amount(high, place, ROUND_CEILING)
        return {
            "address": cell.address,
            "id": element_id(cell.address),
            "exact": "" if estimate.value is None else plain(estimate.value),
            "low": plain(estimate.low),
            "high": plain(estimate.high),
            "text": figure.text,
            "margin": figure.margin,
            "interval": figure.interval,
            "state": figure.state.value,
            "brief": self.words.text("near_zero_mark") if near else figure.text,
            "below": self._below(figure, high, most, near),
            "shade": self._shade(estimate.value) if figure.state is State.PLAIN else 0,
            "marks": "".join(mark for flag, mark in _MARKED.items() if flag in estimate.flags),
        }

    def _below(self, figure: Figure, high: Decimal, most: str, near: bool) -> str:
        if figure.state is State.TOO_WIDE or (near and not self.figures.never_negative):
            return figure.interval
        if near and high <= 0:
            return self.words.text("near_zero_noise")
        key, part = ("near_zero_most", {"high": most}) if near else ("plus_minus", {"margin": figure.margin})
        return self.words.text(key, **part)

    def _shade(self, value: Decimal | None) -> int:
        if not value or value <= 0 or self._largest <= 0:
            return 0
        return min(int(value * _SHADES / self._largest) + 1, _SHADES)

    def table_data(self) -> dict[str, Any]:
        """The table: a list of groups, or a matrix of the last two axes, in parts by the others."""
        words, axes = self.words, self.table.axes
        base = {
            "caption": words.say(
                "table_caption",
                title=self.title,
                confidence=self.confidence,
                unit=words.say("unit", unit=self.figures.unit),
            ),
            "axes": [words.name(axis.names, axis.source) for axis in axes] or [words.text("group")],
            "interval": words.say("interval", confidence=self.confidence),
            "margin_unit": words.text("points") if self.figures.share else "",
            "near_zero": any(self.figure(cell).state is State.NEAR_ZERO for cell in self.table.cells),
        }
        if len(axes) >= 2 and min(len(self.labels[-1]), len(self.labels[-2])) <= _MOST_COLUMNS:
            return {**base, "kind": "matrix", **self._matrix()}
        everyone = [[words.text("headline_all")]] if not axes else None
        labels = everyone or [
            [labels[at] for labels, at in zip(self.labels, place, strict=True)] for place in self._places()
        ]
        rows = [
            {"labels": names, "cell": self.cell_data(cell)}
            for names, cell in zip(labels, self.table.cells, strict=True)
        ]
        return {**base, "kind": "list", "rows": rows, "size": "short" if len(rows) <= _SHORT else ""}

    def _places(self) -> Iterator[tuple[int, ...]]:
        """The indices of each cell's keys, in the cells' order: last axis fastest."""
        sizes = [len(labels) for labels in self.labels]
        for number in range(len(self.table.cells)):
            place, rest = [], number
            for size in reversed(sizes):
                rest, at = divmod(rest, size)
                place.append(at)
            yield tuple(reversed(place))

    def _matrix(self) -> dict[str, Any]:
        """Rows and columns of the last two axes, the longer one downwards where it can't stand across."""
        tall, wide = len(self.labels[-2]), len(self.labels[-1])
        turned = wide > _FEW_COLUMNS and wide > tall
        down, across = (-1, -2) if turned else (-2, -1)
        names = [self.words.name(axis.names, axis.source) for axis in self.table.axes]
        headings = [""]
        for axis in self.labels[:-2]:
            headings = [f"{head}{self._join if head else ''}{label}" for head in headings for label in axis]
        groups = []
        for part, heading in enumerate(headings):
            cells = self.table.cells[part * tall * wide : (part + 1) * tall * wide]
            lines = [cells[at * wide : (at + 1) * wide] for at in range(tall)]
            if turned:
                lines = list(zip(*lines, strict=True))
            rows = [
                {"label": label, "cells": [self.cell_data(cell) for cell in line]}
                for label, line in zip(self.labels[down], lines, strict=True)
            ]
            groups.append({"heading": heading, "rows": rows})
        return {
            "row_axis": names[down],
            "column_axis": names[across],
            "columns": self.labels[across],
            "groups": groups,
            "shading": self.words.text("shading"),
            "size": _size(len(self.labels[across]), len(self.table.cells) // len(self.labels[across])),
        }


def _size(columns: int, rows: int) -> str:
    """The classes that make a matrix narrower or denser, and keep a short one on one sheet of paper."""
    width = "wide" if columns > 8 else "narrow" if columns < 4 else ""
    return f"{width} {'short' if rows <= _SHORT else ''}".strip()
