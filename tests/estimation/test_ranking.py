"""The keys that most customers have, from made-up noisy counts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from dpinsights.estimation.intervals import Noisy
from dpinsights.estimation.ranking import MOST, discovered, listed
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Axis, PlannedQuery
from dpinsights.model.release import Flag
from dpinsights.model.report import Query
from dpinsights.model.values import Key

TIERS = Axis("tier", None, (Key("low"), Key("high")))
KINDS = Axis("kind", None, tuple(Key(key) for key in "abc"))
BRANDS = Axis("brand", None, ())


def query(own: Axis, **fields: Any) -> PlannedQuery:
    made: dict[str, Any] = dict.fromkeys(PlannedQuery.__dataclass_fields__)
    asked = Query.model_validate({"top": own.source, "groups_per_customer": 2, **fields})
    made |= {
        "name": "q",
        "asked": asked,
        "axes": (TIERS,),
        "own_axes": (own,),
        "values": (),
        "parts": (),
        "k": 2,
    }
    return PlannedQuery(**made)


def vector(*counts: tuple[str, str, int]) -> NoisyVector:
    keys = tuple((group, text) for group, text, _ in counts)
    return NoisyVector("k", "q4", 5.0, 1, tuple(n for *_, n in counts), 1, 20, keys)


def test_a_categorys_counts_are_sorted_group_by_group_and_ties_stay_in_declared_order() -> None:
    sums = {"value": tuple(Noisy(value, 1.0) for value in (5, 9, 5, -3, 0, 40))}
    (answer,) = listed(query(KINDS, most=2), sums, 0.05)
    assert [keys for keys, _ in answer.cells] == [("low", "b"), ("low", "a"), ("high", "c"), ("high", "b")]
    assert answer.axes == (TIERS, KINDS)


def test_released_keys_are_in_the_group_of_their_code_and_the_axis_has_them_alone() -> None:
    noisy = vector(("1", "tea", 90), ("0", "tea", 70), ("1", "oil", 60), ("1", "rice", 50))
    answer = discovered(query(BRANDS, most=2), noisy, Decimal("0.95"))
    assert [keys for keys, _ in answer.cells] == [("low", "tea"), ("high", "tea"), ("high", "oil")]
    assert answer.axes[-1].keys == (Key("tea"), Key("oil"))
    values = [estimate.value for _, estimate in answer.cells]
    assert values == [70, 90, 60]
    assert all(Flag.DISCOVERED in estimate.flags for _, estimate in answer.cells)
    (margin,) = {estimate.margin for _, estimate in answer.cells}
    assert 9 <= margin <= 11


def test_ten_keys_of_a_group_unless_said_and_none_at_all() -> None:
    many = vector(*(("0", f"t{n:02}", 99 - n) for n in range(15)))
    assert len(discovered(query(BRANDS), many, Decimal("0.95")).cells) == MOST == 10
    assert discovered(query(BRANDS), vector(), Decimal("0.95")).cells == ()


@pytest.mark.parametrize(("true", "covers_shown"), [(200, True), (75, False)])
def test_coverage_is_as_stated_before_a_key_is_known_to_be_shown(true: int, covers_shown: bool) -> None:
    """Over 10,000 draws: for each key 95% at least, shown or not; given that it is shown, near the threshold less."""
    rng = np.random.default_rng(5)
    asked, threshold = replace(query(BRANDS), axes=()), 80
    noise = np.rint(rng.normal(0, 5.0, 10_000)).astype(int)
    one = discovered(
        asked, NoisyVector("k", "q", 5.0, 1, (100,), 1, threshold, (("0", "a"),)), Decimal("0.95")
    )
    margin = float(one.cells[0][1].margin)
    inside, shown = np.abs(noise) <= margin, true + noise > threshold
    assert 0.939 <= inside.mean()
    assert (inside[shown].mean() >= 0.939) == covers_shown
