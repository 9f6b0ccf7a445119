"""The loss of a draw, stated again from its specification alone, as a ledger's reader does who has no plan."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.errors import InternalError
from dpinsights.governance import acts, reading
from dpinsights.mechanisms.selection import GroupedMin
from dpinsights.mechanisms.stated import mechanism_of, stated_loss, units_of
from dpinsights.mechanisms.threshold import KeyThreshold
from dpinsights.model.canonical import canonical_data
from dpinsights.model.expressions import Constant
from dpinsights.model.measurement import Discovery, Group, Relation, Selection, Specification, TextColumn
from dpinsights.pipeline import define, plan
from tests.assurance import frozen
from tests.assurance.test_cost import NOT_REPORTS

REPORTS = sorted(
    path
    for folder in frozen.REPORTS.iterdir()
    for path in folder.glob("*.yaml")
    if path.stem not in NOT_REPORTS
)


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_planned_draw_is_charged_what_its_specification_says(path: Path) -> None:
    planned = plan(define(path))
    assert planned.draws
    for draw in planned.draws:
        stored = reading.specification(canonical_data(acts.specification(draw.specification)))
        assert stored == draw.specification
        assert units_of(stored) == (draw.rho_units, draw.delta_units)
        again = stated_loss(
            draw.measurement, unit=planned.partnership, scale=draw.scale, threshold=draw.threshold
        )
        assert again == (draw.rho, draw.rho_two, draw.delta, draw.delta_two)


CELLS = (Group(Constant(0), 3), Group(Constant(0), 5))


@given(keys=st.integers(1, 20), scale=st.floats(1, 1e5), above=st.integers(2, 10**7))
def test_a_discovery_is_charged_what_the_object_that_draws_says(keys: int, scale: float, above: int) -> None:
    relation = Relation("any", "jd.orders", (), None, None, None, keys, None, "seed")
    found = Discovery(relation, TextColumn("jd.orders", "brand", 50))
    drawing = KeyThreshold.of(found, unit="x", scale=scale, threshold=above)
    assert units_of(found.specification(scale, above)) == (drawing.rho_units, drawing.delta_units)


@given(p=st.integers(1, 99), scale=st.floats(0.1, 1e6))
def test_a_choice_is_charged_what_the_object_that_draws_says(p: int, scale: float) -> None:
    chosen = Selection(Relation("any", None, CELLS, None, None, None, None, None, "seed"), Decimal(p) / 100)
    drawing = GroupedMin.of(chosen, unit="x", scale=scale)
    assert units_of(chosen.specification(scale)) == (drawing.rho_units, 0)


@pytest.mark.parametrize("kind", ["discrete-gaussian", "threshold", "exponential"])
def test_a_specification_without_its_numbers_states_nothing(kind: str) -> None:
    with pytest.raises(InternalError, match="lacks a number"):
        mechanism_of(Specification(kind, 10.0, 1), unit="x")  # type: ignore[arg-type]
