"""Reports planned and estimated as the package does, over populations whose two parties are independent by construction.

No rows and no SQL: the exact sums of each measurement are simulated by role, and noise is drawn at the plan's scales.
Within a party a customer's attributes depend on one another; across the parties nothing does, so whatever such a report
finds is false.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from dpinsights.definitions.resolving import check_contract, check_report, report_digests
from dpinsights.estimation.estimates import Loss, tables
from dpinsights.model.contract import Contract
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Plan, PlannedQuery
from dpinsights.model.policy import Policy
from dpinsights.model.release import ResultTable
from dpinsights.model.report import Report
from dpinsights.planning.planning import make_plan
from tests.estimation.simulation import Reals, noise

Codes = NDArray[np.int64]

KEYS = {
    "bank.wealth": ("mass", "affluent", "wealthy", "private"),
    "bank.age": ("18-24", "25-34", "35-44", "45-54", "55-64", "65+"),
    "bank.region": ("north", "east", "south", "west", "centre"),
    "shop.tier": ("bronze", "silver", "gold"),
    "shop.channel": ("app", "web", "store", "phone"),
    "shop.half": ("a", "b"),
}
SPEND = 1_000
BALANCE = 100_000


def _columns(party: str) -> dict[str, object]:
    named: dict[str, object] = {
        name.split(".")[1]: {"type": "category", "keys": list(keys)}
        for name, keys in KEYS.items()
        if name.startswith(party)
    }
    value: dict[str, dict[str, object]] = {
        "bank": {"balance": {"type": "integer", "bounds": [0, BALANCE], "nulls": 0}},
        "shop": {
            "spend": {"type": "integer", "bounds": [0, SPEND], "nulls": 0},
            "returned": {"type": "boolean"},
        },
    }
    return {**named, **value[party]}


CHECKED = check_contract(
    Contract.model_validate(
        {
            "contract": "null",
            "version": 1,
            "privacy_unit": "customer",
            "parties": {
                "bank": {"name": "Bank", "members": "bank.customers"},
                "shop": {"name": "Shop", "members": "shop.customers"},
            },
            "planning": {
                "customers": {"bank": 60_000, "shop": 60_000, "shared": 20_000},
                "customers_at_most": 200_000,
                "basis": "simulated",
            },
            "tables": {
                f"{party}.customers": {"customer": "id", "rows": "one", "columns": _columns(party)}
                for party in ("bank", "shop")
            },
        }
    )
)
POLICY = Policy.model_validate(
    {
        "policy": "null",
        "version": 1,
        "delta": {"conversion": "1e-10", "discovery": "1e-11"},
        "lifetime": {"epsilon": 1000},
        "accounts": {"shop": {"epsilon": 1000}},
    }
)


def _by(*names: str) -> list[str]:
    return [name.replace(".", ".customers.") for name in names]


def _against(name: str, to: str) -> dict[str, object]:
    return {"compare": {"by": _by(name)[0], "to": to}, "test": "difference"}


QUERIES: dict[str, dict[str, object]] = {
    "spend_by_wealth": {
        "mean": "shop.customers.spend",
        "by": _by("bank.wealth"),
        **_against("bank.wealth", "first"),
    },
    "balance_by_tier": {
        "mean": "bank.customers.balance",
        "by": _by("shop.tier"),
        **_against("shop.tier", "previous"),
    },
    "balance_of_halves": {
        "sum": "bank.customers.balance",
        "by": _by("shop.half"),
        **_against("shop.half", "first"),
    },
    "returned_by_region": {
        "share": "shop.customers.returned",
        "by": _by("bank.region"),
        **_against("bank.region", "north"),
    },
    "returned_by_age": {"share": "shop.customers.returned", "by": _by("bank.age"), "test": "trend"},
    "returned_by_wealth_and_age": {
        "share": "shop.customers.returned",
        "by": _by("bank.wealth", "bank.age"),
        "test": "trend",
    },
    "wealth_and_tier": {"count": "customers", "by": _by("bank.wealth", "shop.tier"), "test": "independence"},
    "region_and_channel": {
        "count": "customers",
        "by": _by("bank.region", "shop.channel"),
        "test": "independence",
    },
    "age_and_channel": {"count": "customers", "by": _by("bank.age", "shop.channel"), "test": "independence"},
    "wealth_and_tier_by_half": {
        "count": "customers",
        "by": _by("shop.half", "bank.wealth", "shop.tier"),
        "test": "independence",
    },
}
"""Twenty hypotheses, each across the two companies."""


def planned(epsilon: str) -> Plan:
    """The plan of a report of all queries over the shared customers."""
    report = Report.model_validate(
        {
            "report": "null",
            "version": 1,
            "contract": "null",
            "audience": "shop",
            "account": "shop",
            "period": {"from": "2017-01-01", "until": "2018-01-01"},
            "budget": {"epsilon": epsilon},
            "queries": {name: {**query, "population": "shared"} for name, query in QUERIES.items()},
        }
    )
    resolved = check_report(report, CHECKED)
    digests = report_digests(report, CHECKED, resolved)
    return make_plan(report, resolved, CHECKED.contract, POLICY, digests, {})


@dataclass(frozen=True)
class Population:
    """The shared customers: a code for each category, and numbers."""

    codes: dict[str, Codes]
    numbers: dict[str, Reals]

    def sums(self, query: PlannedQuery, role: str) -> Reals:
        """The exact sums of one measurement, in the order of its cells."""
        cells: Codes = np.zeros(len(self.numbers["spend"]), dtype=np.int64)
        for axis in query.axes:
            cells = cells * len(axis.keys) + self.codes[axis.source.replace(".customers", "")]
        of = query.asked.sum or query.asked.mean or query.asked.share
        counted = of is None or role == "denominator"
        weights = None if counted else self.numbers[str(of).split(".")[-1]]
        if role == "second" and weights is not None:
            weights = np.rint(weights / query.values[0].coarse) ** 2
        size = math.prod(len(axis.keys) for axis in query.axes)
        return np.bincount(cells, weights, minlength=size).astype(np.float64)


def population(customers: int, rng: np.random.Generator, effect: float = 0.0) -> Population:
    """Random shared customers; the effect is the correlation of what drives each party's attributes."""
    bank = rng.normal(size=customers)
    shop = effect * bank + math.sqrt(1 - effect**2) * rng.normal(size=customers)
    codes = {}
    for name, keys in KEYS.items():
        driver = rng.normal(size=customers)
        if name != "shop.half":
            driver = ((bank if name.startswith("bank") else shop) + driver) / math.sqrt(2)
        cuts = np.cumsum(rng.dirichlet(np.full(len(keys), 8.0)))[:-1] if name != "shop.half" else [0.5]
        codes[name] = np.searchsorted(ndtri(cuts), driver).astype(np.int64)
    balance = np.rint(np.minimum(np.exp(8 + bank + rng.normal(size=customers)), BALANCE))
    spend = np.rint(np.minimum(np.exp(4 + shop) * (rng.random(customers) < 0.7), SPEND))
    returned = (shop + rng.normal(size=customers) > 1).astype(np.float64)
    return Population(codes, {"balance": balance, "spend": spend, "returned": returned})


