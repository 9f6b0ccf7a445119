"""Flipped bits, cut tails, old copies, forks and rewritten histories: none unnoticed by who holds the last receipt."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpinsights.errors import LedgerError
from tests.governance import damage
from tests.governance.damage import KINDS, Victim
from tests.governance.forger import Forger

FORGED = [kind for kind in KINDS if kind != "flip"]


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A ledger with a history."""
    return Victim(tmp_path_factory.mktemp("victim"))


@pytest.fixture
def copy(victim: Victim) -> Iterator[Path]:
    """Where a copy of it lies."""
    path = victim.house.path.with_name("copy.db")
    path.touch(0o600)
    yield path
    path.unlink(missing_ok=True)


def test_an_untouched_copy_is_sound_and_answers_the_same(victim: Victim, copy: Path) -> None:
    copy.write_bytes(victim.bytes)
    assert victim.noticed(copy) is None
    assert damage.rows_of(copy) == victim.rows
    assert victim.answered(copy) == victim.answers
    # What the last line did is a difference: charges were made.
    assert damage.rows_of(copy) != victim.rows and victim.answered(copy) != victim.answers


def test_the_forger_leaves_what_nothing_inside_can_tell(victim: Victim, copy: Path) -> None:
    """Written anew from its own entries the file says the same to everybody; what differs is where it lies on pages."""
    copy.write_bytes(victim.bytes)
    Forger(copy).write(victim.entries)
    assert victim.noticed(copy) is None
    assert {name: sorted(map(repr, rows)) for name, rows in damage.rows_of(copy).items()} == {
        name: sorted(map(repr, rows)) for name, rows in victim.rows.items()
    }


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_ledger_is_noticed_by_the_receipt_alone(victim: Victim, copy: Path, kind: str) -> None:
    chance = random.Random(1)
    for _ in range(5):
        way = damage.happen(victim, kind, copy, chance)
        assert way in ("ledger-shortened", "ledger-forked")
        assert way == "ledger-shortened" or kind != "cut"


def test_flipped_bits_are_noticed_or_change_nothing(victim: Victim, copy: Path) -> None:
    chance, ways = random.Random(2), set()
    for _ in range(60):
        ways.add(damage.happen(victim, "flip", copy, chance))
    assert "UNNOTICED" not in ways and ways >= {"refused", "harmless"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE runs SET lease_until = replace(lease_until, '2018', '2019')",
        "UPDATE runs SET owner = 'second' || substr(owner, 6) WHERE state = 'charged'",
        "UPDATE ledger SET last_at = replace(last_at, '2018', '2017')",
        "UPDATE vectors SET key = 'x', run = 'y' WHERE rowid = 1",
        "UPDATE discovered SET key = 'x'",
    ],
)
def test_what_no_entry_covers_is_covered(victim: Victim, copy: Path, statement: str) -> None:
    """Leases, the last act's time, and rows that nothing leads to any more."""
    copy.write_bytes(victim.bytes)
    raw = damage.sqlite3.connect(copy, isolation_level=None)
    assert raw.execute(statement).rowcount > 0
    raw.close()
    with pytest.raises(LedgerError, match="damaged|not what its entries add up to"):
        victim.open(copy)


def test_an_index_that_finds_too_little_is_noticed(victim: Victim, copy: Path) -> None:
    """Entries, sums and tables are whole; a retry would not find its run, and pay again."""
    copy.write_bytes(victim.bytes)
    raw = damage.sqlite3.connect(copy, isolation_level=None)
    [(page,)] = raw.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'runs_unfinished_once'"
    ).fetchall()
    [(size,)] = raw.execute("PRAGMA page_size").fetchall()
    raw.close()
    pages = bytearray(victim.bytes)
    pages[(page - 1) * size + 3 : (page - 1) * size + 5] = b"\0\0"  # its number of cells
    copy.write_bytes(pages)
    assert damage.rows_of(copy) == victim.rows
    with pytest.raises(LedgerError, match="is damaged: restore"):
        victim.open(copy)


@pytest.mark.slow
def test_five_hundred_things_happen() -> None:
    counts = damage.run(500)
    print(counts)
    assert sum(counts.values()) == 500
    assert not [one for one in counts if one[1] == "UNNOTICED"]
    assert all(sum(number for (kind, _), number in counts.items() if kind == one) >= 60 for one in KINDS)


def test_the_command_prints_its_table() -> None:
    command = [sys.executable, "-m", "tests.governance.damage", "8"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "unnoticed: 0"
