"""Reports that go the package's own way find nothing where there is nothing, and find what there is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dpinsights.model.release import Flag
from tests.assurance.null_reports import planned, population, report, share_wrong

REPORTS = 2_000


def test_a_report_has_twenty_hypotheses_and_finds_what_depends() -> None:
    rng, plan = np.random.default_rng(1), planned("8")
    result = report(plan, population(15_000, rng, effect=0.4), rng)
    facts = [test for table in result for test in table.tests]
    assert len(facts) == 20
    assert sum(test.found for test in facts) >= 12
    assert {test.name for test in facts if test.found} == {"difference", "trend", "independence"}
    flags = [
        cell.estimate.flags for table in result if table.name.endswith(".change") for cell in table.cells
    ]
    differences = sorted(test.found for test in facts if test.name == "difference")
    assert sorted(Flag.SIGNIFICANT in each for each in flags) == differences
    assert all((Flag.SIGNIFICANT in each) != (Flag.NOT_SIGNIFICANT in each) for each in flags)


def test_what_is_found_is_decided_over_the_whole_report() -> None:
    """One p-value under 0.05 of twenty is no finding."""
    rng, plan = np.random.default_rng(2), planned("1")
    for _ in range(50):
        result = report(plan, population(8_000, rng), rng)
        facts = [test for table in result for test in table.tests]
        low = sorted(1.0 if test.p_value is None else test.p_value for test in facts)
        if low[0] <= 0.05 and all(p > 0.05 * rank / 20 for rank, p in enumerate(low, 1)):
            assert not any(test.found for test in facts)
            return
    pytest.fail("no such report was drawn")


@pytest.mark.slow
def test_reports_find_nothing_across_independent_parties() -> None:
    wrong, below = share_wrong(REPORTS, "2")
    assert wrong <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / REPORTS)
    assert 0.03 <= below <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / REPORTS)
