"""From stored rows to exact counts of keys, against plain Python; and what one customer changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from dpinsights.errors import InternalError
from dpinsights.measurement.aggregation import exact_vectors, fresh_salt
from dpinsights.measurement.discovery import ExactMap
from dpinsights.measurement.privatizing import mechanism_of, privatize
from dpinsights.mechanisms.threshold import KeyThreshold
from dpinsights.model.measurement import Discovery, Draw
from dpinsights.model.noisy import NoisyVector
from tests.measurement import keys
from tests.measurement.keys import ASKED, Keyed, Rows, discovery


def counted(asked: Discovery, rows: Rows, folder: Path, salt: str = "salt") -> Keyed:
    """The exact counts under decoded keys; that only tests ask for."""
    with keys.reader(rows, folder) as reader:
        exact = exact_vectors([asked], reader, salt=lambda: salt)[asked.key]
        assert isinstance(exact, ExactMap)
        counts = exact.take()
        texts = exact.texts(counts)
    found = {texts[key]: count for key, count in counts.items()}
    assert len(found) == len(counts)
    return found


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("fields", ASKED, ids=str)
def test_engine_and_plain_python_agree(fields: dict[str, Any], seed: int, tmp_path: Path) -> None:
    asked, rows = discovery(**fields), keys.rows(seed)
    found = counted(asked, rows, tmp_path)
    assert found == keys.totals(keys.kept(asked, rows, "salt"))
    assert len(found) > 2


@pytest.mark.parametrize("k", [1, 2])
def test_one_customer_changes_k_keys_by_one_and_nobody_else(k: int, tmp_path: Path) -> None:
    asked = discovery(top="shop.orders.brand", groups_per_customer=k, by=["toys"])
    rows = keys.rows(5, customers=14)
    before, held = counted(asked, rows, tmp_path / "all"), keys.kept(asked, rows, "salt")
    touched = 0
    for identity in map(str, range(14)):
        less = keys.without(rows, identity)
        moved = keys.moved(before, counted(asked, less, tmp_path / identity))
        assert len(moved) <= k and set(moved) <= {1}
        assert keys.kept(asked, less, "salt") == {one: own for one, own in held.items() if one != identity}
        touched += len(moved) == k
    assert touched > 4, "nobody reaches the bound"


def test_one_partys_rows_change_no_more_than_two_customers_would(tmp_path: Path) -> None:
    asked = discovery(top="shop.orders.brand", groups_per_customer=2, by=["toys"])
    rows = keys.rows(5, customers=14)
    before = counted(asked, rows, tmp_path / "all")
    for identity in map(str, range(6)):
        after = counted(asked, keys.without(rows, identity, "bank.people"), tmp_path / identity)
        moved = keys.moved(before, after)
        assert len(moved) <= 4 and set(moved) <= {-1, 1}


def planned(asked: Discovery, threshold: int = 10, scale: float = 1.5) -> Draw:
    mechanism = KeyThreshold.of(asked, unit="test", scale=scale, threshold=threshold)
    (rho, delta), (rho_two, delta_two) = mechanism.loss(1), mechanism.loss(2)
    return Draw(
        asked, mechanism.rho_units, scale, rho, rho_two, mechanism.delta_units, delta, delta_two, threshold
    )


def noiseless(mechanism: KeyThreshold, take: Any) -> dict[int, int]:
    """The threshold without noise."""
    return {key: count for key, count in sorted(take().items()) if count > mechanism.threshold}


def released(asked: Discovery, rows: Rows, folder: Path, **salted: Any) -> NoisyVector:
    draw = planned(asked, threshold=2)
    with keys.reader(rows, folder) as reader, patch.object(KeyThreshold, "draw", noiseless):
        exact = exact_vectors([asked], reader, **salted)
        (noisy,) = privatize([draw], exact, partnership="test", snapshot="q4")
    return noisy


def test_what_leaves_is_sorted_by_count_and_text_whatever_the_codes(tmp_path: Path) -> None:
    asked = discovery(top="shop.orders.brand", groups_per_customer=4, by=["toys"])
    rows = keys.rows(3)
    noisy = released(asked, rows, tmp_path, salt=lambda: "salt")
    counts = keys.totals(keys.kept(asked, rows, "salt"))
    expected = sorted((-count, text, group) for (group, text), count in counts.items() if count > 2)
    assert noisy.values == tuple(-count for count, _, _ in expected)
    assert noisy.keys == tuple((str(group), text) for _, text, group in expected)
    assert len(set(noisy.values)) < len(noisy.values), "there must be ties"


def test_the_salt_decides_nothing_that_leaves(tmp_path: Path) -> None:
    """With all of a customer's texts kept, two salts release the same keys in the same order."""
    asked = discovery(top="shop.orders.brand", groups_per_customer=12, by=["toys"])
    rows = keys.rows(3)
    found = [released(asked, rows, tmp_path / str(place)) for place in range(2)]
    assert found[0] == found[1] == released(asked, rows, tmp_path / "own", salt=lambda: "mine")
    assert len(found[0].values) > 3


def test_each_aggregation_has_a_salt_of_its_own() -> None:
    assert len({fresh_salt() for _ in range(20)}) == 20
    assert min(len(fresh_salt()) for _ in range(20)) == 64


def test_only_released_keys_have_texts(tmp_path: Path) -> None:
    asked = discovery(top="shop.orders.brand", groups_per_customer=2)
    with keys.reader(keys.rows(1), tmp_path) as reader:
        exact = exact_vectors([asked], reader)[asked.key]
        assert isinstance(exact, ExactMap)
        with pytest.raises(InternalError, match="only released keys"):
            exact.texts([5])
        exact.take()
        assert exact.texts([]) == {}


def test_a_draw_that_states_another_loss_than_was_charged_is_refused() -> None:
    draw = planned(discovery(top="shop.orders.brand", groups_per_customer=2))
    assert isinstance(mechanism_of(draw, "test"), KeyThreshold)
    for wrong in (
        {"rho_units": draw.rho_units - 1},
        {"delta_units": draw.delta_units - 1},
        {"delta_units": 0},
        {"threshold": 9},
        {"threshold": None},
        {"scale": 1.4},
    ):
        changed = Draw(**{**vars(draw), **wrong})
        with pytest.raises(InternalError):
            mechanism_of(changed, "test")
