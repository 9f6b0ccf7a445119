"""Released numbers on real data equal the exact answers after the same clipping, question by question."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dpinsights.budget import open_budget
from dpinsights.definitions.loading import load_folder
from dpinsights.model.policy import Sources
from dpinsights.pipeline import Data, run_report
from dpinsights.state import State
from tests.real.nearly_exact import NearlyExact, nearly_exact

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared" / "data"

Numbers = dict[tuple[str, ...], float]


def taiwan(_: Path) -> tuple[Sources, Path]:
    """Read in place."""
    files = {"bank.customers": "bank_customers", "shop.statements": "shop_statements"}
    tables = {name: {"parquet": f"{file}.parquet"} for name, file in files.items()}
    return Sources.model_validate({"snapshot": "2005", "tables": tables}), SHARED / "taiwan_credit"


def journey(folder: Path) -> tuple[Sources, Path]:
    """Public look-ups of products and campaigns joined beforehand, and lines gathered into baskets."""
    source = SHARED / "complete_journey"
    made = {
        "shop.transactions": "SELECT t.*, department, brand, product_category FROM '{0}/shop_transactions.parquet' t "
        "LEFT JOIN '{0}/shop_products.parquet' USING (product_id)",
        "shop.baskets": "SELECT household_id, basket_id, min(transaction_timestamp) AS began "
        "FROM '{0}/shop_transactions.parquet' GROUP BY ALL",
        "shop.campaigns": "SELECT c.*, campaign_type FROM '{0}/shop_campaigns.parquet' c "
        "JOIN '{0}/shop_campaign_descriptions.parquet' USING (campaign_id)",
        "shop.redemptions": "SELECT * FROM '{0}/shop_coupon_redemptions.parquet'",
        "bank.households": "SELECT * FROM '{0}/bank_households.parquet'",
    }
    for name, select in made.items():
        duckdb.execute(f"COPY ({select.format(source)}) TO '{folder / name}.parquet'")
    tables = {name: {"parquet": f"{name}.parquet"} for name in made}
    return Sources.model_validate({"snapshot": "2017", "tables": tables}), folder


class Answers:
    """The released numbers of one data set, and its exact ones."""

    def __init__(self, name: str, prepare: Callable[[Path], tuple[Sources, Path]], folder: Path) -> None:
        self.definitions = HERE / name
        self.original = SHARED / name
        if not self.original.is_dir():
            pytest.skip(f"{name} lies beside the clone, in ../shared/data, and is not here")
        self.sources, self.data = prepare(folder)
        self.released: NearlyExact = nearly_exact(self.definitions, self.sources, self.data, folder / "work")
        questions = json.loads((self.original / "truth.json").read_text(encoding="utf-8"))
        self.questions = {question["id"]: question for question in questions}

    def __getitem__(self, query: str) -> Numbers:
        """A query's numbers by group as they are printed, groups without anybody left out."""
        cells = self.released.tables[query].cells
        return {cell.keys: float(cell.estimate.value) for cell in cells if cell.estimate.value}

    def mean(self, query: str) -> Numbers:
        """A mean's numbers before they are rounded for print, which is to a ten-thousandth of a step."""
        table = self.released.tables[query]
        found = {}
        for cell, mean in zip(table.cells, self.released.means[query], strict=True):
            if mean is None:
                assert cell.estimate.value is None
            else:
                assert cell.estimate.value is not None
                printed = float(cell.estimate.value)
                assert printed == pytest.approx(float(mean), abs=0.500001e-4 * float(table.step))
                found[cell.keys] = float(mean)
        return found

    def rows(self, question: str) -> list[dict[str, Any]]:
        """The rows of truth.json."""
        q = self.questions[question]
        return [dict(zip(q["columns"], row, strict=True)) for row in q["rows"]]

    def exact(self, question: str, column: str, *groups: str) -> Numbers:
        """One column of truth.json by its groups."""
        return {_group(row[group] for group in groups): float(row[column]) for row in self.rows(question)}

    def sql(self, statement: str) -> Numbers:
        """What DuckDB answers on the files as they lie there: groups, then a number."""
        rows = duckdb.execute(statement.format(self.original)).fetchall()
        return {_group(row[:-1]): float(row[-1]) for row in rows}


