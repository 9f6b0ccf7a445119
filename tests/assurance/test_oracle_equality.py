"""What DuckDB computes is what docs/formulation.md says, to the bit, selection order included."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from dpinsights.errors import SourceError
from dpinsights.model.expressions import (
    Arithmetic,
    Coalesce,
    Constant,
    CustomerColumn,
    Cut,
    DatePart,
    RowColumn,
)
from dpinsights.model.measurement import Group, Measurement
from tests.assurance import hand
from tests.assurance.engine import (
    Case,
    Format,
    by_engine,
    by_engine_all,
    by_oracle,
    contributed,
    opened,
    random_case,
    random_measures,
)
from tests.oracle import databases, files, oracle
from tests.oracle.databases import Database
from tests.oracle.measures import KINDS
from tests.oracle.schemas import Schema

MERGED = 20
REFUSED = 13
"""The seed of a schema that is refused: its bounds and decimals together need more than 38 digits."""


def assert_equal(schema: int, seeds: list[int], folder: Path, format: Format) -> None:
    """Engine and oracle agree on the relation and on the vectors."""
    case = random_case(schema, seeds, schema)
    found, expected = by_engine(case, folder, format), by_oracle(case, format)
    assert found[0] == expected[0]
    assert found[1] == expected[1]


def test_a_schema_is_refused(tmp_path: Path) -> None:
    """Before any row is read."""
    with pytest.raises(SourceError, match="more than 38 digits"):
        assert_equal(REFUSED, [1], tmp_path, "parquet")


@pytest.mark.parametrize("seed", range(10))
def test_merged_parquet(seed: int, tmp_path: Path) -> None:
    """Twenty databases in one scan."""
    assert_equal(seed, [100 * seed + n for n in range(MERGED)], tmp_path, "parquet")


@pytest.mark.parametrize("seed", range(20, 24))
def test_merged_csv(seed: int, tmp_path: Path) -> None:
    """Twenty databases as text."""
    assert_equal(seed, [100 * seed + n for n in range(MERGED)], tmp_path, "csv")


@pytest.mark.parametrize("seed", range(30, 44))
def test_parquet(seed: int, tmp_path: Path) -> None:
    """One database; ids may be stored as integers."""
    assert_equal(seed, [seed], tmp_path, "parquet")


@pytest.mark.parametrize("seed", range(46, 54))
def test_csv(seed: int, tmp_path: Path) -> None:
    """One database as text."""
    assert_equal(seed, [seed], tmp_path, "csv")


def assert_measures_equal(seed: int, merged: int, folder: Path, format: Format) -> None:
    """Engine and oracle agree on a relation of each kind that measures need."""
    schema = databases.random_schema(seed)
    each = [databases.random_database(schema, 100 * seed + n) for n in range(merged)]
    database = databases.merge(each) if merged > 1 else each[0]
    cases = random_measures(database, seed, lifted=merged > 1)
    read = databases.as_text(database) if format == "csv" else database
    data = oracle.clean(read.contract, read.tables, read.stored)
    for kind, case, found in zip(KINDS, cases, by_engine_all(cases, folder, format), strict=True):
        assert found == by_oracle(case, format, data), kind


MEASURES: list[tuple[int, int, Format]] = [(1, MERGED, "parquet"), (22, MERGED, "csv"), (33, 1, "parquet")]
MORE_MEASURES: list[tuple[int, int, Format]] = [(6, MERGED, "parquet"), (31, 1, "parquet")]
MORE_MEASURES += [(seed, MERGED, "csv" if seed % 3 else "parquet") for seed in range(300, 330)]


@pytest.mark.parametrize(
    ("seed", "merged", "format"),
    [*MEASURES, *(pytest.param(*m, marks=pytest.mark.slow) for m in MORE_MEASURES)],
)
def test_every_kind_of_measure(seed: int, merged: int, format: Format, tmp_path: Path) -> None:
    """Pairs, bins, strategies, squares, products, funnels, retention: over one database and over merges."""
    try:
        assert_measures_equal(seed, merged, tmp_path, format)
    except SourceError as refused:
        assert seed >= 300 and "more than 38 digits" in str(refused)


@pytest.mark.parametrize("low", [-(2**15), -(2**31), -(2**61)])
def test_the_least_number_of_a_type(low: int, tmp_path: Path) -> None:
    """A contribution at the lowest bound has an absolute value, in coarse steps and squared."""
    relation = hand.related(rows=None, groups=())
    value = Constant(low)
    plain = Measurement(relation, value, low, -low - 1)
    values = (plain, replace(plain, coarse=3), replace(plain, coarse=2**40 if low < -(2**31) else 5, power=2))
    case = Case(hand.database([hand.profile(1, "low", 5)], []), relation, values)
    assert by_engine(case, tmp_path) == by_oracle(case)


AT = RowColumn("shop.orders", "at")
DAY_OF_MONTH = Group(Arithmetic("-", DatePart("day", AT, True), Constant(1)), 31)
TENS = Group(Cut(hand.AMOUNT, tuple(range(0, 900, 100))), 10)
"""6 x 10 groups: the largest prime that a mask's bits hold is 61."""


