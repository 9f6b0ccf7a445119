"""Ledgers to test on: each test that asks for `house` runs on every implementation of the port."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.governance.house import IMPLEMENTATIONS, House


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    """A partnership's ledger with accounts icbc, jd and exploration, and the snapshot q4 registered."""
    return House(tmp_path, request.param)
