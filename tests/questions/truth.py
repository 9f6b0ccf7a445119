"""What every number of the report estimates, by plain SQL where it can say it, else by numpy and scipy on SQL's rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests.questions.in_python import LORENZ_CUTS, MEDIAN_CUTS, QUANTILE_CUTS
from tests.questions.sql import ANSWERS, Plain

Numbers = dict[tuple[str, ...], float | None]
"""A number for each combination of keys; None where there is nobody."""

Reals = NDArray[np.float64]

LEVELS, TIERS = ("none", "light", "regular", "heavy"), ("mass", "affluent", "private")
DAYS = (10, 30, 60, 90, 120, 180, 240, 300, 360, 420, 480, 540)

Groups = Mapping[tuple[str, ...], str]
"""For each combination of keys the condition that says who is in it."""

OF_LEVELS: Groups = {(level,): f"shared AND level = '{level}'" for level in LEVELS}
OF_TIERS: Groups = {(tier,): f"shared AND tier = '{tier}'" for tier in TIERS}

QUANTILES: dict[str, tuple[str, Groups, Sequence[int], int, Sequence[float]]] = {
    "q09_balance_quantiles": ("balance", OF_LEVELS, QUANTILE_CUTS, 100_000, (0.1, 0.25, 0.5, 0.75, 0.9)),
    "q09_median_balance": ("balance", {(): "bank"}, MEDIAN_CUTS, 100_000, (0.5,)),
    "q28_median_days": (
        "first_product - first_order",
        {(): "shared AND first_product > first_order"},
        DAYS,
        600,
        (0.25, 0.5, 0.75),
    ),
}
"""For each table of quantiles: of what, of whom, between which cuts and up to what, and which."""

REGRESSIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "q18_drivers_of_cd_purchase": (
        "SELECT bought_cd::INT, 1, age, shop::INT, spend FROM person WHERE bank",
        ("intercept", "bank.customers.age", "also_shops", "online_spend"),
    ),
    "q18_spend_by_age_and_credit": (
        "SELECT spend, 1, age, credit::INT FROM person WHERE shared",
        ("intercept", "bank.customers.age", "holds_credit"),
    ),
}

CONCENTRATIONS: dict[str, tuple[Groups, Sequence[int], float]] = {
    "q30_concentration": ({(): "shop"}, LORENZ_CUTS, 0.1),
    "q30_concentration_by_tier": (OF_TIERS, (100, 300, 700, 1500, 3000), 0.2),
}

BUYERS = """SELECT tier, {0}, count(DISTINCT customer_id) FROM orders JOIN person USING (customer_id) WHERE shared
    GROUP BY tier, {0}"""
"""Every key, whether it is shown or not."""


def truths(plain: Plain) -> dict[str, Numbers]:
    """The numbers of each table."""
    found = {name: plain.numbers(statement) for name, statement in ANSWERS.items()}
    found |= {name: quantiles(plain, name) for name in QUANTILES}
    found["q26_top_brands"] = plain.numbers(BUYERS.format("brand"))
    found["q26_top_categories"] = plain.numbers(BUYERS.format("category"))
    found["q16_rank_of_level_and_tier"] = {(): rank_correlation(plain)}
    for name, (select, terms) in REGRESSIONS.items():
        coefficients, explained = fitted(plain, select)
        found[name] = {(term,): float(b) for term, b in zip(terms, coefficients, strict=True)}
        found[f"{name}.fit"] = {(): explained}
    for name, (groups, cuts, top) in CONCENTRATIONS.items():
        held = {keys: spends(plain, who) for keys, who in groups.items()}
        found[name] = {
            (*keys, figure): number
            for keys, each in held.items()
            for figure, number in (("gini", gini(each)), ("top", top_share(each, top)))
        }
        found[f"{name}.lorenz"] = {
            (*keys, *point): y for keys, each in held.items() for point, y in lorenz(each, cuts)
        }
    return found


def quantiles(plain: Plain, name: str) -> Numbers:
    """The least values with enough customers at or below them, of one table."""
    column, groups, _, _, at = QUANTILES[name]
    return {
        (*keys, f"p{p * 100:g}"): plain.number(f"SELECT quantile_disc({column}, {p}) FROM person WHERE {who}")
        for keys, who in groups.items()
        for p in at
    }


def rank_correlation(plain: Plain) -> float:
    """Spearman's, of shopper level and wealth tier."""
    rows = plain.rows("SELECT level, tier FROM person WHERE shared")
    levels = [LEVELS.index(level) for level, _ in rows]
    return float(stats.spearmanr(levels, [TIERS.index(tier) for _, tier in rows]).statistic)


def fitted(plain: Plain, select: str) -> tuple[Reals, float]:
    """The coefficients of the first column on the others by least squares, and R squared."""
    columns = np.array(plain.rows(select), dtype=float)
    y, x = columns[:, 0], columns[:, 1:]
    coefficients, [left], *_ = np.linalg.lstsq(x, y)
    return coefficients, float(1 - left / ((y - y.mean()) ** 2).sum())


def spends(plain: Plain, who: str) -> Reals:
    """Each customer's online spend, ascending."""
    rows = plain.rows(f"SELECT spend FROM person WHERE {who} ORDER BY spend")
    return np.array([float(spend) for (spend,) in rows])


def gini(held: Reals) -> float:
    """Gini's coefficient of ascending values."""
    n = len(held)
    return float(2 * (np.arange(1, n + 1) @ held) / (n * held.sum()) - (n + 1) / n)


def top_share(held: Reals, top: float) -> float:
    """What the top part holds of ascending values, by the Lorenz curve."""
    richest, whole = held[::-1], int(top * len(held))
    return float((richest[:whole].sum() + (top * len(held) - whole) * richest[whole]) / held.sum())


def lorenz(held: Reals, cuts: Sequence[int]) -> Iterator[tuple[tuple[str, str], float]]:
    """At each cut, the shares of customers and of the sum that lie below it."""
    for cut in cuts:
        below = held[held < cut]
        yield (str(cut), "customers"), len(below) / len(held)
        yield (str(cut), "sum"), float(below.sum() / held.sum())
