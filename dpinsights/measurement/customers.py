"""The compact per-customer table: one row a customer, and for each leaf of the plan's expressions one whole number.

Stability: each row of the result is a function of that customer's own rows in the declared tables, the contract and
the plan: every step either maps one source row, or aggregates over rows of one customer, or joins by customer sides
that hold each customer once. So adding or removing a customer adds or removes that customer's row and changes no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from dpinsights.measurement import tree
from dpinsights.measurement.nodes import REPEATED, value
from dpinsights.measurement.one_row import one_row
from dpinsights.measurement.reader import CUSTOMER as CUSTOMER
from dpinsights.measurement.reader import Reader as Reader
from dpinsights.measurement.rows import aggregate_name, aggregated, favourite
from dpinsights.measurement.tree import Sql
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    Constant,
    CustomerColumn,
    Member,
    Node,
    is_about_rows,
    parts_of,
    walk,
)
from dpinsights.model.measurement import Measured, Relation

CUSTOMERS = "customers"


@dataclass
class CustomerTable:
    """Where a relation finds a customer's values.

    Attributes:
        select: the rows, to be kept as `customers`.
        columns: the column that holds each leaf, and each node that others are made of several times.
        members: the column that says whether a customer is a member of a party; a party without one needs no check.
    """

    select: exp.Select
    columns: dict[Node, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)

    def leaf(self, node: Node) -> Sql | None:
        """A node's column, or None if it has none."""
        if isinstance(node, Member):
            known = self.is_member(node.party)
            return tree.number(1) if known is None else tree.cast(known, "BIGINT")
        return tree.column(self.columns[node], CUSTOMERS) if node in self.columns else None

    def is_member(self, party: str) -> Sql | None:
        """Whether the customer is a member of a party, or None where every customer of the table is one."""
        return tree.column(self.members[party], CUSTOMERS) if party in self.members else None


def expressions(measurements: Sequence[Measured]) -> Iterable[Node]:
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


def customer_table(measurements: Sequence[Measured], reader: Reader) -> CustomerTable:
    """The per-customer table that the measurements need."""
    relations = [measurement.relation for measurement in measurements]
    checked = [needed_parties(relation, reader) for relation in relations]
    found = list(dict.fromkeys(expressions(measurements)))
    leaves = [n for n in found if isinstance(n, CustomerColumn | Absent | Aggregate)]
    asked = {n.party for n in found if isinstance(n, Member)}
    spine_party = next(
        (party for party in reader.contract.parties if all(party in parties for parties in checked)), None
    )
    listing = _listing(spine_party, reader)
    if listing is None:
        spine = _members((spine_party,) if spine_party else tuple(reader.contract.parties), reader)
    else:
        spine = one_row(listing, [leaf for leaf in leaves if leaf.table == listing], reader)
    table = CustomerTable(exp.select(tree.column(CUSTOMER, "spine")).from_(spine.subquery("spine")))
    for party in sorted(asked.union(*checked) - {spine_party}):
        table.members[party] = f"in_{party}"
        _join(table, _members((party,), reader), party)
        known = tree.not_null(tree.column(CUSTOMER, party))
        table.select = table.select.select(exp.alias_(known, table.members[party], quoted=True))
    for name in dict.fromkeys(leaf.table for leaf in leaves):
        alias = "spine" if name == listing else name
        _join_leaves(table, name, alias, [leaf for leaf in leaves if leaf.table == name], reader)
    for stage in stages(measurements):
        table = _staged(table, stage)
    primes = sorted({smallest_prime(max(2, reach(r))) for r in relations if is_truncated(r)})
    return _with_selection(table, relations[0].seed, primes) if primes else table


def stages(measurements: Sequence[Measured]) -> list[list[Node]]:
    """Nodes about customers that get columns of their own, each stage made of those before it.

    What SQL would write out several times is written once, so that the text grows with a definition and not with the
    power of its depth.
    """
    wanted = [value for m in measurements if (value := m.value) is not None]
    for node in expressions(measurements):
        if isinstance(node, REPEATED):
            wanted += parts_of(node)
    stage_of: dict[Node, int] = {}
    for node in sorted(dict.fromkeys(wanted), key=_depth):
        if not isinstance(node, LEAVES) and not is_about_rows(node):
            stage_of[node] = 1 + max((stage_of[part] for part in walk(node) if part in stage_of), default=-1)
    last = max(stage_of.values(), default=-1)
    return [[node for node, at in stage_of.items() if at == stage] for stage in range(last + 1)]


LEAVES = (CustomerColumn, Absent, Member, Aggregate, Constant)


def _depth(node: Node) -> int:
    return 1 if isinstance(node, LEAVES) else 1 + max((_depth(part) for part in parts_of(node)), default=0)


def _staged(table: CustomerTable, nodes: Sequence[Node]) -> CustomerTable:
    """Adds a column for each node, made of the columns that there are: one customer's values from its own."""
    kept = (CUSTOMER, *table.members.values(), *table.columns.values())
    columns = dict(table.columns)
    select = exp.select(*(tree.column(name, CUSTOMERS) for name in kept))
    for node in nodes:
        columns[node] = f"v{len(columns)}"
        select = select.select(exp.alias_(value(node, table.leaf), columns[node], quoted=True))
    return replace(table, select=select.from_(table.select.subquery(CUSTOMERS)), columns=columns)


def _is_favourite(leaf: TableLeaf) -> bool:
    return isinstance(leaf, Aggregate) and leaf.how == "favourite"


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


TableLeaf = CustomerColumn | Absent | Aggregate
"""A leaf that is found in a table."""


def _join_leaves(
    table: CustomerTable, name: str, alias: str, leaves: list[TableLeaf], reader: Reader
) -> None:
    if alias == name and not all(_is_favourite(leaf) for leaf in leaves):
        one = reader.contract.tables[name].rows == "one"
        _join(table, one_row(name, leaves, reader) if one else aggregated(name, leaves, reader), name)
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
            case Aggregate() if _is_favourite(leaf):
                _join(table, favourite(leaf, reader), f"{column} favourite")
                found = tree.column("favourite", f"{column} favourite")
            case Aggregate():
                found = tree.column(aggregate_name(leaves, leaf), alias)
                if leaf.how in ("sum", "count", "any", "distinct"):
                    found = tree.call("coalesce", found, tree.number(0))
        table.select = table.select.select(exp.alias_(found, column, quoted=True))


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
