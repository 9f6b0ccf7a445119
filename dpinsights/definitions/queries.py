"""A query against its contract: one rule after the other, all faults collected."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from dpinsights.definitions import building as build
from dpinsights.definitions.absence import check_absent
from dpinsights.definitions.expressions import parse
from dpinsights.definitions.features import Features, many_rows, rows_table, whole_bounds, within_period
from dpinsights.definitions.places import Fault, nearest, within
from dpinsights.definitions.ranges import LIMIT
from dpinsights.definitions.typed import Typed, known, truth
from dpinsights.model.expressions import Node
from dpinsights.model.names import FrozenMap
from dpinsights.model.plan import Axis, Group
from dpinsights.model.report import Query
from dpinsights.model.resolved import ResolvedQuery
from dpinsights.model.values import Key

MOST_CELLS = 100_000
"""Cells that a query may have."""

_TRUTHS = (Key("false", FrozenMap(en="No", zh="否")), Key("true", FrozenMap(en="Yes", zh="是")))


@dataclass
class QueryResolver:
    """Resolves one query; `faults` holds what was found on the way."""

    name: str
    query: Query
    features: Features
    faults: list[Fault] = field(default_factory=list)

    def resolve(self) -> ResolvedQuery | None:
        """The resolved query, or None if there is a fault."""
        query = self.query
        population = self._population()
        value, counted = self._value()
        axes, groups, levels = self._groups()
        where = self._where()
        rows_where = self._condition("rows_where")
        rows = self._rows(value, counted, levels, rows_where)
        per = self._per(rows, counted)
        self._where_about_rows(rows_where, rows)
        k, r = self._contributions(per, groups, levels)
        low, high = self._bounds(value, counted, per, r)
        cells = math.prod(group.size for group in groups)
        if cells > MOST_CELLS:
            self._add(
                "too-many-cells",
                f"these groups have {cells:,} cells; at most {MOST_CELLS:,} are answered",
                "by",
            )
        if self.faults:
            return None
        if rows is not None:
            rows_where = within_period(self.features.contract, rows, self.features.period, rows_where)
        node, kind = (value.node, value.type) if value is not None else (None, None)
        return ResolvedQuery(
            self.name,
            query,
            per,
            population,
            rows,
            axes,
            groups,
            where,
            rows_where,
            node,
            kind,
            low,
            high,
            k,
            r,
        )

    def _add(self, code: str, message: str, path: str, hint: str = "") -> None:
        fault = Fault(code, message, hint)
        fault.path = (path,)
        self.faults.append(fault)

    @contextmanager
    def _collect(self, *path: str | int) -> Iterator[None]:
        try:
            with within(*path):
                yield
        except Fault as fault:
            self.faults.append(fault)

    def _population(self) -> str:
        population = self.query.population or "any"
        wanted = [*self.features.contract.parties, "shared", "any"]
        if population not in wanted:
            hint = nearest(population, wanted) or " or ".join(wanted)
            self._add(
                "unknown-population",
                f"'{population}' is neither a party, nor shared, nor any",
                "population",
                hint,
            )
        return population

    def _value(self) -> tuple[Typed | None, str | None]:
        """What is summed, or the table whose rows are counted."""
        query = self.query
        with self._collect(query.measure):
            if query.count is not None:
                if query.count == "customers":
                    return None, None
                tables = self.features.contract.tables
                if query.count not in tables:
                    hint = nearest(query.count, ["customers", *tables]) or "customers"
                    raise Fault(
                        "unknown-table",
                        f"count takes customers or a many-row table, found '{query.count}'",
                        hint,
                    )
                return None, many_rows(self.features.contract, query.count)
            value = self._named(query.of)
            kind = known(value)
            if kind.kind not in ("number", "boolean"):
                hint = (
                    f"count: customers, by: [{query.of}]"
                    if kind.kind == "category"
                    else "a feature that makes a number"
                )
                raise Fault("wrong-type", f"can't take the {query.measure} of {value.kind}", hint)
            return value, None
        return None, None

    def _named(self, name: str) -> Typed:
        return self.features.lookup(tuple(name.split(".")))

    def _groups(self) -> tuple[tuple[Axis, ...], tuple[Group, ...], list[str | None]]:
        axes: list[Axis] = []
        groups: list[Group] = []
        levels: list[str | None] = []
        for index, name in enumerate(self.query.by):
            with self._collect("by", index):
                value = self._named(name)
                kind = known(value)
                if kind.kind not in ("category", "boolean"):
                    raise Fault("not-a-category", f"can't group by {value.kind}", "a cut feature over it")
                keys = kind.keys if kind.kind == "category" else _TRUTHS
                level = rows_table(value.node)
                check_absent(name, value, self.query.population, self.features.contract)
                axes.append(Axis(name, self._names(name), keys))
                groups.append(Group(value.node, len(keys)))
                levels.append(level)
        return tuple(axes), tuple(groups), levels

    def _names(self, name: str) -> FrozenMap[str, str] | None:
        contract = self.features.contract
        if name in contract.features:
            return contract.features[name].name
        table, _, column = name.rpartition(".")
        return contract.tables[table].columns[column].name

    def _condition(self, name: Literal["where", "rows_where"]) -> Node | None:
        text = getattr(self.query, name)
        if text is None:
            return None
        with self._collect(name):
            node = truth(parse(text, self.features.lookup)).node
            rows_table(node)
            return None if node == build.TRUE else node
        return None

    def _where(self) -> Node | None:
        where = self._condition("where")
        with self._collect("where"):
            if where is not None and rows_table(where) is not None:
                raise Fault(
                    "where-about-rows", "where is about customers, and this is about rows", "rows_where"
                )
        return where

    def _rows(
        self, value: Typed | None, counted: str | None, levels: list[str | None], rows_where: Node | None
    ) -> str | None:
        """The one many-row table that supplies rows."""
        tables: dict[str, tuple[str | int, ...]] = {}
        with self._collect():
            if counted is not None:
                tables.setdefault(counted, ("count",))
            if value is not None:
                with within(self.query.measure):
                    table = rows_table(value.node)
                if table is not None:
                    tables.setdefault(table, (self.query.measure,))
            for index, level in enumerate(levels):
                if level is not None:
                    tables.setdefault(level, ("by", index))
            table = rows_table(rows_where)
            if table is not None:
                tables.setdefault(table, ("rows_where",))
        if len(tables) > 1:
            *_, (table, path) = tables.items()
            names = " and ".join(tables)
            fault = Fault(
                "two-row-tables", f"rows of {names} don't meet: all but one must enter through a feature"
            )
            fault.path = path
            self.faults.append(fault)
        return next(iter(tables), None)

    def _per(self, rows: str | None, counted: str | None) -> str:
        per = self.query.per or ("row" if counted is not None else "customer")
        if counted is not None and per == "customer":
            self._add("per-row-needed", f"counting rows of {counted} is per row", "per", "row")
        if per == "row" and rows is None:
            self._add(
                "rows-needed",
                "per: row needs a many-row table, and nothing here is about rows",
                "per",
                "customer",
            )
        return per

    def _where_about_rows(self, rows_where: Node | None, rows: str | None) -> None:
        if rows_where is not None and not any(fault.path[:1] == ("rows_where",) for fault in self.faults):
            with self._collect("rows_where"):
                if rows_table(rows_where) is None:
                    table = f" of {rows}" if rows else ""
                    raise Fault("rows-where-about-customers", f"rows_where is about rows{table}", "where")

    def _contributions(
        self, per: str, groups: tuple[Group, ...], levels: list[str | None]
    ) -> tuple[int | None, int | None]:
        k, r = self.query.groups_per_customer, self.query.rows_per_customer
        tuples = math.prod(g.size for g, level in zip(groups, levels, strict=True) if level is not None)
        grouped = any(level is not None for level in levels)
        if per == "row":
            if r is None:
                self._add("rows-per-customer-needed", "statistics of rows need a bound on a customer's rows",
                          self.query.measure, "rows_per_customer: 5")  # fmt: skip
            if k is not None:
                self._add("field-not-taken", "per row, rows_per_customer is the bound", "groups_per_customer")
            return None, r
        if r is not None:
            self._add(
                "field-not-taken",
                "rows_per_customer is for per: row",
                "rows_per_customer",
                "groups_per_customer",
            )
        if grouped and k is None:
            self._add("groups-per-customer-needed", "a customer's rows can lie in several groups: say how many count",
                      "by", f"groups_per_customer: {min(4, tuples)}")  # fmt: skip
        if not grouped and k is not None:
            self._add(
                "field-not-taken",
                "no group is about rows, so a customer is in one group",
                "groups_per_customer",
            )
        if grouped and k is not None and k > tuples:
            message = f"there are only {tuples} groups of rows, found {k}"
            self._add("too-many-groups", message, "groups_per_customer", str(tuples))
        return k, None

    def _bounds(self, value: Typed | None, counted: str | None, per: str, r: int | None) -> tuple[int, int]:
        low, high = 0, 1
        if value is None:
            if self.query.bounds is not None and self.query.count is not None:
                self._add("field-not-taken", "a count takes no bounds: each contribution is 1", "bounds")
        elif not any(fault.path[:1] == (self.query.measure,) for fault in self.faults):
            with self._collect("bounds" if self.query.bounds is not None else self.query.measure):
                low, high = self._value_bounds(value, per)
        most = max(abs(low), abs(high)) * (r or 1) * self.features.contract.planning.customers_at_most
        if most >= LIMIT:
            message = "bounds times customers_at_most leave 62 bits: take narrower bounds or a coarser step"
            self._add(
                "sum-overflow", message, "bounds" if self.query.bounds is not None else self.query.measure
            )
        return low, high

    def _value_bounds(self, value: Typed, per: str) -> tuple[int, int]:
        kind = known(value)
        summed = per == "customer" and rows_table(value.node) is not None
        if self.query.bounds is None:
            if summed:
                message = "a customer's rows are summed first: say between which bounds the sum counts"
                raise Fault("bounds-needed", message, "bounds: [0, ...]")
            return kind.low, kind.high
        if kind.kind == "boolean" and not summed:
            raise Fault("field-not-taken", "true or false lies between 0 and 1 already", "no bounds")
        return whole_bounds(self.query.bounds, kind.step)
