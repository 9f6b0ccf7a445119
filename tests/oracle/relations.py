"""Random relations and measurements over a schema, made from nodes: well typed, with known ranges."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from dpinsights.model.contract import Boolean, Category, Column, Contract, Date, DecimalColumn, Integer
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    And,
    Arithmetic,
    Case,
    Clamp,
    Coalesce,
    Compare,
    Constant,
    CustomerColumn,
    Cut,
    DatePart,
    DateTrunc,
    Divide,
    How,
    In,
    IsNull,
    Member,
    Node,
    Not,
    Operator,
    Or,
    Recode,
    RowColumn,
    Unit,
    conjunction,
    is_about_rows,
)
from dpinsights.model.measurement import Group, Measurement, Relation
from tests.oracle.oracle import DAY, FIRST_DAY, FIRST_SECOND, LAST_DAY, LAST_SECOND
from tests.oracle.schemas import Schema

MOST_CELLS = 400
RANGE = 2**61
PARTS: dict[str, tuple[int, int]] = {
    "year": (1890, 2210), "quarter": (1, 4), "month": (1, 12), "day": (1, 31), "weekday": (1, 7),
    "hour": (0, 23),
}  # fmt: skip


@dataclass(frozen=True)
class Value:
    """A node with its kind (category, boolean, number, date, timestamp) and its range; any may be null."""

    node: Node
    kind: str
    low: int
    high: int


def column_range(column: Column) -> tuple[str, int, int]:
    """A column's kind, and the lowest and highest integer that reading can make of it."""
    match column:
        case Category():
            return "category", 0, len(column.keys) - 1
        case Boolean():
            return "boolean", 0, 1
        case Integer() | DecimalColumn():
            step = column.step if isinstance(column, DecimalColumn) else 1
            low, high = (round(bound / step) for bound in column.bounds)  # a Decimal rounds half-even
            return "number", low, high
        case Date():
            return "date", FIRST_DAY, LAST_DAY
    return "timestamp", FIRST_SECOND, LAST_SECOND


def random_query(schema: Schema, seed: int) -> tuple[Relation, tuple[Measurement, ...]]:
    """A relation, with one to three measurements over it."""
    return Builder(schema, Random(f"query {seed}")).query()


