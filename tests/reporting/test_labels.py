"""The names that a release carries for its queries' words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dpinsights.definitions.loading import load_checked
from dpinsights.model.labels import reader_names
from dpinsights.model.report import Query
from tests.reporting.plans import plan

CONTRACT = Path(__file__).parents[2] / "reports" / "gongyin-xiaobai" / "contract.yaml"


def test_names_of_what_queries_mention_and_no_more() -> None:
    contract = load_checked(CONTRACT).contract
    first, *_ = plan().queries
    queries = (
        replace(
            first,
            asked=Query(
                sum="jd.orders.amount", where="icbc.customers.province <> '西藏' and online_spend > 0"
            ),
        ),
        replace(
            first,
            asked=Query(count="customers", rows_where="icbc.holdings.product in ('deposit', 'no such key')"),
        ),
    )
    found = reader_names(contract, queries)
    assert set(found) == {
        "icbc.customers",
        "icbc.customers.province",
        "icbc.customers.province=西藏",
        "icbc.holdings",
        "icbc.holdings.product",
        "icbc.holdings.product=deposit",
        "jd.orders",
        "jd.orders.amount",
        "online_spend",
    }
    assert found["icbc.holdings.product=deposit"]["zh"] == "定期存款"
