"""A policy's periods in the ledger that is opened from it, and how `budget` shows them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from dpinsights.budget import cap_of, current_periods, open_budget, periods_of
from dpinsights.definitions.loading import load_contract, load_policy
from dpinsights.governance.ledger.interface import Ledger, Period
from dpinsights.governance.periods import calendar
from dpinsights.model.names import FrozenMap
from dpinsights.model.policy import Policy
from dpinsights.state import State
from tests.test_cli import cli

GOOD = Path(__file__).parent / "definitions" / "good"
DELTA = Decimal("1e-10")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Definitions whose account jd has quarters."""
    for name in ("contract", "policy"):
        shutil.copy(GOOD / f"{name}.yaml", tmp_path / f"{name}.yaml")
    text = (tmp_path / "policy.yaml").read_text(encoding="utf-8")
    quarters = "jd: {epsilon: 4, period: {every: quarter, epsilon: 2, reserve: {partner-quarterly: 1}}}"
    assert "jd: {epsilon: 4}" in text
    (tmp_path / "policy.yaml").write_text(text.replace("jd: {epsilon: 4}", quarters), encoding="utf-8")
    return tmp_path


@pytest.fixture
def policy(folder: Path) -> Policy:
    return load_policy(folder / "policy.yaml", load_contract(folder / "contract.yaml"))


@pytest.fixture
def ledger(folder: Path, policy: Policy) -> Iterator[Ledger]:
    made = open_budget(policy, load_contract(folder / "contract.yaml"), State(folder / "state"))
    yield made
    made.close()


def test_a_policy_s_periods_are_the_ledger_s(policy: Policy, ledger: Ledger) -> None:
    reserve = FrozenMap({"partner-quarterly": cap_of(Decimal(1), DELTA)})
    assert periods_of(policy) == {"jd": Period("quarter", cap_of(Decimal(2), DELTA), reserve)}
    assert ledger.periods() == periods_of(policy)


def test_the_current_period_is_that_of_the_day_or_of_the_last_entry(ledger: Ledger) -> None:
    far = date(2999, 8, 15)
    found = current_periods(ledger, far)
    assert set(found) == {"jd"} and (found["jd"].start, found["jd"].until) == (
        date(2999, 7, 1),
        date(2999, 10, 1),
    )
    assert (found["jd"].spent.rho_units, found["jd"].cap.epsilon) == (0, Decimal(2))
    assert found["jd"].reserved.rho_units == cap_of(Decimal(1), DELTA).rho_units
    last = date.fromisoformat(ledger.entries()[-1].data["day"])
    assert current_periods(ledger, date(2000, 1, 1))["jd"].start == calendar("quarter", last)[0]


def test_budget_shows_the_period(folder: Path, ledger: Ledger) -> None:
    shown = cli("budget", state=folder / "state").stdout.splitlines()
    (at,) = (number for number, line in enumerate(shown) if line.startswith("jd:"))
    assert "ε 0 spent of 2.00 (0% of ρ), counted anew from" in shown[at + 1]
    assert "ε 1.00 of it is kept for promised reports" in shown[at + 1]
