"""The workload: a bank's customers and a shop's orders, as Parquet, and the definitions over them."""

from __future__ import annotations

from pathlib import Path

import duckdb

from dpinsights.definitions.resolving import CheckedContract, check_contract
from dpinsights.model.contract import Contract
from dpinsights.model.policy import Policy, Sources
from dpinsights.model.report import Report

TIERS = ("mass", "affluent", "wealthy", "private", "ultra")
CATEGORIES = tuple(f"category {i:02}" for i in range(20))
PROVINCES = tuple(f"province {i:02}" for i in range(31))
AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")


def _listed(keys: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{key}'" for key in keys) + "]"


def write(folder: Path, customers: int, orders: int) -> None:
    """Bank and shop tables, once; 60% of the shop's customers are the bank's, spend has a heavy tail."""
    bank, shop = folder / "bank.parquet", folder / "shop.parquet"
    if bank.exists() and shop.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    connection.execute(
        f"""COPY (SELECT i AS customer_id, {_listed(AGES)}[1 + (hash(i, 1) % 6)::INT] AS age_band,
            {_listed(PROVINCES)}[1 + (hash(i, 2) % 31)::INT] AS province,
            {_listed(TIERS)}[1 + least(4, floor(-ln((hash(i, 3) % 1000000 + 1) / 1000000.0)))::INT] AS wealth_tier,
            least(1000000, floor(exp(9 + 1.7 * (((hash(i, 4) % 1000) + (hash(i, 5) % 1000)) / 1000.0 - 1) * 2)))::INT
                AS deposit_balance
            FROM range({customers}) r(i)) TO '{bank}' (FORMAT parquet, COMPRESSION zstd)"""
    )
    shoppers = customers * 10 // 12
    connection.execute(
        f"""COPY (SELECT CASE WHEN hash(c, 6) % 10 < 6 THEN c ELSE c + {customers} END AS customer_id, category, amount,
            order_month FROM (SELECT floor({shoppers} * power((hash(o, 7) % 10000019) / 10000019.0, 1.5))::BIGINT AS c,
            {_listed(CATEGORIES)}[1 + floor(20 * power((hash(o, 8) % 1000) / 1000.0, 1.3))::INT] AS category,
            least(5000000, floor(exp(9.5 + 1.1 * (((hash(o, 9) % 1000) + (hash(o, 10) % 1000)) / 1000.0 - 1) * 2.4)))::INT
                AS amount,
            (1 + hash(o, 11) % 12)::TINYINT AS order_month FROM range({orders}) r(o))) TO '{shop}'
            (FORMAT parquet, COMPRESSION zstd)"""
    )


def contract(customers: int) -> CheckedContract:
    """What is public of the two tables."""

    def category(*keys: str) -> dict[str, object]:
        return {"type": "category", "keys": list(keys)}

    return check_contract(
        Contract.model_validate(
            {
                "contract": "benchmark",
                "version": 1,
                "partnership": "00000000000000bb",
                "privacy_unit": "customer",
                "parties": {"bank": {"name": "Bank", "members": "bank.customers"}, "shop": {"name": "Shop"}},
                "planning": {
                    "customers": {"bank": customers, "shop": customers, "shared": customers // 2},
                    "customers_at_most": 2 * customers,
                    "basis": "generated",
                },
                "tables": {
                    "bank.customers": {
                        "customer": "customer_id",
                        "rows": "one",
                        "columns": {
                            "age_band": category(*AGES),
                            "province": category(*PROVINCES),
                            "wealth_tier": category(*TIERS),
                            "deposit_balance": {"type": "integer", "bounds": [0, 1_000_000], "nulls": 0},
                        },
                    },
                    "shop.orders": {
                        "customer": "customer_id",
                        "rows": "many",
                        "columns": {
                            "category": category(*CATEGORIES),
                            "amount": {"type": "integer", "bounds": [0, 5_000_000], "nulls": 0},
                            "order_month": {"type": "integer", "bounds": [1, 12]},
                        },
                    },
                },
            }
        )
    )


def sources() -> Sources:
    """Where the files lie, relative to their folder."""
    return Sources.model_validate(
        {"snapshot": "benchmark", "origin": "synthetic", "tables": {
            "bank.customers": {"parquet": "bank.parquet"}, "shop.orders": {"parquet": "shop.parquet"}}}
    )  # fmt: skip


def policy() -> Policy:
    """Room enough."""
    return Policy.model_validate(
        {
            "policy": "benchmark",
            "version": 1,
            "delta": {"conversion": "1e-10", "discovery": "1e-11"},
            "lifetime": {"epsilon": 1000},
            "accounts": {"shop": {"epsilon": 1000}},
        }
    )


CORE = {
    "by": ["bank.customers.wealth_tier", "shop.orders.category"],
    "groups_per_customer": 4,
    "population": "shared",
}
MONEY = {**CORE, "bounds": [0, 500_000]}

QUERIES: dict[str, dict[str, object]] = {
    "count": {"count": "customers", **CORE},
    "sum": {"sum": "shop.orders.amount", **MONEY},
    "mean": {"mean": "shop.orders.amount", **MONEY},
}
"""Customers, sum and mean by tier and category, at most 4 categories a customer."""

PLAIN = {
    "count": """SELECT wealth_tier, category, count(DISTINCT customer_id) FROM bank JOIN shop USING (customer_id)
        GROUP BY ALL""",
    "sum": "SELECT wealth_tier, category, sum(amount) FROM bank JOIN shop USING (customer_id) GROUP BY ALL",
    "mean": """SELECT wealth_tier, category, avg(spend) FROM (SELECT wealth_tier, category, customer_id,
        sum(amount) AS spend FROM bank JOIN shop USING (customer_id) GROUP BY ALL) GROUP BY ALL""",
}
"""The same without bounds and without noise."""


def report(*names: str) -> Report:
    """A report of some of the queries."""
    return Report.model_validate(
        {
            "report": "benchmark",
            "version": 1,
            "contract": "benchmark",
            "audience": "shop",
            "account": "shop",
            "period": {"from": "2017-01-01", "until": "2018-01-01"},
            "budget": {"epsilon": 1},
            "queries": {name: QUERIES[name] for name in names},
        }
    )
