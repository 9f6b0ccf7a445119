"""Random databases of nasty rows, and what tests do to them: drop a customer, shuffle, merge many."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from dpinsights.model.contract import (
    Boolean,
    Category,
    Column,
    Date,
    DecimalColumn,
    Integer,
    Table,
    Timestamp,
)
from dpinsights.model.expressions import Coalesce, CustomerColumn
from dpinsights.model.measurement import Group, Relation
from dpinsights.model.names import FrozenMap
from tests.oracle.files import Sources, as_text, write
from tests.oracle.oracle import STRIPPED, Storage, customer_id
from tests.oracle.schemas import Database, Schema, random_schema

__all__ = [
    "Database", "Schema", "Sources", "as_text", "drop_customer", "drop_party_rows", "keep_customer",
    "lift", "merge", "random_database", "random_schema", "shuffled", "split", "worst_customer", "write",
]  # fmt: skip

IDS = [
    "7", "007", "42", "-5", "0", "9223372036854775807", "100", "101", "102", "103", "a1", "A1", "é1",
    "\uff17", "客户1", "x y", "a,b", 'o"k', "it's", "a|b", "a", "1.0", "null", "b|1",
]  # fmt: skip
WORST = "999"
BLANKS: list[str | None] = [None, "", "   ", "\u200b", "\u3000\t", "\ufeff"]
PADDING = ["", "", "", " ", "\t", "\u200b", "\u3000", "\u00a0", "\ufeff ", "\u2060", "\x85", "\u2028", "\r"]
JUNK = [
    "12abc", "1,5", "\uff11\uff12", "0x10", "1e5", "1E+2", "+7", ".5", "5.", "--1", "1_000", "NaN", "inf",
    "-Infinity", "1e999", "-1e999", "1e-999", "1e1234", "1.5.2", "\u0663", "1 2", "00012", "9" * 400,
    "0." + "0" * 50 + "1", "-0", "-0.0", "e5", ".", "+", "", "\u200b", "null", "1e", "5e-1", "2.5", "-2.5",
    "0.005", "0.015", "1.005", "99.995", "123456789012345678901234567890", "-.5e1", "1e+03", "\u22125",
    "5\u200b", "$5", "5%", "True",
]  # fmt: skip
TRUE_OR_FALSE = [
    "true", "TRUE", "t", "Yes", "y", "1", "false", "F", "no", "N", "0", "2", "tru", "on", "1.0", "\u200bt",
    " true ", "", "  ", "null", "\uff54rue", "yes\ufeff", "01",
]  # fmt: skip
DAYS = [
    "2017-10-01", "2017-12-31", "2018-01-01", "2017-09-30", "2017-11-05", " 2017-11-06 ", "2024-2-3",
    "2024-02-30", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2024/01/01", "20240101",
    "2017-11-05 00:00", "9999-12-31", "\uff12\uff10\uff11\uff17-11-05", "0001-01-01", "1899-12-31",
    "2200-01-01", "2199-12-31", "-2017-01-01", "", "infinity", "2017-13-01", "2017-00-10", "2017-11-00",
    "1970-01-01", "1969-12-31", "10000-01-01", "today", "epoch", "2017-11-5", "2017-11-05\u200b",
    "0000-02-29",
]  # fmt: skip
MOMENTS = [
    "2017-10-01 00:00", "2017-12-31 23:59:59.999999", "2017-12-31T23:59:59.9999999", "2018-01-01T00:00:00",
    "2017-11-05 12:30:15", "2017-11-05 12:30:15.5", "1969-12-31 23:59:59.5", "2017-11-05",
    "2017-11-05T24:00", "2017-11-05 23:59:60", "2017-11-05 12:30Z", "2017-11-05 12:30:00+08",
    "2017-11-05  12:30", "2017-11-05t12:30", "2017-11-05 12:3", "2017-11-05 7:30", "2017-11-05 12:60",
    "2017-02-29 10:00", "0001-01-01 00:00", "", "now", "9999-12-31 23:59:59", "2199-12-31 23:59:59",
    "2200-01-01 00:00", "1899-12-31 23:59:59.9", "1900-01-01 00:00:00", " 2017-11-05 12:30 ", "infinity",
    "2017-11-05 12:30:15.", "2017-11-05 12:30:15.123456789123", "2017-11-05 12",
    "2017-11-06T08:00:59.000001", "0000-01-01 00:00", "2017-11-05 12:30.5",
]  # fmt: skip


# Making ---------------------------------------------------------------------------------------------


def random_database(schema: Schema, seed: int, customers: int = 12) -> Database:
    """A database of some customers, the worst one among them; some tables are empty, some rows nobody's."""
    rng = Random(f"database {seed}")
    ids = rng.sample(IDS, customers)
    tables: dict[str, list[dict[str, object]]] = {}
    for name, table in schema.contract.tables.items():
        types = schema.stored[name]
        rows = (
            [] if rng.random() < 0.06 else _table(rng, table, types, [i for i in ids if rng.random() < 0.8])
        )
        rng.shuffle(rows)
        tables[name] = rows
    return Database(schema, tables, WORST)


