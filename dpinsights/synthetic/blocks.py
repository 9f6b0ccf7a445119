"""A population block by block: people with all of their rows, made from the seed and the block's number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dpinsights.synthetic.columns import as_arrow, identifiers
from dpinsights.synthetic.drawing import chances, counts, draw
from dpinsights.synthetic.population import Population, RowCounts, Sizes, TableSpec
from dpinsights.synthetic.streams import Stream
from dpinsights.synthetic.values import SEGMENT, Booleans, Integers, Scope, Values

BLOCK = 50_000
"""People in a block. A constant of the format: another number is another population."""

CALIBRATION = 10_000
"""People on whom intercepts are found before the first block."""


@dataclass(frozen=True)
class Blocks:
    """All blocks of a population; `make` gives any of them, in any order."""

    population: Population
    sizes: Sizes
    seed: int
    fitted: dict[str, float] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for party, customers in self.sizes.customers.items():
            self.fitted[f"shared/{party}"] = self.sizes.shared / customers
        sample = np.arange(CALIBRATION, dtype=np.int64) * self.sizes.people // CALIBRATION
        for _ in self._tables(sample, Stream(self.seed, 0, calibrating=True, fitted=self.fitted)):
            pass

    def __len__(self) -> int:
        return math.ceil(self.sizes.people / BLOCK)

    def make(self, block: int) -> dict[str, pa.Table]:
        """Every table's rows of the people of one block."""
        people = np.arange(block * BLOCK, min((block + 1) * BLOCK, self.sizes.people), dtype=np.int64)
        ids = identifiers(people, self.seed)
        stream = Stream(self.seed, block, fitted=self.fitted)
        return {
            name: _arrow(self.population.tables[name], own, person, ids)
            for name, own, person in self._tables(people, stream)
        }

    def _tables(self, people: Integers, stream: Stream) -> Iterator[tuple[str, dict[str, Values], Integers]]:
        """The columns of each table, with the position in `people` that each row belongs to."""
        around = self._people(people, stream)
        size = len(people)
        for name, table in self.population.tables.items():
            member = self._members(name.split(".")[0], around[SEGMENT])
            at = stream.child(name)
            own: dict[str, Values] = {}
            if table.rows == "one":
                # Drawn for everyone, so that other tables can refer to them; only members' rows are kept.
                _fill(table, Scope(own, size, around, member=member), at)
                around.update({f"{name}.{column}": values for column, values in own.items()})
                person = np.flatnonzero(member).astype(np.int64)
                own = {column: values.take(person) for column, values in own.items()}
            else:
                person = _rows(table, own, Scope({}, size, around, member=member), member, at)
                _fill(table, Scope(own, len(person), around, person), at)
            yield name, own, person

    def _people(self, people: Integers, stream: Stream) -> dict[str, Values]:
        ends = np.cumsum([self.sizes.shared, *self.sizes.alone])
        segments = np.searchsorted(ends[:-1], people, side="right")
        known = {SEGMENT: Values(segments, ("shared", *self.sizes.parties))}
        for name, how in self.population.traits.items():
            known[name] = draw(how, Scope(known, len(people)), stream.child("traits").child(name))
        return known

    def _members(self, party: str, segments: Values) -> Booleans:
        belongs = np.array([label in ("shared", party) for label in segments.labels or ()])
        members: Booleans = belongs[segments.array]
        return members


def _rows(table: TableSpec, own: dict[str, Values], scope: Scope, member: Booleans, at: Stream) -> Integers:
    """Whose each row is, in order of people; a table with `each` has its first column drawn on the way."""
    if isinstance(table.rows, RowCounts):
        number = counts(table.rows.poisson_lognormal, scope, at.child("rows"))
        return np.repeat(np.arange(scope.size), number * member).astype(np.int64)
    ((column, keys),) = (table.each or {}).items()
    held = np.empty((scope.size, len(keys)), dtype=np.bool_)
    for position, (key, spec) in enumerate(keys.items()):
        stream = at.child(column).child(key)
        held[:, position] = stream.rng().random(scope.size) < chances(spec, scope, stream)
    person, code = np.nonzero(held & member[:, None])
    own[column] = Values(code.astype(np.int64), tuple(keys))
    return person.astype(np.int64)


def _fill(table: TableSpec, scope: Scope, at: Stream) -> None:
    for column, how in table.columns.items():
        scope.own[column] = draw(how, scope, at.child(column))


def _arrow(table: TableSpec, own: dict[str, Values], person: Integers, ids: pa.Array) -> pa.Table:
    if table.rows == "one":
        customer = ids.take(pa.array(person))
    else:
        customer = pa.DictionaryArray.from_arrays(pa.array(person.astype(np.int32)), ids)
    columns = {table.customer: customer}
    for name, values in own.items():
        how = table.columns.get(name)
        if how is None or not how.hidden:
            columns[name] = as_arrow(values, how)
    return pa.table(columns)
