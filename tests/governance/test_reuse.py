"""What is stored is reused: free for who has seen it, charged in full to another, never out of exploration."""

from __future__ import annotations

import math

import pytest

from dpinsights.governance import accountant
from dpinsights.governance.accountant import Stored
from dpinsights.governance.ledger.interface import Cap, Run
from dpinsights.model.noisy import State
from tests.governance.house import CONTRACT, House, draw, key, noisy, plan

A = draw("a", 100, 10.0)


def scales(house: House, run: Run, name: str = "a") -> list[float]:
    """The scales of the vectors that a run combines."""
    return [vector.scale for vector in house.ledger.vectors(run)[key(name)]]


def test_asking_for_less_is_free_and_gives_what_is_there(house: House) -> None:
    house.release(plan("jd", A))
    run = house.release(plan("jd", draw("a", 25, 20.0)))
    assert (run.fresh, run.charged_account_units, run.charged_lifetime_units) == ((), 0, 0)
    assert scales(house, run) == [10.0]
    spent = house.ledger.spent_by(run)
    assert (spent.seen_rho, spent.fresh_rho) == (100, 0)


def test_another_recipient_pays_in_full_and_the_lifetime_account_nothing(house: House) -> None:
    house.release(plan("jd", A))
    run = house.release(plan("icbc", draw("a", 90, 10.5)))
    assert (run.fresh, run.charged_account_units, run.charged_lifetime_units) == ((), 100, 0)
    assert house.spent("lifetime", "jd", "icbc") == (100, 100, 100)
    assert scales(house, run) == [10.0]
    spent = house.ledger.spent_by(run)
    assert (spent.seen_rho, spent.fresh_rho, spent.account.account) == (100, 0, "icbc")
    assert house.release(plan("icbc", A)).charged_account_units == 0
    house.ledger.check()


def test_asking_for_more_draws_and_combines(house: House) -> None:
    first = house.release(plan("jd", A), value=1)
    run = house.release(plan("jd", draw("a", 180, 7.5)), value=2)
    assert (run.charged_account_units, run.charged_lifetime_units) == (180, 180)
    assert [vector.values for vector in house.ledger.vectors(run)[key("a")]] == [(1,), (2,)]
    assert house.ledger.spent_by(run).seen_rho == 280
    assert scales(house, first) == [10.0], "an earlier release's vectors never change"
    # The two combined have scale 6: what is planned at 6 is free now, and what is planned below it is not.
    assert house.charge(plan("jd", draw("a", 278, 6.0), digest="six")).fresh == ()
    assert house.charge(plan("jd", draw("a", 200, 5.9), digest="less")).fresh
    house.ledger.check()


def test_a_vector_is_shown_only_within_the_reports_ceiling(house: House) -> None:
    house.release(plan("jd", draw("a", 400, 5.0)))
    dear = plan("icbc", A, budget=399)
    run = house.charge(dear)
    assert (run.fresh, run.charged_account_units, run.charged_lifetime_units) == ((key("a"),), 100, 100)
    assert house.charge(plan("icbc", A, budget=400, digest="n")).charged_account_units == 400


def test_the_ceiling_counts_what_the_other_draws_charge(house: House) -> None:
    house.release(plan("jd", draw("a", 400, 5.0)))
    house.ledger.amend("icbc", Cap(1000, "8"))
    both = (A, draw("b", 60, 9.0))
    assert len(house.charge(plan("icbc", *both, budget=459)).fresh) == 2
    run = house.charge(plan("icbc", *both, budget=460, digest="n"))
    assert (run.fresh, run.charged_account_units, run.charged_lifetime_units) == ((key("b"),), 460, 60)


def test_a_dear_vector_is_not_shown_where_only_a_fresh_draw_fits_the_account(house: House) -> None:
    house.release(plan("jd", draw("a", 400, 5.0)))
    house.release(plan("icbc", draw("c", 200, 10.0)))
    run = house.charge(plan("icbc", A))
    assert (run.fresh, run.charged_account_units, run.charged_lifetime_units) == ((key("a"),), 100, 100)


def test_the_cheapest_adequate_vector_is_shown(house: House) -> None:
    for account, rho, scale in (("jd", 90, 10.5), ("jd", 200, 7.0), ("exploration", 100, 10.0)):
        house.release(plan(account, draw("a", rho, scale), budget=rho))
    assert house.spent("lifetime") == (390,)
    run = house.release(plan("icbc", A))
    assert (run.charged_account_units, scales(house, run)) == (100, [10.0])


