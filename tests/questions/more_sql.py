"""The later questions in plain SQL, over the tables that `sql` makes."""

from __future__ import annotations

SHARES_BY_ARM = "SELECT arm, avg({0}) AS x FROM person WHERE shared AND {1} AND arm IS NOT NULL GROUP BY ALL"

CHANGE_BY_ARM = (
    "SELECT 'exposed', max(x) FILTER (arm = 'exposed') - max(x) FILTER (arm = 'control') FROM ({0})"
)

FUNNEL = """
SELECT 1 AS n, 'saw_banner' AS step UNION ALL SELECT 2, 'opened_app' UNION ALL SELECT 3, 'saw_page'
UNION ALL SELECT 4, 'purchased'
"""

REACHED = """
(SELECT *, CASE WHEN NOT banner THEN 0 WHEN NOT app THEN 1 WHEN NOT page THEN 2 WHEN NOT purchase THEN 3 ELSE 4 END AS far
FROM person)
"""

MONTHS = "(SELECT strftime(m, '%Y-%m') AS month FROM range(DATE '2016-01-01', DATE '2018-01-01', INTERVAL 1 MONTH) r(m))"

CATEGORY_MONTH = f"""
(SELECT category, month, sum(least(coalesce(s, 0), 500)) AS x
FROM (SELECT unnest(['phones', 'apparel', 'food', 'other']) AS category) CROSS JOIN {MONTHS}
LEFT JOIN (SELECT customer_id, category, month, sum(amount) AS s FROM orders JOIN person USING (customer_id) WHERE shared
    GROUP BY ALL) USING (category, month)
GROUP BY ALL)
"""

QUARTERS = """
(SELECT datediff('quarter', DATE '2016-01-01', first_order) AS first, datediff('quarter', DATE '2016-01-01', last_order) AS last
FROM person WHERE shop AND first_order IS NOT NULL)
"""

STAYED = f"""
(SELECT 2016 + c // 4 || '-Q' || 1 + c % 4 AS cohort, age, count(*) FILTER (first = c AND last >= c + age) AS n,
    count(*) FILTER (first = c) AS began
FROM {QUARTERS}, range(8) a(c), range(8) b(age) WHERE c + age < 8 GROUP BY c, age)
"""

FESTIVAL = """
(SELECT arm, festival, sum(least(s, 500)) AS x FROM (
    SELECT customer_id, sum(amount) AS s, CASE WHEN ordered_on BETWEEN '2017-05-08' AND '2017-05-21' THEN 'before_618'
        WHEN ordered_on BETWEEN '2017-06-05' AND '2017-06-18' THEN 'on_618'
        WHEN ordered_on BETWEEN '2017-10-09' AND '2017-10-22' THEN 'before_1111'
        WHEN ordered_on BETWEEN '2017-11-01' AND '2017-11-14' THEN 'on_1111' END AS festival
    FROM orders GROUP BY ALL) JOIN person USING (customer_id)
WHERE shared AND arm IS NOT NULL AND festival IS NOT NULL GROUP BY ALL)
"""

