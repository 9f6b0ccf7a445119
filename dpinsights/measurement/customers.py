"""The compact per-customer table: one row a customer, and for each leaf of the plan's expressions one whole number.

Stability: each row of the result is a function of that customer's own rows in the declared tables, the contract and
the plan: every step either maps one source row, or aggregates over rows of one customer, or joins by customer sides
that hold each customer once. So adding or removing a customer adds or removes that customer's row and changes no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from sqlglot import exp

from dpinsights.errors import SourceError
from dpinsights.measurement import tree
from dpinsights.measurement.engines.interface import Engine
from dpinsights.measurement.nodes import Leaf, condition, value
from dpinsights.measurement.reading import DAY, FIRST_DAY, LAST_DAY, cleaned, customer_id
from dpinsights.measurement.tree import Sql
from dpinsights.model.contract import (
    Boolean,
    Category,
    Column,
    Contract,
    Date,
    DecimalColumn,
    Integer,
    Timestamp,
)
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    CustomerColumn,
    Node,
    RowColumn,
    is_about_rows,
    walk,
)
from dpinsights.model.plan import Measurement, Relation

CUSTOMER = "customer"
CUSTOMERS = "customers"
MOST = 2**62


class Reader:
    """Reads declared tables as cleaned whole numbers; knows schemas, never rows."""

    def __init__(self, contract: Contract, engine: Engine) -> None:
        """Checks that every declared table has its columns in a readable storage.

        Raises:
            SourceError: naming the table and column; found from schemas alone.
        """
        self.contract = contract
        self.engine = engine
        self.storage = {table: engine.storage(table) for table in contract.tables}
        for name, declared in contract.tables.items():
            for column in (declared.customer, *declared.columns):
                if column not in self.storage[name]:
                    raise SourceError(
                        f"{name}: the source has no column {column!r}; it has {', '.join(sorted(self.storage[name]))}"
                    )
        kinds = {self.storage[name][table.customer].kind for name, table in contract.tables.items()}
        self.ids_as_text = kinds != {"integer"}
        for name in contract.tables:
            self.rows(name, contract.tables[name].columns)

    def rows(self, name: str, columns: Iterable[str]) -> exp.Select:
        """A table's rows: the customer, never null, and the given columns cleaned, each under its own name."""
        declared = self.contract.tables[name]
        wanted = sorted(set(columns))
        select = (
            exp.select(exp.alias_(self._customer(name), CUSTOMER, quoted=True))
            .select(*(exp.alias_(tree.column(column), f"_{column}", quoted=True) for column in wanted))
            .from_(self.engine.source(name))
        )
        stages = {c: cleaned(declared.columns[c], self.storage[name][c], place=f"{name}.{c}") for c in wanted}
        for step in range(max((len(steps) for steps in stages.values()), default=0)):
            made = [
                exp.alias_(steps[step](tree.column(f"_{c}")), f"_{c}", quoted=True)
                if step < len(steps)
                else tree.column(f"_{c}")
                for c, steps in stages.items()
            ]
            select = exp.select(tree.column(CUSTOMER), *made).from_(select.subquery("stored"))
        present = exp.select(tree.column(CUSTOMER), *(tree.column(f"_{column}") for column in wanted))
        return present.from_(select.subquery("read")).where(tree.not_null(tree.column(CUSTOMER)))

    def _customer(self, name: str) -> Sql:
        column = self.contract.tables[name].customer
        return customer_id(
            tree.column(column),
            self.storage[name][column],
            as_text=self.ids_as_text,
            place=f"{name}.{column}",
        )

    def members(self, party: str) -> tuple[str, ...]:
        """The tables whose customers are a party's members."""
        listed = self.contract.parties[party].members
        return (listed,) if listed else tuple(t for t in self.contract.tables if t.split(".")[0] == party)


@dataclass
class CustomerTable:
    """Where a relation finds a customer's values.

    Attributes:
        select: the rows, to be kept as `customers`.
        columns: the column that holds each leaf.
        members: the column that says whether a customer is a member of a party; a party without one needs no check.
    """

    select: exp.Select
    columns: dict[Leaf, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)

    def leaf(self, leaf: Leaf) -> Sql:
        """A leaf's column."""
        return tree.column(self.columns[leaf], CUSTOMERS)

    def is_member(self, party: str) -> Sql | None:
        """Whether the customer is a member of a party, or None where every customer of the table is one."""
        return tree.column(self.members[party], CUSTOMERS) if party in self.members else None


