"""A run's way through the ledger: every step, every refusal, and what a retry finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dpinsights.errors import InternalError, LedgerError
from dpinsights.governance.ledger.interface import FencedError, Ledger, Run
from dpinsights.governance.states import STEPS, Course, course, may_step
from dpinsights.model.noisy import State
from dpinsights.model.plan import Plan
from tests.governance.house import LEASE, RELEASE, House, draw, key, noisy, plan

PLAN = plan("jd", draw("a", 100, 10.0), draw("b", 50, 20.0))


def to(house: House, state: State) -> Run:
    """A run in a state."""
    run = house.charge(PLAN)
    match state:
        case State.CHARGED:
            return run
        case State.ABANDONED:
            return house.ledger.abandon(run, "tested")
    run = house.ledger.begin_drawing(run)
    if state is State.DRAWING:
        return run
    run = house.ledger.store(run, noisy(run, PLAN))
    return run if state is State.MEASURED else house.ledger.finish(run, RELEASE)


def step(ledger: Ledger, run: Run, after: State) -> Run:
    """Tries to move a run to a state."""
    match after:
        case State.DRAWING:
            return ledger.begin_drawing(run)
        case State.MEASURED:
            return ledger.store(run, noisy(run, PLAN))
        case State.RELEASED:
            return ledger.finish(run, RELEASE)
        case State.ABANDONED:
            return ledger.abandon(run, "tested")
        case _:
            raise AssertionError(after)


AFTER = [state for state in State if state is not State.CHARGED]


def test_the_way_of_a_run(house: House) -> None:
    run = house.charge(PLAN)
    assert (run.state, run.fence, run.account, run.snapshot, run.resumed) == (
        State.CHARGED,
        1,
        "jd",
        "q4",
        False,
    )
    assert run.fresh == tuple(sorted((key("a"), key("b"))))
    assert (run.charged_account_units, run.charged_lifetime_units) == (150, 150)
    assert house.spent("lifetime", "jd", "icbc") == (150, 150, 0)
    drawing = house.ledger.begin_drawing(run)
    measured = house.ledger.store(drawing, noisy(run, PLAN))
    released = house.ledger.finish(measured, RELEASE)
    assert [one.state for one in (drawing, measured, released)] == ["drawing", "measured", "released"]
    assert {one.id for one in (run, drawing, measured, released)} == {run.id}
    assert [vector.values for vector in house.ledger.vectors(released)[key("a")]] == [(7,)]
    house.ledger.check()


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("before", list(State))
def test_every_step_is_allowed_or_refused(house: House, before: State, after: State) -> None:
    run = to(house, before)
    head = house.ledger.head()
    if after in STEPS[before]:
        assert step(house.ledger, run, after).state is after
    else:
        with pytest.raises(FencedError, match=f"is {before}, so it can't become {after}"):
            step(house.ledger, run, after)
        assert house.ledger.head() == head
    house.ledger.check()


def test_each_step_is_seen_by_others_when_it_returns(house: House) -> None:
    run = house.charge(PLAN)
    other = house.open()
    assert next(balance for balance in other.balances() if balance.account == "jd").spent_rho == 150
    house.ledger.begin_drawing(run)
    with pytest.raises(FencedError, match="is drawing, so it can't become drawing"):
        other.begin_drawing(run)


def test_a_run_that_draws_nothing_may_skip_drawing(house: House) -> None:
    house.release(PLAN)
    run = house.charge(PLAN)
    assert (run.fresh, run.charged_account_units) == ((), 0)
    assert house.ledger.store(run, ()).state is State.MEASURED
    assert not may_step(State.CHARGED, State.MEASURED, draws=True)


def test_a_retry_that_finds_charged_goes_on_free(house: House) -> None:
    first = house.charge(PLAN)
    again = house.charge(PLAN)
    assert again == replace(first, fence=2, resumed=True)
    assert house.spent("jd", "lifetime") == (150, 150)
    with pytest.raises(FencedError, match="taken over"):
        house.ledger.begin_drawing(first)
    assert house.ledger.begin_drawing(again).state is State.DRAWING
    house.ledger.check()


def test_a_live_lease_keeps_others_out(house: House) -> None:
    first = house.charge(PLAN)
    other = house.open()
    house.clock.now += LEASE - timedelta(seconds=1)
    with pytest.raises(
        LedgerError, match=r"another process runs quarterly on q4 .*its lease ends at 2018-01-15 09:10:00"
    ):
        house.charge(PLAN, ledger=other)
    house.ledger.begin_drawing(first)
    with pytest.raises(LedgerError, match="another process runs"):
        house.charge(PLAN, ledger=other)


def test_an_expired_lease_lets_another_go_on(house: House) -> None:
    first = house.charge(PLAN)
    house.clock.now += LEASE
    taken = house.charge(PLAN, ledger=house.open())
    assert taken == replace(first, fence=2, resumed=True)
    assert house.spent("jd") == (150,)
    for after in AFTER:
        with pytest.raises(FencedError, match="taken over"):
            step(house.ledger, first, after)


@pytest.mark.parametrize("ours", [True, False])
def test_a_retry_that_finds_drawing_pays_again(house: House, ours: bool) -> None:
    first = to(house, State.DRAWING)
    house.clock.now += LEASE
    again = house.charge(PLAN, ledger=house.ledger if ours else house.open())
    assert again.id != first.id
    assert not again.resumed
    assert house.spent("jd", "lifetime") == (300, 300)
    with pytest.raises(FencedError, match="is abandoned"):
        house.ledger.store(first, noisy(first, PLAN))
    house.ledger.check()


def test_a_retry_that_finds_measured_is_served(house: House) -> None:
    first = to(house, State.MEASURED)
    served = house.charge(PLAN, ledger=house.open())
    assert (served.id, served.state, served.resumed) == (first.id, State.MEASURED, True)
    assert house.ledger.vectors(served) == house.ledger.vectors(first)
    assert house.spent("jd") == (150,)


def test_after_a_release_the_same_request_is_a_free_new_run(house: House) -> None:
    first = house.release(PLAN)
    again = house.charge(PLAN)
    assert again.id != first.id
    assert (again.fresh, again.charged_account_units, again.charged_lifetime_units) == ((), 0, 0)
    again = house.ledger.store(again, ())
    assert house.ledger.vectors(again) == house.ledger.vectors(first)


def test_an_abandoned_run_keeps_its_charge(house: House) -> None:
    to(house, State.ABANDONED)
    assert house.spent("jd", "lifetime") == (150, 150)
    assert house.charge(PLAN).charged_lifetime_units == 150


def test_only_what_was_measured_can_be_estimated_from(house: House) -> None:
    for run in (house.charge(PLAN), to(house, State.DRAWING)):
        with pytest.raises(FencedError, match="only what was measured"):
            house.ledger.vectors(run)


def broken(plan: Plan, run: Run) -> list[tuple[object, ...]]:
    """Sets of vectors that are not what the run was charged for."""
    sound = noisy(run, plan)
    return [
        (),
        sound[:1],
        (*sound, sound[0]),
        (sound[0], sound[0]),
        (sound[0], replace(sound[1], key=key("z"))),
        (sound[0], replace(sound[1], values=(1, 2))),
        (sound[0], replace(sound[1], scale=sound[1].scale / 2)),
        (sound[0], replace(sound[1], rho_units=1)),
        (sound[0], replace(sound[1], snapshot="q3")),
        (sound[0], replace(sound[1], values=(2**63,))),
    ]


@pytest.mark.parametrize("case", range(10))
def test_only_the_vectors_that_were_charged_are_stored(house: House, case: int) -> None:
    run = to(house, State.DRAWING)
    vectors = broken(PLAN, run)[case]
    with pytest.raises(InternalError):
        house.ledger.store(run, vectors)  # type: ignore[arg-type]
    assert house.ledger.store(run, noisy(run, PLAN)).state is State.MEASURED
    house.ledger.check()


@pytest.mark.parametrize("value", [0, -1, 2**63 - 1, -(2**63)])
def test_noisy_values_come_back_exactly(house: House, value: int) -> None:
    run = house.release(PLAN, value=value)
    assert [vector.values for vector in house.ledger.vectors(run)[key("a")]] == [(value,)]


def test_a_run_of_another_ledger_is_unknown(house: House) -> None:
    with pytest.raises(LedgerError, match="no run 'nobody-1'"):
        house.ledger.begin_drawing(replace(house.charge(PLAN), id="nobody-1"))


@pytest.mark.parametrize("digest", ["", "xyz", "D" * 64])
def test_a_release_is_named_by_a_digest(house: House, digest: str) -> None:
    with pytest.raises(LedgerError, match="SHA-256"):
        house.ledger.finish(to(house, State.MEASURED), digest)


def test_reasons_are_codes_not_texts(house: House) -> None:
    run = house.charge(PLAN)
    with pytest.raises(LedgerError, match="lower case"):
        house.ledger.abandon(run, "could not convert 'SECRET-9'")


def test_a_lease_lasts(house: House) -> None:
    with pytest.raises(LedgerError, match="lease"):
        house.ledger.charge(
            PLAN, snapshot="q4", origin="real", exploration=False, lease=timedelta(0), epsilon_of=str
        )


def test_what_a_retry_does_in_every_state() -> None:
    found = {
        (state, ours, over): course(state, ours=ours, lease_over=over)
        for state in (State.CHARGED, State.DRAWING, State.MEASURED)
        for ours in (True, False)
        for over in (True, False)
    }
    assert {case for case, what in found.items() if what is Course.WAIT} == {
        (State.CHARGED, False, False),
        (State.DRAWING, False, False),
    }
    assert {case[0] for case, what in found.items() if what is Course.REPLACE} == {State.DRAWING}
    for state in (State.RELEASED, State.ABANDONED):
        with pytest.raises(InternalError, match="finished"):
            course(state, ours=True, lease_over=True)
