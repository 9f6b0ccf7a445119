"""The plan of a report: measurements, cost, noise and expected margins, from definitions alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from dpinsights.estimation.selecting import rank_margin
from dpinsights.mechanisms.loss import rho_units_of
from dpinsights.mechanisms.noise import GaussianNoise, scale_for
from dpinsights.mechanisms.selection import GroupedMin, scale_for_selection
from dpinsights.mechanisms.threshold import KeyThreshold, threshold_for
from dpinsights.model.canonical import digest
from dpinsights.model.contract import Contract
from dpinsights.model.measurement import Discovery, Draw, Measured, Selection
from dpinsights.model.numbers import DELTA_UNITS
from dpinsights.model.plan import Forecast, Part, Plan, PlannedQuery
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
    miss = 1 - float(report.confidence)
    needs = [needed(query, seed=seed, customers_at_most=most, miss=miss) for query in queries]
    planned = [_planned(need, contract) for need in needs]
    budget_units = rho_units_of(report.budget.epsilon, delta)
    delta_units = _delta_units(budget_units, policy)

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
        made = {draw.key: draw for draw in _draws(own, units, partnership, most, delta_units)}
        return tuple((before | made).values())

    draws = drawn({})
    rolled = roll_ups(needs, draws, known, contract, report.confidence)
    taken = {up.draw.key: up.draw.rho_units for up in rolled.values() if up.draw in known}
    if sum(taken.values()) * (1 if len(rolled) == len(needs) else 2) > budget_units:
        rolled = {}  # what was measured before would crowd out the rest under this report's ceiling
    if rolled:
        draws = drawn(rolled)
        planned = [_rolled(query, rolled.get(query.name)) for query in planned]
    scales = {draw.key: draw.scale for draw in draws}
    thresholds = {draw.key: draw.threshold for draw in draws}
    by_key = {draw.key: draw for draw in draws}
    planned = [
        replace(query, threshold=thresholds[query.parts[0].key], rank=_rank(query, by_key, miss))
        for query in planned
    ]
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
        smallest_group=policy.smallest_group,
    )


def _rolled(query: PlannedQuery, rolled: RollUp | None) -> PlannedQuery:
    if rolled is None:
        return query
    return replace(query, parts=(Part("value", rolled.draw.key, rolled.cells, rolled.size),))


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
    needs: Sequence[Needed],
    units: dict[str, int],
    partnership: str,
    customers_at_most: int,
    delta_units: int = 0,
) -> tuple[Draw, ...]:
    """One draw for each distinct measurement, in the order in which queries first need it.

    `delta_units` are shared out evenly among the discoveries.
    """
    measurements: dict[str, tuple[Measured, str]] = {}
    for need in needs:
        for measurement, _ in need.shares:
            measurements.setdefault(measurement.key, (measurement, need.query.name))
    discoveries = sum(isinstance(measurement, Discovery) for measurement, _ in measurements.values())
    draws = []
    for key, (measurement, name) in measurements.items():
        if isinstance(measurement, Selection):
            draws.append(_selected(measurement, units[key], partnership))
            continue
        scale = scale_for(l2_squared=measurement.l2_squared, rho_units=units[key])
        prove_no_overflow(measurement, scale, customers_at_most, name)
        if isinstance(measurement, Discovery):
            draws.append(_discovered(measurement, units[key], partnership, delta_units // discoveries))
            continue
        noise = GaussianNoise.of(measurement, unit=partnership, scale=scale)
        draws.append(Draw(measurement, noise.rho_units, scale, noise.rho(1), noise.rho(2)))
    return tuple(draws)


def _delta_units(budget_units: int, policy: Policy) -> int:
    """What a report's discoveries may cost in delta: the part of the policy's that its budget is of the lifetime's rho.

    So what is left for discoveries lasts as long as the rest of the budget.
    """
    lifetime = rho_units_of(policy.lifetime.epsilon, policy.delta.conversion)
    return int(policy.delta.discovery * DELTA_UNITS) * min(budget_units, lifetime) // lifetime


def _discovered(discovery: Discovery, rho_units: int, partnership: str, delta_units: int) -> Draw:
    """The smallest noise, and then the smallest threshold, whose losses as OpenDP's maps state them fit."""
    l0, linf = discovery.l0, discovery.linf
    scale = scale_for(l2_squared=discovery.l2_squared, rho_units=rho_units)
    while KeyThreshold(unit="plan", l0=l0, linf=linf, scale=scale, threshold=2).rho_units > rho_units:
        scale = math.nextafter(scale, math.inf)
    threshold = threshold_for(l0=l0, linf=linf, scale=scale, delta_units=delta_units)
    mechanism = KeyThreshold.of(discovery, unit=partnership, scale=scale, threshold=threshold)
    (rho, delta), (rho_two, delta_two) = mechanism.loss(1), mechanism.loss(2)
    return Draw(
        discovery,
        mechanism.rho_units,
        scale,
        rho,
        rho_two,
        delta_units=mechanism.delta_units,
        delta=delta,
        delta_two=delta_two,
        threshold=threshold,
    )


def _selected(selection: Selection, rho_units: int, partnership: str) -> Draw:
    """The smallest noise of scores whose loss, as OpenDP's map states it for each choice, fits."""
    scale = scale_for_selection(linf=selection.linf, rho_units=rho_units, k=selection.size)
    while (choices := GroupedMin.of(selection, unit=partnership, scale=scale)).rho_units > rho_units:
        scale = math.nextafter(scale, math.inf)
    return Draw(selection, choices.rho_units, scale, choices.rho(1), choices.rho(2))


def _rank(query: PlannedQuery, draws: Mapping[str, Draw], miss: float) -> int | None:
    """The margin of the ranks of quantiles that are chosen, in customers; None for all else."""
    chosen = [(draw.measurement, draw.scale) for draw in map(draws.__getitem__, query.keys)]
    selections = [(one, scale) for one, scale in chosen if isinstance(one, Selection)]
    if not selections:
        return None
    return rank_margin(
        [one.probability for one, _ in selections],
        [scale for _, scale in selections],
        candidates=selections[0][0].candidates,
        miss=miss,
    )


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
    if query.query.cumulative:
        return f"running-{of}"
    match query.measure:
        case "mean" | "share":
            is_share = query.values[0].type.kind == "boolean"
            return f"share-of-{of}" if is_share else f"mean-per-{query.per}"
        case "var":
            return f"variance-over-{of}"
        case "std":
            return f"deviation-over-{of}"
    return _ESTIMATES.get(query.measure, of)
