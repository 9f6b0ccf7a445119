"""The delta of key discovery: charged, bounded, durable, in the chain; and the keys beside their counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dpinsights.errors import BudgetError, InternalError, LedgerError
from dpinsights.governance.ledger.interface import Run
from dpinsights.model.measurement import Discovery, Draw, Relation, TextColumn
from dpinsights.model.noisy import NoisyVector, State
from dpinsights.model.numbers import DELTA_UNITS
from dpinsights.model.plan import Plan
from tests.governance.house import DISCOVERY, RELEASE, House, draw, plan

ALL = int(DISCOVERY * DELTA_UNITS)


def discovery(name: str, k: int = 3) -> Discovery:
    """A discovery, told apart by its selection seed."""
    relation = Relation("any", "jd.orders", (), None, None, None, k, None, name)
    return Discovery(relation, TextColumn("jd.orders", "brand", 40))


def discovers(name: str, rho: int, scale: float, delta: int, threshold: int = 50) -> Draw:
    """A planned discovery; tests choose cost, scale and threshold freely."""
    return Draw(
        discovery(name), rho, scale, rho / 1e12, 4 * rho / 1e12, delta, delta / 1e18, delta / 1e17, threshold
    )


def keyed(run: Run, drawn: Draw, **changes: Any) -> NoisyVector:
    """What a run discovers."""
    usual: dict[str, Any] = {
        "key": drawn.key, "snapshot": run.snapshot, "scale": drawn.scale, "rho_units": drawn.rho_units,
        "values": (90, 70, 70), "delta_units": drawn.delta_units, "threshold": drawn.threshold,
        "keys": (("0", "小米"), ("2", 'a "quoted" | text'), ("0", "tea")),
    }  # fmt: skip
    return NoisyVector(**{**usual, **changes})


def measured(house: House, asked: Plan) -> Run:
    """A run with its keys stored."""
    run = house.ledger.begin_drawing(house.charge(asked))
    vectors = tuple(keyed(run, asked.draw(key)) for key in run.fresh)
    return house.ledger.store(run, vectors)


def deltas(house: House, *accounts: str) -> tuple[int, ...]:
    """What accounts have spent of delta."""
    found = {balance.account: balance.spent_delta for balance in house.ledger.balances()}
    return tuple(found[account] for account in accounts)


def test_rho_and_delta_are_charged_to_both_accounts_and_stand_in_the_chain(house: House) -> None:
    house.charge(plan("jd", discovers("a", 100, 9.0, 7_000), draw("b", 50, 20.0)))
    assert deltas(house, "lifetime", "jd", "icbc") == (7_000, 7_000, 0)
    assert house.spent("lifetime", "jd") == (150, 150)
    [charged] = [entry for entry in house.ledger.entries() if entry.type == "charged"]
    assert '"delta":"7000"' in charged.body
    house.ledger.check()


def test_the_charge_outlives_the_process(house: House) -> None:
    house.charge(plan("jd", discovers("a", 100, 9.0, 7_000)))
    house.ledger.close()
    spent = dict(house.edit("SELECT account, spent_delta FROM accounts"))
    assert (spent["lifetime"], spent["jd"]) == (7_000, 7_000)


def test_a_delta_that_does_not_fit_is_refused_though_rho_is_there(house: House) -> None:
    measured(house, plan("jd", discovers("a", 10, 9.0, ALL - 5)))
    with pytest.raises(BudgetError, match="key discovery of quarterly") as caught:
        house.charge(plan("jd", discovers("b", 10, 9.0, 6)))
    assert "remaining: delta 5e-18" in str(caught.value)
    with pytest.raises(BudgetError, match="the lifetime account"):
        house.charge(plan("icbc", discovers("b", 10, 9.0, 6)))
    assert deltas(house, "lifetime", "jd", "icbc") == (ALL - 5, ALL - 5, 0)
    house.charge(plan("jd", discovers("b", 10, 9.0, 5)))
    assert deltas(house, "lifetime", "jd") == (ALL, ALL)
    house.ledger.check()


def test_keys_come_back_as_they_were_stored_and_serve_again(house: House) -> None:
    asked = plan("jd", discovers("a", 100, 9.0, 7_000))
    run = measured(house, asked)
    (stored,) = house.ledger.vectors(run)[asked.draws[0].key]
    assert stored == keyed(run, asked.draws[0])
    house.ledger.finish(run, RELEASE)
    again = house.charge(plan("jd", discovers("a", 100, 9.0, 7_000), digest="another"))
    assert again.fresh == () and again.charged_account_units == 0
    again = house.ledger.store(house.ledger.begin_drawing(again), ())
    assert house.ledger.vectors(again)[asked.draws[0].key] == (stored,)
    assert deltas(house, "lifetime", "jd") == (7_000, 7_000)
    spent = house.ledger.spent_by(again)
    assert (spent.seen_delta, spent.fresh_delta) == (7_000, 0)


def test_shown_to_another_account_they_cost_that_account_both_losses(house: House) -> None:
    run = measured(house, plan("jd", discovers("a", 100, 9.0, 7_000)))
    house.ledger.finish(run, RELEASE)
    house.charge(plan("icbc", discovers("a", 100, 9.0, 7_000)))
    assert deltas(house, "lifetime", "jd", "icbc") == (7_000, 7_000, 7_000)
    assert house.spent("lifetime", "icbc") == (100, 100)
    house.ledger.check()


@pytest.mark.parametrize(
    ("asked", "fresh"),
    [
        (discovers("a", 100, 9.0, 9_000, threshold=50), 0),
        (discovers("a", 100, 9.5, 9_000, threshold=60), 0),
        (discovers("a", 100, 9.0, 9_000, threshold=49), 1),
        (discovers("a", 150, 8.0, 9_000, threshold=50), 1),
    ],
)
def test_keys_serve_again_if_they_are_as_precise_and_no_fewer(house: House, asked: Draw, fresh: int) -> None:
    house.ledger.finish(measured(house, plan("jd", discovers("a", 100, 9.0, 7_000))), RELEASE)
    run = house.charge(plan("jd", asked, digest="another"))
    assert len(run.fresh) == fresh


def test_a_fresh_discovery_is_never_combined_with_an_older_one(house: House) -> None:
    house.ledger.finish(measured(house, plan("jd", discovers("a", 100, 9.0, 7_000))), RELEASE)
    finer = plan("jd", discovers("a", 150, 8.0, 7_000), digest="another")
    run = measured(house, finer)
    assert [vector.scale for vector in house.ledger.vectors(run)[finer.draws[0].key]] == [8.0]
    assert deltas(house, "jd") == (14_000,)


def test_a_retry_from_drawing_pays_both_again_and_one_from_charged_nothing(house: House) -> None:
    asked = plan("jd", discovers("a", 100, 9.0, 7_000))
    house.charge(asked)
    run = house.charge(asked)
    assert run.resumed and deltas(house, "lifetime") == (7_000,)
    house.ledger.begin_drawing(run)
    again = house.charge(asked)
    assert again.state is State.CHARGED and deltas(house, "lifetime", "jd") == (14_000, 14_000)
    house.ledger.check()


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": None, "threshold": None},
        {"threshold": None},
        {"keys": (("0", "tea"),)},
        {"values": (90, 70, 50)},
        {"delta_units": 6_999},
        {"rho_units": 99},
        {"scale": 8.0},
    ],
    ids=str,
)
def test_what_was_not_charged_is_not_stored(house: House, changes: dict[str, Any]) -> None:
    asked = plan("jd", discovers("a", 100, 9.0, 7_000))
    run = house.ledger.begin_drawing(house.charge(asked))
    with pytest.raises(InternalError):
        house.ledger.store(run, (keyed(run, asked.draws[0], **changes),))


def test_no_key_at_all_is_stored_too(house: House) -> None:
    asked = plan("jd", discovers("a", 100, 9.0, 7_000))
    run = house.ledger.begin_drawing(house.charge(asked))
    nothing = keyed(run, asked.draws[0], keys=(), values=())
    done = house.ledger.store(run, (nothing,))
    assert house.ledger.vectors(done)[asked.draws[0].key] == (nothing,)


def test_damaged_keys_are_noticed(house: House) -> None:
    run = measured(house, plan("jd", discovers("a", 100, 9.0, 7_000)))
    house.edit("UPDATE discovered SET keys = replace(keys, 'tea', 'gin')")
    with pytest.raises(LedgerError, match="damaged"):
        house.ledger.vectors(run)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(discovers("a", 100, 9.0, 7_000), delta_units=0),
        replace(discovers("a", 100, 9.0, 7_000), threshold=None),
        replace(draw("b", 100, 9.0), delta_units=5),
        replace(draw("b", 100, 9.0), threshold=5),
        discovers("a", 100, 9.0, ALL + 1),
    ],
    ids=str,
)
def test_a_plan_that_breaks_the_planners_promise_is_not_charged(house: House, wrong: Draw) -> None:
    with pytest.raises(InternalError):
        house.charge(plan("jd", wrong))
    assert deltas(house, "lifetime") == (0,)
