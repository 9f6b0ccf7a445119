"""Damage and forgery of a ledger's file, and whether anybody notices: `python -m tests.governance.damage 10000`.

A partnership's ledger is used for a while; a party keeps the receipt of the last release, that is, the number and hash
of its entry. Then, again and again, one thing happens to a copy of the file:

- `flip`: one bit of it changes, anywhere.
- `cut`: the last entries are deleted, the triggers put back, and every other table made to fit.
- `restore`: an old copy takes its place.
- `fork`: an old copy takes its place and goes on with other charges, to any length.
- `rewrite`: an entry is changed, all hashes and sums are computed anew, and every other table is made to fit.

The last four leave a ledger that nothing inside it can tell from a sound one; the program checks that, or it would
be a poor forger. Noticed is what opening refuses or the doctor calls a fault. A flip may also be harmless: it opens,
and every row of every table, every object of the schema and every answer is what it was before.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from dpinsights.errors import LedgerError
from dpinsights.governance.accountant import Verdict
from dpinsights.governance.chain import Entry
from dpinsights.governance.doctor import Earlier, Weight, damaged_vectors, examine
from dpinsights.governance.ledger.interface import Cap, Head, Ledger
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.measurement import Specification
from dpinsights.model.plan import Plan
from tests.governance.forger import Forger, rehashed
from tests.governance.house import CONTRACT, LEASE, PARTNERSHIP, RELEASE, House, draw, noisy, plan
from tests.governance.test_delta import discovers, measured

KINDS = ("flip", "cut", "restore", "fork", "rewrite")
SEED = 20180115
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def loss_of(specification: Specification) -> tuple[int, int]:
    """The losses of this file's draws: 100 units of rho at scale 10, and delta by the threshold."""
    return round(10_000 / specification.scale**2), 5 if specification.kind == "threshold" else 0


D = discovers("d", 100, 10.0, 5)


class Victim:
    """A ledger with a history, a copy of its file after each act, and what the party has seen."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder, lifetime=10**6, jd=10**5)
        self.copies: list[bytes] = []
        house = self.house
        house.ledger.amend("icbc", Cap(10**5, "4"))
        self.release(plan("jd", draw("a", 100, 10.0), draw("b", 278, 6.0)))
        self.release(plan("icbc", draw("a", 100, 10.0), digest="i"))
        self.release(plan("exploration", draw("e", 100, 10.0)), exploration=True)
        house.ledger.finish(measured(house, plan("jd", D, digest="d")), RELEASE)
        self.keep()
        house.ledger.register_snapshot("q1", CONTRACT, "map-2")
        house.ledger.amend("jd", Cap(2 * 10**5, "5"), ('{"payload":"signed"}',))
        house.ledger.freeze("icbc", "bounds-violated")
        self.keep()
        house.ledger.resolve("icbc")
        house.ledger.abandon(house.charge(plan("jd", draw("x", 100, 10.0), digest="x")), "tested")
        self.keep()
        house.charge(plan("jd", draw("unfinished", 100, 10.0), digest="u"))
        self.keep()
        self.release(plan("jd", draw("c", 100, 10.0), digest="c"), snapshot="q1")
        self.release(plan("jd", draw("f", 100, 10.0), digest="f"))
        self.entries = house.ledger.entries()
        house.ledger.close()
        self.bytes = self.copies.pop()
        [*_, last] = [entry for entry in self.entries if entry.type == "measured"]
        self.seen = Earlier(PARTNERSHIP, Head(last.seq, last.hash))
        self.rows = rows_of(house.path)
        self.answers = self.answered(house.path)

    def release(self, asked: Plan, **how: Any) -> None:
        """A whole run, and a copy of the file after it."""
        self.house.release(asked, **how)
        self.keep()

    def keep(self) -> None:
        """Keeps a copy of the file."""
        self.copies.append(self.house.path.read_bytes())

    def open(self, path: Path) -> Ledger:
        """A copy, opened a day later, when no lease holds."""
        return SqliteLedger.open(path, clock=lambda: self.house.clock.now + 144 * LEASE, owner="auditor")

    def answered(self, path: Path) -> tuple[object, ...]:
        """What a copy answers to whoever asks: facts, sums, entries, vectors, and what a retry and a new charge cost."""
        with closing(self.open(path)) as ledger:
            accounts = [balance.account for balance in ledger.balances()]
            snapshots = [one.name for one in ledger.snapshots()]
            said = (
                (ledger.partnership, ledger.policy, ledger.deltas(), ledger.balances(), ledger.amendments()),
                (ledger.snapshots(), ledger.entries(), ledger.head()),
                [dict(ledger.seen_by(account, name)) for account in accounts for name in snapshots],
            )
            charged = [
                self.house.charge(asked, ledger=ledger)
                for asked in (
                    plan("jd", draw("unfinished", 100, 10.0), digest="u"),
                    plan("icbc", draw("a", 100, 10.0), draw("b", 278, 6.0), draw("z", 100, 10.0), digest="z"),
                    plan("icbc", D, digest="d"),
                )
            ]
            return (*said, charged, ledger.balances(), ledger.head())

    def noticed(self, path: Path) -> str | None:
        """How a copy's damage is noticed, or None."""
        try:
            with closing(self.open(path)) as ledger:
                found = (
                    *damaged_vectors(ledger),
                    *examine(ledger.entries(), loss_of, epsilon_of=str, earlier=self.seen),
                )
        except LedgerError:
            return "refused"
        faults = [finding.code for finding in found if finding.weight is Weight.FAULT]
        return faults[0] if faults else None

    def sound_but_for(self, path: Path) -> bool:
        """Whether a copy looks sound to all but whoever holds the receipt."""
        with closing(self.open(path)) as ledger:
            ledger.check()
            found = (*damaged_vectors(ledger), *examine(ledger.entries(), loss_of, epsilon_of=str))
        return not any(finding.weight is Weight.FAULT for finding in found)


