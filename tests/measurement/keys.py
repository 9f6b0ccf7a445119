"""A small partnership with texts, and what a discovery counts in it, in plain Python."""

from __future__ import annotations

import hashlib
import itertools
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

from dpinsights.definitions.resolving import CheckedContract, check_contract, resolve_query
from dpinsights.measurement.customers import Reader
from dpinsights.model.contract import Contract
from dpinsights.model.measurement import Discovery
from dpinsights.model.report import Period, Query
from dpinsights.planning.measurements import needed
from tests.assurance.engine import opened
from tests.oracle import files, oracle
from tests.oracle.schemas import Database, Schema

Row = dict[str, object]
Rows = Mapping[str, list[Row]]
Keyed = dict[tuple[int, str], int]
"""For each group and text, how many customers."""

STORED: Any = {
    "bank.people": {"id": "text", "tier": "text", "job": "text"},
    "shop.orders": {"id": "text", "kind": "text", "brand": "text", "day": "date"},
}
CONTRACT = Contract.model_validate(
    {
        "contract": "texts",
        "version": 1,
        "privacy_unit": "customer",
        "parties": {"bank": {"name": "Bank", "members": "bank.people"}, "shop": {"name": "Shop"}},
        "planning": {
            "customers": {"bank": 900, "shop": 900, "shared": 500},
            "customers_at_most": 9_000,
            "basis": "made up",
        },
        "tables": {
            "bank.people": {
                "customer": "id",
                "rows": "one",
                "columns": {
                    "tier": {"type": "category", "keys": ["low", "high"]},
                    "job": {"type": "text", "max_length": 6},
                },
            },
            "shop.orders": {
                "customer": "id",
                "rows": "many",
                "time": "day",
                "columns": {
                    "kind": {"type": "category", "keys": ["food", "toys"]},
                    "brand": {"type": "text", "max_length": 5},
                    "day": {"type": "date"},
                },
            },
        },
        "features": {"toys": {"any": "shop.orders.kind = 'toys'"}},
    }
)
CHECKED: CheckedContract = check_contract(CONTRACT)
PERIOD = Period.model_validate({"from": date(2017, 10, 1), "until": date(2018, 1, 1)})
WORDS = (
    "tea",
    " tea",
    "tea\u200b",
    "t\0ea",
    "Cafe\u0301",
    "Caf\xe9",
    "Caf\xe9 au lait",
    "",
    None,
    "rice",
    "oil",
    "小米",
)
JOBS = ("clerk", "clerk ", "teacher A", "teacher B", None, "", "cook")


def rows(seed: int, customers: int = 60) -> Rows:
    """Rows with repeated, disguised, empty and missing texts, outside the period and of nobody too."""
    rng = Random(seed)
    ids: list[str | None] = [*map(str, range(customers)), None, ""]
    days = [date(2017, 9, 30), date(2017, 10, 1), *[date(2017, 12, 31)] * 5, date(2018, 1, 1)]
    return {
        "bank.people": [
            {"id": one, "tier": rng.choice(["low", "high", None, "?"]), "job": rng.choice(JOBS)}
            for one in ids
            for _ in range(rng.choice((0, 1, 1, 2, 3)))
        ],
        "shop.orders": [
            {
                "id": one,
                "kind": rng.choice(["food", "toys", None]),
                "brand": rng.choice(WORDS),
                "day": rng.choice(days),
            }
            for one in ids
            for _ in range(rng.choice((0, 2, 5, 9)))
        ],
    }


def discovery(**fields: Any) -> Discovery:
    """What a query draws."""
    resolved = resolve_query("q", Query.model_validate(fields), CHECKED, PERIOD)
    found = needed(resolved, seed="seed", customers_at_most=9_000).part("value")
    assert isinstance(found, Discovery)
    return found


@contextmanager
def reader(made: Rows, folder: Path) -> Iterator[Reader]:
    """The package's reader over the rows."""
    database = Database(Schema(CONTRACT, STORED), {name: list(part) for name, part in made.items()}, "")
    with opened(files.write(database, folder, "parquet"), folder) as found:
        yield found