def report(plan: Plan, people: Population, rng: np.random.Generator) -> tuple[ResultTable, ...]:
    """The tables of one release over these customers."""
    vectors = {}
    for query in plan.queries:
        for part in query.parts:
            if part.key not in vectors:
                draw, exact = plan.draw(part.key), people.sums(query, part.role)
                noisy = exact + noise(draw.scale, exact.shape, rng)
                values = tuple(int(value) for value in noisy)
                vectors[part.key] = (NoisyVector(part.key, "null", draw.scale, draw.rho_units, values),)
    losses = {draw.key: Loss(draw.rho, draw.rho_two) for draw in plan.draws}
    return tables(plan, vectors, losses)


def share_wrong(reports: int, epsilon: str, seed: int = 13) -> tuple[float, float]:
    """The share of reports with any false finding, and the share of hypotheses with p <= 0.05 before the choice."""
    rng, plan = np.random.default_rng(seed), planned(epsilon)
    level = float(1 - plan.confidence)
    wrong, below, tests = 0, 0, 0
    for _ in range(reports):
        people = population(int(rng.integers(5_000, 20_000)), rng)
        facts = [test for table in report(plan, people, rng) for test in table.tests]
        wrong += any(test.found for test in facts)
        below += sum(test.p_value is not None and test.p_value <= level for test in facts)
        tests += len(facts)
    assert plan.confidence == Decimal("0.95")
    return wrong / reports, below / tests