def rows_of(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, the schema's among them, and the pragmas that the ledger reads."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        pragmas = [
            raw.execute(f"PRAGMA {name}").fetchone()
            for name in ("application_id", "user_version", "journal_mode")
        ]
        rows = {name: raw.execute(f"SELECT * FROM {name} NOT INDEXED").fetchall() for name in names}
        schema = raw.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return {**rows, "sqlite_schema": schema, "pragmas": pragmas}


def flip(victim: Victim, path: Path, chance: random.Random) -> None:
    """One bit."""
    raw = bytearray(victim.bytes)
    bit = chance.randrange(8 * len(raw))
    raw[bit // 8] ^= 1 << bit % 8
    path.write_bytes(raw)


def cut(victim: Victim, path: Path, chance: random.Random) -> None:
    """The tail, the party's entry with it."""
    path.write_bytes(victim.bytes)
    Forger(path).write(victim.entries[: chance.randrange(1, victim.seen.head.seq)])


def restore(victim: Victim, path: Path, chance: random.Random) -> None:
    """An old copy."""
    path.write_bytes(chance.choice(victim.copies[:-1]))


def fork(victim: Victim, path: Path, chance: random.Random) -> None:
    """An old copy, used for other reports: shorter, as long, or longer than what the party saw."""
    restore(victim, path, chance)
    with closing(victim.open(path)) as ledger:
        while chance.random() < 0.9:
            name, account = f"forked-{chance.random()}", chance.choice(("icbc", "jd"))
            try:
                run = victim.house.charge(plan(account, draw(name, 100, 10.0), digest=name), ledger=ledger)
            except LedgerError:
                break  # a frozen account
            if chance.random() < 0.8:
                run = ledger.begin_drawing(run)
                wanted = plan(account, draw(name, 100, 10.0), digest=name)
                ledger.finish(ledger.store(run, noisy(run, wanted)), RELEASE)


def rewrite(victim: Victim, path: Path, chance: random.Random) -> None:
    """Another day, another cap, a charge that was less, or a release that never was, up to the party's entry."""
    path.write_bytes(victim.bytes)
    entries = list(victim.entries)
    edits: tuple[Callable[[list[Entry], random.Random], bool], ...] = (_other_day, _cheaper, _other_cap)
    while not chance.choice(edits)(entries, chance):
        pass
    Forger(path).write(rehashed(entries))


def _rewritten(entry: Entry, **changes: Any) -> Entry:
    return replace(entry, body=canonical_bytes({**entry.data, **changes}).decode())


def _other_day(entries: list[Entry], chance: random.Random) -> bool:
    """What happened until some entry happened a day earlier."""
    for place in range(1 + chance.randrange(len(entries) - 2)):
        entries[place] = _rewritten(entries[place], day="2018-01-14")
    return True


def _cheaper(entries: list[Entry], chance: random.Random) -> bool:
    """A discovery's or a count's rho becomes less, with the noise that so little buys."""
    place = chance.choice([number for number, entry in enumerate(entries[:-6]) if entry.type == "charged"])
    items = json.loads(entries[place].body)["items"]
    item = items[chance.randrange(len(items))]
    drawn = (entries[place].data["run"], item["key"])
    used = any(
        drawn[0] in other["uses"]
        for entry in entries
        if entry.type == "charged"
        for other in entry.data["items"]
    )
    if item["verdict"] != Verdict.FRESH or used:
        return False
    item["specification"]["scale"] = (100.0).hex()
    for payer in ("account", "lifetime"):
        item[payer]["rho"] = "1"
    entries[place] = _rewritten(entries[place], items=items)
    return True


def _other_cap(entries: list[Entry], chance: random.Random) -> bool:
    place = chance.choice([number for number, entry in enumerate(entries) if entry.type == "amended"])
    after = {"cap_rho": str(chance.randrange(2 * 10**5, 10**6)), "cap_epsilon": "6"}
    entries[place] = _rewritten(entries[place], after=after)
    return True


ACTS: dict[str, Callable[[Victim, Path, random.Random], None]] = {
    "flip": flip,
    "cut": cut,
    "restore": restore,
    "fork": fork,
    "rewrite": rewrite,
}


def happen(victim: Victim, kind: str, path: Path, chance: random.Random) -> str:
    """Does one thing to a copy at `path`, and says how it was noticed; `harmless` and `UNNOTICED` were not."""
    path.touch(0o600)
    ACTS[kind](victim, path, chance)
    noticed = victim.noticed(path)
    if kind != "flip":
        assert noticed is None or victim.sound_but_for(path), f"a poor forger: {kind} left what anybody finds"
    if noticed is not None:
        return noticed
    try:
        same = rows_of(path) == victim.rows and victim.answered(path) == victim.answers
    except (LedgerError, sqlite3.Error):
        return "refused in use"
    return "harmless" if kind == "flip" and same else "UNNOTICED"


def run(times: int, seed: int = SEED) -> Counter[tuple[str, str]]:
    """So many things, half of them flips; how often each was noticed in which way."""
    chance, counts = random.Random(seed), Counter[tuple[str, str]]()
    folder = Path(tempfile.mkdtemp(prefix="dpinsights-damage-", dir=MEMORY))
    try:
        victim = Victim(folder)
        path = folder / "copy.db"
        for number in range(times):
            kind = "flip" if number % 2 else KINDS[1 + number // 2 % 4]
            counts[kind, happen(victim, kind, path, chance)] += 1
    finally:
        shutil.rmtree(folder)
    return counts


def main(times: int) -> None:
    """Prints the table; exits with 1 if anything went unnoticed."""
    counts = run(times)
    ways = sorted({way for _, way in counts})
    print(f"{'':10}{'all':>7}" + "".join(f"{way:>20}" for way in ways))
    for kind in KINDS:
        of_kind = {way: number for (one, way), number in counts.items() if one == kind}
        print(f"{kind:10}{sum(of_kind.values()):7}" + "".join(f"{of_kind.get(way, 0):20}" for way in ways))
    unnoticed = sum(number for (_, way), number in counts.items() if way == "UNNOTICED")
    print(f"unnoticed: {unnoticed}")
    sys.exit(bool(unnoticed))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
