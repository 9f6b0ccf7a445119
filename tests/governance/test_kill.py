"""kill -9 at every moment, many processes on one ledger: nothing is overspent, drawn twice or published unpaid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.governance.kill_storm import POINTS, notes, verdict
from tests.governance.postgres_server import database_of

ROOT = Path(__file__).parents[2]
SOUND = "sound"


def python(*words: str | Path) -> str:
    """Runs a module of this folder in a process of its own; says what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def drive(mode: str, folder: Path, variant: str = SOUND, address: str = "") -> dict[str, int]:
    """Runs one worker after another; says how many were killed, ended by themselves, and failed."""
    said = python("tests.governance.kill_worker", mode, folder, variant, *([address] if address else []))
    counts: dict[str, int] = json.loads(said)
    return counts


def storm(folder: Path, *options: str) -> tuple[dict[str, int], Counter[str]]:
    """Runs a storm; says how it ended, and how often workers noted what."""
    print(python("tests.governance.kill_storm", *options, "--folder", folder))
    counts: dict[str, int] = json.loads((folder / "counts.json").read_text())
    found: dict[str, list[str]] = json.loads((folder / "verdict.json").read_text())
    assert counts["failed"] == 0
    assert found == {"overspent": [], "without_charge": [], "broken": [], "other": []}
    return counts, Counter(" ".join(words) if words[0] == "dies" else words[0] for words in notes(folder))


@pytest.mark.slow
def test_a_storm_of_kills(tmp_path: Path) -> None:
    counts, words = storm(tmp_path, "300")
    assert counts["kills"] >= 300
    assert words["drew"] >= 30 and words["published"] >= 30
    # Deaths on both sides of every call, and a budget that came to its end.
    assert {f"dies {side} {call}" for call, side in POINTS} <= set(words)
    assert words["refused"] > 0
    assert verdict(tmp_path).all() == []


@pytest.mark.slow
def test_a_storm_of_killed_servers(tmp_path: Path) -> None:
    counts, words = storm(tmp_path, "20", "--postgres")
    assert counts["servers"] == 20
    assert words["drew"] >= 20 and words["published"] >= 20
    # The server went away under those who used it, and not only between their calls.
    assert words["error"] >= 20


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["each-call", "each-statement"])
def test_a_kill_at_every_step(tmp_path: Path, mode: str) -> None:
    counts = drive(mode, tmp_path)
    print(counts, Counter(words[0] for words in notes(tmp_path)))
    assert verdict(tmp_path).all() == []
    assert counts["failed"] == 0
    assert counts["kills"] >= (16 if mode == "each-call" else 40)


@pytest.mark.slow
def test_a_kill_at_every_call_on_postgres(tmp_path: Path) -> None:
    counts = drive("each-call", tmp_path, SOUND, database_of(tmp_path))
    assert verdict(tmp_path).all() == []
    assert counts["failed"] == 0 and counts["kills"] >= 16


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "variant", "words"),
    [
        ("each-statement", "each statement commits", "are not what its entries add up to"),
        ("each-call", "a free retry from drawing", "a run was resumed that must not be"),
        ("each-call", "draws before it says so", "times on one charge"),
    ],
)
def test_a_broken_ledger_is_caught(tmp_path: Path, mode: str, variant: str, words: str) -> None:
    """The checks have power: each of these faults is found by the same driver."""
    drive(mode, tmp_path, variant)
    assert any(words in fault for fault in verdict(tmp_path).all())
