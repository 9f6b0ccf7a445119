"""The quick checks that seeded bugs in measures must fail: pairs, moments, bins, strategies and their sensitivities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from dpinsights.measurement import quantile_scores as scores
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.expressions import Aggregate, Arithmetic, Constant, Cut, Node
from dpinsights.model.expressions import Case as When
from dpinsights.model.measurement import Group, Measurement, Selection
from dpinsights.model.resolved import ResolvedQuery, ResolvedValue
from dpinsights.model.strategy import Strategy
from dpinsights.model.values import ValueType
from dpinsights.planning import measurements as planned
from dpinsights.planning import planning
from tests.assurance import hand
from tests.assurance.checks import assert_equal
from tests.assurance.engine import Case, by_engine, by_oracle, opened, vectors
from tests.oracle import databases, files, oracle
from tests.oracle.neighbours import Distance, distance, only, removed

WORST = hand.WORST
ALONE = hand.related(rows=None, groups=(), population="any", present=hand.BALANCE)
CENTRE = 45
BINS = Group(Cut(hand.BALANCE, (20, 40)), 3)
TIERS = Group(hand.TIER, 3)


def of(relation: Any, *values: Measurement) -> Case:
    """A crowd and the worst customer, who has the largest balance and orders of k + 2 kinds."""
    profiles, orders = hand.crowd()
    profiles = [*profiles, hand.profile(int(WORST), "low", 100)]
    return Case(hand.database(profiles, orders + hand.worst_orders()), relation, values)


def without_worst(case: Case) -> Case:
    """The same without the worst customer."""
    return replace(case, database=databases.drop_customer(case.database, WORST))


def assert_attained(case: Case, folder: Path) -> None:
    """Locality, and the worst customer moves each drawn vector by exactly the declared L0, L1, L2 and Linf."""
    before = by_engine(case, folder / "before")
    after = by_engine(without_worst(case), folder / "after")
    assert removed(before[0], WORST) == after[0] and only(before[0], WORST)
    for one, other, m in zip(before[1], after[1], case.values, strict=True):
        assert distance(one, other) == Distance(m.l0, m.l1, m.l2_squared, m.linf)


def pairs() -> Case:
    """Pairs of three of six kinds."""
    relation = hand.related(groups_per_customer=3, pairs=True)
    return of(relation, Measurement(relation, None, 0, 1))


def pair_counts(folder: Path) -> None:
    """Pairs of kept keys are the oracle's."""
    assert_equal(pairs(), folder)


def pair_sensitivity(folder: Path) -> None:
    """A customer with many keys is in m(m+1)/2 pairs."""
    assert_attained(pairs(), folder)


def steps() -> Case:
    """A funnel of three steps."""
    tests: list[Node] = [When(((hand.BALANCE, Constant(1)),), Constant(0)), hand.TIER, Constant(1)]
    code: Node = Constant(3)
    for place in (2, 1, 0):
        code = When(((tests[place], code),), Constant(place))
    relation = hand.related(rows=None, groups=(Group(code, 4),))
    return of(relation, Measurement(relation, None, 0, 1))


def funnel(folder: Path) -> None:
    """Each customer is in one cell, its furthest step."""
    assert_equal(steps(), folder)


def cohorts(folder: Path) -> None:
    """Each customer is in one cell of cohort and last period, by tier and balance here."""
    relation = hand.related(rows=None, groups=(TIERS, BINS))
    assert_equal(of(relation, Measurement(relation, None, 0, 1)), folder)


def bins(folder: Path) -> None:
    """A balance on a cut is in the bin above it."""
    relation = hand.related(rows=None, groups=(BINS,))
    assert_equal(of(relation, Measurement(relation, None, 0, 1)), folder)


def strategy(folder: Path) -> None:
    """A strategy goes along the last group, tier by tier."""
    relation = hand.related(rows=None, groups=(TIERS, BINS))
    assert_equal(of(relation, Measurement(relation, None, 0, 1, strategy=Strategy("series", 3))), folder)


def _one_bin(kind: Any, size: int) -> Case:
    """The worst customer is in the first bin, as nobody is above its balance."""
    code = Cut(Arithmetic("-", Constant(100), hand.BALANCE), tuple(range(1, size)))
    relation = hand.related(rows=None, groups=(Group(code, size),))
    return of(relation, Measurement(relation, None, 0, 1, strategy=Strategy(kind, size)))


def tree_sensitivity(folder: Path) -> None:
    """A customer is in one block of each level."""
    assert_attained(_one_bin("tree", 24), folder)


def series_sensitivity(folder: Path) -> None:
    """A customer of the first period adds the whole column of rounded integers."""
    assert_attained(_one_bin("series", 8), folder)  # 112,685, where the matrix before rounding has 112,615


def second_moments() -> Case:
    """Balances about a centre, in steps of one, and in coarse steps that divide the bound."""
    node = Arithmetic("-", hand.BALANCE, Constant(CENTRE))
    plain = Measurement(ALONE, node, -55, 55)
    return of(ALONE, plain, *(replace(plain, coarse=c, power=p) for c, p in ((None, 2), (5, None), (5, 2))))


def moments(folder: Path) -> None:
    """First and second moments are the oracle's, where values are clipped too."""
    case = second_moments()
    narrow = tuple(replace(m, low=-30, high=20) for m in case.values)
    assert_equal(case, folder / "wide")
    assert_equal(replace(case, values=narrow), folder / "narrow")


def moment_sensitivity(folder: Path) -> None:
    """A balance at the bound adds all that is declared, squares the square."""
    assert_attained(second_moments(), folder)


