"""A plan made by hand, with a shared draw and forecasts by group size."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from dpinsights.model.expressions import Constant
from dpinsights.model.measurement import Draw, Group, Measurement, Relation
from dpinsights.model.plan import Forecast, Part, Plan, PlannedQuery, PlannedValue
from dpinsights.model.report import Query
from tests.reporting.releases import TIER, names

_RELATION = Relation("shared", None, (Group(Constant(0), 4),), None, None, None, None, None, "seed")
_COUNT = Measurement(_RELATION, None, 0, 1)
_SPEND = Measurement(_RELATION, Constant(1), 0, 800_000, Decimal("0.01"))
_SHOPS = Measurement(_RELATION, Constant(1), 0, 1)


def _query(name: str, asked: Query, estimates: str, numerator: Measurement, **more: object) -> PlannedQuery:
    role = "value" if asked.measure == "count" else "numerator"
    parts = (Part(role, numerator.key),)
    if asked.measure != "count":
        parts += (Part("denominator", _COUNT.key),)
    unit = more.pop("unit", None)
    base = {
        "name": name,
        "asked": asked,
        "estimates": estimates,
        "parts": parts,
        "axes": (TIER,),
        "own_axes": (),
        "values": (PlannedValue(asked.of, numerator.step, unit, numerator.low, numerator.high),),  # type: ignore[arg-type]
        "edges": (),
        "per": "customer",
        "population": "shared",
        "k": None,
        "r": None,
        "forecasts": (),
    }
    return PlannedQuery(**{**base, **more})  # type: ignore[arg-type]


def plan() -> Plan:
    """Three queries over three draws; the count serves all of them."""
    sizes = (1_000, 10_000, 100_000)
    return Plan(
        report="partner-quarterly",
        version=1,
        partnership="6f0c2a9be41d4f7a",
        contract="gongyin-xiaobai",
        contract_digest="c" * 64,
        measurement_digest="m" * 64,
        reader_digest="r" * 64,
        audience="jd",
        account="jd",
        start=date(2017, 10, 1),
        until=date(2018, 1, 1),
        budget_units=13_242_583_765,
        conversion_delta=Decimal("1e-10"),
        discovery_delta=Decimal("1e-11"),
        confidence=Decimal("0.95"),
        draws=(
            Draw(_COUNT, 100_000_000, 70.72, 1e-4, 4e-4),
            Draw(_SPEND, 5_000_000_000, 8_000_000.25, 5e-3, 2e-2),
            Draw(_SHOPS, 200_000_000, 50.0, 2e-4, 8e-4),
        ),
        queries=(
            _query(
                "shared",
                Query(count="customers", title=names("Shared <customers>", "共同客户"), margin=139),
                "customers",
                _COUNT,
                forecasts=(Forecast(Decimal(139)),),
            ),
            _query(
                "spend",
                Query(mean="online_spend"),
                "mean-per-customer",
                _SPEND,
                unit="CNY",
                forecasts=tuple(Forecast(Decimal(156_800) / size, size) for size in sizes),
            ),
            _query(
                "shops",
                Query(mean="shops"),
                "share-of-customers",
                _SHOPS,
                forecasts=(Forecast(Decimal("0.0123"), 10_000),),
            ),
        ),
    )