def canonical(raw: object, longest: int) -> str | None:
    """A text in normal form, or None."""
    normal = unicodedata.normalize("NFC", str(raw or "").replace("\0", "")).strip(oracle.STRIPPED)
    return normal[:longest].rstrip(oracle.STRIPPED) or None


def kept(asked: Discovery, made: Rows, salt: str) -> dict[str, tuple[int, frozenset[str]]]:
    """Each customer's group and the texts that are kept of it."""
    data = oracle.clean(CONTRACT, made, STORED)
    relation, column = asked.relation, asked.text
    found = {}
    for identity in oracle.population(data, relation.population):
        one = oracle.customer(data, identity, None)
        codes = [oracle.evaluate(group.code, None, one) for group in relation.groups]
        if relation.where is not None and not oracle.evaluate(relation.where, None, one):
            continue
        if None in codes:
            continue
        texts = set(_texts(asked, made, one, identity)) - {None}
        by_code = {code_of(text, salt): text for text in texts if text is not None}
        order = sorted(by_code, key=lambda code: (sha256(f"{relation.seed}|{identity}|{code}"), code))
        group = oracle.mixed_radix([code or 0 for code in codes], [group.size for group in relation.groups])
        found[identity] = (
            group,
            frozenset(by_code[code] for code in order[: relation.groups_per_customer]),
        )
        assert column.max_length >= max(map(len, by_code.values()), default=0)
    return found


def _texts(asked: Discovery, made: Rows, one: oracle.Customer, identity: str) -> Iterator[str | None]:
    relation, column = asked.relation, asked.text
    table = CONTRACT.tables[column.table]
    own = [
        raw for raw in made[column.table]
        if oracle.customer_id(raw[table.customer], STORED[column.table][table.customer]) == identity
    ]  # fmt: skip
    read = [
        ({c: oracle.read(kind, raw[c], STORED[column.table][c]) for c, kind in table.coded.items()},
         canonical(raw[column.column], column.max_length))
        for raw in own
    ]  # fmt: skip
    if relation.rows is None:
        yield (
            min(read, key=lambda pair: (oracle.order(pair[0]), pair[1] is not None, pair[1] or ""))[1]
            if read
            else None
        )
        return
    for row, text in read:
        if relation.rows_where is None or oracle.evaluate(relation.rows_where, row, one):
            yield text


def totals(held: Mapping[str, tuple[int, frozenset[str]]]) -> Keyed:
    """How many customers each key has."""
    found: Keyed = {}
    for group, texts in held.values():
        for text in texts:
            found[group, text] = found.get((group, text), 0) + 1
    return found


def moved(before: Keyed, after: Keyed) -> list[int]:
    """By how much each key's count differs, where it does."""
    keys = sorted({*before, *after})
    return [d for key in keys if (d := before.get(key, 0) - after.get(key, 0))]


def without(made: Rows, identity: str, *tables: str) -> Rows:
    """The rows without a customer's, in some tables or in all."""
    return {
        name: [row for row in part if row["id"] != identity or (tables and name not in tables)]
        for name, part in made.items()
    }


def code_of(text: str, salt: str) -> int:
    """The first 63 bits of a digest."""
    return int(sha256(salt + text), 16) >> (256 - 63)


def sha256(text: str) -> str:
    """In hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


ASKED: tuple[dict[str, Any], ...] = tuple(
    {"top": "shop.orders.brand", "groups_per_customer": k, **more}
    for k, more in itertools.product(
        (1, 2, 4),
        (
            {},
            {"by": ["bank.people.tier"]},
            {"by": ["bank.people.tier", "toys"], "population": "shared"},
            {"rows_where": "shop.orders.kind = 'food'", "population": "bank"},
            {"where": "toys", "population": "shop"},
        ),
    )
) + (
    {"top": "bank.people.job", "groups_per_customer": 1},
    {"top": "bank.people.job", "groups_per_customer": 1, "by": ["toys"], "population": "shared"},
)
