"""Groups below the smallest are not shown: decided on noisy numbers alone, in every table that would show them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.definitions.resolving import check_contract, check_report, report_digests
from dpinsights.estimation import deduction
from dpinsights.estimation.deduction import Table, revealing
from dpinsights.estimation.estimates import Loss, tables
from dpinsights.model.contract import Contract
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Part, Plan
from dpinsights.model.policy import Policy
from dpinsights.model.release import Estimate, Flag, ResultTable
from dpinsights.model.report import Report
from dpinsights.planning.planning import make_plan

CONTRACT: dict[str, Any] = {
    "contract": "bank-shop",
    "version": 1,
    "privacy_unit": "customer",
    "parties": {"bank": {"name": "Bank", "members": "bank.customers"}, "shop": {"name": "Shop"}},
    "planning": {
        "customers": {"bank": 50_000, "shop": 30_000, "shared": 20_000},
        "customers_at_most": 100_000,
        "basis": "made up",
    },
    "tables": {
        "bank.customers": {
            "customer": "id",
            "rows": "one",
            "columns": {
                "county": {
                    "type": "category",
                    "keys": ["a", "b", "c", "d"],
                    "unknown": "d",
                    "nulls": "d",
                },
                "branch": {"type": "category", "keys": ["x", "y"]},
                "balance": {"type": "integer", "bounds": [0, 1000], "nulls": 0},
                "age": {"type": "integer", "bounds": [0, 100], "nulls": 0},
            },
        },
        "shop.orders": {
            "customer": "id",
            "rows": "many",
            "columns": {"kind": {"type": "category", "keys": ["p", "q", "r"]}},
        },
    },
    "features": {
        "north": {"recode": "bank.customers.county", "into": {"n": ["a", "b"]}, "else": "s"},
        "rich": {"cut": "bank.customers.balance", "at": [500], "labels": ["no", "yes"]},
    },
    "figures": {
        "people": {
            "of": "bank.customers.county",
            "values": {"a": 1000, "b": 1000, "c": 1000, "d": 1000},
            "basis": "census",
        }
    },
}
CHECKED = check_contract(Contract.model_validate(CONTRACT))
COUNTY = "bank.customers.county"
POLICY = {
    "policy": "bank-shop",
    "version": 1,
    "delta": {"conversion": "1e-9", "discovery": "1e-10"},
    "lifetime": {"epsilon": 8},
    "accounts": {"bank": {"epsilon": 8}},
}
HIDDEN = Estimate(None, Decimal("-Infinity"), Decimal("Infinity"), Decimal("Infinity"))


def planned(smallest: int | None = 10, **queries: dict[str, Any]) -> Plan:
    policy = Policy.model_validate({**POLICY, **({} if smallest is None else {"smallest_group": smallest})})
    report = Report.model_validate(
        {
            "report": "r",
            "version": 1,
            "contract": "bank-shop",
            "audience": "bank",
            "account": "bank",
            "period": {"from": "2017-01-01", "until": "2018-01-01"},
            "budget": {"epsilon": 1},
            "queries": {name: {"population": "bank", **query} for name, query in queries.items()},
        }
    )
    resolved = check_report(report, CHECKED, policy)
    return make_plan(report, resolved, CHECKED.contract, policy, report_digests(report, CHECKED, resolved))


def answered(plan: Plan, drawn: Mapping[str, Mapping[str, Sequence[int]]]) -> dict[str, ResultTable]:
    """The tables for given noisy numbers: by query, then by role."""
    vectors: dict[str, tuple[NoisyVector, ...]] = {}
    for query in plan.queries:
        for part in query.parts:
            if query.name in drawn and part.role in drawn[query.name]:
                draw, values = plan.draw(part.key), tuple(drawn[query.name][part.role])
                vectors[part.key] = (NoisyVector(part.key, "s", draw.scale, draw.rho_units, values),)
    losses = {draw.key: Loss(draw.rho, draw.rho_two) for draw in plan.draws}
    return {table.name: table for table in tables(plan, vectors, losses)}


def hidden(table: ResultTable) -> set[tuple[str, ...]]:
    """The keys of what is not shown, which has no number at all."""
    found = set()
    for cell in table.cells:
        if Flag.SUPPRESSED in cell.estimate.flags:
            assert replace(cell.estimate, flags=()) == HIDDEN
            assert not {Flag.NOT_ABOVE_ZERO, Flag.TOO_WIDE, Flag.MISSED_FORECAST, Flag.SIGNIFICANT} & set(
                cell.estimate.flags
            )
            found.add(cell.keys)
        else:
            assert cell.estimate.value is not None or Flag.TOO_WIDE in cell.estimate.flags
    return found


def count(*by: str, **more: Any) -> dict[str, Any]:
    return {"count": "customers", "by": list(by), **more}


def test_a_count_below_the_smallest_is_not_shown() -> None:
    plan = planned(q=count(COUNTY))
    found = answered(plan, {"q": {"value": [9, 10, -40, 4000]}})["q"]
    assert hidden(found) == {("a",), ("c",)}
    assert found.smallest_group == 10
    shown = answered(planned(None, q=count(COUNTY)), {"q": {"value": [9, 10, -40, 4000]}})["q"]
    assert hidden(shown) == set()
    assert [cell.estimate for cell in found.cells if cell.keys in {("b",), ("d",)}] == [
        cell.estimate for cell in shown.cells if cell.keys in {("b",), ("d",)}
    ]


@given(st.lists(st.integers(-1000, 1000), min_size=4, max_size=4), st.integers(2, 500))
def test_what_is_hidden_is_a_function_of_the_noisy_number_alone(values: list[int], smallest: int) -> None:
    plan = replace(COUNTS, smallest_group=smallest)
    found = answered(plan, {"q": {"value": values}})["q"]
    assert hidden(found) == {(key,) for key, value in zip("abcd", values, strict=True) if value < smallest}


COUNTS = planned(q=count(COUNTY))


def test_a_mean_goes_by_its_noisy_denominator() -> None:
    mean = {"mean": "bank.customers.balance", "by": [COUNTY]}
    found = answered(
        planned(q=mean),
        {"q": {"numerator": [900_000, 900_000, 5, 5], "denominator": [9, 4000, 11, -3]}},
    )["q"]
    assert hidden(found) == {("a",), ("d",)}


def test_a_share_goes_by_its_noisy_denominator_and_not_by_its_numerator() -> None:
    share = {"share": "bank.customers.balance > 500", "by": [COUNTY]}
    found = answered(
        planned(q=share),
        {"q": {"numerator": [3, 3, 3, 3], "denominator": [4000, 9, 4000, 10]}},
    )["q"]
    assert hidden(found) == {("b",)}


def test_sums_have_no_size() -> None:
    total = {"sum": "bank.customers.balance", "by": [COUNTY]}
    found = answered(planned(q=total), {"q": {"value": [-5, 3, 0, 400]}})["q"]
    assert hidden(found) == set()
    assert found.smallest_group is None


def test_a_comparison_with_a_hidden_number_is_hidden() -> None:
    compared = count(COUNTY, compare={"by": COUNTY, "to": "previous"})
    found = answered(planned(q=compared), {"q": {"value": [400, 5, 900, 700]}})
    assert hidden(found["q"]) == {("b",)}
    assert hidden(found["q.change"]) == {("b",), ("c",)}


@pytest.mark.parametrize("how", ["difference", "ratio", "index"])
def test_a_total_shows_each_of_its_parts(how: str) -> None:
    compared = count("rich", COUNTY, compare={"by": COUNTY, "to": "total", "as": how})
    found = answered(planned(q=compared), {"q": {"value": [400, 5, 900, 700, 400, 300, 200, 100]}})
    assert hidden(found["q"]) == {("no", "b")}
    assert hidden(found["q.change"]) == {("no", key) for key in "abcd"}


def test_a_comparison_of_a_comparison() -> None:
    steps = [{"by": COUNTY, "to": "first"}, {"by": "rich", "to": "first"}]
    compared = count("rich", COUNTY, compare=steps)
    found = answered(planned(q=compared), {"q": {"value": [400, 5, 900, 700, 400, 300, 200, 100]}})
    assert hidden(found["q.change"]) == {("yes", "b")}


def test_a_compared_mean() -> None:
    mean = {"mean": "bank.customers.balance", "by": [COUNTY], "compare": {"by": COUNTY, "to": "a"}}
    found = answered(
        planned(q=mean),
        {"q": {"numerator": [900_000] * 4, "denominator": [4000, 4000, 9, 4000]}},
    )
    assert hidden(found["q.change"]) == {("c",)}
    found = answered(
        planned(q=mean),
        {"q": {"numerator": [900_000] * 4, "denominator": [9, 4000, 4000, 4000]}},
    )
    assert hidden(found["q.change"]) == {("b",), ("c",), ("d",)}


def test_a_share_of_a_public_figure_shows_the_count() -> None:
    found = answered(planned(q=count(COUNTY, out_of="people")), {"q": {"value": [400, 5, 900, 700]}})
    assert hidden(found["q.rate"]) == {("b",)}


def test_a_test_over_a_hidden_number_says_nothing() -> None:
    tested = {
        "share": "bank.customers.balance > 500", "by": [COUNTY], "compare": {"by": COUNTY, "to": "a"}, "test": "difference",
    }  # fmt: skip
    numbers = {"numerator": [2000, 100, 3000, 5], "denominator": [4000, 4000, 4000, 9]}
    found = answered(planned(q=tested), {"q": numbers})["q.change"]
    facts = {test.keys: test for test in found.tests}
    assert facts["b",].p_value is not None
    assert (facts["d",].statistic, facts["d",].p_value, facts["d",].found) == (0.0, None, False)
    (cell,) = [cell for cell in found.cells if cell.keys == ("d",)]
    assert Flag.NOT_SIGNIFICANT not in cell.estimate.flags


def test_a_test_over_a_whole_table_with_a_hidden_number_says_nothing() -> None:
    tested = count("rich", COUNTY, test="independence")
    for smallest, value in ((5, True), (10, False)):
        found = answered(
            planned(smallest, q=tested), {"q": {"value": [4000, 9, 9000, 7000, 4000, 3000, 2000, 1000]}}
        )["q"]
        assert (found.tests[0].p_value is not None) == value
        assert (found.tests[0].statistic != 0) == value


def test_a_group_of_customers_goes_with_all_its_numbers() -> None:
    spread = {"std": "bank.customers.balance", "by": [COUNTY]}
    plan = planned(
        q=spread, r={"regression": "bank.customers.balance", "on": ["bank.customers.age"], "by": [COUNTY]}
    )
    numbers = {part.role: [900_000] * 4 for query in plan.queries for part in query.parts}
    sizes = [4000, 9, 4000, 4000]
    found = answered(
        plan,
        {"q": {**numbers, "count": sizes}, "r": {**numbers, "0*0": sizes}},
    )  # fmt: skip
    assert hidden(found["q"]) == {("b",)}
    assert {keys[0] for keys in hidden(found["r"])} == {"b"}
    assert len(hidden(found["r"])) == 2
    assert hidden(found["r.fit"]) == {("b",)}


def test_a_funnel_step_goes_with_the_shares_that_show_it() -> None:
    steps = ["bank.customers.balance > 0", "bank.customers.balance > 100", "bank.customers.balance > 500"]
    plan = planned(q={"funnel": steps})
    found = answered(plan, {"q": {"value": [4000, 900, 300, 4]}})
    keys = [cell.keys for cell in found["q"].cells]
    assert hidden(found["q"]) == {keys[-1]}
    assert hidden(found["q.rates"]) == {keys[-1]}


def test_quantiles_and_concentration_go_by_the_sum_of_their_bins() -> None:
    cuts = [250, 500, 750]
    plan = planned(
        q={"quantile": "bank.customers.balance", "cuts": cuts, "by": [COUNTY]},
        c={"concentration": "bank.customers.balance", "cuts": cuts, "by": ["rich"]},
    )
    rows = [len(plan.draw(part.key).measurement.strategy.matrix) for part in plan.queries[0].parts]  # type: ignore[union-attr]
    few, many = [1] * rows[0], [4000] * rows[0]
    found = answered(
        plan,
        {
            "q": {"value": [*many, *few, *many, *many]},
            "c": {"count": [2, 2, 2, 2, 900, 900, 900, 900], "total": [200_000] * 8},
        },
    )
    assert {keys[0] for keys in hidden(found["q"])} == {"b"}
    assert {keys[0] for keys in hidden(found["c"])} == {"no"}
    assert {keys[0] for keys in hidden(found["c.lorenz"])} == {"no"}


def shown_rows(tables: Sequence[ResultTable], coarse: Mapping[str, Sequence[int]]) -> np.ndarray:
    """For each shown count, which of the finest cells it adds up; `coarse` says for each table in which cell each lies."""
    rows = []
    for table in tables:
        for place, cell in enumerate(table.cells):
            if Flag.SUPPRESSED not in cell.estimate.flags:
                rows.append([float(at == place) for at in coarse[table.name]])
    return np.array(rows)


FAMILY = planned(
    all=count(), north=count("north"), counties=count(COUNTY), crossed=count(COUNTY, "rich"), rich=count("rich")
)  # fmt: skip
COARSE = {
    "all": [0] * 8,
    "north": [0, 0, 0, 0, 1, 1, 1, 1],
    "counties": [0, 0, 1, 1, 2, 2, 3, 3],
    "crossed": list(range(8)),
    "rich": [0, 1] * 4,
}


@given(st.lists(st.integers(-5, 60), min_size=8, max_size=8), st.integers(0, 2**32))
def test_no_hidden_count_is_a_combination_of_shown_ones(finest: list[int], seed: int) -> None:
    """Tables that are made to add up, or were added up from one another, don't give back what is not shown."""
    rng = np.random.default_rng(seed)
    drawn: dict[str, tuple[NoisyVector, ...]] = {}
    for draw in FAMILY.draws:
        name = next(
            query.name
            for query in FAMILY.queries
            if query.parts[0].key == draw.key and query.parts[0].cells is None
        )
        exact = np.bincount(COARSE[name], weights=finest)
        values = tuple(int(value) for value in np.rint(exact + rng.normal(0, draw.scale, len(exact))))
        drawn[draw.key] = (NoisyVector(draw.key, "s", draw.scale, draw.rho_units, values),)
    losses = {draw.key: Loss(draw.rho, draw.rho_two) for draw in FAMILY.draws}
    plain = {table.name: table for table in tables(replace(FAMILY, smallest_group=None), drawn, losses)}
    found = tables(FAMILY, drawn, losses)
    shown = shown_rows(found, COARSE)
    for table in found:
        for place, cell in enumerate(table.cells):
            value = plain[table.name].cells[place].estimate.value
            assert value is not None
            if Flag.SUPPRESSED not in cell.estimate.flags:
                assert value >= 10
                assert cell.estimate == plain[table.name].cells[place].estimate
            elif value < 10 and len(shown):
                row = np.array([float(at == place) for at in COARSE[table.name]])
                rest = row - shown.T @ np.linalg.lstsq(shown.T, row, rcond=None)[0]
                assert np.abs(rest).max() > 1e-6, (table.name, cell.keys)


