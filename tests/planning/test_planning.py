"""Plans: what is shared, how a budget is split, what is refused; nothing is read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dpinsights.definitions.resolving import check_report, report_digests
from dpinsights.errors import PlanError
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.plan import Plan
from dpinsights.model.report import Report
from dpinsights.planning.planning import make_plan
from tests.benchmarks import workload

CHECKED = workload.contract(1_000_000)
TIER = ["bank.customers.wealth_tier"]


def plan(
    queries: dict[str, dict[str, Any]], epsilon: str = "1", released: dict[str, int] | None = None
) -> Plan:
    report = Report.model_validate(
        {
            "report": "r",
            "version": 1,
            "contract": "benchmark",
            "audience": "shop",
            "account": "shop",
            "period": {"from": "2017-01-01", "until": "2018-01-01"},
            "budget": {"epsilon": epsilon},
            "queries": queries,
        }
    )
    resolved = check_report(report, CHECKED)
    digests = report_digests(report, CHECKED, resolved)
    return make_plan(report, resolved, CHECKED.contract, workload.policy(), digests, released or {})


def test_the_core_queries_share_two_measurements() -> None:
    made = plan(workload.QUERIES)
    assert len(made.draws) == 2
    count, total = made.queries[0].key("value"), made.queries[1].key("value")
    assert made.queries[2].keys == (total, count)
    assert {draw.measurement.l2_squared for draw in made.draws} == {4, 4 * 500_000**2}


def test_a_count_is_not_shared_across_null_rules() -> None:
    """order_month has nulls that are dropped, so its mean's denominator is not the number of customers."""
    shared = {"by": TIER, "population": "shared", "groups_per_customer": None}
    month = {"mean": "shop.orders.order_month", "per": "row", "rows_per_customer": 2, "by": TIER}
    made = plan({"n": {"count": "shop.orders", "rows_per_customer": 2, "by": TIER}, "m": month})
    assert len(made.draws) == 3
    del shared


def test_the_budget_is_spent_and_not_more() -> None:
    made = plan(
        {
            "a": {"count": "customers", "by": TIER},
            "b": {"mean": "bank.customers.deposit_balance", "by": TIER, "weight": 3},
        }
    )
    assert 0 <= made.budget_units - made.rho_units <= 4
    for draw in made.draws:
        m = draw.measurement
        noise = GaussianNoise(
            unit=made.partnership, size=m.relation.cells, l2_squared=m.l2_squared, scale=draw.scale
        )
        assert (noise.rho_units, noise.rho(1), noise.rho(2)) == (draw.rho_units, draw.rho, draw.rho_two)


def test_a_margin_decides_the_cost_and_is_met() -> None:
    made = plan({"a": {"count": "customers", "by": TIER, "margin": 500}})
    assert made.queries[0].forecasts[0].margin == 500
    assert made.rho_units < made.budget_units / 10


@pytest.mark.parametrize("cost", [{"rho": "0.001"}, {"epsilon": "0.1"}])
def test_a_cost_is_taken_at_its_word(cost: dict[str, str]) -> None:
    made = plan(
        {"a": {"count": "customers", "by": TIER, "cost": cost}, "b": {"count": "customers", "weight": 2}}
    )
    assert made.draws[0].rho_units <= made.budget_units
    if "rho" in cost:
        assert made.draws[0].rho_units == 10**9


def test_a_plan_does_not_depend_on_titles_or_order_of_fields() -> None:
    one = plan({"a": {"count": "customers", "by": TIER}})
    other = plan({"a": {"by": TIER, "title": "Other", "count": "customers"}})
    assert one.measurement_digest == other.measurement_digest
    assert one.reader_digest != other.reader_digest


def test_margins_that_do_not_fit_say_which_and_what_would() -> None:
    with pytest.raises(PlanError) as caught:
        plan(
            {
                "cheap": {"count": "customers", "margin": 5000},
                "dear": {"count": "customers", "by": TIER, "margin": 1},
            }
        )
    text = str(caught.value)
    assert "dear" in text and "What would fit" in text and "epsilon" in text


def test_a_margin_of_a_mean_needs_a_public_group_size() -> None:
    query = {**workload.QUERIES["mean"], "margin": "100"}
    with pytest.raises(PlanError, match="group_size"):
        plan({"a": query})
    made = plan({"a": {**query, "group_size": 100000, "margin": "40000"}})
    assert made.queries[0].forecasts[0].customers == 100_000
    assert made.queries[0].forecasts[0].margin <= Decimal("40000") * Decimal("1.01")


def test_means_over_groups_of_unknown_size_are_forecast_at_three_sizes() -> None:
    made = plan({"a": workload.QUERIES["mean"]})
    assert [f.customers for f in made.queries[0].forecasts] == [1_000, 10_000, 100_000]


def test_a_released_count_sharpens_the_forecast_and_changes_nothing_else() -> None:
    before = plan({"a": workload.QUERIES["mean"]})
    after = plan({"a": workload.QUERIES["mean"]}, released={before.queries[0].key("denominator"): 5_000})
    assert [f.customers for f in after.queries[0].forecasts] == [5_000]
    assert (after.draws, after.measurement_digest) == (before.draws, before.measurement_digest)
