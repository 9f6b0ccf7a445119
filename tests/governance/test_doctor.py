"""The doctor: each charge without a release is explained, each way in which a chain can be wrong has its finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from dpinsights.governance.chain import Entry
from dpinsights.governance.doctor import Earlier, Finding, Weight, damaged_vectors, examine
from dpinsights.governance.ledger.interface import Cap, Head, Ledger
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.mechanisms.stated import units_of
from dpinsights.model.measurement import Specification
from dpinsights.model.noisy import State
from tests.governance.forger import rehashed
from tests.governance.house import LEASE, PARTNERSHIP, RELEASE, House, draw, noisy, plan

A = plan("jd", draw("a", 100, 10.0))


def loss_of(specification: Specification) -> tuple[int, int]:
    """The losses of this file's draws: 10,000 units of rho at scale 1."""
    return round(10_000 / specification.scale**2), 0


def look(ledger: Ledger, earlier: Earlier | None = None) -> tuple[Finding, ...]:
    """Everything the doctor finds."""
    found = examine(ledger.entries(), loss_of, epsilon_of=lambda units: f"~{units}", earlier=earlier)
    return (*damaged_vectors(ledger), *found)


def codes(found: tuple[Finding, ...]) -> list[str]:
    """The findings' codes, in their order."""
    return [finding.code for finding in found]


def test_a_sound_ledger_has_no_findings(house: House) -> None:
    house.release(A)
    house.release(plan("icbc", draw("a", 100, 10.0), draw("b", 278, 6.0)))
    assert look(house.ledger) == ()


@pytest.mark.parametrize(
    ("steps", "code", "words", "remedy"),
    [
        (1, "charge-charged", "is charged: nothing noisy exists yet", "it goes on, free"),
        (2, "charge-drawing", "is drawing: noise may have been drawn", "the new run is charged too"),
        (3, "charge-measured", "is measured: its noisy numbers are stored", "from what is stored, free"),
    ],
)
def test_a_charge_without_a_release_is_explained(
    house: House, steps: int, code: str, words: str, remedy: str
) -> None:
    run = house.charge(A)
    if steps > 1:
        run = house.ledger.begin_drawing(run)
    if steps > 2:
        run = house.ledger.store(run, noisy(run, A))
    [found] = look(house.ledger)
    assert (found.code, found.weight) == (code, Weight.WARNING)
    assert words in found.what and remedy in found.what_to_do
    facts = (
        f"run {run.id} of quarterly version 1 on snapshot q4, entry 3 of 2018-01-15, charged rho 0.0000000001 "
        "(epsilon ~100) to jd"
    )
    assert facts in found.what


def test_what_the_remedies_promise_is_so(house: House) -> None:
    """Doing what the doctor says ends each kind of charge, at the cost that it says."""
    for account, steps in (("jd", 1), ("icbc", 2), ("exploration", 3)):
        asked = plan(account, draw(account, 278, 6.0))
        run = house.charge(asked)
        if steps > 1:
            run = house.ledger.begin_drawing(run)
        if steps > 2:
            house.ledger.store(run, noisy(run, asked))
    house.clock.now += LEASE + timedelta(seconds=1)
    assert sorted(codes(look(house.ledger))) == ["charge-charged", "charge-drawing", "charge-measured"]
    house.ledger.amend("icbc", Cap(600, "8"))
    house.ledger.amend("lifetime", Cap(2000, "8"))
    for account, again in (("jd", 0), ("icbc", 278), ("exploration", 0)):
        before = house.spent(account)[0]
        asked = plan(account, draw(account, 278, 6.0))
        run = house.charge(asked)
        if run.state is State.CHARGED:
            run = house.ledger.store(house.ledger.begin_drawing(run), noisy(run, asked))
        house.ledger.finish(run, RELEASE)
        assert house.spent(account)[0] - before == again
    [left] = look(house.ledger)
    assert (left.code, left.weight) == ("charge-abandoned", Weight.NOTE)
    assert "another run took its place" in left.what and "which is released" in left.what_to_do
    assert "charged rho 0.000000000278 (epsilon ~278) to icbc, is abandoned" in left.what


def test_a_run_that_cost_nothing_is_a_note(house: House) -> None:
    house.release(A)
    house.charge(A)
    [found] = look(house.ledger)
    assert (found.code, found.weight) == (
        "charge-charged",
        Weight.NOTE,
    ) and ", free, is charged" in found.what


def test_a_frozen_account_says_why_and_how_it_ends(house: House) -> None:
    run = house.charge(A)
    house.ledger.freeze("jd", "bounds-violated")
    house.ledger.abandon(run, "bounds-violated")
    frozen, abandoned = look(house.ledger)
    assert (frozen.code, abandoned.code) == ("account-frozen", "charge-abandoned")
    assert "dpinsights ledger resolve jd" in frozen.what_to_do
    assert (
        "the check of the bounded rows failed" in frozen.what and "was not run again" in abandoned.what_to_do
    )
    house.ledger.resolve("jd")
    house.ledger.freeze("jd", "somebody-asked")
    assert "its reason's code is somebody-asked" in look(house.ledger)[0].what


