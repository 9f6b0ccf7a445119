"""Which measurements a query needs: bounded sums of one relation, each in a role, with its share of the query's cost.

A count and a sum are one vector each. A mean is two over the same relation: the sum, and the count of exactly the
contributions in that sum, null rule included. Moments (variance, correlation, regression) are sums of centred values
and of their products, a histogram's counts may be drawn as a tree, and a running total as a series. Equal measurements
of a report are one, drawn and paid once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce

from dpinsights.definitions import building as build
from dpinsights.errors import PlanError
from dpinsights.estimation.moments import PROBABILITIES, quantile_key
from dpinsights.estimation.selecting import is_selection_better
from dpinsights.mechanisms.noise import INT64, NOISE_ROOM
from dpinsights.model.expressions import Constant, Node, is_about_rows
from dpinsights.model.measurement import FORMULATION, Discovery, Measured, Measurement, Relation, Selection
from dpinsights.model.plan import PlannedValue
from dpinsights.model.resolved import ResolvedQuery, ResolvedValue
from dpinsights.model.strategy import Strategy

NUMERATOR_SHARE = 3
DENOMINATOR_SHARE = 1
"""How a mean's cost is split. With t the mean as a part of its bound, the best split is 1 : t; 3 : 1 costs at most a
third more than the best for t up to 1, and a tenth more for t between 0.15 and 0.6, where clipped means mostly lie."""


@dataclass(frozen=True)
class NeededPart:
    """A measurement in a role, with its share of the query's cost."""

    role: str
    measurement: Measured
    share: int = 1


@dataclass(frozen=True)
class Needed:
    """A query with its measurements and the numbers that it is about."""

    query: ResolvedQuery
    parts: tuple[NeededPart, ...]
    values: tuple[PlannedValue, ...] = ()

    @property
    def shares(self) -> tuple[tuple[Measured, int], ...]:
        """Distinct measurements and how the query's cost is split over them."""
        total: dict[str, tuple[Measured, int]] = {}
        for part in self.parts:
            _, share = total.get(part.measurement.key, (part.measurement, 0))
            total[part.measurement.key] = (part.measurement, share + part.share)
        return tuple(total.values())

    def part(self, role: str) -> Measured:
        """The measurement in a role."""
        return next(part.measurement for part in self.parts if part.role == role)


def selection_seed(partnership: str) -> str:
    """The selection order's seed: the same for all of a partnership's reports, so that they can share measurements."""
    return f"dpinsights/{FORMULATION}/{partnership}"


def needed(query: ResolvedQuery, *, seed: str, customers_at_most: int, miss: float = 0.05) -> Needed:
    """The measurements of a query.

    Args:
        query: the query, resolved.
        seed: the selection order's.
        customers_at_most: how many customers there can be: decides how coarse a product of values must be.
        miss: one minus the report's confidence: decides how quantiles with a margin of rank are drawn.
    """
    return _NEEDS[query.measure](query, _Maker(query, seed, customers_at_most, miss))


