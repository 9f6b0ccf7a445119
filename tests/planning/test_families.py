"""Which tables are proved to add up, and that they do."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from dpinsights.definitions.resolving import check_contract, check_report, report_digests
from dpinsights.estimation.agreement import cells_of
from dpinsights.estimation.estimates import Loss, tables
from dpinsights.model.contract import Contract
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Policy
from dpinsights.model.release import Flag
from dpinsights.model.report import Report
from dpinsights.planning.planning import make_plan

CONTRACT = {
    "contract": "bank-shop",
    "version": 1,
    "privacy_unit": "customer",
    "parties": {
        "bank": {"name": {"en": "Bank"}, "members": "bank.customers"},
        "shop": {"name": {"en": "Shop"}},
    },
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
                    "keys": ["a1", "a2", "b1", "b2", "b3", "c1", "other"],
                    "unknown": "other",
                    "nulls": "other",
                },
                "tier": {"type": "category", "keys": ["low", "high"], "unknown": "low", "nulls": "low"},
                "branch": {"type": "category", "keys": ["x", "y"]},
                "balance": {"type": "integer", "bounds": [0, 1000], "nulls": 0},
            },
        },
        "shop.orders": {
            "customer": "id",
            "rows": "many",
            "columns": {"kind": {"type": "category", "keys": ["p", "q"]}},
        },
    },
    "features": {
        "prefecture": {
            "recode": "bank.customers.county",
            "into": {"a": ["a1", "a2"], "b": ["b1", "b2", "b3"]},
            "else": "rest",
        },
        "province": {"recode": "prefecture", "into": {"north": ["a", "b"]}, "else": "south"},
        "wealth": {"cut": "bank.customers.balance", "at": [100, 500], "labels": ["s", "m", "l"]},
        "rich": {"cut": "bank.customers.balance", "at": [500], "labels": ["no", "yes"]},
    },
}
CHECKED = check_contract(Contract.model_validate(CONTRACT))
POLICY = Policy.model_validate(
    {
        "policy": "bank-shop",
        "version": 1,
        "delta": {"conversion": "1e-9", "discovery": "1e-10"},
        "lifetime": {"epsilon": 8},
        "accounts": {"exploration": {"epsilon": 8}},
    }
)


def planned(queries: dict[str, dict[str, object]]) -> Plan:
    """The plan of a report over the contract above."""
    report = Report.model_validate(
        {
            "report": "r",
            "version": 1,
            "contract": "bank-shop",
            "audience": "exploration",
            "account": "exploration",
            "period": {"from": "2017-01-01", "until": "2018-01-01"},
            "budget": {"epsilon": 1},
            "queries": queries,
        }
    )
    resolved = check_report(report, CHECKED)
    return make_plan(report, resolved, CHECKED.contract, POLICY, report_digests(report, CHECKED, resolved))


def count(*by: str, **fields: object) -> dict[str, object]:
    return {"count": "customers", "by": list(by), "population": "bank", **fields}


HIERARCHY: dict[str, dict[str, object]] = {
    "all": count(),
    "provinces": count("province"),
    "prefectures": count("prefecture"),
    "counties": count("bank.customers.county"),
    "crossed": count("bank.customers.county", "wealth"),
    "rich": count("rich"),
    "bins": {"histogram": "bank.customers.balance", "cuts": [250, 500], "population": "bank"},
}


def test_a_hierarchy_is_one_family() -> None:
    made = planned(HIERARCHY)
    (family,) = made.families
    assert len(family.images) == len(HIERARCHY)
    assert sorted(family.sizes) == [4, 7]  # one number, cut at 100, 250 and 500


def test_the_map_of_each_table_is_that_of_the_codes() -> None:
    made = planned({"counties": count("bank.customers.county"), "provinces": count("province")})
    (family,) = made.families
    counties, provinces = (cells_of(family, image).tolist() for image in family.images)
    assert counties == [0, 1, 2, 3, 4, 5, 6]
    assert provinces == [0, 0, 0, 0, 0, 1, 1]


@pytest.mark.parametrize(
    "other",
    [
        count("bank.customers.branch"),  # may be null
        count("prefecture", population="shared"),
        count("prefecture", where="bank.customers.balance > 3"),
        count("shop.orders.kind", groups_per_customer=1),  # a chosen group
        count("shop.orders.kind", groups_per_customer=2),  # counts a customer twice
    ],
    ids=["null", "population", "where", "chosen", "twice"],
)
def test_what_is_no_image_is_in_no_family(other: dict[str, object]) -> None:
    assert planned({"counties": count("bank.customers.county"), "other": other}).families == ()


def test_tables_add_up_and_the_alarm_is_quiet_then_loud() -> None:
    made = planned(HIERARCHY)
    rng = np.random.default_rng(5)
    base = rng.integers(0, 400, size=made.families[0].sizes).ravel()
    true = {
        image.key: np.bincount(cells_of(made.families[0], image), weights=base)
        for image in made.families[0].images
    }

    def drawn(shift: int) -> dict[str, tuple[NoisyVector, ...]]:
        return {
            draw.key: (
                NoisyVector(
                    draw.key,
                    "s",
                    draw.scale,
                    draw.rho_units,
                    tuple(
                        int(v) + shift * (place == 0)
                        for v in np.rint(true[draw.key] + rng.normal(0, draw.scale, len(true[draw.key])))
                    ),
                ),
            )
            for place, draw in enumerate(made.draws)
        }

    losses = {draw.key: Loss(draw.rho, draw.rho_two) for draw in made.draws}
    found = {table.name: table for table in tables(made, drawn(0), losses)}
    assert not any(table.alarm for table in found.values())
    values = {
        name: [cell.estimate.value or Decimal(0) for cell in table.cells] for name, table in found.items()
    }
    assert (
        sum(values["counties"]) == sum(values["prefectures"]) == sum(values["provinces"]) == values["all"][0]
    )
    assert [sum(values["crossed"][i : i + 3]) for i in range(0, 21, 3)] == values["counties"]
    assert all(Flag.CONSISTENT in cell.estimate.flags for cell in found["all"].cells)
    raw = {draw.key: draw.scale for draw in made.draws}
    assert float(found["all"].cells[0].estimate.margin) < 1.96 * raw[made.queries[0].parts[0].key]

    loud = {table.name: table for table in tables(made, drawn(50_000), losses)}
    assert all(table.alarm for table in loud.values())
    assert not any(Flag.CONSISTENT in cell.estimate.flags for cell in loud["all"].cells)


def test_a_coarser_count_is_added_up_where_its_margin_is_met() -> None:
    fine = {"counties": count("bank.customers.county", margin=30)}
    wide = planned(fine | {"provinces": count("province", margin=80), "all": count(margin=40)})
    assert len(wide.draws) == 2  # the total's margin is not met by a sum of seven cells
    (part,) = wide.queries[1].parts
    assert (part.key, part.cells) == (wide.queries[0].parts[0].key, (0, 0, 0, 0, 0, 1, 1))
    assert wide.rho_units == planned(fine | {"all": count(margin=40)}).rho_units
    (forecast,) = wide.queries[1].forecasts
    assert 30 < forecast.margin <= 80


def test_a_rolled_up_count_covers_and_adds_up() -> None:
    made = planned(
        {
            "counties": count("bank.customers.county", margin=30),
            "provinces": count("province", margin=80),
            "all": count(margin=40),
        }
    )
    rng = np.random.default_rng(3)
    true = np.array([100, 2, 300, 0, 5, 60, 7])
    covered = 0
    for _ in range(400):
        vectors = {}
        for draw in made.draws:
            exact = true if draw.measurement.relation.cells == 7 else true.sum(keepdims=True)
            noisy = np.rint(exact + rng.normal(0, draw.scale, len(exact)))
            vectors[draw.key] = (
                NoisyVector(draw.key, "s", draw.scale, draw.rho_units, tuple(int(v) for v in noisy)),
            )
        losses = {draw.key: Loss(draw.rho, draw.rho_two) for draw in made.draws}
        counties, provinces, whole = tables(made, vectors, losses)
        north, south = (cell.estimate for cell in provinces.cells)
        covered += (north.low <= 407 <= north.high) + (south.low <= 67 <= south.high)
        values = [cell.estimate.value or 0 for cell in counties.cells]
        assert (sum(values[:5]), sum(values[5:])) == (north.value, south.value)
        assert sum(values) == whole.cells[0].estimate.value
    assert covered / 800 > 0.939


def test_cells_that_nobody_can_be_in_prove_nothing() -> None:
    """A table by counties and their provinces has cells that no base cell adds to; a chance count of pairs is no proof."""
    drill = {"drill": count("province", "bank.customers.county", margin=30)}
    made = planned(drill | {"rich": count("rich"), "prefectures": count("prefecture", margin=500)})
    assert made.families == planned(
        {"rich": count("rich"), "prefectures": count("prefecture")}
    ).families or all(
        image.key != made.queries[0].parts[0].key for family in made.families for image in family.images
    )
    assert made.queries[2].parts[0].cells is None


def test_a_coarser_cell_that_nobody_can_be_in_is_zero() -> None:
    made = planned(
        {
            "counties": count("bank.customers.county", margin=30),
            "drill": count("province", "prefecture", margin=90),
        }
    )
    part = made.queries[1].parts[0]
    assert (part.cells, part.size) == ((0, 0, 1, 1, 1, 5, 5), 6)
    (draw,) = made.draws
    vector = NoisyVector(draw.key, "s", draw.scale, draw.rho_units, (10, 20, 30, 40, 50, 60, 70))
    _, drill = tables(made, {draw.key: (vector,)}, {draw.key: Loss(draw.rho, draw.rho_two)})
    assert [cell.estimate.value for cell in drill.cells] == [30, 120, 0, 0, 0, 130]
