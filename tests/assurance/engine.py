"""The engine under test and the oracle, side by side on the same files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from dpinsights.measurement import aggregation, customers, relations
from dpinsights.measurement.engines.duckdb import DuckDb
from dpinsights.model.measurement import Measurement, Relation
from dpinsights.model.names import FrozenMap
from dpinsights.model.policy import Csv, DuckDbEngine, Engine, Parquet, Sources
from tests.oracle import databases, files, oracle
from tests.oracle.databases import Database
from tests.oracle.measures import KINDS, random_measure
from tests.oracle.oracle import Contributions
from tests.oracle.relations import random_query

Format = Literal["parquet", "csv"]
Exact = tuple[Contributions, list[list[int]]]


@dataclass(frozen=True)
class Case:
    """A database with a relation over it and the measurements of that relation."""

    database: Database
    relation: Relation
    values: tuple[Measurement, ...]


@contextmanager
def opened(written: files.Sources, folder: Path) -> Iterator[customers.Reader]:
    """The package's reader over files that a test wrote."""
    tables = {
        name: Parquet(parquet=path.name) if written.format == "parquet" else Csv(csv=path.name)
        for name, path in written.paths.items()
    }
    sources = Sources(
        snapshot="test",
        engine=Engine(duckdb=DuckDbEngine(memory="1GB", threads=2)),
        tables=FrozenMap(tables),
    )
    engine = DuckDb(sources, folder=folder, work=folder / "work")
    try:
        yield customers.Reader(written.database.contract, engine)
    finally:
        engine.close()


def contributed(reader: customers.Reader, relation: Relation, values: Sequence[Measurement]) -> Contributions:
    """The bounded relation as the package's SQL makes it, read out whole: only tests do that."""
    table = customers.customer_table(values, reader)
    reader.engine.keep(customers.CUSTOMERS, table.select)
    return _read_out(reader, table, relation, values)


def _read_out(
    reader: customers.Reader,
    table: customers.CustomerTable,
    relation: Relation,
    values: Sequence[Measurement],
) -> Contributions:
    bounded = relations.contributions(relation, values, table, reader)
    rows = reader.engine._run(reader.engine.render(bounded)).fetchall()  # type: ignore[attr-defined]
    found: Contributions = {}
    for customer, cell, n, *sums in rows:
        taken = iter(sums)
        pair = (str(customer), int(cell))
        assert pair not in found, "a customer reaches a cell twice"
        found[pair] = tuple(int(n) if m.value is None else int(next(taken)) for m in values)
    return found


def vectors(reader: customers.Reader, values: Sequence[Measurement]) -> list[list[int]]:
    """The exact vectors, in order."""
    exact = aggregation.exact_vectors(values, reader)
    taken = {key: np.asarray(vector.take()).tolist() for key, vector in exact.items()}
    return [taken[m.key] for m in values]


def by_engine(case: Case, folder: Path, format: Format = "parquet") -> Exact:
    """Relation and vectors by the package; raises what the package raises."""
    written = files.write(case.database, folder, format)
    with opened(written, folder) as reader:
        return contributed(reader, case.relation, case.values), vectors(reader, case.values)


def by_oracle(case: Case, format: Format = "parquet", data: oracle.CleanData | None = None) -> Exact:
    """Relation and vectors by the oracle; no period, as a table with one row a customer has no time column."""
    db = databases.as_text(case.database) if format == "csv" else case.database
    data = data or oracle.clean(db.contract, db.tables, db.stored)
    pairs = oracle.relation(db.contract, data, case.relation, case.values, None)
    return pairs, [oracle.vector(m, pairs, i) for i, m in enumerate(case.values)]


def by_engine_all(cases: Sequence[Case], folder: Path, format: Format = "parquet") -> list[Exact]:
    """`by_engine` for cases over the same database, read once; their vectors are computed together, as a plan's are."""
    written = files.write(cases[0].database, folder, format)
    measured = list(dict.fromkeys(m for case in cases for m in case.values))
    with opened(written, folder) as reader:
        exact = dict(zip(measured, vectors(reader, measured), strict=True))
        table = customers.customer_table(measured, reader)  # which the engine has kept
        return [
            (_read_out(reader, table, case.relation, case.values), [exact[m] for m in case.values])
            for case in cases
        ]


def random_measures(database: Database, seed: int, *, lifted: bool) -> list[Case]:
    """A random case of each kind over a database; lifted if it is a merge of many."""
    cases = []
    for kind in KINDS:
        relation, values = random_measure(database.schema, seed, kind)
        if lifted:
            relation = databases.lift(relation, database)
            values = tuple(dict.fromkeys(replace(m, relation=relation) for m in values))
        cases.append(Case(database, relation, values))
    return cases


def random_case(schema_seed: int, seeds: Sequence[int], query_seed: int) -> Case:
    """A random query over one random database, or over the merge of many."""
    schema = databases.random_schema(schema_seed)
    relation, values = random_query(schema, query_seed)
    each = [databases.random_database(schema, seed) for seed in seeds]
    database = each[0]
    if len(each) > 1:
        database = databases.merge(each)
        relation = databases.lift(relation, database)
    values = tuple(dict.fromkeys(replace(m, relation=relation) for m in values))
    return Case(database, relation, values)
