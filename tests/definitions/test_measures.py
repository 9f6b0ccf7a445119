"""What each measure comes to: its numbers, its own groups, its limits; in YAML and in Python."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import dpinsights as dpi
from dpinsights.definitions.python import period, with_full_names
from dpinsights.definitions.reading import read_bytes
from dpinsights.definitions.resolving import (
    CheckedContract,
    check_contract,
    resolve_query,
)
from dpinsights.definitions.validation import validate
from dpinsights.errors import DefinitionError
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.contract import Contract
from dpinsights.model.expressions import (
    Aggregate,
    Case,
    Clamp,
    Constant,
    CustomerColumn,
    Cut,
    Node,
    RowColumn,
)
from dpinsights.model.report import MEASURES, Query, Report
from dpinsights.model.resolved import ResolvedQuery

GOOD = Path(__file__).parent / "good" / "contract.yaml"
QUARTER = period("2017-10-01", "2018-01-01")
MORE = """\
  orders_placed: {count: jd.orders, bounds: [0, 40]}
  shops: {expression: orders_placed > 0}
  balance_band: {cut: icbc.customers.deposit_balance, at: [1000, 10000], labels: [low, middle, high]}
  first_order: {min: jd.orders.ordered_on}
  last_order: {max: jd.orders.ordered_on}
  first_month: {periods: first_order, every: month}
  last_month: {periods: last_order, every: month}
figures:
  adults: {of: icbc.customers.province, values: {北京: 18000000, 天津: 11000000}, basis: census}
