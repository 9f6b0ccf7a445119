"""Bounded contributions: the one primitive on which every statistic stands.

`contributions` gives (customer, cell, values): each customer at most `l0` cells, each value within the measurement's
bounds. Its stability, in three sentences: a customer's contributions are made from that customer's row of the
per-customer table and its own rows of one source table, mapped to final codes first; they are then aggregated per
(customer, complete code), limited by an order that hashes that customer alone, and clamped; so adding or removing a
customer adds or removes at most l0 of these rows, and changes no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from dpinsights.measurement import tree
from dpinsights.measurement.customers import (
    CUSTOMER,
    CUSTOMERS,
    CustomerTable,
    Reader,
    id_text,
    is_truncated,
    needed_parties,
    reach,
    smallest_prime,
)
from dpinsights.measurement.nodes import condition, value
from dpinsights.measurement.tree import Sql
from dpinsights.model.expressions import Node, RowColumn, is_about_rows, walk
from dpinsights.model.measurement import Measurement, Relation

CELL, ROWS, PLACE = "cell", "n", "p"


def contributions(
    relation: Relation, measured: Sequence[Measurement], table: CustomerTable, reader: Reader
) -> exp.Select:
    """The relation (customer, cell, n, v0, v1, ...): one value for each measurement that has one, in order.

    `n` is how many rows a contribution is made of: 1 except for per-row statistics.
    """
    values = [measurement for measurement in measured if measurement.value is not None]
    if relation.rows is None:
        return _of_customers(relation, values, table, reader)
    if relation.rows_per_customer is not None:
        return _per_row(relation, values, table, reader)
    if relation.pairs:
        return _pairs(relation, table, reader)
    if not values and fits_a_mask(relation):
        return _masked(relation, table, reader)
    return _per_customer(relation, values, table, reader)


def _eligible(relation: Relation, table: CustomerTable, reader: Reader) -> Sql | None:
    """Population, condition, and everything about the customer that must not be null."""
    members = [table.is_member(party) for party in sorted(needed_parties(relation, reader))]
    where = None if relation.where is None else condition(relation.where, table.leaf)
    codes = [group.code for group in relation.groups if not is_about_rows(group.code)]
    present = (
        [relation.present] if relation.present is not None and not is_about_rows(relation.present) else []
    )
    return tree.every(
        [*members, where, *(tree.not_null(value(node, table.leaf)) for node in codes + present)]
    )


def eligible_rows(relation: Relation, table: CustomerTable, reader: Reader, column: str) -> exp.Select:
    """FROM the cleaned rows `row`, with one more column, JOIN their customers, WHERE both count."""
    return _Rows(relation, (), table, reader).select(relation, reader, (column,))


def eligible_customers(
    select: exp.Select, relation: Relation, table: CustomerTable, reader: Reader
) -> exp.Select:
    """A SELECT from the customers, WHERE they count."""
    return _where(select, _eligible(relation, table, reader))


def cell_of_customer(relation: Relation, table: CustomerTable) -> Sql:
    """The cell that a customer's own codes name."""
    return _cell(relation, [value(group.code, table.leaf) for group in relation.groups])


def _where(select: exp.Select, given: Sql | None) -> exp.Select:
    return select if given is None else select.where(given)


def _radix(numbers: Sequence[tuple[Sql, int]]) -> Sql:
    """The mixed radix number of (digit, size) pairs, the last fastest."""
    total: Sql | None = None
    for digit, size in numbers:
        total = (
            digit
            if total is None
            else tree.binary(exp.Add, tree.binary(exp.Mul, total, tree.number(size)), digit)
        )
    return tree.number(0) if total is None else total


def _cell(relation: Relation, codes: Sequence[Sql]) -> Sql:
    return _radix([(code, group.size) for code, group in zip(codes, relation.groups, strict=True)])


def clamped_value(measurement: Measurement, raw: Sql) -> Sql:
    """A contribution within the declared bounds; no value at all adds 0, never a bound."""
    low, high = (tree.cast(tree.text(str(bound)), "HUGEINT") for bound in (measurement.low, measurement.high))
    plain = measurement.coarse is None and measurement.power is None
    # The narrowest type's least number has no absolute value, and squares need all 64 bits.
    kind = whole(measurement.low, measurement.high) if plain else "BIGINT"
    kept = tree.cast(tree.clamped(raw, low, high), kind)
    if measurement.coarse is not None:
        kept = tree.cast(tree.half_even(kept, tree.number(measurement.coarse)), "BIGINT")
    if measurement.power == 2:
        kept = tree.binary(exp.Mul, kept, kept)
    return tree.call("coalesce", kept, tree.number(0))