class Builder:
    """Random nodes over a schema: about customers where `table` is None, else about that table's rows.

    Rows' nodes now and then hold a customer's, except inside an aggregate, whose parts hold its rows' alone.
    """

    def __init__(self, schema: Schema, rng: Random) -> None:
        self.rng, self.period, self.in_aggregate = rng, schema.period, False
        self.contract: Contract = schema.contract
        tables = schema.contract.tables
        self.ones = [name for name, table in tables.items() if table.rows == "one"]
        self.many = [name for name, table in tables.items() if table.rows == "many"]

    # Relations --------------------------------------------------------------------------------------

    def query(self) -> tuple[Relation, tuple[Measurement, ...]]:
        """A relation, with one to three measurements over it."""
        rng = self.rng
        rows = rng.choice([None, *self.many, *self.many])
        groups: list[Group] = []
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
            group = self.group(rows if rng.random() < 0.65 else None)
            if math.prod(g.size for g in groups) * group.size <= MOST_CELLS:
                groups.append(group)
        size = math.prod(group.size for group in groups if is_about_rows(group.code))
        per_row = rows is not None and rng.random() < 0.35
        k = None
        if rows is not None and not per_row and size > 1:
            k = min(rng.choice([1, 1, 2, 3, size]), size)
        values = [
            None if rng.random() < 0.35 else self.number(rows if rng.random() < 0.75 else None)
            for _ in range(3)
        ]
        values = values[: rng.choice([1, 2, 3])]
        measured = next((value for value in values if value is not None), None)
        relation = Relation(
            population=rng.choice([*self.contract.parties, "shared", "any", "any"]),
            rows=rows,
            groups=tuple(groups),
            where=self.condition(None) if rng.random() < 0.3 else None,
            rows_where=self.rows_where(rows),
            present=measured.node if measured and rng.random() < 0.5 else None,
            groups_per_customer=k,
            rows_per_customer=rng.randint(1, 5) if per_row else None,
            seed=rng.choice(["", "s", "seed|2", f"{rng.getrandbits(64):016x}"]),
        )
        return relation, tuple(self.measurement(relation, value) for value in values)

    def rows_where(self, rows: str | None) -> Node | None:
        """A condition about rows, the period included more often than not."""
        if rows is None:
            return None
        period = self.within(rows) if self.rng.random() < 0.8 else None
        return conjunction(period, self.condition(rows) if self.rng.random() < 0.4 else None)

    def within(self, table: str) -> Node | None:
        """That a row lies within the period, if its table has a time column."""
        time = self.contract.tables[table].time
        if time is None:
            return None
        unit = 1 if isinstance(self.contract.tables[table].columns[time], Date) else DAY
        column = RowColumn(table, time)
        start, until = (Constant(day * unit) for day in self.period)
        return And((Compare(">=", column, start), Compare("<", column, until)))

    def measurement(self, relation: Relation, value: Value | None) -> Measurement:
        """A measurement with bounds that clip or don't; 0 lies within them if a null may be met."""
        if value is None:
            return Measurement(relation, None, 0, 1)
        low, high = sorted(self.inside(value) for _ in range(2))
        if self.rng.random() < 0.4:
            low, high = value.low, value.high
        if relation.present != value.node:
            low, high = min(low, 0), max(high, 0)
        return Measurement(relation, value.node, low, high)

    # Groups -----------------------------------------------------------------------------------------

    def group(self, table: str | None) -> Group:
        """A grouping of one of many kinds; where the columns at hand allow none, the cut of a number."""
        rng = self.rng
        kind = rng.choice(
            ["code", "code", "code", "recode", "absent", "coalesce", "boolean", "quarter", "cut", "cut"]
        )
        code = self.leaf("category", table)
        if code is not None and kind in ("code", "recode", "absent", "coalesce"):
            size = code.high + 1
            if kind == "recode":
                new = rng.randint(1, size + 1)
                return Group(Recode(code.node, tuple(rng.randrange(-1, new) for _ in range(size))), new)
            if kind == "coalesce":
                return Group(Coalesce((code.node, Constant(rng.randrange(size)))), size)
            if kind == "absent" and isinstance(code.node, CustomerColumn):
                absent = Constant(rng.randrange(size))
                return Group(Case(((Absent(code.node.table), absent),), code.node), size)
            return Group(code.node, size)
        if kind == "boolean":
            return Group(self.condition(table), 2)
        moment = self.moment(table)
        if kind == "quarter" and moment is not None:
            part = DatePart("quarter", moment.node, moment.kind == "timestamp")
            return Group(Arithmetic("-", part, Constant(1)), 4)
        cut = moment if moment is not None and rng.random() < 0.4 else self.number(table)
        at = sorted({self.inside(cut) for _ in range(rng.randint(1, 4))})
        return Group(Cut(cut.node, tuple(at)), len(at) + 1)

    # Values -----------------------------------------------------------------------------------------

    def inside(self, value: Value) -> int:
        """A whole number in a value's range, and for moments mostly near the period."""
        unit = DAY if value.kind == "timestamp" else 1
        if value.kind in ("date", "timestamp"):
            return self.rng.randint(self.period[0] - 20, self.period[1] + 20) * unit
        return self.rng.randint(value.low, min(value.high, value.low + self.rng.choice([3, 20, 1000, RANGE])))

    def leaf(self, kind: str, table: str | None) -> Value | None:
        """A column of a kind, or an aggregate that picks one of its values; None if there is none."""
        rng = self.rng
        if table is not None and (self.in_aggregate or rng.random() < 0.9):
            return self.column(kind, table, RowColumn)
        found: list[Callable[[], Value | None]] = []
        found += [lambda name=name: self.column(kind, name, CustomerColumn) for name in self.ones]  # type: ignore[misc]
        found += [lambda name=name: self.pick(kind, name) for name in self.many]  # type: ignore[misc]
        rng.shuffle(found)
        return next((value for make in found if (value := make()) is not None), None)

    def column(self, kind: str, table: str, node: Any) -> Value | None:
        """One of a table's columns of a kind."""
        ranges = {name: column_range(column) for name, column in self.contract.tables[table].columns.items()}
        names = [name for name, (of, _, _) in ranges.items() if of == kind]
        if not names:
            return None
        name = self.rng.choice(names)
        return Value(node(table, name), *ranges[name])

    def pick(self, kind: str, table: str) -> Value | None:
        """The least, greatest, first or last of a column's values."""
        value = self.column(kind, table, RowColumn)
        if value is None:
            return None
        timed = self.contract.tables[table].time is not None
        hows: list[How] = ["min", "max"]
        if timed:
            hows += ["first", "last", "last"]
        if kind == "category":
            hows += ["favourite", "favourite"]
        how = self.rng.choice(hows)
        weight = self.column("number", table, RowColumn) if how == "favourite" else None
        node = Aggregate(
            how,
            table,
            value.node,
            self.filter(table, how in ("first", "last")),
            weight.node if weight is not None and self.rng.random() < 0.5 else None,
        )
        return replace(value, node=node)

    def filter(self, table: str, timely: bool) -> Node | None:
        """Which rows an aggregate takes; `timely` keeps out null times, whose rank the rules leave open."""
        period = self.within(table) if timely or self.rng.random() < 0.7 else None
        self.in_aggregate = True
        own = self.condition(table, 2) if self.rng.random() < 0.4 else None
        self.in_aggregate = False
        return conjunction(period, own)

    def moment(self, table: str | None) -> Value | None:
        """A date or a timestamp."""
        value = self.leaf("date", table) if self.rng.random() < 0.5 else None
        value = value or self.leaf("timestamp", table) or self.leaf("date", table)
        if value is not None and self.rng.random() < 0.3:
            unit: Unit = self.rng.choice(["year", "quarter", "month", "week", "day"])
            return Value(DateTrunc(unit, value.node, value.kind == "timestamp"), "date", FIRST_DAY, LAST_DAY)
        return value

    def number(self, table: str | None, depth: int = 0) -> Value:
        """A number of some kind."""
        rng = self.rng
        form = rng.choice(
            ["leaf"] * 5 + ["arithmetic", "case", "coalesce", "part", "total", "clamp", "divide", "mean"]
        )
        if depth >= 2 or (form == "mean" and self.in_aggregate):
            form = "leaf"
        if form == "arithmetic":
            return self.arithmetic(self.number(table, depth + 1), self.number(table, depth + 1))
        if form == "case":
            one, two = self.number(table, depth + 1), self.number(table, depth + 1)
            branches = [(self.condition(table, depth + 1), one.node)]
            if rng.random() < 0.4:
                branches.append((self.condition(table, depth + 1), Constant(two.high)))
            otherwise = two.node if rng.random() < 0.7 else Constant(None)
            return Value(
                Case(tuple(branches), otherwise), "number", min(one.low, two.low), max(one.high, two.high)
            )
        if form == "coalesce":
            one, two = self.number(table, depth + 1), self.number(table, depth + 1)
            parts = (one.node, two.node, Constant(one.low))
            return Value(Coalesce(parts), "number", min(one.low, two.low), max(one.high, two.high))
        if form == "divide":
            return self.divided(self.number(table, depth + 1), self.number(table, depth + 1))
        if form == "mean":
            return self.mean()
        if form == "clamp":
            one = self.number(table, depth + 1)
            low, high = sorted((self.inside(one), self.inside(one)))
            return Value(Clamp(one.node, low, high), "number", low, high)
        moment = self.moment(table) if form == "part" else None
        if moment is not None:
            part: Any = rng.choice([part for part in PARTS if moment.kind == "timestamp" or part != "hour"])
            return Value(DatePart(part, moment.node, moment.kind == "timestamp"), "number", *PARTS[part])
        leaf = self.leaf("number", table) if form != "total" else None
        if leaf is None and self.in_aggregate:
            return Value(Constant(rng.randint(0, 3)), "number", 0, 3)
        return leaf or self.total()

    def total(self) -> Value:
        """A customer's sum or count over a many-row table, clamped as a feature's is."""
        table = self.rng.choice(self.many)
        value = self.column("number", table, RowColumn)
        code = self.column("category", table, RowColumn)
        if code is not None and self.rng.random() < 0.2:
            distinct = Aggregate("distinct", table, code.node, self.filter(table, False))
            return Value(distinct, "number", 0, code.high + 1)
        if value is None or self.rng.random() < 0.4:
            of = value.node if value is not None and self.rng.random() < 0.5 else None
            count = Aggregate("count", table, of, self.filter(table, False))
            high = self.rng.choice([1, 3, 50])
            return Value(Clamp(count, 0, high), "number", 0, high)
        low, high = min(value.low, 0), max(value.high, 0) * self.rng.choice([1, 1, 4])
        node = value.node
        if self.rng.random() < 0.3:
            node = self.arithmetic(value, value).node if abs(high) < 2**24 else node
        return Value(
            Clamp(Aggregate("sum", table, node, self.filter(table, False)), low, high), "number", low, high
        )

    def mean(self) -> Value:
        """The mean of a column over a customer's rows, or the share of those for which a condition is true."""
        table = self.rng.choice(self.many)
        value = self.column("number", table, RowColumn)
        where = self.filter(table, False)
        self.in_aggregate = True
        if value is None or self.rng.random() < 0.4:
            value = Value(self.condition(table, 2), "boolean", 0, 1)
        self.in_aggregate = False
        most = max(abs(value.low), abs(value.high), 1)
        times = self.rng.choice([1, 1, 10, 1000]) if most < 2**40 else 1
        over = self.rng.choice([1, 1, 2, 7])
        total = Aggregate("sum", table, Arithmetic("*", value.node, Constant(times)), where)
        count = Arithmetic("*", Aggregate("count", table, value.node, where), Constant(over))
        return Value(
            Divide(total, count), "number", value.low * times // over, -(-value.high * times // over)
        )

    def divided(self, left: Value, right: Value) -> Value:
        """A quotient, now and then by a constant; by 0 now and then."""
        if self.rng.random() < 0.4:
            divisor = self.rng.choice([-3, -2, 0, 2, 2, 4, 10, 100])
            right = Value(Constant(divisor), "number", divisor, divisor)
        most = max(abs(left.low), abs(left.high))
        return Value(Divide(left.node, right.node), "number", -most, most)

    def arithmetic(self, left: Value, right: Value) -> Value:
        """A sum, difference or product; no product whose range would not fit."""
        operator: Operator = self.rng.choice(["+", "-", "*"])
        if operator == "-":
            low, high = left.low - right.high, left.high - right.low
        elif operator == "+":
            low, high = left.low + right.low, left.high + right.high
        else:
            ends = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]
            low, high = min(ends), max(ends)
        if max(abs(low), abs(high)) >= RANGE:
            return left
        return Value(Arithmetic(operator, left.node, right.node), "number", low, high)

    # Conditions -------------------------------------------------------------------------------------

    def condition(self, table: str | None, depth: int = 0) -> Node:
        """A condition; made to be true rather often."""
        rng = self.rng
        form = rng.choice(["and", "or", "not"]) if depth < 2 and rng.random() < 0.35 else "plain"
        if form == "not":
            return Not(self.condition(table, depth + 1))
        if form in ("and", "or"):
            parts = tuple(self.condition(table, depth + 1) for _ in range(rng.randint(2, 3)))
            return And(parts) if form == "and" else Or(parts)
        kind = rng.choice(
            ["boolean", "category", "category", "number", "moment", "null", "absent", "any", "member"]
        )
        if kind == "member" and table is None:
            return Member(rng.choice(list(self.contract.parties)))
        if kind == "absent" and self.ones and table is None:
            return Absent(rng.choice(self.ones))
        if kind == "any" and table is None and depth < 2:
            name = rng.choice(self.many)
            inside, self.in_aggregate = self.in_aggregate, True
            own = self.condition(name, 2)
            self.in_aggregate = inside
            return Aggregate("any", name, None, conjunction(self.within(name), own))
        if kind == "boolean" and (truth := self.leaf("boolean", table)):
            return truth.node if rng.random() < 0.6 else Coalesce((truth.node, Constant(rng.choice([0, 1]))))
        if kind == "category" and (code := self.leaf("category", table)):
            among = tuple(sorted({rng.randint(0, code.high) for _ in range(3)}))
            return (
                In(code.node, among) if rng.random() < 0.6 else Compare("<>", code.node, Constant(among[0]))
            )
        value = self.moment(table) if kind == "moment" else None
        value = value or self.number(table, depth + 1)
        if kind == "null":
            return IsNull(value.node) if rng.random() < 0.5 else Not(IsNull(value.node))
        other: Node = Constant(self.inside(value))
        if value.kind == "number" and rng.random() < 0.2:
            other = self.number(table, depth + 1).node
        if rng.random() < 0.03:
            other = Constant(None)
        comparator: Any = rng.choice(["=", "<>", "<>", "<", "<=", ">", ">=", ">="])
        return Compare(comparator, value.node, other)