def _table(
    rng: Random, table: Table, types: Mapping[str, Storage], ids: list[str]
) -> list[dict[str, object]]:
    storage = types[table.customer]
    if storage == "int":
        ids = [i for i in ids if i.lstrip("-").isdecimal() and str(int(i)) == i]
    rows: list[dict[str, object]] = []

    def add(identity: str | None, values: dict[str, object]) -> None:
        rows.append({table.customer: raw_id(rng, identity, storage), **values})

    def value(name: str, column: Column, nulls: float) -> object:
        if name == table.time and rng.random() < 0.75:
            return _day_as_stored(_day(rng), column, types[name])
        return None if rng.random() < nulls else _value(rng, column, types[name])

    def row(nulls: float) -> dict[str, object]:
        return {name: value(name, column, nulls) for name, column in table.columns.items()}

    for identity in ids:
        many = rng.choice([0, 1, 2, 3, 5, 8]) if table.rows == "many" else rng.choice([1, 1, 1, 2, 3])
        nulls = rng.choice([0, 0, 0.1, 0.1, 0.3, 1])
        for _ in range(many):
            values = row(nulls)
            for _ in range(rng.choice([1, 1, 1, 1, 2, 3])):  # exact duplicates too
                add(identity, values)
    for _ in range(rng.choice([0, 1, 2])):
        add(None, row(0))
    for values in _worst_rows(rng, table, types):
        add(WORST, values)
    return rows


def raw_id(rng: Random, identity: str | None, storage: Storage) -> object:
    """One of the ways in which an id, or the lack of one, is stored."""
    if storage == "int":
        return None if identity is None else int(identity)
    if identity is None:
        return rng.choice(BLANKS)
    form = unicodedata.normalize(rng.choice(["NFC", "NFD"]), identity)
    return rng.choice(PADDING) + form + rng.choice(PADDING)


def _worst_rows(rng: Random, table: Table, types: Mapping[str, Storage]) -> list[dict[str, object]]:
    """Rows in every key of every category and in many unknown ones, with the most extreme values."""
    count = 24 if table.rows == "many" else 3
    columns: dict[str, list[object]] = {}
    for name, column in table.columns.items():
        extremes = _extremes(rng, column, types[name])
        if name == table.time and rng.random() < 0.85:  # within the period, or the rows would not count
            days = [date(2017, 10, 1) + timedelta(days=rng.randrange(92)) for _ in range(5)]
            extremes = [_day_as_stored(day, column, types[name]) for day in days]
        columns[name] = [extremes[i % len(extremes)] for i in range(count)]
        if rng.random() < 0.5:
            rng.shuffle(columns[name])
    return [{name: values[i] for name, values in columns.items()} for i in range(count)]


def _extremes(rng: Random, column: Column, storage: Storage) -> list[object]:
    match column:
        case Category():
            if storage == "bool":
                return [True, False, None]
            if storage == "int":
                known: list[object] = [int(k) for k in column.keys if k.lstrip("-").isdecimal()]
                return [*known, *(1000 + i for i in range(len(column.keys) + 2))]
            return [*column.keys, *(f"unknown {i}" for i in range(len(column.keys) + 2))]
        case Boolean() | Date() | Timestamp():
            return [_value(rng, column, storage) for _ in range(6)]
        case Integer() | DecimalColumn():
            return [_as_stored(rng.choice(column.bounds) * 10, storage) for _ in range(3)] + [
                _as_stored(column.bounds[i], storage) for i in (0, 1, 1, 1)
            ]


