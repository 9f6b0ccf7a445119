"""The real pipeline over a small population, stopped before or after each of its calls of the ledger in turn."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dpinsights.budget import clock
from dpinsights.demo import Demo, run_demo
from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.interface import Ledger
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.pipeline import LEASE, data_of, run_report

pytestmark = pytest.mark.slow

ACTS = ("register_snapshot", "charge", "begin_drawing", "store", "finish", "vectors", "spent_by", "entries")


class Stopping:
    """A ledger whose nth call fails, before it does anything or after it has."""

    def __init__(self, ledger: Ledger, nth: int, after: bool) -> None:
        self._ledger, self._left, self._after = ledger, nth, after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._ledger, name)
        if name not in ACTS:
            return found

        def call(*values: Any, **named: Any) -> Any:
            self.calls.append(name)
            self._left -= 1
            if self._left == 0 and not self._after:
                raise LedgerError("stopped")
            result = found(*values, **named)
            if self._left == 0:
                raise LedgerError("stopped")
            return result

        return call


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Definitions, data and a ledger with one release."""
    return run_demo(tmp_path_factory.mktemp("faults") / "demo", scale=20)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_never_a_release_without_a_charge(demo: Demo, tmp_path: Path, after: bool) -> None:
    states = set()
    for nth in range(1, 40):
        path, releases = tmp_path / f"{nth}.db", tmp_path / f"releases-{nth}"
        releases.mkdir()
        shutil.copy(demo.state.ledger, path)
        spent = paid(path)
        stopping = Stopping(SqliteLedger.open(path, clock=clock), nth, after)
        try:
            report(demo, stopping, releases)
        except LedgerError as error:
            assert "stopped" in str(error)
        else:
            break
        stopping.close()
        state = last_state(path)
        states.add(state)
        if any(releases.iterdir()):
            assert state in ("measured", "released")
        later = SqliteLedger.open(path, clock=lambda: clock() + LEASE + timedelta(minutes=1))
        report(demo, later, releases)
        later.close()
        # What was finished before is released once more, free, by a run of its own.
        folders = list(releases.iterdir())
        assert len(folders) == (2 if state == "released" else 1)
        assert all((folder / "release.json").is_file() for folder in folders)
        assert last_state(path) == "released"
        once = paid(path) - spent
        assert once > 0
        states.add(f"{state} {once}")
    else:
        pytest.fail("never succeeded")
    assert set(stopping.calls) == set(ACTS) and stopping.calls[-1] == "finish"
    assert {"charged", "drawing", "measured"} <= states
    # One price wherever it stopped, and twice that only where noise may have been seen.
    prices = {tuple(one.split(" ")) for one in states if " " in one}
    [usual] = {int(price) for state, price in prices if state != "drawing"}
    assert {int(price) for state, price in prices if state == "drawing"} == {2 * usual}


def report(demo: Demo, ledger: Any, releases: Path) -> None:
    """Runs a report that nobody approved, over the demo's made-up data."""
    run_report(
        demo.definitions / "channel-moves.yaml",
        ledger=ledger,
        data=lambda contract: data_of(demo.sources, contract, demo.state.work),
        releases=releases,
        rehearsal=True,
    )


def paid(path: Path) -> int:
    """What lifetime has spent."""
    ledger = SqliteLedger.open(path, clock=clock)
    spent = ledger.balances()[0].spent_rho
    ledger.close()
    return spent


def last_state(path: Path) -> str:
    """The state of the run that was charged last, and not of the demo's own."""
    ledger = SqliteLedger.open(path, clock=clock)
    entries = [entry for entry in ledger.entries() if entry.data.get("report") in (None, "channel-moves")]
    ledger.close()
    runs = [entry.data["run"] for entry in entries if entry.type == "charged"]
    if not runs:
        return "nothing"
    *_, last = [
        entry.type for entry in entries if entry.data.get("run") == runs[-1] and entry.type != "resumed"
    ]
    return last
