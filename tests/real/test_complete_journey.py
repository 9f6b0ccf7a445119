"""Every question about the grocer's households: what is released equals truth.json where the noise is negligible."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from math import ceil

import pytest

from tests.real.answers import (
    Answered,
    Answers,
    Numbers,
    Query,
    around,
    at,
    between,
    check,
    largest,
    only,
    place_of,
    same,
    sizes,
)

BY_SIZE: Query = {
    "quantile": "baskets",
    "population": "shared",
    "by": ["bank.households.household_size"],
    "cuts": [50, 100, 200],
}
LINES: Query = {"quantile": "lines", "population": "shop", "cuts": [300, 1000, 3000]}
BASKETS: Query = {"quantile": "baskets", "population": "shop", "cuts": [30, 100, 300]}


def q02(shop: Answers) -> Answered:
    return Answered(("income",), {"n": shop["by_income"]})


def q03(shop: Answers) -> Answered:
    """All timestamps of a basket are equal, so it is in one month."""
    numbers = {
        "baskets": shop["baskets_by_month"],
        "households": shop["households_by_month"],
        "sales": shop["sales_by_month"],
    }
    return Answered(("m",), numbers)


def q04(shop: Answers) -> Answered:
    """The departments are the public catalogue's; lines of products that it lacks are in none."""
    found = largest(shop["sales_by_department"], 10)
    return Answered(
        ("department",), {"sales": found, "households": only(shop["households_by_department"], found)}
    )


def q05(shop: Answers) -> Answered:
    numbers = {
        "n": shop["households_by_tier"],
        "mean_spend": shop.quotient("spend_by_tier"),
        "mean_baskets": shop.quotient("baskets_by_tier"),
    }
    return Answered(("tier",), numbers)


def q06(shop: Answers) -> Answered:
    """Of baskets, so from how many there are in bands of one cent: the i-th cheapest is in the band that reaches i."""
    [n] = shop["all_baskets"].values()
    bands = list(shop["baskets_by_worth"].items())
    reached = list(accumulate(number for _, number in bands))

    def cheapest(rank: int) -> float:
        return next(float(band) for ((band,), _), upto in zip(bands, reached, strict=True) if upto >= rank)

    names = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}
    quantiles: dict[str, Numbers] = {
        name: {(): between(cheapest, place_of(n, p))} for name, p in names.items()
    }
    return Answered((), {"baskets": shop["all_baskets"], **quantiles, "mx": {(): cheapest(int(n))}})


def q07(shop: Answers) -> Answered:
    return Answered(
        ("age",), {"n": shop["households_by_age"], "redeem_share": shop.quotient("redeemed_by_age")}
    )


def q08(shop: Answers) -> Answered:
    found = shop.quantiles(BY_SIZE, shop["households_by_size"], [0.5])
    return Answered(
        ("household_size",), {"n": shop["households_by_size"], "median_baskets": at(found, "0.5")}
    )


def q09(shop: Answers) -> Answered:
    """As with departments; a category that is null is in none."""
    return Answered(("product_category",), {"sales": largest(shop["homeowners_by_category"], 10)})


def q10(shop: Answers) -> Answered:
    return Answered(("age", "tier"), {"n": shop["age_by_tier"]})


def q11(shop: Answers) -> Answered:
    """A null is a key of its own, by the contract."""
    return Answered(("m", "home_ownership"), {"sales": shop["sales_by_ownership"]})


def q12(shop: Answers) -> Answered:
    """Of what was spent on products of the catalogue, as truth.json joins it."""
    return Answered(("tier",), {"private_share": shop.quotient("own_label_share")})


def q13(shop: Answers) -> Answered:
    numbers = {
        "n": shop["shared_size"],
        "raw_sum": shop["spend_raw"],
        "clipped_sum": shop["spend_clipped"],
        "share_clipped": shop.quotient("share_clipped"),
    }
    return Answered((), numbers)