def expressions(measurements: Sequence[Measurement]) -> Iterable[Node]:
    """All nodes that the measurements hold."""
    for measurement in measurements:
        relation = measurement.relation
        roots = [group.code for group in relation.groups]
        roots += [
            n
            for n in (relation.where, relation.rows_where, relation.present, measurement.value)
            if n is not None
        ]
        for root in roots:
            yield from walk(root)


def needed_parties(relation: Relation, reader: Reader) -> frozenset[str]:
    """The parties whose membership has to be looked up for a relation.

    A row in one of a party's member tables makes its customer a member, so where such a table supplies the rows
    nothing is left to check.
    """
    everyone = frozenset(reader.contract.parties)
    of = everyone if relation.population == "shared" else frozenset({relation.population}) & everyone
    if relation.rows is not None:
        of -= {party for party in of if relation.rows in reader.members(party)}
    return of


def reach(relation: Relation) -> int:
    """How many row-level groups there are."""
    return math.prod(group.size for group in relation.groups if is_about_rows(group.code))


def is_truncated(relation: Relation) -> bool:
    """Whether the selection order matters: rows per customer are chosen by another order."""
    return relation.groups_per_customer is not None and relation.groups_per_customer < reach(relation)


def smallest_prime(at_least: int) -> int:
    """The smallest prime that is at least a number.

    >>> [smallest_prime(n) for n in (2, 4, 20, 31)]
    [2, 5, 23, 31]
    """
    candidate = max(2, at_least)
    while any(candidate % divisor == 0 for divisor in range(2, math.isqrt(candidate) + 1)):
        candidate += 1
    return candidate


def customer_table(measurements: Sequence[Measurement], reader: Reader) -> CustomerTable:
    """The per-customer table that the measurements need."""
    relations = [measurement.relation for measurement in measurements]
    checked = [needed_parties(relation, reader) for relation in relations]
    leaves = [
        n
        for n in dict.fromkeys(expressions(measurements))
        if isinstance(n, CustomerColumn | Absent | Aggregate)
    ]
    spine_party = next(
        (party for party in reader.contract.parties if all(party in parties for parties in checked)), None
    )
    listing = _listing(spine_party, reader)
    if listing is None:
        spine = _members((spine_party,) if spine_party else tuple(reader.contract.parties), reader)
    else:
        spine = one_row(listing, [leaf for leaf in leaves if leaf.table == listing], reader)
    table = CustomerTable(exp.select(tree.column(CUSTOMER, "spine")).from_(spine.subquery("spine")))
    for party in sorted(frozenset().union(*checked) - {spine_party}):
        table.members[party] = f"in_{party}"
        _join(table, _members((party,), reader), party)
        known = tree.not_null(tree.column(CUSTOMER, party))
        table.select = table.select.select(exp.alias_(known, table.members[party], quoted=True))
    for name in dict.fromkeys(leaf.table for leaf in leaves):
        alias = "spine" if name == listing else name
        _join_leaves(table, name, alias, [leaf for leaf in leaves if leaf.table == name], reader)
    primes = sorted({smallest_prime(max(2, reach(r))) for r in relations if is_truncated(r)})
    return _with_selection(table, relations[0].seed, primes) if primes else table


def _listing(party: str | None, reader: Reader) -> str | None:
    """The one table that lists a party's members with one row each, which needs no joining then."""
    tables = reader.members(party) if party else ()
    return tables[0] if len(tables) == 1 and reader.contract.tables[tables[0]].rows == "one" else None


def _members(parties: tuple[str, ...], reader: Reader) -> exp.Select:
    """Each member once."""
    names = [name for party in parties for name in reader.members(party)]
    selects: list[exp.Query] = [reader.rows(name, ()) for name in names]
    union = selects[0]
    for select in selects[1:]:
        union = exp.union(union, select, distinct=False)
    return exp.select(tree.column(CUSTOMER)).from_(union.subquery("members")).distinct()


def _join(table: CustomerTable, side: exp.Select, alias: str) -> None:
    """A left join by customer with a side that holds each customer once: it adds no row."""
    on = tree.binary(exp.EQ, tree.column(CUSTOMER, "spine"), tree.column(CUSTOMER, alias))
    table.select = table.select.join(side.subquery(alias), on=on, join_type="left")


