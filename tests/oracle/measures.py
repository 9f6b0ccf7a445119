"""Random relations and measurements of each kind that a measure needs, over a schema."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from dpinsights.model.expressions import (
    Arithmetic,
    Case,
    Clamp,
    Constant,
    Cut,
    Divide,
    IsNull,
    Node,
    RowColumn,
    is_about_rows,
)
from dpinsights.model.measurement import Group, Measurement, Relation
from dpinsights.model.strategy import Kind, Strategy
from tests.oracle.relations import MOST_CELLS, Builder, Value
from tests.oracle.schemas import Schema

Query = tuple[Relation, tuple[Measurement, ...]]

MOST_SQUARED = 2**50
"""What one contribution may add to a sum, so that sums over a merge of databases fit 64 bits."""


def random_measure(schema: Schema, seed: int, kind: str) -> Query:
    """A relation of a kind, with the measurements that the kind takes.

    A kind is one of `KINDS`. The selection order's seed is the same for all, as it is within a partnership.
    """
    return KINDS[kind](Measures(schema, Random(f"{kind} {seed}")))


class Measures(Builder):
    """Relations of one kind each, made of the same random nodes, less deep as products and steps nest them further."""

    def number(self, table: str | None, depth: int = 0) -> Value:
        """A number of some kind."""
        return super().number(table, max(depth, 1))

    def condition(self, table: str | None, depth: int = 0) -> Node:
        """A condition."""
        return super().condition(table, max(depth, 1))

    def made(
        self, rows: str | None, groups: tuple[Group, ...], k: int | None = None, present: Node | None = None
    ) -> Relation:
        """A relation with these groups; population and conditions at random."""
        rng = self.rng
        return Relation(
            population=rng.choice([*self.contract.parties, "shared", "any", "any"]),
            rows=rows,
            groups=groups,
            where=self.condition(None) if rng.random() < 0.2 else None,
            rows_where=self.rows_where(rows) if rng.random() < 0.5 else None,
            present=present,
            groups_per_customer=k,
            rows_per_customer=None,
            seed="s",
        )

    def about_customers(self, most: int = MOST_CELLS) -> tuple[Group, ...]:
        """No or one group about customers."""
        group = self.group(None)
        return (group,) if self.rng.random() < 0.5 and group.size <= most else ()

    def pairs(self) -> Query:
        """Pairs of a customer's keys of rows, most customers having more keys than count."""
        rows = self.rng.choice(self.many)
        column = next(iter(self.contract.tables[rows].columns))
        group = Group(IsNull(RowColumn(rows, column)), 2)
        for _ in range(20):
            found = self.group(rows)
            if is_about_rows(found.code) and 1 < found.size:
                group = found
                break
        k = min(self.rng.choice([2, 2, 3, 4, 60]), group.size)
        relation = replace(self.made(rows, (*self.about_customers(3), group), k), pairs=True)
        return relation, (Measurement(relation, None, 0, 1),)

    def bins(self, most: int = 4) -> tuple[Group, Value]:
        """A customer's number between bounds, in bins."""
        value = self.number(None)
        low, high = sorted((self.inside(value), self.inside(value)))
        cuts = sorted({self.inside(value) for _ in range(self.rng.randint(1, most))})
        return Group(Cut(Clamp(value.node, low, high + 1), tuple(cuts)), len(cuts) + 1), value

    def histogram(self) -> Query:
        """Customers in bins, and what their numbers come to in each."""
        group, value = self.bins()
        relation = self.made(None, (*self.about_customers(), group))
        return relation, (Measurement(relation, None, 0, 1), self.measurement(relation, value))

    def strategy(self, kind: Kind) -> Query:
        """Counts under a strategy; sums too, which no measure draws."""
        rng = self.rng
        group, value = self.bins(20)
        groups = (*self.about_customers(3), group)
        relation = self.made(rng.choice([None, None, *self.many]), groups)
        count = Measurement(relation, None, 0, 1, strategy=Strategy(kind, group.size))
        total = replace(self.measurement(relation, value), strategy=count.strategy)
        return relation, (count, total) if total.largest < MOST_SQUARED else (count,)

    def powers(self) -> Query:
        """Contributions of any relation (per customer, per row, about customers) shifted, coarse, squared."""
        relation, values = self.query()
        while all(m.value is None for m in values):
            relation, values = self.query()
        relation = replace(relation, seed="s")
        changed = [self.power(replace(m, relation=relation)) for m in values]
        return relation, tuple(dict.fromkeys(changed))

    def power(self, measurement: Measurement) -> Measurement:
        """One measurement's moments, first or second."""
        rng = self.rng
        if measurement.value is None:
            return measurement
        summed = measurement.relation.rows_per_customer is None and is_about_rows(measurement.value)
        if not summed and rng.random() < 0.5:
            centre = (measurement.low + measurement.high) // 2
            low, high = measurement.low - centre, measurement.high - centre
            node = Arithmetic("-", measurement.value, Constant(centre))
            measurement = replace(measurement, value=node, low=low, high=high)
        most = max(abs(measurement.low), abs(measurement.high), 1)
        squared = rng.random() < 0.7
        least = math.ceil(most / math.isqrt(MOST_SQUARED)) if squared else 1
        coarse = rng.choice([least, least, 2 * least, 7 * least, 10 * least, most])
        return replace(measurement, coarse=coarse if coarse > 1 else None, power=2 if squared else None)

    def moments(self) -> Query:
        """Products of two numbers of a customer, each clamped, centred and coarse, present where both are known."""
        values, nodes = [self.number(None), self.number(None)], []
        for value in values:
            low, high = sorted((self.inside(value), self.inside(value)))
            centre, most = (low + high) // 2, max(high - low, 1)
            # No constant leaves 62 bits, which definitions prove of what they make.
            coarse = min(self.rng.choice([3, 10, 1 + most // 5]) * (1 + most // 2**25), 2**61)
            clamped = Clamp(value.node, low, high)
            nodes.append((Divide(Arithmetic("-", clamped, Constant(centre)), Constant(coarse)),
                          round((low - centre) / coarse), round((high - centre) / coarse)))  # fmt: skip
        (one, low, high), (other, least, most) = nodes
        present = Arithmetic("+", *(Clamp(value.node, 0, 9) for value in values))
        relation = self.made(None, self.about_customers(), present=present)
        corners = [a * b for a in (low, high) for b in (least, most)]
        return relation, (
            Measurement(relation, None, 0, 1),
            Measurement(relation, one, low, high),
            Measurement(relation, Arithmetic("*", one, other), min(corners), max(corners)),
            Measurement(relation, Arithmetic("*", one, one), 0, max(low**2, high**2)),
        )

    def funnel(self) -> Query:
        """The furthest of some steps that a customer reached in order."""
        steps = [self.condition(None) for _ in range(self.rng.randint(2, 4))]
        code: Node = Constant(len(steps))
        for place in reversed(range(len(steps))):
            code = Case(((steps[place], code),), Constant(place))
        relation = self.made(None, (*self.about_customers(), Group(code, len(steps) + 1)))
        return relation, (Measurement(relation, None, 0, 1),)

    def retention(self) -> Query:
        """Customers by the first and the last of some periods."""
        at = tuple(sorted({self.rng.randint(*self.period) for _ in range(4)}))
        groups = []
        for _ in range(2):
            moment = self.moment(None)
            value, unit = (moment.node, 86_400 if moment.kind == "timestamp" else 1) if moment else (None, 1)
            code = Cut(value or self.number(None).node, tuple(day * unit for day in at))
            groups.append(Group(code, len(at) + 1))
        relation = self.made(None, (*self.about_customers(), *groups))
        return relation, (Measurement(relation, None, 0, 1),)


KINDS: Mapping[str, Callable[[Measures], Query]] = {
    "pairs": Measures.pairs,
    "histogram": Measures.histogram,
    "tree": lambda made: made.strategy("tree"),
    "series": lambda made: made.strategy("series"),
    "powers": Measures.powers,
    "moments": Measures.moments,
    "funnel": Measures.funnel,
    "retention": Measures.retention,
}