def test_every_reach_and_every_limit(tmp_path: Path) -> None:
    """Counts and sums with few groups and many, one kept or nearly all: bit masks and sorted groups alike."""
    profiles, orders = hand.crowd()
    orders = [
        *orders,
        *(hand.order("999", k, f"{day % 10}.5", day) for k in "abcdez" for day in range(1, 29)),
    ]
    db = hand.database(profiles, orders)
    data = oracle.clean(db.contract, db.tables, db.stored)
    tier = Group(Coalesce((hand.TIER, Constant(2))), 3)
    reaches = [
        (hand.KINDS,),
        (hand.KINDS, tier),
        (hand.KINDS, TENS),
        (tier, TENS, hand.KINDS),
        (TENS, DAY_OF_MONTH),
    ]
    with opened(files.write(db, tmp_path, "parquet"), tmp_path) as reader:
        for groups, k in product(reaches, (1, 5, 17)):
            relation = hand.related(groups=groups, groups_per_customer=k)
            count, total = Measurement(relation, None, 0, 1), Measurement(relation, hand.AMOUNT, -9, 700)
            for values in ((count,), (count, total)):
                expected = oracle.relation(db.contract, data, relation, values, None)
                assert contributed(reader, relation, values) == expected, (len(groups), k)


@pytest.mark.parametrize("bounds", [["0", "150"], ["-250", "50"], ["-150", "-50"], ["0", "0"]])
def test_one_row_of_bounds_between_steps(bounds: list[str], tmp_path: Path) -> None:
    """A bound of one and a half steps rounds to two, in the smallest row too."""
    columns = {
        name: {"type": "decimal", "unit": "CNY", "step": "100", "bounds": bounds, "nulls": nulls}
        for name, nulls in (("x", None), ("y", bounds[0] if bounds[0].endswith("00") else None))
    }
    table = {"bank.t": {"customer": "id", "rows": "one", "columns": columns}}
    stored = {"bank.t": {"id": "text", "x": "text", "y": "text"}}
    amounts = ["-999", "-150", "-50", "-49", "0", "50", "51", "149", "150", "999", None]
    rows: list[hand.Row] = [{"id": f"{a}{b}{c}", "x": v, "y": w} for a, x in enumerate(amounts) for b, y in enumerate(amounts)
            for c in (0, 1) for v, w in ((x, y), (y, x))[: c + 1]]  # fmt: skip
    schema = Schema(hand.contract(table), stored)
    relation = hand.related(rows=None, groups=(), population="bank")
    values = tuple(Measurement(relation, CustomerColumn("bank.t", name), -9, 9) for name in columns)
    case = Case(Database(schema, {"bank.t": rows}, "00"), relation, values)
    assert by_engine(case, tmp_path) == by_oracle(case)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["parquet", "csv"])
@pytest.mark.parametrize("seed", range(54, 114))
def test_many_more(seed: int, format: Format, tmp_path: Path) -> None:
    """A hundred and twenty more merges; some schemas are refused."""
    try:
        assert_equal(seed, [100 * seed + n for n in range(MERGED)], tmp_path, format)
    except SourceError as refused:
        assert "more than 38 digits" in str(refused)
