"""The plan of a report: measurements, cost, noise and expected margins, from definitions alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dpinsights.mechanisms.loss import rho_units_of
from dpinsights.mechanisms.noise import GaussianNoise, scale_for
from dpinsights.model.canonical import digest
from dpinsights.model.contract import Contract
from dpinsights.model.plan import Draw, Measurement, Plan, PlannedQuery
from dpinsights.model.policy import Policy
from dpinsights.model.report import Report
from dpinsights.model.resolved import ResolvedQuery
from dpinsights.planning.allocation import allocate
from dpinsights.planning.forecasts import forecasts
from dpinsights.planning.measurements import Needed, needed, prove_no_overflow, selection_seed

NOTHING_RELEASED: Mapping[str, int] = MappingProxyType({})


def make_plan(
    report: Report,
    queries: Sequence[ResolvedQuery],
    contract: Contract,
    policy: Policy,
    digests: tuple[str, str],
    released: Mapping[str, int] = NOTHING_RELEASED,
) -> Plan:
    """The plan of a report whose queries are resolved.

    Args:
        report, contract, policy: the definitions.
        queries: the report's queries, in its order.
        digests: the measurement digest and the reader digest.
        released: typical group sizes by the key of a count that was released on the snapshot; they change what is
            forecast, never what is drawn or charged.

    Raises:
        PlanError: if what is asked does not fit the report's budget, or can't be forecast from public figures.
    """
    delta = policy.delta.conversion
    partnership = contract.partnership or contract.contract
    needs = [needed(query, seed=selection_seed(partnership)) for query in queries]
    budget_units = rho_units_of(report.budget.epsilon, delta)
    units = allocate(needs, budget_units=budget_units, delta=delta, planning=contract.planning)
    draws = _draws(needs, units, partnership, contract.planning.customers_at_most)
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
        draws=draws,
        queries=tuple(_planned(need, scales, contract, released) for need in needs),
    )


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
        noise = GaussianNoise(
            unit=partnership, size=measurement.relation.cells, l2_squared=measurement.l2_squared, scale=scale
        )
        draws.append(Draw(measurement, noise.rho_units, scale, noise.rho(1), noise.rho(2)))
    return tuple(draws)


def _planned(
    need: Needed, scales: dict[str, float], contract: Contract, released: Mapping[str, int]
) -> PlannedQuery:
    query, written = need.query, need.query.query
    relation = need.numerator.relation
    return PlannedQuery(
        name=query.name,
        measure=written.measure,
        of=written.of,
        estimates=_estimates(query),
        numerator=need.numerator.key,
        denominator=need.denominator.key if need.denominator else None,
        axes=query.axes,
        step=need.numerator.step,
        unit=query.type.unit if query.type else None,
        low=query.low,
        high=query.high,
        per=query.per,
        population=query.population,
        k=relation.groups_per_customer,
        r=relation.rows_per_customer,
        where=written.where,
        rows_where=written.rows_where,
        margin=written.margin,
        forecasts=forecasts(need, scales, contract.planning, released),
        title=written.title,
        note=written.note,
    )


def _estimates(query: ResolvedQuery) -> str:
    if query.query.measure == "count":
        return "customers" if query.per == "customer" else "rows"
    if query.query.measure == "sum":
        return "total"
    what = "share-of" if query.type is not None and query.type.kind == "boolean" else "mean-per"
    return f"{what}-{query.per}" + ("s" if what == "share-of" else "")
