"""The notebook's door, as a data scientist uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import dpinsights as dpi
from dpinsights.budget import cap_of, open_budget
from dpinsights.definitions.loading import load_checked, load_policy
from dpinsights.demo import Demo, run_demo
from dpinsights.errors import BudgetError, DefinitionError, LedgerError, PlanError
from dpinsights.governance.ledger.interface import Period
from dpinsights.model.names import FrozenMap
from dpinsights.model.report import Query
from dpinsights.session import Session
from dpinsights.state import State

PERIOD = ("2017-10-01", "2018-01-01")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("session") / "demo", scale=50)


def opened(demo: Demo, **given: Any) -> Session:
    usual = {"account": "exploration", "period": PERIOD, "state": demo.state.folder, "sources": demo.sources}
    return dpi.open(demo.definitions, **{**usual, **given})


@pytest.fixture
def session(demo: Demo) -> Iterator[Session]:
    with opened(demo, budget="0.3") as made:
        yield made


def spent(session: Session) -> int:
    return session.budget.balances["exploration"].spent_rho


def test_a_plan_spends_nothing_and_a_release_what_it_said(session: Session) -> None:
    query = dpi.count(by="wealth_tier", population="shared")
    before = spent(session)
    plan = session.plan(query)
    assert spent(session) == before
    release = session.release(query)
    assert spent(session) - before == release.charged_units == plan.plan.rho_units


def test_the_same_question_again_is_free_and_the_same(session: Session) -> None:
    query = dpi.mean("online_spend", by="wealth_tier", population="shared")
    first = session.release(query)
    before = spent(session)
    again = session.release(query.replace(title="Another title"))
    assert (again.charged_units, spent(session)) == (0, before)
    pd.testing.assert_frame_equal(first.to_pandas(), again.to_pandas())


def test_a_plan_says_what_was_measured_already(session: Session) -> None:
    query = dpi.share("holds_cd", by="icbc.customers.city_tier", population="icbc")
    before = session.plan(query)
    assert before.free == frozenset() and before.charged_epsilon == before.epsilon
    session.release(query)
    after = session.plan(query)
    assert after.charged_epsilon == 0 < after.epsilon
    assert "measured already" in repr(after) and "still to be charged: ε 0" in repr(after)
    both = session.plan(query, dpi.count(by="icbc.customers.gender", population="icbc"))
    assert 0 < both.charged_epsilon < both.epsilon


def test_short_names_mean_what_full_names_mean(session: Session) -> None:
    short = dpi.count(by=["wealth_tier", "shopper_level"], where="wealth_tier <> 'mass'", population="shared")
    full = dpi.count(
        by=["icbc.customers.wealth_tier", "shopper_level"],
        where="icbc.customers.wealth_tier <> 'mass'",
        population="shared",
    )
    assert session.plan(short).plan.measurement_digest == session.plan(full).plan.measurement_digest


def test_a_forecast_learns_from_what_was_released(session: Session) -> None:
    query = dpi.mean("holds_investment", by="icbc.customers.gender", population="icbc")
    before = session.plan(query).plan.queries[0].forecasts
    session.release(query)
    after = session.plan(query).plan.queries[0].forecasts
    assert before != after
    assert after[0].customers is not None and 500 < after[0].customers < 4_000


def test_a_frame_of_results(session: Session) -> None:
    release = session.release(
        dpi.count(by="icbc.customers.gender", population="icbc"), members=dpi.count(population="jd")
    )
    assert list(release.tables) == ["count", "members"]
    frame = release.to_pandas("count")
    assert list(frame.columns) == ["icbc.customers.gender", "value", "low", "high", "margin", "unit", "flags"]
    assert (frame.low <= frame.value).all() and (frame.value <= frame.high).all()
    assert frame.attrs["origin"] == "synthetic"
    with pytest.raises(dpi.DpInsightsError, match="name one of the tables: count, members"):
        release.to_pandas()
    for shown in (release, session, session.budget, session.plan(dpi.count())):
        assert repr(shown) and "<" in shown._repr_html_()
    assert "Made-up population" in release._repr_html_()


def test_every_key_and_every_test_has_a_place_in_a_frame(session: Session) -> None:
    pairs = session.release(dpi.pairs("product", values_per_customer=2, population="icbc"))
    frame = pairs.to_pandas()
    keys = ["icbc.holdings.product", "icbc.holdings.product.2"]
    assert list(frame.columns[:2]) == keys
    assert len(frame) == len(frame[keys].drop_duplicates()) and set(frame.unit) == {"customers"}
    trend = session.release(
        dpi.share(
            "shops",
            population="icbc",
            by="age_group",
            compare={"by": "age_group", "to": "first"},
            test="difference",
        )
    )
    tests = trend.to_pandas("share_shops.change.tests")
    assert list(tests.columns) == ["age_group", "test", "statistic", "degrees", "p_value", "found"]
    assert list(tests.age_group) == ["middle", "senior"] and tests.p_value.between(0, 1).all()
    with pytest.raises(dpi.DpInsightsError, match=r"share_shops.change, share_shops.change.tests$"):
        trend.to_pandas()


def test_a_running_total_is_planned_in_customers(session: Session) -> None:
    plan = session.plan(dpi.count(population="shared", by="platform_week", cumulative=True))
    assert re.search(r"± [0-9,]+ customers", repr(plan))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dpi.mean("onlne_spend"), "online_spend"),
        (lambda: dpi.count(by="provinces"), "province"),
        (lambda: dpi.count(where="wealth_tier = 'Mass'"), "mass"),
        (lambda: dpi.sum("jd.orders.amount", by="category"), "bounds"),
        (lambda: dpi.count(margin=0.5), '"0.5"'),
        (lambda: "count", "not str"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_charged(
    session: Session, make: object, message: str
) -> None:
    before = spent(session)
    with pytest.raises(DefinitionError, match=message):
        session.release(make())  # type: ignore[operator]
    assert spent(session) == before


def test_more_than_a_release_may_cost_names_the_budget_that_fits(session: Session, demo: Demo) -> None:
    dear = dpi.count(by="province", margin=1)
    with pytest.raises(PlanError, match="What would fit") as caught:
        session.plan(dear)
    enough = re.search(r'dpi\.open\(\.\.\., budget="([0-9.]+)"\)', str(caught.value))
    assert enough
    with opened(demo, budget=enough[1]) as richer:
        assert richer.plan(dear).plan.queries


def test_what_the_policy_forbids_is_planned_and_not_released(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_policy", session._policy.replace(classes=("C1",)))
    before = repr(session.budget)
    query = dpi.count(by="wealth_tier", margin=900)
    assert session.plan(query).plan.queries
    with pytest.raises(DefinitionError, match=r"reads icbc\.customers\.wealth_tier, which is of class C2"):
        session.release(query)
    assert repr(session.budget) == before


@pytest.mark.parametrize(
    "query",
    [
        dpi.funnel("used_remote", "used_platform"),
        dpi.corr("orders_placed", "deposit_balance"),
        dpi.share("deposit_balance > 5000"),
    ],
    ids=lambda query: query.measure,
)
def test_what_has_no_single_name_is_named_by_its_measure(session: Session, query: Query) -> None:
    (asked,) = session.plan(query).plan.queries
    assert asked.name == query.measure


def test_two_queries_of_one_name_are_not_one(session: Session) -> None:
    with pytest.raises(DefinitionError, match="name already"):
        session.plan(dpi.count(), count=dpi.count(population="jd"))
    with pytest.raises(DefinitionError, match="a-z"):
        session.plan(**{"my query": dpi.count()})
    with pytest.raises(DefinitionError, match="at least one query"):
        session.plan()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"period": "2017"}, "expected two days"),
        ({"period": ("2017-13-01", "2018-01-01")}, "expected a day such as"),
        ({"period": ("2018-01-01", "2017-10-01")}, "from must lie before until"),
        ({"budget": 0.1}, 'write "0.1" as text'),
        ({"budget": 0}, "more than 0"),
        ({"snapshot": "mine"}, "about frames"),
        ({"frames": {"icbc.custmers": None}}, "icbc.customers"),
    ],
)
def test_what_a_session_cannot_be_opened_with(demo: Demo, given: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        opened(demo, **given)


def test_a_text_of_the_budget_has_no_words_for_a_last_cost_that_is_unknown(session: Session) -> None:
    assert repr(session.budget).splitlines()[-1].endswith("of ρ)")
    session.release(dpi.count(population="any"))
    assert "more like the last" in repr(session.budget)


def test_the_account_runs_dry_and_says_so(tmp_path: Path) -> None:
    demo = run_demo(tmp_path / "demo", scale=50)
    session = opened(demo, budget="1.9")
    session.release(dpi.count(by="age_group", population="icbc"))
    before = spent(session)
    with pytest.raises(BudgetError) as caught:
        session.release(dpi.count(by=["age_group", "icbc.customers.gender"], population="icbc"))
    for word in ("requested", "exploration", "epsilon"):
        assert word in str(caught.value).lower()
    assert spent(session) == before
    session.close()


@pytest.mark.parametrize("account", ["jd", "icbc", "lifetime", "explore"])
def test_a_partys_account_is_not_a_notebooks(demo: Demo, account: str) -> None:
    with pytest.raises(dpi.DpInsightsError, match="dpinsights run"):
        opened(demo, account=account)


def test_a_ledger_without_an_account_for_exploration(demo: Demo, tmp_path: Path) -> None:
    checked = load_checked(demo.definitions / "contract.yaml")
    policy = load_policy(demo.definitions / "policy.yaml", checked.contract)
    accounts = {name: account for name, account in policy.accounts.items() if name != "exploration"}
    open_budget(policy.replace(accounts=accounts), checked.contract, State(tmp_path / "state")).close()
    with pytest.raises(LedgerError, match="no account 'exploration'"):
        opened(demo, state=tmp_path / "state")


def test_frames_are_a_new_snapshot_each_time_unless_named(demo: Demo) -> None:
    names = ("icbc.customers", "icbc.holdings", "icbc.transactions", "jd.customers", "jd.orders")
    frames = {
        name: pd.read_parquet(demo.folder / "data" / f"{name.replace('.', '/')}.parquet") for name in names
    }
    query = dpi.count(population="shared")
    costs = []
    for snapshot in (None, None, "mine", "mine"):
        with opened(
            demo, sources=None, frames=frames, snapshot=snapshot, origin="synthetic", budget="0.01"
        ) as session:
            release = session.release(query)
            costs.append(release.charged_units > 0)
            assert release.release.origin == "synthetic"
    assert costs == [True, True, True, False]


def test_a_period_is_shown_on_the_card_and_in_the_release(demo: Demo, tmp_path: Path) -> None:
    state = State(tmp_path / "state")
    checked = load_checked(demo.definitions / "contract.yaml")
    ledger = open_budget(
        load_policy(demo.definitions / "policy.yaml", checked.contract), checked.contract, state
    )
    delta = ledger.deltas().conversion
    kept = FrozenMap({"monthly": cap_of(Decimal("0.2"), delta)})
    ledger.set_period("exploration", Period("year", cap_of(Decimal("0.4"), delta), kept))
    ledger.close()
    with opened(demo, budget="0.3", state=state.folder) as session:
        before = session.budget
        release = session.release(dpi.count(by="wealth_tier", population="icbc"))
        after = session.budget
        with pytest.raises(BudgetError, match="exploration"):
            session.release(dpi.sum("online_spend", population="shared"), dpi.count(by="city_tier"))
    said = release.release.statement.period
    assert said is not None and said == after.periods["exploration"]
    assert (said.start.month, said.start.day, said.until.year) == (1, 1, said.start.year + 1)
    assert said.cap.epsilon == Decimal("0.4") and said.reserved.rho_units == kept["monthly"].rho_units
    assert said.spent.rho_units - before.periods["exploration"].spent.rho_units == release.charged_units
    assert "counted anew from 1 January" in repr(after) and after.left() < before.left()
    assert [str(change)[12:] for change in release.release.statement.amendments] == [
        "exploration, each year, none -> 0.4"
    ]
