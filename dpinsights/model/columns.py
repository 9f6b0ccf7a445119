"""Which columns a noun reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from dpinsights.model.expressions import Absent, CustomerColumn, Member, RowColumn
from dpinsights.model.measurement import Relation, TextColumn


def columns_of(noun: object) -> frozenset[str]:
    """What a measurement, a query or an expression reads, features' own columns included.

    As party.table.column; where only being there counts, party.table or the party.

    >>> from dpinsights.model.measurement import Measurement
    >>> rows = Relation("any", "jd.orders", (), Member("icbc"), None, None, 1, None, "seed")
    >>> sorted(columns_of(Measurement(rows, RowColumn("jd.orders", "amount"), 0, 5)))
    ['icbc', 'jd.orders', 'jd.orders.amount']
    """
    return frozenset(_columns(noun))


def _columns(noun: object) -> Iterator[str]:
    match noun:
        case RowColumn() | CustomerColumn() | TextColumn():
            yield f"{noun.table}.{noun.column}"
        case Absent():
            yield noun.table
        case Member():
            yield noun.party
        case tuple():
            for item in noun:
                yield from _columns(item)
        case _ if is_dataclass(noun):
            if isinstance(noun, Relation) and noun.rows is not None:
                yield noun.rows
            for field in fields(noun):
                yield from _columns(getattr(noun, field.name))