def _value(rng: Random, column: Column, storage: Storage) -> object:
    match column:
        case Category():
            return _category(rng, column, storage)
        case Boolean():
            if storage == "text":
                return rng.choice(TRUE_OR_FALSE)
            if storage == "bool":
                return rng.choice([True, False])
            if storage == "float":
                return rng.choice([1.0, 0.0, -0.0, 0.5, 2.0, float("nan"), float("inf")])
            return _as_stored(Decimal(rng.choice(["1", "0", "2", "-1", "0.5"])), storage)
        case Integer() | DecimalColumn():
            return _number(rng, column, storage)
        case Date():
            if storage == "text":
                return rng.choice(DAYS) if rng.random() < 0.35 else _day(rng).isoformat()
            return _date(rng) if storage == "date" else _moment(rng)
        case Timestamp():
            if storage == "text":
                moment = datetime.combine(_day(rng), datetime.min.time()) + timedelta(
                    seconds=rng.randrange(86_400)
                )
                return rng.choice(MOMENTS) if rng.random() < 0.35 else moment.isoformat(rng.choice(" T"))
            return _moment(rng)


def _category(rng: Random, column: Category, storage: Storage) -> object:
    if storage == "bool":
        return rng.choice([True, False])
    if storage == "int":
        return rng.choice([int(k) for k in column.keys if k.lstrip("-").isdecimal()] + [5, -99, 2**63 - 1])
    known = rng.choice(list(column.keys))
    form = rng.choice(
        [known, known, known, unicodedata.normalize("NFD", known),
         rng.choice(PADDING) + known + rng.choice(PADDING), known.upper(), "mystery",
         f"new {rng.randrange(9)}", "", "\u200b", "ｇｏｌｄ", "'; drop table x; --", "NULL"]
    )  # fmt: skip
    return form


def _number(rng: Random, column: Integer | DecimalColumn, storage: Storage) -> object:
    low, high = column.bounds
    step = column.step if isinstance(column, DecimalColumn) else Decimal(1)
    if storage == "text" and rng.random() < 0.35:
        return rng.choice(PADDING) + rng.choice(JUNK) + rng.choice(PADDING)
    if storage == "float" and rng.random() < 0.4:
        nan, inf = float("nan"), float("inf")
        return rng.choice(
            [nan, inf, -inf, -0.0, 1e308, -1e308, 5e-324, 0.5, 1.5, 2.5, -2.5, 0.1 + 0.2, 0.5000005, 2.675,
             1.005, 4503599627370497.5, 1.5000005, 0.49999999999999994]
        )  # fmt: skip
    form = rng.randrange(6)
    if form == 0:  # halfway between two steps
        number = low + step * (rng.randrange(12) + Decimal("0.5"))
    elif form == 1:  # at or beside a bound
        number = rng.choice([low, high]) + rng.choice([-1, 0, 0, 1]) * step
    elif form == 2:
        number = rng.choice(
            [Decimal(10) ** 18, -(Decimal(10) ** 18), Decimal(2) ** 63 - 1, -(Decimal(2) ** 63)]
        )
    elif form == 3:
        return _as_stored(low + (high - low) * Decimal(rng.randrange(10**6)) / 10**6, storage)
    else:
        number = low + step * rng.randrange(min(40, int((high - low) / step) + 1))
    return _as_stored(number, storage)


def _as_stored(number: Decimal, storage: Storage) -> object:
    if storage == "int":
        return min(max(int(number), -(2**63)), 2**63 - 1)
    if storage == "float":
        return float(number)
    if storage == "text":
        return format(number, "f")
    assert isinstance(storage, tuple)
    scale = storage[1]
    whole = min(max(int(number.scaleb(scale)), 1 - 10**38), 10**38 - 1)
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale))


def _day(rng: Random) -> date:
    return date(2017, 9, 20) + timedelta(days=rng.randrange(115))


def _day_as_stored(day: date, column: Column, storage: Storage) -> object:
    if storage == "timestamp":
        return datetime.combine(day, datetime.min.time())
    return day if storage == "date" else day.isoformat() + (" 10:30" if isinstance(column, Timestamp) else "")


def _date(rng: Random) -> object:
    if rng.random() < 0.75:
        return _day(rng)
    return rng.choice(
        [date(1899, 12, 31), date(1900, 1, 1), date(1, 1, 1), date(9999, 12, 31), date(2200, 1, 1),
         date(1969, 12, 31), date(2018, 1, 1), date(2017, 9, 30), 5_000_000, -2_000_000, 2**31 - 1,
         1 - 2**31]
    )  # fmt: skip


def _moment(rng: Random) -> object:
    if rng.random() < 0.75:
        day = datetime.combine(_day(rng), datetime.min.time())
        return day + timedelta(seconds=rng.randrange(86_400), microseconds=rng.choice([0, 0, 1, 999_999]))
    return rng.choice(
        [datetime(1969, 12, 31, 23, 59, 59, 500_000), datetime(1899, 12, 31, 23, 59, 59),
         datetime(1, 1, 1), datetime(2199, 12, 31, 23, 59, 59, 999_999), datetime(2200, 1, 1),
         datetime(9999, 12, 31, 23, 59, 59), datetime(2018, 1, 1),
         datetime(2017, 9, 30, 23, 59, 59, 999_999), 10**18, 2**63 - 1, 1 - 2**63]
    )  # fmt: skip


