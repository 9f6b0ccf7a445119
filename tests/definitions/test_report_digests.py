"""What a report's digest of numbers tells apart: all that decides a number, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

import dpinsights as dpi
from dpinsights.definitions.python import report as make_report
from dpinsights.definitions.python import with_full_names
from dpinsights.definitions.resolving import CheckedContract, check_report, report_digests
from dpinsights.model.report import Query
from tests.definitions.test_measures import BALANCE, CHECKED, EQUAL, MORE, TIER, checked


def digests(query: Query, contract: CheckedContract = CHECKED) -> tuple[str, str]:
    full = with_full_names(query, contract.contract)
    report = make_report(
        "x", version=1, contract="gongyin-xiaobai", audience="jd", account="jd", budget={"epsilon": 1},
        period={"from": "2017-10-01", "until": "2018-01-01"}, queries={"q": full},
    )  # fmt: skip
    return report_digests(report, contract, check_report(report, contract))


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("count", {"compare": {"by": TIER, "to": "mass", "as": "index"}}),
    ("count", {"compare": {"by": TIER, "to": "total", "as": "ratio"}}),
    ("count", {"population": "icbc"}),
    ("cumulative", {"cumulative": None}),
    ("independence", {"test": None}),
    ("sum", {"groups_per_customer": 3}),
    ("sum", {"bounds": [0, 500]}),
    ("mean", {"rows_per_customer": 4}),
    ("mean", {"rows_where": None}),
    ("share", {"share": f"{BALANCE} > 5001"}),
    ("share", {"test": None}),
    ("ratio", {"over": "online_spend", "over_bounds": None}),
    ("ratio", {"over_bounds": [0, 9001]}),
    ("ratio", {"bounds": [0, 9001]}),
    ("var", {"var": None, "std": BALANCE}),
    ("var", {"where": None}),
    ("quantile", {"at": ["0.25"]}),
    ("quantile", {"cuts": [1000, 5000]}),
    ("histogram", {"cuts": [1000]}),
    ("pairs", {"values_per_customer": 4}),
    ("funnel", {"funnel": ["holds_cd", "shops"]}),
    ("retention", {"cohort": "last_month"}),
    ("top", {"most": 1}),
    ("top", {"groups_per_customer": 1}),
    ("corr", {"corr": [BALANCE, "orders_placed"]}),
    ("spearman", {"corr": [TIER, "shopper_level"]}),
    ("regression", {"on": [BALANCE, "online_spend"]}),
    ("regression", {"weight": 3}),
    ("concentration", {"top_share": "0.1"}),
    ("concentration", {"cuts": [1000, 5001]}),
]


@pytest.mark.parametrize(("name", "change"), CHANGES)
def test_what_decides_numbers_changes_the_digest_of_numbers(name: str, change: dict[str, Any]) -> None:
    query = with_full_names(EQUAL[name][1], CHECKED.contract)
    written = {field: getattr(query, field) for field in query.model_fields_set}
    other = Query.model_validate({k: v for k, v in {**written, **change}.items() if v is not None})
    assert digests(other)[0] != digests(query)[0]


@pytest.mark.parametrize("name", EQUAL)
def test_titles_and_notes_do_not(name: str) -> None:
    query = EQUAL[name][1]
    titled = query.replace(title={"en": "A title"}, note={"en": "A note"})
    assert digests(titled)[0] == digests(query)[0]
    assert digests(titled)[1] != digests(query)[1]


def test_public_figures_decide_numbers() -> None:
    other = checked(MORE.replace("18000000", "18000001"))
    query = EQUAL["out_of"][1]
    assert digests(query)[0] != digests(query, other)[0]
    plain = dpi.count(by="province")
    assert digests(plain)[0] == digests(plain, other)[0]


def test_which_cells_are_compared_decides_numbers() -> None:
    query = dpi.count(by="balance_band", compare={"by": "balance_band", "to": "low"})
    other = checked(MORE.replace("[low, middle, high]", "[high, middle, low]"))
    assert digests(query)[0] != digests(query, other)[0]
