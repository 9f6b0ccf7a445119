"""Comparisons, running totals and tests: whether a query's groups are of the kind that they need."""

from __future__ import annotations

from collections.abc import Iterator

from dpinsights.definitions.places import nearest
from dpinsights.model.plan import Axis
from dpinsights.model.report import Query


def shape_faults(
    query: Query, axes: tuple[Axis, ...], levels: list[str | None]
) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with comparisons, running totals and tests: code, message, field, hint."""
    by = {axis.source: [key.key for key in axis.keys] for axis in axes}
    if query.cumulative and not axes:
        yield (
            "group-needed",
            "a running total runs over periods: group by them, last",
            "by",
            "by: [..., month]",
        )
    for place, compare in enumerate(query.compare or ()):
        if compare.by not in by:
            hint = nearest(compare.by, by) or ", ".join(by)
            yield "unknown-group", f"'{compare.by}' is not among the groups of this query", "compare", hint
        elif compare.to not in ("previous", "first", "total", *by[compare.by]):
            hint = nearest(compare.to, by[compare.by]) or "previous, first, total or a key"
            yield "unknown-key", f"'{compare.to}' is not a key of {compare.by}", "compare", hint
        elif compare.to == "total" and (place > 0 or levels[list(by).index(compare.by)] is not None):
            what = "the first comparison alone" if place > 0 else "of groups that each customer is in once"
            yield "no-total", f"a total is {what}", "compare", "to: first"
        if query.cumulative:
            yield (
                "field-not-taken",
                "a running total is not compared: compare the count itself",
                "compare",
                "no cumulative",
            )
        elif query.count not in (None, "customers"):
            yield (
                "field-not-taken",
                "counts of rows are not compared: compare customers",
                "compare",
                "count: customers",
            )
    yield from _test_faults(query, axes, levels)


def _test_faults(
    query: Query, axes: tuple[Axis, ...], levels: list[str | None]
) -> Iterator[tuple[str, str, str, str]]:
    differences = [c for c in query.compare or () if c.how == "difference" and c.to != "total"]
    if query.test == "difference" and (len(differences) != 1 or len(query.compare or ()) != 1):
        hint = "compare: {by: ..., to: ...}"
        message = "a difference is tested of one comparison, as difference, with a key, previous or first"
        yield "compare-needed", message, "test", hint
    if query.test == "difference" and (query.per == "row" or query.rows_per_customer is not None):
        yield (
            "field-not-taken",
            "rows of one customer go together, so rows are compared without a test",
            "test",
            "",
        )
    by = {axis.source: level for axis, level in zip(axes, levels, strict=True)}
    if query.test == "difference" and query.measure in ("mean", "share"):
        for compare in differences:
            if by.get(compare.by) is not None:
                message = f"a customer can be in several groups of {compare.by}, so they are compared without a test"
                yield "group-of-rows", message, "test", "a feature to group by"
    if query.test == "difference" and query.measure == "count":
        message = "counts are compared without a test: a share, a mean or a sum can be tested"
        yield "field-not-taken", message, "test", "share"
    if query.test == "trend" and (query.measure != "share" or not axes or query.per == "row"):
        yield (
            "field-not-taken",
            "a trend is tested over shares of customers by an ordered group, the last in by",
            "test",
            "share: ..., by: [a cut feature]",
        )
    if query.test == "independence":
        if query.measure != "count" or query.count != "customers" or len(axes) < 2:
            yield (
                "field-not-taken",
                "independence is tested over counts of customers by two groups",
                "test",
                "count: customers, by: [one, another]",
            )
        elif any(level is not None for level in levels):
            yield (
                "group-of-rows",
                "independence needs each customer in one group: group by a feature",
                "test",
                "",
            )
