"""Every kind of source gives the same exact vectors, and DuckDB reads nothing but what was declared."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpinsights.errors import MeasurementError, SourceError
from dpinsights.measurement.aggregation import exact_vectors
from dpinsights.measurement.customers import Reader
from dpinsights.measurement.engines.duckdb import DuckDb
from dpinsights.model.contract import Contract
from dpinsights.model.expressions import CustomerColumn, RowColumn
from dpinsights.model.measurement import Group, Measurement, Relation
from dpinsights.model.policy import Sources

CONTRACT = Contract.model_validate(
    {
        "contract": "small",
        "version": 1,
        "privacy_unit": "customer",
        "parties": {"bank": {"name": "Bank"}, "shop": {"name": "Shop"}},
        "planning": {"customers": {"bank": 10, "shop": 10, "shared": 5}, "customers_at_most": 100, "basis": "made up"},
        "tables": {
            "bank.people": {
                "customer": "id",
                "rows": "one",
                "columns": {"tier": {"type": "category", "keys": ["mass", "private"]}},
            },
            "shop.orders": {
                "customer": "id",
                "rows": "many",
                "columns": {
                    "kind": {"type": "category", "keys": ["food", "books", "other"], "unknown": "other"},
                    "amount": {"type": "decimal", "unit": "CNY", "step": "0.01", "bounds": [0, 100]},
                },
            },
        },
    }
)

PEOPLE = {"id": ["1", "2", "3", "3"], "tier": ["mass", "private", "private", "mass"]}
ORDERS = {
    "id": ["1", "1", " 1 ", "2", "", "9"],
    "kind": ["food", "books", "toys, and 'more'", "food", "food", "food"],
    "amount": ["10.005", "5", "250", "-3", "1", "1"],
}


def measurements() -> list[Measurement]:
    relation = Relation(
        population="bank",
        rows="shop.orders",
        groups=(Group(CustomerColumn("bank.people", "tier"), 2), Group(RowColumn("shop.orders", "kind"), 3)),
        where=None,
        rows_where=None,
        present=None,
        groups_per_customer=3,
        rows_per_customer=None,
        seed="seed",
    )
    amount = RowColumn("shop.orders", "amount")
    return [Measurement(relation, None, 0, 1), Measurement(relation, amount, 0, 5000, Decimal("0.01"))]


EXPECTED = [[1, 1, 1, 1, 0, 0], [1000, 500, 5000, 0, 0, 0]]


def vectors(sources: dict[str, Any], folder: Path, frames: dict[str, Any] | None = None) -> list[list[int]]:
    made = Sources.model_validate({"snapshot": "s", "tables": sources})
    engine = DuckDb(made, folder=folder, work=folder / "work", frames=frames)
    found = exact_vectors(measurements(), Reader(CONTRACT, engine))
    engine.close()
    return [found[m.key].take().tolist() for m in measurements()]


def as_csv(table: dict[str, list[str]], path: Path, delimiter: str = ",") -> None:
    quoted = [[f'"{v}"' if delimiter in v or "'" in v else v for v in row] for row in zip(*table.values(), strict=True)]
    lines = [delimiter.join(table), *(delimiter.join(row) for row in quoted)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def parquet(folder: Path) -> dict[str, Any]:
    pq.write_table(pa.table(PEOPLE), folder / "people.parquet")
    pq.write_table(pa.table(ORDERS), folder / "orders.parquet")
    return {"bank.people": {"parquet": "people.parquet"}, "shop.orders": {"parquet": "orders*.parquet"}}


def csv(folder: Path) -> dict[str, Any]:
    as_csv(PEOPLE, folder / "people.csv")
    as_csv(ORDERS, folder / "orders.csv", ";")
    return {"bank.people": {"csv": "people.csv"}, "shop.orders": {"csv": "orders.csv", "delimiter": ";"}}


def database(folder: Path) -> dict[str, Any]:
    connection = duckdb.connect(str(folder / "data.duckdb"))
    for name, table in (("people", PEOPLE), ("orders", ORDERS)):
        connection.register("given", pa.table(table))
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
    connection.close()
    return {
        "bank.people": {"duckdb": "data.duckdb", "table": "people"},
        "shop.orders": {"duckdb": "data.duckdb", "table": "orders"},
    }


@pytest.mark.parametrize("make", [parquet, csv, database])
def test_every_kind_of_file_gives_the_same_vectors(make: Callable[[Path], dict[str, Any]], tmp_path: Path) -> None:
    assert vectors(make(tmp_path), tmp_path) == EXPECTED


@pytest.mark.parametrize("wrap", [pd.DataFrame, pa.table])
def test_frames_of_a_notebook_give_the_same_vectors(wrap: Callable[[Any], Any], tmp_path: Path) -> None:
    sources = {"bank.people": {"frame": "people"}, "shop.orders": {"frame": "orders"}}
    assert vectors(sources, tmp_path, {"people": wrap(PEOPLE), "orders": wrap(ORDERS)}) == EXPECTED


def test_row_order_and_file_layout_do_not_matter(tmp_path: Path) -> None:
    sources = parquet(tmp_path)
    pq.write_table(pa.table(ORDERS).take([5, 2, 0]), tmp_path / "orders.parquet")
    pq.write_table(pa.table(ORDERS).take([4, 3, 1]), tmp_path / "orders2.parquet", row_group_size=1)
    assert vectors(sources, tmp_path) == EXPECTED


def test_a_stray_quote_swallows_its_own_line_only(tmp_path: Path) -> None:
    sources = csv(tmp_path)
    with (tmp_path / "orders.csv").open("a", encoding="utf-8") as file:
        file.write('2;"books;1\n2;food;2;too many\n2\nid;kind;amount\n2;other;7\r\n')
    assert vectors(sources, tmp_path) == [[1, 1, 1, 1, 0, 1], [1000, 500, 5000, 0, 0, 700]]


def test_integer_ids_and_text_ids_are_the_same_customers(tmp_path: Path) -> None:
    sources = parquet(tmp_path)
    table = {"id": pa.array([1, 2, 3, 3], pa.int32()), "tier": PEOPLE["tier"]}
    pq.write_table(pa.table(table), tmp_path / "people.parquet")
    assert vectors(sources, tmp_path) == EXPECTED


def test_nothing_but_the_declared_files_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    sources = Sources.model_validate({"snapshot": "s", "tables": parquet(tmp_path)})
    engine = DuckDb(sources, folder=tmp_path, work=tmp_path / "work")
    for attempt in (
        f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
        "SET enable_external_access = true",
        f"ATTACH '{tmp_path / 'other.duckdb'}'",
        f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
    ):
        with pytest.raises(MeasurementError):
            engine._run(attempt)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shop.orders": {"parquet": "missing.parquet"}}, "no file matches"),
        ({"shop.orders": {"parquet": "people.parquet"}}, "no column 'kind'"),
        ({"shop.orders": {"duckdb": "none.duckdb", "table": "t"}}, "no DuckDB file"),
        ({"shop.orders": {"frame": "orders"}}, "no frame"),
    ],
)
def test_a_source_that_does_not_fit_is_found_from_its_schema(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=message):
        vectors(parquet(tmp_path) | change, tmp_path)


def test_a_storage_that_cannot_be_read_names_the_column(tmp_path: Path) -> None:
    sources = parquet(tmp_path)
    pq.write_table(pa.table({**ORDERS, "amount": [b"x"] * 6}), tmp_path / "orders.parquet")
    with pytest.raises(SourceError, match=r"shop.orders.amount: declared as a number"):
        vectors(sources, tmp_path)
    pq.write_table(pa.table({**ORDERS, "id": [1.0] * 6}), tmp_path / "orders.parquet")
    with pytest.raises(SourceError, match="a customer id is stored as an integer or as text"):
        vectors(sources, tmp_path)
