"""What the documents cite exists, and what they show works."""

from __future__ import annotations

import itertools
import re
import textwrap
from pathlib import Path

import pytest

import dpinsights as dpi
from dpinsights.definitions.python import period, with_full_names
from dpinsights.definitions.reading import read_bytes
from dpinsights.definitions.resolving import CheckedContract, check_contract, resolve_query
from dpinsights.definitions.validation import validate
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.contract import FEATURE_KINDS, Contract
from dpinsights.model.report import MEASURES, Query, Report

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_files_and_names_that_are_cited_exist(path: Path) -> None:
    cited = re.findall(r"`([\w./-]+\.py)(?:: ([\w.]+))?`", path.read_text(encoding="utf-8"))
    sources = [file for folder in ("dpinsights", "tests") for file in (ROOT / folder).rglob("*.py")]
    for name, inside in cited:
        found = [file for file in sources if file.as_posix().endswith(f"/{name}")]
        assert found, f"{path.name} cites {name}"
        for word in filter(None, inside.split(".")):
            assert any(
                re.search(rf"(def|class) {word}\b", file.read_text(encoding="utf-8")) for file in found
            ), word


GUIDE = (ROOT / "docs" / "measures.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(yaml|python)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PAIRS = [
    (written, made)
    for (kind, written), (next_kind, made) in itertools.pairwise(BLOCKS)
    if (kind, next_kind) == ("yaml", "python")
]


def _contract() -> CheckedContract:
    """The contract of the guide's examples, with the features and figures that the guide adds."""
    text = (ROOT / "reports" / "gongyin-xiaobai" / "contract.yaml").read_text(encoding="utf-8")
    for kind, block in BLOCKS:
        if kind == "yaml" and block.startswith("features:\n"):
            text = text.replace("\nfeatures:\n", f"\n{block}", 1)
        elif kind == "yaml" and block.startswith("figures:\n"):
            text += block
    written = read_bytes(text.encode(), "contract.yaml")
    return check_contract(validate(Contract, written), written.origin)


def _query(block: str) -> Query:
    head = "report: x\nversion: 1\ncontract: gongyin-xiaobai\naudience: jd\naccount: jd\n"
    body = "period: {from: 2017-07-01, until: 2018-01-01}\nbudget: {epsilon: 1}\nqueries:\n"
    written = read_bytes((head + body + textwrap.indent(block, "  ")).encode(), "report.yaml")
    (query,) = validate(Report, written).queries.values()
    return query


@pytest.mark.parametrize(("written", "made"), PAIRS, ids=lambda block: block.split(":")[0][:20])
def test_the_guides_yaml_and_python_are_one_query_that_resolves(written: str, made: str) -> None:
    checked = _contract()
    query = _query(written)
    in_python = with_full_names(eval(made, {"dpi": dpi}), checked.contract)
    assert canonical_bytes(in_python) == canonical_bytes(query)
    resolve_query("q", query, checked, period("2017-07-01", "2018-01-01"))


def test_the_guide_has_an_example_of_each_measure_and_names_each_field_and_kind() -> None:
    shown = {_query(written).measure for written, _ in PAIRS}
    assert set(MEASURES) - shown == {"var"}, "a variance is written as a standard deviation is"
    words = {word for code in re.findall(r"`([^`\n]+)`", GUIDE) for word in re.findall(r"\w+", code)}
    words |= {word for _, block in BLOCKS for word in re.findall(r"\w+", block)}
    assert set(FEATURE_KINDS) | set(Query.model_fields) <= words
