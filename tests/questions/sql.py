"""The questions in plain SQL, written from their words: one SELECT of keys and a number for each table.

Only these statements and the files say what is true; nothing of the package takes part.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from tests.questions.more_sql import MORE

ORDERS = """
CREATE TABLE orders AS
SELECT customer_id, ordered_on, returned, brand, least(amount, 2000) AS amount, strftime(ordered_on, '%Y-%m') AS month,
    CASE WHEN category IN ('phones', 'apparel', 'food') THEN category ELSE 'other' END AS category
FROM '{0}/shop.orders.parquet' WHERE ordered_on >= '2016-01-01' AND ordered_on < '2018-01-01'
"""

BOUGHT = """
CREATE TABLE bought AS
SELECT customer_id, least(sum(amount), 10000) AS spend, least(count(*), 40) AS orders, min(ordered_on) AS first_order,
    max(ordered_on) AS last_order, round_even(avg(returned::INT), 3) AS return_rate,
    least(count(*) FILTER (ordered_on BETWEEN '2017-01-01' AND '2017-06-30'), 40) AS orders_before,
    least(count(*) FILTER (ordered_on BETWEEN '2017-07-01' AND '2017-12-31'), 40) AS orders_after,
    least(coalesce(sum(amount) FILTER (ordered_on BETWEEN '2017-06-05' AND '2017-06-18'), 0), 1000) AS on_618,
    least(coalesce(sum(amount) FILTER (ordered_on BETWEEN '2017-05-08' AND '2017-05-21'), 0), 1000) AS before_618
FROM orders GROUP BY customer_id
"""

FAVOURITE = """
CREATE TABLE favourite AS
SELECT customer_id, first(category ORDER BY n DESC, array_position(['phones', 'apparel', 'food', 'other'], category)) AS c
FROM (SELECT customer_id, category, count(*) AS n FROM orders GROUP BY ALL) GROUP BY customer_id
"""

HELD = """
CREATE TABLE held AS
SELECT customer_id, min(opened_on) AS first_product,
    bool_or(product IN ('consumer_finance', 'personal_loan')) AS credit,
    bool_or(product = 'certificate_of_deposit' AND opened_on >= '2016-01-01') AS bought_cd,
    min(opened_on) FILTER (product = 'wealth_management' AND opened_through = 'platform') AS first_wealth
FROM '{0}/bank.holdings.parquet' GROUP BY customer_id
"""

INVESTMENT = """
CREATE TABLE invested AS
SELECT customer_id, first(product ORDER BY n DESC, place) AS product
FROM (SELECT customer_id, product, count(*) AS n,
        array_position(['certificate_of_deposit', 'wealth_management', 'precious_metals'], product) AS place
    FROM '{0}/bank.holdings.parquet' GROUP BY ALL)
WHERE place IS NOT NULL GROUP BY customer_id
"""

PAID = """
CREATE TABLE paid AS
SELECT customer_id, least(sum(least(amount, 5000)), 10000) AS spend,
    count(*) FILTER (paid_on BETWEEN '2017-01-01' AND '2017-06-30') > 0 AS before,
    count(*) FILTER (paid_on BETWEEN '2017-07-01' AND '2017-12-31') > 0 AS after
FROM '{0}/bank.payments.parquet' WHERE paid_on BETWEEN '2016-01-01' AND '2017-12-31' GROUP BY customer_id
"""

SEEN = """
CREATE TABLE seen AS
SELECT customer_id, bool_or(kind = 'banner') AS banner, bool_or(kind = 'app') AS app, bool_or(kind = 'page') AS page,
    bool_or(kind = 'purchase') AS purchase
