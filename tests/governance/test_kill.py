"""kill -9 at every moment, many processes on one file: nothing is overspent, drawn twice or published unpaid."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.sqlite import SqliteLedger

ROOT = Path(__file__).parents[2]
SOUND = "sound"


def drive(mode: str, folder: Path, variant: str = SOUND) -> dict[str, int]:
    """Runs the driver; says how many workers were killed, ended by themselves, and failed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    command = [sys.executable, str(Path(__file__).with_name("kill_worker.py")), mode, str(folder), variant]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def notes(folder: Path) -> list[list[str]]:
    """All lines that workers wrote; a last line cut by a kill never happened, because it is synced only when whole."""
    return [line.split() for path in folder.glob("notes-*") for line in path.read_text().splitlines()]


def faults(folder: Path) -> list[str]:
    """What is wrong with a ledger and with what its workers did."""
    found = []
    try:
        SqliteLedger.open(folder / "ledger.db", clock=lambda: datetime.now(UTC)).close()
    except LedgerError as error:
        found.append(str(error))
    raw = sqlite3.connect(folder / "ledger.db")
    for account, spent, cap in raw.execute("SELECT account, spent_rho, cap_rho FROM accounts").fetchall():
        column = "lifetime_rho" if account == "lifetime" else "account_rho"
        where = "TRUE" if account == "lifetime" else "r.account = ?"
        sums = f"SELECT coalesce(sum({column}), 0) FROM items i JOIN runs r ON r.run = i.run WHERE {where}"
        [(charged,)] = raw.execute(sums, () if account == "lifetime" else (account,)).fetchall()
        if not charged == spent <= cap:
            found.append(f"{account} has spent {spent} of {cap}, its charges add up to {charged}")
    states = dict(raw.execute("SELECT run, state FROM runs").fetchall())
    drawing = {
        json.loads(body)["run"] for (body,) in raw.execute("SELECT body FROM entries WHERE type = 'drawing'")
    }
    paid = dict(raw.execute("SELECT run, sum(lifetime_rho) FROM items GROUP BY run").fetchall())
    raw.close()
    did = Counter((words[0], words[1]) for words in notes(folder) if words[0] in ("drew", "published"))
    for (what, run), times in did.items():
        if what == "drew" and times > 1:
            found.append(f"run {run} drew {times} times on one charge")
        if what == "drew" and not (run in drawing and paid.get(run)):
            found.append(f"run {run} drew without a charge or before it said so")
        if what == "published" and states.get(run) not in ("measured", "released"):
            found.append(f"run {run} published and is {states.get(run)}")
    found += [
        " ".join(words)
        for words in notes(folder)
        if words[0] == "error"
        and "can't become" not in " ".join(words)
        and "taken over" not in " ".join(words)
    ]
    return found


@pytest.mark.slow
def test_a_storm_of_kills(tmp_path: Path) -> None:
    counts = drive("storm", tmp_path)
    print(counts, Counter(" ".join(words) if words[0] == "dies" else words[0] for words in notes(tmp_path)))
    assert faults(tmp_path) == []
    assert counts["failed"] == 0
    assert counts["kills"] >= 100
    words = Counter(tuple(words) if words[0] == "dies" else words[0] for words in notes(tmp_path))
    assert words["drew"] >= 30
    # Deaths on both sides of every call, among eight, and a budget that came to its end.
    assert sum(isinstance(word, tuple) for word in words) == 16
    assert words["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["each-call", "each-statement"])
def test_a_kill_at_every_step(tmp_path: Path, mode: str) -> None:
    counts = drive(mode, tmp_path)
    print(counts, Counter(words[0] for words in notes(tmp_path)))
    assert faults(tmp_path) == []
    assert counts["failed"] == 0
    assert counts["kills"] >= (16 if mode == "each-call" else 40)


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
    assert any(words in fault for fault in faults(tmp_path))