def _group(values: Any) -> tuple[str, ...]:
    return tuple(
        "not stated" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for value in values
    )


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return Answers("taiwan_credit", taiwan, tmp_path_factory.mktemp("taiwan"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return Answers("complete_journey", journey, tmp_path_factory.mktemp("journey"))


def same(released: Numbers, exact: Numbers) -> None:
    """Equal; the second part of the tolerance is that truth.json has six decimals."""
    assert released == pytest.approx(exact, rel=1e-6, abs=0.6e-6)
    assert released


def sizes(answers: Answers) -> None:
    [row] = answers.rows("Q01")
    bank, shop, shared, either = (answers[f"{p}_size"][()] for p in ("bank", "shop", "shared", "any"))
    assert (bank, shop, shared) == (row["bank"], row["shop"], row["overlap"])
    assert (either - shop, either - bank) == (row["bank_only"], row["shop_only"])


def top(numbers: Numbers, n: int) -> Numbers:
    """The largest of what was released, without the key that gathers all others."""
    named = [item for item in numbers.items() if item[0] != ("another",)]
    return dict(sorted(named, key=lambda item: -item[1])[:n])


def test_taiwan_q01_population_sizes(bank: Answers) -> None:
    sizes(bank)


def test_taiwan_q02_education(bank: Answers) -> None:
    same(bank["by_education"], bank.exact("Q02", "n", "education"))


def test_taiwan_q03_sex_by_marital_status(bank: Answers) -> None:
    same(bank["sex_by_marital"], bank.exact("Q03", "n", "sex", "marital_status"))


def test_taiwan_q04_billed_and_paid_by_month(bank: Answers) -> None:
    same(bank["billed"], bank.exact("Q04", "billed", "statement_month"))
    same(bank["paid_by_month"], bank.exact("Q04", "paid", "statement_month"))
    same(bank["statements"], bank.exact("Q04", "n", "statement_month"))


def test_taiwan_q05_means_by_education(bank: Answers) -> None:
    same(bank["shared_by_education"], bank.exact("Q05", "n", "education"))
    same(bank.mean("limit_by_education"), bank.exact("Q05", "mean_limit", "education"))
    same(bank.mean("paid_by_education"), bank.exact("Q05", "mean_paid", "education"))


def test_taiwan_q07_default_rate_by_age(bank: Answers) -> None:
    same(bank["shared_by_age"], bank.exact("Q07", "n", "age_band"))
    same(bank.mean("default_by_age"), bank.exact("Q07", "rate", "age_band"))


def test_taiwan_q08_paid_over_billed(bank: Answers) -> None:
    ratio = {month: bank["paid_by_month"][month] / billed for month, billed in bank["billed"].items()}
    same(ratio, bank.exact("Q08", "ratio", "statement_month"))


def test_taiwan_q09_top_segments(bank: Answers) -> None:
    groups = ("sex", "education", "marital_status")
    found = top(bank["paid_by_segment"], 5)
    same(found, bank.exact("Q09", "paid", *groups))
    same({segment: bank["segments"][segment] for segment in found}, bank.exact("Q09", "n", *groups))


def test_taiwan_q10_and_q12_group_sizes(bank: Answers) -> None:
    """Their quantiles and quotients of two columns are no count, sum or mean; their group sizes are."""
    same(bank["by_default"], bank.exact("Q10", "n", "default_next_month"))
    same(bank["by_tier"], bank.exact("Q12", "n", "tier"))


def test_taiwan_q11_late_share_by_month_and_default(bank: Answers) -> None:
    same(bank.mean("late_by_month"), bank.exact("Q11", "late_share", "statement_month", "default_next_month"))


def test_taiwan_q13_raw_and_clipped_payments(bank: Answers) -> None:
    [row] = bank.rows("Q13")
    assert bank["paid_raw"][()] == row["raw_sum"]
    assert bank["paid_clipped"][()] == row["clipped_sum"]
    assert bank["shared_size"][()] == row["n"]
    same(bank.mean("share_clipped"), bank.exact("Q13", "share_clipped"))


def test_taiwan_q15_correlation_from_five_sums(bank: Answers) -> None:
    n, x, y = (int(bank[query][()]) for query in ("shared_size", "limits", "billed_in_all"))
    squares = {"xx": "limit_squared", "yy": "billed_squared", "xy": "limit_by_billed"}
    # As whole numbers: the squares are past what a float holds.
    sums = {
        of: int(bank.released.tables[query].cells[0].estimate.value or 0) for of, query in squares.items()
    }
    xx, yy, xy = n * sums["xx"] - x * x, n * sums["yy"] - y * y, n * sums["xy"] - x * y
    [row] = bank.rows("Q15")
    assert xy / sqrt(xx) / sqrt(yy) == pytest.approx(row["r"], rel=2e-6)  # six decimals of 0.3
    assert sqrt(xx / n / (n - 1)) == pytest.approx(row["sd_limit"], rel=1e-6)
    assert sqrt(yy / n / (n - 1)) / 6 == pytest.approx(row["sd_bill"], rel=1e-6)


def test_taiwan_clipped_to_bounds_below_zero(bank: Answers) -> None:
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
    same(bank.mean("bill_clipped"), bank.sql(by_education))


def test_journey_q01_population_sizes(shop: Answers) -> None:
    sizes(shop)


def test_journey_q02_income(shop: Answers) -> None:
    same(shop["by_income"], shop.exact("Q02", "n", "income"))


def test_journey_q03_baskets_households_and_sales_by_month(shop: Answers) -> None:
    same(shop["baskets_by_month"], shop.exact("Q03", "baskets", "m"))
    same(shop["households_by_month"], shop.exact("Q03", "households", "m"))
    same(shop["sales_by_month"], shop.exact("Q03", "sales", "m"))
    assert len(shop["sales_by_month"]) == 13


def test_journey_q04_departments(shop: Answers) -> None:
    found = top(shop["sales_by_department"], 10)
    same(found, shop.exact("Q04", "sales", "department"))
    households = {department: shop["households_by_department"][department] for department in found}
    same(households, shop.exact("Q04", "households", "department"))


def test_journey_q05_means_by_tier(shop: Answers) -> None:
    same(shop["households_by_tier"], shop.exact("Q05", "n", "tier"))
    same(shop.mean("spend_by_tier"), shop.exact("Q05", "mean_spend", "tier"))
    same(shop.mean("baskets_by_tier"), shop.exact("Q05", "mean_baskets", "tier"))


def test_journey_q06_and_q08_group_sizes(shop: Answers) -> None:
    """Their quantiles are no count, sum or mean; how many there are is."""
    same(shop["all_baskets"], shop.exact("Q06", "baskets"))
    same(shop["households_by_size"], shop.exact("Q08", "n", "household_size"))


def test_journey_q07_redemption_by_age(shop: Answers) -> None:
    same(shop["households_by_age"], shop.exact("Q07", "n", "age"))
    same(shop.mean("redeemed_by_age"), shop.exact("Q07", "redeem_share", "age"))


def test_journey_q09_homeowners_top_categories(shop: Answers) -> None:
    same(top(shop["homeowners_by_category"], 10), shop.exact("Q09", "sales", "product_category"))


def test_journey_q10_age_by_tier(shop: Answers) -> None:
    same(shop["age_by_tier"], shop.exact("Q10", "n", "age", "tier"))


def test_journey_q11_sales_by_month_and_ownership(shop: Answers) -> None:
    same(shop["sales_by_ownership"], shop.exact("Q11", "sales", "m", "home_ownership"))


def test_journey_q12_private_label_share(shop: Answers) -> None:
    by = shop["sales_by_brand"]
    share = {(tier,): by[tier, "Private"] / (by[tier, "Private"] + by[tier, "National"]) for tier, _ in by}
    exact = shop.exact("Q12", "private_share", "tier")
    assert share == pytest.approx(exact, rel=2e-6)  # six decimals of 0.3


def test_journey_q13_raw_and_clipped_spend(shop: Answers) -> None:
    [row] = shop.rows("Q13")
    assert shop["spend_raw"][()] == pytest.approx(row["raw_sum"], rel=1e-9)
    assert shop["spend_clipped"][()] == pytest.approx(row["clipped_sum"], rel=1e-9)
    assert shop["shared_size"][()] == row["n"]
    same(shop.mean("share_clipped"), shop.exact("Q13", "share_clipped"))


def test_journey_q15_campaign_types(shop: Answers) -> None:
    same(shop["by_campaign"], shop.exact("Q15", "households", "campaign_type"))


def test_journey_clipped_in_cents(shop: Answers) -> None:
    """Per customer and group, and per row; lines of unknown products and households of unknown status left out."""
    lines = "'{0}/shop_transactions.parquet'"
    known = ", ".join(f"'{row['department']}'" for row in shop.rows("Q04"))
    by_department = f"""SELECT department, sum(least(spent, 99.95)) FROM (
        SELECT household_id, CASE WHEN department IN ({known}) THEN department ELSE 'another' END AS department,
            sum(sales_value::DECIMAL(18, 2)) AS spent
        FROM {lines} JOIN '{{0}}/shop_products.parquet' USING (product_id) GROUP BY 1, 2) GROUP BY 1"""
    same(shop["department_clipped"], shop.sql(by_department))
    by_status = f"""SELECT date_trunc('month', transaction_timestamp)::DATE, marital_status,
            avg(greatest(0.5, least(4, sales_value)))
        FROM {lines} JOIN '{{0}}/bank_households.parquet' USING (household_id)
        WHERE marital_status IS NOT NULL GROUP BY 1, 2"""
    same(shop.mean("line_clipped"), shop.sql(by_status))


@pytest.mark.parametrize("name", ["bank", "shop"])
def test_a_real_report_at_a_real_budget(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Written for real, without the mark of made-up data, and its intervals hold the exact numbers."""
    answers: Answers = request.getfixturevalue(name)
    definitions = load_folder(answers.definitions)
    assert definitions.policy is not None
    state = State(tmp_path / "state")
    ledger = open_budget(definitions.policy, definitions.contract, state)
    released = run_report(
        answers.definitions / "report.yaml",
        ledger=ledger,
        data=lambda _: Data(answers.sources, answers.data, state.work),
        releases=state.releases,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    ledger.close()

    release, folder = released.release, released.folder
    assert release.origin == "real" and release.statement.fresh.epsilon <= 1
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written >= {"report.en.html", "report.zh.html", "release.json"}
    assert {file for file in written if file.startswith("tables/")} >= {
        f"tables/{t.name}.csv" for t in release.tables
    }
    page = (folder / "report.en.html").read_text(encoding="utf-8")
    assert "NOT APPROVED" in page and "Made-up population" not in page
    assert "虚构人群" not in (folder / "report.zh.html").read_text(encoding="utf-8")

    pairs = [
        (cell.estimate, answers.released.tables[table.name].cells[place].estimate.value)
        for table in release.tables
        for place, cell in enumerate(table.cells)
    ]
    known = [(estimate, value) for estimate, value in pairs if value is not None]
    covered = sum(estimate.low <= value <= estimate.high for estimate, value in known)
    assert covered >= 0.85 * len(known) and len(known) > 100
