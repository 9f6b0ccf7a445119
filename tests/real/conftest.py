"""Real data, prepared and measured once."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from dpinsights.model.policy import Sources
from tests.real.answers import SHARED, Answers

JOURNEY = {
    "shop.transactions": "SELECT t.*, department, brand, product_category FROM '{0}/shop_transactions.parquet' t "
    "LEFT JOIN '{0}/shop_products.parquet' USING (product_id)",
    "shop.baskets": "SELECT household_id, basket_id, min(transaction_timestamp) AS began, "
    "sum(sales_value::DECIMAL(18, 2)) AS worth FROM '{0}/shop_transactions.parquet' GROUP BY ALL",
    "shop.campaigns": "SELECT c.*, campaign_type FROM '{0}/shop_campaigns.parquet' c "
    "JOIN '{0}/shop_campaign_descriptions.parquet' USING (campaign_id)",
    "shop.redemptions": "SELECT * FROM '{0}/shop_coupon_redemptions.parquet'",
    "bank.households": "SELECT * FROM '{0}/bank_households.parquet'",
}
"""Public look-ups of products and campaigns joined beforehand, and lines gathered into baskets."""


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """taiwan_credit, read in place."""
    source = _there("taiwan_credit")
    files = {"bank.customers": "bank_customers", "shop.statements": "shop_statements"}
    tables = {name: {"parquet": f"{file}.parquet"} for name, file in files.items()}
    sources = Sources.model_validate({"snapshot": "2005", "tables": tables})
    return Answers("taiwan_credit", sources, source, tmp_path_factory.mktemp("taiwan"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """complete_journey, its tables made beforehand."""
    source = _there("complete_journey")
    folder = tmp_path_factory.mktemp("journey")
    for name, select in JOURNEY.items():
        duckdb.execute(f"COPY ({select.format(source)}) TO '{folder / name}.parquet'")
    tables = {name: {"parquet": f"{name}.parquet"} for name in JOURNEY}
    sources = Sources.model_validate({"snapshot": "2017", "tables": tables})
    return Answers("complete_journey", sources, folder, folder / "work")


def _there(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"{name} lies beside the clone, in ../shared/data, and is not here")
    return SHARED / name
