"""What others call a query's fields, so that a word from pandas or SQL is answered with ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dpinsights.definitions.places import nearest
from dpinsights.model.report import MEASURES

SYNONYMS = {
    "groupby": "by", "group_by": "by", "groups": "by", "filter": "where", "query": "where", "bins": "cuts", "q": "at",
    "quantiles": "at", "percentiles": "at", "n": "most", "k": "most", "alpha": "top_share", "how": "as",
    "median": "quantile, with at: [0.5]", "min": "quantile, with at: [0.01]", "max": "quantile, with at: [0.99]",
    "avg": "mean", "average": "mean", "total": "sum", "rate": "share", "proportion": "share", "variance": "var",
    "stdev": "std", "correlation": "corr", "gini": "concentration", "lorenz": "concentration", "against": "compare",
    "value_counts": "count, with by", "crosstab": "count, with by", "distinct": "a feature with distinct",
    "nunique": "a feature with distinct", "x": "on", "clip": "bounds",
}  # fmt: skip
"""Words that are close to none of ours, or close to the wrong one."""


def meant(word: str, fields: Collection[str], beside: Iterable[str]) -> str:
    """The field that was meant by an unknown one, or those that there are.

    Args:
        word: what was written.
        fields: the fields that there are.
        beside: the fields that were written beside it: a query without a measure lacks that above all.

    >>> meant("groupby", ["count", "by", "where"], ["count"])
    'by'
    >>> meant("popluation", ["population", "by"], [])
    'population'
    """
    ours = SYNONYMS.get(word.lower(), "")
    if ours and ours.split(",")[0].split()[0] in (*fields, "a"):
        return ours
    near = nearest(word, fields)
    if near or not set(MEASURES) <= set(fields):
        return near or ", ".join(fields)
    has_measure = not set(MEASURES).isdisjoint(beside)
    return ", ".join(field for field in fields if (field in MEASURES) != has_measure)
