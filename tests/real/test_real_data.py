"""Released numbers on real data equal the exact answers after the same clipping, question by question."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dpinsights.budget import open_budget
from dpinsights.definitions.loading import load_folder
from dpinsights.model.policy import Sources
from dpinsights.model.release import ResultTable
from dpinsights.pipeline import Data, run_report
from dpinsights.state import State
from tests.real.nearly_exact import nearly_exact

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared" / "data"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the real data lies beside the clone, and is not here")

Numbers = dict[tuple[str, ...], float]


def taiwan(_: Path) -> tuple[Sources, Path]:
    """Read in place."""
    files = {"bank.customers": "bank_customers", "shop.statements": "shop_statements"}
    tables = {name: {"parquet": f"{file}.parquet"} for name, file in files.items()}
    return Sources.model_validate({"snapshot": "2005", "tables": tables}), SHARED / "taiwan_credit"


def journey(folder: Path) -> tuple[Sources, Path]:
    """Public look-ups of products and campaigns joined beforehand."""
    source = SHARED / "complete_journey"
    joins = {
        "transactions": "SELECT t.*, department, brand, product_category FROM '{0}/shop_transactions.parquet' t "
        "LEFT JOIN '{0}/shop_products.parquet' USING (product_id)",
        "campaigns": "SELECT c.*, campaign_type FROM '{0}/shop_campaigns.parquet' c "
        "JOIN '{0}/shop_campaign_descriptions.parquet' USING (campaign_id)",
        "redemptions": "SELECT * FROM '{0}/shop_coupon_redemptions.parquet'",
        "households": "SELECT * FROM '{0}/bank_households.parquet'",
    }
    for name, join in joins.items():
        duckdb.sql(join.format(source)).write_parquet(str(folder / f"{name}.parquet"))
    tables = {f"shop.{name}": {"parquet": f"{name}.parquet"} for name in ("transactions", "campaigns", "redemptions")}
    tables["bank.households"] = {"parquet": "households.parquet"}
    return Sources.model_validate({"snapshot": "2017", "tables": tables}), folder


DATA: dict[str, Callable[[Path], tuple[Sources, Path]]] = {"taiwan_credit": taiwan, "complete_journey": journey}


class Answers:
    """The released numbers of one data set, and its exact ones."""

    def __init__(self, name: str, folder: Path) -> None:
        sources, data = DATA[name](folder)
        self.tables: dict[str, ResultTable] = nearly_exact(HERE / name, sources, data, folder / "work")
        found = json.loads((SHARED / name / "truth.json").read_text(encoding="utf-8"))
        self.questions = {q["id"]: q for q in (found if isinstance(found, list) else found["queries"])}

    def __getitem__(self, query: str) -> Numbers:
        """A query's numbers by group, groups without anybody left out."""
        cells = self.tables[query].cells
        return {cell.keys: float(cell.estimate.value) for cell in cells if cell.estimate.value}

    def rows(self, question: str) -> list[dict[str, Any]]:
        """The exact answer's rows."""
        q = self.questions[question]
        return [dict(zip(q["columns"], row, strict=True)) if isinstance(row, list) else row for row in q["rows"]]

    def exact(self, question: str, column: str, *groups: str) -> Numbers:
        """One column of the exact answer by its groups, nulls named and zeros left out."""
        return {
            tuple(_named(row[group]) for group in groups): float(row[column]) for row in self.rows(question) if row[column]
        }