def whole(low: int, high: int) -> str:
    """The narrowest type that holds a range: what a window or a join has to carry decides its speed."""
    if -(2**15) <= low and high < 2**15:
        return "SMALLINT"
    return "INTEGER" if -(2**31) <= low and high < 2**31 else "BIGINT"


def _named(made: Sequence[Sql], prefix: str) -> list[Sql]:
    return [exp.alias_(sql, f"{prefix}{place}", quoted=True) for place, sql in enumerate(made)]


def _of_customers(
    relation: Relation, values: Sequence[Measurement], table: CustomerTable, reader: Reader
) -> exp.Select:
    """Each eligible customer contributes to the one cell of its codes."""
    cell = cell_of_customer(relation, table)
    select = exp.select(
        tree.column(CUSTOMER, CUSTOMERS),
        exp.alias_(cell, CELL, quoted=True),
        exp.alias_(tree.number(1), ROWS, quoted=True),
        *_named([clamped_value(m, value(_value(m), table.leaf)) for m in values], "v"),
    ).from_(tree.table(CUSTOMERS))
    return _where(select, _eligible(relation, table, reader))


def _value(measurement: Measurement) -> Node:
    if measurement.value is None:
        raise AssertionError("a count has no value")
    return measurement.value


class _Rows:
    """The rows that may contribute: cleaned, filtered, with their row-level codes and values."""

    def __init__(
        self, relation: Relation, values: Sequence[Measurement], table: CustomerTable, reader: Reader
    ) -> None:
        self.table = table
        self.name = relation.rows or ""
        self.row_groups = [group for group in relation.groups if is_about_rows(group.code)]
        self.row_values = [m for m in values if is_about_rows(_value(m))]
        present = (
            relation.present if relation.present is not None and is_about_rows(relation.present) else None
        )
        nodes: list[Node] = [group.code for group in self.row_groups] + [_value(m) for m in self.row_values]
        nodes += [node for node in (relation.rows_where, present) if node is not None]
        leaves = [leaf for node in nodes for leaf in walk(node)]
        self.used = {leaf.column for leaf in leaves if isinstance(leaf, RowColumn)}
        self.codes = [value(group.code, self.leaf) for group in self.row_groups]
        self.where = tree.every(
            [
                None if relation.rows_where is None else condition(relation.rows_where, self.leaf),
                *(tree.not_null(code) for code in self.codes),
                None if present is None else tree.not_null(value(present, self.leaf)),
            ]
        )

    def leaf(self, leaf: Node) -> Sql | None:
        return tree.column(f"_{leaf.column}", "row") if isinstance(leaf, RowColumn) else self.table.leaf(leaf)

    def select(self, relation: Relation, reader: Reader, extra: Sequence[str] = ()) -> exp.Select:
        """FROM the cleaned rows JOIN their customers, WHERE both count; customers are unique, so nothing fans out."""
        rows = reader.rows(self.name, self.used | set(extra)).subquery("row")
        select = exp.select(tree.column(CUSTOMER, "row")).from_(rows)
        select = select.join(tree.table(CUSTOMERS), on=_same_customer("row"))
        return _where(_where(select, _eligible(relation, self.table, reader)), self.where)


def _same_customer(alias: str) -> Sql:
    return tree.binary(exp.EQ, tree.column(CUSTOMER, alias), tree.column(CUSTOMER, CUSTOMERS))


def _per_customer(
    relation: Relation, values: Sequence[Measurement], table: CustomerTable, reader: Reader
) -> exp.Select:
    """Rows to (customer, group) sums, clamped after summing; at most k groups a customer by the selection order.

    A customer's group is named by its position in that customer's order, which for one customer is one to one.
    """
    rows = _Rows(relation, values, table, reader)
    place = position(
        relation, _radix([(c, g.size) for c, g in zip(rows.codes, rows.row_groups, strict=True)])
    )
    row_codes = iter(rows.codes)
    codes = [
        next(row_codes) if is_about_rows(group.code) else value(group.code, table.leaf)
        for group in relation.groups
    ]
    cell = tree.call("any_value", tree.cast(_cell(relation, codes), "INTEGER"))
    grouped = (
        rows.select(relation, reader)
        .select(exp.alias_(place, PLACE, quoted=True), exp.alias_(cell, CELL, quoted=True))
        .select(*_named([clamped_value(m, _over_rows(m, rows)) for m in values], "v"))
        .group_by(tree.column(CUSTOMER, "row"), place)
    )
    select = exp.select(
        tree.column(CUSTOMER, "grouped"),
        tree.column(CELL, "grouped"),
        exp.alias_(tree.number(1), ROWS, quoted=True),
        *(tree.column(f"v{place}", "grouped") for place in range(len(values))),
    ).from_(grouped.subquery("grouped"))
    return bound_groups(select, relation)


