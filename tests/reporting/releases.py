"""Releases made by hand: gongyin-xiaobai's quarterly report, large ones, a hostile one. No real people."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from dpinsights.model.names import FrozenMap
from dpinsights.model.plan import Axis
from dpinsights.model.release import (
    CapChange,
    Cell,
    Estimate,
    Flag,
    NoiseFact,
    Release,
    ResultTable,
    Spending,
    Statement,
)
from dpinsights.model.values import Key

PROVINCES = {
    "北京": ("Beijing", 1553, 2.0),
    "天津": ("Tianjin", 984, 1.3),
    "河北": ("Hebei", 5292, 0.9),
    "山西": ("Shanxi", 2477, 0.9),
    "内蒙古": ("Inner Mongolia", 1706, 0.75),
    "辽宁": ("Liaoning", 3021, 0.9),
    "吉林": ("Jilin", 1708, 0.9),
    "黑龙江": ("Heilongjiang", 2259, 0.9),
    "上海": ("Shanghai", 1764, 2.0),
    "江苏": ("Jiangsu", 6011, 1.3),
    "浙江": ("Zhejiang", 4580, 1.3),
    "安徽": ("Anhui", 4329, 0.9),
    "福建": ("Fujian", 2947, 1.3),
    "江西": ("Jiangxi", 3205, 0.9),
    "山东": ("Shandong", 7202, 0.9),
    "河南": ("Henan", 7048, 0.9),
    "湖北": ("Hubei", 4097, 0.9),
    "湖南": ("Hunan", 4713, 0.9),
    "广东": ("Guangdong", 8938, 1.3),
    "广西": ("Guangxi", 3556, 0.75),
    "海南": ("Hainan", 715, 0.9),
    "重庆": ("Chongqing", 2274, 0.75),
    "四川": ("Sichuan", 5935, 0.75),
    "贵州": ("Guizhou", 2735, 0.75),
    "云南": ("Yunnan", 3349, 0.75),
    "西藏": ("Tibet", 59, 0.75),
    "陕西": ("Shaanxi", 2804, 0.75),
    "甘肃": ("Gansu", 1775, 0.75),
    "青海": ("Qinghai", 120, 0.75),
    "宁夏": ("Ningxia", 511, 0.75),
    "新疆": ("Xinjiang", 1834, 0.75),
}


def names(en: str, zh: str | None = None) -> FrozenMap[str, str]:
    return FrozenMap({"en": en} if zh is None else {"en": en, "zh": zh})


def axis(source: str, en: str, zh: str, keys: dict[str, tuple[str, str]]) -> Axis:
    return Axis(source, names(en, zh), tuple(Key(key, names(*pair)) for key, pair in keys.items()))


PROVINCE = Axis(
    "icbc.customers.province",
    names("Province", "省份"),
    tuple(Key(key, names(en)) for key, (en, _, _) in PROVINCES.items()),
)
TIER = axis(
    "icbc.customers.wealth_tier",
    "Wealth tier",
    "财富等级",
    {
        "mass": ("Mass", "大众"),
        "affluent": ("Affluent", "富裕"),
        "wealthy": ("Wealthy", "高净值"),
        "private": ("Private banking", "私人银行"),
    },
)
LEVEL = axis(
    "shopper_level",
    "Shopper level",
    "消费等级",
    {
        "none": ("No spend", "无消费"),
        "light": ("1 to 500", "1至500元"),
        "regular": ("500 to 2000", "500至2000元"),
        "heavy": ("2000 to 8000", "2000至8000元"),
        "top": ("8000 and over", "8000元及以上"),
    },
)
CATEGORY = axis(
    "jd.orders.category",
    "Category",
    "品类",
    {
        "phones": ("Phones and digital", "手机数码"),
        "appliances": ("Home appliances", "家用电器"),
        "computers": ("Computers and office", "电脑办公"),
        "apparel": ("Apparel and shoes", "服饰鞋靴"),
        "beauty": ("Beauty and care", "美妆个护"),
        "food": ("Food and groceries", "食品生鲜"),
        "baby": ("Mother and baby", "母婴"),
        "home": ("Home and furniture", "家居家装"),
        "books": ("Books", "图书"),
        "health": ("Health", "医药保健"),
        "jewellery": ("Jewellery and gold", "珠宝黄金"),
        "other": ("Other", "其他"),
    },
)
AGE = axis(
    "icbc.customers.age_band",
    "Age",
    "年龄段",
    {
        "18-24": ("18 to 24", "18至24岁"),
        "25-34": ("25 to 34", "25至34岁"),
        "35-44": ("35 to 44", "35至44岁"),
        "45-54": ("45 to 54", "45至54岁"),
        "55-64": ("55 to 64", "55至64岁"),
        "65+": ("65 and over", "65岁及以上"),
    },
)
GENDER = axis("icbc.customers.gender", "Gender", "性别", {"female": ("Women", "女"), "male": ("Men", "男")})
PRODUCT = axis(
    "icbc.holdings.product",
    "Product",
    "产品",
    {
        "deposit": ("Time deposit", "定期存款"),
        "certificate_of_deposit": ("Certificate of deposit", "大额存单"),
        "wealth_management": ("Wealth management", "理财产品"),
        "consumer_finance": ("Consumer finance", "消费金融"),
        "personal_loan": ("Personal loan", "个人贷款"),
        "precious_metals": ("Precious metals", "贵金属"),
    },
)

NAMES = FrozenMap(
    {
        "jd.orders": names("Orders", "订单"),
        "jd.orders.amount": names("Amount", "金额"),
        "online_spend": names("Online spend", "线上消费"),
        "shops": names("Shopped in the period", "期内有消费"),
        "icbc.customers.province": names("Province", "省份"),
        "icbc.customers.province=西藏": names("Tibet"),
        "icbc.transactions": names("Bank transactions", "银行交易"),
    }
)


def noise(
    role: str, scale: float, step: str, l0: int, linf: int, rho_units: int, draws: int = 1
) -> NoiseFact:
    rho = rho_units / 1e12 - 1e-18
    return NoiseFact(
        role,
        "discrete Gaussian",
        scale,
        Decimal(step),
        l0,
        linf,
        l0 * linf**2,
        rho_units,
        rho,
        4 * rho,
        draws,
    )


def cells_of(name: str, axes: Sequence[Axis], estimates: Sequence[Estimate]) -> tuple[Cell, ...]:
    keys = itertools.product(*(tuple(key.key for key in each.keys) for each in axes))
    return tuple(
        Cell("/".join((name, *group)), group, found) for group, found in zip(keys, estimates, strict=True)
    )


def counted(true: float, scale: float, draw: random.Random, *flags: Flag) -> Estimate:
    value, half = Decimal(round(draw.gauss(true, scale))), Decimal(math.ceil(1.96 * scale))
    low, high = max(value - half, Decimal(0)), max(value + half, Decimal(0))
    return Estimate(value, low, high, half, (*flags, *((Flag.NOT_ABOVE_ZERO,) if low <= 0 else ())))


def averaged(value: float, margin: float, top: str, *flags: Flag, quantum: str = "0.0001") -> Estimate:
    middle, half = (
        Decimal(str(value)).quantize(Decimal(quantum)),
        Decimal(str(margin)).quantize(Decimal(quantum)),
    )
    low, high = max(middle - half, Decimal(0)), min(middle + half + half / 16, Decimal(top))
    return Estimate(middle, low, high, max(high - middle, middle - low), flags)


def table(
    name: str, en: str, zh: str, axes: tuple[Axis, ...], found: Sequence[Estimate], **more: object
) -> ResultTable:
    base = {
        "name": name,
        "title": names(en, zh),
        "note": None,
        "measure": "count",
        "of": "customers",
        "estimates": "customers",
        "interval": "discrete-gaussian",
        "unit": None,
        "step": Decimal(1),
        "population": "shared",
        "where": None,
        "rows_where": None,
        "k": None,
        "r": None,
        "low": None,
        "high": None,
        "margin_wanted": None,
        "axes": axes,
        "cells": cells_of(name, axes, found),
        "noise": (noise("value", 51.02, "1", 1, 1, 192_120_000),),
    }
    return ResultTable(**{**base, **more})  # type: ignore[arg-type]


def quarterly(seed: int = 7) -> Release:
    """Like `reports/gongyin-xiaobai/partner-quarterly.yaml`, of a made-up population, not approved."""
    draw = random.Random(seed)
    weights = {key: share * weight for key, (_, share, weight) in PROVINCES.items()}
    provinces = [counted(weight / sum(weights.values()) * 61_000, 50, draw) for weight in weights.values()]
    provinces[25] = Estimate(Decimal(-38), Decimal(0), Decimal(60), Decimal(98), (Flag.NOT_ABOVE_ZERO,))
    tiers, levels = (0.78, 0.17, 0.042, 0.004), (0.31, 0.22, 0.27, 0.16, 0.04)
    spend = [3.1, 2.2, 1.9, 1.7, 0.9, 1.5, 0.8, 1.1, 0.3, 0.5, 0.25, 0.6]
    amounts = [2_600_000 * tier * share * (1 + at) for at, tier in enumerate(tiers) for share in spend]
    sums = []
    for amount in amounts:
        value = Decimal(round(draw.gauss(amount, 61_500) * 100)) / 100
        half = Decimal("120540.33")
        flags = (Flag.BOUND_DECLARED, Flag.GROUPS_LIMITED)
        low, high = max(value - half, Decimal(0)), max(value + half, Decimal(0))
        sums.append(Estimate(value, low, high, half, flags + ((Flag.NOT_ABOVE_ZERO,) if low <= 0 else ())))
    limited = (Flag.GROUPS_LIMITED,)
    tables = (
        table("shared_customers", "Shared customers", "共同客户", (), [counted(61_000, 51, draw)]),
        table(
            "shared_by_province",
            "Shared customers by province",
            "各省共同客户",
            (PROVINCE,),
            provinces,
            margin_wanted=Decimal(100),
        ),
        table(
            "shopping_by_tier",
            "Share of the bank's customers who shopped online",
            "银行客户线上消费占比",
            (TIER,),
            [
                averaged(0.3121, 0.0017, "1"),
                averaged(0.4512, 0.0044, "1"),
                averaged(0.4033, 0.0171, "1"),
                averaged(0.37, 0.16, "1", Flag.MISSED_FORECAST),
            ],
            measure="mean",
            of="shops",
            estimates="share-of-customers",
            interval="fieller",
            population="icbc",
            low=Decimal(0),
            high=Decimal(1),
            noise=(
                noise("numerator", 160.2, "1", 1, 1, 19_482_000),
                noise("denominator", 160.2, "1", 1, 1, 19_482_000),
            ),
        ),
        table(
            "segments",
            "Shared customers by wealth tier and shopper level",
            "按财富等级与消费等级划分的共同客户",
            (TIER, LEVEL),
            [counted(61_000 * tier * level, 38, draw) for tier in tiers for level in levels],
            margin_wanted=Decimal(75),
            interval="combined-gaussian",
            noise=(noise("value", 38.1, "1", 1, 1, 344_500_000, draws=2),),
        ),
        table(
            "age_and_gender",
            "Shared customers by age and gender",
            "按年龄与性别划分的共同客户",
            (AGE, GENDER),
            [
                counted(61_000 * age * sex, 51, draw)
                for age in (0.19, 0.31, 0.24, 0.15, 0.07, 0.04)
                for sex in (0.47, 0.53)
            ],
        ),
        table(
            "spend_by_tier",
            "Mean online spend by wealth tier",
            "各财富等级人均线上消费",
            (TIER,),
            [
                averaged(1483.2217, 21.4, "8000", Flag.BOUND_DECLARED),
                averaged(2291.8, 44.25, "8000", Flag.BOUND_DECLARED),
                averaged(3014.6, 188.7, "8000", Flag.BOUND_DECLARED, Flag.MISSED_FORECAST),
                Estimate(
                    None, Decimal(0), Decimal(8000), Decimal(4000), (Flag.BOUND_DECLARED, Flag.TOO_WIDE)
                ),
            ],
            measure="mean",
            of="online_spend",
            estimates="mean-per-customer",
            interval="fieller",
            unit="CNY",
            step=Decimal("0.01"),
            where="icbc.customers.province <> '西藏' and online_spend > 0",
            low=Decimal(0),
            high=Decimal(8000),
            noise=(
                noise("numerator", 8_120_400.5, "0.01", 1, 800_000, 4_852_000_000),
                noise("denominator", 71.3, "1", 1, 1, 98_350_000),
            ),
        ),
        table(
            "spend_by_category",
            "Online spend by wealth tier and category",
            "按财富等级与品类划分的线上消费",
            (TIER, CATEGORY),
            sums,
            measure="sum",
            of="jd.orders.amount",
            estimates="total",
            unit="CNY",
            step=Decimal("0.01"),
            k=3,
            low=Decimal(0),
            high=Decimal(3000),
            note=names("Orders of the fourth quarter, returns included.", "第四季度全部订单，含退货。"),
            noise=(noise("value", 6_150_000.25, "0.01", 3, 300_000, 3_569_300_000),),
        ),
        table(
            "order_value",
            "Mean order value by wealth tier",
            "各财富等级笔均订单金额",
            (TIER,),
            [
                averaged(value, margin, "3000", Flag.BOUND_DECLARED, *limited)
                for value, margin in ((233.4417, 3.12), (301.2, 6.8), (388.1, 31.9), (512.7, 214.0))
            ],
            measure="mean",
            of="jd.orders.amount",
            estimates="mean-per-row",
            interval="fieller",
            unit="CNY",
            step=Decimal("0.01"),
            r=5,
            low=Decimal(0),
            high=Decimal(3000),
            noise=(
                noise("numerator", 9_001_000.0, "0.01", 4, 1_500_000, 2_100_000_000),
                noise("denominator", 90.5, "1", 4, 5, 120_000_000),
            ),
        ),
        table(
            "products_by_level",
            "Holders of bank products by shopper level",
            "各消费等级的银行产品持有人数",
            (LEVEL, PRODUCT),
            [
                counted(61_000 * level * held, 61, draw, *limited)
                for level in levels
                for held in (0.41, 0.05, 0.33, 0.12, 0.07, 0.003)
            ],
            k=3,
            margin_wanted=Decimal(120),
            noise=(noise("value", 61.2, "1", 3, 1, 400_500_000),),
        ),
        table(
            "transactions",
            "Bank transactions by gender",
            "各性别银行交易笔数",
            (GENDER,),
            [
                counted(1_210_400_000, 700_400, draw, *limited),
                counted(1_402_000_000, 700_400, draw, *limited),
            ],
            of="icbc.transactions",
            estimates="rows",
            k=2,
            rows_where="icbc.transactions.made_on >= date '2017-10-01'",
            noise=(noise("value", 700_400.0, "1", 2, 8, 130_000),),
        ),
    )
    return Release(
        release="2017-q4-partner-quarterly-0001",
        report="partner-quarterly",
        version=1,
        contract="gongyin-xiaobai",
        partnership="6f0c2a9be41d4f7a",
        contract_digest="5d0c" * 16,
        measurement_digest="a91f" * 16,
        reader_digest="07e3" * 16,
        title=names("Shared customers of the fourth quarter of 2017", "2017年第四季度共同客户"),
        summary=None,
        parties=FrozenMap({"icbc": names("ICBC", "工商银行"), "jd": names("JD Finance", "京东金融")}),
        audience="jd",
        account="jd",
        start=date(2017, 10, 1),
        until=date(2018, 1, 1),
        released_on=date(2018, 1, 15),
        confidence=Decimal("0.95"),
        origin="synthetic",
        approved=False,
        statement=Statement(
            privacy_unit="customer",
            adjacency="add-or-remove-customer",
            measure="zcdp",
            report=Spending(13_242_583_000, Decimal("0.999999")),
            report_two=Spending(52_970_332_000, Decimal("2.046311")),
            fresh=Spending(9_242_583_000, Decimal("0.827102")),
            account=Spending(29_100_440_000, Decimal("1.500733")),
            account_cap=Spending(190_119_000_000, Decimal("4")),
            lifetime=Spending(44_004_000_000, Decimal("1.855104")),
            lifetime_cap=Spending(690_742_000_000, Decimal("8")),
            conversion_delta=Decimal("1e-10"),
            discovery_delta=Decimal("1e-11"),
            snapshot_map="map-2017-q4",
            amendments=(CapChange(date(2017, 12, 1), "jd", Decimal(3), Decimal(4), 3),),
        ),
        tables=tables,
        versions=FrozenMap({"dpinsights": "0.1.0", "opendp": "0.16.0", "duckdb": "2.0.0"}),
        names=NAMES,
    )


def approved(seed: int = 7) -> Release:
    """The same of real data, approved: it bears no mark."""
    return replace(quarterly(seed), origin="real", approved=True)


def large(seed: int = 5) -> Release:
    """31 provinces by twelve categories, three axes, and a list too long for a chart."""
    draw = random.Random(seed)
    counties = Axis(
        "county",
        names("County", "区县"),
        tuple(Key(f"c{n:04}", names(f"County {n}", f"第{n}县")) for n in range(340)),
    )
    tables = (
        table(
            "province_by_category",
            "Buyers by province and category",
            "各省各品类购买人数",
            (PROVINCE, CATEGORY),
            [counted(draw.random() * 4_000, 90, draw) for _ in range(31 * 12)],
            k=3,
        ),
        table(
            "pyramid",
            "Customers by wealth tier, age and gender",
            "按财富等级、年龄与性别划分的客户",
            (TIER, AGE, GENDER),
            [counted(draw.random() * 9_000, 90, draw) for _ in range(48)],
        ),
        table(
            "counties",
            "Shared customers by county",
            "各区县共同客户",
            (counties,),
            [counted(draw.random() * 900, 40, draw) for _ in range(340)],
        ),
    )
    return replace(quarterly(), tables=tables)


HOSTILE_KEYS = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\"quoted\" 'text' & more",
    "+1",
    "-1 (unknown)",
    "@SUM(A1)",
    "\tTab",
    "＝1+1",
    "a\u202eb\u2066c",
    "line\nbreak",
    "</data></table></main>",
    "{{ 7*7 }}",
    "{n}",
    "%s %(x)s",
    "-->",
    "  ",
    "x" * 80,
    "𝕏\u0301\U0001f600",
    "normal",
)


def hostile() -> Release:
    """Labels, names and texts that try to be markup, formulas, templates or format strings."""
    draw = random.Random(3)
    odd = Axis("odd.table.column", names("<b>Axis</b> {x}", "=轴"), tuple(Key(key) for key in HOSTILE_KEYS))
    named = Axis(
        "named", None, tuple(Key(f"k{n}", names(text, text)) for n, text in enumerate(HOSTILE_KEYS[:6]))
    )
    tables = (
        table(
            "by_odd",
            "=SUM(A1) <script>",
            "<img src=x onerror=alert(1)>",
            (odd,),
            [counted(300 * n, 40, draw) for n in range(len(HOSTILE_KEYS))],
            where="name = '</code><script>' and f(x) = 1",
            note=names("{{ config }}", "</p><style>*{display:none}</style>"),
        ),
        table(
            "by_both",
            "Both",
            "两者",
            (odd, named),
            [counted(300 * n, 40, draw) for n in range(len(HOSTILE_KEYS) * 6)],
            of="<i>x</i>",
            unit="<u>",
        ),
    )
    return replace(
        quarterly(),
        title=names("</title><script>alert(1)</script>", "“引号”</title>"),
        parties=FrozenMap({"icbc": names("<ICBC>", "=工商"), "jd": names('J"D', "京'东")}),
        tables=tables,
        versions=FrozenMap({"<v>": "</dd>"}),
    )
