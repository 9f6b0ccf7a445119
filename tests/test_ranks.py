"""Quantiles with a margin of rank, from the notebook's door to the page: planned, chosen, stored and read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import dpinsights as dpi
from dpinsights.budget import open_budget
from dpinsights.definitions.loading import load_checked, load_policy
from dpinsights.mechanisms.selection import GroupedMin
from dpinsights.model.measurement import Measurement, Selection
from dpinsights.model.report import Query
from dpinsights.reporting.data import read_release, release_json, tables_csv
from dpinsights.reporting.files import bundle
from dpinsights.session import Result, Session
from dpinsights.state import State

HERE = Path(__file__).parent / "ranks"
CUTS = tuple(range(5, 1000, 5))
Frames = Mapping[str, pd.DataFrame]


def asked(**fields: Any) -> Query:
    usual: dict[str, Any] = {"at": ["0.5"], "cuts": CUTS, "interval": "rank"}
    return dpi.quantile("jd.members.score", **{**usual, **fields})


QUERY = asked()


def frames(customers: int = 2000, seed: int = 1) -> dict[str, pd.DataFrame]:
    """Scores on a slope, the tiers in turn."""
    rng = Random(seed)
    tiers = [("mass", "affluent", "private")[i % 3] for i in range(customers)]
    scores = [int(1000 * rng.random() ** 2) for _ in range(customers)]
    return {
        "icbc.customers": pd.DataFrame({"customer_id": range(customers), "wealth_tier": tiers}),
        "jd.members": pd.DataFrame({"customer_id": range(customers), "score": scores}),
    }


def opened(state: Path, given: Frames) -> Session:
    if not state.exists():
        contract = load_checked(HERE / "contract.yaml").contract
        open_budget(load_policy(HERE / "policy.yaml", contract), contract, State(state)).close()
    usual = {
        "account": "exploration",
        "period": ("2017-10-01", "2018-01-01"),
        "snapshot": "q4",
        "budget": "1",
    }
    return dpi.open(HERE, frames=given, state=state, **usual)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with opened(tmp_path_factory.mktemp("ranks") / "state", frames()) as made:
        yield made


@pytest.fixture(scope="module")
def released(session: Session) -> Result:
    return session.release(QUERY)


def test_one_median_is_chosen_and_many_quantiles_or_groups_are_not(session: Session) -> None:
    cases = (
        QUERY,
        asked(by="wealth_tier"),
        asked(at=["0.1", "0.25", "0.5", "0.75", "0.9"]),
        asked(interval="value"),
    )
    kinds = [type(session.plan(query).plan.draws[0].measurement) for query in (*cases, asked(cuts=[500]))]
    assert kinds == [Selection, Measurement, Measurement, Measurement, Measurement]


def test_the_plan_says_the_margin_in_rank_and_charges_what_the_map_says(session: Session) -> None:
    shown = session.plan(QUERY)
    (draw,), (query,) = shown.plan.draws, shown.plan.queries
    choices = GroupedMin(unit=shown.plan.partnership, groups=1, size=len(CUTS), linf=1, scale=draw.scale)
    assert draw.rho_units == choices.rho_units <= shown.plan.budget_units
    assert draw.rho_units > 0.999999 * shown.plan.budget_units
    assert (draw.rho, draw.rho_two) == (choices.rho(1), choices.rho(2))
    assert query.forecasts == () and query.rank is not None and query.rank < 200
    assert f"± {query.rank} customers in rank" in shown._repr_html_()


def test_the_value_is_a_public_cut_whose_rank_is_within_the_margin(released: Result) -> None:
    (table,) = released.tables.values()
    (cell,) = table.cells
    below = (frames()["jd.members"].score < float(cell.estimate.value or 0)).sum()
    assert cell.estimate.value in CUTS and (cell.estimate.low, cell.estimate.high) == (0, 1000)
    assert table.rank is not None and table.interval == "chosen-cut"
    assert (
        abs(below - 1000) <= 2 * table.rank
    )  # beyond the margin once in twenty at most, here once in millions
    assert table.noise[0].mechanism == "exponential mechanism" and table.noise[0].draws == 1


def test_several_quantiles_are_sorted_and_grouped_choices_are_each_paid_for(session: Session) -> None:
    two = asked(at=["0.49", "0.5"], by="wealth_tier")
    with patch("dpinsights.planning.measurements.is_selection_better", return_value=True):
        plan = session.plan(two).plan
        assert [draw.measurement.size for draw in plan.draws] == [3, 3]
        for draw in plan.draws:
            one = GroupedMin(unit="x", groups=1, size=len(CUTS), linf=draw.measurement.linf, scale=draw.scale)
            assert draw.rho == pytest.approx(3 * one.rho(1))
        (table,) = session.release(two).tables.values()
    assert [cell.keys[0] for cell in table.cells] == [
        t for t in ("mass", "affluent", "private") for _ in "ab"
    ]
    values = [cell.estimate.value or 0 for cell in table.cells]
    assert all(a <= b for a, b in zip(values[::2], values[1::2], strict=True))


def test_the_same_question_again_is_free_and_one_choice_alone_serves(
    session: Session, released: Result
) -> None:
    again = session.release(QUERY.replace(title="Another title"))
    assert again.charged_units == 0
    assert [*again.tables.values()][0].cells == [*released.tables.values()][0].cells
    for rho, charged in (("0.001", 10**9), ("0.002", 2 * 10**9), ("0.0015", 0)):
        one = session.release(asked(cuts=CUTS[1:], cost={"rho": rho}))
        assert abs(one.charged_units - charged) <= 1
        (fact,) = [*one.tables.values()][0].noise
        assert (fact.draws, fact.rho_units) == (1, max(charged, 2 * 10**9) if charged != 10**9 else charged)


def test_it_is_read_back_and_says_its_rank(released: Result) -> None:
    assert read_release(release_json(released.release)) == released.release
    (table,) = released.tables.values()
    assert f"at most {table.rank} more than for the best cut" in released._repr_html_()
    files = bundle(released.release)
    said = files["report.en.html"] + files["report.zh.html"]
    value = table.cells[0].estimate.value
    assert all(f">{value}<" in page for page in (files["report.en.html"], files["report.zh.html"]))
    assert f"{table.rank} customers in rank" in said and f"名次{table.rank}人" in said
    assert "a choice among public cuts" in said and "指数机制" in said


# Frozen noise -------------------------------------------------------------------------------------


@dataclass
class Tape:
    """Records what is chosen, or replays it, whatever the scores are; and keeps the exact scores."""

    recording: list[NDArray[np.int64]] | None = None
    chosen: list[NDArray[np.int64]] = field(default_factory=list)
    exact: list[NDArray[np.int64]] = field(default_factory=list)
    mechanisms: list[tuple[float, int, int]] = field(default_factory=list)

    def draw(
        self, real: Callable[..., NDArray[np.int64]], mechanism: GroupedMin, take: Any
    ) -> NDArray[np.int64]:
        scores = take().copy()
        found = (
            real(mechanism, lambda: scores) if self.recording is None else self.recording[len(self.chosen)]
        )
        self.exact.append(scores)
        self.chosen.append(found)
        self.mechanisms.append((mechanism.scale, mechanism.groups, mechanism.size))
        return found.copy()


def run(tape: Tape, state: Path, given: Frames) -> tuple[str, ...]:
    """All that a reader gets of one release."""
    real = GroupedMin.draw
    with (
        patch("dpinsights.planning.measurements.is_selection_better", return_value=True),
        patch.object(GroupedMin, "draw", lambda mechanism, take: tape.draw(real, mechanism, take)),
        opened(state, given) as session,
    ):
        out = session.release(asked(at=["0.25", "0.5"], by="wealth_tier"))
        texts = (release_json(out.release), *tables_csv(out.release, "zh").values(), out._repr_html_())
        return (*texts, repr(session.budget))


def dropped(given: Frames, customer: int, *tables: str) -> Frames:
    return {
        name: frame[(frame.customer_id != customer) | (bool(tables) and name not in tables)]
        for name, frame in given.items()
    }


def test_with_the_choices_replayed_nothing_else_depends_on_a_customer(tmp_path: Path) -> None:
    given, tape = frames(300), Tape()
    seen = run(tape, tmp_path / "all", given)
    assert [found.size for found in tape.chosen] == [3, 3]
    for times, (customer, tables) in enumerate(((0, ()), (7, ()), (5, ("icbc.customers",)))):
        again = Tape(tape.chosen)
        assert run(again, tmp_path / str(times), dropped(given, customer, *tables)) == seen
        assert again.mechanisms == tape.mechanisms
        moved = [abs(one - other) for one, other in zip(tape.exact, again.exact, strict=True)]
        # A half moves by 1; a quarter by 3 below a cut, by 1 elsewhere.
        assert sorted(int(found.max()) for found in moved) in ([1, 1], [1, 3])
        for found in moved:  # in the group of the customer alone
            assert (found.reshape(3, -1).max(axis=1) > 0).sum() == 1
