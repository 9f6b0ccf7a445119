"""The released numbers of one data set beside its exact ones, and follow-up questions."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from dpinsights.model.policy import Sources
from dpinsights.pipeline import define
from tests.real.nearly_exact import NearlyExact, nearly_exact

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared" / "data"

Numbers = dict[tuple[str, ...], float]
Query = Mapping[str, Any]

CUTS_EACH = 12
"""Into how many parts a bin is cut to find a quantile in it."""


class Answered(NamedTuple):
    """What a question of truth.json is answered with: its groups, and the released numbers of every other column."""

    groups: tuple[str, ...]
    numbers: Mapping[str, Numbers]


class Answers:
    """The released numbers of one data set, and its exact ones."""

    def __init__(self, name: str, sources: Sources, data: Path, work: Path) -> None:
        self.definitions, self.original = HERE / name, SHARED / name
        self.sources, self.data, self.work = sources, data, work
        self._follow_ups = itertools.count(1)
        self.released: NearlyExact = nearly_exact(self.definitions, sources, data, work / "first")
        questions = json.loads((self.original / "truth.json").read_text(encoding="utf-8"))
        self.questions = {question["id"]: question for question in questions}

    def __getitem__(self, table: str) -> Numbers:
        """A table's numbers by group as they are printed, groups without anybody left out."""
        cells = self.released.tables[table].cells
        return {cell.keys: float(cell.estimate.value) for cell in cells if cell.estimate.value}

    def quotient(self, query: str) -> Numbers:
        """A mean's, share's or ratio's numbers before they are rounded for print, which is to a ten-thousandth of a step."""
        table = self.released.tables[query]
        found = {}
        for cell, quotient in zip(table.cells, self.released.quotients[query], strict=True):
            if quotient is None:
                assert cell.estimate.value is None
            else:
                assert cell.estimate.value is not None
                printed = float(cell.estimate.value)
                assert printed == pytest.approx(float(quotient), abs=0.500001e-4 * float(table.step))
                found[cell.keys] = float(quotient)
        return found

    def ask(self, queries: Mapping[str, Query]) -> NearlyExact:
        """A follow-up: other questions under the same contract."""
        folder = self.work / f"follow-up-{next(self._follow_ups)}"
        folder.mkdir(parents=True)
        for file in ("contract.yaml", "policy.yaml"):
            (folder / file).write_bytes((self.definitions / file).read_bytes())
        text = (self.definitions / "report.yaml").read_text(encoding="utf-8")
        head = text[: text.index("queries:")]
        # JSON is YAML.
        (folder / "report.yaml").write_text(f"{head}queries: {json.dumps(queries)}\n", encoding="utf-8")
        return nearly_exact(folder, self.sources, self.data, folder / "work")

    def quantiles(self, query: Query, sizes: Numbers, probabilities: Sequence[float]) -> Numbers:
        """Quantiles to the last step, by group and probability: first between public cuts, then between finer ones there.

        A quantile at (i - 1/2)/n is the i-th smallest of n values, without noise, and DuckDB's `quantile_cont`
        interpolates between the two nearest such values. In a bin one step wide all values are its lower edge.
        """
        ranks = {group: [place_of(n, p) for p in probabilities] for group, n in sizes.items()}
        wanted = {
            (group, i): str(round((i - Decimal("0.5")) / Decimal(sizes[group]), 12))
            for group, pairs in ranks.items()
            for low, _ in pairs
            for i in (low, low + 1)
            if i <= sizes[group]
        }
        at = sorted(set(wanted.values()), key=Decimal)
        values = self._to_the_step({**query, "at": at}, {(g, at.index(p)) for (g, _), p in wanted.items()})
        order = {(group, i): values[group, at.index(p)] for (group, i), p in wanted.items()}
        found = {}
        for group, pairs in ranks.items():
            for p, place in zip(probabilities, pairs, strict=True):
                found[*group, str(p)] = between(_ranked(order, group), place)
        return found

    def _to_the_step(
        self, query: Query, wanted: set[tuple[tuple[str, ...], int]]
    ) -> dict[tuple[tuple[str, ...], int], float]:
        """The lower edges of the bins that the quantiles lie in, once those are one step wide."""
        first = {Decimal(str(cut)) for cut in query["cuts"]}
        cuts = sorted(first)
        while True:
            table = self.ask({"q": {**query, "cuts": [str(cut) for cut in cuts]}}).tables["q"]
            assert table.low is not None and table.high is not None
            edges = [table.low, *cuts, table.high]
            places = {key.key: place for place, key in enumerate(table.axes[-1].keys)}
            bins = {}
            for cell in table.cells:
                here = cell.keys[:-1], places[cell.keys[-1]]
                if here in wanted:
                    value = cell.estimate.value
                    assert value is not None and cell.estimate.low <= value <= cell.estimate.high
                    upper = next(edge for edge in edges if edge >= value)
                    bins[here] = edges[edges.index(upper) - 1], upper
            wide = [pair for pair in set(bins.values()) if pair[1] - pair[0] > table.step]
            if not wide:
                return {here: float(low) for here, (low, _) in bins.items()}
            finer = {cut for pair in wide for cut in _finer(*pair, table.step)}
            cuts = sorted((first | finer | set(itertools.chain(*bins.values()))) - {table.low, table.high})

    def rows(self, question: str) -> list[dict[str, Any]]:
        """The rows of truth.json."""
        q = self.questions[question]
        return [dict(zip(q["columns"], row, strict=True)) for row in q["rows"]]

    def exact(self, question: str, column: str, *groups: str) -> Numbers:
        """One column of truth.json by its groups."""
        return {_group(row[group] for group in groups): float(row[column]) for row in self.rows(question)}

    def sql(self, statement: str) -> Numbers:
        """What DuckDB answers on the files as they lie there: groups, then a number."""
        rows = duckdb.execute(statement.format(self.original)).fetchall()
        return {_group(row[:-1]): float(row[-1]) for row in rows}


