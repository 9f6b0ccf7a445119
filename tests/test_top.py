"""Top keys from the notebook's door to the page: planned, charged, discovered, estimated, stored and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest

import dpinsights as dpi
from dpinsights import pipeline
from dpinsights.budget import open_budget
from dpinsights.definitions.loading import load_checked, load_policy
from dpinsights.measurement.aggregation import exact_vectors
from dpinsights.mechanisms.loss import rho_units_of
from dpinsights.mechanisms.threshold import KeyThreshold, threshold_for
from dpinsights.model.measurement import Discovery
from dpinsights.model.release import Flag
from dpinsights.reporting.data import read_release, release_json, tables_csv
from dpinsights.session import Result, Session
from dpinsights.state import State

HERE = Path(__file__).parent / "texts"
PERIOD = ("2017-10-01", "2018-01-01")
TIERS = ("mass", "affluent", "private")
BRANDS = {
    "Lenovo": 30,
    "  Huawei": 20,
    '<b>"bold"</b>': 15,
    "=cmd": 12,
    "Cafe\u0301": 9,
    "小米": 6,
    "Mi|1": 3,
}
QUERY = dpi.top("jd.orders.brand", groups_per_customer=3, by="icbc.customers.wealth_tier", most=20)
Frames = Mapping[str, pd.DataFrame]


def frames(customers: int = 1500, seed: int = 1) -> dict[str, pd.DataFrame]:
    """Customers with four orders each; every fifth has a brand of its own, and an employer of its own."""
    rng = Random(seed)
    people = pd.DataFrame(
        {
            "customer_id": range(customers),
            "wealth_tier": [TIERS[i % 3] for i in range(customers)],
            "employer": [f"shop {i}" if i % 5 == 0 else ("bank", " mill ")[i % 2] for i in range(customers)],
        }
    )
    rows = []
    for i in range(customers):
        brands = rng.choices(list(BRANDS), list(BRANDS.values()), k=4)
        brands[0] = f"own {i}" if i % 5 == 0 else brands[0]
        rows += [(i, rng.choice(["phones", "apparel", "food"]), brand, date(2017, 10, 5)) for brand in brands]
        rows.append((i, "food", "before", date(2017, 9, 30)))
    return {
        "icbc.customers": people,
        "jd.orders": pd.DataFrame(rows, columns=["customer_id", "category", "brand", "ordered_on"]),
    }


def opened(state: Path, given: Frames, **more: Any) -> Session:
    if not state.exists():
        contract = load_checked(HERE / "contract.yaml").contract
        open_budget(load_policy(HERE / "policy.yaml", contract), contract, State(state)).close()
    usual = {"account": "exploration", "period": PERIOD, "state": state, "snapshot": "q4", "budget": "1"}
    return dpi.open(HERE, frames=given, **{**usual, **more})


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with opened(tmp_path_factory.mktemp("top") / "state", frames()) as made:
        yield made


@pytest.fixture(scope="module")
def released(session: Session) -> Result:
    return session.release(QUERY)


def test_the_plan_says_before_spending_below_which_count_keys_are_not_shown(session: Session) -> None:
    plan = session.plan(QUERY).plan
    (draw,), (query,) = plan.draws, plan.queries
    assert isinstance(draw.measurement, Discovery) and draw.measurement.l0 == 3
    assert query.threshold == draw.threshold is not None
    share = 10**8 * plan.budget_units // lifetime_rho()
    expected = threshold_for(l0=3, linf=1, scale=draw.scale, delta_units=share)
    assert draw.threshold == expected and 0 < draw.delta_units <= share
    assert plan.rho_units <= plan.budget_units and plan.delta_units == draw.delta_units
    assert draw.rho_two > 3 * draw.rho and draw.delta_two > draw.delta


def lifetime_rho() -> int:
    """The policy's lifetime cap in rho, as the ledger holds it."""
    return rho_units_of(Decimal(8), Decimal("1e-9"))


