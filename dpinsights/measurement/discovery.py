"""Counts of customers under keys that were not known beforehand: the texts of a stored column.

Stability, in three sentences: a row's canonical text and its code are functions of that row alone, made before
anything is bounded; a customer, who has one group, keeps at most k distinct codes by a digest of that customer and
the code alone, and adds 1 to each of their keys. So adding or removing a customer changes at most k counts, each by
1, and no other customer's codes. For one group a key is another name of the code, so that a customer's k codes stay k
keys even where two groups share a key.

Only the keys that the threshold released are turned back into texts. A code is 63 bits, and two texts of one code
would let the text that is shown depend on a single row; whoever writes the texts and knows the salt can make such a
pair with about 2^32 digests. So the salt is to be drawn after the sources are fixed. Chance alone is no matter: for a
million texts the odds of any pair are one in ten million.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlglot import exp

from dpinsights.errors import InternalError
from dpinsights.measurement import tree
from dpinsights.measurement.customers import CUSTOMER, CUSTOMERS, CustomerTable, Reader, id_text
from dpinsights.measurement.exact import BoundsViolated
from dpinsights.measurement.one_row import one_text
from dpinsights.measurement.relations import cell_of_customer, eligible_customers, eligible_rows
from dpinsights.measurement.tree import Sql
from dpinsights.model.measurement import Discovery

GROUP, TEXT, CODE, KEY = "g", "text", "code", "key"

_DIGITS = 16
"""Hexadecimal digits of a digest that hold its first 63 bits, and one bit more."""


Decode = Callable[[Sequence[int]], Mapping[int, tuple[int, str]]]


class ExactMap:
    """Exact counts under keys. `take` hands them over once; no representation, comparison or pickle shows them.

    `texts` turns keys back into (group, text); it is to be asked for released keys alone.

    >>> counts = ExactMap({7: 3})
    >>> counts
    <exact map>
    >>> counts.take()
    {7: 3}
    >>> counts.take()
    Traceback (most recent call last):
    ...
    dpinsights.errors.InternalError: an exact map can be taken once
    """

    __slots__ = ("_counts", "_decode")

    def __init__(self, counts: Mapping[int, int], decode: Decode | None = None) -> None:
        self._counts: Mapping[int, int] | None = counts
        self._decode = decode

    def take(self) -> Mapping[int, int]:
        """The counts, once."""
        if self._counts is None:
            raise InternalError("an exact map can be taken once")
        counts, self._counts = self._counts, None
        return counts

    def texts(self, released: Iterable[int]) -> Mapping[int, tuple[int, str]]:
        """The group and text of each released key, in the keys' order; before that, the counts were taken."""
        if self._decode is None or self._counts is not None:
            raise InternalError("only released keys are turned back into texts")
        return self._decode(tuple(released))

    def __repr__(self) -> str:
        return "<exact map>"

    def __reduce__(self) -> tuple[object, ...]:
        raise InternalError("an exact map is not stored")


def stored_texts(discovery: Discovery, table: CustomerTable, reader: Reader) -> exp.Select:
    """The relation (customer, g, text): one line for each row, or customer, that counts, as for any other relation.

    g is the number of the customer's one group, 0 if there are no groups; text is in normal form.
    """
    relation, column = discovery.relation, discovery.text
    group = exp.alias_(cell_of_customer(relation, table), GROUP, quoted=True)
    if relation.rows is not None:
        rows = eligible_rows(relation, table, reader, column.column)
        return rows.select(group, exp.alias_(tree.column(f"_{column.column}", "row"), TEXT, quoted=True))
    one = one_text(column.table, column.column, reader).subquery("one")
    select = exp.select(
        tree.column(CUSTOMER, CUSTOMERS),
        group,
        exp.alias_(tree.column(f"_{column.column}", "one"), TEXT, quoted=True),
    )
    on = tree.binary(exp.EQ, tree.column(CUSTOMER, CUSTOMERS), tree.column(CUSTOMER, "one"))
    return eligible_customers(select.from_(tree.table(CUSTOMERS)).join(one, on=on), relation, table, reader)


def coded(rows: exp.Select, *, salt: str) -> exp.Select:
    """The relation (customer, g, text, code): rows without a text or a group are left out.

    Args:
        rows: (customer, g, text) for each row that counts, the text in normal form.
        salt: what the text is hashed after.
    """
    kept = [tree.column(CUSTOMER), tree.column(GROUP)]
    text, digest = tree.column(TEXT), tree.column("digest")
    hashed = tree.call("sha256", tree.call("concat", tree.text(salt), text))
    rows = (
        exp.select(*kept, text, exp.alias_(hashed, "digest", quoted=True))
        .from_(rows.subquery("read"))
        .where(tree.not_null(text), tree.not_null(tree.column(GROUP)))
    )
    return exp.select(*kept, text, exp.alias_(_first_63_bits(digest), CODE, quoted=True)).from_(
        rows.subquery("hashed")
    )


def _first_63_bits(digest: Sql) -> Sql:
    """Of a digest in hexadecimal, as a whole number."""
    high = _hexadecimal(tree.call("substr", digest, exp.Literal.number(1), exp.Literal.number(_DIGITS - 1)))
    low = _hexadecimal(tree.call("substr", digest, exp.Literal.number(_DIGITS), exp.Literal.number(1)))
    return tree.binary(
        exp.Add,
        tree.binary(exp.Mul, high, tree.number(8)),
        tree.binary(exp.IntDiv, low, tree.number(2)),
    )