def _over_rows(measurement: Measurement, rows: _Rows) -> Sql:
    """A row-level value summed over the rows of (customer, group), a customer's own value as it is."""
    raw = value(_value(measurement), rows.leaf)
    return tree.call("sum" if is_about_rows(_value(measurement)) else "any_value", raw)


def position(relation: Relation, group: Sql) -> Sql:
    """A group's place in its customer's order, p = (g * a + r) mod P; the group itself where none is left out."""
    if not is_truncated(relation):
        return tree.cast(group, "INTEGER")
    prime = smallest_prime(max(2, reach(relation)))
    a, r = (tree.column(f"{name}_{prime}", CUSTOMERS) for name in ("a", "r"))
    scattered = tree.binary(exp.Add, tree.binary(exp.Mul, group, a), r)
    return tree.cast(tree.binary(exp.Mod, scattered, tree.number(prime)), "INTEGER")


def bound_groups(select: exp.Select, relation: Relation) -> exp.Select:
    """Keeps a customer's k groups with the lowest positions."""
    if not is_truncated(relation):
        return select
    number = tree.numbered([tree.column(CUSTOMER, "grouped")], [tree.column(PLACE, "grouped")])
    return select.qualify(tree.binary(exp.LTE, number, tree.number(relation.groups_per_customer)))


