"""A query against its contract: one rule after the other, all faults collected."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from dpinsights.definitions import building as build
from dpinsights.definitions.absence import check_absent
from dpinsights.definitions.comparisons import shape_faults
from dpinsights.definitions.expressions import parse
from dpinsights.definitions.features import Features, rows_table, whole_bounds, within_period
from dpinsights.definitions.groupings import bins, grouping, public_figures
from dpinsights.definitions.measures import (
    BOUNDED,
    ONE_CELL,
    About,
    Value,
    what_about,
)
from dpinsights.definitions.places import Fault, nearest, within
from dpinsights.definitions.ranges import LIMIT
from dpinsights.definitions.typed import Typed, known, truth
from dpinsights.model.contract import Bounds
from dpinsights.model.expressions import Node
from dpinsights.model.measurement import Group
from dpinsights.model.plan import Axis
from dpinsights.model.report import Query
from dpinsights.model.resolved import ResolvedQuery, ResolvedValue

MOST_CELLS = 100_000
"""Cells that a query may have."""


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
        about = self._about()
        axes, groups, levels = self._groups()
        where = self._where()
        rows_where = self._condition("rows_where")
        rows = self._rows(about, levels, rows_where)
        per = self._per(rows, about)
        self._where_about_rows(rows_where, rows)
        k, r = self._contributions(per, groups, levels)
        self._one_cell(per, levels)
        self._no_bounds()
        values = tuple(self._bounded(value, per, r) for value in about.values)
        own_axes, own_groups, edges = self._own(about, values)
        figures = self._figures(axes)
        self._shape_of_answer(axes, levels)
        cells = math.prod(group.size for group in (*groups, *own_groups))
        if query.measure == "pairs" and own_groups:
            cells = cells * (own_groups[-1].size + 1) // 2
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
            tuple(value for value in values if value is not None),
            own_axes,
            own_groups,
            edges,
            figures,
            k,
            r,
            about.text,
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

    def _about(self) -> About:
        """What the measure is about: numbers, groups of its own, or a table whose rows are counted."""
        with self._collect():
            return what_about(self.query, self.features)
        return About()

    def _own(
        self, about: About, values: tuple[ResolvedValue | None, ...]
    ) -> tuple[tuple[Axis, ...], tuple[Group, ...], tuple[int, ...]]:
        """The groups that the measure itself brings; bins need bounds first."""
        if self.query.cuts is None or not values or values[0] is None:
            return about.axes, about.groups, ()
        with self._collect():
            return bins(self.query, values[0])
        return (), (), ()

    def _figures(self, axes: tuple[Axis, ...]) -> tuple[Decimal | None, ...]:
        """The public figures that counts are set against, by the keys of their group."""
        if self.query.out_of is None:
            return ()
        with self._collect("out_of"):
            return public_figures(self.query, axes, self.features.contract)
        return ()

    def _one_cell(self, per: str, levels: list[str | None]) -> None:
        """Some measures need each customer in one cell alone."""
        measure = self.query.measure
        if measure not in ONE_CELL and not self.query.cumulative:
            return
        what = "a running total" if self.query.cumulative else measure
        for index, level in enumerate(levels):
            if level is not None:
                fault = Fault(
                    "group-of-rows", f"{what} counts each customer in one group: group by a feature"
                )
                fault.path = ("by", index)
                self.faults.append(fault)
        if per == "row":
            self._add("field-not-taken", f"{what} is about customers, not about rows", "per", "customer")

    def _shape_of_answer(self, axes: tuple[Axis, ...], levels: list[str | None]) -> None:
        """Comparisons, running totals and tests need groups of their kind."""
        if len(axes) < len(self.query.by):
            return
        for code, message, path, hint in shape_faults(self.query, axes, levels):
            self._add(code, message, path, hint)

    def _groups(self) -> tuple[tuple[Axis, ...], tuple[Group, ...], list[str | None]]:
        axes: list[Axis] = []
        groups: list[Group] = []
        levels: list[str | None] = []
        for index, name in enumerate(self.query.by):
            with self._collect("by", index):
                value = self.features.lookup(tuple(name.split(".")))
                kind = known(value)
                if kind.kind not in ("category", "boolean"):
                    raise Fault("not-a-category", f"can't group by {value.kind}", "a cut feature over it")
                level = rows_table(value.node)
                check_absent(name, value, self.query.population, self.features.contract)
                axis, group = grouping(name, value, self.features.contract)
                axes.append(axis)
                groups.append(group)
                levels.append(level)
        return tuple(axes), tuple(groups), levels

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

    def _rows(self, about: About, levels: list[str | None], rows_where: Node | None) -> str | None:
        """The one many-row table that supplies rows."""
        tables: dict[str, tuple[str | int, ...]] = {}
        with self._collect():
            if about.counted is not None:
                tables.setdefault(about.counted, ("count",))
            if about.text is not None and self.features.contract.tables[about.text.table].rows == "many":
                tables.setdefault(about.text.table, ("top",))
            for node in (*(value.typed.node for value in about.values), *(g.code for g in about.groups)):
                with within(self.query.measure):
                    table = rows_table(node)
                if table is not None:
                    tables.setdefault(table, (self.query.measure,))
            for index, level in enumerate(levels):
                if level is not None:
                    tables.setdefault(level, ("by", index))
            table = rows_table(rows_where)
            if table is not None:
                tables.setdefault(table, ("rows_where",))
        if about.text is not None and tables:
            tables.setdefault(about.text.table, ("top",))
        if len(tables) > 1:
            *_, (table, path) = tables.items()
            names = " and ".join(tables)
            fault = Fault(
                "two-row-tables", f"rows of {names} don't meet: all but one must enter through a feature"
            )
            fault.path = path
            self.faults.append(fault)
        return next(iter(tables), None)

    def _per(self, rows: str | None, about: About) -> str:
        per = self.query.per or ("row" if about.counted is not None else "customer")
        if about.counted is not None and per == "customer":
            self._add("per-row-needed", f"counting rows of {about.counted} is per row", "per", "row")
        if per == "row" and rows is None and self.query.measure not in ONE_CELL:
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
        if self.query.measure == "pairs":
            if k is not None:
                self._add(
                    "field-not-taken", "of pairs, values_per_customer is the bound", "groups_per_customer"
                )
            return self.query.values_per_customer, None
        if self.query.measure == "top":
            if r is not None:
                self._add("field-not-taken", "of top, groups_per_customer is the bound", "rows_per_customer")
            return k, None
        tuples = math.prod(g.size for g, level in zip(groups, levels, strict=True) if level is not None)
        grouped = any(level is not None for level in levels)
        if per == "row":
            if r is None and self.query.measure not in ONE_CELL:
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

    def _no_bounds(self) -> None:
        measure = self.query.measure
        if self.query.bounds is None or measure in BOUNDED:
            return
        why = (
            "its numbers are bounded where they are declared"
            if measure in ("corr", "regression")
            else "each contribution is 1"
        )
        self._add("field-not-taken", f"{measure} takes no bounds: {why}", "bounds", "no bounds")

    def _bounded(self, value: Value, per: str, r: int | None) -> ResolvedValue | None:
        """A number with the bounds of one contribution."""
        given = getattr(self.query, value.bounds) if value.bounds else None
        path = value.bounds if given is not None and value.bounds else value.path[0]
        with self._collect(*((path,) if given is not None else value.path)):
            low, high = self._value_bounds(value.typed, per, given, value.bounds)
            most = max(abs(low), abs(high)) * (r or 1) * self.features.contract.planning.customers_at_most
            if most >= LIMIT:
                message = (
                    "bounds times customers_at_most leave 62 bits: take narrower bounds or a coarser step"
                )
                raise Fault("sum-overflow", message)
            return ResolvedValue(value.name, value.typed.node, known(value.typed), low, high)
        return None

    def _value_bounds(
        self, value: Typed, per: str, given: Bounds | None, field: str | None
    ) -> tuple[int, int]:
        kind = known(value)
        summed = per == "customer" and rows_table(value.node) is not None
        if given is None:
            if summed:
                message = "a customer's rows are summed first: say between which bounds the sum counts"
                raise Fault("bounds-needed", message, f"{field or 'bounds'}: [0, ...]")
            return kind.low, kind.high
        if kind.kind == "boolean" and not summed:
            raise Fault("field-not-taken", "true or false lies between 0 and 1 already", "no bounds")
        return whole_bounds(given, kind.step)
