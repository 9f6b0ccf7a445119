"""What each measurement of a report may cost, in whole ledger units.

Queries with a margin or a cost are served first; the others share what is left of the report's budget by weight. The
account's balance plays no part, so a locked plan does not change with the ledger. A measurement that several queries
need costs the most that one of those with a fixed price needs; those without add their shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from dpinsights.errors import PlanError
from dpinsights.mechanisms.loss import epsilon_of, rho_units_of
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.contract import Planning
from dpinsights.model.measurement import Measured
from dpinsights.model.numbers import RHO_UNITS
from dpinsights.model.plan import PlannedQuery
from dpinsights.planning.forecasts import is_exact, scale_for_margin, units_for_margin
from dpinsights.planning.measurements import Needed


def allocate(
    needs: Sequence[Needed],
    planned: Sequence[PlannedQuery],
    *,
    budget_units: int,
    delta: Decimal,
    planning: Planning,
    confidence: Decimal,
) -> dict[str, int]:
    """The ledger units of each measurement, by key; they add up to at most the budget.

    Raises:
        PlanError: if margins and costs don't fit, or leave nothing for the queries with a weight.
    """
    fixed: dict[str, int] = {}
    by_query: dict[str, int] = {}
    for need, query in zip(needs, planned, strict=True):
        wants = _fixed_units(need, query, delta, planning, confidence)
        by_query[need.query.name] = sum(wants.values())
        for key, units in wants.items():
            fixed[key] = max(units, fixed.get(key, 0))
    left = budget_units - sum(fixed.values())
    sharing = [
        need for need in needs if _is_weighted(need) and any(m.key not in fixed for m, _ in need.shares)
    ]
    if left < 0 or (sharing and left < len(sharing) * len(needs)):
        raise _too_dear(
            by_query, [need.query.name for need in sharing], budget_units, sum(fixed.values()), delta
        )
    return fixed | _shared_out(sharing, fixed, left)


def _is_weighted(need: Needed) -> bool:
    return need.query.query.margin is None and need.query.query.cost is None


def _fixed_units(
    need: Needed, planned: PlannedQuery, delta: Decimal, planning: Planning, confidence: Decimal
) -> dict[str, int]:
    """What a query with a margin or a cost needs of each of its measurements."""
    query = need.query.query
    if query.margin is not None and is_exact(need.query) and len(need.parts) == 1 and not query.cumulative:
        measurement = need.part("value")
        scale = scale_for_margin(measurement, query.margin, 1 - float(confidence))
        return {measurement.key: _units(measurement, scale)}
    if query.margin is not None:
        return _split(need, units_for_margin(need, planned, query.margin, planning, confidence))
    if query.cost is not None:
        rho, epsilon = query.cost.rho, query.cost.epsilon
        units = int(rho * RHO_UNITS) if rho is not None else rho_units_of(epsilon or Decimal(0), delta)
        return _split(need, units)
    return {}


def _units(measurement: Measured, scale: float) -> int:
    return GaussianNoise(unit="plan", size=1, l2_squared=measurement.l2_squared, scale=scale).rho_units


def _split(need: Needed, units: int) -> dict[str, int]:
    total = sum(share for _, share in need.shares)
    split = {measurement.key: units * share // total for measurement, share in need.shares}
    if min(split.values()) < 1:
        raise PlanError(f"{need.query.name}: its cost is less than a ledger counts (rho 1e-12): give it more")
    return split


def _shared_out(sharing: Sequence[Needed], fixed: Mapping[str, int], left: int) -> dict[str, int]:
    """What is left, by weight; a query whose count is paid for already spends its share on the rest."""
    weights = {need.query.name: need.query.query.weight or Decimal(1) for need in sharing}
    total = sum(weights.values(), Decimal(0))
    units: dict[str, int] = {}
    for need in sharing:
        own = int(left * weights[need.query.name] / total)
        open_shares = [
            (measurement.key, share) for measurement, share in need.shares if measurement.key not in fixed
        ]
        parts = sum(share for _, share in open_shares)
        for key, share in open_shares:
            units[key] = units.get(key, 0) + own * share // parts
    if any(amount < 1 for amount in units.values()):
        raise PlanError("a query's weight gives it less than a ledger counts (rho 1e-12): give it more")
    return units


def _too_dear(
    by_query: Mapping[str, int], sharing: Sequence[str], budget: int, wanted: int, delta: Decimal
) -> PlanError:
    """Which queries cost most, and what would fit."""
    dearest = sorted(((units, name) for name, units in by_query.items() if units), reverse=True)[:5]
    lines = [
        f"  {name}: rho {units / RHO_UNITS:.3g} ({units / budget:.0%} of the budget)"
        for units, name in dearest
    ]
    ratio = (wanted / (budget * (0.5 if sharing else 1.0))) ** 0.5
    waiting = (
        f" and leave nothing for {', '.join(sharing)}, which share what is left by weight" if sharing else ""
    )
    would_fit = epsilon_of(wanted * (2 if sharing else 1), delta)
    return PlanError(
        f"the margins and costs asked for need rho {wanted / RHO_UNITS:.4g} (epsilon {epsilon_of(wanted, delta)}) of the "
        f"report's rho {budget / RHO_UNITS:.4g} (epsilon {epsilon_of(budget, delta)}){waiting}.\nDearest:\n"
        + "\n".join(lines)
        + f"\nWhat would fit: every margin {ratio:.2f} times as wide"
        + (" (half the budget then goes by weight)" if sharing else "")
        + f", fewer of these queries, or a budget of epsilon {would_fit}.",
        would_fit=would_fit,
    )