def test_of_equal_vectors_exploration_is_shown_the_one_that_serves_outside_too(house: House) -> None:
    house.release(plan("jd", A), exploration=True)
    house.release(plan("icbc", A))
    house.release(plan("exploration", A), exploration=True)
    assert house.charge(plan("exploration", A)).charged_account_units == 0


def test_a_vector_is_shown_where_the_lifetime_account_has_nothing_left(house: House) -> None:
    house.release(plan("jd", draw("a", 500, 5.0)))
    house.release(plan("icbc", draw("b", 500, 5.0)))
    assert house.balance("lifetime").left_rho == 0
    house.ledger.amend("icbc", Cap(1000, "8"))
    run = house.charge(plan("icbc", draw("a", 500, 5.0)))
    assert (run.charged_account_units, run.charged_lifetime_units) == (500, 0)


def test_explorations_vectors_are_never_used_outside(house: House) -> None:
    house.release(plan("exploration", A), exploration=True)
    run = house.release(plan("jd", A))
    assert (run.fresh, run.charged_account_units, run.charged_lifetime_units) == ((key("a"),), 100, 100)
    # Not even by the account that explored.
    own = house.release(plan("jd", draw("x", 10, 30.0)), exploration=True)
    assert own.fresh
    outside = house.release(plan("jd", draw("x", 10, 30.0)))
    assert (outside.fresh, outside.charged_lifetime_units) == ((key("x"),), 10)
    assert len(house.ledger.vectors(outside)[key("x")]) == 1
    assert house.spent("lifetime") == (220,)
    house.ledger.check()


def test_exploration_reuses_its_own_and_is_shown_what_was_drawn_for_others(house: House) -> None:
    house.release(plan("jd", A))
    run = house.release(plan("exploration", A), exploration=True)
    assert (run.fresh, run.charged_account_units, run.charged_lifetime_units) == ((), 100, 0)
    own = house.release(plan("exploration", draw("b", 50, 9.0)), exploration=True)
    assert own.fresh
    assert house.release(plan("exploration", draw("b", 50, 9.0)), exploration=True).fresh == ()


def test_an_unfinished_exploration_is_not_resumed_outside(house: House) -> None:
    first = house.charge(plan("jd", A), exploration=True)
    second = house.charge(plan("jd", A))
    assert (second.id != first.id, second.resumed) == (True, False)


def test_nothing_is_reused_across_snapshots(house: House) -> None:
    house.ledger.register_snapshot("q1", CONTRACT, "map-2")
    house.release(plan("jd", A))
    assert house.release(plan("jd", A), snapshot="q1").charged_lifetime_units == 100
    assert house.spent("lifetime", "jd") == (200, 200)


def test_a_shown_vector_is_paid_for_once_even_if_its_run_is_abandoned(house: House) -> None:
    house.release(plan("jd", A))
    house.ledger.abandon(house.charge(plan("icbc", A)), "tested")
    assert house.charge(plan("icbc", A, digest="n")).charged_account_units == 0
    assert house.spent("icbc") == (100,)
    house.ledger.check()


def test_what_an_unfinished_run_draws_helps_no_other_run(house: House) -> None:
    house.ledger.begin_drawing(house.charge(plan("jd", A)))
    assert house.charge(plan("jd", A, digest="n")).charged_lifetime_units == 100


def test_a_vector_stays_usable_when_its_run_is_abandoned_after_measuring(house: House) -> None:
    run = house.charge(plan("jd", A))
    run = house.ledger.store(house.ledger.begin_drawing(run), noisy(run, plan("jd", A)))
    house.ledger.abandon(run, "tested")
    again = house.charge(plan("jd", A))
    assert (again.charged_account_units, again.state) == (0, State.CHARGED)


def test_a_plan_without_draws_is_a_run(house: House) -> None:
    run = house.release(plan("jd"))
    assert (run.fresh, run.charged_account_units, dict(house.ledger.vectors(run))) == ((), 0, {})


def test_adding_scales_up_and_down() -> None:
    assert accountant.combined_scale((1e-200, 1e200)) == pytest.approx(1e-200)
    assert accountant.combined_scale(()) == math.inf
    assert accountant.precise_enough((10.000000000001,), 10.0)
    assert not accountant.precise_enough((10.0000001,), 10.0)
    assert not accountant.precise_enough((), 1e300)


@pytest.mark.parametrize(("exploration", "wanted"), [(True, True), (False, False)])
def test_whose_vectors_are_usable(exploration: bool, wanted: bool) -> None:
    vector = Stored("run", "key", 1.0, accountant.Loss(1), exploration=True, seen=True)
    assert vector.usable(exploration) is wanted
