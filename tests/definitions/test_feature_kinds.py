"""Features over a customer's rows, the period, and membership: nodes and types, and what they are good for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.definitions import building as build
from dpinsights.definitions.features import Features, ResolvedFeature
from dpinsights.definitions.loading import load_checked
from dpinsights.definitions.naming import full_name
from dpinsights.definitions.periods import Between, PeriodFault, calendar, previous
from dpinsights.definitions.places import Fault
from dpinsights.definitions.python import period
from dpinsights.definitions.typed import Typed, divided
from dpinsights.model.contract import Contract
from dpinsights.model.expressions import (
    Aggregate,
    Arithmetic,
    Clamp,
    Compare,
    Constant,
    Cut,
    Divide,
    Member,
    Node,
    Not,
    Recode,
    RowColumn,
)
from dpinsights.model.names import FrozenMap
from dpinsights.model.values import ValueType
from tests.oracle import oracle

CONTRACT = load_checked(Path(__file__).parent / "good" / "contract.yaml").contract
QUARTER = ("2017-10-01", "2018-01-01")
TIME, AMOUNT, CATEGORY = (RowColumn("jd.orders", name) for name in ("ordered_on", "amount", "category"))


def over(written: Mapping[str, Mapping[str, Any]], span: tuple[str, str] = QUARTER) -> Features:
    """Features beside those of the good contract, over a period."""
    features = Contract.model_validate(
        {**CONTRACT.model_dump(by_alias=True), "features": written}, by_alias=True
    ).features
    whole = CONTRACT.replace(features=FrozenMap({**CONTRACT.features, **features}))
    return Features(whole, period(*span))


def made(feature: Mapping[str, Any], span: tuple[str, str] = QUARTER) -> ResolvedFeature:
    """One feature."""
    return over({"x": feature}, span).get("x")


def within(start: date, until: date) -> Node:
    days = [(day - date(1970, 1, 1)).days for day in (start, until)]
    return build.all_of([Compare(">=", TIME, Constant(days[0])), Compare("<", TIME, Constant(days[1]))])


NOW = within(date(2017, 10, 1), date(2018, 1, 1))


def test_nodes_and_types() -> None:
    distinct = made({"distinct": "jd.orders.category"})
    assert distinct.node == Aggregate("distinct", "jd.orders", CATEGORY, NOW)
    assert (distinct.type.low, distinct.type.high, distinct.type.nullable) == (0, 4, False)
    every = made({"all": "jd.orders.amount > 5"})
    assert isinstance(every.node, Not) and isinstance(every.node.part, Aggregate)
    assert every.node.part.how == "any" and every.type.kind == "boolean" and not every.type.nullable
    favourite = made({"favourite": "jd.orders.category", "weighted_by": "jd.orders.amount"})
    assert favourite.node == Aggregate("favourite", "jd.orders", CATEGORY, NOW, AMOUNT)
    assert [key.key for key in favourite.type.keys] == ["phones", "apparel", "food", "other"]
    assert favourite.type.nullable and favourite.level == "customer"
    member = made({"member": "jd"})
    assert member.node == Member("jd") and member.type == ValueType("boolean", 0, 1, nullable=False)


def test_means_and_shares_are_quotients_of_whole_numbers() -> None:
    mean = made({"mean": "jd.orders.amount", "bounds": [0, 500]})
    total, count = (Aggregate(how, "jd.orders", AMOUNT, NOW) for how in ("sum", "count"))
    assert mean.node == Clamp(Divide(total, count), 0, 50_000)
    assert (mean.type.step, mean.type.unit, mean.type.nullable) == (Decimal("0.01"), "CNY", True)
    coarse = made({"mean": "jd.orders.amount", "bounds": [0, 500], "step": "0.25"}).node
    assert isinstance(coarse, Clamp) and isinstance(coarse.part, Divide)
    assert coarse.part.left == total  # 0.25 is 25 steps, which stand below the line
    share = made({"share": "jd.orders.category = 'food'"})
    assert (share.type.low, share.type.high, share.type.step) == (0, 1000, Decimal("0.001"))
    assert share.type.unit is None and share.type.nullable


@pytest.mark.parametrize(
    ("above", "below", "unit"),
    [("online_spend", "2", "CNY"), ("online_spend", "online_spend + 1", None), ("1 + 1", "7", None)],
)
def test_a_ratio_s_unit(above: str, below: str, unit: str | None) -> None:
    assert made({"ratio": [above, below], "bounds": [0, 5], "step": "0.1"}).type.unit == unit


def test_times() -> None:
    def rows(during: Any, span: tuple[str, str] = QUARTER) -> Node | None:
        node = made({"distinct": "jd.orders.category", "during": during}, span).node
        assert isinstance(node, Aggregate)
        return node.where

    assert rows("previous") == within(date(2017, 7, 1), date(2017, 10, 1))
    assert rows("previous", ("2018-02-01", "2018-03-01")) == within(date(2018, 1, 1), date(2018, 2, 1))
    assert rows("previous", ("2018-02-05", "2018-02-12")) == within(date(2018, 1, 29), date(2018, 2, 5))
    assert rows("always") is None
    assert rows({"from": "2016-02-03", "until": "2016-05-01"}) == within(date(2016, 2, 3), date(2016, 5, 1))
    with pytest.raises(Fault) as caught:
        rows("previous", ("0001-01-01", "0001-02-01"))
    assert (caught.value.code, caught.value.path) == ("out-of-range", ("during",))


def test_calendar_periods() -> None:
    month = made({"periods": "jd.orders.ordered_on", "every": "month"}, ("2017-10-15", "2018-01-02"))
    assert [key.key for key in month.type.keys] == ["2017-10", "2017-11", "2017-12", "2018-01"]
    assert month.level == "row" and month.table == "jd.orders"
    # The first and the last hold what lies in the report's period only.
    assert month.node == Recode(Cut(TIME, (17454, 17471, 17501, 17532, 17533)), (-1, 0, 1, 2, 3, -1))
    keys = {
        every: [key.key for key in made({"periods": "jd.orders.ordered_on", "every": every}).type.keys]
        for every in ("week", "quarter", "year", "day")
    }
    assert keys["quarter"] == ["2017-Q4"] and keys["year"] == ["2017"]
    assert keys["week"][:2] == ["2017-09-25", "2017-10-02"] and len(keys["week"]) == 14
    assert keys["day"][0] == "2017-10-01" and len(keys["day"]) == 92
    customer = over(
        {"first_seen": {"min": "jd.orders.ordered_on", "during": "always"},
         "cohort": {"periods": "first_seen", "every": "year"}}
    ).get("cohort")  # fmt: skip
    assert customer.level == "customer" and customer.type.nullable


def test_too_many_periods_are_the_report_s_fault() -> None:
    """The contract alone does not show it, and who names the feature reads why."""
    long = ("2010-01-01", "2018-01-01")
    features = over({"x": {"periods": "jd.orders.ordered_on", "every": "day"}}, long)
    with pytest.raises(PeriodFault) as caught:
        features.lookup(("x",))
    assert caught.value.code == "too-many-periods" and caught.value.message.startswith("feature x:")
    assert len(made({"periods": "jd.orders.ordered_on", "every": "week"}, ("2010-05-01", "2017-12-01")).type.keys) <= 400  # fmt: skip


days = st.dates(date(1960, 1, 1), date(2100, 1, 1))


@given(days, st.integers(1, 900), st.sampled_from(["day", "week", "month", "quarter", "year"]))
def test_calendar_periods_meet_the_period(start: date, length: int, every: str) -> None:
    span = Between(start, start + timedelta(days=length))
    starts = [*calendar(every, span)]
    assert starts[0] <= span.start
    assert all(one < other for one, other in zip(starts, starts[1:], strict=False))
    assert all(span.start < later < span.until for later in starts[1:])
    later = [*calendar(every, Between(span.until, span.until + timedelta(days=1)))]
    assert later[0] in (starts[-1], span.until)
    assert previous(span).until == span.start


def test_the_ends_of_the_period_have_names() -> None:
    recency = over({"x": {"expression": "period_until - y"}, "y": {"max": "jd.orders.ordered_on"}}).get("x")
    last = Aggregate("max", "jd.orders", TIME, NOW)
    assert recency.node == Arithmetic("-", Constant(17_532), last)
    assert recency.type.kind == "number" and recency.type.nullable
    length = made({"expression": "period_until - period_from"})
    assert length.node == Constant(92)
    assert full_name(CONTRACT, "period_until") == "period_until"


numbers = st.integers(-(10**6), 10**6)


@given(numbers, numbers, st.decimals("0.01", 50, places=2), st.sampled_from(["1", "0.01", "0.05"]))
def test_a_quotient_is_the_nearest_step(left: int, right: int, step: Decimal, other: str) -> None:
    def constant(value: int, step: str) -> Typed:
        return Typed(Constant(value), ValueType("number", value, value, nullable=False, step=Decimal(step)))

    found = divided(constant(left, "0.01"), constant(right, other), step)
    assert isinstance(found.node, Constant) and found.type is not None
    value = found.node.value
    if right == 0:
        assert value is None and found.type.nullable
        return
    assert value is not None and found.type.low == value == found.type.high
    exact = Decimal(left) * Decimal("0.01") / (Decimal(right) * Decimal(other)) / step
    assert abs(exact - value) <= Decimal("0.5") + Decimal("1e-9")


# What they are good for ---------------------------------------------------------------------------

INSIGHTS: dict[str, dict[str, Any]] = {
    "active_now": {"count": "jd.orders", "bounds": [0, 100]},
    "active_before": {"count": "jd.orders", "bounds": [0, 100], "during": "previous"},
    "churned": {"expression": "active_before > 0 and active_now * 2 <= active_before"},
    "spend_now": {"sum": "jd.orders.amount", "bounds": [0, 50000]},
    "spend_before": {"sum": "jd.orders.amount", "bounds": [0, 50000], "during": "previous"},
    "growth": {"ratio": ["spend_now - spend_before", "spend_before"], "bounds": [-1, 10], "step": "0.01"},
    "last_order": {"max": "jd.orders.ordered_on", "during": "always"},
    "recency": {"expression": "period_until - last_order"},
    "r_score": {"cut": "recency", "at": [31, 92], "labels": ["3", "2", "1"]},
    "f_score": {"cut": "active_now", "at": [1, 3], "labels": ["1", "2", "3"]},
    "m_score": {"cut": "spend_now", "at": [1, 300], "labels": ["1", "2", "3"]},
    "best": {"expression": "r_score = '3' and f_score = '3' and m_score = '3'"},
    "first_touch": {"first": "jd.orders.category", "during": "always"},
    "first_month": {"periods": "first_order", "every": "month"},
    "first_order": {"min": "jd.orders.ordered_on", "during": "always"},
    "first_product": {"min": "icbc.holdings.opened_on", "during": "always"},
    "days_to_product": {"expression": "first_product - first_order"},
    "basket": {"mean": "jd.orders.amount", "bounds": [0, 1000], "step": 1},
    "food_share": {"share": "jd.orders.category = 'food'"},
    "variety": {"distinct": "jd.orders.category"},
    "likes": {"favourite": "jd.orders.category"},
    "pays_for": {"favourite": "jd.orders.category", "weighted_by": "jd.orders.amount"},
    "only_big": {"all": "jd.orders.amount >= 100"},
    "only_jd": {"member": "jd"},
}


def insights(*orders: tuple[str, str, str], opened: str | None = None) -> dict[str, object]:
    """Every insight about a customer with these orders: (day, category, amount)."""
    columns = CONTRACT.tables["icbc.customers"].columns
    stored: dict[str, dict[str, oracle.Storage]] = {
        "icbc.customers": {"customer_id": "text", **dict.fromkeys(columns, "text")},
        "icbc.holdings": {"customer_id": "text", "product": "text", "opened_on": "text"},
        "jd.orders": {"customer_id": "text", "category": "text", "amount": "text", "ordered_on": "text"},
    }
    tables: dict[str, list[dict[str, object]]] = {
        "icbc.customers": [],
        "icbc.holdings": [{"customer_id": "7", "product": "deposit", "opened_on": opened}] if opened else [],
        "jd.orders": [
            {"customer_id": "7", "category": kind, "amount": amount, "ordered_on": day}
            for day, kind, amount in orders
        ],
    }
    one = oracle.customer(oracle.clean(CONTRACT, tables, stored), "7", None)
    features = over(INSIGHTS)
    found: dict[str, object] = {}
    for name in INSIGHTS:
        feature = features.get(name)
        value = oracle.evaluate(feature.node, None, one)
        if value is not None and feature.type.kind == "category":
            found[name] = feature.type.keys[value].key
        elif value is not None and feature.type.kind == "date":
            found[name] = date(1970, 1, 1) + timedelta(days=value)
        else:
            found[name] = None if value is None else value * feature.type.step
    return found


def test_insights() -> None:
    found = insights(
        ("2017-05-03", "phones", "900"),
        ("2017-08-01", "food", "30"),
        ("2017-08-02", "food", "30.50"),
        ("2017-10-05", "apparel", "100"),
        ("2017-12-24", "food", "50.25"),
        ("2017-12-24", "food", "20"),
        opened="2017-06-02",
    )
    cents = Decimal("0.01")
    assert (found["active_now"], found["active_before"], found["churned"]) == (3, 2, 0)
    assert found["growth"] == ((Decimal("170.25") - Decimal("60.5")) / Decimal("60.5")).quantize(cents)
    assert (found["recency"], found["r_score"], found["f_score"], found["m_score"]) == (8, "3", "3", "2")
    assert (found["best"], found["first_touch"], found["first_order"]) == (0, "phones", date(2017, 5, 3))
    assert found["first_month"] is None  # its first order lies before the report's period
    assert found["days_to_product"] == 30
    assert found["basket"] == 57  # 170.25 / 3 = 56.75
    assert found["food_share"] == Decimal("0.667")
    assert (found["variety"], found["likes"], found["pays_for"]) == (2, "food", "apparel")
    assert (found["only_big"], found["only_jd"]) == (0, 1)


def test_insights_of_who_stopped() -> None:
    found = insights(("2017-07-01", "food", "30"), ("2017-09-30", "food", "40"), opened="2017-06-02")
    assert (found["active_now"], found["active_before"], found["churned"]) == (0, 2, 1)
    assert found["growth"] == -1
    assert found["days_to_product"] == -29
    assert found["basket"] is found["food_share"] is found["likes"] is None
    assert (found["variety"], found["only_big"]) == (0, 1)


def test_insights_of_who_has_only_the_bank() -> None:
    found = insights(opened="2017-11-02")
    assert found["growth"] is None and found["recency"] is None and found["r_score"] is None
    assert (found["churned"], found["only_jd"], found["first_touch"]) == (0, 0, None)


def test_ties() -> None:
    tied = [("2017-10-01", "food", "5"), ("2017-10-01", "apparel", "5"), ("2017-10-02", "phones", "4")]
    found = insights(*tied, ("2017-10-03", "phones", "0.5"))
    assert (found["likes"], found["pays_for"]) == ("phones", "apparel")
    assert insights(*tied)["likes"] == "phones"  # by the order of the keys
