"""Differentially private customer-insight reports over the merged customers of two companies.

Two doors: the command line (`dpinsights --help`) and this module, for notebooks:

    import dpinsights as dpi
    session = dpi.open("reports/gongyin-xiaobai", account="exploration", period=("2017-10-01", "2018-01-01"))
    session.release(dpi.mean("online_spend", by="icbc.customers.wealth_tier", margin=50))

The map of the package, arrows pointing down:

    cli, session              the two doors
    demo, pipeline, budget    the steps on one screen; the demo; opening a budget
    approving                 locks and signatures as files
    verification              a release checked by whoever received it
    exporting                 what compliance asks for, made of released files: registry record, audit pack
    reporting                 releases to pages, tables and notebook views; knows nothing else
    governance                who may learn how much: accountant and ledger
    measurement               where rows live: reading, bounding, exact vectors, noise
    synthetic                 populations that are made up
    planning                  measurements, cost and expected margins, without data
    estimation                noisy vectors to estimates with intervals
    definitions               YAML and Python to checked definitions
    mechanisms                the only importer of OpenDP: noise and losses
    model                     the nouns
    errors                    one tree
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpinsights.definitions.python import (
        concentration,
        corr,
        count,
        crosstab,
        funnel,
        histogram,
        mean,
        median,
        pairs,
        quantile,
        ratio,
        regression,
        retention,
        share,
        std,
        sum,
        top,
        var,
    )
    from dpinsights.errors import DpInsightsError
    from dpinsights.session import Session, open

_QUERIES = (
    "concentration", "corr", "count", "crosstab", "funnel", "histogram", "mean", "median", "pairs", "quantile", "ratio", "regression", "retention", "share", "std", "sum", "top", "var",
)  # fmt: skip

__all__ = [
    "DpInsightsError", "Session", "concentration", "corr", "count", "crosstab", "funnel", "histogram", "mean", "median", "open", "pairs", "quantile", "ratio", "regression", "retention", "share", "std", "sum", "top", "var",
]  # fmt: skip

_HOMES = {
    "DpInsightsError": "dpinsights.errors",
    "Session": "dpinsights.session",
    "open": "dpinsights.session",
    **dict.fromkeys(_QUERIES, "dpinsights.definitions.python"),
}


def __getattr__(name: str) -> Any:
    # On first use, so that rooms that need no engine (a partner who only reads a release) load none.
    if name not in _HOMES:
        raise AttributeError(f"module 'dpinsights' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
