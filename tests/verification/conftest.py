"""One house for all tests of a process: making it takes seconds."""

from __future__ import annotations

import pytest

from tests.verification.house import House, build


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("verification") / "demo")
