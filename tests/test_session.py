"""The notebook's door, as a data scientist uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import dpinsights as dpi
from dpinsights.demo import Demo, run_demo
from dpinsights.errors import BudgetError, DefinitionError, PlanError
from dpinsights.session import Session

PERIOD = ("2017-10-01", "2018-01-01")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("session") / "demo", scale=50)


@pytest.fixture
def session(demo: Demo) -> Iterator[Session]:
    opened = dpi.open(
        demo.definitions, account="exploration", period=PERIOD, state=demo.state.folder, sources=demo.sources, budget="0.3"
    )
    yield opened
    opened.close()


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


def test_short_names_mean_what_full_names_mean(session: Session) -> None:
    short = dpi.count(by=["wealth_tier", "shopper_level"], where="wealth_tier <> 'mass'", population="shared")
    full = dpi.count(
        by=["icbc.customers.wealth_tier", "shopper_level"], where="icbc.customers.wealth_tier <> 'mass'", population="shared"
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
    release = session.release(dpi.count(by="icbc.customers.gender", population="icbc"), members=dpi.count(population="jd"))
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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: dpi.mean("onlne_spend"), "online_spend"),
        (lambda: dpi.count(by="provinces"), "province"),
        (lambda: dpi.count(where="wealth_tier = 'Mass'"), "mass"),
        (lambda: dpi.sum("jd.orders.amount", by="category"), "bounds"),
        (lambda: dpi.count(margin=0.5), '"0.5"'),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_is_charged(session: Session, make: object, message: str) -> None:
    before = spent(session)
    with pytest.raises(DefinitionError, match=message):
        session.release(make())  # type: ignore[operator]
    assert spent(session) == before


def test_more_than_a_release_may_cost(session: Session) -> None:
    with pytest.raises(PlanError, match="What would fit"):
        session.release(dpi.count(by="province", margin=1))


def test_the_account_runs_dry_and_says_so(tmp_path: Path) -> None:
    demo = run_demo(tmp_path / "demo", scale=50)
    session = dpi.open(
        demo.definitions, account="exploration", period=PERIOD, state=demo.state.folder, sources=demo.sources, budget="1.9"
    )
    session.release(dpi.count(by="age_group", population="icbc"))
    before = spent(session)
    with pytest.raises(BudgetError) as caught:
        session.release(dpi.count(by=["age_group", "icbc.customers.gender"], population="icbc"))
    for word in ("requested", "exploration", "epsilon"):
        assert word in str(caught.value).lower()
    assert spent(session) == before
    session.close()


def test_a_partys_account_is_not_a_notebooks(demo: Demo) -> None:
    with pytest.raises(dpi.DpInsightsError, match="dpinsights run"):
        dpi.open(demo.definitions, account="jd", period=PERIOD, state=demo.state.folder, sources=demo.sources)


def test_frames_are_a_new_snapshot_each_time(tmp_path: Path) -> None:
    demo = run_demo(tmp_path / "demo", scale=50)
    names = ("icbc.customers", "icbc.holdings", "icbc.transactions", "jd.customers", "jd.orders")
    frames = {name: pd.read_parquet(demo.folder / "data" / f"{name.replace('.', '/')}.parquet") for name in names}
    query = dpi.count(population="shared")
    for _ in range(2):
        session = dpi.open(
            demo.definitions, account="exploration", period=PERIOD, state=demo.state.folder, frames=frames, budget="0.01"
        )
        assert session.release(query).charged_units > 0
        session.close()
