"""Bugs seeded into the discovery of keys, one at a time; each must fail its check, which passes without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from dpinsights.governance import accountant
from dpinsights.governance.accountant import Decision, Loss
from dpinsights.measurement import discovery, privatizing, reading
from dpinsights.measurement.aggregation import exact_vectors
from dpinsights.measurement.discovery import ExactMap
from dpinsights.measurement.privatizing import privatize
from dpinsights.mechanisms.threshold import KeyThreshold
from dpinsights.model.measurement import Draw
from dpinsights.model.noisy import NoisyVector
from tests.assurance.checks import Check
from tests.assurance.mutants import Mutant, killer, passes
from tests.governance.house import House, plan
from tests.governance.test_delta import deltas, discovers, keyed
from tests.measurement import keys
from tests.measurement.test_keys import counted, planned

ASKED = keys.discovery(top="shop.orders.brand", groups_per_customer=2, by=["toys"])
SILENT = 0.05
"""A scale at which noise is 0 but for one draw in 10^87."""


# Checks -------------------------------------------------------------------------------------------


def drawn(counts: Mapping[int, int], threshold: int) -> tuple[NoisyVector, ...]:
    """One discovery of counts made up, its noise silent."""
    draw = planned(ASKED, threshold, SILENT)
    texts = ExactMap(counts, lambda released: {key: (0, f"text {99 - key}") for key in released})
    return privatize([draw], {draw.key: texts}, partnership="test", snapshot="q4")


def threshold(folder: Path) -> None:
    """Only keys above the threshold are released: not those at it, and none of the rare ones."""
    (noisy,) = drawn({7: 10, 8: 11, 9: 1, 10: 40}, threshold=10)
    assert noisy.keys == (("0", "text 89"), ("0", "text 91"))
    assert noisy.values == (40, 11)


def order(folder: Path) -> None:
    """Equal counts are in the order of their texts, not of their codes."""
    (noisy,) = drawn({7: 20, 8: 20, 9: 20}, threshold=10)
    assert [text for _, text in noisy.keys or ()] == ["text 90", "text 91", "text 92"]


def oracle_equality(folder: Path) -> None:
    """The exact counts are those of plain Python."""
    rows = keys.rows(4)
    assert counted(ASKED, rows, folder) == keys.totals(keys.kept(ASKED, rows, "salt"))


def bounds(folder: Path) -> None:
    """Without a customer at most k counts are lower by one, and no other moves."""
    rows = keys.rows(4, customers=14)
    before = counted(ASKED, rows, folder / "all")
    for identity in map(str, range(14)):
        moved = keys.moved(before, counted(ASKED, keys.without(rows, identity), folder / identity))
        assert len(moved) <= 2 and set(moved) <= {1}


def charge(folder: Path) -> None:
    """A discovery is charged in delta as well, to both accounts."""
    house = House(folder)
    house.charge(plan("jd", discovers("a", 100, 9.0, 7_000)))
    assert deltas(house, "lifetime", "jd") == (7_000, 7_000)


def reuse(folder: Path) -> None:
    """Keys that were released above a higher threshold do not stand in for those above a lower one."""
    house = House(folder)
    asked = plan("jd", discovers("a", 100, 9.0, 7_000, threshold=50))
    run = house.ledger.begin_drawing(house.charge(asked))
    house.ledger.store(run, (keyed(run, asked.draws[0]),))
    lower = plan("jd", discovers("a", 100, 9.0, 7_000, threshold=40), digest="another")
    assert len(house.charge(lower).fresh) == 1


def salts(folder: Path) -> None:
    """Two aggregations of the same rows have different codes."""
    with keys.reader(keys.rows(4), folder) as reader:
        taken = [exact_vectors([ASKED], reader)[ASKED.key].take() for _ in range(2)]
    assert not set(taken[0]) & set(taken[1])


# Mutants ------------------------------------------------------------------------------------------

MUTANTS: list[Mutant] = []


def mutant(name: str, check: Check) -> Callable[[Callable[[], AbstractContextManager[Any]]], None]:
    def register(apply: Callable[[], AbstractContextManager[Any]]) -> None:
        MUTANTS.append(Mutant(name, apply, check))

    return register


def _releasing(shown: Callable[[KeyThreshold, int], bool]) -> AbstractContextManager[Any]:
    def draw(mechanism: KeyThreshold, take: Any) -> dict[int, int]:
        return {key: count for key, count in sorted(take().items()) if shown(mechanism, count)}

    return patch.object(KeyThreshold, "draw", draw)


@mutant("keys from the data, without a threshold", threshold)
def _no_threshold() -> AbstractContextManager[Any]:
    return _releasing(lambda mechanism, count: True)


@mutant("a count at the threshold is released", threshold)
def _ties() -> AbstractContextManager[Any]:
    return _releasing(lambda mechanism, count: count >= mechanism.threshold)


@mutant("released keys in the order of their codes", order)
def _by_code() -> AbstractContextManager[Any]:
    return patch.object(privatizing, "sorted", lambda keys, key: list(keys), create=True)


@contextmanager
def _unbounded() -> Iterator[None]:
    """No k, neither in bounding nor in what fails closed."""
    bounded, counts = discovery.bounded_codes, discovery.counts
    with (
        patch.object(
            discovery, "bounded_codes", lambda codes, *, k, seed: bounded(codes, k=10**6, seed=seed)
        ),
        patch.object(discovery, "counts", lambda codes, *, k: counts(codes, k=10**6)),
    ):
        yield


mutant("no k", bounds)(_unbounded)
mutant("no k, to plain Python", oracle_equality)(_unbounded)


@mutant("no k, fail-closed check kept", bounds)
def _unbounded_alone() -> AbstractContextManager[Any]:
    bounded = discovery.bounded_codes
    return patch.object(
        discovery, "bounded_codes", lambda codes, *, k, seed: bounded(codes, k=k + 1, seed=seed)
    )


@mutant("code before canonical text", oracle_equality)
def _raw_codes() -> AbstractContextManager[Any]:
    return patch.object(reading, "canonical_text", lambda storage, *, max_length, place: (lambda raw: raw,))


@mutant("one selection order for all customers", oracle_equality)
def _one_order() -> AbstractContextManager[Any]:
    return patch.object(discovery, "id_text", lambda customer: discovery.tree.text("all"))


@mutant("delta not charged", charge)
def _no_delta() -> AbstractContextManager[Any]:
    decide = accountant.decide

    def without(*given: Any, **named: Any) -> Decision:
        made = decide(*given, **named)
        items = (replace(i, account=Loss(i.account.rho), lifetime=Loss(i.lifetime.rho)) for i in made.items)
        return Decision(tuple(items))

    return patch.object(accountant, "decide", without)


@mutant("keys above a higher threshold stand in", reuse)
def _any_threshold() -> AbstractContextManager[Any]:
    def serves(stored: accountant.Stored, draw: Draw) -> bool:
        return accountant.precise_enough((stored.scale,), draw.scale)

    return patch.object(accountant.Stored, "serves", serves)


@mutant("one salt for ever", salts)
def _one_salt() -> AbstractContextManager[Any]:
    coded = discovery.coded
    return patch.object(discovery, "coded", lambda rows, *, salt: coded(rows, salt="constant"))


CHECKS = list(dict.fromkeys(mutant.check for mutant in MUTANTS))


@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
def test_the_package_passes(check: Check) -> None:
    """Without a mutant there is nothing to notice."""
    passes(check)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_killed(mutant: Mutant) -> None:
    """A seeded bug is noticed."""
    assert killer(mutant) is not None, f"survived: {mutant.name}"