"""
BALANCE, TIER, PRODUCT = (
    "icbc.customers.deposit_balance", "icbc.customers.wealth_tier", "icbc.holdings.product",
)  # fmt: skip
BALANCE_NODE = CustomerColumn("icbc.customers", "deposit_balance")
CENTS = 200_000_000
"""The largest deposit balance, in steps."""


def checked(extra: str = MORE) -> CheckedContract:
    written = read_bytes((GOOD.read_text("utf-8") + extra).encode(), "contract.yaml")
    return check_contract(validate(Contract, written), written.origin)


CHECKED = checked()

EQUAL: dict[str, tuple[str, Query]] = {
    "count": (
        f"{{count: customers, by: [{TIER}], population: shared, compare: {{by: {TIER}, to: total, as: index}}}}",
        dpi.count(
            by="wealth_tier", population="shared", compare={"by": "wealth_tier", "to": "total", "as": "index"}
        ),
    ),
    "out_of": (
        "{count: customers, by: [icbc.customers.province], out_of: adults}",
        dpi.count(by="province", out_of="adults"),
    ),
    "cumulative": (
        f"{{count: customers, by: [{TIER}, first_month], cumulative: true}}",
        dpi.count(by=["wealth_tier", "first_month"], cumulative=True),
    ),
    "independence": (
        f"{{count: customers, by: [{TIER}, shopper_level], test: independence}}",
        dpi.crosstab("wealth_tier", "shopper_level", test="independence"),
    ),
    "sum": (
        f"{{sum: jd.orders.amount, by: [{TIER}, jd.orders.category], bounds: [0, 500.50], groups_per_customer: 2}}",
        dpi.sum("amount", by=["wealth_tier", "category"], bounds=(0, "500.50"), groups_per_customer=2),
    ),
    "mean": (
        "{mean: jd.orders.amount, per: row, rows_per_customer: 3, rows_where: jd.orders.category = 'food'}",
        dpi.mean("amount", per="row", rows_per_customer=3, rows_where="category = 'food'"),
    ),
    "share": (
        f"{{share: '{BALANCE} > 5000', by: [{TIER}], compare: {{by: {TIER}, to: mass}}, test: difference}}",
        dpi.share(
            "deposit_balance > 5000", by="wealth_tier",
            compare={"by": "customers.wealth_tier", "to": "mass"}, test="difference",
        ),
    ),
    "ratio": (
        f"{{ratio: online_spend, over: {BALANCE}, over_bounds: [0, 9000]}}",
        dpi.ratio("online_spend", over="deposit_balance", over_bounds=(0, 9000)),
    ),
    "var": (f"{{var: {BALANCE}, where: {TIER} = 'mass'}}", dpi.var("deposit_balance", where="wealth_tier = 'mass'")),
    "std": ("{std: online_spend, bounds: [0, 9000]}", dpi.std("online_spend", bounds=[0, 9000])),
    "quantile": (
        f"{{quantile: {BALANCE}, at: [0.25, 0.5], cuts: [1000, 5000.5], by: [shopper_level]}}",
        dpi.quantile("deposit_balance", at=["0.25", Decimal("0.5")], cuts=[1000, "5000.5"], by="shopper_level"),
    ),
    "median": (
        "{quantile: online_spend, at: [0.5], cuts: [100, 200, 300]}",
        dpi.median("online_spend", cuts=range(100, 400, 100)),
    ),
    "histogram": (
        f"{{histogram: {BALANCE}, cuts: [1000, 5000]}}",
        dpi.histogram("icbc.customers.deposit_balance", cuts=(1000, 5000)),
    ),
    "pairs": (f"{{pairs: {PRODUCT}, values_per_customer: 3}}", dpi.pairs("product", values_per_customer=3)),
    "funnel": (
        f"{{funnel: [shops, '{BALANCE} > 0', holds_cd], population: shared}}",
        dpi.funnel("shops", "deposit_balance > 0", "holds_cd", population="shared"),
    ),
    "retention": (
        "{retention: last_month, cohort: first_month}",
        dpi.retention("last_month", cohort="first_month"),
    ),
    "top": (
        "{top: jd.orders.category, most: 2, groups_per_customer: 2}",
        dpi.top("category", most=2, groups_per_customer=2),
    ),
    "corr": (f"{{corr: [online_spend, {BALANCE}]}}", dpi.corr("online_spend", "deposit_balance")),
    "spearman": (
        f"{{corr: [{TIER}, balance_band], method: spearman}}",
        dpi.corr("wealth_tier", "balance_band", method="spearman"),
    ),
    "regression": (
        f"{{regression: holds_cd, on: [online_spend, {BALANCE}], weight: 2}}",
        dpi.regression("holds_cd", on=["online_spend", "deposit_balance"], weight=2),
    ),
    "concentration": (
        f"{{concentration: {BALANCE}, cuts: [1000, 5000], top_share: 0.2}}",
        dpi.concentration("deposit_balance", cuts=[1000, 5000], top_share="0.2"),
    ),
}  # fmt: skip


def from_yaml(text: str) -> Query:
    """A query as a report's file gives it."""
    head = "report: x\nversion: 1\ncontract: gongyin-xiaobai\naudience: jd\naccount: jd\n"
    body = f"period: {{from: 2017-10-01, until: 2018-01-01}}\nbudget: {{epsilon: 1}}\nqueries:\n  q: {text}\n"
    written = read_bytes((head + body).encode(), "report.yaml")
    return validate(Report, written).queries["q"]


def resolve(query: Query, contract: CheckedContract = CHECKED) -> ResolvedQuery:
    return resolve_query("q", with_full_names(query, contract.contract), contract, QUARTER)


def resolved(name: str) -> ResolvedQuery:
    return resolve(EQUAL[name][1])


def code_of(query: Query, contract: CheckedContract = CHECKED) -> tuple[str, str]:
    """The one fault of a query: its code and its field."""
    with pytest.raises(DefinitionError) as caught:
        resolve(query, contract)
    (problem,) = caught.value.problems
    return problem.code, problem.field


def test_every_measure_is_among_the_examples() -> None:
    assert {query.measure for _, query in EQUAL.values()} == set(MEASURES)