# Neighbours and batches -----------------------------------------------------------------------------


def worst_customer(database: Database) -> str:
    """The id of the customer who reaches every bound."""
    return database.worst


def drop_customer(database: Database, identity: str) -> Database:
    """The database without one customer's rows, at both parties."""
    return _keep_rows(database, lambda _, customer: customer != identity)


def keep_customer(database: Database, identity: str) -> Database:
    """The database with one customer's rows only."""
    return _keep_rows(database, lambda _, customer: customer == identity)


def drop_party_rows(database: Database, identity: str, party: str) -> Database:
    """The database without one customer's rows at one party."""
    return _keep_rows(database, lambda table, customer: customer != identity or table.split(".")[0] != party)


def _keep_rows(database: Database, keep: Callable[[str, str | None], bool]) -> Database:
    tables = {}
    for name, rows in database.tables.items():
        column = database.contract.tables[name].customer
        storage = database.stored[name][column]
        tables[name] = [row for row in rows if keep(name, customer_id(row[column], storage))]
    return replace(database, tables=tables)


def shuffled(database: Database, seed: int) -> Database:
    """The same rows in another order."""
    rng = Random(seed)
    return replace(database, tables={n: rng.sample(rows, len(rows)) for n, rows in database.tables.items()})


def merge(databases: Sequence[Database]) -> Database:
    """Databases of one schema as one: ids are prefixed with `n/`, and every table gains the category `db`.

    Ids become texts. Each party also gains a table `party.registry`, `rows: one` without a time column, that
    lists that party's ids with their `db`: so `lift` finds the `db` of any customer, whichever rows it has.
    Members don't change, but the selection order does, as ids do.
    """
    schema = databases[0].schema
    assert all(database.schema == schema for database in databases)
    contract = schema.contract
    keys = [str(n) for n in range(len(databases))]
    db = Category.model_validate({"type": "category", "keys": keys})
    tables: dict[str, Table] = {}
    stored: dict[str, Mapping[str, Storage]] = {}
    rows: dict[str, list[dict[str, object]]] = {}
    registered: dict[tuple[str, int, str], None] = {}
    for name, table in contract.tables.items():
        tables[name] = table.replace(columns=FrozenMap({**table.columns, "db": db}))
        stored[name] = {**schema.stored[name], table.customer: "text", "db": "text"}
        rows[name] = []
        storage = schema.stored[name][table.customer]
        for n, database in enumerate(databases):
            for row in database.tables[name]:
                identity = customer_id(row[table.customer], storage)
                raw = row[table.customer] if identity is None else _prefixed(row[table.customer], n)
                rows[name].append({**row, table.customer: raw, "db": str(n)})
                if identity is not None:
                    registered[name.split(".")[0], n, f"{n}/{identity}"] = None
    for party in contract.parties:
        name = f"{party}.registry"
        tables[name] = Table.model_validate({"customer": "id", "rows": "one", "columns": {"db": db}})
        stored[name] = {"id": "text", "db": "text"}
        rows[name] = [{"id": identity, "db": str(n)} for p, n, identity in registered if p == party]
    merged = Schema(contract.replace(tables=FrozenMap(tables)), stored, schema.period)
    return Database(merged, rows, f"0/{databases[0].worst}")


def _prefixed(raw: object, n: int) -> object:
    if isinstance(raw, int) or raw is None:
        return None if raw is None else f"{n}/{raw}"
    assert isinstance(raw, str)
    padding = raw[: len(raw) - len(raw.lstrip(STRIPPED))]
    return f"{padding}{n}/{raw[len(padding) :]}"


def lift(relation: Relation, merged: Database) -> Relation:
    """A relation over one database's contract, over a merge: grouped by `db` first."""
    registries = [f"{party}.registry" for party in merged.contract.parties]
    db = merged.contract.tables[registries[0]].columns["db"]
    assert isinstance(db, Category)
    code = Coalesce(tuple(CustomerColumn(table, "db") for table in registries))
    return replace(relation, groups=(Group(code, len(db.keys)), *relation.groups))


def split(vector: Sequence[int], databases: int) -> list[list[int]]:
    """A lifted relation's vector, database by database."""
    cells = len(vector) // databases
    return [list(vector[i * cells : (i + 1) * cells]) for i in range(databases)]
