"""What was declared comes out: shares, rates, effects, counts, dates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dpinsights.synthetic import read_population
from dpinsights.synthetic.blocks import Blocks
from dpinsights.synthetic.population import sizes_of

SPEC = Path(__file__).parents[2] / "reports" / "gongyin-xiaobai" / "population.yaml"
CUSTOMERS = 20_000


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    population = read_population(SPEC)
    blocks = Blocks(population, sizes_of(population, {"icbc": CUSTOMERS, "jd": CUSTOMERS // 2}), 11)
    assert len(blocks) == 1
    return blocks.make(0)


def shares(column: pa.ChunkedArray) -> dict[str, float]:
    counts = pc.value_counts(column.cast(pa.string()).drop_null())
    return {row["values"]: row["counts"] / len(column.drop_null()) for row in counts.to_pylist()}


def test_marginal_shares_of_both_parties(tables: dict[str, pa.Table]) -> None:
    trait = read_population(SPEC).traits["age_band"]
    for table, party in (("icbc.customers", "icbc"), ("jd.customers", "jd")):
        found = shares(tables[table]["age_band"])
        for key, share in trait.marginals[party].items():  # type: ignore[attr-defined]
            assert found[key] == pytest.approx(share, abs=0.015)


def test_provinces_are_all_there(tables: dict[str, pa.Table]) -> None:
    found = shares(tables["icbc.customers"]["province"])
    assert len(found) == 31
    assert found["广东"] == pytest.approx(0.08938, abs=0.01)


def test_wealth_tiers(tables: dict[str, pa.Table]) -> None:
    found = shares(tables["icbc.customers"]["wealth_tier"])
    for key, share in {"mass": 0.70, "affluent": 0.19, "wealthy": 0.09, "private": 0.02}.items():
        assert found[key] == pytest.approx(share, abs=0.015)


def test_rates_hold_over_all_in_spite_of_odds(tables: dict[str, pa.Table]) -> None:
    held = shares(tables["icbc.holdings"]["product"])
    for key, spec in (read_population(SPEC).tables["icbc.holdings"].each or {})["product"].items():
        found = held[key] * tables["icbc.holdings"].num_rows / CUSTOMERS
        assert found == pytest.approx(spec.rate, rel=0.15, abs=0.004)


def test_odds_are_recoverable(tables: dict[str, pa.Table]) -> None:
    """Wealth management: the odds grow 2.6 times from mass to affluent, before other effects."""
    holders = set(
        tables["icbc.holdings"]
        .filter(pc.equal(tables["icbc.holdings"]["product"].cast(pa.string()), "wealth_management"))[
            "customer_id"
        ]
        .to_pylist()
    )
    odds = {}
    for tier in ("mass", "affluent"):
        chosen = pc.equal(tables["icbc.customers"]["wealth_tier"].cast(pa.string()), tier)
        ids = tables["icbc.customers"].filter(chosen)["customer_id"].to_pylist()
        rate = sum(one in holders for one in ids) / len(ids)
        odds[tier] = rate / (1 - rate)
    assert odds["affluent"] / odds["mass"] == pytest.approx(2.6, rel=0.25)


def test_orders_are_zero_truncated_poisson_lognormal(tables: dict[str, pa.Table]) -> None:
    counts = np.array(pc.value_counts(tables["jd.orders"]["customer_id"].cast(pa.string())).field("counts"))
    assert len(counts) == CUSTOMERS // 2, "every platform customer has an order"
    assert counts.mean() == pytest.approx(7.08, rel=0.06)
    assert np.median(counts) == 4
    assert (counts == 1).mean() == pytest.approx(0.174, abs=0.015)
    assert np.quantile(counts, 0.99) == pytest.approx(47, rel=0.15)


def test_amounts_by_category(tables: dict[str, pa.Table]) -> None:
    orders = tables["jd.orders"]
    for category, mean in {"food": 130, "apparel": 220, "home": 330}.items():
        amounts = orders.filter(pc.equal(orders["category"].cast(pa.string()), category))["amount"]
        assert float(pc.mean(amounts).as_py()) == pytest.approx(mean, rel=0.1)


def test_festival_days_stand_out(tables: dict[str, pa.Table]) -> None:
    days = shares(pc.strftime(tables["jd.orders"]["ordered_on"], format="%m-%d"))
    assert days["11-11"] > 2.5 * days["11-12"]
    assert days["06-18"] > 2 * days["06-19"]
    months = shares(pc.strftime(tables["jd.orders"]["ordered_on"], format="%m"))
    assert months["02"] < months["06"] < months["11"]


def test_the_platform_opens_on_its_day(tables: dict[str, pa.Table]) -> None:
    for table, column, day in (
        ("icbc.transactions", "channel", "made_on"),
        ("icbc.holdings", "opened_through", "opened_on"),
    ):
        found = tables[table].filter(pc.equal(tables[table][column].cast(pa.string()), "platform"))
        assert str(pc.min(found[day]).as_py()) >= "2017-11-27"
        assert found.num_rows > 20
