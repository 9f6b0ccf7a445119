"""What a statement says is a function of the chain up to the run's measuring, whatever comes later."""

from __future__ import annotations

from dataclasses import astuple
from datetime import date, timedelta

import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance import spending
from dpinsights.governance.ledger.interface import Cap, FencedError, Head
from tests.governance.house import RELEASE, House, draw, noisy, plan

A, B = plan("jd", draw("a", 100, 10.0)), plan("jd", draw("b", 50, 10.0))
ENVELOPES = ('{"payload":"eyJhIjoxfQ=="}', "a text\nwith lines and é")


def test_a_statement_does_not_change_with_what_comes_later(house: House) -> None:
    run = house.ledger.begin_drawing(house.charge(A))
    run = house.ledger.store(run, noisy(run, A))
    said = house.ledger.spent_by(run)
    assert said.position == house.ledger.head()
    assert (said.day, said.account.spent_rho, said.lifetime.spent_rho) == (date(2018, 1, 15), 100, 100)
    house.clock.now += timedelta(days=3)
    house.release(B)
    house.ledger.amend("jd", Cap(600, "5"))
    house.ledger.amend("lifetime", Cap(1100, "9"))
    house.ledger.freeze("jd", "tested")
    assert house.ledger.spent_by(run) == said
    again = house.open().spent_by(house.ledger.finish(run, RELEASE))
    assert again == said
    assert spending.spent_by(house.ledger.entries(), run.id) == said
    assert spending.spent_by(house.ledger.entries(said.position.seq), run.id) == said


def test_a_later_statement_says_what_was_amended_before_it(house: House) -> None:
    first = house.release(A)
    amendment = house.ledger.amend("jd", Cap(600, "5"), ENVELOPES)
    second = house.release(B)
    house.ledger.amend("jd", Cap(700, "6"))
    assert house.ledger.spent_by(first).amendments == ()
    said = house.ledger.spent_by(second)
    assert said.amendments == (amendment,)
    assert (said.account.cap_rho, said.account.cap_epsilon, said.account.spent_rho) == (600, "5", 150)
    assert house.balance("jd").cap_epsilon == "6"


def test_who_signed_an_amendment_is_kept_to_the_letter(house: House) -> None:
    house.ledger.amend("jd", Cap(600, "5"), ENVELOPES)
    assert house.open().amendments()[0].envelopes == ENVELOPES
    assert house.ledger.entries()[-1].data["envelopes"] == list(ENVELOPES)


def test_an_envelope_that_the_chain_would_normalize_is_refused(house: House) -> None:
    head = house.ledger.head()
    with pytest.raises(LedgerError, match="can't be kept to the letter"):
        house.ledger.amend("jd", Cap(600, "5"), ("e\u0301",))
    assert house.ledger.head() == head
    assert house.balance("jd").cap_rho == 500


@pytest.mark.parametrize("stage", ["charged", "drawing", "abandoned"])
def test_what_was_not_measured_has_no_statement(house: House, stage: str) -> None:
    run = house.charge(A)
    if stage == "drawing":
        run = house.ledger.begin_drawing(run)
    if stage == "abandoned":
        run = house.ledger.abandon(run, "tested")
    with pytest.raises(FencedError, match="not measured yet"):
        house.ledger.spent_by(run)


def test_entries_until_a_position(house: House) -> None:
    house.release(A)
    entries = house.ledger.entries()
    assert [entry.seq for entry in entries] == list(range(1, 7))
    assert (entries[-1].seq, entries[-1].hash) == astuple(house.ledger.head())
    for until in range(1, 7):
        assert house.ledger.entries(until) == entries[:until]
    for nowhere in (0, -1, 7):
        with pytest.raises(LedgerError, match="ask for one that it has"):
            house.ledger.entries(nowhere)


def test_the_opening_names_its_policy(house: House) -> None:
    [opening] = house.ledger.entries(1)
    assert opening.data["policy_digest"] == "b" * 64
    with pytest.raises(LedgerError, match="a policy's digest is a SHA-256"):
        house.create(policy_digest="")


def test_a_measured_run_of_nothing_fresh_has_its_own_position(house: House) -> None:
    house.release(A)
    run = house.ledger.store(house.charge(A), ())
    said = house.ledger.spent_by(run)
    assert (said.seen_rho, said.fresh_rho, said.position) == (100, 0, house.ledger.head())
    assert isinstance(said.position, Head)
