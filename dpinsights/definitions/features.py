"""Features of a contract, resolved for a period: from what is written to a node with its type."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal, cast

from dpinsights.definitions import building as build
from dpinsights.definitions import ranges
from dpinsights.definitions.expressions import parse
from dpinsights.definitions.naming import column_value, find_column
from dpinsights.definitions.places import Fault, nearest, within
from dpinsights.definitions.recoding import cut, recode
from dpinsights.definitions.typed import Typed, known, truth
from dpinsights.model.contract import Bounds, Contract, Date, Feature, Timestamp
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    Constant,
    CustomerColumn,
    How,
    Node,
    RowColumn,
    conjunction,
    walk,
)
from dpinsights.model.names import FrozenMap
from dpinsights.model.report import Period
from dpinsights.model.values import ValueType


@dataclass(frozen=True)
class ResolvedFeature:
    """A feature with its node and type.

    Attributes:
        table: the many-row table whose rows it is about; None if it is about customers.
    """

    name: str
    node: Node
    type: ValueType
    table: str | None
    names: FrozenMap[str, str] | None

    @property
    def level(self) -> Literal["row", "customer"]:
        """What the feature is about."""
        return "customer" if self.table is None else "row"


def rows_table(node: Node | None) -> str | None:
    """The many-row table that a node is about, or None.

    Raises:
        Fault: `two-row-tables` or `mixed-level`.
    """
    nodes = list(walk(node))
    tables = sorted({part.table for part in nodes if isinstance(part, RowColumn)})
    if len(tables) > 1:
        raise Fault(
            "two-row-tables",
            f"rows of {' and '.join(tables)} don't meet: one of them must enter through a feature",
        )
    if tables and any(isinstance(part, CustomerColumn | Absent | Aggregate) for part in nodes):
        raise Fault(
            "mixed-level", f"this is about rows of {tables[0]} and about customers at once: split it in two"
        )
    return tables[0] if tables else None


def period_of(contract: Contract, table_name: str, period: Period) -> Node | None:
    """The condition that a row lies in the period, half-open; None for a table without a time column."""
    table = contract.tables[table_name]
    if table.time is None:
        return None
    column = table.columns[table.time]
    unit = ranges.DAY if isinstance(column, Timestamp) else 1
    if not isinstance(column, Date | Timestamp):
        raise Fault("time-not-a-date", f"the time column of {table_name} is no date or timestamp")
    start, until = ((day - ranges.EPOCH).days * unit for day in (period.start, period.until))
    time = RowColumn(table_name, table.time)
    return build.all_of(
        [build.compared(">=", time, Constant(start)), build.compared("<", time, Constant(until))]
    )


def within_period(contract: Contract, table_name: str, period: Period, condition: Node | None) -> Node | None:
    """A condition about rows together with the period's."""
    parts = [part for part in (period_of(contract, table_name, period), condition) if part is not None]
    whole = build.all_of(parts)
    return None if whole == build.TRUE else whole


def whole_bounds(bounds: Bounds, step: Decimal) -> tuple[int, int]:
    """Bounds in steps.

    Raises:
        Fault: `bounds-order`, `not-whole-steps` or `out-of-range`.
    """
    low, high = (ranges.steps_of(bound, step) for bound in bounds)
    if low >= high:
        raise Fault(
            "bounds-order",
            f"the lower bound must lie below the upper one, found {bounds[0]:f} and {bounds[1]:f}",
        )
    return low, high


