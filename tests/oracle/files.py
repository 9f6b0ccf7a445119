"""A database as files: Parquet with the declared storage types, or CSV, where all is text."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from dpinsights.model.contract import Column, Date
from tests.oracle.oracle import EPOCH, Storage
from tests.oracle.schemas import Database

EXTRA = "zz_not_declared"
"""A column that no contract declares, in every file: it is to be ignored."""


@dataclass(frozen=True)
class Sources:
    """Files on disk, and the database as it now is: `database` is what an oracle must be given.

    For CSV that is the text form of the rows. The dialect: UTF-8, comma, double quotes doubled, line feeds.
    """

    format: Literal["parquet", "csv"]
    paths: Mapping[str, Path]
    database: Database


def write(database: Database, folder: Path, format: Literal["parquet", "csv"]) -> Sources:
    """One file for each table; columns in another order than the contract's, one column too many."""
    folder.mkdir(parents=True, exist_ok=True)
    database = as_text(database) if format == "csv" else database
    paths = {}
    for name, rows in database.tables.items():
        types = {**database.stored[name], EXTRA: "text"}
        order = sorted(types, key=lambda column: hashlib.sha256(column.encode()).hexdigest())
        paths[name] = folder / f"{name}.{format}"
        filled = [{**row, EXTRA: f"extra {i}"} for i, row in enumerate(rows)]
        if format == "csv":
            paths[name].write_bytes(_csv(order, filled).encode())
        else:
            arrays = [_array([row[column] for row in filled], types[column], column) for column in order]
            pq.write_table(pa.Table.from_arrays(arrays, names=order), paths[name], row_group_size=7)
    return Sources(format, paths, database)


def _array(values: list[object], storage: Storage, name: str) -> pa.Array:
    if isinstance(storage, tuple):
        whole = [abs(v.scaleb(0)) for v in values if isinstance(v, Decimal)]
        narrow = all(number < Decimal(10) ** (18 - storage[1]) for number in whole)
        return pa.array(values, pa.decimal128(18 if narrow else 38, storage[1]))
    if storage == "int":
        narrow = all(abs(value) < 2**31 for value in values if isinstance(value, int))
        return pa.array(values, pa.int32() if narrow and len(name) % 2 else pa.int64())
    if storage == "date":
        days = [(value - EPOCH).days if isinstance(value, date) else value for value in values]
        return pa.array(days, pa.int32()).cast(pa.date32())
    if storage == "timestamp":
        epoch = datetime(1970, 1, 1)
        micros = [
            (span.days * 86_400 + span.seconds) * 10**6 + span.microseconds
            if isinstance(value, datetime) and (span := value - epoch) is not None
            else value
            for value in values
        ]
        return pa.array(micros, pa.int64()).cast(pa.timestamp("us"))
    return pa.array(values, {"text": pa.string(), "float": pa.float64(), "bool": pa.bool_()}[storage])


def _csv(order: list[str], rows: list[dict[str, object]]) -> str:
    """A CSV file, with lines strewn in that the rules drop: the header again, too many or too few fields."""
    header = _line(order)
    dropped = [
        header,
        _line(["7"] * (len(order) + 1)),
        "",
        _line(["oops"] * (len(order) - 1)),
        _line(["7"] * 99),
    ]
    lines = [header]
    for i, row in enumerate(rows):
        lines.append(_line([str(row[column] if row[column] is not None else "") for column in order]))
        if i % 4 == 2:
            lines.append(dropped[i // 4 % len(dropped)])
    return "".join(f"{line}\n" for line in lines)


def _line(fields: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(fields)
    return buffer.getvalue()


def as_text(database: Database) -> Database:
    """The database as CSV can hold it: all text, no line breaks within a value."""
    tables: dict[str, list[dict[str, object]]] = {}
    for name, rows in database.tables.items():
        columns = database.contract.tables[name].columns
        tables[name] = [{c: _text(value, columns.get(c)) for c, value in row.items()} for row in rows]
    texts: dict[str, dict[str, Storage]] = {
        n: dict.fromkeys(types, "text") for n, types in database.stored.items()
    }
    return replace(database, schema=replace(database.schema, stored=texts), tables=tables)


def _text(value: object, column: Column | None) -> str | None:
    match value:
        case None:
            return None
        case str():
            return value.replace("\n", " ").replace("\r", " ")
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.date().isoformat() if isinstance(column, Date) else value.isoformat(" ")
    return str(value)
