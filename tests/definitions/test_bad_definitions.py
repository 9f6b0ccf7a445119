"""Every file in `bad/` is refused with exactly the error that it is named after.

A name is `<code>[.<variant>].<kind>.yaml`. Reports, policies and sources are read against the good contract, reports that
break what only a strict policy asks for under the strict one.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dpinsights.definitions.calendars import load_calendar
from dpinsights.definitions.loading import load_checked, load_policy, load_report, load_sources
from dpinsights.errors import DefinitionError

HERE = Path(__file__).parent
BAD = sorted((HERE / "bad").glob("*.yaml"))
CHECKED = load_checked(HERE / "good" / "contract.yaml")
POLICY = load_policy(HERE / "good" / "policy.yaml", CHECKED.contract)
STRICT = load_policy(HERE / "strict" / "policy.yaml", CHECKED.contract)
ONLY_STRICT = {"approval-field-missing", "budget-over-ceiling", "class-not-allowed"}


def load(path: Path) -> object:
    match path.name.split(".")[-2]:
        case "contract":
            return load_checked(path)
        case "report":
            return load_report(path, CHECKED, STRICT if path.name.split(".")[0] in ONLY_STRICT else POLICY)
        case "policy":
            return load_policy(path, CHECKED.contract)
        case "sources":
            return load_sources(path, CHECKED.contract)
        case "calendar":
            return load_calendar(path)
    raise AssertionError(f"no kind in {path.name}")


def test_there_are_enough_bad_definitions() -> None:
    assert len(BAD) >= 60


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_bad_definition(path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(path)
    problems = caught.value.problems
    assert {problem.code for problem in problems} == {path.name.split(".")[0]}, str(caught.value)
    for problem in problems:
        assert problem.line > 0
        assert problem.column > 0
        assert problem.file == str(path)
        assert problem.message.strip()
        shown = problem.message + problem.hint
        assert not re.search(
            r"\b(Decimal|FrozenMap|OrderedMap|NoneType|dict|tuple|str|int|pydantic|Typed)\b", shown
        )
        assert not re.search(r"\b[A-Z][a-z]+[A-Z][a-z]+\w*\b", shown), "a class's name"
