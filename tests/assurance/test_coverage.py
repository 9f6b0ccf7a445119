"""The printed intervals of all questions cover what they say (docs/coverage.md has the figures of many more draws)."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.assurance.coverage import HIGHEST, coverage, setting, written
from tests.estimation.simulation import LOWEST

DRAWS = 400
SLACK = 4 * math.sqrt(0.95 * 0.05 / DRAWS)
"""Four standard errors of a share of so many draws."""


@pytest.mark.slow
def test_every_interval_covers(tmp_path: Path) -> None:
    drawn = setting(tmp_path)
    found = coverage(drawn, DRAWS)
    short = {one.table: float(one.shares.min()) for one in found if one.shares.min() < LOWEST - SLACK}
    assert not short
    two_sided = {one.table: one.shares[one.two_sided] for one in found if one.two_sided.any()}
    assert len(two_sided) >= 5 and all(shares.max() <= HIGHEST + SLACK for shares in two_sided.values())
    text = written(found, draws=DRAWS, epsilon=drawn.epsilon, day=drawn.planned.until)
    assert all(f"| {one.table} |" in text for one in found)
