"""A population from a contract alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dpinsights.model.contract import Contract
from dpinsights.synthetic import PopulationError, generate, population_from_contract

CONTRACT = {
    "contract": "tiny",
    "version": 1,
    "privacy_unit": "customer",
    "parties": {"a": {"name": "A"}, "b": {"name": "B"}},
    "planning": {
        "customers": {"a": 4000, "b": 2000, "shared": 1000},
        "customers_at_most": 6000,
        "basis": "none",
    },
    "tables": {
        "a.customers": {
            "customer": "id",
            "rows": "one",
            "columns": {
                "kind": {"type": "category", "keys": ["x", "y", "z"], "absent": "z"},
                "age": {"type": "integer", "bounds": [18, 99]},
                "vip": {"type": "boolean"},
            },
        },
        "b.orders": {
            "customer": "id",
            "rows": "many",
            "time": "at",
            "columns": {
                "amount": {"type": "decimal", "unit": "CNY", "step": "0.05", "bounds": [1, 2]},
                "at": {"type": "timestamp", "zone": "Asia/Shanghai"},
                "on": {"type": "date"},
            },
        },
    },
}


def test_even_draws_within_keys_and_bounds(tmp_path: Path) -> None:
    population = population_from_contract(
        Contract.model_validate(CONTRACT), start=date(2017, 10, 1), until=date(2018, 1, 1), snapshot="s1"
    )
    made = generate(population, tmp_path, seed=4)
    assert made.customers == {"a": 10_000, "b": 5_000}
    customers = pq.read_table(tmp_path / "a/customers.parquet")
    orders = pq.read_table(tmp_path / "b/orders.parquet")
    assert set(customers["kind"].to_pylist()) == {"x", "y"}, "a customer with a row is not absent"
    assert (pc.min(customers["age"]).as_py(), pc.max(customers["age"]).as_py()) == (18, 99)
    assert pc.mean(customers["vip"]).as_py() == pytest.approx(0.5, abs=0.03)
    assert all(
        Decimal(1) <= amount <= 2 and amount % Decimal("0.05") == 0
        for amount in orders["amount"].to_pylist()[:500]
    )
    assert pc.min(orders["on"]).as_py() == date(2017, 10, 1)


def test_a_contract_without_planned_customers() -> None:
    planning = {"customers": {"a": 4000, "b": 2000}, "customers_at_most": 6000, "basis": "none"}
    with pytest.raises(PopulationError, match="no figure for shared"):
        population_from_contract(
            Contract.model_validate({**CONTRACT, "planning": planning}),
            start=date(2017, 1, 1),
            until=date(2018, 1, 1),
            snapshot="s1",
        )