FROM '{0}/shop.events.parquet' GROUP BY customer_id
"""

PERSON = """
CREATE TABLE person AS
SELECT *, 'p' || substr(county, 2)::INT // 4 AS prefecture,
    ['north', 'east', 'south'][1 + substr(county, 2)::INT // 8] AS province,
    CASE WHEN age < 25 THEN '18-24' WHEN age < 35 THEN '25-34' WHEN age < 45 THEN '35-44' WHEN age < 55 THEN '45-54'
        WHEN age < 65 THEN '55-64' ELSE '65+' END AS age_band,
    CASE WHEN spend = 0 THEN 'none' WHEN spend < 500 THEN 'light' WHEN spend < 2500 THEN 'regular' ELSE 'heavy' END AS level,
    CASE WHEN registered_on < '2014-01-01' THEN 'longest' WHEN registered_on < '2015-01-01' THEN 'middle'
        WHEN registered_on IS NOT NULL THEN 'newest' END AS tenure
FROM (
    SELECT customer_id, b.customer_id IS NOT NULL AS bank, s.customer_id IS NOT NULL AS shop,
        b.customer_id IS NOT NULL AND s.customer_id IS NOT NULL AS shared, county, wealth_tier AS tier, gender, city_tier,
        greatest(18, least(90, age)) AS age, least(deposit_balance, 100000) AS balance, registered_on, arm,
        coalesce(o.spend, 0) AS spend, coalesce(orders, 0) AS orders, first_order, last_order, return_rate,
        coalesce(orders_before, 0) AS orders_before, coalesce(orders_after, 0) AS orders_after,
        coalesce(on_618, 0) - coalesce(before_618, 0) AS uplift, f.c AS favourite, i.product AS investment,
        coalesce(credit, false) AS credit, coalesce(bought_cd, false) AS bought_cd, first_wealth, first_product,
        coalesce(p.spend, 0) AS card_spend, coalesce(p.before, false) AS before, coalesce(p.after, false) AS after,
        days_past_due, issued_on, coalesce(first_used_on - issued_on <= 30, false) AS activated,
        coalesce(banner, false) AS banner, coalesce(app, false) AS app, coalesce(page, false) AS page,
        coalesce(purchase, false) AS purchase
    FROM '{0}/bank.customers.parquet' b FULL JOIN '{0}/shop.customers.parquet' s USING (customer_id)
    LEFT JOIN bought o USING (customer_id) LEFT JOIN favourite f USING (customer_id) LEFT JOIN held USING (customer_id)
    LEFT JOIN invested i USING (customer_id) LEFT JOIN paid p USING (customer_id) LEFT JOIN seen USING (customer_id)
    LEFT JOIN '{0}/bank.cobrand.parquet' USING (customer_id)
    LEFT JOIN (SELECT customer_id, least(180, max(days_past_due)) AS days_past_due
        FROM '{0}/bank.loans.parquet' GROUP BY customer_id) USING (customer_id)
)
"""

ANSWERS: dict[str, str] = {
    "q01_shared_by_province": "SELECT province, count(*) FROM person WHERE shared AND county IS NOT NULL GROUP BY ALL",
    "q02_link_rate": "SELECT tier, avg(shop::INT) FROM person WHERE bank GROUP BY ALL",
    "q02_link_rate.change": """SELECT tier, 100 * avg(shop::INT) / (SELECT avg(shop::INT) FROM person WHERE bank)
        FROM person WHERE bank GROUP BY ALL""",
    "q03_tier_by_level": "SELECT tier, level, count(*) FROM person WHERE shared GROUP BY ALL",
    "q03_by_tier": "SELECT tier, count(*) FROM person WHERE shared GROUP BY ALL",
    "q03_by_level": "SELECT level, count(*) FROM person WHERE shared GROUP BY ALL",
    "q03_in_all": "SELECT count(*) FROM person WHERE shared",
    "q04_pyramid": "SELECT age_band, gender, city_tier, count(*) FROM person WHERE shared GROUP BY ALL",
    "q05_cross_holding": """WITH h AS (SELECT DISTINCT customer_id, product,
            array_position(['deposit', 'certificate_of_deposit', 'wealth_management', 'consumer_finance', 'personal_loan',
                'precious_metals', 'card'], product) AS place FROM '{0}/bank.holdings.parquet')
        SELECT one.product, other.product, count(*) FROM h one JOIN h other USING (customer_id)
        WHERE one.place <= other.place GROUP BY ALL""",
    # Of two products: those two that come first in the customer's own order, (g a + r) mod 7 with a and r from a digest.
    "q05_cross_holding_of_two": """WITH h AS (SELECT DISTINCT customer_id, product,
            array_position(['deposit', 'certificate_of_deposit', 'wealth_management', 'consumer_finance', 'personal_loan',
                'precious_metals', 'card'], product) - 1 AS g,
            sha256('dpinsights/1/1e1e30303030abcd|' || customer_id) AS d FROM '{0}/bank.holdings.parquet'),
        p AS (SELECT *, (g * (1 + ('0x' || d[1:7])::BIGINT % 6) + ('0x' || d[8:14])::BIGINT % 7) % 7 AS p FROM h),
        kept AS (SELECT * FROM p QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY p) <= 2)
        SELECT gender, one.product, other.product, count(*) FROM kept one JOIN kept other USING (customer_id)
        JOIN person USING (customer_id) WHERE shared AND one.g <= other.g GROUP BY ALL""",
    "q06_mean_spend_a_month": """SELECT tier, avg(least(20000, q + (r > 12 OR (r = 12 AND q % 2 = 1))::INT)) / 100 FROM (
        SELECT tier, (spend * 100)::BIGINT // 24 AS q, (spend * 100)::BIGINT % 24 AS r FROM person WHERE shared)
        GROUP BY ALL""",
    "q06_spend_by_month": """SELECT tier, month, sum(least(s, 500)) FROM (SELECT customer_id, month, sum(amount) AS s
        FROM orders GROUP BY ALL) JOIN person USING (customer_id) WHERE shared GROUP BY ALL""",
    "q07_spend_by_category": """SELECT tier, category, sum(least(s, 2000)) FROM (SELECT customer_id, category,
        sum(amount) AS s FROM orders GROUP BY ALL) JOIN person USING (customer_id) WHERE shared GROUP BY ALL""",
    "q07_spend_by_two_categories": """WITH s AS (SELECT customer_id, category, sum(amount) AS s,
            array_position(['phones', 'apparel', 'food', 'other'], category) - 1 AS g,
            sha256('dpinsights/1/1e1e30303030abcd|' || customer_id) AS d FROM orders GROUP BY ALL),
        p AS (SELECT *, (g * (1 + ('0x' || d[1:7])::BIGINT % 4) + ('0x' || d[8:14])::BIGINT % 5) % 5 AS p FROM s),
        kept AS (SELECT * FROM p QUALIFY row_number() OVER (PARTITION BY customer_id ORDER BY p) <= 2)
        SELECT tier, category, sum(least(s, 2000)) FROM kept JOIN person USING (customer_id) WHERE shared GROUP BY ALL""",
    "q08_order_value": """SELECT level, avg(least(amount, 600)) FROM orders JOIN person USING (customer_id) WHERE shop
        GROUP BY ALL""",
    "q08_spend_an_order": "SELECT tier, sum(spend) / sum(orders) FROM person WHERE shared GROUP BY ALL",
    "q09_spread_of_balances": "SELECT level, stddev_pop(balance) FROM person WHERE shared GROUP BY ALL",
    "q10_share_of_wallet": """SELECT tier, sum(least(spend, 5000)) / sum(least(card_spend, 4000)) FROM person
        WHERE shared GROUP BY ALL""",
    **MORE,
}  # fmt: skip


class Plain:
    """The files in DuckDB."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.connection = duckdb.connect()
        for statement in (ORDERS, BOUGHT, FAVOURITE, HELD, INVESTMENT, PAID, SEEN, PERSON):
            self.connection.execute(statement.format(data))

    def numbers(self, statement: str) -> dict[tuple[str, ...], float | None]:
        """A number for each combination of keys."""
        rows = self.rows(statement)
        return {tuple(map(str, row[:-1])): None if row[-1] is None else float(row[-1]) for row in rows}

    def number(self, statement: str) -> float:
        """The one number that a statement selects."""
        [(number,)] = self.rows(statement)
        return float(number)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement selects."""
        return self.connection.execute(statement.format(self.data)).fetchall()
