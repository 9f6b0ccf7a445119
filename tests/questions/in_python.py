"""The questions as a data scientist would write them: each the same query as the report's of that name."""

from __future__ import annotations

import dpinsights as dpi
from dpinsights.model.report import Query

TIER, ARM, GENDER = "bank.customers.wealth_tier", "shop.customers.arm", "bank.customers.gender"
BALANCE, AMOUNT, CATEGORY = (
    "bank.customers.deposit_balance",
    "shop.orders.amount",
    "shop.orders.category",
)
STEPS = ("saw_banner", "opened_app", "saw_page", "purchased")
TO_CONTROL = {"by": ARM, "to": "control"}
QUANTILE_CUTS = [1000, 2000, 3000, 5000, 7500, 10000, 15000, 20000, 30000, 50000, 75000]
MEDIAN_CUTS = [500, *range(1000, 10_001, 1000), 15000, 20000, 25000, *range(30_000, 80_001, 10_000)]
LORENZ_CUTS = [50, 100, 200, 400, 700, 1000, 1500, 2000, 3000, 4500, 6500]


def _shared(*by: str) -> Query:
    return dpi.count(population="shared", by=by or None)  # type: ignore[arg-type]


QUERIES: dict[str, Query] = {
    "q01_shared_by_province": dpi.count(by="province", population="shared"),
    "q02_link_rate": dpi.share(
        "also_shops", by=TIER, population="bank", compare={"by": TIER, "to": "total", "as": "index"}
    ),
    "q03_tier_by_level": dpi.crosstab(TIER, "shopper_level", population="shared"),
    "q03_by_tier": _shared(TIER),
    "q03_by_level": _shared("shopper_level"),
    "q03_in_all": _shared(),
    "q04_pyramid": dpi.crosstab("age_band", GENDER, "bank.customers.city_tier", population="shared"),
    "q05_cross_holding": dpi.pairs("bank.holdings.product", values_per_customer=7, population="bank"),
    "q05_cross_holding_of_two": dpi.pairs(
        "bank.holdings.product", values_per_customer=2, population="shared", by=GENDER
    ),
    "q06_mean_spend_a_month": dpi.mean("spend_a_month", by=TIER, bounds=(0, 200), population="shared"),
    "q06_spend_by_month": dpi.sum(
        AMOUNT, by=[TIER, "order_month"], bounds=(0, 500), groups_per_customer=24, population="shared"
    ),
    "q07_spend_by_category": dpi.sum(
        AMOUNT, by=[TIER, CATEGORY], bounds=(0, 2000), groups_per_customer=4, population="shared"
    ),
    "q07_spend_by_two_categories": dpi.sum(
        AMOUNT, by=[TIER, CATEGORY], bounds=(0, 2000), groups_per_customer=2, population="shared"
    ),
    "q08_order_value": dpi.mean(
        AMOUNT,
        per="row",
        by="shopper_level",
        bounds=(0, 600),
        rows_per_customer=60,
        weight=4,
        population="shop",
    ),
    "q08_spend_an_order": dpi.ratio("online_spend", over="orders_placed", by=TIER, population="shared"),
    "q09_balance_quantiles": dpi.quantile(
        BALANCE, cuts=QUANTILE_CUTS, by="shopper_level", population="shared"
    ),
    "q09_median_balance": dpi.median(BALANCE, cuts=MEDIAN_CUTS, population="bank"),
    "q09_spread_of_balances": dpi.std(BALANCE, by="shopper_level", population="shared"),
    "q10_share_of_wallet": dpi.ratio(
        "online_spend",
        over="card_spend",
        bounds=(0, 5000),
        over_bounds=(0, 4000),
        by=TIER,
        population="shared",
    ),
    "q11_funnel": dpi.funnel(*STEPS, population="shop"),
    "q11_funnel_by_tier": dpi.funnel(*STEPS, population="shared", by=TIER),
    "q12_conversion": dpi.share(
        "bought_cd", by=ARM, compare=TO_CONTROL, test="difference", population="shared"
    ),
    "q12_conversion_by_tier": dpi.share(
        "bought_cd", by=[TIER, ARM], compare=TO_CONTROL, test="difference", population="shared"
    ),
    "q13_uptake": _shared("issue_month"),
    "q13_uptake_rate": dpi.share("has_cobrand", by=TIER, population="shared"),
    "q13_activation": dpi.share("activated", by="issue_month", population="shared"),
    "q14_credit_uptake": dpi.share("holds_credit", by=["shopper_level", "tenure"], population="shared"),
    "q15_default_by_return_rate": dpi.share("defaulted", by="return_band", test="trend", population="shared"),
    "q16_returns_and_arrears": dpi.corr("return_rate", "days_past_due", population="shared"),
    "q16_returns_and_arrears_by_gender": dpi.corr(
        "return_rate", "days_past_due", by=GENDER, population="shared"
    ),
    "q16_rank_of_level_and_tier": dpi.corr("shopper_level", TIER, method="spearman", population="shared"),
    "q17_category_and_investment": dpi.crosstab(
        "favourite_category", "investment", test="independence", population="shared"
    ),
    "q18_drivers_of_cd_purchase": dpi.regression(
        "bought_cd", on=["bank.customers.age", "also_shops", "online_spend"], population="bank"
    ),
    "q18_spend_by_age_and_credit": dpi.regression(
        "online_spend", on=["bank.customers.age", "holds_credit"], population="shared"
    ),
    "q19_churn": dpi.share("churned", by=TIER, where="orders_before > 0", population="shared"),
    "q20_change_in_activity": dpi.mean(
        "change_in_activity",
        by=ARM,
        where=f"{BALANCE} > 1000",
        compare=TO_CONTROL,
        test="difference",
        population="shared",
    ),
    "q20_reactivated": dpi.share(
        "active_after", by=ARM, where=f"not active_before and {BALANCE} > 1000", population="shared"
    ),
    "q21_monthly_active": dpi.count(by="order_month", groups_per_customer=24, population="shared"),
    "q22_new_wealth_buyers": dpi.count(by="wealth_month", cumulative=True, population="shared"),
    "q22_new_wealth_buyers_by_tier": dpi.count(
        by=[TIER, "wealth_month"], cumulative=True, population="shared"
    ),
    "q23_category_spend_by_month": dpi.sum(
        AMOUNT,
        by=[CATEGORY, "order_month"],
        bounds=(0, 500),
        groups_per_customer=96,
        compare={"by": "order_month"},
        test="difference",
        population="shared",
    ),
    "q24_retention": dpi.retention("last_quarter", cohort="first_quarter", population="shop"),
    "q25_by_county": dpi.count(by="bank.customers.county", out_of="residents", population="shared"),
    "q25_by_prefecture": dpi.count(by="prefecture", out_of="residents_of_prefectures", population="shared"),
    "q25_penetration": dpi.share("also_shops", by="bank.customers.county", population="bank"),
    "q26_top_brands": dpi.top(
        "shop.orders.brand", most=20, by=TIER, groups_per_customer=30, population="shared"
    ),
    "q26_top_categories": dpi.top(CATEGORY, most=2, by=TIER, groups_per_customer=4, population="shared"),
    "q27_rfm": dpi.crosstab("recency", "frequency", "monetary", population="shop"),
    "q28_median_days": dpi.quantile(
        "days_to_product",
        at=["0.25", "0.5", "0.75"],
        cuts=[10, 30, 60, 90, 120, 180, 240, 300, 360, 420, 480, 540],
        where="first_product > first_order",
        population="shared",
    ),
    "q28_days": dpi.histogram(
        "days_to_product",
        cuts=[30, 90, 180, 360],
        by=GENDER,
        where="first_product > first_order",
        population="shared",
    ),
    "q29_uplift_618": dpi.mean(
        "uplift_618", by=ARM, bounds=(-500, 500), compare=TO_CONTROL, test="difference", population="shared"
    ),
    "q29_festival_spend": dpi.sum(
        AMOUNT,
        by=[ARM, "festival"],
        bounds=(0, 500),
        groups_per_customer=4,
        compare=[{"by": "festival"}, TO_CONTROL],
        population="shared",
    ),
    "q30_concentration": dpi.concentration("online_spend", cuts=LORENZ_CUTS, population="shop"),
    "q30_concentration_by_tier": dpi.concentration(
        "online_spend", cuts=[100, 300, 700, 1500, 3000], top_share="0.2", by=TIER, population="shared"
    ),
}