def test_the_largest_numbers_stay() -> None:
    crossed = Table(Part("value", "a"), (True, *[False] * 5), (3.0, 40.0, 50.0, 60.0, 70.0, 80.0))
    by_row = Table(Part("value", "a", (0, 0, 0, 1, 1, 1), 2), (False, False), (93.0, 210.0))
    total = Table(Part("value", "a", (0,) * 6, 1), (False,), (303.0,))
    more = revealing([crossed, by_row, total], ())
    assert [sorted(places) for places in more] == [[1], [], []]


def test_nothing_goes_where_nothing_adds_up() -> None:
    one = Table(Part("value", "a"), (True, False), (3.0, 40.0))
    other = Table(Part("value", "b"), (False,), (43.0,))
    assert revealing([one, other], ()) == (frozenset(), frozenset())


def test_a_large_table_loses_all_that_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduction, "MOST", 1)
    crossed = Table(Part("value", "a"), (True, False, False, False), (3.0, 40.0, 50.0, 60.0))
    by_row = Table(Part("value", "a", (0, 0, 1, 1), 2), (False, False), (43.0, 110.0))
    assert [sorted(places) for places in revealing([crossed, by_row], ())] == [[], [0]]


def test_every_table_of_a_combination_is_looked_at() -> None:
    """x + y, x + z and x + y + z are harmless each, and together they give z and y away."""
    cells = Table(Part("value", "a"), (True, True, True), (4.0, 5.0, 6.0))
    pair, other, total = (
        Table(Part("value", "a", cells_, size), (False,) * size, values)
        for cells_, size, values in (
            ((0, 0, 1), 2, (90.0, 60.0)),
            ((0, 1, 0), 2, (100.0, 50.0)),
            ((0, 0, 0), 1, (150.0,)),
        )
    )
    more = revealing([cells, pair, other, total], ())
    shown = []
    for table, places in zip((pair, other, total), more[1:], strict=True):
        assert table.part.cells is not None
        for place in range(table.part.size):
            if place not in places:
                shown.append([float(at == place) for at in table.part.cells])
    for cell in itertools.islice(np.eye(3), 3):
        rest = cell - np.array(shown).T @ np.linalg.lstsq(np.array(shown).T, cell, rcond=None)[0]
        assert np.abs(rest).max() > 1e-6


def test_a_list_of_the_largest_hides_what_a_table_hides() -> None:
    """The list has the same counts as the table, by falling number; what is hidden comes last."""
    kinds = {"by": ["shop.orders.kind"], "groups_per_customer": 2, "population": "shop"}
    top = {"top": "shop.orders.kind", "groups_per_customer": 2, "population": "shop"}
    plan = planned(table={"count": "customers", **kinds}, list=top)
    assert plan.queries[0].parts == plan.queries[1].parts
    numbers = {"value": [5, 400, 30]}
    found = answered(plan, {"table": numbers, "list": numbers})
    assert hidden(found["table"]) == hidden(found["list"]) == {("p",)}
    assert [cell.keys for cell in found["list"].cells] == [("q",), ("r",), ("p",)]