def _join_leaves(table: CustomerTable, name: str, alias: str, leaves: list[Leaf], reader: Reader) -> None:
    if alias == name:
        one = reader.contract.tables[name].rows == "one"
        _join(table, one_row(name, leaves, reader) if one else _aggregated(name, leaves, reader), name)
    for leaf in leaves:
        column = f"v{len(table.columns)}"
        table.columns[leaf] = column
        match leaf:
            case Absent():
                found: Sql = tree.case(
                    [(tree.is_null(tree.column(CUSTOMER, alias)), tree.number(1))], tree.number(0)
                )
            case CustomerColumn():
                found = tree.column(f"_{leaf.column}", alias)
            case _:
                found = tree.column(_aggregate_name(leaves, leaf), alias)
                if isinstance(leaf, Aggregate) and leaf.how in ("sum", "count", "any"):
                    found = tree.call("coalesce", found, tree.number(0))
        table.select = table.select.select(exp.alias_(found, column, quoted=True))


def one_row(name: str, leaves: Sequence[Leaf], reader: Reader) -> exp.Select:
    """One whole row a customer: the smallest by all declared columns in the contract's order, null first.

    Where all columns' ranges fit 62 bits together, a row is one whole number and the smallest is a plain minimum.
    """
    columns = reader.contract.tables[name].columns
    wanted = sorted({leaf.column for leaf in leaves if isinstance(leaf, CustomerColumn)})
    rows = reader.rows(name, columns).subquery("row")
    ranges = [range_of(column) for column in columns.values()]
    if math.prod(high - low + 2 for low, high in ranges) < MOST:
        return _smallest_packed(list(columns), ranges, wanted, rows)
    order = [tree.column(f"_{column}") for column in columns]
    first = tree.binary(exp.EQ, tree.numbered([tree.column(CUSTOMER)], order), exp.Literal.number(1))
    return (
        exp.select(tree.column(CUSTOMER), *(tree.column(f"_{column}") for column in wanted))
        .from_(rows)
        .qualify(first)
    )


def range_of(column: Column) -> tuple[int, int]:
    """The lowest and highest whole number that a cleaned column can hold."""
    match column:
        case Category():
            return 0, len(column.keys) - 1
        case Boolean():
            return 0, 1
        case Integer():
            return int(column.bounds[0]), int(column.bounds[1])
        case DecimalColumn():
            # Half-even, as reading rounds: a bound may lie between two steps.
            return round(column.bounds[0] / column.step), round(column.bounds[1] / column.step)
        case Date():
            return FIRST_DAY, LAST_DAY
        case Timestamp():
            return FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1
        case _:
            assert_never(column)


def _smallest_packed(
    columns: Sequence[str], ranges: Sequence[tuple[int, int]], wanted: Sequence[str], rows: exp.Subquery
) -> exp.Select:
    """The smallest row as a mixed radix number whose first digit is the first column, null being digit 0."""
    packed: Sql = tree.number(0)
    for column, (low, high) in zip(columns, ranges, strict=True):
        digit = tree.call(
            "coalesce", tree.binary(exp.Sub, tree.column(f"_{column}"), tree.number(low - 1)), tree.number(0)
        )
        packed = tree.binary(exp.Add, tree.binary(exp.Mul, packed, tree.number(high - low + 2)), digit)
    least = exp.alias_(tree.call("min", packed), "least", quoted=True)
    smallest = exp.select(tree.column(CUSTOMER), least).from_(rows).group_by(tree.column(CUSTOMER))
    select = exp.select(tree.column(CUSTOMER)).from_(smallest.subquery("smallest"))
    below = 1
    for column, (low, high) in reversed(list(zip(columns, ranges, strict=True))):
        digit = tree.binary(
            exp.Mod,
            tree.binary(exp.IntDiv, tree.column("least"), tree.number(below)),
            tree.number(high - low + 2),
        )
        if column in wanted:
            number = tree.binary(exp.Add, tree.call("nullif", digit, tree.number(0)), tree.number(low - 1))
            select = select.select(exp.alias_(number, f"_{column}", quoted=True))
        below *= high - low + 2
    return select


def _aggregate_name(leaves: Sequence[Leaf], leaf: Leaf) -> str:
    return f"a{leaves.index(leaf)}"


