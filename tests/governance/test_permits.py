"""Runs under an approval: how often, and which run a retry resumes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dpinsights.errors import BudgetError, LedgerError
from dpinsights.governance.approvals.errors import UsedUpError
from dpinsights.governance.ledger.interface import Permit, Run
from tests.governance.house import RELEASE, House, draw, noisy, plan

A = plan("jd", draw("a", 10, 10.0))
ONCE = Permit("1" * 64, "2" * 64, 1)
TWICE = Permit("1" * 64, "2" * 64, 2)


def released(house: House, permit: Permit | None, digest: str = "m") -> Run:
    """A whole run under a permit."""
    asked = plan("jd", draw(digest, 10, 10.0), digest=digest)
    run = house.charge(asked, permit=permit)
    if run.fresh:
        run = house.ledger.begin_drawing(run)
    return house.ledger.finish(house.ledger.store(run, noisy(run, asked)), RELEASE)


def test_a_lock_runs_as_often_as_its_approval_allows(house: House) -> None:
    released(house, TWICE)
    released(house, TWICE)
    head, spent = house.ledger.head(), house.ledger.balances()
    with pytest.raises(UsedUpError, match="allows 2 runs of its lock, and as many were charged"):
        released(house, TWICE)
    assert (house.ledger.head(), house.ledger.balances()) == (head, spent)
    released(house, Permit("3" * 64, "2" * 64, 1))
    house.ledger.check()


def test_another_plan_under_the_same_lock_is_counted_too(house: House) -> None:
    released(house, ONCE, "a")
    with pytest.raises(UsedUpError):
        released(house, ONCE, "b")


@pytest.mark.parametrize("stage", ["charged", "measured"])
def test_a_run_that_goes_on_is_not_counted_again(house: House, stage: str) -> None:
    run = house.charge(A, permit=ONCE)
    if stage == "measured":
        run = house.ledger.store(house.ledger.begin_drawing(run), noisy(run, A))
    again = house.charge(A, permit=ONCE)
    assert (again.id, again.resumed, again.state.value) == (run.id, True, stage)


def test_an_abandoned_run_is_not_counted(house: House) -> None:
    house.ledger.abandon(house.charge(A, permit=ONCE), "tested")
    first = house.ledger.begin_drawing(house.charge(A, permit=ONCE))
    again = house.charge(A, permit=ONCE)  # the first died while it drew
    assert again.id != first.id
    with pytest.raises(UsedUpError):
        house.charge(plan("jd", draw("b", 10, 10.0)), permit=ONCE)
    house.ledger.check()


def test_a_run_under_one_lock_is_not_resumed_under_another_or_none(house: House) -> None:
    runs = [house.charge(A, permit=permit) for permit in (ONCE, Permit("3" * 64, "2" * 64, 1), None)]
    assert len({run.id for run in runs}) == 3
    assert not any(run.resumed for run in runs)


def test_a_run_goes_on_under_an_approval_that_was_signed_anew(house: House) -> None:
    run = house.charge(A, permit=ONCE)
    assert house.charge(A, permit=Permit(ONCE.lock, "4" * 64, 1)).id == run.id


def test_a_refused_charge_uses_nothing_up(house: House) -> None:
    with pytest.raises(BudgetError):
        house.charge(plan("jd", draw("dear", 501, 10.0)), permit=ONCE)
    house.charge(A, permit=ONCE)


def test_the_chain_says_what_permitted_a_run(house: House) -> None:
    released(house, ONCE)
    house.release(plan("exploration", draw("e", 10, 10.0)), exploration=True)
    permits = [entry.data["permit"] for entry in house.ledger.entries() if entry.type == "charged"]
    assert permits == [{"lock": "1" * 64, "approval": "2" * 64}, None]


@pytest.mark.parametrize(
    "made",
    [
        lambda: Permit("1" * 63, "2" * 64, 1),
        lambda: Permit("1" * 64, "", 1),
        lambda: Permit("A" * 64, "2" * 64, 1),
        lambda: Permit("1" * 64, "2" * 64, 0),
        lambda: Permit("1" * 64, "2" * 64, True),
    ],
)
def test_what_is_no_permit(made: Callable[[], Any]) -> None:
    with pytest.raises(LedgerError, match="a permit"):
        made()


def test_of_many_at_once_only_as_many_run_as_are_allowed(house: House) -> None:
    def one(number: int) -> bool:
        ledger = house.open(f"owner-{number}")
        try:
            house.charge(plan("jd", draw(f"p{number}", 10, 10.0)), ledger=ledger, permit=TWICE)
        except UsedUpError:
            return False
        finally:
            ledger.close()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(one, range(6))) == 2
    assert house.spent("jd") == (20,)
    house.ledger.check()
