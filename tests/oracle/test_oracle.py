"""The oracle against cases worked out by hand, and against what the rules promise of any input."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from dpinsights.model.contract import Contract, Date, Timestamp
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    And,
    Arithmetic,
    Case,
    Clamp,
    Coalesce,
    Compare,
    Constant,
    CustomerColumn,
    Cut,
    DatePart,
    DateTrunc,
    Divide,
    In,
    IsNull,
    Member,
    Node,
    Not,
    Or,
    Recode,
    RowColumn,
)
from dpinsights.model.measurement import Group, Measurement, Relation
from tests.oracle import databases, oracle
from tests.oracle.files import EXTRA
from tests.oracle.neighbours import Distance, assert_bounded, assert_local, distance, only
from tests.oracle.oracle import CleanData, Contributions, Storage
from tests.oracle.relations import random_query

DAY = 86_400
OCTOBER, JANUARY = 17_440, 17_532
"""2017-10-01 and 2018-01-01 in days since 1970-01-01: `date -d 2017-10-01 +%s`, divided by 86,400."""

TABLES: dict[str, Any] = {
    "bank.profile": {
        "customer": "id",
        "rows": "one",
        "time": "seen",
        "columns": {
            "tier": {"type": "category", "keys": ["low", "high", "none"], "absent": "none"},
            "balance": {"type": "integer", "bounds": [-10, 100]},
            "seen": {"type": "date"},
        },
    },
    "shop.orders": {
        "customer": "id",
        "rows": "many",
        "time": "at",
        "columns": {
            "kind": {"type": "category", "keys": ["a", "b", "c", "d", "e", "other"], "unknown": "other"},
            "amount": {"type": "decimal", "unit": "CNY", "step": "0.01", "bounds": [0, 10]},
            "at": {"type": "timestamp", "zone": "Asia/Shanghai"},
        },
    },
}
STORED: dict[str, dict[str, Storage]] = {
    "bank.profile": {"id": "int", "tier": "text", "balance": "int", "seen": "date"},
    "shop.orders": {"id": "text", "kind": "text", "amount": "text", "at": "timestamp"},
}
KIND, AMOUNT, AT = (RowColumn("shop.orders", name) for name in ("kind", "amount", "at"))
TIER, BALANCE = CustomerColumn("bank.profile", "tier"), CustomerColumn("bank.profile", "balance")
KINDS = Group(KIND, 6)


def contract(tables: Mapping[str, Any] = TABLES, shop: str | None = None) -> Contract:
    return Contract.model_validate(
        {
            "contract": "hand",
            "version": 1,
            "privacy_unit": "customer",
            "parties": {
                party: {"name": party, "members": members}
                for party, members in (("bank", None), ("shop", shop))
            },
            "planning": {
                "customers": {"bank": 9, "shop": 9, "shared": 9},
                "customers_at_most": 99,
                "basis": "test",
            },
            "tables": tables,
        }
    )


def profile(
    identity: int | None, tier: str | None, balance: int | None, seen: date | None = None
) -> dict[str, object]:
    return {"id": identity, "tier": tier, "balance": balance, "seen": seen or date(2017, 10, 1)}


def order(
    identity: str | None, kind: str | None, amount: str | None = "1", day: int = 1
) -> dict[str, object]:
    return {"id": identity, "kind": kind, "amount": amount, "at": datetime(2017, 10, day, 9)}


def cleaned(profiles: list[dict[str, object]], orders: list[dict[str, object]]) -> CleanData:
    return oracle.clean(contract(), {"bank.profile": profiles, "shop.orders": orders}, STORED)


def related(**changes: Any) -> Relation:
    plain: dict[str, Any] = {
        "population": "any", "rows": "shop.orders", "groups": (KINDS,), "where": None, "rows_where": None,
        "present": None, "groups_per_customer": None, "rows_per_customer": None, "seed": "seed",
    }  # fmt: skip
    return Relation(**{**plain, **changes})


def contributions(
    data: CleanData, relation: Relation, *values: tuple[Node | None, int, int]
) -> Contributions:
    measurements = tuple(Measurement(relation, *value) for value in values or [(None, 0, 1)])
    found = oracle.relation(contract(), data, relation, measurements, (OCTOBER, JANUARY))
    assert_bounded(found, measurements)
    return found


# Reading --------------------------------------------------------------------------------------------


def column(spec: dict[str, Any]) -> Any:
    table = {"customer": "id", "rows": "one", "columns": {"x": spec}}
    return contract({"bank.t": table}).tables["bank.t"].columns["x"]


def test_ids() -> None:
    assert oracle.customer_id(-7, "int") == "-7"
    assert oracle.customer_id("\ufeff 007\u200b\u3000", "text") == "007"
    assert oracle.customer_id("e\u0301", "text") == "\u00e9"
    assert oracle.customer_id("\uff17", "text") == "\uff17"  # a full-width 7 is no 7
    assert [oracle.customer_id(blank, "text") for blank in (None, "", " ", "\u200b\x85")] == [None] * 4


def test_categories() -> None:
    keys = {"type": "category", "keys": ["1", "true", "caf\u00e9", "other", "none"]}
    strict, loose = column(keys), column({**keys, "unknown": "other", "nulls": "none"})
    cases: list[tuple[object, Storage, int | None, int]] = [
        (1, "int", 0, 0), (2, "int", None, 3), (True, "bool", 1, 1), (False, "bool", None, 3),
        (" cafe\u0301\t", "text", 2, 2), ("Caf\u00e9", "text", None, 3), ("none", "text", 4, 4),
        (None, "text", None, 4), (" \u200b", "text", None, 4), (None, "int", None, 4),
    ]  # fmt: skip
    for value, storage, expected, expected_loose in cases:
        assert oracle.read(strict, value, storage) == expected
        assert oracle.read(loose, value, storage) == expected_loose
    assert (
        oracle.read(column({**keys, "nulls": "none"}), "mystery", "text") is None
    )  # never the key for nulls


def test_booleans() -> None:
    plain, filled = column({"type": "boolean"}), column({"type": "boolean", "nulls": False})
    cases: list[tuple[object, Storage, int | None]] = [
        (True, "bool", 1), (0, "int", 0), (2, "int", None), (-0.0, "float", 0), (1.0, "float", 1),
        (float("nan"), "float", None), (Decimal("1.00"), ("decimal", 2), 1), (" TRUE", "text", 1),
        ("Y", "text", 1), ("no", "text", 0), ("F", "text", 0), ("1.0", "text", None), ("on", "text", None),
    ]  # fmt: skip
    for value, storage, expected in cases:
        assert oracle.read(plain, value, storage) == expected
        assert oracle.read(filled, value, storage) == (0 if expected is None else expected)


def test_numbers_round_half_even_to_steps_after_clamping() -> None:
    integer = column({"type": "integer", "bounds": [-100, 100]})
    cents = column({"type": "decimal", "unit": "CNY", "step": "0.01", "bounds": ["0", "50"]})
    hundreds = column(
        {"type": "decimal", "unit": "CNY", "step": "100", "bounds": ["0", "1000"], "nulls": "300"}
    )
    cases: list[tuple[Any, object, Storage, int | None]] = [
        (integer, Decimal("0.5"), ("decimal", 1), 0), (integer, Decimal("1.5"), ("decimal", 1), 2),
        (integer, Decimal("2.5"), ("decimal", 1), 2), (integer, Decimal("-2.5"), ("decimal", 1), -2),
        (integer, Decimal("2.50000000000000000001"), ("decimal", 20), 3), (integer, 2.5, "float", 2),
        (integer, 2**63 - 1, "int", 100), (integer, -(2**63), "int", -100),
        (integer, float("inf"), "float", 100), (integer, float("-inf"), "float", -100),
        (integer, float("nan"), "float", None), (integer, -0.0, "float", 0), (integer, 1e308, "float", 100),
        (integer, "1e999", "text", 100), (integer, "1e1000", "text", None),
        (integer, " +1.5e1\u200b", "text", 15), (integer, "5.", "text", 5), (integer, ".5", "text", 0),
        (integer, "\uff11", "text", None), (integer, "1_0", "text", None), (integer, "1,5", "text", None),
        (integer, "NaN", "text", None), (integer, ".", "text", None), (integer, "9" * 400, "text", 100),
    ]  # fmt: skip
    # In doubles 1.005 * 100 is 100.49999999999999; with f = 8 places it is the tie it looks like, so even.
    cases += [
        (cents, 1.005, "float", 100), (cents, "1.005", "text", 100), (cents, 1.015, "float", 102),
        (cents, Decimal("1.0051"), ("decimal", 4), 101), (cents, 3, "int", 300), (cents, -1, "int", 0),
        (hundreds, 150, "int", 2), (hundreds, 250, "int", 2), (hundreds, 251, "int", 3),
        (hundreds, None, "int", 3), (hundreds, float("nan"), "float", 3), (hundreds, "x", "text", 3),
        (hundreds, 350.0, "float", 4),
    ]  # fmt: skip
    for spec, value, storage, expected in cases:
        assert oracle.read(spec, value, storage) == expected, (spec, value, storage)


def test_dates_and_timestamps() -> None:
    day, moment = Date(type="date", name=None), Timestamp(type="timestamp", zone="Asia/Shanghai", name=None)
    first, last = -25_567, 84_005
    assert (date(1900, 1, 1) - date(1970, 1, 1)).days == first and (
        date(2199, 12, 31) - date(1970, 1, 1)
    ).days == last
    cases: list[tuple[Any, object, Storage, int | None]] = [
        (day, date(2017, 10, 1), "date", OCTOBER), (day, "2017-10-01 ", "text", OCTOBER),
        (day, datetime(1969, 12, 31, 23, 59, 59), "timestamp", -1), (day, "2023-02-29", "text", None),
        (day, "2024-02-29", "text", 19_782), (day, "1900-02-29", "text", None),
        (day, "2000-02-29", "text", 11_016), (day, "0001-01-01", "text", first),
        (day, "9999-12-31", "text", last), (day, 5_000_000, "date", last), (day, 2**31 - 1, "date", None),
        (day, 1 - 2**31, "date", None), (day, "2017-10-1", "text", None),
        (day, "2017-10-01 00:00", "text", None), (moment, "2017-10-01", "text", None),
        (moment, "2017-10-01 00:01", "text", OCTOBER * DAY + 60),
        (moment, "2017-10-01T01:00:02.9999999", "text", OCTOBER * DAY + 3602),
        (moment, "2017-10-01T24:00", "text", None), (moment, "2017-10-01 00:00Z", "text", None),
        (moment, datetime(1969, 12, 31, 23, 59, 59, 500_000), "timestamp", -1),
        (moment, datetime(2199, 12, 31, 12), "timestamp", last * DAY + 12 * 3600),
        (moment, datetime(2200, 1, 1), "timestamp", (last + 1) * DAY - 1),
        (moment, datetime(1, 1, 1), "timestamp", first * DAY), (moment, 2**63 - 1, "timestamp", None),
    ]  # fmt: skip
    for spec, value, storage, expected in cases:
        assert oracle.read(spec, value, storage) == expected, (spec, value)
    every = [date.fromordinal(n) for n in range(1, 3_652_059, 97)]
    for real in every:
        assert oracle._real_day(real.year, real.month, real.day) == (real - date(1970, 1, 1)).days


# Customers ------------------------------------------------------------------------------------------


def test_membership() -> None:
    profiles = [profile(1, "low", 0), profile(2, "low", 0, date(1990, 1, 1)), profile(None, "low", 0)]
    orders = [order(" 2", "a"), order("3", "a"), order("007", "a"), order("7", "a"), order("\u200b", "a")]
    data = cleaned(profiles, orders)
    assert data.members == {"bank": {"1", "2"}, "shop": {"2", "3", "007", "7"}}  # whatever the period
    assert oracle.population(data, "shared") == {"2"}
    assert oracle.population(data, "any") == {"1", "2", "3", "007", "7"}
    more = {**TABLES, "shop.users": {"customer": "id", "rows": "one", "columns": {}}}
    data = oracle.clean(
        contract(more, shop="shop.users"),
        {"bank.profile": profiles, "shop.orders": orders, "shop.users": [{"id": "1"}, {"id": "9"}]},
        {**STORED, "shop.users": {"id": "text"}},
    )
    assert data.members["shop"] == {"1", "9"}  # a declared list, so the ids of orders are none
    assert oracle.population(data, "shared") == {"1"}


def test_one_whole_row_is_kept() -> None:
    rows = [profile(1, "high", 0), profile(1, "low", 9), profile(1, "low", 3), profile(1, "low", 3)]
    one = oracle.customer(cleaned(rows, []), "1", None).ones["bank.profile"]
    assert one == {"tier": 0, "balance": 3, "seen": OCTOBER}
    one = oracle.customer(cleaned([*rows, profile(1, None, 50)], []), "1", None).ones["bank.profile"]
    assert one == {
        "tier": None,
        "balance": 50,
        "seen": OCTOBER,
    }  # null below all numbers, the row stays whole
    late = [profile(1, None, 50, date(2018, 1, 1)), profile(1, "low", 9, date(2017, 12, 31)), *rows[:1]]
    one = oracle.customer(cleaned(late, []), "1", (OCTOBER, JANUARY)).ones["bank.profile"]
    assert one == {"tier": 0, "balance": 9, "seen": JANUARY - 1}  # the period comes first


def test_absent() -> None:
    profiles = [profile(1, "high", 0), profile(2, "what", 0), profile(3, "high", 0, date(2018, 1, 1))]
    data = cleaned(profiles, [order(str(i), "a") for i in (1, 2, 3, 4)])
    bare = related(rows=None, groups=(Group(TIER, 3),))
    assert contributions(data, bare) == {("1", 1): (1,)}
    keyed = related(rows=None, groups=(Group(Case(((Absent("bank.profile"), Constant(2)),), TIER), 3),))
    # 2 has a row of an unknown tier: not absent. 3's row lies outside the period: absent.
    assert contributions(data, keyed) == {("1", 1): (1,), ("3", 2): (1,), ("4", 2): (1,)}


# Expressions ----------------------------------------------------------------------------------------


def value(node: Node) -> int | None:
    data = cleaned([], [order("1", "b", "2", 3), order("1", "a", "5", 2), order("1", None, None, 2)])
    return oracle.evaluate(node, None, oracle.customer(data, "1", None))


def test_three_valued_logic() -> None:
    true, false, null = Constant(1), Constant(0), Constant(None)
    three = (true, false, null)
    assert [[value(And((a, b))) for b in three] for a in three] == [[1, 0, None], [0, 0, 0], [None, 0, None]]
    assert [[value(Or((a, b))) for b in three] for a in three] == [[1, 1, 1], [1, 0, None], [1, None, None]]
    assert [value(Not(a)) for a in three] == [0, 1, None]
    assert [value(IsNull(a)) for a in three] == [0, 0, 1]
    assert [value(In(a, (1, 2))) for a in three] == [1, 0, None]
    assert [value(Compare("<>", a, true)) for a in three] == [0, 1, None]
    assert value(Compare("=", null, null)) is None
    assert value(Case(((null, Constant(1)), (false, Constant(2))), Constant(3))) == 3
    assert value(Coalesce((null, Constant(4), Constant(5)))) == 4 and value(Coalesce((null,))) is None


def test_other_nodes() -> None:
    null = Constant(None)
    assert [value(Arithmetic(o, Constant(7), Constant(-2))) for o in ("+", "-", "*")] == [5, 9, -14]
    assert value(Arithmetic("*", Constant(0), null)) is None
    assert [value(Clamp(Constant(x), -1, 3)) for x in (-5, 2, 9)] == [-1, 2, 3] and value(
        Clamp(null, 1, 2)
    ) is None
    assert [value(Cut(Constant(x), (1, 5))) for x in (0, 1, 4, 5)] == [0, 1, 1, 2] and value(
        Cut(null, (1,))
    ) is None
    assert [value(Recode(Constant(x), (2, -1, 0))) for x in (0, 1, 2)] == [2, None, 0]
    assert value(Recode(null, (1,))) is None
    halves = [(5, 2), (7, 2), (-5, 2), (-7, 2), (5, -2), (1, 3), (2, 3), (-2, 3), (7, 7), (0, 9)]
    assert [value(Divide(Constant(a), Constant(b))) for a, b in halves] == [2, 4, -2, -4, -2, 0, 1, -1, 1, 0]
    assert value(Divide(Constant(5), Constant(0))) is None
    assert value(Divide(null, Constant(2))) is None and value(Divide(Constant(2), null)) is None
    assert [value(Member(party)) for party in ("bank", "shop")] == [0, 1]
    moment = Constant(JANUARY * DAY - 1)  # Sunday, 2017-12-31, 23:59:59
    parts = ("year", "quarter", "month", "day", "weekday", "hour")
    assert [value(DatePart(p, moment, True)) for p in parts] == [2017, 4, 12, 31, 7, 23]  # type: ignore[arg-type]
    assert value(DatePart("weekday", Constant(-1), False)) == 3  # 1969-12-31 was a Wednesday
    assert value(DatePart("hour", Constant(-1), True)) == 23
    units = ("year", "quarter", "month", "week", "day")
    firsts = [value(DateTrunc(u, moment, True)) for u in units]  # type: ignore[arg-type]
    assert firsts == [17_167, OCTOBER, JANUARY - 31, JANUARY - 7, JANUARY - 1]


def test_aggregates() -> None:
    def total(how: Any, of: Node | None, where: Node | None = None) -> int | None:
        return value(Aggregate(how, "shop.orders", of, where))

    never, second = Constant(0), Compare("<", AT, Constant((OCTOBER + 2) * DAY))
    assert [total(how, AMOUNT) for how in ("sum", "count", "min", "max")] == [700, 2, 200, 500]
    assert total("count", None) == 3 and total("count", None, second) == 2 and total("any", None, second) == 1
    assert [total(how, AMOUNT, never) for how in ("sum", "count", "any")] == [0, 0, 0]
    assert [total(how, AMOUNT, never) for how in ("min", "max", "first", "last")] == [None] * 4
    assert total("first", AMOUNT) == 500  # of that day's two rows, the null is skipped
    assert total("last", KIND) == 1
    assert total("count", KIND, Compare("<>", KIND, Constant(0))) == 1  # a null condition is not true
    assert total("distinct", KIND) == 2 and total("distinct", KIND, never) == 0
    assert total("favourite", KIND) == 0 and total("favourite", KIND, never) is None  # a and b once each
    assert value(Aggregate("favourite", "shop.orders", KIND, None, AMOUNT)) == 0  # 5.00 over 2.00
    assert value(Aggregate("favourite", "shop.orders", KIND, None, Arithmetic("-", Constant(0), AMOUNT))) == 1
    tied = cleaned([], [order("1", "c", "1"), order("1", "b", "9"), order("1", "b", "2")])
    for how in ("first", "last"):  # the smallest row wins a tie
        node = Aggregate(how, "shop.orders", AMOUNT, None)
        assert oracle.evaluate(node, None, oracle.customer(tied, "1", None)) == 200


# Cells ----------------------------------------------------------------------------------------------


def test_unknown_categories_collapse_before_the_bound() -> None:
    """Four unknown kinds are one cell, so that with k = 2 the customer still reaches two others."""
    orders = [order("7", f"new {i}", "4") for i in range(4)] + [order("7", "a", "3"), order("7", "b", "2")]
    found = contributions(
        cleaned([], orders), related(groups_per_customer=2), (None, 0, 1), (AMOUNT, 0, 1000)
    )
    assert found == {("7", 5): (1, 1000), ("7", 1): (1, 200)}  # 16.00, clamped to 10.00 after the sum


def test_selection_order_by_hand() -> None:
    """T = 6, so P = 7; SHA-256 of `seed|7` begins 0110cf3 7093f4f.

    a = 1 + 1117427 mod 6 = 6 and r = 118046543 mod 7 = 6, so that groups 0 to 5 stand at 6, 5, 4, 3, 2, 1.
    """
    assert sha256(b"seed|7").hexdigest().startswith("0110cf37093f4f")
    assert [oracle.position(g, 6, "seed", "7") for g in range(6)] == [6, 5, 4, 3, 2, 1]
    assert [oracle.prime(n) for n in (1, 2, 3, 4, 6, 8, 90, 100)] == [2, 2, 3, 5, 7, 11, 97, 101]
    data = cleaned([], [order(" 7", kind) for kind in "abcdbd"])
    for k, cells in ((1, {3}), (2, {3, 2}), (3, {3, 2, 1}), (6, {0, 1, 2, 3})):
        found = contributions(data, related(groups_per_customer=k))
        assert {cell for _, cell in found} == cells
    # A group about the customer takes no part in the order, and is slower than the kind here.
    groups = (Group(Coalesce((TIER, Constant(1))), 3), KINDS)
    found = contributions(data, related(groups_per_customer=2, groups=groups))
    assert {cell for _, cell in found} == {6 + 3, 6 + 2}
    assert oracle.vector(Measurement(related(groups=groups), None, 0, 1), found) == [0] * 8 + [1, 1] + [0] * 8


def test_conditions_and_presence() -> None:
    profiles = [profile(1, "high", 5), profile(2, "high", None), profile(3, "low", 500)]
    orders = [
        order(i, "a", amount) for i, amount in (("1", "1"), ("1", "x"), ("2", "x"), ("3", "9"), ("4", "9"))
    ]
    data = cleaned(profiles, orders)
    where = related(where=Compare(">", BALANCE, Constant(0)))  # null for 2 and 4
    assert set(contributions(data, where)) == {("1", 0), ("3", 0)}
    assert set(contributions(data, related(population="shop"))) == {(i, 0) for i in "1234"}
    present = contributions(data, related(present=AMOUNT), (AMOUNT, 50, 700))
    assert present == {("1", 0): (100,), ("3", 0): (700,), ("4", 0): (700,)}
    rows_where = related(rows_where=Compare(">", AMOUNT, Constant(100)))
    assert set(contributions(data, rows_where)) == {("3", 0), ("4", 0)}
    alone = related(rows=None, groups=(), present=BALANCE)
    assert contributions(data, alone, (BALANCE, 7, 50)) == {("1", 0): (7,), ("3", 0): (50,)}


def test_rows_are_bounded_by_digest_and_identical_rows_are_numbered() -> None:
    orders = [order("7", "a", "1"), order("7", "a", "1"), order("7", "b", "20"), order("7", "c", "0.5")]
    data = cleaned([], orders)
    at = OCTOBER * DAY + 9 * 3600
    texts = [f"seed|7|{row}|{n}" for row, n in (
        (f"0,100,{at}", 1), (f"0,100,{at}", 2), (f"1,1000,{at}", 1), (f"2,50,{at}", 1))]  # fmt: skip
    ranked = sorted(
        zip((sha256(t.encode()).hexdigest() for t in texts), (0, 0, 1, 2), (100, 100, 600, 50), strict=True)
    )
    for r in range(1, 6):
        count, total = [0] * 6, [0] * 6
        for _, cell, amount in ranked[:r]:
            count[cell] += 1
            total[cell] += amount
        relation = related(rows_per_customer=r)
        found = contributions(data, relation, (None, 0, 1), (AMOUNT, 0, 600))
        for index, expected in enumerate((count, total)):
            assert oracle.vector(Measurement(relation, None, 0, 1), found, index) == expected
    # Null is written as nothing, and the digest is of rows that the condition leaves.
    row: dict[str, int | None] = {"a": None, "b": -1, "c": None}
    twice = [sha256(f"s|x|,-1,|{n}".encode()).hexdigest() for n in (1, 2)]
    assert oracle.row_digests("s", "x", [row, row]) == twice
    relation = related(rows_per_customer=1, rows_where=Compare("=", KIND, Constant(2)))
    assert set(contributions(data, relation)) == {("7", 2)}


# Random inputs --------------------------------------------------------------------------------------


def exact(database: databases.Database, relation: Relation, values: tuple[Measurement, ...]) -> Contributions:
    data = oracle.clean(database.contract, database.tables, database.stored)
    return oracle.relation(database.contract, data, relation, values, database.schema.period)


@pytest.mark.parametrize("seed", range(40))
def test_random_relations_are_local_and_bounded(seed: int) -> None:
    schema = databases.random_schema(seed)
    database = databases.random_database(schema, seed)
    relation, values = random_query(schema, seed)
    before = exact(database, relation, values)
    assert_bounded(before, values)
    assert exact(databases.shuffled(database, seed), relation, values) == before
    for identity in {pair[0] for pair in before} | {database.worst}:
        without = exact(databases.drop_customer(database, identity), relation, values)
        assert_local(before, without, identity)
        assert exact(databases.keep_customer(database, identity), relation, values) == only(before, identity)
        for party in schema.contract.parties:
            partly = exact(databases.drop_party_rows(database, identity, party), relation, values)
            assert_local(before, partly, identity, party_only=True)
            for index, measurement in enumerate(values):
                assert distance(before, partly, index).within(measurement, times=2)


@pytest.mark.parametrize("seed", range(20))
def test_a_merge_is_its_databases(seed: int) -> None:
    """Where nothing is selected by a digest of the id, each database's cells are what they are alone."""
    schema = databases.random_schema(seed)
    each = [databases.random_database(schema, 100 * seed + i) for i in range(3)]
    relation, values = random_query(schema, seed)
    relation = replace(
        relation, groups_per_customer=None, rows_per_customer=relation.rows_per_customer and 10**6
    )
    merged = databases.merge(each)
    lifted = databases.lift(relation, merged)
    values = tuple(replace(m, relation=relation) for m in values)
    over = tuple(replace(m, relation=lifted) for m in values)
    found = exact(merged, lifted, over)
    for index, measurement in enumerate(values):
        parts = databases.split(oracle.vector(over[index], found, index), len(each))
        assert parts == [oracle.vector(measurement, exact(d, relation, values), index) for d in each]


