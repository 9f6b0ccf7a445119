"""A storm of kills over one ledger: `python -m tests.governance.kill_storm 1000 [--postgres]`.

16 processes at a time make runs against a budget that is too small for all. Every other one is killed (SIGKILL) right
before or after one of its own calls, every call and side in turn; the rest live until the driver kills them at any
moment. With `--postgres` the driver also kills the server, all its processes at once, starts it again on its data, and
counts these kills. When enough were killed, 16 more processes are left to end.

Printed is how much was overspent, how often noise was drawn or a release published without a charge, how many chains
are broken, and what else is wrong: all of it must be nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dpinsights.errors import LedgerError
from tests.governance.kill_worker import CALLS, LEASE, fork, make, opened

WORKERS = 16
POINTS = tuple((call, side) for call in CALLS for side in ("before", "after"))
EXPECTED = (
    "can't become", "taken over",  # somebody else went on with the run
    "connection was lost", "answer to a commit was lost", "can't be reached", "server is stopping",  # the server was killed
)  # fmt: skip


def notes(folder: Path) -> list[list[str]]:
    """All lines that workers wrote; a last line cut by a kill never happened, because it is synced only when whole."""
    return [line.split() for path in folder.glob("notes-*") for line in path.read_text().splitlines()]


@dataclass
class Verdict:
    """What is wrong with a ledger and with what its workers did."""

    overspent: list[str] = field(default_factory=list)
    without_charge: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def all(self) -> list[str]:
        """Everything."""
        return [*self.overspent, *self.without_charge, *self.broken, *self.other]


def verdict(folder: Path) -> Verdict:
    """Adds up the entries by itself and compares with the accounts and with what the workers noted."""
    found = Verdict()
    try:
        ledger = opened(folder)
    except LedgerError as error:
        found.broken.append(str(error))
        return found
    entries, balances = ledger.entries(), ledger.balances()
    ledger.close()
    spent, paid, states = Counter[str](), Counter[str](), dict[str, str]()
    drawing = set()
    for entry in entries:
        if entry.type == "charged":
            for item in entry.data["items"]:
                spent[entry.data["account"]] += int(item["account"]["rho"])
                spent["lifetime"] += int(item["lifetime"]["rho"])
                paid[entry.data["run"]] += int(item["lifetime"]["rho"])
        if entry.type in ("charged", "drawing", "measured", "released", "abandoned"):
            states[entry.data["run"]] = entry.type
        if entry.type == "drawing":
            drawing.add(entry.data["run"])
    for balance in balances:
        if not spent[balance.account] == balance.spent_rho <= balance.cap_rho:
            found.overspent.append(
                f"{balance.account} has spent {balance.spent_rho} of {balance.cap_rho}, its charges add up to "
                f"{spent[balance.account]}"
            )
    did = Counter((words[0], words[1]) for words in notes(folder) if words[0] in ("drew", "published"))
    for (what, run), times in did.items():
        if what == "drew" and times > 1:
            found.without_charge.append(f"run {run} drew {times} times on one charge")
        if what == "drew" and not (run in drawing and paid[run]):
            found.without_charge.append(f"run {run} drew without a charge or before it said so")
        if what == "published" and states.get(run) not in ("measured", "released"):
            found.without_charge.append(f"run {run} published and is {states.get(run)}")
    said = (" ".join(words) for words in notes(folder) if words[0] == "error")
    found.other += [words for words in said if not any(known in words for known in EXPECTED)]
    return found


class Storm:
    """The driver: forks workers, kills them, and says how they ended."""

    def __init__(self, folder: Path, variant: str = "sound") -> None:
        self.folder, self.variant = folder, variant
        self.chance, self.seed, self.points = random.Random(7), 0, 0
        self.alive: dict[int, float] = {}
        self.counts = {"kills": 0, "servers": 0, "ended": 0, "failed": 0}

    def fill(self) -> None:
        """Begins as many workers as are missing."""
        while len(self.alive) < WORKERS:
            self.seed += 1
            point = POINTS[self.seed // 2 % len(POINTS)] if self.seed % 2 else None
            child = fork(self.folder, self.seed, self.variant, 10_000, point=point)
            self.alive[child] = time.monotonic() + (3 if point else self.chance.uniform(0.05, 1.5))

    def reap(self, *, all_of_them: bool = False) -> None:
        """Kills those whose time is over, and counts those that ended."""
        for child, end in list(self.alive.items()):
            if all_of_them or time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
            done, status = os.waitpid(child, 0 if all_of_them else os.WNOHANG)
            if done:
                del self.alive[child]
                code = os.waitstatus_to_exitcode(status)
                self.counts["kills" if code == -signal.SIGKILL else "failed" if code else "ended"] += 1

    def end(self) -> None:
        """Kills all that are left; then sixteen more, whom nobody kills, must get through."""
        self.reap(all_of_them=True)
        time.sleep(LEASE.total_seconds())
        for child in [fork(self.folder, 10**6 + number, self.variant, 5) for number in range(WORKERS)]:
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            self.counts["failed" if code else "ended"] += 1


def storm(folder: Path, kills: int) -> dict[str, int]:
    """A storm over SQLite."""
    make(folder, 90 * kills)
    weather = Storm(folder)
    while weather.counts["kills"] < kills:
        weather.fill()
        weather.reap()
        time.sleep(0.002)
    weather.end()
    return weather.counts


def storm_of_servers(folder: Path, kills: int) -> dict[str, int]:
    """A storm over PostgreSQL, until its server was killed so many times."""
    from tests.governance.postgres_server import Server

    server = Server()
    try:
        make(folder, 600 * kills, server.database())
        weather = Storm(folder)
        while weather.counts["servers"] < kills:
            until = time.monotonic() + weather.chance.uniform(0.1, 1.2)
            while time.monotonic() < until:
                weather.fill()
                weather.reap()
                time.sleep(0.002)
            server.kill()
            weather.counts["servers"] += 1
            weather.reap()
            server.start()
        weather.end()
        judge(folder)
    finally:
        server.remove()
    return weather.counts


def judge(folder: Path) -> None:
    """Keeps the verdict beside the notes, while the ledger can be read."""
    (folder / "verdict.json").write_text(json.dumps(vars(verdict(folder))))


def lines(folder: Path, counts: dict[str, int]) -> Iterator[str]:
    """The report."""
    found = Verdict(**json.loads((folder / "verdict.json").read_text()))
    words = Counter(words[0] for words in notes(folder))
    yield f"processes killed {counts['kills']}, servers killed {counts['servers']}, ended {counts['ended']}, failed {counts['failed']}"
    yield f"drawn {words['drew']}, published {words['published']}, refused {words['refused']}, waited {words['waited']}"
    yield f"overspent {len(found.overspent)}"
    yield f"released without charge {len(found.without_charge)}"
    yield f"broken chains {len(found.broken)}"
    yield f"anything else {len(found.other)}"
    yield from found.all()


def main() -> None:
    """Drives a storm and prints what came of it; exits with 1 if anything is wrong."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("kills", type=int)
    arguments.add_argument("--postgres", action="store_true", help="kill servers, and count them")
    arguments.add_argument("--folder", type=Path, help="where the ledger and the notes are kept")
    asked = arguments.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="dpinsights-storm-"))
    counts = (storm_of_servers if asked.postgres else storm)(folder, asked.kills)
    if not asked.postgres:
        judge(folder)
    (folder / "counts.json").write_text(json.dumps(counts))
    print("\n".join(lines(folder, counts)))
    wrong = Verdict(**json.loads((folder / "verdict.json").read_text())).all() or counts["failed"]
    if asked.folder is None:
        shutil.rmtree(folder)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
