"""Every question about the card clients: what is released equals truth.json where the noise is negligible."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, sqrt

import pytest

from tests.real.answers import (
    Answered,
    Answers,
    Numbers,
    Query,
    around,
    at,
    check,
    largest,
    only,
    same,
    sizes,
)

LIMITS: Query = {"quantile": "bank.customers.credit_limit_ntd", "population": "bank"}
BILLS: Query = {
    "quantile": "billed_in_all",
    "population": "shared",
    "by": ["bank.customers.default_next_month"],
    "cuts": [0, 100000, 600000],
}
PAID: Query = {"quantile": "paid", "population": "shop", "cuts": [10000, 100000, 1000000]}


def q02(bank: Answers) -> Answered:
    return Answered(("education",), {"n": bank["by_education"]})


def q03(bank: Answers) -> Answered:
    return Answered(("sex", "marital_status"), {"n": bank["sex_by_marital"]})


def q04(bank: Answers) -> Answered:
    numbers = {"billed": bank["billed"], "paid": bank["paid_by_month"], "n": bank["statements"]}
    return Answered(("statement_month",), numbers)


def q05(bank: Answers) -> Answered:
    numbers = {
        "n": bank["shared_by_education"],
        "mean_limit": bank.quotient("limit_by_education"),
        "mean_paid": bank.quotient("paid_by_education"),
    }
    return Answered(("education",), numbers)


def q06(bank: Answers) -> Answered:
    """Found to the dollar by finer and finer cuts; the printed intervals are tested below."""
    names = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}
    query = {**LIMITS, "cuts": [100000, 200000, 300000]}
    found = bank.quantiles(query, bank["bank_size"], list(names.values()))
    return Answered((), {name: at(found, str(p)) for name, p in names.items()})


def q07(bank: Answers) -> Answered:
    numbers = {
        "n": bank["shared_by_age"],
        "n_default": bank["defaults_by_age"],
        "rate": bank.quotient("default_by_age"),
    }
    return Answered(("age_band",), numbers)


def q08(bank: Answers) -> Answered:
    return Answered(("statement_month",), {"ratio": bank.quotient("paid_of_billed")})


def q09(bank: Answers) -> Answered:
    """All segments are declared, and the largest of the released ones are taken."""
    found = largest(bank["paid_by_segment"], 5)
    return Answered(
        ("sex", "education", "marital_status"), {"paid": found, "n": only(bank["segments"], found)}
    )


def q10(bank: Answers) -> Answered:
    """Six bills each: an average bill is a sixth of their sum, which is a whole number of dollars."""
    found = bank.quantiles(BILLS, bank["by_default"], [0.5, 0.9])
    sixths = {group: number / 6 for group, number in found.items()}
    numbers = {
        "n": bank["by_default"],
        "median_bill": at(sixths, "0.5"),
        "p90_bill": at(sixths, "0.9"),
    }
    return Answered(("default_next_month",), numbers)


def q11(bank: Answers) -> Answered:
    """Of customers with a statement, which each has one of a month: shares of rows."""
    numbers = {"n": bank["statements_by_default"], "late_share": bank.quotient("late_by_month")}
    return Answered(("statement_month", "default_next_month"), numbers)


def q12(bank: Answers) -> Answered:
    """Each customer's own quotient is rounded half-even to a millionth: 0.5e-6 at most, and far less on average."""
    numbers = {"n": bank["by_tier"], "mean_utilisation": bank.quotient("utilisation_by_tier")}
    return Answered(("tier",), numbers)


def q13(bank: Answers) -> Answered:
    numbers = {
        "n": bank["shared_size"],
        "raw_sum": bank["paid_raw"],
        "clipped_sum": bank["paid_clipped"],
        "share_clipped": bank.quotient("share_clipped"),
    }
    return Answered((), numbers)


def q14(bank: Answers) -> Answered:
    """The maximum is the last of the values in order, which real noise hides; the tail's share is a Lorenz point.

    Truth.json's tail starts at the 99th percentile, which is a cut once it is known.
    """
    names = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "mx": 1.0}
    found = bank.quantiles(PAID, bank["shop_size"], list(names.values()))
    cut = ceil(found["0.99",])
    query: Query = {"concentration": "paid", "population": "shop", "cuts": [cut]}
    lorenz = bank.ask({"tail": query}).tables["tail.lorenz"]
    [below] = [float(cell.estimate.value or 0) for cell in lorenz.cells if cell.keys == (str(cut), "sum")]
    return Answered(
        (), {**{name: at(found, str(p)) for name, p in names.items()}, "top1pct_share": {(): 1 - below}}
    )