@pytest.mark.parametrize("name", EQUAL)
def test_yaml_and_python_are_one_value(name: str) -> None:
    written, made = EQUAL[name]
    assert canonical_bytes(from_yaml(written)) == canonical_bytes(with_full_names(made, CHECKED.contract))
    assert canonical_bytes(resolve(from_yaml(written))) == canonical_bytes(resolve(made))


def test_numbers_keep_the_order_and_bounds_of_their_measure() -> None:
    above, below = resolved("ratio").values
    assert (above.name, above.low, above.high) == ("online_spend", 0, 5_000_000)
    assert (below.name, below.node, below.low, below.high) == (BALANCE, BALANCE_NODE, 0, 900_000)
    outcome, spend, balance = resolved("regression").values
    assert [value.name for value in (outcome, spend, balance)] == ["holds_cd", "online_spend", BALANCE]
    assert (outcome.low, outcome.high, outcome.type.kind) == (0, 1, "boolean")
    assert [value.name for value in resolved("corr").values] == ["online_spend", BALANCE]
    (spread,) = resolved("std").values
    assert isinstance(spread.node, Clamp) and (spread.low, spread.high) == (0, 900_000)


def test_bins_are_cuts_between_the_bounds() -> None:
    histogram = resolved("histogram")
    assert histogram.edges == (0, 100_000, 500_000, CENTS)
    (axis,), (group,) = histogram.own_axes, histogram.own_groups
    assert [key.key for key in axis.keys] == ["0..1000", "1000..5000", "5000..2000000"]
    assert (group.code, group.size) == (Cut(BALANCE_NODE, (100_000, 500_000)), 3)
    assert resolved("quantile").edges == (0, 100_000, 500_050, CENTS)
    narrower = resolve(dpi.histogram("deposit_balance", cuts=[1000], bounds=(500, 2000)))
    assert narrower.edges == (50_000, 100_000, 200_000)
    assert narrower.own_groups[0].code == Cut(Clamp(BALANCE_NODE, 50_000, 200_000), (100_000,))
    assert resolved("concentration").own_groups == histogram.own_groups


def test_a_funnel_is_one_group_of_the_furthest_step() -> None:
    funnel = resolved("funnel")
    (axis,), (group,) = funnel.own_axes, funnel.own_groups
    assert [key.key for key in axis.keys] == ["shops", f"{BALANCE} > 0", "holds_cd"]
    assert group.size == 4
    code: Node = group.code
    places: list[Node] = []
    while isinstance(code, Case):
        places.append(code.otherwise)
        code = code.branches[0][1]
    assert (places, code) == ([Constant(0), Constant(1), Constant(2)], Constant(3))
    assert funnel.values == () and funnel.rows is None and funnel.groups_per_customer is None


def test_retention_has_cohort_and_last_period_as_groups() -> None:
    retention = resolved("retention")
    assert [axis.source for axis in retention.own_axes] == ["first_month", "last_month"]
    assert [key.key for key in retention.own_axes[0].keys] == ["2017-10", "2017-11", "2017-12"]
    assert [group.size for group in retention.own_groups] == [3, 3]


def test_pairs_and_top_bound_how_many_keys_a_customer_has() -> None:
    pairs = resolved("pairs")
    assert (pairs.rows, pairs.groups_per_customer) == ("icbc.holdings", 3)
    assert pairs.own_groups[0].code == RowColumn("icbc.holdings", "product")
    top = resolved("top")
    assert (top.rows, top.groups_per_customer) == ("jd.orders", 2)


def test_spearman_is_a_table_of_two_ordered_categories() -> None:
    spearman = resolved("spearman")
    assert spearman.values == () and [group.size for group in spearman.own_groups] == [3, 3]


