"""Privacy bugs, seeded one at a time; each must fail its check, which passes without it.

    python -m tests.assurance.mutants

prints which check kills which mutant. A mutant is a patch of the package for as long as its context lasts.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sqlglot import exp

from dpinsights import pipeline
from dpinsights.definitions.loading import load_sources
from dpinsights.governance.accountant import NOTHING, Decision
from dpinsights.governance.ledger import sql_ledger
from dpinsights.governance.states import Course, course
from dpinsights.measurement import aggregation, customers, privatizing, reader, relations, tree
from dpinsights.measurement.aggregation import BoundsViolated
from dpinsights.measurement.engines import duckdb
from dpinsights.measurement.exact import ExactVector
from dpinsights.measurement.reading import customer_id
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.canonical import digest
from dpinsights.model.measurement import Measurement
from dpinsights.model.names import FrozenMap
from dpinsights.model.noisy import State
from tests.assurance import checks, hand
from tests.assurance.checks import Check

Patched = Iterator[None]


@dataclass(frozen=True)
class Mutant:
    """A seeded bug, and the check that must notice it."""

    name: str
    apply: Callable[[], AbstractContextManager[None]]
    check: Check


MUTANTS: list[Mutant] = []


def mutant(name: str, check: Check) -> Callable[[Callable[[], Patched]], Callable[[], Patched]]:
    """Registers a generator that patches, yields, and undoes."""

    def register(apply: Callable[[], Patched]) -> Callable[[], Patched]:
        MUTANTS.append(Mutant(name, contextmanager(apply), check))
        return apply

    return register


@contextmanager
def patched(*places: tuple[Any, str, Any]) -> Iterator[None]:
    """Attributes replaced."""
    with ExitStack() as stack:
        for owner, name, new in places:
            stack.enter_context(patch.object(owner, name, new))
        yield


def contributions(new: Callable[..., Any]) -> AbstractContextManager[None]:
    """`contributions` replaced wherever it is looked up."""
    return patched((relations, "contributions", new), (aggregation, "contributions", new))


# Noise ----------------------------------------------------------------------------------------------


@mutant("scale halved", checks.residuals)
def _scale_halved() -> Patched:
    def half(draw: Any, partnership: str) -> GaussianNoise:
        measured = draw.measurement
        return GaussianNoise(
            unit=partnership,
            size=measured.relation.cells,
            l2_squared=measured.l2_squared,
            scale=draw.scale / 2,
        )

    with patched((privatizing, "noise_of", half)):
        yield


@mutant("budget not split: two draws charged once", checks.charges)
def _charged_once() -> Patched:
    def most(of: str) -> property:
        return property(
            lambda self: max((getattr(i, of) for i in self.items), key=lambda x: x.rho, default=NOTHING)
        )

    with patched((Decision, "account", most("account")), (Decision, "lifetime", most("lifetime"))):
        yield


@mutant("L0 factor forgotten", checks.residuals)
def _no_l0() -> Patched:
    with patched((Measurement, "l2_squared", property(lambda self: self.linf**2))):
        yield


def _drawing(change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> AbstractContextManager[None]:
    """Draws changed, given the exact and the noisy vector."""
    original = GaussianNoise.draw

    def draw(self: GaussianNoise, take: Callable[[], np.ndarray]) -> np.ndarray:
        exact = take()
        return change(exact, original(self, lambda: exact))

    return patched((GaussianNoise, "draw", draw))


@mutant("one cell un-noised", checks.residuals)
def _one_cell() -> Patched:
    with _drawing(lambda exact, noisy: np.where(np.arange(len(exact)) == 3, exact, noisy)):
        yield


@mutant("empty cells un-noised", checks.residuals)
def _empty_cells() -> Patched:
    with _drawing(lambda exact, noisy: np.where(exact == 0, exact, noisy)):
        yield


@mutant("same noise in all cells", checks.residuals)
def _same_noise() -> Patched:
    with _drawing(lambda exact, noisy: exact + (noisy - exact)[0]):
        yield


# Bounding -------------------------------------------------------------------------------------------


@mutant("no L0 truncation", checks.oracle_equality)
def _no_truncation() -> Patched:
    with patched((relations, "bound_groups", lambda select, *rest: select)):
        yield


def _ordering(numbered: Callable[..., Any]) -> AbstractContextManager[None]:
    """Groups are chosen by another order; how one row and copies of rows are numbered stays."""
    original = relations.bound_groups

    def bound(*arguments: Any) -> Any:
        with patched((tree, "numbered", numbered)):
            return original(*arguments)

    return patched((relations, "bound_groups", bound))


@mutant("truncation not per customer", checks.oracle_equality)
def _truncation_over_all() -> Patched:
    number = tree.numbered
    with _ordering(lambda partition, order: number([], order)):
        yield


@mutant("random() truncation", checks.repeatability)
def _random_truncation() -> Patched:
    def bound(select: exp.Select, relation: Any, *rest: Any) -> exp.Select:
        names = [made.alias_or_name for made in select.selects]
        drawn = select.select(exp.alias_(tree.call("random"), "luck", quoted=True)).subquery("drawn")
        place = tree.numbered([tree.column("customer")], [tree.column("luck")])
        kept = tree.binary(exp.LTE, place, tree.number(relation.groups_per_customer))
        return exp.select(*(tree.column(name) for name in names)).from_(drawn).qualify(kept)

    with patched((relations, "bound_groups", bound)):
        yield


@mutant("no L0 truncation of counts: a mask one bit too long", checks.oracle_equality_of_counts)
def _long_mask() -> Patched:
    original = relations._masked

    def longer(relation: Any, *rest: Any) -> exp.Select:
        return original(replace(relation, groups_per_customer=relation.groups_per_customer + 1), *rest)

    with patched((relations, "_masked", longer)):
        yield


@mutant("the selection order is that of codes, the same for all", checks.oracle_equality_of_counts)
def _order_of_codes() -> Patched:
    with patched((relations, "position", lambda relation, group: tree.cast(group, "INTEGER"))):
        yield


@mutant("no clamp", checks.oracle_equality)
def _no_clamp() -> Patched:
    with patched((relations, "clamped_value", lambda m, raw: tree.call("coalesce", raw, tree.number(0)))):
        yield


@mutant("clamp rows, not totals", checks.oracle_equality)
def _clamp_rows() -> Patched:
    original = relations.clamped_value

    def clamp(measurement: Measurement, raw: Any) -> Any:
        if isinstance(raw, exp.Anonymous) and raw.name.lower() == "sum":
            return tree.call("sum", original(measurement, raw.expressions[0]))
        return original(measurement, raw)

    with patched((relations, "clamped_value", clamp)):
        yield


@mutant("keys from data: cells missing", checks.oracle_equality_of_empty_cells)
def _keys_from_data() -> Patched:
    original = aggregation._split

    def split(*arguments: Any) -> dict[str, ExactVector]:
        taken = {key: vector.take() for key, vector in original(*arguments).items()}
        return {key: ExactVector(vector[vector != 0]) for key, vector in taken.items()}

    with patched((aggregation, "_split", split)):
        yield


@mutant("fan-out after bounding", checks.oracle_equality)
def _fan_out() -> Patched:
    original = relations.contributions

    def joined(relation: Any, measured: Any, table: Any, reader: Any) -> Any:
        bounded = original(relation, measured, table, reader).subquery("made")
        rows = reader.rows(relation.rows, ()).subquery("again")
        on = tree.binary(exp.EQ, tree.column("customer", "made"), tree.column("customer", "again"))
        names = [
            "customer",
            "cell",
            "n",
            *(f"v{i}" for i in range(sum(m.value is not None for m in measured))),
        ]
        return exp.select(*(tree.column(n, "made") for n in names)).from_(bounded).join(rows, on=on)

    with contributions(joined):
        yield


@mutant("unknown keys mapped after bounding", checks.oracle_equality_of_unknown_keys)
def _mapped_late() -> Patched:
    original = relations.contributions

    def late(relation: Any, measured: Any, table: Any, reader: Any) -> Any:
        name, known = "shop.orders", relation.cells
        declared = reader.contract.tables[name]
        kind = declared.columns["kind"]
        raw = {**kind.keys, **{f"new {i}": None for i in range(hand.K + 2)}}
        columns = FrozenMap({**declared.columns, "kind": kind.replace(keys=FrozenMap(raw))})
        tables = FrozenMap({**reader.contract.tables, name: declared.replace(columns=columns)})
        wide_reader = customers.Reader(reader.contract.replace(tables=tables), reader.engine)
        wide = replace(relation, groups=(replace(relation.groups[0], size=len(raw)),))
        measured = tuple(replace(m, relation=wide) for m in measured)
        wide_table = customers.customer_table(measured, wide_reader)
        reader.engine.keep(customers.CUSTOMERS, wide_table.select)
        made = original(wide, measured, wide_table, wide_reader).subquery("made")
        cell = tree.call("least", tree.column("cell", "made"), tree.number(known - 1))
        rest = ["n", *(f"v{i}" for i in range(sum(m.value is not None for m in measured)))]
        return exp.select(
            tree.column("customer", "made"),
            exp.alias_(cell, "cell", quoted=True),
            *(tree.column(n, "made") for n in rest),
        ).from_(made)

    with contributions(late):
        yield


@mutant("formulation chosen by row count", checks.locality)
def _by_row_count() -> Patched:
    original, number = relations.contributions, tree.numbered

    def chosen(relation: Any, measured: Any, table: Any, reader: Any) -> Any:
        count = exp.select(exp.Count(this=exp.Star())).from_(reader.engine.source(relation.rows))
        ((rows,),) = reader.engine.rows(count)
        if rows < 38:
            return original(relation, measured, table, reader)
        with _ordering(lambda partition, order: number(partition, [tree.column("cell", "grouped")])):
            return original(relation, measured, table, reader)

    with contributions(chosen):
        yield


@mutant("customer id by position", checks.locality)
def _by_position() -> Patched:
    def position(customer: Any) -> Any:
        return tree.cast(tree.numbered([], [customer]), "VARCHAR")

    with patched((customers, "id_text", position), (relations, "id_text", position)):
        yield


@mutant("the lower bound given to absent groups", checks.oracle_equality)
def _lower_bound() -> Patched:
    original = relations.clamped_value

    def clamp(measurement: Measurement, raw: Any) -> Any:
        low = tree.number(measurement.low)
        return original(measurement, tree.call("coalesce", raw, low))

    with patched((relations, "clamped_value", clamp)):
        yield


# Reading and naming ---------------------------------------------------------------------------------


@mutant("null ids grouped", checks.oracle_equality)
def _null_ids() -> Patched:
    original = customer_id

    def named(*arguments: Any, **options: Any) -> Any:
        return tree.call("coalesce", original(*arguments, **options), tree.text("nobody"))

    with patched((reader, "customer_id", named)):
        yield


@mutant("CSV sniffing", checks.csv_locality)
def _sniffing() -> Patched:
    original = duckdb.csv_lines

    def sniffed(name: str, source: Any, paths: list[str]) -> Any:
        columns = original(name, source, paths)[1]
        read = duckdb._reads("read_csv", paths, all_varchar=exp.true(), ignore_errors=exp.true())
        return read, columns

    with patched((duckdb, "csv_lines", sniffed)):
        yield


@mutant("a count shared across null rules", checks.oracle_equality_of_null_rules)
def _shared_count() -> Patched:
    def key(self: Measurement) -> str:
        return digest(replace(self, relation=replace(self.relation, present=None)), purpose="measurement")

    with patched((Measurement, "key", property(key))):
        yield


@mutant("the check on raw input", checks.oracle_equality)
def _raw_check() -> Patched:
    original = aggregation.exact_vectors

    def checked(measurements: Any, reader: Any) -> Any:
        for name in {m.relation.rows for m in measurements if m.relation.rows}:
            many = exp.GT(this=exp.Count(this=exp.Star()), expression=tree.number(measurements[0].l0))
            rows = reader.rows(name, ()).subquery("row")
            found = exp.select(tree.number(1)).from_(rows).group_by(tree.column("customer")).having(many)
            if reader.engine.rows(found):
                raise BoundsViolated
        return original(measurements, reader)

    with patched((aggregation, "exact_vectors", checked)):
        yield


@mutant("snapshot named by content", checks.snapshot_names)
def _by_content() -> Patched:
    original = load_sources

    def named(path: Path, contract: Any = None) -> Any:
        content = b"".join(file.read_bytes() for file in sorted(path.parent.glob("*.csv")))
        return original(path, contract).replace(snapshot=f"s{hashlib.sha256(content).hexdigest()[:8]}")

    with patched((pipeline, "load_sources", named)):
        yield


# Charges --------------------------------------------------------------------------------------------


@mutant("a free retry from drawing", checks.retries)
def _free_retry() -> Patched:
    original = course

    def free(state: State, **given: bool) -> Course:
        return Course.RESUME if state is State.DRAWING else original(state, **given)

    with patched((sql_ledger, "course", free)):
        yield


@mutant("map(1) quoted for a one-party change", checks.losses)
def _map_of_one() -> Patched:
    original = GaussianNoise.rho
    with patched((GaussianNoise, "rho", lambda self, customers: original(self, 1))):
        yield


def passes(check: Check) -> None:
    """Runs a check in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder))


def killer(mutant: Mutant) -> str | None:
    """What kills a mutant, or None if it survives. Any other exception than these means the mutant is broken."""
    with mutant.apply():
        try:
            passes(mutant.check)
        except AssertionError:
            return mutant.check.__name__
        except BoundsViolated:
            return f"{mutant.check.__name__} (fail-closed check)"
    return None


def main() -> int:
    """Prints the table; the exit code is the number of survivors."""
    from tests.assurance.measure_mutants import MUTANTS as mutants  # which registers more

    width = max(len(mutant.name) for mutant in mutants)
    survivors = 0
    for one in mutants:
        killed = killer(one)
        survivors += killed is None
        print(f"{one.name:{width}} | {killed or 'SURVIVED'}")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
