"""Choices of cuts in the ledger: stored as they were drawn, served again, and never averaged."""

from __future__ import annotations

from decimal import Decimal

import pytest

from dpinsights.errors import InternalError
from dpinsights.governance.ledger.interface import Run
from dpinsights.model.expressions import Constant
from dpinsights.model.measurement import Draw, Group, Relation, Selection
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Plan
from tests.governance.house import RELEASE, House, plan


def selects(rho: int, scale: float) -> Draw:
    """A planned selection among four cuts in three groups; tests choose cost and scale freely."""
    cells = (Group(Constant(0), 3), Group(Constant(0), 5))
    relation = Relation("any", None, cells, None, None, None, None, None, "seed")
    return Draw(Selection(relation, Decimal("0.5")), rho, scale, rho / 1e12, 4 * rho / 1e12)


def measured(house: House, asked: Plan, values: tuple[int, ...]) -> Run:
    """A run with its choices stored."""
    run = house.ledger.begin_drawing(house.charge(asked))
    drawn = [asked.draw(key) for key in run.fresh]
    run = house.ledger.store(
        run, tuple(NoisyVector(d.key, run.snapshot, d.scale, d.rho_units, values) for d in drawn)
    )
    house.ledger.finish(run, RELEASE)
    return run


def test_choices_come_back_as_they_were_stored(house: House) -> None:
    asked = plan("jd", selects(100, 9.0))
    run = measured(house, asked, (3, 0, 2))
    ((key, (stored,)),) = house.ledger.vectors(run).items()
    assert (key, stored.values, stored.scale) == (asked.draws[0].key, (3, 0, 2), 9.0)
    assert house.spent("lifetime", "jd") == (100, 100)
    house.ledger.check()


def test_a_choice_serves_alone_or_is_drawn_anew(house: House) -> None:
    """Two of scale 9 are not one of scale 6.4: the third is drawn, and shown alone."""
    measured(house, plan("jd", selects(100, 9.0)), (3, 0, 2))
    measured(house, plan("jd", selects(101, 8.9), digest="b"), (1, 1, 1))
    assert house.spent("lifetime", "jd") == (201, 201)
    run = measured(house, plan("jd", selects(150, 6.5), digest="c"), (2, 2, 2))
    assert [v.values for (v,) in house.ledger.vectors(run).values()] == [(2, 2, 2)]
    assert house.spent("lifetime", "jd") == (351, 351)
    again = house.charge(plan("jd", selects(100, 9.0), digest="d"))
    assert again.fresh == () and house.spent("lifetime", "jd") == (351, 351)


def test_choices_for_other_groups_than_planned_are_refused(house: House) -> None:
    with pytest.raises(InternalError, match="another length"):
        measured(house, plan("jd", selects(100, 9.0)), (3, 0))