@dataclass(frozen=True)
class _Maker:
    """Makes the measurements of one query's relation."""

    query: ResolvedQuery
    seed: str
    customers_at_most: int
    miss: float = 0.05

    def relation(self, present: Node | None = None, *, pairs: bool = False) -> Relation:
        query = self.query
        return Relation(
            population=query.population,
            rows=query.rows,
            groups=query.groups + query.own_groups,
            where=query.where,
            rows_where=query.rows_where,
            present=present,
            groups_per_customer=_groups_per_customer(query),
            rows_per_customer=query.rows_per_customer if query.per == "row" else None,
            seed=self.seed,
            pairs=True if pairs else None,
        )

    def count(self, present: Node | None = None, *, pairs: bool = False) -> Measurement:
        return Measurement(self.relation(present, pairs=pairs), value=None, low=0, high=1)

    def total(self, count: Measurement, value: ResolvedValue) -> Measurement:
        return replace(count, value=value.node, low=value.low, high=value.high, step=value.type.step)

    def coarse(self, value: ResolvedValue, centre: int) -> int:
        """The smallest divisor for which squares of the value, summed over all customers, keep within 61 bits."""
        rows = self.query.rows_per_customer or 1
        most = max(abs(value.low - centre), abs(value.high - centre))
        return max(1, math.ceil(most / math.isqrt(2**61 // (self.customers_at_most * rows))))

    def is_summed(self, value: ResolvedValue) -> bool:
        """Whether a customer's value is a sum over rows, which can't be centred before it is clamped."""
        return self.query.per == "customer" and is_about_rows(value.node)

    def planned(self, value: ResolvedValue, centre: int = 0, coarse: int = 1) -> PlannedValue:
        proven = value.type.low >= value.low and value.type.high <= value.high
        return PlannedValue(
            value.name,
            value.type.step,
            value.type.unit,
            value.low,
            value.high,
            centre,
            coarse,
            clamped=value.type.kind != "boolean"
            and (self.is_summed(value) or not proven or _is_clamp(value)),
        )

    def second(self, count: Measurement, value: ResolvedValue, centre: int) -> Measurement:
        """The sum of squares, about a centre."""
        step = value.type.step
        coarse = self.coarse(value, centre)
        return replace(
            self.total(count, _shifted(value, centre)),
            step=(step * coarse) ** 2,
            coarse=coarse if coarse > 1 else None,
            power=2,
        )


def _is_clamp(value: ResolvedValue) -> bool:
    """A number's bounds are declared somewhere, on its column at least, and may have clipped."""
    return value.type.kind == "number"


def _shifted(value: ResolvedValue, centre: int) -> ResolvedValue:
    if not centre:
        return value
    node = build.arithmetic("-", value.node, Constant(centre))
    kind = replace(value.type, low=value.type.low - centre, high=value.type.high - centre)
    return replace(value, node=node, type=kind, low=value.low - centre, high=value.high - centre)


def _present(values: Sequence[ResolvedValue]) -> Node | None:
    """A node that is null where any of the values is."""
    maybe = [value for value in values if value.type.nullable]
    if len(maybe) < 2:
        return maybe[0].node if maybe else None
    clamped = [build.clamped(value.node, value.low, value.high) for value in maybe]
    return reduce(lambda one, other: build.arithmetic("+", one, other), clamped)


def _counted(query: ResolvedQuery, make: _Maker) -> Needed:
    count = make.count()
    if query.query.cumulative:
        count = replace(count, strategy=Strategy("series", query.groups[-1].size))
    return Needed(query, (NeededPart("value", count),))


def _ranked(query: ResolvedQuery, make: _Maker) -> Needed:
    """The counts of a category's keys, or a discovery of a text's."""
    if query.text is None:
        return _counted(query, make)
    relation = replace(make.relation(), groups_per_customer=query.groups_per_customer)
    return Needed(query, (NeededPart("value", Discovery(relation, query.text)),))


def _paired(query: ResolvedQuery, make: _Maker) -> Needed:
    return Needed(query, (NeededPart("value", make.count(pairs=True)),))


def _summed(query: ResolvedQuery, make: _Maker) -> Needed:
    (value,) = query.values
    count = make.count(_present(query.values))
    parts = [NeededPart("value", make.total(count, value), NUMERATOR_SHARE)]
    if query.query.test == "difference":
        parts.append(NeededPart("second", make.second(count, value, 0)))
    return Needed(query, tuple(parts), (make.planned(value, coarse=make.coarse(value, 0)),))


def _averaged(query: ResolvedQuery, make: _Maker) -> Needed:
    (value,) = query.values
    count = make.count(_present(query.values))
    parts = [
        NeededPart("numerator", make.total(count, value), NUMERATOR_SHARE),
        NeededPart("denominator", count, DENOMINATOR_SHARE),
    ]
    if query.query.test == "difference" and value.type.kind != "boolean":
        parts.append(NeededPart("second", make.second(count, value, 0)))
    return Needed(query, tuple(parts), (make.planned(value, coarse=make.coarse(value, 0)),))


def _related(query: ResolvedQuery, make: _Maker) -> Needed:
    """A ratio of two sums over the same customers; a value that is null adds nothing to its own sum."""
    above, below = query.values
    count = make.count()
    parts = (
        NeededPart("numerator", make.total(count, above)),
        NeededPart("denominator", make.total(count, below)),
    )
    return Needed(query, parts, (make.planned(above), make.planned(below)))


def _spread(query: ResolvedQuery, make: _Maker) -> Needed:
    """Count, sum and sum of squares about a public centre, which halves the bound of a value."""
    (value,) = query.values
    centre = 0 if make.is_summed(value) else (value.low + value.high) // 2
    coarse = make.coarse(value, centre)
    count = make.count(_present(query.values))
    first = replace(
        make.total(count, _shifted(value, centre)),
        step=value.type.step * coarse,
        coarse=coarse if coarse > 1 else None,
    )
    parts = (
        NeededPart("count", count, 1),
        NeededPart("first", first, 2),
        NeededPart("second", make.second(count, value, centre), 3),
    )
    return Needed(query, parts, (make.planned(value, centre, coarse),))


def _binned(query: ResolvedQuery, make: _Maker) -> Needed:
    (value,) = query.values
    count = make.count()
    if query.measure == "quantile":
        strategy = Strategy("tree", query.own_groups[-1].size)
        if query.query.interval == "rank":
            asked = query.query.at or PROBABILITIES
            groups = count.relation.cells // strategy.size
            if is_selection_better(asked, strategy, groups=groups, miss=make.miss):
                parts = tuple(
                    NeededPart(quantile_key(p).key, Selection(count.relation, p.normalize())) for p in asked
                )
                return Needed(query, parts, (make.planned(value),))
        count = replace(count, strategy=strategy)
    # A histogram's outer bins hold what lies beyond the bounds too: clamping moves nobody to another bin.
    planned = replace(make.planned(value), clamped=query.measure == "quantile")
    return Needed(query, (NeededPart("value", count),), (planned,))


def _concentrated(query: ResolvedQuery, make: _Maker) -> Needed:
    (value,) = query.values
    count = make.count()
    parts = (NeededPart("count", count, 1), NeededPart("total", make.total(count, value), 2))
    return Needed(query, parts, (make.planned(value),))


def _moments(query: ResolvedQuery, make: _Maker) -> Needed:
    """All products of two of (1, values...), centred and coarse, each a sum over the same customers."""
    centred, planned = [], []
    for value in query.values:
        centre = 0 if value.type.kind == "boolean" else (value.low + value.high) // 2
        coarse = make.coarse(value, centre)
        node = build.clamped(value.node, value.low, value.high)
        node = build.arithmetic("-", node, Constant(centre)) if centre else node
        node = build.divided(node, Constant(coarse)) if coarse > 1 else node
        low, high = (_half_even(bound - centre, coarse) for bound in (value.low, value.high))
        centred.append((node, low, high, value.type.step * coarse))
        planned.append(make.planned(value, centre, coarse))
    count = make.count(_present(query.values))
    parts = [NeededPart("0*0", count)]
    for i, (node, low, high, step) in enumerate(centred, 1):
        parts.append(NeededPart(f"0*{i}", replace(count, value=node, low=low, high=high, step=step)))
    for i, (one, low, high, step) in enumerate(centred, 1):
        for j, (other, least, most, unit) in enumerate(centred[i - 1 :], i):
            corners = [a * b for a in (low, high) for b in (least, most)]
            product = replace(
                count,
                value=build.arithmetic("*", one, other),
                low=0 if i == j else min(corners),
                high=max(corners),
                step=step * unit,
            )
            parts.append(NeededPart(f"{i}*{j}", product, 2))
    return Needed(query, tuple(parts), tuple(planned))


def _correlated(query: ResolvedQuery, make: _Maker) -> Needed:
    return _moments(query, make) if query.values else _counted(query, make)


_NEEDS: dict[str, Callable[[ResolvedQuery, _Maker], Needed]] = {
    "count": _counted,
    "sum": _summed,
    "mean": _averaged,
    "share": _averaged,
    "ratio": _related,
    "var": _spread,
    "std": _spread,
    "quantile": _binned,
    "histogram": _binned,
    "pairs": _paired,
    "top": _ranked,
    "funnel": _counted,
    "retention": _counted,
    "corr": _correlated,
    "regression": _moments,
    "concentration": _concentrated,
}


def _half_even(value: int, divisor: int) -> int:
    whole, rest = divmod(abs(value), divisor)
    up = 2 * rest > divisor or (2 * rest == divisor and whole % 2 == 1)
    return (whole + up) * (1 if value >= 0 else -1)


def _groups_per_customer(query: ResolvedQuery) -> int | None:
    """k, taken down to the number of groups that there are: more is the same relation."""
    groups = query.groups + query.own_groups
    reach = math.prod(group.size for group in groups if is_about_rows(group.code))
    return None if query.groups_per_customer is None else min(query.groups_per_customer, reach)


def prove_no_overflow(measurement: Measured, scale: float, customers_at_most: int, name: str) -> None:
    """Refuses a plan whose exact sums plus forty times the noise might not fit 64 bits.

    Raises:
        PlanError: with the largest sum that there can be.
    """
    most = customers_at_most * measurement.linf + NOISE_ROOM * int(scale + 1)
    if most >= INT64:
        raise PlanError(
            f"{name}: sums may reach {Decimal(most):.3g} steps, more than 64 bits hold (9.22e18): narrow its bounds, "
            "take a coarser step in the contract, or a smaller customers_at_most"
        )
