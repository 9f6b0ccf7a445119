"""The quick checks that seeded bugs must fail: equality, locality, residuals, charges."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.stats import chi2

from dpinsights import pipeline
from dpinsights.measurement import privatizing
from dpinsights.measurement.exact import ExactVector
from dpinsights.model.expressions import RowColumn
from dpinsights.model.measurement import Draw, Group, Measurement
from dpinsights.planning import planning
from dpinsights.planning.measurements import Needed, NeededPart
from tests.assurance import hand
from tests.assurance.engine import Case, Format, by_engine, by_oracle, contributed, opened, vectors
from tests.governance.house import House
from tests.governance.house import draw as ledger_draw
from tests.governance.house import plan as ledger_plan
from tests.oracle import databases, files, oracle
from tests.oracle.neighbours import assert_bounded, removed

Check = Callable[[Path], None]
"""Raises AssertionError where a promise is broken; its folder is empty at first."""

ALPHA = 1e-6


def truncated() -> Case:
    """Counts and sums of a crowd and of the worst customer, k = 2."""
    profiles, orders = hand.crowd()
    relation = hand.related(groups_per_customer=hand.K)
    measured = ((None, 0, 1), (hand.AMOUNT, 100, 700))
    return hand.case(profiles, orders + hand.worst_orders(), relation, *measured)


def collapsing() -> Case:
    """The worst customer in k + 2 unknown kinds."""
    profiles, orders = hand.crowd()
    return hand.case(profiles, orders + hand.unknown_orders(), hand.related(groups_per_customer=hand.K))


# Vectors --------------------------------------------------------------------------------------------


def assert_equal(case: Case, folder: Path, format: Format = "parquet") -> None:
    """Engine and oracle agree, and the engine's relation is bounded."""
    found, expected = by_engine(case, folder, format), by_oracle(case, format)
    assert_bounded(found[0], case.values)
    assert found == expected


def oracle_equality(folder: Path) -> None:
    """Truncated counts and sums of crowd and worst customer are the oracle's."""
    assert_equal(truncated(), folder)


def oracle_equality_of_counts(folder: Path) -> None:
    """So are truncated counts without sums, which the package bounds by bit masks."""
    case = truncated()
    assert_equal(replace(case, values=case.values[:1]), folder)


def oracle_equality_of_unknown_keys(folder: Path) -> None:
    """So they are where the worst customer's kinds are all unknown."""
    assert_equal(collapsing(), folder)


def oracle_equality_of_null_rules(folder: Path) -> None:
    """Two counts over the same rows, one of known amounts only, each what the oracle says."""
    profiles, orders = hand.crowd()
    counts = [
        Measurement(hand.related(groups_per_customer=6, present=node), None, 0, 1)
        for node in (None, hand.AMOUNT)
    ]
    db = hand.database(profiles, orders)
    with opened(files.write(db, folder, "parquet"), folder) as reader:
        found = vectors(reader, counts)
    data = oracle.clean(db.contract, db.tables, db.stored)
    expected = [oracle.vector(m, oracle.relation(db.contract, data, m.relation, (m,), None)) for m in counts]
    assert found[0] != expected[1], "the two counts must differ for this to be a test"
    assert found == expected


def locality(folder: Path) -> None:
    """Without the worst customer, or the first one, everyone else contributes the same."""
    case = truncated()
    before = by_engine(case, folder / "before")[0]
    for identity in (hand.WORST, "1"):
        without = replace(case, database=databases.drop_customer(case.database, identity))
        after = by_engine(without, folder / identity)[0]
        assert after == removed(before, identity)


def repeatability(folder: Path) -> None:
    """The same rows in another order contribute the same, time and again."""
    case = truncated()
    again = replace(case, database=databases.shuffled(case.database, 1))
    assert by_engine(case, folder / "a") == by_engine(again, folder / "b")


def oracle_equality_of_empty_cells(folder: Path) -> None:
    """Cells that nobody reaches are there, and 0."""
    case = hand.case([], [hand.order("1", "b")], hand.related(groups_per_customer=hand.K))
    assert_equal(case, folder)


def csv_locality(folder: Path) -> None:
    """One customer's lines with stray quotes change nobody else's lines between them."""
    case = truncated()
    found = []
    for name, stray in (("with", True), ("without", False)):
        written = files.write(case.database, folder / name, "csv")
        path = written.paths["shop.orders"]
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        if stray:
            lines = ["999," * header.count(",") + '"x', *lines[:20], 'y"', *lines[20:]]
        path.write_text("".join(f"{line}\n" for line in [header, *lines]), encoding="utf-8")
        with opened(written, folder / name) as reader:
            found.append(contributed(reader, case.relation, case.values))
    assert found[0] == found[1]


