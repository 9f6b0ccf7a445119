"""Queries and features against the design's contract: nodes, limits, digests."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dpinsights.definitions.loading import load_checked, load_policy, load_report
from dpinsights.definitions.python import count, mean, period, with_full_names
from dpinsights.definitions.python import report as make_report
from dpinsights.definitions.python import sum as sum_of
from dpinsights.definitions.reading import Written, read_bytes
from dpinsights.definitions.resolving import (
    CheckedContract,
    check_contract,
    check_delta,
    check_report,
    report_digests,
    resolve_query,
)
from dpinsights.definitions.validation import validate
from dpinsights.errors import DefinitionError
from dpinsights.model.contract import Contract
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    And,
    Case,
    Clamp,
    Compare,
    Constant,
    CustomerColumn,
    Cut,
    Node,
    Recode,
    RowColumn,
)
from dpinsights.model.report import Query
from dpinsights.model.resolved import ResolvedQuery

GOOD = Path(__file__).parent / "good"
CHECKED = load_checked(GOOD / "contract.yaml")
QUARTER = period("2017-10-01", "2018-01-01")
TIME = RowColumn("jd.orders", "ordered_on")
START, UNTIL = 17_440, 17_532
WITHIN = And((Compare("<", TIME, Constant(UNTIL)), Compare(">=", TIME, Constant(START))))
SPEND = Clamp(Aggregate("sum", "jd.orders", RowColumn("jd.orders", "amount"), WITHIN), 0, 5_000_000)


def resolve(query: Query, checked: CheckedContract = CHECKED) -> ResolvedQuery:
    return resolve_query("q", query, checked, QUARTER)


def codes(query: Query, checked: CheckedContract = CHECKED) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        resolve(query, checked)
    return sorted(problem.code for problem in caught.value.problems)


def with_features(*lines: str, columns: str = "") -> CheckedContract:
    text = (GOOD / "contract.yaml").read_text("utf-8")
    if columns:
        text = text.replace(
            "    columns:\n      category:", f"    columns:\n      {columns}\n      category:"
        )
    return check(text + "".join(f"  {line}\n" for line in lines))


def check(text: str) -> CheckedContract:
    written: Written = read_bytes(text.encode(), "contract.yaml")
    return check_contract(validate(Contract, written), written.origin)


def feature(*lines: str, name: str = "x", columns: str = "") -> Any:
    return with_features(*lines, columns=columns).features(QUARTER)[name]


def test_a_sum_feature_holds_the_period() -> None:
    found = CHECKED.features(QUARTER)["online_spend"]
    assert found.node == SPEND
    assert (found.type.step, found.type.unit, found.type.nullable) == (Decimal("0.01"), "CNY", False)
    other = CHECKED.features(period("2017-07-01", "2017-10-01"))["online_spend"]
    assert other.node != found.node
    assert CHECKED.over(QUARTER) is CHECKED.over(period("2017-10-01", "2018-01-01"))


def test_features() -> None:
    features = CHECKED.features(QUARTER)
    assert features["shopper_level"].node == Cut(SPEND, (100, 100_000, 500_000, 2_000_000))
    assert [key.key for key in features["shopper_level"].type.keys] == [
        "none",
        "light",
        "regular",
        "heavy",
        "top",
    ]
    holds = features["holds_cd"]
    assert isinstance(holds.node, Aggregate)
    assert (holds.node.how, holds.node.table, holds.node.value) == ("any", "icbc.holdings", None)
    assert isinstance(holds.node.where, And)
    assert Compare("=", RowColumn("icbc.holdings", "product"), Constant(1)) in holds.node.where.parts
    assert (holds.type.kind, holds.level) == ("boolean", "customer")


def test_more_features() -> None:
    orders = feature("x: {count: jd.orders, bounds: [0, 20], where: \"jd.orders.category = 'food'\"}")
    assert isinstance(orders.node, Clamp)
    inner = orders.node.part
    assert isinstance(inner, Aggregate)
    assert isinstance(inner.where, And)
    assert len(inner.where.parts) == 3
    last = feature("x: {last: jd.orders.category}")
    assert (last.type.kind, last.type.nullable) == ("category", True)
    largest = feature("x: {max: jd.orders.amount, bounds: [0, 500]}")
    assert (largest.type.low, largest.type.high, largest.type.nullable) == (0, 50_000, True)
    first = feature("x: {min: jd.orders.ordered_on}")
    assert first.type.kind == "date"
    band = feature("x: {cut: jd.orders.amount, at: [100], labels: [small, large]}")
    assert (band.level, band.table) == ("row", "jd.orders")
    tenure = feature(
        "x: {cut: first, at: [2017-10-15, '2017-11-15'], labels: [a, b, c]}",
        "first: {min: jd.orders.ordered_on}",
    )
    assert tenure.node.at == (17_454, 17_485)
    total = feature("x: {sum: jd.orders.amount * 2 + 1, bounds: [0, 500]}")
    assert total.type.unit == "CNY"


def test_recode() -> None:
    kept = feature("x: {recode: icbc.customers.wealth_tier, into: {rich: [affluent, private]}}")
    assert kept.node == Recode(CustomerColumn("icbc.customers", "wealth_tier"), (-1, 0, 0))
    assert kept.type.nullable
    whole = feature("x: {recode: icbc.customers.wealth_tier, into: {rich: [private]}, else: rest}")
    assert whole.node == Recode(CustomerColumn("icbc.customers", "wealth_tier"), (1, 1, 0))
    assert [key.key for key in whole.type.keys] == ["rich", "rest"]


def test_a_timestamp_s_period_is_in_seconds() -> None:
    text = (GOOD / "contract.yaml").read_text("utf-8")
    text = text.replace("ordered_on: {type: date}", "ordered_on: {type: timestamp, zone: Asia/Shanghai}")
    node = check(text).features(QUARTER)["online_spend"].node
    assert isinstance(node, Clamp)
    assert isinstance(node.part, Aggregate)
    assert Compare(">=", TIME, Constant(START * 86_400)) in node.part.where.parts  # type: ignore[union-attr]


def test_the_design_s_report() -> None:
    report = load_report(GOOD / "partner-quarterly.yaml")
    shared, by_category, by_level = check_report(report, CHECKED, load_policy(GOOD / "policy.yaml"))
    assert (shared.population, shared.values, shared.rows) == ("shared", (), None)
    assert [key.key for key in shared.axes[0].keys] == ["北京", "天津", "西藏"]
    assert (by_category.rows, by_category.groups_per_customer, by_category.values[0].high) == ("jd.orders", 4, 500_000)
    assert by_category.rows_where == WITHIN
    assert [group.size for group in by_category.groups] == [3, 4]
    assert by_category.values[0].node == RowColumn("jd.orders", "amount")
    (spend,) = by_level.values
    assert (spend.node, spend.low, spend.high, by_level.rows_where) == (SPEND, 0, 5_000_000, None)
    assert by_level.where is not None


def test_absent_customers_have_their_key() -> None:
    text = (GOOD / "contract.yaml").read_text("utf-8")
    text = text.replace(
        "keys: [mass, affluent, private]", "keys: [mass, affluent, private, none], absent: none"
    )
    found = resolve(count(by="icbc.customers.wealth_tier", population="jd"), check(text))
    column = CustomerColumn("icbc.customers", "wealth_tier")
    assert found.groups[0].code == Case(((Absent("icbc.customers"), Constant(3)),), column)


def test_absence_by_population() -> None:
    by = "icbc.customers.wealth_tier"
    for population in ("icbc", "shared", None):
        assert resolve(count(by=by, population=population) if population else count(by=by))
    for population in ("jd", "any"):
        assert codes(count(by=by, population=population)) == ["absent-needed"]
    level = with_features("x: {recode: icbc.customers.wealth_tier, into: {rich: [private]}, else: rest}")
    assert codes(count(by="x", population="any"), level) == ["absent-needed"]
    known = with_features("x: {expression: \"coalesce(icbc.customers.wealth_tier = 'mass', false)\"}")
    assert resolve(count(by="x", population="any"), known)


def test_contributions() -> None:
    products = resolve(count(by="icbc.holdings.product", groups_per_customer=3))
    assert (products.rows, products.groups_per_customer, products.per) == ("icbc.holdings", 3, "customer")
    rows = resolve(count("jd.orders", by="jd.orders.category", rows_per_customer=5))
    assert (rows.per, rows.rows_per_customer, rows.groups_per_customer, rows.values) == ("row", 5, None, ())
    value = resolve(mean("jd.orders.amount", per="row", rows_per_customer=5, by="icbc.customers.province"))
    assert (value.values[0].low, value.values[0].high) == (0, 2_000_000)
    whole = resolve(sum_of("jd.orders.amount", bounds=(0, 100), by="icbc.customers.province"))
    assert (whole.rows, whole.groups_per_customer) == ("jd.orders", None)
    some = resolve(count(rows_where="jd.orders.amount > 100", by="icbc.customers.province"))
    assert (some.rows, some.per, some.groups_per_customer) == ("jd.orders", "customer", None)
    assert isinstance(some.rows_where, And)


def test_truth_values_have_groups_and_means() -> None:
    found = resolve(mean("holds_cd", by="holds_cd"))
    assert (found.values[0].low, found.values[0].high) == (0, 1)
    assert [key.key for key in found.axes[0].keys] == ["false", "true"]
    returned = with_features(columns="returned: {type: boolean, nulls: false}")
    assert codes(sum_of("jd.orders.returned"), returned) == ["bounds-needed"]
    assert resolve(sum_of("jd.orders.returned", bounds=(0, 9)), returned).values[0].high == 9


def test_bounds_may_not_overflow() -> None:
    assert resolve(sum_of("jd.orders.amount", bounds=(0, 50_000_000)))
    assert codes(sum_of("jd.orders.amount", bounds=(0, 60_000_000))) == ["sum-overflow"]
    assert codes(sum_of("jd.orders.amount", per="row", rows_per_customer=3000)) == ["sum-overflow"]


def test_too_many_cells() -> None:
    keys = ", ".join(f"'k{number}'" for number in range(400))
    big = with_features(
        columns=f"one: {{type: category, keys: [{keys}]}}\n      two: {{type: category, keys: [{keys}]}}"
    )
    query = count(by=["jd.orders.one", "jd.orders.two"], groups_per_customer=2)
    with pytest.raises(DefinitionError, match="160,000 cells"):
        resolve(query, big)


def test_every_problem_of_a_query_at_once() -> None:
    query = mean(
        "online_spent",
        by=["icbc.customers.provinces", "online_spend"],
        where="jd.orders.amount > 1",
        population="icb",
    )
    assert codes(query) == [
        "not-a-category",
        "unknown-column",
        "unknown-name",
        "unknown-population",
        "where-about-rows",
    ]


def test_python_and_yaml_are_one_thing() -> None:
    yaml = load_report(GOOD / "partner-quarterly.yaml")
    python = make_report(
        "partner-quarterly",
        version=1,
        contract="gongyin-xiaobai",
        audience="jd",
        account="jd",
        period={"from": "2017-10-01", "until": "2018-01-01"},
        budget={"epsilon": "1.0"},
        template="partner",
        queries={
            "shared_by_province": count(
                title={"en": "Shared customers by province", "zh": "各省共同客户"},
                population="shared",
                by="icbc.customers.province",
                margin=500,
            ),
            "spend_by_category": sum_of(
                "jd.orders.amount",
                per="customer",
                by=["icbc.customers.wealth_tier", "jd.orders.category"],
                bounds=(0, Decimal(5000)),
                groups_per_customer=4,
            ),
            "spend_by_level": mean(
                "online_spend",
                by=("icbc.customers.wealth_tier",),
                where="icbc.customers.province <> '西藏' and online_spend > 0",
                weight="2",
            ),
        },
    )
    assert python == yaml
    resolved = check_report(python, CHECKED)
    assert report_digests(python, CHECKED, resolved) == report_digests(
        yaml, CHECKED, check_report(yaml, CHECKED)
    )


def digests(**changes: Any) -> tuple[str, str]:
    report = load_report(GOOD / "partner-quarterly.yaml")
    queries = dict(report.queries)
    queries["spend_by_level"] = queries["spend_by_level"].replace(**changes)
    report = report.replace(queries=queries)
    return report_digests(report, CHECKED, check_report(report, CHECKED))


def test_what_reaches_which_digest() -> None:
    numbers, reader = digests()
    turned = digests(where="online_spend > 0.00 and not (icbc.customers.province = '西藏')")
    assert turned[0] == numbers
    assert turned[1] != reader
    titled = digests(title="Spend")
    assert titled[0] == numbers
    assert titled[1] != reader
    for change in (
        {"weight": 3},
        {"bounds": (0, 100)},
        {"where": None},
        {"population": "shared"},
        {"by": ()},
    ):
        assert digests(**change)[0] != numbers


def test_short_names_are_made_full() -> None:
    contract = CHECKED.contract
    query = count(
        by=["province", "customers.wealth_tier"],
        where="deposit_balance > 5 and holdings.product is null",
        margin=1,
    )
    full = with_full_names(query, contract)
    assert full.by == ("icbc.customers.province", "icbc.customers.wealth_tier")
    assert full.where == "icbc.customers.deposit_balance > 5 and icbc.holdings.product is null"
    assert with_full_names(count("orders"), contract).of == "jd.orders"
    assert with_full_names(mean("online_spend"), contract) == mean("online_spend")
    with pytest.raises(DefinitionError, match="unknown-name"):
        with_full_names(count(by="provinz"), contract)
    twice = with_features(columns="province: {type: category, keys: [a, b]}").contract
    with pytest.raises(DefinitionError, match="ambiguous-name"):
        with_full_names(count(by="province"), twice)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"margin": 0.1}, "not-a-number"),
        ({"bounds": (0, 0.5)}, "not-a-number"),
        ({"weight": True}, "not-a-number"),
        ({"groups_per_customer": 1.5}, "wrong-type"),
        ({"groups_per_customer": "4"}, "wrong-type"),
        ({"popualtion": "shared"}, "unknown-field"),
        ({"cost": {"epsilon": 0.1}}, "not-a-number"),
        ({"by": 5}, "wrong-type"),
    ],
)
def test_wrong_arguments(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        mean("online_spend", **fields)
    assert {problem.code for problem in caught.value.problems} == {code}
    assert all(problem.file == "<python>" for problem in caught.value.problems)


def test_replace_is_checked() -> None:
    query = mean("online_spend", margin=5)
    assert query.replace(margin="0.1").margin == Decimal("0.1")
    for change, code in (
        ({"margin": 0.1}, "not-a-number"),
        ({"bye": 1}, "unknown-field"),
        ({"by": 5}, "wrong-type"),
    ):
        with pytest.raises(DefinitionError, match=code):
            query.replace(**change)


def test_delta() -> None:
    policy = load_policy(GOOD / "policy.yaml")
    check_delta(policy, CHECKED.contract)
    with pytest.raises(DefinitionError, match="delta-too-large"):
        check_delta(policy.replace(delta={"conversion": "1e-9", "discovery": "1e-11"}), CHECKED.contract)


def test_nodes_are_whole() -> None:
    nodes: list[Node] = [found.node for found in CHECKED.features(QUARTER).values()]
    assert all(hash(node) is not None for node in nodes)
