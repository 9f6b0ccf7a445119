"""Every check passes on the package as it is, and every seeded bug fails its check."""

from __future__ import annotations

import pytest

from tests.assurance.checks import Check
from tests.assurance.measure_mutants import MUTANTS
from tests.assurance.mutants import Mutant, killer, passes

CHECKS = list(dict.fromkeys(mutant.check for mutant in MUTANTS))


@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_the_package_passes(check: Check) -> None:
    """Without a mutant there is nothing to notice."""
    passes(check)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_killed(mutant: Mutant) -> None:
    """A seeded bug is noticed."""
    assert killer(mutant) is not None, f"survived: {mutant.name}"
