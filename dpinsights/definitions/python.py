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
    over_bounds: tuple[Number, Number] | Sequence[Number]
    at: Sequence[Number]
    interval: Literal["value", "rank"]
    cuts: Sequence[Number]
    values_per_customer: int
    most: int
    method: Literal["pearson", "spearman"]
    top_share: Number
    cumulative: bool
    out_of: str
    compare: Mapping[str, str] | Sequence[Mapping[str, str]]
    test: Literal["difference", "trend", "independence"]
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


def share(of: str, **fields: Unpack[QueryFields]) -> Query:
    """The share of customers (or rows) for which a condition is true.

    >>> share("jd_orders > 0", by="icbc.customers.wealth_tier", population="icbc").measure
    'share'
    """
    return _query("share", of, fields)


def ratio(of: str, over: str, **fields: Unpack[QueryFields]) -> Query:
    """The ratio of two sums over the same customers.

    >>> ratio("online_spend", over="card_spend").over
    'card_spend'
    """
    return _query("ratio", of, {"over": over, **fields})


def var(of: str, **fields: Unpack[QueryFields]) -> Query:
    """The population variance of a feature or a column, after clipping."""
    return _query("var", of, fields)


def std(of: str, **fields: Unpack[QueryFields]) -> Query:
    """The population standard deviation of a feature or a column, after clipping."""
    return _query("std", of, fields)


def quantile(of: str, **fields: Unpack[QueryFields]) -> Query:
    """Quantiles of a number of each customer, read off a histogram over public cuts.

    >>> quantile("deposit_balance", at=["0.5"], cuts=[1000, 10000, 100000]).at
    (Decimal('0.5'),)
    """
    return _query("quantile", of, fields)


def median(of: str, **fields: Unpack[QueryFields]) -> Query:
    """The median: `quantile` at one half."""
    return _query("quantile", of, {"at": ["0.5"], **fields})


def histogram(of: str, **fields: Unpack[QueryFields]) -> Query:
    """Customers between public cuts of a number.

    >>> histogram("online_spend", cuts=[100, 1000]).cuts
    (Decimal('100'), Decimal('1000'))
    """
    return _query("histogram", of, fields)


def pairs(of: str, **fields: Unpack[QueryFields]) -> Query:
    """Customers who hold both of two keys of a many-row table's category, for every two.

    >>> pairs("icbc.holdings.product", values_per_customer=4).values_per_customer
    4
    """
    return _query("pairs", of, fields)


def funnel(*steps: str | Sequence[str], **fields: Unpack[QueryFields]) -> Query:
    """Customers who met each condition and all before it, and the rate of each step; several steps, or a list of them.

    >>> funnel("saw_banner", "opened_app", "bought_cd").funnel
    ('saw_banner', 'opened_app', 'bought_cd')
    """
    return _query("funnel", _names(steps), fields)


def retention(of: str, cohort: str, **fields: Unpack[QueryFields]) -> Query:
    """The cohort triangle: who, of those that began in a period, was still active in or after each later one.

    Args:
        of: the period of a customer's last activity.
        cohort: the period of its first.
        **fields: the query's fields, as in YAML.
    """
    return _query("retention", of, {"cohort": cohort, **fields})


def top(of: str, **fields: Unpack[QueryFields]) -> Query:
    """The most frequent keys of a text column whose keys are not known beforehand; rare keys are never shown."""
    return _query("top", of, fields)


def corr(one: str, other: str, **fields: Unpack[QueryFields]) -> Query:
    """The correlation of two numbers of each customer: Pearson's, or Spearman's over public bins.

    >>> corr("return_rate", "days_past_due").of
    'return_rate, days_past_due'
    """
    return _query("corr", [one, other], fields)


def regression(of: str, on: str | Sequence[str], **fields: Unpack[QueryFields]) -> Query:
    """A linear regression of a number of each customer on others, by least squares from noisy moments.

    >>> regression("holds_cd", on=["online_spend", "age"]).on
    ('online_spend', 'age')
    """
    return _query("regression", of, {"on": on, **fields})


def concentration(of: str, **fields: Unpack[QueryFields]) -> Query:
    """How unequally a sum is spread: Gini coefficient, share of the top tenth, Lorenz curve at public cuts."""
    return _query("concentration", of, fields)


def crosstab(*groups: str | Sequence[str], **fields: Unpack[QueryFields]) -> Query:
    """Customers by two groups or more: `count` with `by`.

    >>> crosstab("tier", "level") == count(by=["tier", "level"])
    True
    """
    return _query("count", "customers", {**fields, "by": _names(groups)})


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

    for field in (query.measure, "over", "cohort", "on"):
        written = getattr(query, field)
        if written is not None and written != "customers":
            lengthen(field, lambda of=written: _lengthened(contract, of))  # type: ignore[misc]
    if query.by:
        lengthen("by", lambda: tuple(full_name(contract, name) for name in query.by))
    if query.compare:
        compared = query.compare
        lengthen(
            "compare",
            lambda: tuple(one.replace(by=full_name(contract, one.by)) for one in compared),
        )
    if query.where is not None:
        where = query.where
        lengthen("where", lambda: _full_text(contract, where))
    if query.rows_where is not None:
        rows_where = query.rows_where
        lengthen("rows_where", lambda: _full_text(contract, rows_where))
    refuse(problems)
    changed: Query = query.replace(**changes)
    return changed


def _lengthened(contract: Contract, written: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """A name, an expression, or several of them, with full names."""
    if isinstance(written, tuple):
        return tuple(str(_lengthened(contract, one)) for one in written)
    is_name = all(part.isidentifier() for part in written.split("."))
    return full_name(contract, written) if is_name else _full_text(contract, written)


def _full_text(contract: Contract, text: str) -> str:
    for name in reversed(names_in(text)):
        written = ".".join(name.parts)
        full = full_name(contract, written)
        if full != written:
            text = text[: name.start] + full + text[name.end :]
    return text


def _names(given: Sequence[str | Sequence[str]]) -> list[str]:
    """Names, given one by one or as one list."""
    return [name for part in given for name in ([part] if isinstance(part, str) else part)]


def _query(measure: str, of: str | list[str], fields: Mapping[str, Any]) -> Query:
    return _document(Query, {measure: of, **fields})


def _document(kind: type[D], fields: Mapping[str, Any]) -> D:
    given: dict[str, Any] = {}
    for name, value in fields.items():
        if value is not None:
            try:
                given[name] = _listed(value)
            except Fault as fault:
                refuse([Origin().at((name,), fault)])
    return validate(kind, Written(given, Origin(), {}, {}))


def _listed(value: Any) -> Any:
    """Tuples, ranges, arrays and series as the lists that YAML would give, all the way down."""
    if isinstance(value, set | frozenset):
        raise Fault("wrong-type", "expected a list, found a set, which has no order")
    if hasattr(value, "tolist"):  # numpy's and pandas' way to plain lists and numbers
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple | list | range) else value