def q14(shop: Answers) -> Answered:
    """A maximum is the last value in order, which real noise hides; the tail starts at a cut, once that is known."""
    n = shop["shop_size"]
    lines, baskets = (shop.quantiles(query, n, [0.5, 0.99, 1.0]) for query in (LINES, BASKETS))
    spend: Query = {"quantile": "spend", "population": "shop", "cuts": [1000, 5000]}
    [tail] = shop.quantiles(spend, n, [0.9]).values()
    cut = f"{ceil(round(tail * 100, 6)) / 100:.2f}"
    query: Query = {"concentration": "spend", "population": "shop", "cuts": [cut]}
    lorenz = shop.ask({"tail": query}).tables["tail.lorenz"]
    [below] = [float(cell.estimate.value or 0) for cell in lorenz.cells if cell.keys[-1] == "sum"]
    names = {"p50": "0.5", "p99": "0.99", "max": "1.0"}
    return Answered(
        (),
        {
            **{f"{name}_lines": at(lines, p) for name, p in names.items()},
            **{f"{name}_baskets": at(baskets, p) for name, p in names.items()},
            "top10pct_share": {(): 1 - below},
        },
    )


def q15(shop: Answers) -> Answered:
    return Answered(("campaign_type",), {"households": shop["by_campaign"]})


QUESTIONS: dict[str, Callable[[Answers], Answered]] = {
    "Q01": sizes, "Q02": q02, "Q03": q03, "Q04": q04, "Q05": q05, "Q06": q06, "Q07": q07, "Q08": q08,
    "Q09": q09, "Q10": q10, "Q11": q11, "Q12": q12, "Q13": q13, "Q14": q14, "Q15": q15,
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(question: str, shop: Answers) -> None:
    check(shop, question, QUESTIONS[question](shop))


def test_every_question_is_answered(shop: Answers) -> None:
    assert set(QUESTIONS) == set(shop.questions)


def test_intervals_of_quantiles_are_the_cuts_around_them(shop: Answers) -> None:
    around(
        shop, "line_quantiles", {"p50": shop.exact("Q14", "p50_lines"), "p99": shop.exact("Q14", "p99_lines")}
    )
    around(shop, "basket_quantiles", {"p50": shop.exact("Q14", "p50_baskets")})
    around(shop, "baskets_by_size", {"p50": shop.exact("Q08", "median_baskets", "household_size")})


def test_a_tail_share_lies_between_its_bounds(shop: Answers) -> None:
    """Of exactly a tenth of the households, the last of them in part, where truth.json has whole ones."""
    cells = shop.released.tables["spend_concentration"].cells
    [top] = [cell.estimate for cell in cells if cell.keys == ("top",)]
    exact = shop.sql("""SELECT sum(spend * greatest(0, least(1, 0.1 * n + 1 - place))) / sum(spend) FROM (
        SELECT spend, row_number() OVER (ORDER BY spend DESC) AS place, count(*) OVER () AS n FROM (
        SELECT sum(sales_value) AS spend FROM '{0}/shop_transactions.parquet' GROUP BY household_id))""")[()]
    assert float(top.low) <= exact <= float(top.high) <= exact + 0.03


def test_clipped_in_cents(shop: Answers) -> None:
    """Per customer and group, and per row; lines of unknown products and households of unknown status left out."""
    lines = "'{0}/shop_transactions.parquet'"
    by_department = f"""SELECT department, sum(least(spent, 99.95)) FROM (
        SELECT household_id, department, sum(sales_value::DECIMAL(18, 2)) AS spent
        FROM {lines} JOIN '{{0}}/shop_products.parquet' USING (product_id) GROUP BY 1, 2) GROUP BY 1"""
    clipped = shop.sql(by_department)
    same(shop["department_clipped"], {group: number for group, number in clipped.items() if number})
    by_status = f"""SELECT date_trunc('month', transaction_timestamp)::DATE, marital_status,
            avg(greatest(0.5, least(4, sales_value)))
        FROM {lines} JOIN '{{0}}/bank_households.parquet' USING (household_id)
        WHERE marital_status IS NOT NULL GROUP BY 1, 2"""
    same(shop.quotient("line_clipped"), shop.sql(by_status))
