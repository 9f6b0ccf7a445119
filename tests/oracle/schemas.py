"""Random small contracts of two parties, how their columns are stored, and the shape of a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from dpinsights.model.contract import Contract
from tests.oracle.oracle import Storage

PARTIES = ("bank", "shop")
PERIOD = (date(2017, 10, 1).toordinal() - 719_163, date(2018, 1, 1).toordinal() - 719_163)

WORDS = [
    "gold",
    "Gold",
    "silver",
    "café",
    "普通",
    "it's",
    "a,b",
    'q"t',
    "two words",
    "other",
    "0",
    "<b>",
    "=1+1",
    "%s",
]
NUMERALS = ["1", "2", "3", "10", "-1", "0", "other", "01"]
TRUTHS = ["true", "false", "none"]


@dataclass(frozen=True)
class Schema:
    """A contract, how each column is stored (the customer's too), and the period in days, half-open."""

    contract: Contract
    stored: Mapping[str, Mapping[str, Storage]]
    period: tuple[int, int] = PERIOD


@dataclass(frozen=True)
class Database:
    """Raw rows of every table of a schema, and the id of the customer who saturates every bound.

    Dates and timestamps that Python's own types can't hold are integers: days, and microseconds, since 1970.
    """

    schema: Schema
    tables: Mapping[str, list[dict[str, object]]]
    worst: str

    @property
    def contract(self) -> Contract:
        """The contract."""
        return self.schema.contract

    @property
    def stored(self) -> Mapping[str, Mapping[str, Storage]]:
        """How each column is stored."""
        return self.schema.stored


def random_schema(seed: int) -> Schema:
    """A contract of two parties with one to three tables each, at least one of them with many rows."""
    rng = Random(f"schema {seed}")
    tables: dict[str, Any] = {}
    stored: dict[str, dict[str, Storage]] = {}
    parties: dict[str, Any] = {}
    for party in PARTIES:
        shapes = [("profile", "one", False)] if rng.random() < 0.85 else []
        if party == "shop" or not shapes or rng.random() < 0.7:
            shapes.append(("events", "many", rng.random() < 0.6))
        if rng.random() < 0.4:
            shapes.append(("more", rng.choice(["one", "many"]), rng.random() < 0.7))
        rng.shuffle(shapes)
        for name, rows, timed in shapes:
            table, types = _table(rng, rows, timed)
            tables[f"{party}.{name}"], stored[f"{party}.{name}"] = table, types
        members = rng.choice([None, f"{party}.{rng.choice(shapes)[0]}"])
        parties[party] = {"name": party, "members": members}
    planning = {
        "customers": {"bank": 10, "shop": 10, "shared": 5},
        "customers_at_most": 10_000,
        "basis": "a test",
    }
    contract = Contract.model_validate(
        {"contract": f"random-{seed}", "version": 1, "privacy_unit": "customer", "parties": parties,
         "planning": planning, "tables": tables}
    )  # fmt: skip
    return Schema(contract, stored)


def _table(rng: Random, rows: str, timed: bool) -> tuple[dict[str, Any], dict[str, Storage]]:
    kinds = [
        rng.choice(["category", "boolean", "integer", "decimal", "date", "timestamp"])
        for _ in range(rng.randint(1, 4))
    ]
    if rng.random() < 0.7:
        kinds.append("category")
    if rows == "one" and rng.random() < 0.05:
        kinds = []
    columns: dict[str, Any] = {}
    customer = rng.choice(["customer_id", "Customer Id", "id"])
    stored: dict[str, Storage] = {customer: "int" if rng.random() < 0.25 else "text"}
    if timed:
        kinds.insert(rng.randint(0, len(kinds)), rng.choice(["time date", "time timestamp"]))
    for number, kind in enumerate(kinds):
        name = "at" if kind.startswith("time ") else f"{kind}_{number}"
        columns[name], stored[name] = _column(rng, kind.removeprefix("time "), rows)
    return {"customer": customer, "rows": rows, "time": "at" if timed else None, "columns": columns}, stored


def _column(rng: Random, kind: str, rows: str) -> tuple[dict[str, Any], Storage]:
    decimal: Storage = ("decimal", rng.choice([0, 1, 2, 4, 10]))
    number: Storage = rng.choice(["int", "float", "float", "text", decimal])
    match kind:
        case "category":
            storage, pool = rng.choice(
                [("text", WORDS)] * 4 + [("text", NUMERALS), ("int", NUMERALS), ("bool", TRUTHS)]
            )
            keys = rng.sample(pool, rng.randint(1, min(5, len(pool))))
            spec: dict[str, Any] = {"type": "category", "keys": keys}
            for name, chance in (("unknown", 0.5), ("nulls", 0.4), ("absent", 0.4 if rows == "one" else 0)):
                if rng.random() < chance:
                    spec[name] = rng.choice(keys)
            return spec, storage
        case "boolean":
            return {"type": "boolean", "nulls": rng.choice([None, None, True, False])}, rng.choice(
                ["bool", number]
            )
        case "integer":
            least, most = rng.choice(
                [
                    (0, 10),
                    (-5, 5),
                    (3, 7),
                    (0, 1000),
                    (-(10**6), 10**9),
                    (0, 10**14),
                    (0, 10**15),
                    (-99, -2),
                    (4, 4),
                ]
            )
            constant = rng.choice([None, None, least, most, (least + most) // 2])
            return {"type": "integer", "bounds": [least, most], "nulls": constant}, number
        case "decimal":
            step, low, high, nulls = rng.choice(
                [("0.01", "0", "1000", "0"), ("0.01", "-20.5", "20.5", "-0.25"), ("1", "0", "50", "7"),
                 ("0.5", "-1000", "10", "0.5"), ("100", "0", "1000000", "300"), ("100", "0", "150", "100"),
                 ("0.05", "1", "2", "1.05"), ("0.01", "0", "0.99", "0.5"), ("0.000001", "0", "9999999", "0"),
                 ("2.5", "-10", "10", "2.5"), ("1E+2", "-500", "500", "0"), ("0.10", "0", "5", "0.1")]
            )  # fmt: skip
            spec = {"type": "decimal", "unit": "CNY", "step": step, "bounds": [low, high]}
            return {**spec, "nulls": rng.choice([None, None, nulls])}, number
        case "date":
            return {"type": "date"}, rng.choice(["date", "timestamp", "text"])
        case _:
            zone = rng.choice(["Asia/Shanghai", "UTC", "Europe/Berlin"])
            return {"type": "timestamp", "zone": zone}, rng.choice(["timestamp", "text"])
