"""A run that failed before drawing is free for the next process at once, without a new charge."""

from __future__ import annotations

import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.interface import FencedError
from tests.governance.house import House, draw, plan

PLAN = plan("jd", draw("a", 100, 10.0))


def test_the_next_process_goes_on_free(house: House) -> None:
    run = house.charge(PLAN)
    other = house.open()
    with pytest.raises(LedgerError, match="another process runs"):
        house.charge(PLAN, ledger=other)
    house.ledger.let_go(run)
    resumed = house.charge(PLAN, ledger=other)
    assert (resumed.id, resumed.resumed, house.spent("jd")) == (run.id, True, (100,))
    with pytest.raises(FencedError):
        house.ledger.begin_drawing(run)
    house.ledger.let_go(run)  # a stale holder ends nobody else's lease
    with pytest.raises(LedgerError, match="another process runs"):
        house.charge(PLAN)


def test_drawing_is_not_let_go(house: House) -> None:
    run = house.ledger.begin_drawing(house.charge(PLAN))
    house.ledger.let_go(run)
    with pytest.raises(LedgerError, match="another process runs"):
        house.charge(PLAN, ledger=house.open())