# Plans ----------------------------------------------------------------------------------------------


def _value(node: Node, low: int, high: int) -> ResolvedValue:
    return ResolvedValue("x", node, ValueType("number", low, high, nullable=True), low, high)


def query(measure: str, *values: ResolvedValue) -> ResolvedQuery:
    """A resolved query of a measure about customers."""
    asked: Any = SimpleNamespace(measure=measure, cumulative=None, test=None)
    return ResolvedQuery(
        name="q", query=asked, per="customer", population="any", rows=None, axes=(), groups=(), where=None,
        rows_where=None, values=values, own_axes=(), own_groups=(), edges=(), figures=(),
        groups_per_customer=None, rows_per_customer=None,
    )  # fmt: skip


LARGEST = Aggregate("max", "shop.orders", hand.AMOUNT, None)
"""A customer's largest amount; null without orders."""


def correlated() -> planned.Needed:
    """The moments of balance and largest amount."""
    asked = query("corr", _value(hand.BALANCE, -10, 100), _value(LARGEST, 0, 901))
    return planned.needed(asked, seed="seed", customers_at_most=99)


def correlation(folder: Path) -> None:
    """Its sums are those worked out from the customers that have both, and no bound of a product clips."""
    need = correlated()
    profiles, orders = hand.crowd()
    profiles = [
        *profiles,
        hand.profile(8, "low", None),
        hand.profile(50, "low", 100),
        hand.profile(int(WORST), "low", 100),
    ]
    db = hand.database(profiles, orders + hand.worst_orders())
    data = oracle.clean(db.contract, db.tables, db.stored)
    both = []
    for identity in sorted(oracle.population(data, "any")):
        one = oracle.customer(data, identity, None)
        x, y = (oracle.evaluate(node, None, one) for node in (hand.BALANCE, LARGEST))
        if x is not None and y is not None:
            both.append((1, x - 45, min(y, 901) - 450))
    expected = {f"{i}*{j}": sum(row[i] * row[j] for row in both) for i in range(3) for j in range(i, 3)}
    values = tuple(part.measurement for part in need.parts if isinstance(part.measurement, Measurement))
    relation = values[0].relation
    assert all(m.relation == relation for m in values) and len(values) == len(need.parts)
    (_, found) = by_engine(Case(db, relation, values), folder)
    assert {part.role: vector for part, vector in zip(need.parts, found, strict=True)} == {
        role: [total] for role, total in expected.items()
    }


def locality_of_moments(folder: Path) -> None:
    """Without the customer of the largest balance everyone else's moments are the same."""
    case = second_moments()
    before, after = by_engine(case, folder / "a")[0], by_engine(without_worst(case), folder / "b")[0]
    assert removed(before, WORST) == after


def ratio_charges(folder: Path) -> None:
    """Each draw of a ratio is charged what OpenDP's map says of it, rounded up."""
    asked = query("ratio", _value(hand.BALANCE, -10, 100), _value(LARGEST, 0, 1000))
    need = planned.needed(asked, seed="seed", customers_at_most=99)
    draws = planning._draws([need], {part.measurement.key: 10**9 for part in need.parts}, "test", 99)
    assert len(draws) == 2
    for draw in draws:
        assert isinstance(draw.measurement, Measurement)
        noise = GaussianNoise.of(draw.measurement, unit="test", scale=draw.scale)
        assert draw.rho_units == math.ceil(Fraction(noise.rho(1)) * 10**12)


def quantile_sensitivity(folder: Path) -> None:
    """One customer more moves no score by more than is declared, and some score by exactly that."""
    for probability in (Fraction(1, 4), Fraction(1, 2), Fraction(9, 10)):
        moved = []
        for bins in ([3, 0, 1, 6], [0, 0, 0, 0], [9, 9, 9, 9], [50, 0, 0, 1]):
            was = scores.quantile_scores(np.array(bins), probability)
            for place in range(4):
                more: Sequence[int] = [n + (i == place) for i, n in enumerate(bins)]
                moved += [*abs(scores.quantile_scores(np.array(more), probability) - was)]
        assert max(moved) == scores.quantile_sensitivity(probability)


def quantile_choices(folder: Path) -> None:
    """The scores of cuts are those worked out from the customers of each tier, each tier's by itself.

    Without the worst customer those of its tier alone move, by the declared sensitivity at most.
    """
    relation = hand.related(rows=None, groups=(TIERS, BINS))
    case = of(relation, Measurement(relation, None, 0, 1))
    chosen = [Selection(relation, Decimal(p)) for p in ("0.25", "0.5")]
    found = []
    for name, one in (("with", case), ("without", without_worst(case))):
        with opened(files.write(one.database, folder / name, "parquet"), folder / name) as reader:
            found.append(vectors(reader, chosen))  # type: ignore[arg-type]
        (counts,) = by_oracle(one)[1]
        for selection, scores_found in zip(chosen, found[-1], strict=True):
            p, expected = selection.fraction, []
            for tier in range(3):
                low, middle, high = counts[3 * tier : 3 * tier + 3]
                for below, above in ((low, middle + high), (low + middle, high)):
                    expected.append(abs((p.denominator - p.numerator) * below - p.numerator * above))
            assert scores_found == expected and len(set(expected)) > 2
    for selection, before, after in zip(chosen, *found, strict=True):
        moved = abs(np.array(before) - np.array(after)).reshape(3, 2)
        assert 0 < moved.max() <= selection.linf and (moved.max(axis=1) > 0).sum() == 1