def test_discoveries_of_a_report_share_the_delta_evenly(session: Session) -> None:
    two = session.plan(a=QUERY, b=dpi.top("employer", groups_per_customer=1), c=dpi.count()).plan
    share = 10**8 * two.budget_units // lifetime_rho() // 2
    assert [draw.delta_units > 0 for draw in two.draws] == [True, True, False]
    assert all(share / 3 < draw.delta_units <= share for draw in two.draws[:2])


def test_frequent_keys_are_shown_by_tier_in_falling_order_and_rare_ones_never(released: Result) -> None:
    table = released.tables["top_brand"]
    shown = {tier: [cell for cell in table.cells if cell.keys[0] == tier] for tier in TIERS}
    assert [cell for tier in TIERS for cell in shown[tier]] == list(table.cells)
    for cells in shown.values():
        values = [cell.estimate.value or Decimal(0) for cell in cells]
        assert values == sorted(values, reverse=True)
        assert {"Lenovo", "Huawei", '<b>"bold"</b>', "Caf\xe9"} <= {cell.keys[1] for cell in cells}
    texts = {key.key for key in table.axes[-1].keys}
    assert texts == {cell.keys[1] for cell in table.cells}
    assert not any(text.startswith("own") or text == "before" for text in texts)
    assert table.threshold == table.noise[0].threshold is not None
    assert all(
        cell.estimate.value is not None and cell.estimate.value > table.threshold for cell in table.cells
    )
    assert all({Flag.DISCOVERED, Flag.GROUPS_LIMITED} <= set(cell.estimate.flags) for cell in table.cells)


def test_counts_are_those_of_plain_pandas_within_their_margin(released: Result) -> None:
    """k is 3 and a customer has at most 4 brands, so a count is at most the plain one and not far below it."""
    data = frames()
    orders = data["jd.orders"][data["jd.orders"].ordered_on >= date(2017, 10, 1)]
    both = orders.merge(data["icbc.customers"], on="customer_id")
    both = both.assign(brand=both.brand.str.normalize("NFC").str.strip())
    plain = both.groupby(["wealth_tier", "brand"]).customer_id.nunique()
    for cell in released.tables["top_brand"].cells:
        estimate = cell.estimate
        assert 0.75 * plain[cell.keys] < float(estimate.value or 0) + 2 * float(estimate.margin)
        assert float(estimate.low) <= plain[cell.keys] + float(estimate.margin)


def test_the_same_question_again_is_free_and_the_same(session: Session, released: Result) -> None:
    before = session.budget.balances["exploration"]
    again = session.release(QUERY.replace(title="Another title"))
    assert again.charged_units == 0 and session.budget.balances["exploration"] == before
    assert again.tables["top_brand"].cells == released.tables["top_brand"].cells
    fewer = session.release(QUERY.replace(most=2))
    assert fewer.charged_units == 0
    assert [len([c for c in fewer.tables["top_brand"].cells if c.keys[0] == tier]) for tier in TIERS] == [
        2,
        2,
        2,
    ]


def test_the_statement_holds_rho_and_delta(released: Result) -> None:
    said, (fact,) = released.release.statement, released.tables["top_brand"].noise
    assert said.report.rho_units == fact.rho_units == said.fresh.rho_units
    assert said.report.delta_units == fact.delta_units == said.fresh.delta_units > 0
    assert said.report_two.delta_units > said.report.delta_units
    assert said.lifetime_cap.delta_units == 10**8
    assert fact.mechanism == "discrete Gaussian with a threshold"


def test_it_is_read_back_and_no_text_runs(released: Result) -> None:
    release = released.release
    assert read_release(release_json(release)) == release
    text = tables_csv(release, "en")["top_brand.csv"]
    assert "'=cmd" in text and ",=cmd" not in text
    assert '<b>"bold"' not in released._repr_html_()


def test_a_text_of_customers(session: Session) -> None:
    cells = session.release(dpi.top("employer", groups_per_customer=1)).tables["top_employer"].cells
    assert {cell.keys for cell in cells} == {("bank",), ("mill",)}
    assert all(abs(float(cell.estimate.value or 0) - 600) < 60 for cell in cells)