@dataclass
class Features:
    """The features of one contract over one period; resolved when first asked for."""

    contract: Contract
    period: Period
    broken: frozenset[str] = frozenset()
    """Full names of columns that have a problem of their own, which is reported there."""
    _done: dict[str, ResolvedFeature | Fault] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def lookup(self, parts: tuple[str, ...]) -> Typed:
        """The value behind a name: a feature or a full column name."""
        if len(parts) == 1 and parts[0] in self.contract.features:
            try:
                feature = self.get(parts[0])
            except Cycle:
                raise
            except Fault:
                raise _broken(parts[0]) from None
            return Typed(feature.node, feature.type)
        found = find_column(self.contract, parts)
        if ".".join(parts) in self.broken:
            raise _broken(".".join(parts))
        return column_value(*found)

    def get(self, name: str) -> ResolvedFeature:
        """A feature.

        Raises:
            Fault: what is wrong with it; `broken-feature` if that is another feature's fault; `feature-cycle`.
        """
        if name in self._open:
            cycle = self._open[self._open.index(name) :]
            raise Cycle([*cycle, name])
        if name not in self._done:
            self._open.append(name)
            try:
                self._done[name] = self._resolve(name, self.contract.features[name])
            except Cycle as cycle:
                again = Cycle(cycle.members)
                again.path = (self.contract.features[name].kind,)
                self._done[name] = again if name in cycle.members else _broken(name)
                raise
            except Fault as fault:
                self._done[name] = fault
                raise
            finally:
                self._open.pop()
        done = self._done[name]
        if isinstance(done, Fault):
            raise done
        return done

    def faults(self) -> dict[str, Fault]:
        """What is wrong with each faulty feature; a cycle is named once."""
        for name in self.contract.features:
            try:
                self.get(name)
            except Fault:
                continue
        found: dict[str, Fault] = {}
        cycles: set[frozenset[str]] = set()
        for name, done in self._done.items():
            if isinstance(done, Cycle):
                if frozenset(done.members) in cycles:
                    continue
                cycles.add(frozenset(done.members))
            if isinstance(done, Fault) and done.code != "broken-feature":
                found[name] = done
        return found

    def _resolve(self, name: str, feature: Feature) -> ResolvedFeature:
        kind = feature.kind
        with within(kind):
            about: str | None
            if kind == "count":
                about = many_rows(self.contract, feature.of)
                value = Typed(build.TRUE, ValueType("number", 1, 1, nullable=False))
            else:
                value = parse(feature.of, self.lookup)
                known(value)
                about = rows_table(value.node)
        if kind in ("cut", "recode", "expression"):
            result = {"cut": cut, "recode": recode, "expression": self._bounded}[kind](feature, value)
            return ResolvedFeature(name, result.node, known(result), about, feature.name)
        if about is None:
            with within(kind):
                raise Fault(
                    "not-about-rows",
                    f"{kind} is made from rows of a many-row table, and this is about customers",
                )
        where = None
        if feature.where is not None:
            with within("where"):
                where = truth(parse(feature.where, self.lookup)).node
                if rows_table(where) != about:
                    raise Fault("where-about-rows", f"where must be about rows of {about}")
        result = self._aggregate(feature, value, about, where)
        return ResolvedFeature(name, result.node, known(result), None, feature.name)

    def _aggregate(self, feature: Feature, value: Typed, table: str, where: Node | None) -> Typed:
        kind, of = feature.kind, known(value)
        counted = kind in ("count", "any")
        with within(kind):
            _check_measure(kind, value)
            if kind == "any":
                where = conjunction(value.node)
            if kind in ("first", "last") and self.contract.tables[table].time is None:
                raise Fault(
                    "time-needed",
                    f"{kind} goes by the time column, and {table} declares none",
                    f"time: in {table}",
                )
        time = self.contract.tables[table].time
        if time is not None and f"{table}.{time}" in self.broken:
            raise _broken(f"{table}.{time}")
        rows = within_period(self.contract, table, self.period, where)
        node = Aggregate(cast(How, kind), table, None if counted else value.node, rows)
        if kind == "any":
            return Typed(node, ValueType("boolean", 0, 1, nullable=False))
        if kind in ("sum", "count"):
            unit, step = (None, Decimal(1)) if kind == "count" else (of.unit, of.step)
            with within("bounds"):
                assert feature.bounds is not None  # the contract's own rule
                low, high = whole_bounds(feature.bounds, step)
            return Typed(
                build.clamped(node, low, high),
                ValueType("number", low, high, nullable=False, step=step, unit=unit),
            )
        return self._bounded(feature, Typed(node, replace(of, nullable=True)))

    def _bounded(self, feature: Feature, value: Typed) -> Typed:
        if feature.bounds is None:
            return value
        with within("bounds"):
            kind = known(value)
            if kind.kind != "number":
                raise Fault("field-not-taken", f"bounds are of numbers, and this is {value.kind}")
            low, high = whole_bounds(feature.bounds, kind.step)
        return Typed(build.clamped(value.node, low, high), replace(kind, low=low, high=high))


class Cycle(Fault):
    """Features that need each other."""

    def __init__(self, path: list[str]) -> None:
        super().__init__("feature-cycle", f"features need each other: {' -> '.join(path)}")
        self.members = path


def _broken(name: str) -> Fault:
    return Fault("broken-feature", f"{name} has a problem of its own")


def _check_measure(kind: str, value: Typed) -> None:
    of = known(value).kind
    if kind == "any" and of != "boolean":
        raise Fault("not-a-condition", f"any asks for a condition, and this is {value.kind}")
    if kind == "sum" and of not in ("number", "boolean"):
        raise Fault("wrong-type", f"can't add up {value.kind}", "count")
    if kind in ("min", "max") and of not in ("number", "date", "timestamp"):
        raise Fault(
            "wrong-type", f"{value.kind} has no {kind}", "any" if of == "boolean" else "first or last"
        )


def many_rows(contract: Contract, name: str) -> str:
    """A many-row table's name.

    Raises:
        Fault: `unknown-table` or `not-many-rows`.
    """
    if name not in contract.tables:
        raise Fault("unknown-table", f"no table '{name}' in the contract", nearest(name, contract.tables))
    if contract.tables[name].rows != "many":
        raise Fault(
            "not-many-rows", f"{name} has one row for each customer, so its rows are customers", "customers"
        )
    return name
