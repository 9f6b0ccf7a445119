"""A release made by hand with every measure and every kind of table that a query can be answered with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from dpinsights.model.names import FrozenMap
from dpinsights.model.plan import Axis
from dpinsights.model.release import Cell, Estimate, Flag, Release, ResultTable, TestFact
from dpinsights.model.values import Key
from tests.reporting.releases import (
    GENDER,
    LEVEL,
    NAMES,
    PRODUCT,
    TIER,
    axis,
    cells_of,
    names,
    noise,
    quarterly,
    table,
)

BOUNDED, CUTS = Flag.BOUND_DECLARED, Flag.BETWEEN_CUTS
MONTHS = Axis("first_month", names("First month", "首月"), tuple(Key(f"2017-{n:02}") for n in range(7, 13)))
SHOPPED = axis("shops", "Shopped", "有消费", {"false": ("No", "否"), "true": ("Yes", "是")})
INFINITE = Decimal("Infinity")
EMPTY = (Estimate(None, Decimal(0), Decimal(0), Decimal(0)),)
"""A place for cells that are put in afterwards."""


def number(value: str | None, low: str, high: str, *flags: Flag) -> Estimate:
    ends = Decimal(low), Decimal(high)
    if value is None:
        return Estimate(
            None, *ends, INFINITE if INFINITE in ends else (ends[1] - ends[0]) / 2, (*flags, Flag.TOO_WIDE)
        )
    margin = max(ends[1] - Decimal(value), Decimal(value) - ends[0])
    zero = (Flag.NOT_ABOVE_ZERO,) if ends[0] <= 0 <= ends[1] else ()
    return Estimate(Decimal(value), *ends, margin, (*flags, *zero))


def around(values: Sequence[float], margin: str, *flags: Flag) -> list[Estimate]:
    each = [(Decimal(str(value)), Decimal(margin)) for value in values]
    return [number(str(value), str(value - half), str(value + half), *flags) for value, half in each]


def keyed(name: str, keys: Sequence[tuple[str, ...]], found: Sequence[Estimate]) -> tuple[Cell, ...]:
    return tuple(Cell("/".join((name, *key)), key, one) for key, one in zip(keys, found, strict=True))


def part(
    first: ResultTable, word: str, axes: tuple[Axis, ...], found: Sequence[Estimate], **more: object
) -> ResultTable:
    name = f"{first.name}.{word}"
    keys = list(itertools.product(*(tuple(key.key for key in each.keys) for each in axes)))
    return replace(first, name=name, axes=axes, cells=keyed(name, keys, found), note=None, **more)  # type: ignore[arg-type]


def without(whole: Axis, *keys: str) -> Axis:
    return replace(whole, keys=tuple(key for key in whole.keys if key.key not in keys))


def measures() -> Release:
    """Like `quarterly`, with tables of its own."""
    spend = {
        "of": "online_spend",
        "unit": "CNY",
        "low": Decimal(0),
        "high": Decimal(50_000),
        "step": Decimal("0.01"),
    }
    tables = [
        table(
            "wallet", "Spend over balance", "消费与余额之比", (GENDER,),
            [number("0.0281", "0.0257", "0.0307", BOUNDED), number(None, "-Infinity", "Infinity", BOUNDED)],
            measure="ratio", estimates="ratio-of-sums", interval="fieller", of="online_spend", over="orders_placed",
            low=Decimal(0), high=Decimal(50_000),
        ),
        table(
            "spread", "Variance of spend", "消费的方差", (GENDER,),
            [number("740000", "50000", "1430000", BOUNDED), number("0", "0", "4400000", BOUNDED)],
            measure="var", estimates="variance-over-customers", interval="composite", **{**spend, "unit": "CNY²"},
            noise=(noise("count", 3.0, "1", 1, 1, 10**9), noise("first", 40.0, "0.5", 1, 99, 10**9),
                   noise("second", 40.0, "0.25", 1, 99, 10**9)),
        ),
        table(
            "deviation", "Deviation of spend", "消费的标准差", (), [number("1270", "1090", "1430", BOUNDED)],
            measure="std", estimates="deviation-over-customers", interval="composite", **spend,
        ),
        table(
            "balance", "Quantiles of spend", "消费的分位数",
            (GENDER, Axis("quantile", names("Quantile", "分位数"), (Key("p25"), Key("p50", names("median", "中位数"))))),
            [number(v, lo, hi, BOUNDED, CUTS) for v, lo, hi in
             (("580", "0", "1000"), ("4600", "1000", "5000"), ("0", "0", "250"), (None, "0", "50000"))],
            measure="quantile", estimates="quantile-of-customers", interval="inverted-distribution", **spend,
        ),
        table(
            "bins", "Customers by spend", "按消费划分的客户",
            (Axis("online_spend", None, tuple(Key(k, names(k.replace("..", " to "))) for k in ("0..1", "1..1000", "1000..50000"))),),
            around((16322, 5701, 62), "48", BOUNDED, Flag.CONSISTENT),
            measure="histogram", of="online_spend", low=Decimal(0), high=Decimal(50_000),
        ),
        running(), *held(), *reached(), *stayed(), *related(), *concentrated(spend), *compared(spend),
        replace(table("independent", "Tier and level", "等级", (TIER, LEVEL), around([900 - 40 * n for n in range(20)], "12")),
                tests=(TestFact("independence", (), 59.94, 12, 0.0004, True),), alarm=True),
        replace(table("trending", "Holders by level", "各等级持有", (LEVEL,), around((0.1, 0.2, 0.15, 0.3, 0.2), "0.01"),
                      measure="share", of="shops", estimates="share-of-customers", low=Decimal(0), high=Decimal(1)),
                tests=(TestFact("trend", (), 1.8, None, 0.0719, False),)),
        replace(table("brands", "Brands", "品牌", (Axis("jd.orders.brand", names("Brand", "品牌"), (Key("=x"), Key("乙"))),),
                      around((900, 200), "40", Flag.DISCOVERED), measure="top", of="jd.orders.brand", k=3)),
    ]  # fmt: skip
    return replace(
        quarterly(),
        tables=tuple(tables),
        names=FrozenMap({**NAMES, "orders_placed": names("Orders placed", "订单数")}),
    )


def running() -> ResultTable:
    return table(
        "so_far", "Customers so far", "累计客户", (MONTHS,), around((200, 900, 1400, 1800, 2100, 2300), "60"),
        interval="combined-gaussian", noise=(noise("value", 400.0, "1", 6, 64, 10**9),), estimates="running-customers",
    )  # fmt: skip


def held() -> tuple[ResultTable, ...]:
    """Pairs as they are estimated: one axis, two keys."""
    keys = list(itertools.combinations_with_replacement([key.key for key in PRODUCT.keys], 2))
    found = around([4000 - 190 * n for n in range(21)], "118", Flag.GROUPS_LIMITED)
    made = table(
        "together",
        "Products together",
        "共同持有",
        (),
        EMPTY,
        measure="pairs",
        of="icbc.holdings.product",
        k=3,
    )
    return (replace(made, axes=(PRODUCT, PRODUCT), cells=keyed("together", keys, found)),)


def reached() -> tuple[ResultTable, ...]:
    steps = Axis("step", None, (Key("shops", NAMES["shops"]), Key("online_spend > 100"), Key("holds_cd")))
    first = table(
        "reach", "Reach", "到达", (steps,), around((8461, 3166, 231), "84"), measure="funnel",
        of="shops, online_spend > 100, holds_cd",
    )  # fmt: skip
    later = replace(steps, keys=steps.keys[1:])
    rates = around((0.3742, 0.0731), "0.009", Flag.CHANGED_BY_CONSISTENCY)
    return first, part(first, "rates", (later,), rates, estimates="share-of-step", interval="fieller")


def stayed() -> tuple[ResultTable, ...]:
    months = [key.key for key in MONTHS.keys]
    ages = Axis("age", None, tuple(Key(str(age)) for age in range(6)))
    keys = [(month, str(age)) for at, month in enumerate(months) for age in range(6 - at)]
    first = table("stay", "Who stays", "留存", (), EMPTY, measure="retention", of="last_month")
    counts = around([4000 - 150 * n for n in range(21)], "60")
    rates = [(month, age) for month, age in keys if age != "0"]
    found = around([0.9 - 0.05 * n for n in range(15)], "0.02")
    return (
        replace(first, axes=(MONTHS, ages), cells=keyed("stay", keys, counts)),
        replace(first, name="stay.rates", axes=(MONTHS, replace(ages, keys=ages.keys[1:])),
                cells=keyed("stay.rates", rates, found), estimates="share-of-cohort", interval="fieller"),
    )  # fmt: skip


def related() -> tuple[ResultTable, ...]:
    products = tuple(
        noise(role, 5.0, "1", 1, 9, 10**8) for role in ("0*0", "0*1", "0*2", "1*1", "2*2", "1*2")
    )
    both = "online_spend, orders_placed"
    terms = Axis("term", names("Term", "变量"), (Key("intercept"), Key("orders_placed")))
    fitted = table(
        "drivers", "Drivers", "因素", (terms,),
        [number("12.5", "10.25", "14.75", BOUNDED), number(None, "-Infinity", "Infinity", BOUNDED)],
        measure="regression", of="online_spend", estimates="coefficient", interval="fieller", unit="CNY",
        low=Decimal(0), high=Decimal(50_000), noise=products,
    )  # fmt: skip
    return (
        table("corr", "Correlation", "相关", (), [number("0.79", "0.776", "0.813", BOUNDED)], measure="corr", of=both,
              estimates="correlation", interval="fieller", low=Decimal(0), high=Decimal(50_000), noise=products),
        table("ranks", "Ranks", "秩相关", (GENDER,), [number("0.04", "-0.03", "0.10"), number("-0.3", "-0.4", "-0.2")],
              measure="corr", of=both, estimates="correlation", interval="fieller"),
        fitted,
        part(fitted, "fit", (), [number("0", "0", "0.0025", BOUNDED)], estimates="r-squared", unit=None),
    )  # fmt: skip


def concentrated(spend: dict[str, object]) -> tuple[ResultTable, ...]:
    figures = axis(
        "figure",
        "Figure",
        "指标",
        {"gini": ("Gini coefficient", "基尼系数"), "top": ("Share of the top 10%", "前10%的份额")},
    )
    cuts = Axis("online_spend", None, (Key("1"), Key("1000"), Key("10000")))
    shares = axis(
        "share",
        "Share below",
        "低于该值的份额",
        {"customers": ("of customers", "客户"), "sum": ("of the sum", "总额")},
    )
    first = table(
        "unequal", "Concentration", "集中程度", (figures,),
        [number("0.86", "0.81", "0.99", BOUNDED, CUTS), number("0.743", "0.692", "0.796", BOUNDED, CUTS)],
        measure="concentration", estimates="concentration", interval="fieller-bounds", **{**spend, "unit": None},
    )  # fmt: skip
    curve = [number(v, lo, hi, BOUNDED) for v, lo, hi in (
        ("0.65", "0.64", "0.66"), ("0", "0", "0.024"), ("0.88", "0.87", "0.89"), ("0.21", "0.17", "0.24"),
        ("0.99", "0.98", "1"), (None, "0", "1"))]  # fmt: skip
    return first, part(first, "lorenz", (cuts, shares), curve, estimates="lorenz", interval="fieller")


def compared(spend: dict[str, object]) -> tuple[ResultTable, ...]:
    """A difference of shares with tests, an index against the total, a ratio and a difference to an earlier group."""
    share = table("uptake", "Uptake", "持有率", (GENDER, SHOPPED), around((0.0272, 0.0335, 0.069, 0.0593), "0.004"),
                  measure="share", of="shops", estimates="share-of-customers", low=Decimal(0), high=Decimal(1))  # fmt: skip
    rate = replace(
        share, name="rate", cells=cells_of("rate", share.axes, [cell.estimate for cell in share.cells])
    )
    change = part(
        share, "change", (GENDER, without(SHOPPED, "false")),
        [number("0.0063", "0.0024", "0.0102", Flag.SIGNIFICANT), number("-0.0097", "-0.026", "0.006", Flag.NOT_SIGNIFICANT)],
        estimates="difference-of-share-of-customers", interval="mover",
        tests=(TestFact("difference", ("female", "true"), 3.4567, None, 1e-59, True),
               TestFact("difference", ("male", "true"), 0.0, None, None, False)),
    )  # fmt: skip
    mean = table("spend", "Spend", "消费", (GENDER,), around((251, 323), "25", BOUNDED), measure="mean",
                 estimates="mean-per-customer", interval="fieller", **spend)  # fmt: skip
    totals = table("months", "Spend by month", "各月消费", (MONTHS,), around([10_000 * n for n in range(1, 7)], "900", BOUNDED),
                   measure="sum", estimates="total", **spend)  # fmt: skip
    later = without(MONTHS, "2017-07")
    return (
        share, change,
        mean, part(mean, "change", (GENDER,), [number("87", "77", "98", BOUNDED), number("101", "91", "111", BOUNDED)],
                   estimates="index-of-mean-per-customer", interval="mover", unit=None, step=Decimal(100)),
        totals, part(totals, "change", (later,), around((10_000, -500, 9_000, 9_500, -4_000), "1300", BOUNDED),
                     estimates="difference-of-total", interval="mover", against=("previous",)),
        rate,
        part(rate, "change", (GENDER, without(SHOPPED, "true")),
             [number("0.81", "0.7", "0.95"), number("1.2", "0.9", "1.5")], estimates="ratio-of-share-of-customers", interval="mover"),
    )  # fmt: skip