MORE: dict[str, str] = {
    "q11_funnel": f"SELECT step, count(*) FROM {REACHED} JOIN ({FUNNEL}) ON far >= n WHERE shop GROUP BY ALL",
    "q11_funnel.rates": f"""SELECT step, (count(*) FILTER (far >= n)) / (count(*) FILTER (far >= n - 1))
        FROM {REACHED}, ({FUNNEL}) WHERE shop AND n > 1 GROUP BY ALL""",
    "q11_funnel_by_tier": f"""SELECT tier, step, count(*) FROM {REACHED} JOIN ({FUNNEL}) ON far >= n WHERE shared
        GROUP BY ALL""",
    "q11_funnel_by_tier.rates": f"""SELECT tier, step, (count(*) FILTER (far >= n)) / (count(*) FILTER (far >= n - 1))
        FROM {REACHED}, ({FUNNEL}) WHERE shared AND n > 1 GROUP BY ALL""",
    "q12_conversion": SHARES_BY_ARM.format("bought_cd::INT", "true"),
    "q12_conversion.change": CHANGE_BY_ARM.format(SHARES_BY_ARM.format("bought_cd::INT", "true")),
    "q12_conversion_by_tier": """SELECT tier, arm, avg(bought_cd::INT) FROM person WHERE shared AND arm IS NOT NULL
        GROUP BY ALL""",
    "q12_conversion_by_tier.change": """SELECT tier, 'exposed', avg(bought_cd::INT) FILTER (arm = 'exposed')
        - avg(bought_cd::INT) FILTER (arm = 'control') FROM person WHERE shared GROUP BY ALL""",
    "q13_uptake": """SELECT strftime(issued_on, '%Y-%m'), count(*) FROM person WHERE shared AND issued_on IS NOT NULL
        GROUP BY ALL""",
    "q13_uptake_rate": "SELECT tier, avg((issued_on IS NOT NULL)::INT) FROM person WHERE shared GROUP BY ALL",
    "q13_activation": """SELECT strftime(issued_on, '%Y-%m'), avg(activated::INT) FROM person
        WHERE shared AND issued_on IS NOT NULL GROUP BY ALL""",
    "q14_credit_uptake": "SELECT level, tenure, avg(credit::INT) FROM person WHERE shared GROUP BY ALL",
    "q15_default_by_return_rate": """SELECT CASE WHEN return_rate = 0 THEN 'never' WHEN return_rate < 0.15 THEN 'seldom'
            WHEN return_rate < 0.4 THEN 'often' ELSE 'mostly' END, avg((days_past_due >= 90)::INT)
        FROM person WHERE shared AND return_rate IS NOT NULL AND days_past_due IS NOT NULL GROUP BY ALL""",
    "q16_returns_and_arrears": "SELECT corr(return_rate, days_past_due) FROM person WHERE shared",
    "q16_returns_and_arrears_by_gender": """SELECT gender, corr(return_rate, days_past_due) FROM person WHERE shared
        GROUP BY ALL""",
    "q17_category_and_investment": """SELECT favourite, CASE investment WHEN 'certificate_of_deposit' THEN 'cd'
            WHEN 'wealth_management' THEN 'wealth' ELSE 'metals' END, count(*)
        FROM person WHERE shared AND favourite IS NOT NULL AND investment IS NOT NULL GROUP BY ALL""",
    "q19_churn": """SELECT tier, avg((orders_after <= orders_before / 2)::INT) FROM person
        WHERE shared AND orders_before > 0 GROUP BY ALL""",
    "q20_change_in_activity": SHARES_BY_ARM.format("after::INT - before::INT", "balance > 1000"),
    "q20_change_in_activity.change": CHANGE_BY_ARM.format(
        SHARES_BY_ARM.format("after::INT - before::INT", "balance > 1000")
    ),
    "q20_reactivated": SHARES_BY_ARM.format("after::INT", "balance > 1000 AND NOT before"),
    "q21_monthly_active": """SELECT month, count(DISTINCT customer_id) FROM orders JOIN person USING (customer_id)
        WHERE shared GROUP BY ALL""",
    "q22_new_wealth_buyers": f"""SELECT month, (SELECT count(*) FROM person WHERE shared AND first_wealth >= '2016-01-01'
        AND strftime(first_wealth, '%Y-%m') <= month) FROM {MONTHS}""",
    "q22_new_wealth_buyers_by_tier": f"""SELECT tier, month, count(*) FILTER (shared AND first_wealth >= '2016-01-01'
        AND strftime(first_wealth, '%Y-%m') <= month) FROM person, {MONTHS} WHERE bank GROUP BY ALL""",
    "q23_category_spend_by_month": f"SELECT * FROM {CATEGORY_MONTH}",
    "q23_category_spend_by_month.change": f"""SELECT category, month, x - lag(x) OVER (PARTITION BY category ORDER BY month)
        AS change FROM {CATEGORY_MONTH} QUALIFY change IS NOT NULL""",
    "q24_retention": f"SELECT cohort, age, n FROM {STAYED}",
    "q24_retention.rates": f"SELECT cohort, age, n / began FROM {STAYED} WHERE age > 0",
    "q25_by_county": "SELECT county, count(*) FROM person WHERE shared AND county IS NOT NULL GROUP BY ALL",
    "q25_by_prefecture": "SELECT prefecture, count(*) FROM person WHERE shared AND county IS NOT NULL GROUP BY ALL",
    "q25_by_county.rate": """WITH census AS (SELECT printf('c%02d', c) AS county, 12000 // (c + 1) + 40 * c AS n FROM range(23) r(c))
        SELECT county, count(*) / any_value(n) FROM person JOIN census USING (county) WHERE shared GROUP BY ALL""",
    "q25_by_prefecture.rate": """WITH census AS (SELECT 'p' || c // 4 AS prefecture, sum(12000 // (c + 1) + 40 * c) AS n
            FROM range(24) r(c) GROUP BY ALL)
        SELECT prefecture, count(*) / any_value(n) FROM person JOIN census USING (prefecture) WHERE shared GROUP BY ALL""",
    "q25_penetration": "SELECT county, avg(shop::INT) FROM person WHERE bank AND county IS NOT NULL GROUP BY ALL",
    "q26_top_brands": """SELECT tier, brand, count(DISTINCT customer_id) AS n FROM orders JOIN person USING (customer_id)
        WHERE shared GROUP BY tier, brand HAVING n > 2
        QUALIFY row_number() OVER (PARTITION BY tier ORDER BY n DESC, brand) <= 20""",
    "q26_top_categories": """SELECT tier, category, count(DISTINCT customer_id) AS n FROM orders
        JOIN person USING (customer_id) WHERE shared GROUP BY tier, category
        QUALIFY row_number() OVER (PARTITION BY tier ORDER BY n DESC) <= 2""",
    "q27_rfm": """SELECT CASE WHEN last_order < '2016-07-01' THEN 'r1' WHEN last_order < '2017-01-01' THEN 'r2'
            WHEN last_order < '2017-07-01' THEN 'r3' WHEN last_order < '2017-10-01' THEN 'r4' ELSE 'r5' END,
            CASE WHEN orders < 2 THEN 'f1' WHEN orders < 4 THEN 'f2' WHEN orders < 8 THEN 'f3' WHEN orders < 16 THEN 'f4'
            ELSE 'f5' END, CASE WHEN spend < 200 THEN 'm1' WHEN spend < 500 THEN 'm2' WHEN spend < 1500 THEN 'm3'
            WHEN spend < 4000 THEN 'm4' ELSE 'm5' END, count(*)
        FROM person WHERE shop AND last_order IS NOT NULL GROUP BY ALL""",
    "q28_days": """SELECT gender, CASE WHEN days < 30 THEN '0..30' WHEN days < 90 THEN '30..90' WHEN days < 180
            THEN '90..180' WHEN days < 360 THEN '180..360' ELSE '360..600' END, count(*)
        FROM (SELECT gender, first_product - first_order AS days FROM person WHERE shared AND first_product > first_order)
        GROUP BY ALL""",
    "q29_uplift_618": SHARES_BY_ARM.format("greatest(-500, least(500, uplift))", "true"),
    "q29_uplift_618.change": CHANGE_BY_ARM.format(
        SHARES_BY_ARM.format("greatest(-500, least(500, uplift))", "true")
    ),
    "q29_festival_spend": f"SELECT * FROM {FESTIVAL}",
    "q29_festival_spend.change": f"""WITH d AS (SELECT arm, unnest([
            ('on_618', max(x) FILTER (festival = 'on_618') - max(x) FILTER (festival = 'before_618')),
            ('before_1111', max(x) FILTER (festival = 'before_1111') - max(x) FILTER (festival = 'on_618')),
            ('on_1111', max(x) FILTER (festival = 'on_1111') - max(x) FILTER (festival = 'before_1111'))]) AS f
        FROM {FESTIVAL} GROUP BY arm)
        SELECT e.arm, e.f[1], e.f[2] - c.f[2] FROM d e JOIN d c ON e.f[1] = c.f[1] WHERE e.arm = 'exposed'
            AND c.arm = 'control'""",
}
