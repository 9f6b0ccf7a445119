"""Caps: what fits, what is refused and in which words, amendments, freezes, snapshots, sizes and clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from dpinsights.errors import BudgetError, InternalError, LedgerError
from dpinsights.governance import refusal
from dpinsights.governance.accountant import MOST_UNITS
from dpinsights.governance.ledger.interface import Cap, Snapshot
from dpinsights.model.policy import Delta
from tests.governance.house import (
    CONTRACT,
    CONVERSION,
    DISCOVERY,
    PARTNERSHIP,
    House,
    draw,
    noisy,
    plan,
    query,
)

A = draw("a", 100, 10.0)


def test_a_new_ledger(house: House) -> None:
    ledger = house.ledger
    assert (ledger.partnership, ledger.policy) == (PARTNERSHIP, "gongyin-xiaobai")
    assert ledger.deltas() == Delta(conversion=CONVERSION, discovery=DISCOVERY)
    assert [balance.account for balance in ledger.balances()] == ["lifetime", "icbc", "jd", "exploration"]
    assert ledger.balances()[0].cap_epsilon == "8"
    assert {balance.cap_delta for balance in ledger.balances()} == {10**7}
    assert ledger.amendments() == ()
    assert ledger.snapshots() == (Snapshot("q4", CONTRACT, "map-1"),)
    assert ledger.verify_chain() == ledger.head()


def test_an_account_can_be_spent_to_the_last_unit_and_no_further(house: House) -> None:
    house.release(plan("jd", draw("a", 499, 10.0)))
    with pytest.raises(BudgetError):
        house.charge(plan("jd", draw("b", 2, 10.0)))
    house.release(plan("jd", draw("b", 1, 10.0)))
    assert house.balance("jd").left_rho == 0
    with pytest.raises(BudgetError):
        house.charge(plan("jd", draw("c", 1, 10.0)))


def test_a_refusal_charges_and_records_nothing(house: House) -> None:
    before = (house.ledger.head(), house.ledger.balances())
    with pytest.raises(BudgetError):
        house.charge(plan("jd", draw("a", 300, 10.0), draw("b", 201, 10.0)))
    assert (house.ledger.head(), house.ledger.balances()) == before


def test_the_lifetime_account_refuses_what_the_recipients_account_would_allow(house: House) -> None:
    house.release(plan("icbc", draw("a", 500, 10.0)))
    house.release(plan("jd", draw("b", 400, 10.0)))
    with pytest.raises(BudgetError, match="the lifetime account can't pay") as refused:
        house.charge(plan("exploration", draw("c", 101, 10.0)), exploration=True)
    assert "dpinsights budget propose lifetime" in str(refused.value)


def test_a_refusal_in_words(house: House) -> None:
    house.release(plan("jd", draw("a", 300, 10.0)))
    queries = (query("cheap", draw("b", 100, 1.0).key), query("dear", draw("c", 400, 1.0).key))
    with pytest.raises(BudgetError) as refused:
        house.charge(plan("jd", draw("b", 100, 10.0), draw("c", 400, 10.0), queries=queries))
    assert str(refused.value) == (
        "the account jd can't pay for quarterly version 1; nothing was charged\n"
        "  requested: rho 0.0000000005 (epsilon ~500)\n"
        "  remaining: rho 0.0000000002 (epsilon ~200) of rho 0.0000000005 (epsilon ~500)\n"
        "  missing:   rho 0.0000000003 (epsilon ~300)\n"
        "  would fit: cheap\n"
        "three ways on:\n"
        "  coarser margins (about 1.6 times as wide, all of them)\n"
        "  fewer queries, or such as were measured already\n"
        "  dpinsights budget propose jd, if both parties agree to a higher cap"
    )


def test_a_refusal_where_nothing_is_left(house: House) -> None:
    house.release(plan("jd", draw("a", 500, 10.0)))
    with pytest.raises(BudgetError) as refused:
        house.charge(plan("jd", draw("b", 1, 10.0)))
    assert "remaining: rho 0 (epsilon 0) of" in str(refused.value)
    assert "coarser margins do not help: nothing is left" in str(refused.value)
    assert "none of its queries as planned" in str(refused.value)


def test_queries_that_fit_share_their_draws() -> None:
    both = query("mean", "sum", "count")
    some = (query("total", "sum"), both, query("other", "else"))
    assert refusal.fitting(some, {"sum": 5, "count": 3, "else": 9}, 8) == ("total", "mean")
    assert refusal.fitting(some, {"sum": 5, "count": 3, "else": 4}, 4) == ("other",)


def test_an_amended_cap_counts_for_later_charges_and_is_reported(house: House) -> None:
    house.release(plan("jd", draw("a", 500, 10.0)))
    house.ledger.amend("jd", Cap(700, "5"))
    assert house.release(plan("jd", draw("b", 200, 10.0))).charged_account_units == 200
    [amendment] = house.ledger.amendments()
    assert (amendment.account, amendment.day) == ("jd", "2018-01-15")
    assert (amendment.before, amendment.after) == (Cap(500, "4"), Cap(700, "5"))
    assert amendment.envelopes == ()
    assert (house.balance("jd").cap_rho, house.balance("jd").cap_epsilon) == (700, "5")
    house.ledger.check()


def test_a_cap_never_falls_below_what_is_spent(house: House) -> None:
    house.release(plan("jd", A))
    with pytest.raises(LedgerError, match="jd has spent 100"):
        house.ledger.amend("jd", Cap(99, "1"))
    house.ledger.amend("jd", Cap(100, "1"))
    assert house.balance("jd").left_rho == 0
    with pytest.raises(LedgerError, match="no account 'nobody'"):
        house.ledger.amend("nobody", Cap(1, "1"))


@pytest.mark.parametrize("frozen", ["jd", "lifetime"])
def test_a_frozen_account_refuses_charges_and_draws_until_resolved(house: House, frozen: str) -> None:
    charged = house.charge(plan("jd", A))
    house.ledger.freeze(frozen, "relation-check")
    house.ledger.freeze(frozen, "another-reason")
    assert house.balance(frozen).frozen == "relation-check"
    for again in (plan("jd", draw("b", 1, 10.0)), plan("jd", A), plan("jd")):
        with pytest.raises(LedgerError, match=rf"the account {frozen} is frozen \(relation-check\)"):
            house.charge(again)
    with pytest.raises(LedgerError, match="is frozen"):
        house.ledger.begin_drawing(charged)
    house.ledger.check()
    house.ledger.resolve(frozen)
    assert house.balance(frozen).frozen is None
    house.ledger.begin_drawing(charged)
    with pytest.raises(LedgerError, match="is not frozen"):
        house.ledger.resolve(frozen)
    house.ledger.check()


def test_one_frozen_account_leaves_the_others_alone(house: House) -> None:
    house.ledger.freeze("jd", "relation-check")
    assert house.release(plan("icbc", A)).charged_account_units == 100


def test_what_was_drawn_when_an_account_is_frozen_can_still_be_stored(house: House) -> None:
    run = house.ledger.begin_drawing(house.charge(plan("jd", A)))
    house.ledger.freeze("jd", "relation-check")
    house.ledger.store(run, noisy(run, plan("jd", A)))
    house.ledger.check()


def test_reasons_for_a_freeze_are_codes(house: House) -> None:
    with pytest.raises(LedgerError, match="lower case"):
        house.ledger.freeze("jd", "customer 17 has 5 rows")


def test_a_snapshot_is_one_contract_and_one_map_for_ever(house: House) -> None:
    head = house.ledger.head()
    assert house.ledger.register_snapshot("q4", CONTRACT, "map-1") == Snapshot("q4", CONTRACT, "map-1")
    assert house.ledger.head() == head
    with pytest.raises(LedgerError, match="bound to another contract: name a new snapshot"):
        house.ledger.register_snapshot("q4", "e" * 64, "map-1")
    with pytest.raises(LedgerError, match="bound to another account map: name a new snapshot"):
        house.ledger.register_snapshot("q4", CONTRACT, "map-2")
    house.ledger.register_snapshot("q1", "e" * 64, "map-2")
    assert [snapshot.name for snapshot in house.ledger.snapshots()] == ["q4", "q1"]
    with pytest.raises(LedgerError, match="lower case"):
        house.ledger.register_snapshot("Q4 2017", CONTRACT, "map-1")


@pytest.mark.parametrize(
    ("changes", "snapshot", "origin", "words"),
    [
        ({}, "q1", "real", "q1 is not registered"),
        ({}, "q4", "made-up", "real or synthetic"),
        ({"contract_digest": "e" * 64}, "q4", "real", "another version of the contract: name a new snapshot"),
        ({"partnership": "0" * 16}, "q4", "real", "this ledger of 6f0c2a9be41d4f7a"),
        ({"conversion_delta": Decimal("1e-9")}, "q4", "real", "fixed for life"),
        ({"discovery_delta": Decimal("1e-9")}, "q4", "real", "fixed for life"),
        ({"account": "nobody"}, "q4", "real", "no account 'nobody'; it has lifetime, icbc"),
        ({"account": "lifetime"}, "q4", "real", "lifetime is the account over all others"),
    ],
)
def test_a_plan_must_be_of_this_ledger(
    house: House, changes: dict[str, object], snapshot: str, origin: str, words: str
) -> None:
    head = house.ledger.head()
    with pytest.raises(LedgerError, match=words):
        house.charge(replace(plan("jd", A), **changes), snapshot=snapshot, origin=origin)  # type: ignore[arg-type]
    assert house.ledger.head() == head


def test_one_snapshot_has_one_origin(house: House) -> None:
    house.charge(plan("jd", A), origin="synthetic")
    with pytest.raises(LedgerError, match="was used as synthetic, not real: name a new snapshot"):
        house.charge(plan("jd", A))


@pytest.mark.parametrize(
    "broken",
    [
        plan("jd", A, A),
        plan("jd", replace(A, scale=0.0)),
        plan("jd", replace(A, scale=float("nan"))),
        plan("jd", replace(A, scale=float("inf"))),
        plan("jd", replace(A, rho_units=0)),
        plan("jd", A, budget=99),
    ],
)
def test_a_broken_plan_is_our_bug(house: House, broken: object) -> None:
    with pytest.raises(InternalError):
        house.charge(broken)  # type: ignore[arg-type]
    assert house.spent("jd", "lifetime") == (0, 0)


@pytest.mark.parametrize("units", [MOST_UNITS + 1, 2**64, -1, 1.5, True])
def test_amounts_and_caps_that_64_bits_do_not_hold_are_refused(house: House, units: int) -> None:
    with pytest.raises(LedgerError, match=r"over 2\*\*62|whole number"):
        house.ledger.amend("jd", Cap(units, "1"))
    with pytest.raises(LedgerError, match=r"over 2\*\*62|whole number"):
        house.charge(plan("jd", replace(A, rho_units=units), budget=2**70))
    with pytest.raises(LedgerError, match=r"over 2\*\*62|whole number"):
        house.create(lifetime=units)


def test_the_largest_cap_can_be_spent(house: House) -> None:
    for account in ("lifetime", "jd"):
        house.ledger.amend(account, Cap(MOST_UNITS, "much"))
    house.release(plan("jd", draw("a", MOST_UNITS, 1.0), budget=2**70))
    assert house.spent("lifetime", "jd") == (MOST_UNITS, MOST_UNITS)
    with pytest.raises(BudgetError):
        house.charge(plan("jd", draw("b", MOST_UNITS, 1.0), budget=2**70))
    house.ledger.check()


@pytest.mark.parametrize(
    "changes",
    [
        {"partnership": "Über"},
        {"policy_name": ""},
        {"accounts": {"J D": Cap(1, "1")}},
        {"accounts": {"lifetime": Cap(1, "1")}},
    ],
)
def test_names_of_a_new_ledger(house: House, changes: dict[str, Any]) -> None:
    with pytest.raises(LedgerError):
        house.create(**changes)


def test_a_clock_may_lag_a_little_and_no_more(house: House) -> None:
    house.clock.now -= timedelta(minutes=5)
    house.charge(plan("jd", A))
    house.clock.now -= timedelta(seconds=1)
    with pytest.raises(
        LedgerError,
        match="the clock says 2018-01-15 08:54 UTC, but the last entry was written at 2018-01-15 09:00",
    ):
        house.charge(plan("jd", A))
    assert house.balance("jd").spent_rho == 100


def test_a_clock_tells_its_zone(house: House) -> None:
    house.clock.now = house.clock.now.replace(tzinfo=None)
    with pytest.raises(LedgerError, match="time zone"):
        house.charge(plan("jd", A))
