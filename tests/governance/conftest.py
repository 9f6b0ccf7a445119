"""Ledgers to test on: each test that asks for `house` runs on every implementation of the port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.governance.house import IMPLEMENTATIONS, House
from tests.governance.postgres_server import give_back


@pytest.fixture(autouse=True)
def databases() -> Iterator[None]:
    """Empties the databases that a test's houses took."""
    yield
    give_back()


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """A partnership's ledger with accounts icbc, jd and exploration, and the snapshot q4 registered."""
    return House(tmp_path, request.param)