def test_limits_are_of_groups_or_of_rows() -> None:
    assert (resolved("sum").groups_per_customer, resolved("sum").rows_per_customer) == (2, None)
    assert (resolved("mean").groups_per_customer, resolved("mean").rows_per_customer) == (None, 3)
    assert (resolved("mean").per, resolved("share").per) == ("row", "customer")
    (spend,) = resolved("median").values
    assert isinstance(spend.node, Clamp) and isinstance(spend.node.part, Aggregate)


def test_figures_stand_by_the_keys_of_their_group() -> None:
    assert resolved("out_of").figures == (Decimal(18_000_000), Decimal(11_000_000), None)
    assert resolved("count").figures == ()
    assert code_of(dpi.count(by="wealth_tier", out_of="adults")) == ("group-needed", "queries.q.out_of")
    assert (
        code_of(dpi.count("jd.orders", by="province", rows_per_customer=2, out_of="adults"))[0]
        == "group-needed"
    )


def test_figures_of_periods_are_checked_where_the_period_is_known() -> None:
    text = MORE.replace(
        "figures:\n", "figures:\n  plan: {of: first_month, values: {2018-07: 5}, basis: plan}\n"
    )
    assert code_of(dpi.count(by="first_month", out_of="plan"), checked(text)) == (
        "unknown-key",
        "queries.q.out_of",
    )


@pytest.mark.parametrize(
    ("written", "made"),
    [
        (dpi.ratio("amount", over="amount", bounds=[0, 1], over_bounds=[0, 1]), {"over": "jd.orders.amount"}),
        (dpi.regression("holds_cd", on=["customers.deposit_balance"]), {"on": (BALANCE,)}),
        (dpi.retention("wealth_tier", cohort="customers.wealth_tier"), {"cohort": TIER, "retention": TIER}),
        (dpi.count(by="wealth_tier", compare={"by": "wealth_tier"}), {"by": (TIER,)}),
        (dpi.funnel("shops", "amount > 5"), {"funnel": ("shops", "jd.orders.amount > 5")}),
        (dpi.corr("deposit_balance", "amount"), {"corr": (BALANCE, "jd.orders.amount")}),
        (dpi.share("product = 'deposit'"), {"share": f"{PRODUCT} = 'deposit'"}),
        (dpi.count("orders", per="row"), {"count": "jd.orders"}),
    ],
)  # fmt: skip
def test_short_names_are_made_full_wherever_names_stand(written: Query, made: dict[str, Any]) -> None:
    full = with_full_names(written, CHECKED.contract)
    assert {name: getattr(full, name) for name in made} == made
    assert [compare.by for compare in full.compare or ()] == ([TIER] if written.compare else [])


@pytest.mark.parametrize(
    "query",
    [dpi.retention("first_month", cohort="nobody"), dpi.regression("holds_cd", on=["nobody"]),
     dpi.ratio("online_spend", over="nobody"), dpi.count(by="wealth_tier", compare={"by": "nobody"})],
)  # fmt: skip
def test_a_name_that_is_nothing_is_told_at_its_field(query: Query) -> None:
    with pytest.raises(DefinitionError) as caught:
        with_full_names(query, CHECKED.contract)
    (problem,) = caught.value.problems
    assert problem.code == "unknown-name"
    assert problem.field in ("cohort", "on", "over", "compare")


def test_lists_come_as_lists_ranges_arrays_and_series_but_not_as_sets() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    plain = dpi.median("online_spend", cuts=[100, 200])
    for cuts in (
        numpy.array([100, 200]),
        pandas.Series([100, 200]),
        (numpy.int64(100), 200),
        range(100, 300, 100),
    ):
        assert dpi.median("online_spend", cuts=cuts) == plain
    assert dpi.funnel(["shops", "holds_cd"]) == dpi.funnel("shops", "holds_cd")
    assert dpi.crosstab(["a", "b"]) == dpi.crosstab("a", "b")
    with pytest.raises(DefinitionError, match="no order"):
        dpi.count(by={"a", "b"})  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match='write "0.5" as text'):
        dpi.median("online_spend", cuts=numpy.array([0.5, 1]))
