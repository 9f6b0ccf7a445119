"""Small databases by hand: one bank with profiles, one shop with orders, and the rows that reach every bound."""

from __future__ import annotations

from dpinsights.model.expressions import Absent, Constant, Node
from dpinsights.model.expressions import Case as When
from dpinsights.model.measurement import Group, Measurement, Relation
from tests.assurance.engine import Case
from tests.oracle.databases import Database
from tests.oracle.schemas import Schema
from tests.oracle.test_oracle import (
    AMOUNT,
    BALANCE,
    KIND,
    KINDS,
    STORED,
    TIER,
    contract,
    order,
    profile,
    related,
)

__all__ = [
    "AMOUNT", "BALANCE", "KIND", "KINDS", "TIER", "WORST", "Group", "by_tier", "case", "contract", "crowd",
    "database", "order", "profile", "related", "swing", "worst_orders",
]  # fmt: skip

WORST = "999"
K = 2
"""How many of the six kinds a customer reaches in hand-made relations."""

Row = dict[str, object]


def database(profiles: list[Row], orders: list[Row]) -> Database:
    """A database of the two tables."""
    return Database(Schema(contract(), STORED), {"bank.profile": profiles, "shop.orders": orders}, WORST)


def case(
    profiles: list[Row], orders: list[Row], relation: Relation, *values: tuple[Node | None, int, int]
) -> Case:
    """A case of the two tables; a count where no value is given."""
    measured = tuple(Measurement(relation, *value) for value in values or [(None, 0, 1)])
    return Case(database(profiles, orders), relation, measured)


def worst_orders() -> list[Row]:
    """Orders in k + 2 known kinds, twice in each, of extreme amounts."""
    return [order(WORST, kind, "1e9") for kind in "abcd" for _ in range(2)]


def unknown_orders(identity: str = WORST) -> list[Row]:
    """Orders in k + 2 unknown kinds, which are one cell."""
    return [order(identity, f"new {i}", "1e9") for i in range(K + 2)]


def crowd() -> tuple[list[Row], list[Row]]:
    """Customers 1 to 9 with orders of all kinds, profiles for some, nulls and junk, ids of nobody."""
    profiles = [profile(i, "low" if i % 2 else "high", 10 * i) for i in range(1, 7)]
    profiles += [profile(None, "low", 5), profile(7, None, None)]
    orders = [
        order(str(i), kind, f"{i}.{place}5")
        for i in range(1, 10)
        for place, kind in enumerate("abcde"[: 1 + i % 5])
    ]
    orders += [order("3", "a", None), order("4", "zz", "x"), order(None, "a", "3"), order("\u200b", "b", "4")]
    return profiles, orders


def swing(amount: int) -> Node:
    """A value that jumps from one bound to the other as the bank's row comes or goes."""
    return When(((Absent("bank.profile"), Constant(amount)),), Constant(-amount))


def by_tier() -> Relation:
    """Customers of either party by tier, those without a profile under a key of their own."""
    code = When(((Absent("bank.profile"), Constant(2)),), TIER)
    return related(rows=None, groups=(Group(code, 3),))