@pytest.mark.parametrize("seed", range(10))
def test_files_hold_the_database(seed: int, tmp_path: Path) -> None:
    database = databases.random_database(databases.random_schema(seed), seed)
    for name, path in databases.write(database, tmp_path / "parquet", "parquet").paths.items():
        stored = pq.read_table(path)
        assert stored.num_rows == len(database.tables[name])
        for column, storage in database.stored[name].items():
            if storage in ("text", "int"):
                assert stored[column].to_pylist() == [row[column] for row in database.tables[name]]
    written = databases.write(database, tmp_path / "csv", "csv")
    for name, path in written.paths.items():
        header, *lines = path.read_bytes().decode().removesuffix("\n").split("\n")
        names = next(csv.reader([header]))
        records = [next(csv.reader([line]), [""]) for line in lines if line != header]
        rows = [dict(zip(names, fields, strict=True)) for fields in records if len(fields) == len(names)]
        for row in rows:
            del row[EXTRA]
        assert rows == [{c: value or "" for c, value in row.items()} for row in written.database.tables[name]]


def test_the_worst_customer_saturates_a_simple_query() -> None:
    schema = databases.random_schema(5)
    table = next(name for name, t in schema.contract.tables.items() if t.rows == "many")
    database = databases.random_database(schema, 5)
    alone = databases.keep_customer(database, databases.worst_customer(database))
    relation = related(rows=table, groups=(), rows_per_customer=5)
    assert exact(alone, relation, (Measurement(relation, None, 0, 1),)) == {(database.worst, 0): (5,)}


def test_distance() -> None:
    assert distance([3, 0, 1], [0, 0, 3]) == Distance(2, 5, 13, 3)
    a: Contributions = {("x", 0): (1, 5), ("y", 0): (1, 1)}
    b: Contributions = {("x", 0): (1, 2), ("y", 1): (1, 1)}
    assert distance(a, b, 0) == Distance(2, 2, 2, 1) and distance(a, b, 1) == Distance(3, 5, 11, 3)
