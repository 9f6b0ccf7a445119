"""Which measurements a query needs.

A count and a sum are one vector each. A mean is two over the same relation: the sum, and the count of exactly the
contributions in that sum, null rule included. Equal measurements of a report are one, drawn and paid once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod

from dpinsights.errors import PlanError
from dpinsights.mechanisms.noise import INT64, NOISE_ROOM
from dpinsights.model.expressions import is_about_rows
from dpinsights.model.plan import FORMULATION, Measurement, Relation
from dpinsights.model.resolved import ResolvedQuery

NUMERATOR_SHARE = 3
DENOMINATOR_SHARE = 1
"""How a mean's cost is split. With t the mean as a part of its bound, the best split is 1 : t; 3 : 1 costs at most a
third more than the best for t up to 1, and a tenth more for t between 0.15 and 0.6, where clipped means mostly lie."""


@dataclass(frozen=True)
class Needed:
    """A query with its measurements, each with its share of the query's cost."""

    query: ResolvedQuery
    numerator: Measurement
    denominator: Measurement | None

    @property
    def shares(self) -> tuple[tuple[Measurement, int], ...]:
        """Measurements and how the query's cost is split over them."""
        if self.denominator is None:
            return ((self.numerator, 1),)
        return ((self.numerator, NUMERATOR_SHARE), (self.denominator, DENOMINATOR_SHARE))


def selection_seed(partnership: str) -> str:
    """The selection order's seed: the same for all of a partnership's reports, so that they can share measurements."""
    return f"dpinsights/{FORMULATION}/{partnership}"


def needed(query: ResolvedQuery, *, seed: str) -> Needed:
    """The measurements of a query."""
    relation = Relation(
        population=query.population,
        rows=query.rows,
        groups=query.groups,
        where=query.where,
        rows_where=query.rows_where,
        present=query.value if query.type is not None and query.type.nullable else None,
        groups_per_customer=_groups_per_customer(query),
        rows_per_customer=query.rows_per_customer if query.per == "row" else None,
        seed=seed,
    )
    count = Measurement(relation, value=None, low=0, high=1)
    if query.value is None:
        return Needed(query, count, None)
    step = query.type.step if query.type is not None else count.step
    total = replace(count, value=query.value, low=query.low, high=query.high, step=step)
    return Needed(query, total, count if query.query.measure == "mean" else None)


def _groups_per_customer(query: ResolvedQuery) -> int | None:
    """k, taken down to the number of groups that there are: more is the same relation."""
    reach = prod(group.size for group in query.groups if is_about_rows(group.code))
    return None if query.groups_per_customer is None else min(query.groups_per_customer, reach)


def prove_no_overflow(measurement: Measurement, scale: float, customers_at_most: int, name: str) -> None:
    """Refuses a plan whose exact sums plus forty times the noise might not fit 64 bits.

    Raises:
        PlanError: with the largest sum that there can be.
    """
    most = customers_at_most * measurement.linf + NOISE_ROOM * int(scale + 1)
    if most >= INT64:
        raise PlanError(
            f"{name}: sums may reach {most:.3g} steps, more than 64 bits hold (9.22e18): narrow its bounds, take a "
            "coarser step in the contract, or a smaller customers_at_most"
        )
