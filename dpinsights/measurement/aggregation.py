"""The exact vectors of a plan's draws, and the check that fails closed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlglot import exp

from dpinsights.measurement import tree
from dpinsights.measurement.customers import CUSTOMER, CUSTOMERS, Reader, customer_table
from dpinsights.measurement.discovery import ExactMap, exact_keys
from dpinsights.measurement.exact import BoundsViolated as BoundsViolated
from dpinsights.measurement.exact import ExactVector
from dpinsights.measurement.quantile_scores import grouped_scores
from dpinsights.measurement.relations import CELL, ROWS, contributions
from dpinsights.measurement.tree import Sql
from dpinsights.model.measurement import Discovery, Measured, Measurement, Relation, Selection

INT64 = np.iinfo(np.int64)


Exact = ExactVector | ExactMap
"""What a draw takes, once."""

Cells = Measurement | Selection
"""What is made of the sums of a relation's cells."""


def fresh_salt() -> str:
    """What texts are hashed after: 256 bits of chance that are never stored or shown.

    It is drawn for each discovery once the sources are fixed, so that whoever writes texts can't make two of one code.
    """
    return secrets.token_hex(32)


def exact_vectors(
    measurements: Sequence[Measured], reader: Reader, *, salt: Callable[[], str] = fresh_salt
) -> dict[str, Exact]:
    """The exact vector of each measurement, and the exact map of each discovery, by key; the caller has charged for them.

    Raises:
        BoundsViolated: if the relation after bounding breaks a declared bound, which no person's data can cause.
    """
    if not measurements:
        return {}
    table = customer_table(measurements, reader)
    reader.engine.keep(CUSTOMERS, table.select)
    if reader.engine.rows(_customers_twice()):
        raise BoundsViolated
    vectors: dict[str, Exact] = {
        one.key: exact_keys(one, table, reader, salt=salt())
        for one in measurements
        if isinstance(one, Discovery)
    }
    known = [one for one in measurements if not isinstance(one, Discovery)]
    for relation, measured in by_relation(known).items():
        valued = [one for one in measured if isinstance(one, Measurement)]
        rows = reader.engine.rows(sums(relation, measured, contributions(relation, valued, table, reader)))
        vectors |= _split(relation, measured, rows)
    return vectors


def by_relation(measurements: Sequence[Cells]) -> Mapping[Relation, tuple[Cells, ...]]:
    """Measurements of the same relation share its scan; a per-row count and sum do too."""
    groups: dict[Relation, list[Cells]] = {}
    for measurement in measurements:
        groups.setdefault(measurement.relation, []).append(measurement)
    return {relation: tuple(measured) for relation, measured in groups.items()}


def sums(relation: Relation, measured: Sequence[Cells], bounded: exp.Select) -> Sql:
    """One statement: the sums of each cell, then under cell -1 whether any bound was broken.

    Both read the same bounded relation, which is made once.
    """
    values = [one for one in measured if isinstance(one, Measurement) and one.value is not None]
    names = [f"v{place}" for place in range(len(values))]
    by_cell = (
        exp.select(
            tree.column(CELL),
            tree.call("sum", tree.column(ROWS)),
            *(tree.call("sum", tree.column(n)) for n in names),
        )
        .from_(tree.table("bounded"))
        .group_by(tree.column(CELL))
    )
    each = (
        exp.select(
            exp.alias_(exp.Count(this=exp.Star()), "cells", quoted=True),
            exp.alias_(tree.call("sum", tree.column(ROWS)), "made_of", quoted=True),
            *_different(relation),
            *(
                exp.alias_(tree.call(f, tree.column(n)), f"{f}_{n}", quoted=True)
                for n in (CELL, *names)
                for f in ("min", "max")
            ),
        )
        .from_(tree.table("bounded"))
        .group_by(tree.column(CUSTOMER))
    )
    broken = exp.or_(*_broken(relation, values, names))
    nothing = [tree.number(0) for _ in range(1 + len(names))]
    check = exp.select(tree.number(-1), *nothing).from_(each.subquery("each")).where(broken).limit(1)
    both = exp.union(by_cell, check, distinct=False)
    return both.with_("bounded", as_=bounded, materialized=True)


