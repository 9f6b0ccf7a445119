"""Queries in Python: one function for each measure, whose keyword arguments are the fields of the YAML, word for word.

What comes out is the same frozen value that the YAML gives. Numbers are int, str or Decimal; a float is refused, because
0.1 is not exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from dpinsights.definitions.expressions import names_in
from dpinsights.definitions.naming import full_name
from dpinsights.definitions.places import Fault, Origin, refuse
from dpinsights.definitions.reading import Written
from dpinsights.definitions.validation import validate
from dpinsights.errors import Problem
from dpinsights.model.contract import Contract
from dpinsights.model.document import Document
from dpinsights.model.report import Cost, Period, Query, Report

Number = int | str | Decimal
Text = str | Mapping[str, str]
D = TypeVar("D", bound=Document)


class QueryFields(TypedDict, total=False):
    """The fields of a query beside its measure."""

    per: Literal["customer", "row"]
    population: str
    by: str | Sequence[str]
    where: str
    rows_where: str
    bounds: tuple[Number, Number] | Sequence[Number]
    groups_per_customer: int
    rows_per_customer: int
    margin: Number
    cost: Cost | Mapping[str, Number]
    weight: Number
    group_size: Number
    title: Text
    note: Text


def count(of: str = "customers", **fields: Unpack[QueryFields]) -> Query:
    """A count of customers, or of the rows of a many-row table.

    Args:
        of: `customers`, or a many-row table.
        **fields: the query's fields, as in YAML.

    Raises:
        DefinitionError: for fields that are unknown or of the wrong type.

    >>> count(by="icbc.customers.province", population="shared", margin=500).by
    ('icbc.customers.province',)
    """
    return _query("count", of, fields)


def sum(of: str, **fields: Unpack[QueryFields]) -> Query:
    """A sum of a feature or a column.

    >>> sum("jd.orders.amount", by=["jd.orders.category"], bounds=(0, "500.50"), groups_per_customer=4).bounds
    (Decimal('0'), Decimal('500.50'))
    """
    return _query("sum", of, fields)


def mean(of: str, **fields: Unpack[QueryFields]) -> Query:
    """A mean of a feature or a column, per customer or per row.

    >>> mean("online_spend", margin=0.1)
    Traceback (most recent call last):
    ...
    dpinsights.errors.DefinitionError: <python>: margin: a float is not exact: write "0.1" as text or use Decimal("0.1") (not-a-number)
    """
    return _query("mean", of, fields)


def report(name: str, **fields: Any) -> Report:
    """A report, its fields as in YAML (`period={"from": ..., "until": ...}`, `queries={name: query}`).

    Raises:
        DefinitionError: all problems at once.
    """
    return _document(Report, {"report": name, **fields})


def period(start: date | str, until: date | str) -> Period:
    """A half-open period.

    >>> period("2017-10-01", "2018-01-01").until
    datetime.date(2018, 1, 1)
    """
    return _document(Period, {"from": start, "until": until})


def with_full_names(query: Query, contract: Contract) -> Query:
    """A query whose short names are made full: `tier` and `customers.tier` where they are unique.

    Raises:
        DefinitionError: for a name that is unknown or ambiguous.
    """
    problems: list[Problem] = []
    changes: dict[str, Any] = {}

    def lengthen(field: str, make: Callable[[], object]) -> None:
        try:
            changes[field] = make()
        except Fault as fault:
            problems.append(Origin().at((field,), fault))

    measure, of = query.measure, query.of
    if of != "customers":
        lengthen(measure, lambda: full_name(contract, of))
    if query.by:
        lengthen("by", lambda: tuple(full_name(contract, name) for name in query.by))
    if query.where is not None:
        where = query.where
        lengthen("where", lambda: _full_text(contract, where))
    if query.rows_where is not None:
        rows_where = query.rows_where
        lengthen("rows_where", lambda: _full_text(contract, rows_where))
    refuse(problems)
    changed: Query = query.replace(**changes)
    return changed


def _full_text(contract: Contract, text: str) -> str:
    for name in reversed(names_in(text)):
        written = ".".join(name.parts)
        full = full_name(contract, written)
        if full != written:
            text = text[: name.start] + full + text[name.end :]
    return text


def _query(measure: str, of: str, fields: Mapping[str, Any]) -> Query:
    return _document(Query, {measure: of, **fields})


def _document(kind: type[D], fields: Mapping[str, Any]) -> D:
    given = {name: _listed(value) for name, value in fields.items() if value is not None}
    return validate(kind, Written(given, Origin(), {}, {}))


def _listed(value: Any) -> Any:
    """Tuples as the lists that YAML would give, all the way down."""
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list) else value