def _pairs(relation: Relation, table: CustomerTable, reader: Reader) -> exp.Select:
    """The pairs of the at most m keys that each customer holds, each key with itself too: m(m+1)/2 cells at most.

    Keys are bounded first, by the same order as groups, so that pairs are of kept keys alone; a pair of codes i <= j
    is number i*n - i(i-1)/2 + (j - i) of the n(n+1)/2 that there are.
    """
    held = replace(relation, pairs=None)
    bounded = _per_customer(held, (), table, reader)
    size = relation.groups[-1].size
    one, other = (tree.column(CELL, side) for side in ("one", "other"))
    same = [
        tree.binary(exp.EQ, tree.column(CUSTOMER, "one"), tree.column(CUSTOMER, "other")),
        tree.binary(exp.LTE, one, other),
    ]
    i, j = (tree.binary(exp.Mod, cell, tree.number(size)) for cell in (one, other))
    group = tree.binary(exp.IntDiv, one, tree.number(size))
    before = tree.binary(
        exp.IntDiv,
        tree.binary(exp.Mul, i, tree.binary(exp.Sub, tree.number(2 * size + 1), i)),
        tree.number(2),
    )
    pair = tree.binary(exp.Add, before, tree.binary(exp.Sub, j, i))
    cell = tree.binary(exp.Add, tree.binary(exp.Mul, group, tree.number(size * (size + 1) // 2)), pair)
    select = (
        exp.select(
            tree.column(CUSTOMER, "one"),
            exp.alias_(cell, CELL, quoted=True),
            exp.alias_(tree.number(1), ROWS, quoted=True),
        )
        .from_(tree.table("held", "one"))
        .join(tree.table("held", "other"), on=exp.and_(*same))
    )
    return select.with_("held", as_=bounded, materialized=True)


MASK_BITS, MASK_STEPS = 61, 16


def fits_a_mask(relation: Relation) -> bool:
    """Whether a customer's groups fit the bits of one whole number: decided by definitions alone."""
    if not is_truncated(relation):
        return False
    prime = smallest_prime(max(2, reach(relation)))
    return prime <= MASK_BITS and (relation.groups_per_customer or 0) <= MASK_STEPS


def _masked(relation: Relation, table: CustomerTable, reader: Reader) -> exp.Select:
    """`_per_customer` for counts: a customer's groups as the bits of one number, its k lowest kept.

    Bit p stands for the group at position p, so that the lowest bits are the groups that the selection order keeps.
    """
    rows = _Rows(relation, (), table, reader)
    place = position(
        relation, _radix([(c, g.size) for c, g in zip(rows.codes, rows.row_groups, strict=True)])
    )
    bits = tree.call("bit_or", exp.BitwiseLeftShift(this=tree.number(1), expression=place))
    masks = rows.select(relation, reader).select(exp.alias_(bits, "mask", quoted=True))
    customer, mask, rest = tree.column(CUSTOMER), tree.column("mask"), tree.column("rest")
    left = exp.select(customer, mask, exp.alias_(mask, "rest", quoted=True)).from_(
        masks.group_by(tree.column(CUSTOMER, "row")).subquery("masks")
    )
    for _ in range(relation.groups_per_customer or 0):
        without_lowest = tree.binary(exp.BitwiseAnd, rest, tree.binary(exp.Sub, rest, tree.number(1)))
        left = exp.select(customer, mask, exp.alias_(without_lowest, "rest", quoted=True)).from_(
            left.subquery("left")
        )
    kept = exp.select(customer, exp.alias_(tree.call("xor", mask, rest), "bits", quoted=True)).from_(
        left.subquery("left")
    )
    group = tree.column("g", "every")
    counted = exp.Literal.number(reach(relation))
    every = exp.select(exp.alias_(tree.call("unnest", tree.call("range", counted)), "g", quoted=True))
    shifted = exp.BitwiseRightShift(this=tree.column("bits", "kept"), expression=position(relation, group))
    is_kept = tree.binary(
        exp.EQ, tree.binary(exp.BitwiseAnd, exp.Paren(this=shifted), tree.number(1)), tree.number(1)
    )
    return (
        exp.select(
            tree.column(CUSTOMER, "kept"),
            exp.alias_(_cell(relation, _all_codes(relation, rows, group)), CELL, quoted=True),
            exp.alias_(tree.number(1), ROWS, quoted=True),
        )
        .from_(kept.subquery("kept"))
        .join(tree.table(CUSTOMERS), on=_same_customer("kept"))
        .join(every.subquery("every"), join_type="cross")
        .where(is_kept)
    )


def _all_codes(relation: Relation, rows: _Rows, group: Sql) -> list[Sql]:
    """Each group's code in order: a customer's from its table, a row's as a digit of the row-level number."""
    below = reach(relation)
    codes: list[Sql] = []
    for g in relation.groups:
        if not is_about_rows(g.code):
            codes.append(value(g.code, rows.table.leaf))
            continue
        below //= g.size
        digit = group if below == 1 else tree.binary(exp.IntDiv, group, tree.number(below))
        codes.append(tree.binary(exp.Mod, digit, tree.number(g.size)))
    return codes


def _values(values: Sequence[Measurement], rows: _Rows, sums: Sequence[Sql]) -> list[Sql]:
    found = dict(zip((m.key for m in rows.row_values), sums, strict=True))
    return [clamped_value(m, found.get(m.key) or value(_value(m), rows.table.leaf)) for m in values]


def _per_row(
    relation: Relation, values: Sequence[Measurement], table: CustomerTable, reader: Reader
) -> exp.Select:
    """At most r rows a customer by digest; each clamped; then summed per (customer, cell)."""
    rows = _Rows(relation, values, table, reader)
    declared = list(reader.contract.tables[rows.name].coded)
    content = [tree.column(f"_{column}", "row") for column in declared]
    inner = rows.select(relation, reader, declared).select(
        *_named(rows.codes, "c"),
        *_named([value(_value(m), rows.leaf) for m in rows.row_values], "s"),
        *_named(content, "d"),
        exp.alias_(tree.numbered([tree.column(CUSTOMER, "row"), *content], []), "copy", quoted=True),
    )
    row_text = tree.joined([tree.column(f"d{i}", "numbered") for i in range(len(declared))], ",")
    customer = tree.column(CUSTOMER, "numbered")
    parts = [
        tree.text(relation.seed),
        id_text(customer),
        row_text,
        tree.cast(tree.column("copy", "numbered"), "VARCHAR"),
    ]
    place = tree.numbered([customer], [tree.call("sha256", tree.joined(parts, "|"))])
    chosen = (
        exp.select(exp.Star())
        .from_(inner.subquery("numbered"))
        .qualify(tree.binary(exp.LTE, place, tree.number(relation.rows_per_customer)))
    )
    places = iter(range(len(rows.codes)))
    codes = [
        tree.column(f"c{next(places)}", "kept") if is_about_rows(g.code) else value(g.code, table.leaf)
        for g in relation.groups
    ]
    cell = _cell(relation, codes)
    each = _values(values, rows, [tree.column(f"s{i}", "kept") for i in range(len(rows.row_values))])
    return (
        exp.select(
            tree.column(CUSTOMER, "kept"),
            exp.alias_(cell, CELL, quoted=True),
            exp.alias_(exp.Count(this=exp.Star()), ROWS, quoted=True),
            *_named([tree.call("sum", one) for one in each], "v"),
        )
        .from_(chosen.subquery("kept"))
        .join(tree.table(CUSTOMERS), on=_same_customer("kept"))
        .group_by(tree.column(CUSTOMER, "kept"), cell)
    )