def _different(relation: Relation) -> list[Sql]:
    """How many different cells a customer has, where several lines of one could name the same."""
    if relation.rows is None:
        return []
    cell = tree.column(CELL)
    if relation.cells > MOST_BITS:
        found: Sql = exp.Count(this=exp.Distinct(expressions=[cell]))
    else:
        one = tree.cast(exp.Literal.number(1), "HUGEINT" if relation.cells > 62 else "BIGINT")
        # A cell that is out of range, which is checked beside this, must not make the shift raise.
        inside = tree.case(
            [(exp.Between(this=cell, low=tree.number(0), high=tree.number(relation.cells - 1)), cell)]
        )
        bit = exp.BitwiseLeftShift(this=one, expression=tree.cast(inside, "INTEGER"))
        found = tree.call("bit_count", tree.call("bit_or", bit))
    return [exp.alias_(found, "different", quoted=True)]


MOST_BITS = 126
"""Cells that the bits of one whole number can stand for."""


def _broken(relation: Relation, values: Sequence[Measurement], names: Sequence[str]) -> list[Sql]:
    """What must not happen to any customer."""
    count = Measurement(relation, None, 0, 1)
    most_rows = relation.rows_per_customer or count.l0
    broken = [
        tree.binary(exp.GT, tree.column("cells"), tree.number(count.l0)),
        tree.binary(exp.GT, tree.column("made_of"), tree.number(most_rows)),
        tree.binary(exp.LT, tree.column(f"min_{CELL}"), tree.number(0)),
        tree.binary(exp.GTE, tree.column(f"max_{CELL}"), tree.number(relation.cells)),
    ]
    if relation.rows is not None:
        broken.append(tree.binary(exp.NEQ, tree.column("cells"), tree.column("different")))
    for measurement, name in zip(values, names, strict=True):
        times = relation.rows_per_customer or 1
        # 0 is what a contribution without a value adds, whatever its bounds.
        low, high = (min(0, measurement.low * times), max(0, measurement.high * times))
        if measurement.coarse is not None or measurement.power is not None:
            high = measurement.largest * times
            low = 0 if measurement.power == 2 or measurement.low >= 0 else -high
        broken.append(
            tree.binary(exp.LT, tree.column(f"min_{name}"), tree.cast(tree.text(str(low)), "HUGEINT"))
        )
        broken.append(
            tree.binary(exp.GT, tree.column(f"max_{name}"), tree.cast(tree.text(str(high)), "HUGEINT"))
        )
    return broken


def _customers_twice() -> Sql:
    """A row if the per-customer table holds a customer twice, which would fan out every join with it."""
    return (
        exp.select(tree.number(1))
        .from_(tree.table(CUSTOMERS))
        .having(
            exp.NEQ(
                this=exp.Count(this=exp.Star()),
                expression=exp.Count(this=exp.Distinct(expressions=[tree.column(CUSTOMER)])),
            )
        )
    )


def _split(
    relation: Relation, measured: Sequence[Cells], rows: Sequence[tuple[int | None, ...]]
) -> dict[str, ExactVector]:
    """Every declared cell gets a number, 0 where nobody contributed; past 64 bits a sum is clamped, never raised."""
    if any(row[0] == -1 for row in rows):
        raise BoundsViolated
    vectors: dict[str, ExactVector] = {}
    place = 2
    for measurement in measured:
        source = 1
        if measurement.value is not None:
            source, place = place, place + 1
        filled = np.zeros(relation.cells, dtype=np.int64)
        for row in rows:
            filled[row[0] or 0] = max(INT64.min, min(INT64.max, row[source] or 0))
        vectors[measurement.key] = ExactVector(
            grouped_scores(filled, measurement.fraction, measurement.candidates + 1)
            if isinstance(measurement, Selection)
            else applied(measurement, filled)
        )
    return vectors


def applied(measurement: Measurement, sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """The sums of cells under the measurement's strategy, block by block of its last group.

    A customer reaches one cell, so its contribution becomes one column of the strategy's matrix times its value, and
    the vector stays a sum of the customers' own contributions. Past 64 bits a number is clamped.
    """
    strategy = measurement.strategy
    if strategy is None:
        return sums
    made = [
        max(INT64.min, min(INT64.max, number))
        for start in range(0, len(sums), strategy.size)
        for number in strategy.apply([int(value) for value in sums[start : start + strategy.size]])
    ]
    return np.array(made, dtype=np.int64)