# Noise ----------------------------------------------------------------------------------------------

CELLS, K, BOUND, UNITS = 60, 4, 7, 10**10
SCALE = math.sqrt(K * BOUND**2 / (2 * UNITS / 10**12))
"""By hand: sqrt(k c^2 / (2 rho)), about 99 steps."""


def planned_draw() -> Draw:
    """A sum over four of sixty groups, each within -7 and 7, planned for rho 0.01."""
    relation = hand.related(groups=(Group(RowColumn("shop.orders", "kind"), CELLS),), groups_per_customer=K)
    measurement = Measurement(relation, hand.AMOUNT, -BOUND, BOUND)
    query: Any = SimpleNamespace(name="q")
    (draw,) = planning._draws([Needed(query, (NeededPart("value", measurement),))], {measurement.key: UNITS}, "test", 1000)
    return draw


def residuals(folder: Path) -> None:
    """Noise of forty draws against a scale worked out by hand: variance overall, of each cell, and correlation."""
    draw, times = planned_draw(), 40
    exact = np.where(np.arange(CELLS) % 2, 10_000 + np.arange(CELLS), 0)
    noise = np.empty((times, CELLS))
    for i in range(times):
        vector = {draw.key: ExactVector(exact.astype(np.int64))}
        (noisy,) = privatizing.privatize([draw], vector, partnership="test", snapshot="s")
        noise[i] = np.array(noisy.values) - exact
    assert_gaussian((noise**2).sum(), times * CELLS, 1)
    for cell in range(CELLS):
        assert_gaussian((noise[:, cell] ** 2).sum(), times, CELLS)
    assert (noise == 0).mean() < 0.02, "cells without noise"
    assert abs(noise.mean()) < 6 * SCALE / math.sqrt(noise.size)
    for lag in (1, 2, 30):
        product = (noise[:, lag:] * noise[:, :-lag]).sum() / SCALE**2
        assert abs(product) < 6 * math.sqrt(times * (CELLS - lag)), "cells share noise"
    across = (noise[1:] * noise[:-1]).sum() / SCALE**2
    assert abs(across) < 6 * math.sqrt((times - 1) * CELLS), "draws share noise"


def assert_gaussian(squares: float, count: int, tests: int) -> None:
    """A sum of squares against chi-square, two-sided."""
    level = ALPHA / tests / 2
    assert chi2.ppf(level, count) < squares / SCALE**2 < chi2.isf(level, count), "noise of another scale"


# Charges --------------------------------------------------------------------------------------------


def losses(folder: Path) -> None:
    """A planned draw's two losses are rho and four times rho, by hand."""
    draw = planned_draw()
    assert draw.rho_units == math.ceil(Decimal(draw.rho) * 10**12)
    assert math.isclose(draw.rho, UNITS / 10**12, rel_tol=1e-9)
    assert draw.rho_two >= 4 * UNITS / 10**12 * (1 - 1e-9), "a change at one party costs four times as much"


PLAN = ledger_plan("jd", ledger_draw("a", 100, 10.0), ledger_draw("b", 50, 20.0))


def charges(folder: Path) -> None:
    """A report of two draws is charged for both."""
    house = House(folder)
    house.charge(PLAN)
    assert house.spent("lifetime", "jd") == (150, 150)


def retries(folder: Path) -> None:
    """A retry that finds a run at drawing pays again: noise may have been seen."""
    house = House(folder)
    house.ledger.begin_drawing(house.charge(PLAN))
    house.charge(PLAN)
    assert house.spent("lifetime", "jd") == (300, 300)


def snapshot_names(folder: Path) -> None:
    """A snapshot has the name that the operator gave, whatever is in the files."""
    names = set()
    for rows in ("id\n1\n", "id\n2\n"):
        (folder / "data.csv").write_text(rows, encoding="utf-8")
        lines = [f"  {table}: {{csv: data.csv}}\n" for table in hand.database([], []).contract.tables]
        (folder / "sources.yaml").write_text("snapshot: q4\ntables:\n" + "".join(lines), encoding="utf-8")
        contract = hand.database([], []).contract
        names.add(pipeline.data_of(folder / "sources.yaml", contract, folder / "work").sources.snapshot)
    assert names == {"q4"}
