"""Every kind of feature, from the contract's text through nodes and SQL: what it means for each customer, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlglot import exp

from dpinsights.definitions.features import Features
from dpinsights.definitions.python import period
from dpinsights.measurement import customers, tree
from dpinsights.measurement.nodes import value
from dpinsights.model.contract import DecimalColumn
from dpinsights.model.expressions import Node
from dpinsights.model.measurement import Measurement, Relation
from dpinsights.model.names import FrozenMap, OrderedMap
from tests.assurance.engine import opened
from tests.oracle import databases, files, oracle
from tests.oracle.databases import Database
from tests.oracle.features import Written, random_features
from tests.oracle.schemas import Schema

REFUSED = {13}
"""Schemas that are refused: bounds and decimals that need more than 38 digits."""

SEEDS = [seed for seed in range(40) if seed not in REFUSED]


def sound(schema: Schema) -> Schema:
    """The schema with bounds in whole steps, as checked contracts have them."""
    tables = {}
    for name, table in schema.contract.tables.items():
        columns = dict(table.columns)
        for column, kind in columns.items():
            if isinstance(kind, DecimalColumn):
                whole = tuple(round(bound / kind.step) * kind.step for bound in kind.bounds)
                columns[column] = kind.replace(bounds=whole)
        tables[name] = table.replace(columns=OrderedMap(columns))
    return replace(schema, contract=schema.contract.replace(tables=FrozenMap(tables)))


def made(seed: int) -> tuple[Database, Features, list[Written]]:
    """A database with a hundred customers or so, and features over it, resolved."""
    schema = sound(databases.random_schema(seed))
    span, written = random_features(schema, seed)
    named = FrozenMap({feature.name: feature.feature for feature in written})
    contract = schema.contract.replace(features=named)
    whole = Schema(contract, schema.stored, schema.period)
    database = databases.random_database(whole, seed)
    return database, Features(contract, period(*(day.isoformat() for day in span))), written


def everyone(database: Database) -> dict[str, oracle.Customer]:
    """All customers, with their rows read."""
    data = oracle.clean(database.contract, database.tables, database.stored)
    return {one: oracle.customer(data, one, None) for one in oracle.population(data, "any")}


@pytest.mark.parametrize("seed", SEEDS)
def test_nodes_mean_what_features_say(seed: int) -> None:
    database, features, written = made(seed)
    people = everyone(database)
    for item in written:
        feature = features.get(item.name)
        kind = feature.type
        assert feature.table == item.table
        if item.keys is not None:
            assert tuple(key.key for key in kind.keys) == item.keys
        for customer in people.values():
            if item.means is not None:
                pairs = [(item.means(customer), oracle.evaluate(feature.node, None, customer))]
            else:
                assert item.by_row is not None and item.table is not None
                rows = customer.many[item.table]
                pairs = [(item.by_row(row), oracle.evaluate(feature.node, row, customer)) for row in rows]
            for expected, found in pairs:
                assert found == expected, (item.feature, customer.id)
                assert kind.nullable if found is None else kind.low <= found <= kind.high


def by_engine(database: Database, nodes: list[Node], folder: Path) -> dict[str, tuple[int | None, ...]]:
    """Each customer's values of some nodes, read out: only tests do that."""
    relation = Relation(
        population="any", rows=None, groups=(), where=None, rows_where=None, present=None,
        groups_per_customer=None, rows_per_customer=None, seed="",
    )  # fmt: skip
    measured = [Measurement(relation, node, 0, 1) for node in nodes]
    with opened(files.write(database, folder, "parquet"), folder) as reader:
        table = customers.customer_table(measured, reader)
        reader.engine.keep(customers.CUSTOMERS, table.select)
        select = exp.select(
            tree.column(customers.CUSTOMER, customers.CUSTOMERS),
            *(value(node, table.leaf) for node in nodes),
        ).from_(tree.table(customers.CUSTOMERS))
        rows = reader.engine._run(reader.engine.render(select)).fetchall()  # type: ignore[attr-defined]
    assert len({str(row[0]) for row in rows}) == len(rows)
    return {str(row[0]): tuple(row[1:]) for row in rows}


@pytest.mark.parametrize(
    "seed", [*SEEDS[:2], SEEDS[7], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[2:7])]
)
def test_the_engine_finds_the_same(seed: int, tmp_path: Path) -> None:
    """To the bit for each customer, and the same whoever else is there and however rows are ordered."""
    database, features, written = made(seed)
    named = [item for item in written if item.means is not None]
    nodes = [features.get(item.name).node for item in named]
    found = by_engine(database, nodes, tmp_path / "whole")
    people = everyone(database)
    assert found.keys() == people.keys()
    for identity, customer in people.items():
        for item, value_found in zip(named, found[identity], strict=True):
            assert item.means is not None
            assert value_found == item.means(customer), (item.feature, identity)
    assert by_engine(databases.shuffled(database, seed), nodes, tmp_path / "shuffled") == found
    one = database.worst
    alone = databases.keep_customer(database, one)
    assert by_engine(alone, nodes, tmp_path / "alone") == {one: found[one]}
    others = {identity: values for identity, values in found.items() if identity != one}
    assert by_engine(databases.drop_customer(database, one), nodes, tmp_path / "others") == others
