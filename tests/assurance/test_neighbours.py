"""Neighbours through the real SQL: nobody else's contribution changes, and the one that does keeps its bounds.

Twenty databases go through one scan, told apart by a `db` category; D and D' hold the same ids, so that the selection
order of everyone is the same in both.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dpinsights.model.expressions import Coalesce, Constant, Cut
from dpinsights.model.measurement import Measurement
from dpinsights.model.strategy import Kind, Strategy
from tests.assurance import hand
from tests.assurance.engine import Case, Exact, by_engine, by_engine_all, random_measures
from tests.oracle import databases
from tests.oracle.databases import Database
from tests.oracle.neighbours import Distance, assert_bounded, assert_local, distance, only, removed
from tests.oracle.relations import random_query

MERGED = 20


def run(each: list[Database], seed: int, folder: Path) -> tuple[Exact, tuple[Measurement, ...]]:
    """The relation and the vectors over a merge of databases."""
    merged = databases.merge(each)
    relation, values = random_query(each[0].schema, seed)
    relation = databases.lift(relation, merged)
    values = tuple(dict.fromkeys(replace(m, relation=relation) for m in values))
    return by_engine(Case(merged, relation, values), folder), values


def assert_neighbours(
    before: Exact, after: Exact, values: tuple[Measurement, ...], *, party_only: bool = False
) -> None:
    """Locality, the removed customers' bounds, and the distance of each pair's vectors."""
    for n in range(MERGED):
        worst = f"{n}/{databases.WORST}"
        own = only(before[0], worst)
        assert party_only or not only(after[0], worst)
        assert_bounded(own, values)
        for index, measurement in enumerate(values):
            assert distance(own, {}, index).within(measurement)
            one, other = (databases.split(exact[1][index], MERGED)[n] for exact in (before, after))
            assert distance(one, other).within(measurement, times=2 if party_only else 1)
    left, right = before[0], after[0]
    for n in range(MERGED):
        worst = f"{n}/{databases.WORST}"
        left, right = removed(left, worst), removed(right, worst)
    assert left == right


@pytest.mark.parametrize(
    "seed", [1, 3, *(pytest.param(s, marks=pytest.mark.slow) for s in (5, 6, *range(200, 240)))]
)
def test_neighbours(seed: int, tmp_path: Path) -> None:
    """Eighty pairs a seed: the worst customer removed, removed at each party, and added to an empty database."""
    schema = databases.random_schema(seed)
    each = [databases.random_database(schema, 1000 * seed + n, customers=8) for n in range(MERGED)]
    before, values = run(each, seed, tmp_path / "before")
    assert_bounded(before[0], values)
    without = [databases.drop_customer(d, d.worst) for d in each]
    assert_neighbours(before, run(without, seed, tmp_path / "without")[0], values)
    for party in schema.contract.parties:
        partly = [databases.drop_party_rows(d, d.worst, party) for d in each]
        assert_neighbours(before, run(partly, seed, tmp_path / party)[0], values, party_only=True)
    alone, _ = run([databases.keep_customer(d, d.worst) for d in each], seed, tmp_path / "alone")
    nothing: Exact = ({}, [[0] * len(vector) for vector in alone[1]])
    assert_neighbours(alone, nothing, values)
    assert alone[0] == {
        pair: added for pair, added in before[0].items() if pair[0].endswith(f"/{databases.WORST}")
    }


def run_measures(
    each: list[Database], seed: int, folder: Path
) -> list[tuple[Exact, tuple[Measurement, ...]]]:
    """`run` for a relation of each kind that measures need, in one scan."""
    cases = random_measures(databases.merge(each), seed, lifted=True)
    return [(exact, case.values) for case, exact in zip(cases, by_engine_all(cases, folder), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, *range(240, 250)])
def test_neighbours_of_measures(seed: int, tmp_path: Path) -> None:
    """Eighty pairs for each kind of measure, in all modes; distances are those of the vectors that are drawn."""
    schema = databases.random_schema(seed)
    each = [databases.random_database(schema, 1000 * seed + n, customers=8) for n in range(MERGED)]
    before = run_measures(each, seed, tmp_path / "before")
    without = run_measures([databases.drop_customer(d, d.worst) for d in each], seed, tmp_path / "without")
    alone = run_measures([databases.keep_customer(d, d.worst) for d in each], seed, tmp_path / "alone")
    for (one, values), (other, _), (own, _) in zip(before, without, alone, strict=True):
        assert_bounded(one[0], values)
        assert_neighbours(one, other, values)
        assert_neighbours(own, ({}, [[0] * len(vector) for vector in own[1]]), values)
    for party in schema.contract.parties:
        partly = run_measures(
            [databases.drop_party_rows(d, d.worst, party) for d in each], seed, tmp_path / party
        )
        for (one, values), (other, _) in zip(before, partly, strict=True):
            assert_neighbours(one, other, values, party_only=True)


@pytest.mark.parametrize("kind", ["tree", "series"])
def test_a_move_under_a_strategy_is_within_two(kind: Kind, tmp_path: Path) -> None:
    """A customer whose bank row goes away moves from one column of the matrix to another."""
    profiles, orders = hand.crowd()
    code = Coalesce((Cut(hand.BALANCE, tuple(range(1, 24))), Constant(0)))
    relation = hand.related(rows=None, groups=(hand.Group(code, 24),))
    count = Measurement(relation, None, 0, 1, strategy=Strategy(kind, 24))
    orders = [*orders, hand.order(hand.WORST, "a")]
    full = Case(
        hand.database([*profiles, hand.profile(int(hand.WORST), "low", 100)], orders), relation, (count,)
    )
    (moved,) = pair(full, hand.database(profiles, orders), tmp_path)
    assert moved.within(count, times=2) and not moved.within(count)


def pair(full: Case, without: Database, folder: Path) -> list[Distance]:
    """The distance of each measurement's vectors on two databases; locality asserted."""
    before = by_engine(full, folder / "before")
    after = by_engine(replace(full, database=without), folder / "after")
    assert_bounded(before[0], full.values)
    assert removed(before[0], hand.WORST) == removed(after[0], hand.WORST)
    return [distance(a, b) for a, b in zip(before[1], after[1], strict=True)]