def _aggregated(name: str, leaves: Sequence[Leaf], reader: Reader) -> exp.Select:
    """A customer's aggregates over its rows of one many-row table."""
    declared = reader.contract.tables[name]
    used = {n.column for leaf in leaves for n in walk(leaf, into_aggregates=True) if isinstance(n, RowColumn)}
    if any(isinstance(leaf, Aggregate) and leaf.how in ("first", "last") for leaf in leaves):
        used |= set(declared.columns)
    select = (
        exp.select(tree.column(CUSTOMER))
        .from_(reader.rows(name, used).subquery("row"))
        .group_by(tree.column(CUSTOMER))
    )
    for leaf in leaves:
        if isinstance(leaf, Aggregate):
            found = _aggregate(leaf, declared.time, list(declared.columns))
            select = select.select(exp.alias_(found, _aggregate_name(leaves, leaf), quoted=True))
    return select


def row_leaf(leaf: Leaf) -> Sql:
    """A column of the row in hand."""
    if not isinstance(leaf, RowColumn):
        raise AssertionError("inside an aggregate there are only rows")
    return tree.column(f"_{leaf.column}")


def _aggregate(leaf: Aggregate, time: str | None, columns: Sequence[str]) -> Sql:
    of = None if leaf.value is None else value(leaf.value, row_leaf)
    counts = tree.every(
        [
            None if leaf.where is None else condition(leaf.where, row_leaf),
            None if of is None else tree.not_null(of),
        ]
    )
    match leaf.how:
        case "sum":
            found: Sql = tree.call("sum", of or tree.number(1))
        case "count" | "any":
            found = exp.Count(this=exp.Star())
        case "min" | "max":
            found = tree.call(leaf.how, of or tree.number(None))
        case "first" | "last":
            found = tree.call("arg_min", of or tree.number(None), _row_order(leaf.how, time, columns))
    if counts is not None:
        found = exp.Filter(this=found, expression=exp.Where(this=counts))
    if leaf.how == "any":
        return tree.cast(tree.binary(exp.GT, found, exp.Literal.number(0)), "BIGINT")
    if leaf.how == "sum":
        wide = tree.cast(tree.text(str(MOST)), "HUGEINT")
        return tree.cast(tree.clamped(found, exp.Neg(this=wide), wide), "BIGINT")
    return found


def _row_order(how: str, time: str | None, columns: Sequence[str]) -> Sql:
    """By time, then by all declared columns, smallest first, null below all: a total order of distinct rows."""
    least = tree.cast(tree.text(str(-(2**63))), "BIGINT")
    keys: list[Sql] = []
    if time is not None:
        moment = tree.column(f"_{time}")
        keys.append(exp.Neg(this=moment) if how == "last" else moment)
    keys += [tree.column(f"_{column}") for column in columns]
    return exp.Array(expressions=[tree.call("coalesce", key, least) for key in keys])


def id_text(customer: Sql) -> Sql:
    """The customer's id as text, whichever way ids are held."""
    return tree.cast(customer, "VARCHAR")


def _with_selection(table: CustomerTable, seed: str, primes: Sequence[int]) -> CustomerTable:
    """Adds, for each prime P, the selection order's a (1 to P-1) and r (0 to P-1), from one digest a customer."""
    customer = id_text(tree.column(CUSTOMER, "known"))
    hashed = tree.call("sha256", tree.joined([tree.text(seed), customer], "|"))
    inner = exp.select(exp.Star(), exp.alias_(hashed, "digest", quoted=True)).from_(
        table.select.subquery("known")
    )
    select = exp.select(
        *(tree.column(name) for name in (CUSTOMER, *table.members.values(), *table.columns.values()))
    )
    drawn = {name: _digits(start) for name, start in (("a", 1), ("r", 8))}
    for prime in primes:
        a = tree.binary(exp.Add, tree.binary(exp.Mod, drawn["a"], tree.number(prime - 1)), tree.number(1))
        r = tree.binary(exp.Mod, drawn["r"], tree.number(prime))
        for name, sql in (("a", a), ("r", r)):
            select = select.select(exp.alias_(tree.cast(sql, "INTEGER"), f"{name}_{prime}", quoted=True))
    return replace(table, select=select.from_(inner.subquery("hashed")))


def _digits(start: int) -> Sql:
    """Seven hexadecimal digits of the digest as a whole number under 2^28."""
    digits = tree.call("substr", tree.column("digest"), exp.Literal.number(start), exp.Literal.number(7))
    return tree.cast(tree.call("concat", tree.text("0x"), digits), "BIGINT")
