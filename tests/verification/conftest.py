"""One house for all tests of a process: making it takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest

from dpinsights.reporting import files
from dpinsights.reporting.documents import render
from dpinsights.verification import pages
from tests.verification.house import House, build


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("verification") / "demo")


@pytest.fixture(scope="session", autouse=True)
def rendered_once() -> Iterator[None]:
    """The same page of the same release is rendered once: most changes leave it as it is."""
    with pytest.MonkeyPatch.context() as patch:
        cached = lru_cache(maxsize=200)(render)
        patch.setattr(files, "render", cached)
        patch.setattr(pages, "render", cached)
        yield
