"""Privacy bugs of measures, seeded one at a time: pairs, strategies, moments, bins, charges of several draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any
from unittest.mock import patch

import numpy as np
from sqlglot import exp

from dpinsights.measurement import aggregation, nodes, quantile_scores, relations, tree
from dpinsights.model import strategy
from dpinsights.model.expressions import Arithmetic, Constant
from dpinsights.model.measurement import Measurement
from dpinsights.planning import measurements, planning
from tests.assurance import hand
from tests.assurance import measure_checks as checks
from tests.assurance.mutants import MUTANTS, Patched, contributions, mutant, patched

__all__ = ["MUTANTS"]


# Pairs ----------------------------------------------------------------------------------------------


@mutant("no k on pair counts", checks.pair_counts)
def _all_pairs() -> Patched:
    original = relations._pairs

    def every(relation: Any, *rest: Any) -> exp.Select:
        return original(replace(relation, groups_per_customer=None), *rest)

    with patched((relations, "_pairs", every)):
        yield


@mutant("pairs formed before bounding", checks.pair_counts)
def _pairs_first() -> Patched:
    original = relations._pairs

    def first(relation: Any, *rest: Any) -> exp.Select:
        made = original(replace(relation, groups_per_customer=None), *rest).subquery("made")
        most = Measurement(relation, None, 0, 1).l0
        place = tree.numbered([tree.column("customer")], [tree.column("cell")])
        kept = tree.binary(exp.LTE, place, tree.number(most))
        names = (tree.column(name) for name in ("customer", "cell", "n"))
        return exp.select(*names).from_(made).qualify(kept)

    with patched((relations, "_pairs", first)):
        yield


def _cells(change: Callable[[Any], list[Any]]) -> Any:
    """Every contribution goes to the cells that are made of its own."""
    original = relations.contributions

    def changed(relation: Any, measured: Any, table: Any, reader: Any) -> Any:
        made = original(relation, measured, table, reader)
        values = [f"v{i}" for i in range(sum(m.value is not None for m in measured))]
        selects = [
            exp.select(
                tree.column("customer"),
                exp.alias_(cell, "cell", quoted=True),
                *(tree.column(name) for name in ("n", *values)),
            ).from_(made.copy().subquery("made"))
            for cell in change(tree.column("cell"))
        ]
        union: Any = selects[0]
        for select in selects[1:]:
            union = exp.union(union, select, distinct=False)
        rest = exp.select(exp.Star()).from_(union.subquery("all"))
        return rest.where(tree.binary(exp.LT, tree.column("cell"), tree.number(relation.cells)))

    return contributions(changed)


@mutant("two pairs share a cell", checks.pair_counts)
def _shared_cell() -> Patched:
    with _cells(
        lambda cell: [tree.call("greatest", tree.number(0), tree.binary(exp.Sub, cell, tree.number(1)))]
    ):
        yield


@mutant("a pair counted once in the sensitivity", checks.pair_sensitivity)
def _keys_not_pairs() -> Patched:
    def l0(self: Measurement) -> int:
        return min(self.relation.groups_per_customer or 1, self.relation.cells)

    with patched((Measurement, "l0", property(l0)), (aggregation, "_broken", lambda *_: [exp.false()])):
        yield


# One cell a customer --------------------------------------------------------------------------------


@mutant("bins overlap: a value on a cut is below it", checks.bins)
def _overlapping() -> Patched:
    def below(part: Any, at: Any, codes: Any) -> Any:
        return [
            (tree.binary(exp.LTE, part, tree.number(cut)), nodes._code(code))
            for cut, code in zip(at, codes, strict=False)
        ]

    with patched((nodes, "_below", below)):
        yield


@mutant("a cohort counted twice", checks.cohorts)
def _cohort_twice() -> Patched:
    with _cells(lambda cell: [cell, tree.binary(exp.Add, cell, tree.number(1))]):
        yield


@mutant("a funnel's customer counted in all its steps, with the L0 of one", checks.funnel)
def _all_steps() -> Patched:
    with _cells(
        lambda cell: [tree.binary(exp.Sub, cell, tree.binary(exp.Mod, cell, tree.number(n))) for n in (1, 4)]
    ):
        yield


# Strategies -----------------------------------------------------------------------------------------


@mutant("a tree's level forgotten in the norm", checks.tree_sensitivity)
def _level_forgotten() -> Patched:
    original = strategy._norms

    def norms(kind: str, size: int) -> tuple[int, int, int, int]:
        square, *rest = original(kind, size)
        return (square - 1, *rest)  # type: ignore[return-value]

    with patched((strategy, "_norms", norms)):
        yield


@mutant("a series' sensitivity from the matrix before rounding", checks.series_sensitivity)
def _unrounded() -> Patched:
    original = strategy._norms

    def norms(kind: str, size: int) -> tuple[int, int, int, int]:
        real = [Fraction(math.comb(2 * k, k), 4**k) for k in range(size)]
        _, *rest = original(kind, size)
        return (math.floor(sum(c * c for c in real) * strategy.SERIES_SCALE**2), *rest)  # type: ignore[return-value]

    with patched((strategy, "_norms", norms)):
        yield


@mutant("a strategy along the first group", checks.strategy)
def _wrong_axis() -> Patched:
    original = aggregation.applied

    def across(measurement: Measurement, sums: Any) -> Any:
        if measurement.strategy is None:
            return sums
        return original(
            measurement, np.ascontiguousarray(sums.reshape(-1, measurement.strategy.size).T).ravel()
        )

    with patched((aggregation, "applied", across)):
        yield


# Moments --------------------------------------------------------------------------------------------


@mutant("a second moment with the bound instead of its square", checks.moment_sensitivity)
def _not_squared() -> Patched:
    def largest(self: Measurement) -> int:
        return max(abs(self.low), abs(self.high)) // (self.coarse or 1)

    with patched((Measurement, "largest", property(largest))):
        yield


@mutant("coarse division beyond the bound", checks.moments)
def _rounded_up() -> Patched:
    def up(value: Any, divisor: Any) -> Any:
        above = tree.binary(
            exp.Add, tree.binary(exp.IntDiv, tree.call("abs", value), divisor), tree.number(1)
        )
        return tree.binary(exp.Mul, tree.call("sign", value), above)

    with patched((tree, "half_even", up)):
        yield


@mutant("an unclamped value squared", checks.moments)
def _unclamped() -> Patched:
    original = relations.clamped_value

    def squared(measurement: Measurement, raw: Any) -> Any:
        if measurement.power is None:
            return original(measurement, raw)
        return tree.call("coalesce", tree.binary(exp.Mul, raw, raw), tree.number(0))

    with patched((relations, "clamped_value", squared)):
        yield


def _products(change: Callable[[Measurement, Measurement, Measurement], Measurement]) -> Any:
    """Products of two numbers changed, given both first moments."""
    original = measurements._NEEDS["corr"]

    def need(*given: Any) -> Any:
        made = original(*given)
        parts = []
        for part in made.parts:
            i, j = part.role.split("*")
            if i != "0":
                one, other = made.part(f"0*{i}"), made.part(f"0*{j}")
                assert isinstance(part.measurement, Measurement)
                assert isinstance(one, Measurement) and isinstance(other, Measurement)
                part = replace(part, measurement=change(part.measurement, one, other))
            parts.append(part)
        return replace(made, parts=tuple(parts))

    return patch.dict(measurements._NEEDS, {"corr": need})


@mutant("a product's bound is the larger of two, not their product", checks.correlation)
def _larger() -> Patched:
    def bound(product: Measurement, one: Measurement, other: Measurement) -> Measurement:
        most = max(one.largest, other.largest)
        return replace(product, low=-most, high=most)

    with _products(bound):
        yield


@mutant("a correlation leaves out the nulls of one number only", checks.correlation)
def _one_null() -> Patched:
    with patched((measurements, "_present", lambda values: values[0].node)):
        yield


def _from_data(change: Callable[[Measurement, int], Measurement]) -> Any:
    """Measurements changed by what is in the per-customer table."""
    original = relations.contributions

    def changed(relation: Any, measured: Any, table: Any, reader: Any) -> Any:
        leaf = table.leaf(hand.BALANCE)
        most = exp.select(tree.call("max", leaf)).from_(tree.table("customers"))
        ((found,),) = reader.engine.rows(most)
        return original(relation, [change(m, found or 0) for m in measured], table, reader)

    return contributions(changed)


@mutant("a centre taken from the data", checks.locality_of_moments)
def _centre_of_data() -> Patched:
    def centred(m: Measurement, found: int) -> Measurement:
        assert isinstance(m.value, Arithmetic)
        return replace(m, value=replace(m.value, right=Constant(found // 2)))

    with _from_data(centred):
        yield


@mutant("coarse steps taken from the data", checks.locality_of_moments)
def _coarse_of_data() -> Patched:
    with _from_data(lambda m, found: replace(m, coarse=found // 10)):
        yield


# Charges --------------------------------------------------------------------------------------------


@mutant("a ratio's denominator with the numerator's scale and half a charge", checks.ratio_charges)
def _half_a_charge() -> Patched:
    original = planning._draws

    def draws(*given: Any) -> Any:
        first, *rest = original(*given)
        halved = [replace(d, scale=first.scale, rho_units=first.rho_units // 2) for d in rest]
        return (first, *halved)

    with patched((planning, "_draws", draws)):
        yield


@mutant("a quantile's score moves on one side only", checks.quantile_sensitivity)
def _one_side() -> Patched:
    def one(probability: Fraction) -> int:
        return probability.numerator

    with patched((quantile_scores, "quantile_sensitivity", one)):
        yield


@mutant("scores of cuts that run on from one group to the next", checks.quantile_choices)
def _scores_of_all() -> Patched:
    original = aggregation.grouped_scores

    def scores(bins: Any, probability: Fraction, each: int) -> Any:
        return original(bins.reshape(-1, each).T.ravel(), probability, each)

    with patched((aggregation, "grouped_scores", scores)):
        yield