def test_losses_are_stated_again_by_opendp(house: House) -> None:
    rho, delta = units_of(Specification("discrete-gaussian", 10_000.0, 1, l2_squared=1))
    assert (rho, delta) == (5001, 0)
    for account in ("lifetime", "jd"):
        house.ledger.amend(account, Cap(20_000, "8"))
    house.release(plan("jd", draw("real", 5001, 10_000.0), digest="real"))
    assert examine(house.ledger.entries(), units_of, epsilon_of=str) == ()
    house.release(plan("jd", draw("cheap", 5000, 10_000.0), digest="cheap"))
    [found] = examine(house.ledger.entries(), units_of, epsilon_of=str)
    assert (found.code, found.weight) == ("loss-understated", Weight.FAULT)
    assert "rho 5000 and delta 0 units" in found.what and "its specification costs 5001 and 0" in found.what
    house.release(plan("jd", draw("dear", 5002, 10_000.0), digest="dear"))
    found, over = examine(house.ledger.entries(), units_of, epsilon_of=str)
    assert (found.code, over.code, over.weight) == ("loss-understated", "loss-overstated", Weight.WARNING)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (
            lambda e: [*e[:2], replace(e[2], body=e[2].body.replace('"100"', '"1"')), *e[3:]],
            "chain is broken at entry 3",
        ),
        (lambda e: e[1:], "chain is broken at entry 1"),
        (lambda e: rehashed([*e[:3], *e[4:]]), "entry 4 breaks a rule: a run went from charged to measured"),
        (lambda e: rehashed([*e, e[2]]), "a run was charged twice"),
        (
            lambda e: rehashed([*e, replace(e[2], body="{}")]),
            "entry 7 breaks a rule: a body that can't be read",
        ),
        (
            lambda e: rehashed([*e, replace(e[2], body="[]")]),
            "entry 7 breaks a rule: a body that can't be read",
        ),
        (lambda e: rehashed([*e, replace(e[2], body=e[2].body.replace('"jd"', '"nobody"'))]), "entry 7"),
        (lambda e: [], "no entries"),
    ],
)
def test_a_chain_that_no_ledger_wrote(
    house: House, edit: Callable[[list[Entry]], list[Entry]], words: str
) -> None:
    house.release(A)
    [found] = examine(edit(list(house.ledger.entries())), loss_of, epsilon_of=str)
    assert (found.code, found.weight) == ("chain-broken", Weight.FAULT)
    assert words in found.what and "restore the last copy" in found.what_to_do


def test_damaged_vectors_are_found(house: House) -> None:
    house.release(A)
    house.release(plan("icbc", draw("b", 100, 10.0)))
    ledger = house.ledger
    if not isinstance(ledger, SqliteLedger):
        pytest.skip("edits the file")
    with ledger._connection.writing():
        ledger._connection.run(
            "UPDATE vectors SET digest = 'x' WHERE run IN (SELECT run FROM runs WHERE account = 'jd')"
        )
    [found] = damaged_vectors(ledger)
    assert (found.code, found.weight) == ("vector-damaged", Weight.FAULT)
    assert found.what.startswith("of what jd was shown of snapshot q4: a stored noisy vector is damaged")


def test_the_chain_goes_on_from_what_a_party_saw(house: House) -> None:
    house.release(A)
    entries = house.ledger.entries()
    seen = Earlier(PARTNERSHIP, house.ledger.head(), entries)
    assert look(house.ledger, seen) == ()
    house.release(plan("icbc", draw("b", 100, 10.0)))
    assert look(house.ledger, seen) == look(house.ledger, replace(seen, entries=())) == ()
    [found] = look(house.ledger, replace(seen, partnership="another"))
    assert (found.code, found.weight) == ("other-ledger", Weight.FAULT)


@pytest.mark.parametrize("whole", [True, False], ids=["with the extract", "with the receipt alone"])
def test_a_cut_a_restore_and_a_fork_are_told_apart(house: House, whole: bool) -> None:
    house.release(A)
    before = house.ledger.entries()
    house.release(plan("icbc", draw("b", 100, 10.0)))
    entries = house.ledger.entries()
    last = entries[-1]
    seen = Earlier(PARTNERSHIP, Head(last.seq, last.hash), entries if whole else ())

    def told(chain: tuple[Entry, ...]) -> tuple[str, str]:
        """What the doctor says of a chain that the party's does not lead to."""
        found = examine(chain, loss_of, epsilon_of=str, earlier=seen)
        [one] = [finding for finding in found if finding.code.startswith("ledger-")]
        assert one.weight is Weight.FAULT
        return one.code, one.what

    for shorter in (before, entries[:-1]):
        code, what = told(shorter)
        assert code == "ledger-shortened" and f"the ledger ends at entry {len(shorter)}" in what
    longer = rehashed(
        [*before, *(replace(e, body=e.body.replace("icbc", "jd")) for e in entries[len(before) :])]
    )
    code, what = told(longer)
    assert code == "ledger-forked" and "an old copy was restored and went on" in what
    if whole:
        assert f"goes another way from entry {len(before) + 1} on" in what
    # A fork that is not as long yet: with a receipt alone it can't be told from a cut.
    code, what = told(longer[:-1])
    assert code == ("ledger-forked" if whole else "ledger-shortened")
    anew = rehashed([replace(entries[0], body=entries[0].body.replace('"500"', '"501"')), *entries[1:]])
    code, what = told(anew)
    assert code == "ledger-forked"
    assert ("written anew as a whole" in what) is whole


def test_a_broken_chain_is_held_against_the_receipt_too(house: House) -> None:
    house.release(A)
    entries = house.ledger.entries()
    seen = Earlier(PARTNERSHIP, house.ledger.head())
    broken = (*entries[:-1], replace(entries[-1], hash="0" * 64))
    assert codes(examine(broken, loss_of, epsilon_of=str, earlier=seen)) == ["chain-broken", "ledger-forked"]