def _hexadecimal(digits: Sql) -> Sql:
    return tree.cast(tree.call("concat", tree.text("0x"), digits), "BIGINT")


def bounded_codes(codes: exp.Select, *, k: int, seed: str) -> exp.Select:
    """The relation (customer, g, code): each customer's distinct codes, at most k by the selection order.

    The order is that of the SHA-256 of `seed|customer|code`, ties by code.
    """
    customer, code = tree.column(CUSTOMER), tree.column(CODE)
    held = exp.select(customer, tree.column(GROUP), code).from_(codes.subquery("coded")).distinct()
    parts = [tree.text(seed), id_text(customer), tree.cast(code, "VARCHAR")]
    place = tree.numbered([customer], [tree.call("sha256", tree.joined(parts, "|")), code])
    return (
        exp.select(customer, tree.column(GROUP), code)
        .from_(held.subquery("held"))
        .qualify(tree.binary(exp.LTE, place, tree.number(k)))
    )


def _key(code: Sql, group: Sql) -> Sql:
    """One number of 63 bits for (group, code): the code itself in group 0."""
    return tree.call("xor", code, tree.cast(group, "BIGINT"))


def exact_keys(discovery: Discovery, table: CustomerTable, reader: Reader, *, salt: str) -> ExactMap:
    """The exact counts of a discovery, over `customers` as it was kept; the caller has charged for it.

    Raises:
        BoundsViolated: as `exact_map`.
    """
    codes = coded(stored_texts(discovery, table, reader), salt=salt)
    bounded = bounded_codes(codes, k=discovery.l0, seed=discovery.relation.seed)

    def decode(keys: Sequence[int]) -> Mapping[int, tuple[int, str]]:
        return decoded(reader.engine.texts(texts(codes, keys)) if keys else (), keys)

    return exact_map(reader.engine.rows(counts(bounded, k=discovery.l0)), decode)


def counts(bounded: exp.Select, *, k: int) -> Sql:
    """One statement: how many customers each key has, then under key -1 whether any bound was broken.

    Both read the same bounded relation, which is made once.
    """
    key = _key(tree.column(CODE), tree.column(GROUP))
    customers = exp.Count(this=exp.Star())
    by_key = exp.select(key, customers).from_(tree.table("bounded")).group_by(key)
    each = (
        exp.select(
            exp.alias_(exp.Count(this=exp.Star()), "held", quoted=True),
            exp.alias_(_distinct(CODE), "codes", quoted=True),
            exp.alias_(_distinct(GROUP), "groups", quoted=True),
            exp.alias_(tree.call("min", key), "least", quoted=True),
        )
        .from_(tree.table("bounded"))
        .group_by(tree.column(CUSTOMER))
    )
    broken = exp.or_(
        tree.binary(exp.GT, tree.column("held"), tree.number(k)),
        tree.binary(exp.NEQ, tree.column("held"), tree.column("codes")),
        tree.binary(exp.NEQ, tree.column("groups"), tree.number(1)),
        tree.binary(exp.LT, tree.column("least"), tree.number(0)),
    )
    check = exp.select(tree.number(-1), tree.number(0)).from_(each.subquery("each")).where(broken).limit(1)
    return exp.union(by_key, check, distinct=False).with_("bounded", as_=bounded, materialized=True)


def _distinct(column: str) -> Sql:
    return exp.Count(this=exp.Distinct(expressions=[tree.column(column)]))


def exact_map(rows: Sequence[tuple[int | None, ...]], decode: Decode | None = None) -> ExactMap:
    """The rows of `counts`.

    Raises:
        BoundsViolated: if the relation after bounding breaks its bound, which no person's data can cause.
    """
    found = {row[0]: row[1] for row in rows if row[0] is not None and row[1] is not None}
    if -1 in found or len(found) != len(rows):
        raise BoundsViolated
    return ExactMap(found, decode)


def texts(codes: exp.Select, keys: Iterable[int]) -> exp.Select:
    """The relation (key, g, text) for released keys: the smallest text of each group that has the key."""
    key, group = _key(tree.column(CODE), tree.column(GROUP)), tree.column(GROUP)
    released = [tree.number(released) for released in sorted(keys)] or [tree.number(None)]
    return (
        exp.select(
            exp.alias_(key, KEY, quoted=True),
            group,
            exp.alias_(tree.call("min", tree.column(TEXT)), TEXT, quoted=True),
        )
        .from_(codes.subquery("coded"))
        .where(tree.among(key, released))
        .group_by(key, group)
    )


def decoded(rows: Iterable[tuple[int, int, str]], keys: Iterable[int]) -> dict[int, tuple[int, str]]:
    """The group and text of each released key, in the keys' order, from the rows of `texts`.

    Of several, the smallest: by group, then by text.

    Raises:
        InternalError: if a released key has none.

    >>> decoded([(5, 1, "tea"), (9, 0, "rice")], [9, 5])
    {9: (0, 'rice'), 5: (1, 'tea')}
    """
    found: dict[int, tuple[int, str]] = {}
    for key, group, text in rows:
        found[key] = min(found.get(key, (group, text)), (group, text))
    try:
        return {key: found[key] for key in keys}
    except KeyError:
        raise InternalError("a released key has no text in the sources that it was counted in") from None
