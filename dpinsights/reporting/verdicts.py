"""Tests as readers see them: what was tested, the statistic, the p-value, and whether it stands among all tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from markupsafe import Markup

from dpinsights.model.release import Release, ResultTable, TestFact
from dpinsights.reporting.figures import number_text, per_cent, rounded
from dpinsights.reporting.labels import Labels
from dpinsights.reporting.words import Words

_LEAST = Decimal("0.001")


def p_text(p_value: float | None, words: Words) -> str:
    """A p-value to three decimals.

    >>> p_text(0.0493, Words("en")), p_text(0.0004, Words("en")), p_text(None, Words("en"))
    ('0.049', '< 0.001', '')
    """
    if p_value is None:
        return ""
    found = Decimal(repr(p_value))
    if found < _LEAST:
        return words.text("less_than", number=number_text(_LEAST, -3, words))
    return number_text(rounded(found, -3), -3, words)


def verdicts(release: Release, table: ResultTable, title: str, words: Words) -> dict[str, Any] | None:
    """The tests over a table's numbers as plain data, or None where nothing was tested."""
    if not table.tests:
        return None
    labels = Labels(release, table, words)
    count = sum(len(each.tests) for each in release.tables)
    return {
        "title": title,
        "name": _name(table.tests[0], labels, words),
        "caption": words.say("tests_caption", title=title),
        "note": words.say("tests_note", n=count, level=per_cent(1 - release.confidence, words)),
        "rows": [_row(test, labels, words) for test in table.tests],
    }


def _name(test: TestFact, labels: Labels, words: Words) -> Markup:
    """What is tested, and over which groups."""
    if test.name == "difference":
        return words.say("test_difference")
    return words.say(f"test_{test.name}", first=labels.axes[-2:][0], last=labels.axes[-1])


def none_found(tables: list[ResultTable]) -> bool:
    """Whether tests were made over a query's tables, and not one stands."""
    tests = [test for table in tables for test in table.tests]
    return bool(tests) and not any(test.found for test in tests)


def _row(test: TestFact, labels: Labels, words: Words) -> dict[str, Any]:
    named = [known[key] for known, key in zip(labels.keys, test.keys, strict=False)]
    verdict = "none" if test.p_value is None else "found" if test.found else "not_found"
    return {
        "group": words.text("group_join").join(named) if named else words.text("headline_all"),
        "statistic": _statistic(test, words),
        "p_value": p_text(test.p_value, words),
        "verdict": words.say(f"verdict_{verdict}"),
        "found": test.found,
    }


def _statistic(test: TestFact, words: Words) -> str:
    if test.p_value is None:
        return ""
    number = number_text(rounded(Decimal(repr(test.statistic)), -2), -2, words)
    if test.degrees is None:
        return words.text("statistic_z", number=number)
    return words.text("statistic_chi_square", number=number, degrees=test.degrees)