def _ranked(
    values: Mapping[tuple[tuple[str, ...], int], float], group: tuple[str, ...]
) -> Callable[[int], float]:
    return lambda rank: values[group, rank]


def place_of(n: float, p: float) -> tuple[int, float]:
    """After which smallest value of n the quantile lies, and how far along to the next: DuckDB's `quantile_cont`."""
    place = round((n - 1) * p, 9)
    return floor(place) + 1, place - floor(place)


def between(value: Callable[[int], float], place: tuple[int, float]) -> float:
    """What interpolates between the values in order there."""
    rank, part = place
    low = value(rank)
    return low + part * (value(rank + 1) - low) if part else low


def _finer(low: Decimal, high: Decimal, step: Decimal) -> Iterator[Decimal]:
    """The ends of a bin, and whole steps between them."""
    steps = int((high - low) / step)
    for part in range(CUTS_EACH + 1):
        yield low + steps * part // CUTS_EACH * step


def _group(values: Any) -> tuple[str, ...]:
    return tuple(
        "not stated" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for value in values
    )


def same(released: Numbers, exact: Numbers) -> None:
    """Equal; the second part of the tolerance is that truth.json has six decimals."""
    assert released == pytest.approx(exact, rel=1e-6, abs=0.6e-6)
    assert released


def check(answers: Answers, question: str, answered: Answered) -> None:
    """All numbers of a question are answered, and equal."""
    columns = [column for column in answers.questions[question]["columns"] if column not in answered.groups]
    assert set(answered.numbers) == set(columns)
    for column in columns:
        same(answered.numbers[column], answers.exact(question, column, *answered.groups))


def around(answers: Answers, query: str, exact: Mapping[str, Numbers]) -> None:
    """Each quantile's interval is the bin of public cuts that the exact quantile is in."""
    table = answers.released.tables[query]
    asked = define(answers.definitions / "report.yaml").report.queries[query]
    assert table.low is not None and table.high is not None and asked.cuts is not None
    edges = [float(edge) for edge in (table.low, *asked.cuts, table.high)]
    found = {cell.keys: (float(cell.estimate.low), float(cell.estimate.high)) for cell in table.cells}
    bins = {
        (*group, name): next((a, b) for a, b in itertools.pairwise(edges) if a <= number < b)
        for name, numbers in exact.items()
        for group, number in numbers.items()
    }
    assert bins == {keys: found[keys] for keys in bins}


def sizes(answers: Answers) -> Answered:
    """Who is whose customer; those of one party alone are differences."""
    bank, shop, shared, either = (answers[f"{p}_size"][()] for p in ("bank", "shop", "shared", "any"))
    numbers = {
        "bank": bank,
        "shop": shop,
        "overlap": shared,
        "bank_only": either - shop,
        "shop_only": either - bank,
    }
    return Answered((), {name: {(): number} for name, number in numbers.items()})


def largest(numbers: Numbers, n: int) -> Numbers:
    """The largest of what was released: post-processing, and noisy where the numbers are."""
    return dict(sorted(numbers.items(), key=lambda item: -item[1])[:n])


def only(numbers: Numbers, groups: Numbers) -> Numbers:
    """The numbers of some groups."""
    return {group: numbers[group] for group in groups}


def at(numbers: Numbers, *last: str) -> Numbers:
    """The numbers whose last keys are these, without them."""
    n = len(last)
    return {group[:-n]: number for group, number in numbers.items() if group[-n:] == last}