def q15(bank: Answers) -> Answered:
    """Of the bills' sum: six times the average bill, with the same correlation.

    The released deviation is the population's, which divides by n; truth.json's is the sample's, by n - 1.
    """
    n = bank["shared_size"][()]
    sample = sqrt(n / (n - 1))
    numbers: dict[str, Numbers] = {
        "r": bank["limit_with_bill"],
        "sd_limit": {(): bank["limit_spread"][()] * sample},
        "sd_bill": {(): bank["bill_spread"][()] / 6 * sample},
    }
    return Answered((), numbers)


QUESTIONS: dict[str, Callable[[Answers], Answered]] = {
    "Q01": sizes, "Q02": q02, "Q03": q03, "Q04": q04, "Q05": q05, "Q06": q06, "Q07": q07, "Q08": q08,
    "Q09": q09, "Q10": q10, "Q11": q11, "Q12": q12, "Q13": q13, "Q14": q14, "Q15": q15,
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(question: str, bank: Answers) -> None:
    check(bank, question, QUESTIONS[question](bank))


def test_every_question_is_answered(bank: Answers) -> None:
    assert set(QUESTIONS) == set(bank.questions)


def test_intervals_of_quantiles_are_the_cuts_around_them(bank: Answers) -> None:
    around(bank, "limit_quantiles", {f"p{p}": bank.exact("Q06", f"p{p}") for p in (10, 25, 50, 75, 90, 99)})
    by = "default_next_month"
    around(
        bank,
        "bill_quantiles",
        {"p50": bank.exact("Q10", "median_bill", by), "p90": bank.exact("Q10", "p90_bill", by)},
    )
    around(bank, "paid_quantiles", {f"p{p}": bank.exact("Q14", f"p{p}") for p in (50, 90, 99)})


def test_at_all_values_that_occur_a_quantile_is_the_cut_below_it(bank: Answers) -> None:
    cells = bank.released.tables["limit_quantiles"].cells
    assert {cell.keys[-1]: float(cell.estimate.low) for cell in cells} == bank.rows("Q06")[0]


def test_a_tail_share_lies_between_its_bounds(bank: Answers) -> None:
    """Of exactly a hundredth of the customers, the last of them in part, where truth.json has whole ones."""
    cells = bank.released.tables["paid_concentration"].cells
    [top] = [cell.estimate for cell in cells if cell.keys == ("top",)]
    exact = bank.sql("""SELECT sum(paid * greatest(0, least(1, 0.01 * n + 1 - place))) / sum(paid) FROM (
        SELECT paid, row_number() OVER (ORDER BY paid DESC) AS place, count(*) OVER () AS n FROM (
        SELECT sum(payment_amount_ntd) AS paid FROM '{0}/shop_statements.parquet' GROUP BY customer_id))""")[
        ()
    ]
    assert float(top.low) <= exact <= float(top.high) <= exact + 0.03


def test_clipped_to_bounds_below_zero(bank: Answers) -> None:
    """Credit balances are negative: clipped per month, per customer and per row, on both sides."""
    statements, customers = "'{0}/shop_statements.parquet'", "'{0}/bank_customers.parquet'"
    by_month = f"""SELECT statement_month, sum(greatest(-500, least(20000, bill_amount_ntd)))
        FROM {statements} GROUP BY 1"""
    same(bank["billed_clipped"], bank.sql(by_month))
    by_sex = f"""SELECT sex, sum(greatest(-1000, credit)) FROM {customers} JOIN (
        SELECT customer_id, sum(bill_amount_ntd) AS credit FROM {statements} WHERE bill_amount_ntd < 0 GROUP BY 1
        ) USING (customer_id) GROUP BY 1"""
    same(bank["credit_clipped"], bank.sql(by_sex))
    by_education = f"""SELECT education, avg(greatest(-100, least(30000, bill_amount_ntd)))
        FROM {customers} JOIN {statements} USING (customer_id) WHERE age < 40 AND repayment_status >= 0 GROUP BY 1"""
    same(bank.quotient("bill_clipped"), bank.sql(by_education))
