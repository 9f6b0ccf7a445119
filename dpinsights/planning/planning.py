"""The plan of a report: measurements, cost, noise and expected margins, from definitions alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from dpinsights.mechanisms.loss import rho_units_of
from dpinsights.mechanisms.noise import GaussianNoise, scale_for
from dpinsights.model.canonical import digest
from dpinsights.model.contract import Contract
from dpinsights.model.plan import Draw, Forecast, Measurement, Part, Plan, PlannedQuery
from dpinsights.model.policy import Policy
from dpinsights.model.report import Report
from dpinsights.model.resolved import ResolvedQuery
from dpinsights.planning.allocation import allocate
from dpinsights.planning.families import families
from dpinsights.planning.forecasts import forecasts
from dpinsights.planning.measurements import Needed, needed, prove_no_overflow, selection_seed
from dpinsights.planning.rollups import RollUp, half_width, roll_ups

NOTHING_RELEASED: Mapping[str, int] = MappingProxyType({})


def make_plan(
    report: Report,
    queries: Sequence[ResolvedQuery],
    contract: Contract,
    policy: Policy,
    digests: tuple[str, str],
    released: Mapping[str, int] = NOTHING_RELEASED,
    known: Sequence[Draw] = (),
) -> Plan:
    """The plan of a report whose queries are resolved.

    Args:
        report, contract, policy: the definitions.
        queries: the report's queries, in its order.
        digests: the measurement digest and the reader digest.
        released: typical group sizes by the key of a count that was released on the snapshot; they change what is
            forecast, never what is drawn or charged.
        known: draws that were measured before on the snapshot, from which coarser counts may be added up.

    Raises:
        PlanError: if what is asked does not fit the report's budget, or can't be forecast from public figures.
    """
    delta = policy.delta.conversion
    partnership = contract.partnership or contract.contract
    seed, most = selection_seed(partnership), contract.planning.customers_at_most
    needs = [needed(query, seed=seed, customers_at_most=most) for query in queries]
    planned = [_planned(need, contract) for need in needs]
    budget_units = rho_units_of(report.budget.epsilon, delta)

    def drawn(rolled: Mapping[str, RollUp]) -> tuple[Draw, ...]:
        """The draws of the queries that are not rolled up from another's, and of those that they are rolled up from."""
        pairs = [pair for pair in zip(needs, planned, strict=True) if pair[0].query.name not in rolled]
        own = [need for need, _ in pairs]
        # What was measured before is free, but a plan never states more than its ceiling.
        before = {up.draw.key: up.draw for up in rolled.values() if up.draw in known}
        units = allocate(
            own,
            [query for _, query in pairs],
            budget_units=budget_units - sum(draw.rho_units for draw in before.values()),
            delta=delta,
            planning=contract.planning,
            confidence=report.confidence,
        )
        made = {draw.key: draw for draw in _draws(own, units, partnership, most)}
        return tuple((before | made).values())

    draws = drawn({})
    rolled = roll_ups(needs, draws, known, contract, report.confidence)
    taken = {up.draw.key: up.draw.rho_units for up in rolled.values() if up.draw in known}
    if sum(taken.values()) * 2 > budget_units and len(rolled) < len(needs):
        rolled = {}  # what was measured before would crowd out the rest under this report's ceiling
    if rolled:
        draws = drawn(rolled)
        planned = [_rolled(query, rolled.get(query.name)) for query in planned]
    scales = {draw.key: draw.scale for draw in draws}
    return Plan(
        report=report.report,
        version=report.version,
        partnership=partnership,
        contract=contract.contract,
        contract_digest=digest(contract, purpose="contract"),
        measurement_digest=digests[0],
        reader_digest=digests[1],
        audience=report.audience,
        account=report.account,
        start=report.period.start,
        until=report.period.until,
        budget_units=budget_units,
        conversion_delta=delta,
        discovery_delta=policy.delta.discovery,
        confidence=report.confidence,
        draws=draws,
        queries=tuple(
            replace(
                query,
                forecasts=_forecasts(need, query, scales, contract, released, report.confidence, rolled),
            )
            for need, query in zip(needs, planned, strict=True)
        ),
        families=families([draw.measurement for draw in draws], contract),
    )


def _rolled(query: PlannedQuery, rolled: RollUp | None) -> PlannedQuery:
    if rolled is None:
        return query
    return replace(query, parts=(Part("value", rolled.draw.key, rolled.cells),))


def _forecasts(
    need: Needed,
    query: PlannedQuery,
    scales: Mapping[str, float],
    contract: Contract,
    released: Mapping[str, int],
    confidence: Decimal,
    rolled: Mapping[str, RollUp],
) -> tuple[Forecast, ...]:
    if query.name not in rolled:
        return forecasts(need, query, scales, contract.planning, released, confidence)
    up = rolled[query.name]
    width = half_width(scales[up.draw.key], up.most, 1 - float(confidence))
    return (Forecast(Decimal(math.ceil(width))),)


def _draws(
    needs: Sequence[Needed], units: dict[str, int], partnership: str, customers_at_most: int
) -> tuple[Draw, ...]:
    """One draw for each distinct measurement, in the order in which queries first need it."""
    measurements: dict[str, tuple[Measurement, str]] = {}
    for need in needs:
        for measurement, _ in need.shares:
            measurements.setdefault(measurement.key, (measurement, need.query.name))
    draws = []
    for key, (measurement, name) in measurements.items():
        scale = scale_for(l2_squared=measurement.l2_squared, rho_units=units[key])
        prove_no_overflow(measurement, scale, customers_at_most, name)
        noise = GaussianNoise.of(measurement, unit=partnership, scale=scale)
        draws.append(Draw(measurement, noise.rho_units, scale, noise.rho(1), noise.rho(2)))
    return tuple(draws)


def _planned(need: Needed, contract: Contract) -> PlannedQuery:
    """A query with its measurements, its forecasts still to come."""
    query = need.query
    relation = need.parts[0].measurement.relation
    return PlannedQuery(
        name=query.name,
        asked=query.query,
        estimates=_estimates(query),
        parts=tuple(Part(part.role, part.measurement.key) for part in need.parts),
        axes=query.axes,
        own_axes=query.own_axes,
        values=need.values,
        edges=tuple(edge * query.values[0].type.step for edge in query.edges),
        per=query.per,
        population=query.population,
        k=relation.groups_per_customer,
        r=relation.rows_per_customer,
        forecasts=(),
        figures=_figures(query, contract),
    )


def _figures(query: ResolvedQuery, contract: Contract) -> tuple[str, tuple[Decimal | None, ...]] | None:
    name = query.query.out_of
    return (contract.figures[name].of, query.figures) if name is not None else None


_ESTIMATES = {
    "sum": "total", "ratio": "ratio-of-sums", "quantile": "quantile-of-customers", "corr": "correlation",
    "regression": "coefficient", "concentration": "concentration",
}  # fmt: skip


def _estimates(query: ResolvedQuery) -> str:
    """What the numbers estimate, in words for readers."""
    of = f"{query.per}s"
    match query.measure:
        case "mean" | "share":
            is_share = query.values[0].type.kind == "boolean"
            return f"share-of-{of}" if is_share else f"mean-per-{query.per}"
        case "var":
            return f"variance-over-{of}"
        case "std":
            return f"deviation-over-{of}"
    return _ESTIMATES.get(query.measure, of)