def _named(value: Any) -> str:
    if value is None:
        return "not stated"
    return str(value).lower() if isinstance(value, bool) else str(value)[:10] if str(value)[:2] == "20" else str(value)


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return Answers("taiwan_credit", tmp_path_factory.mktemp("taiwan"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return Answers("complete_journey", tmp_path_factory.mktemp("journey"))


def same(released: Numbers, exact: Numbers, absolute: float = 1e-4) -> None:
    assert released == pytest.approx(exact, rel=1e-6, abs=absolute)
    assert released


def sizes(answers: Answers) -> None:
    [row] = answers.rows("Q01")
    bank, shop, shared, either = (answers[f"{p}_size"][()] for p in ("bank", "shop", "shared", "any"))
    assert (bank, shop, shared) == (row["bank"], row["shop"], row["overlap"])
    assert (either - shop, either - bank) == (row["bank_only"], row["shop_only"])


MONEY = 0.006
"""Means are printed to a ten-thousandth of a step; sums of rounded cents are exact."""


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
    same(bank["limit_by_education"], bank.exact("Q05", "mean_limit", "education"))
    same(bank["paid_by_education"], bank.exact("Q05", "mean_paid", "education"))


def test_taiwan_q07_default_rate_by_age(bank: Answers) -> None:
    same(bank["shared_by_age"], bank.exact("Q07", "n", "age_band"))
    same(bank["default_by_age"], bank.exact("Q07", "rate", "age_band"))


def test_taiwan_q08_paid_over_billed(bank: Answers) -> None:
    ratio = {month: bank["paid_by_month"][month] / billed for month, billed in bank["billed"].items()}
    same(ratio, bank.exact("Q08", "ratio", "statement_month"))


def test_taiwan_q09_top_segments(bank: Answers) -> None:
    groups = ("sex", "education", "marital_status")
    top = dict(sorted(bank["paid_by_segment"].items(), key=lambda item: -item[1])[:5])
    same(top, bank.exact("Q09", "paid", *groups))
    same({segment: bank["segments"][segment] for segment in top}, bank.exact("Q09", "n", *groups))


def test_taiwan_q11_late_share_by_month_and_default(bank: Answers) -> None:
    same(bank["late_by_month"], bank.exact("Q11", "late_share", "statement_month", "default_next_month"))


def test_taiwan_q13_raw_and_clipped_payments(bank: Answers) -> None:
    [row] = bank.rows("Q13")
    assert bank["paid_raw"][()] == row["raw_sum"]
    assert bank["paid_clipped"][()] == row["clipped_sum"]
    assert bank["share_clipped"][()] == pytest.approx(row["share_clipped"], abs=1e-4)
    assert bank["shared_size"][()] == row["n"]


def test_journey_q01_population_sizes(shop: Answers) -> None:
    sizes(shop)


def test_journey_q02_income(shop: Answers) -> None:
    same(shop["by_income"], shop.exact("Q02", "n", "income"))


def test_journey_q03_households_and_sales_by_month(shop: Answers) -> None:
    same(shop["households_by_month"], shop.exact("Q03", "households", "m"))
    same(shop["sales_by_month"], shop.exact("Q03", "sales", "m"))


def test_journey_q04_departments(shop: Answers) -> None:
    for query, column in (("sales_by_department", "sales"), ("households_by_department", "households")):
        released = {group: n for group, n in shop[query].items() if group != ("another",)}
        same(released, shop.exact("Q04", column, "department"))


def test_journey_q05_mean_spend_by_tier(shop: Answers) -> None:
    same(shop["households_by_tier"], shop.exact("Q05", "n", "tier"))
    same(shop["spend_by_tier"], shop.exact("Q05", "mean_spend", "tier"), MONEY)


def test_journey_q07_redemption_by_age(shop: Answers) -> None:
    same(shop["households_by_age"], shop.exact("Q07", "n", "age"))
    same(shop["redeemed_by_age"], shop.exact("Q07", "redeem_share", "age"))


def test_journey_q09_homeowners_top_categories(shop: Answers) -> None:
    released = {group: n for group, n in shop["homeowners_by_category"].items() if group != ("another",)}
    same(released, shop.exact("Q09", "sales", "product_category"))


def test_journey_q10_age_by_tier(shop: Answers) -> None:
    same(shop["age_by_tier"], shop.exact("Q10", "n", "age", "tier"))


def test_journey_q11_sales_by_month_and_ownership(shop: Answers) -> None:
    same(shop["sales_by_ownership"], shop.exact("Q11", "sales", "m", "home_ownership"))


def test_journey_q12_private_label_share(shop: Answers) -> None:
    by = shop["sales_by_brand"]
    share = {(tier,): by[tier, "Private"] / (by[tier, "Private"] + by[tier, "National"]) for tier, _ in by}
    exact = shop.exact("Q12", "private_share", "tier")
    assert share == pytest.approx(exact, rel=1e-4)


def test_journey_q13_raw_and_clipped_spend(shop: Answers) -> None:
    [row] = shop.rows("Q13")
    assert shop["spend_raw"][()] == pytest.approx(row["raw_sum"], rel=1e-9)
    assert shop["spend_clipped"][()] == pytest.approx(row["clipped_sum"], rel=1e-9)
    assert shop["share_clipped"][()] == pytest.approx(row["share_clipped"], abs=1e-4)


def test_journey_q15_campaign_types(shop: Answers) -> None:
    same(shop["by_campaign"], shop.exact("Q15", "households", "campaign_type"))


@pytest.mark.parametrize("name", DATA)
def test_a_real_report_at_a_real_budget(name: str, tmp_path: Path) -> None:
    """Written for real, without the mark of made-up data, and its intervals hold the exact numbers."""
    sources, data = DATA[name](tmp_path)
    definitions = load_folder(HERE / name)
    assert definitions.policy is not None
    state = State(tmp_path / "state")
    ledger = open_budget(definitions.policy, definitions.contract, state)
    released = run_report(
        HERE / name / "report.yaml",
        ledger=ledger,
        data=lambda _: Data(sources, data, state.work),
        releases=state.releases,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
    )
    ledger.close()
    page = (released.folder / "report.en.html").read_text(encoding="utf-8")
    assert "Made-up population" not in page and "NOT APPROVED" in page
    exact = nearly_exact(HERE / name, sources, data, tmp_path / "again")
    pairs = [
        (cell.estimate, exact[table.name].cells[place].estimate.value)
        for table in released.release.tables
        for place, cell in enumerate(table.cells)
    ]
    known = [(estimate, value) for estimate, value in pairs if value is not None]
    covered = sum(estimate.low <= value <= estimate.high for estimate, value in known)
    assert covered >= 0.85 * len(known) and len(known) > 100
