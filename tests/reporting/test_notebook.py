"""Fragments for notebooks: marked, scoped, faithful."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dpinsights.model.names import LANGUAGES
from dpinsights.model.noisy import Balance
from dpinsights.model.plan import Forecast
from dpinsights.model.release import PeriodSpending, Release, Spending
from dpinsights.model.report import Query
from dpinsights.reporting.notebook import budget_text, budget_view, plan_text, plan_view, release_view
from dpinsights.reporting.phrases import PHRASES
from tests.reporting.measures import measures
from tests.reporting.parsing import parse
from tests.reporting.plans import plan
from tests.reporting.releases import approved, hostile, quarterly


def epsilon_of(rho_units: int) -> Decimal:
    """A stand-in for the real conversion: 1 for each 0.01 of rho."""
    return Decimal(rho_units) / 10**10


BALANCES = (
    Balance("lifetime", 50_000_000_000, 10**9, 44_000_000_000, 0),
    Balance("jd<", 20_000_000_000, 10**9, 19_000_000_000, 0),
    Balance("exploration", 10_000_000_000, 10**9, 0, 0),
)


@pytest.mark.parametrize(("made", "least"), [(quarterly, 9), (measures, 14)])
@pytest.mark.parametrize("language", LANGUAGES)
def test_release_view_holds_numbers_charts_and_marks(
    language: str, made: Callable[[], Release], least: int
) -> None:
    release = made()
    html = release_view(release, language)
    root = parse(html)
    found = [e.attributes["data-address"] for e in root.all("data")]
    assert sorted(found) == sorted(cell.address for table in release.tables for cell in table.cells)
    charts = [e for e in root.all("svg") if e.attributes.get("class") == "chart"]
    names = {e.attributes["aria-labelledby"].rpartition("-")[0].rpartition("-")[0] for e in charts}
    assert len(names) >= least
    marks = [e for e in root.all("aside") if e.attributes.get("class") == "marks"]
    assert [e.attributes["data-place"] for e in marks] == ["top", "bottom"]
    for mark in marks:
        assert str(PHRASES[language]["mark_synthetic"]) in mark.text()
        assert str(PHRASES[language]["mark_unapproved"]) in mark.text()
    assert release_view(release, language) == html
    assert (
        not parse(release_view(approved(), language)).text().count(str(PHRASES[language]["mark_synthetic"]))
    )


def test_views_are_scoped_and_self_contained() -> None:
    views = [
        release_view(quarterly(), "en"),
        release_view(hostile(), "zh"),
        plan_view(plan(), epsilon_of),
        budget_view(BALANCES, 10**9, epsilon_of),
    ]
    for html in views:
        root = parse(html)
        (outer,) = root.elements()
        assert (outer.tag, outer.attributes["class"]) == ("div", "dpi")
        (style,) = root.all("style")
        selectors = [s.strip() for rule in re.findall(r"([^{}]+)\{", style.text()) for s in rule.split(",")]
        assert all(selector.startswith(".dpi") for selector in selectors)
        assert not re.search(r"https?:|url\(|@import", html)
        assert not list(root.all("script"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_plan_says_cost_share_scale_margins_and_what_is_left(language: str) -> None:
    texts = [
        plan_text(plan(), epsilon_of, language=language),
        parse(plan_view(plan(), epsilon_of, language=language)).text(),
    ]
    for text in texts:
        #  costs of shared, spend, shops; the sum, what is left, the budget
        for said in ("0.0100", "0.510", "0.0300", "0.530", "0.794", "1.33"):
            assert said in text
        for said in ("0.8%", "38.6%", "2.3%", "40.1%", "59.9%", "100%"):  # spent rounded up, left down
            assert said in text
        for said in ("70.8", "80,", "140", "160", "16", "1.6", "1,000", "10,000", "100,000", "1.3"):
            assert said in text
    assert ("± 1.3 percentage points" if language == "en" else "±1.3个百分点") in texts[0]
    assert "<customers>" not in plan_view(plan(), epsilon_of, language=language)


def test_plan_text_in_full() -> None:
    assert plan_text(plan(), epsilon_of) == (
        "Plan of partner-quarterly\n"
        "  Shared <customers>: ε 0.0100, 0.8%, σ 70.8, ± 140 customers, "
        "shares a draw with spend, shops, paid for once\n"
        "  spend: ε 0.510, 38.6%, σ 80,100 CNY, 70.8, "
        "± 160 CNY at 1,000 customers; ± 16 CNY at 10,000 customers; "
        "± 1.6 CNY at 100,000 customers, shares a draw with shared, shops, paid for once\n"
        "  shops: ε 0.0300, 2.3%, σ 50.0, 70.8, ± 1.3 percentage points at 10,000 customers, "
        "shares a draw with shared, spend, paid for once\n"
        "  All queries: ε 0.530, 40.1%\n"
        "  Left of the report's budget: ε 0.794, 59.9%\n"
        "  Budget of the report: ε 1.33, 100%\n"
        "ε does not add up; the shares are of ρ, which does.\n"
        "Nothing was read and nothing spent.\n"
    )


@pytest.mark.parametrize(
    ("asked", "estimates", "margin", "said"),
    [
        (Query(std="x"), "deviation-over-customers", "12.3", "± 13 CNY at 500 customers"),
        (Query(var="x"), "variance-over-customers", "12.3", "± 13 CNY² at 500 customers"),
        (Query(histogram="x", cuts=[1]), "customers", "48", "± 48 customers at 500 customers"),
        (
            Query(share="x"),
            "share-of-customers",
            "0.00000037123",
            "± 3.8e-5 percentage points at 500 customers",
        ),
        (Query(corr=["x", "y"]), "correlation", "0.0000000151", "± 1.6e-8 at 500 customers"),
        (
            Query(regression="x", on="y"),
            "coefficient",
            "0.2",
            "± 0.20 CNY (median of the terms) at 500 customers",
        ),
        (Query(std="x"), "deviation-over-customers", None, "no forecast: too small beside the noise"),
    ],
)
def test_margins_of_every_measure(asked: Query, estimates: str, margin: str | None, said: str) -> None:
    made = plan()
    forecasts = (Forecast(Decimal(margin), 500),) if margin else ()
    query = replace(made.queries[1], asked=asked, estimates=estimates, forecasts=forecasts)
    _, line, *_ = plan_text(replace(made, queries=(query,)), epsilon_of).splitlines()
    assert f", {said}" in line


def test_many_draws_are_counted() -> None:
    made = plan()
    many = replace(made.queries[1], parts=made.queries[1].parts * 2)
    assert "more sums" not in plan_text(replace(made, queries=(many,)), epsilon_of)  # each draw once
    draws = tuple(
        replace(made.draws[0], measurement=replace(made.draws[0].measurement, high=n)) for n in range(1, 6)
    )
    parts = tuple(replace(made.queries[1].parts[0], key=draw.key) for draw in draws)
    text = plan_text(replace(made, draws=draws, queries=(replace(many, parts=parts),)), epsilon_of)
    assert "σ 70.8, and 4 more sums" in text


def test_budget_text_in_full() -> None:
    assert budget_text(BALANCES, 3 * 10**9, epsilon_of) == (
        "lifetime, all recipients: ε 4.40 spent of 5.00 (88% of ρ), about 2 more like the last\n"
        "jd<: ε 1.90 spent of 2.00 (95% of ρ), no room for another like the last\n"
        "exploration: ε 0 spent of 1.00 (0% of ρ), about 3 more like the last\n"
    )
    assert "约可再进行2次" in budget_text(BALANCES, 3 * 10**9, epsilon_of, language="zh")
    assert (
        budget_text(BALANCES, None, epsilon_of).splitlines()[2] == "exploration: ε 0 spent of 1.00 (0% of ρ)"
    )


PERIODS = {
    "exploration": PeriodSpending(
        date(2018, 1, 1),
        date(2018, 4, 1),
        Spending(2_000_000_000, Decimal("0.2")),
        Spending(9_000_000_000, Decimal("0.9")),
        Spending(1_000_000_000, Decimal("0.1")),
    )
}


def test_budget_text_says_what_is_left_in_a_period_and_when_it_ends() -> None:
    assert budget_text(BALANCES, 3 * 10**9, epsilon_of, periods=PERIODS).splitlines()[2:] == [
        "exploration: ε 0 spent of 1.00 (0% of ρ), about 2 more like the last",
        "  from 1 January 2018 to 31 March 2018: ε 0.200 spent of 0.900 (22.3% of ρ), counted anew from 1 April 2018; "
        "the cap above never is; ε 0.100 of it is kept for promised reports",
    ]
    zh = budget_text(BALANCES, None, epsilon_of, periods=PERIODS, language="zh").splitlines()[3]
    assert zh == (
        "  2018年1月1日至2018年3月31日：已用ε 0.200，上限0.900（ρ的22.3%），自2018年4月1日起重新计算；"
        "上述上限永不重新计算；其中ε 0.100为已承诺的报告保留"
    )
    card = parse(budget_view(BALANCES, None, epsilon_of, periods=PERIODS)).text()
    assert "counted anew from 1 April 2018" in card


@pytest.mark.parametrize("language", LANGUAGES)
def test_budget_view_is_a_bar_for_each_account(language: str) -> None:
    root = parse(budget_view(BALANCES, 3 * 10**9, epsilon_of, language=language))
    bars = [e.attributes["width"] for e in root.all("rect") if e.attributes["class"] == "bar"]
    assert bars == ["88.0%", "95.0%", "0.0%"]
    text = root.text()
    for said in ("4.40", "0.600", "5.00", "jd<"):
        assert said in text