def test_of_a_category_its_counts_are_sorted_and_cost_no_delta(session: Session) -> None:
    query = dpi.top("jd.orders.category", groups_per_customer=2, by="wealth_tier", most=2)
    plan = session.plan(query).plan
    assert plan.delta_units == 0 and plan.queries[0].threshold is None
    table = session.release(query).tables["top_category"]
    assert [cell.keys[0] for cell in table.cells] == [tier for tier in TIERS for _ in range(2)]
    values = [float(cell.estimate.value or 0) for cell in table.cells]
    assert all(a >= b for a, b in zip(values[::2], values[1::2], strict=True))
    assert table.threshold is None and not any(Flag.DISCOVERED in cell.estimate.flags for cell in table.cells)


# Frozen noise -------------------------------------------------------------------------------------


@dataclass
class Tape:
    """Records what thresholds release, or replays it, whatever the counts are; and keeps the exact maps."""

    recording: list[dict[int, int]] | None = None
    released: list[dict[int, int]] = field(default_factory=list)
    exact: list[dict[int, int]] = field(default_factory=list)
    mechanisms: list[tuple[float, int]] = field(default_factory=list)

    def draw(self, real: Callable[..., dict[int, int]], mechanism: KeyThreshold, take: Any) -> dict[int, int]:
        counts = dict(take())
        found = (
            real(mechanism, lambda: counts) if self.recording is None else self.recording[len(self.released)]
        )
        self.exact.append(counts)
        self.released.append(found)
        self.mechanisms.append((mechanism.scale, mechanism.threshold))
        return dict(found)


def run(tape: Tape, state: Path, given: Frames) -> tuple[str, ...]:
    """All that a reader gets of one release, with the salt fixed."""
    real = KeyThreshold.draw
    salted = partial(exact_vectors, salt=lambda: "salt-7c1f")
    with (
        patch.object(KeyThreshold, "draw", lambda mechanism, take: tape.draw(real, mechanism, take)),
        patch.object(pipeline, "exact_vectors", salted),
        opened(state, given) as session,
    ):
        out = session.release(a=QUERY, b=dpi.top("employer", groups_per_customer=1))
        return (
            release_json(out.release),
            *tables_csv(out.release, "zh").values(),
            out._repr_html_(),
            repr(session.budget),
        )


def dropped(given: Frames, customer: int, *tables: str) -> Frames:
    return {
        name: frame[(frame.customer_id != customer) | (bool(tables) and name not in tables)]
        for name, frame in given.items()
    }


def test_with_the_released_map_replayed_nothing_else_depends_on_a_customer(tmp_path: Path) -> None:
    given = frames(600)
    tape = Tape()
    seen = run(tape, tmp_path / "all", given)
    assert all(len(found) >= 2 for found in tape.released)
    for times, (customer, tables) in enumerate(((0, ()), (7, ()), (5, ("icbc.customers",)))):
        again = Tape(tape.released)
        assert run(again, tmp_path / str(times), dropped(given, customer, *tables)) == seen
        assert again.mechanisms == tape.mechanisms
        distance = 2 if tables else 1
        for l0, one, other in zip((3, 1), tape.exact, again.exact, strict=True):
            moved = [one.get(key, 0) - other.get(key, 0) for key in one.keys() | other.keys()]
            moved = [d for d in moved if d]
            assert len(moved) <= distance * l0 and all(abs(d) <= distance for d in moved)
    assert any(one != other for one, other in zip(tape.exact, again.exact, strict=True))


def test_the_salt_and_unreleased_texts_are_nowhere_in_the_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    seen = run(Tape(), state, frames(600))
    kept = b"".join(path.read_bytes() for path in state.rglob("*") if path.is_file())
    assert b"Lenovo" in kept
    for secret in ("salt-7c1f", "own 5", "shop 5"):
        assert secret.encode() not in kept and not any(secret in text for text in seen)