def test_the_bounds_are_tight(tmp_path: Path) -> None:
    """A customer with k + 2 groups of extreme amounts reaches all of L0, L1, L2 and Linf: the test has power."""
    profiles, orders = hand.crowd()
    per_customer = hand.related(groups_per_customer=hand.K)
    per_row = hand.related(rows_per_customer=3, groups=())
    for name, relation in (("customer", per_customer), ("row", per_row)):
        full = hand.case(
            profiles, orders + hand.worst_orders(), relation, (None, 0, 1), (hand.AMOUNT, -9, 700)
        )
        for found, m in zip(
            pair(full, hand.database(profiles, orders), tmp_path / name), full.values, strict=True
        ):
            assert found == Distance(m.l0, m.l1, m.l2_squared, m.linf)


def test_unknown_keys_collapse_before_the_bound(tmp_path: Path) -> None:
    """k + 2 unknown kinds are one cell of one clamped contribution."""
    profiles, orders = hand.crowd()
    full = hand.case(
        profiles,
        orders + hand.unknown_orders(),
        hand.related(groups_per_customer=hand.K),
        (None, 0, 1),
        (hand.AMOUNT, 0, 700),
    )
    assert pair(full, hand.database(profiles, orders), tmp_path) == [
        Distance(1, 1, 1, 1),
        Distance(1, 700, 490_000, 700),
    ]


def test_one_party_is_within_two_and_not_within_one(tmp_path: Path) -> None:
    """A customer whose bank row goes away moves between cells, or from one bound to the other."""
    profiles, orders = hand.crowd()
    orders = [*orders, hand.order(hand.WORST, "a")]
    full = hand.case([*profiles, hand.profile(int(hand.WORST), "low", 7)], orders, hand.by_tier())
    (moved,) = pair(full, hand.database(profiles, orders), tmp_path)
    assert moved == Distance(2, 2, 2, 1)
    assert moved.within(full.values[0], times=2) and not moved.within(full.values[0])
    relation = hand.related(rows=None, groups=())
    full = hand.case(full.database.tables["bank.profile"], orders, relation, (hand.swing(9), -9, 9))
    (swung,) = pair(full, hand.database(profiles, orders), tmp_path / "swing")
    assert swung.l2_squared == 4 * full.values[0].l2_squared, "the bound for one party is tight"


def test_a_full_database_and_an_empty_one(tmp_path: Path) -> None:
    """Nobody at all is zero in every cell."""
    full = hand.case([], [], hand.related(groups_per_customer=hand.K), (None, 0, 1), (hand.AMOUNT, 3, 700))
    pairs, vectors = by_engine(full, tmp_path)
    assert pairs == {} and vectors == [[0] * 6, [0] * 6]
    assert_local({}, pairs, hand.WORST)
