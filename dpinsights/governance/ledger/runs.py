"""Runs and noisy vectors in SQL, and no rule. The caller holds the transaction."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Collection
from dataclasses import astuple, dataclass
from datetime import date, datetime

from dpinsights.errors import InternalError, LedgerError
from dpinsights.governance import acts, books, reading
from dpinsights.governance.accountant import Decision, Loss, Stored, Verdict
from dpinsights.governance.ledger.interface import Run
from dpinsights.governance.ledger.marks import instant, marked, unmarked
from dpinsights.governance.ledger.sql import SqlConnection
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.measurement import Specification
from dpinsights.model.noisy import NoisyVector, State


@dataclass(frozen=True)
class RunRow:
    """A row of runs."""

    run: str
    identity: str
    report: str
    day: date
    account: str
    snapshot: str
    measurement_digest: str
    lock: str | None
    approval: str | None
    origin: str
    exploration: bool
    state: State
    fence: int
    owner: str
    lease_until: datetime


_RUN = ", ".join(RunRow.__dataclass_fields__)


class Runs:
    """The tables runs, items, vectors, seen and uses of one ledger."""

    def __init__(self, connection: SqlConnection) -> None:
        """On a connection; opens no transaction of its own."""
        self._run, self._rows = connection.run, connection.rows

    def run(self, run: str) -> RunRow:
        """A run."""
        rows = self._run_rows("run = ?", run)
        if not rows:
            raise LedgerError(f"this ledger has no run {run!r}")
        return rows[0]

    def unfinished(self, identity: str) -> RunRow | None:
        """The unfinished run of an identity; a unique index sees to it that there is one at most."""
        rows = self._run_rows("identity = ? AND state IN ('charged', 'drawing', 'measured')", identity)
        return rows[0] if rows else None

    def attempts(self, identity: str) -> int:
        """How many runs of an identity there were."""
        return int(self._rows("SELECT count(*) FROM runs WHERE identity = ?", identity)[0][0])

    def of_lock(self, lock: str) -> int:
        """How many runs of a lock there were, but for those that were abandoned before they had measured anything."""
        measured = "EXISTS (SELECT 1 FROM vectors v WHERE v.run = runs.run)"
        counted = f"SELECT count(*) FROM runs WHERE lock = ? AND (state != 'abandoned' OR {measured})"
        return int(self._rows(counted, lock)[0][0])

    def charged(self, account: str, start: date, until: date) -> dict[str, int]:
        """What an account was charged from a day until another, in units of rho, by report."""
        rows = self._rows(
            "SELECT r.report, CAST(sum(i.account_rho) AS BIGINT) FROM runs r JOIN items i ON i.run = r.run "
            "WHERE r.account = ? AND r.day >= ? AND r.day < ? GROUP BY r.report",
            *(account, start.isoformat(), until.isoformat()),
        )
        return dict(rows)

    def origins(self, snapshot: str) -> tuple[str, ...]:
        """The origins that a snapshot was charged with."""
        rows = self._rows("SELECT DISTINCT origin FROM runs WHERE snapshot = ?", snapshot)
        return tuple(origin for (origin,) in rows)

    def add(self, row: RunRow, decision: Decision) -> None:
        """A new run, what was decided for it, and the vectors that its account has paid to see."""
        *known, owner, lease_until = astuple(row)
        values = [one.isoformat() if isinstance(one, date) else one for one in known]
        values += [marked(owner), marked(lease_until.isoformat())]
        self._run(f"INSERT INTO runs ({_RUN}) VALUES ({', '.join('?' * len(values))})", *values)
        for item in decision.items:
            losses = (*astuple(item.account), *astuple(item.lifetime))
            drawing = canonical_bytes(acts.specification(item.specification)).decode()
            self._run(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(row.run, item.key, item.cells, drawing, item.verdict, *losses),
            )
            for vector in item.uses:
                self._run("INSERT INTO uses VALUES (?, ?, ?)", row.run, item.key, vector.run)
                if not vector.seen:
                    self._run("INSERT INTO seen VALUES (?, ?, ?)", row.account, vector.run, item.key)

    def take_over(self, row: RunRow, owner: str, lease_until: datetime) -> RunRow:
        """Gives a run to another holder: from now on the former one's fence is stale."""
        return self._swap(
            "fence = fence + 1, owner = ?, lease_until = ?",
            *(row, marked(owner), marked(lease_until.isoformat())),
        )

    def end_lease(self, row: RunRow, now: datetime) -> RunRow:
        """Lets anybody take a run over from now on."""
        return self._swap("lease_until = ?", row, marked(now.isoformat()))

    def move(self, row: RunRow, after: State) -> RunRow:
        """Compare and set: the run goes to a state if it is still as `row` says."""
        return self._swap("state = ?", row, after)

    def fresh(self, row: RunRow) -> tuple[str, ...]:
        """The keys that a run draws."""
        rows = self._rows("SELECT key FROM items WHERE run = ? AND verdict = 'fresh' ORDER BY key", row.run)
        return tuple(key for (key,) in rows)

    def noun(self, row: RunRow, *, resumed: bool = False) -> Run:
        """The run as its holder sees it."""
        sums = "CAST(coalesce(sum(account_rho), 0) AS BIGINT), CAST(coalesce(sum(lifetime_rho), 0) AS BIGINT)"
        [(account, lifetime)] = self._rows(f"SELECT {sums} FROM items WHERE run = ?", row.run)
        return Run(
            id=row.run,
            fence=row.fence,
            state=row.state,
            account=row.account,
            snapshot=row.snapshot,
            measurement_digest=row.measurement_digest,
            fresh=self.fresh(row),
            charged_account_units=account,
            charged_lifetime_units=lifetime,
            resumed=resumed,
        )

    def stored(self, snapshot: str, account: str, keys: Collection[str]) -> dict[str, tuple[Stored, ...]]:
        """What is stored of some measurements for a snapshot, by key, as an account stands to it."""
        if not keys:
            return {}
        rows = self._rows(
            "SELECT v.run, v.key, v.scale, v.rho, v.delta, v.exploration, s.account IS NOT NULL, d.threshold "
            "FROM vectors v LEFT JOIN discovered d ON d.run = v.run AND d.key = v.key "
            "LEFT JOIN seen s ON s.run = v.run AND s.key = v.key AND s.account = ? "
            f"WHERE v.snapshot = ? AND v.key IN ({', '.join('?' * len(keys))}) ORDER BY v.rowid",
            *(account, snapshot, *keys),
        )
        found: dict[str, tuple[Stored, ...]] = {}
        for run, key, scale, rho, delta, exploration, seen, threshold in rows:
            vector = Stored(run, key, scale, Loss(rho, delta), bool(exploration), bool(seen), threshold)
            found[key] = (*found.get(key, ()), vector)
        return found

    def add_vectors(self, row: RunRow, vectors: tuple[NoisyVector, ...]) -> None:
        """Stores what a run drew, which must be what it was charged for, and notes that its account sees it."""
        charged = "SELECT key, cells, specification, lifetime_rho, lifetime_delta FROM items WHERE run = ? AND verdict = 'fresh'"
        planned = {key: planned for key, *planned in self._rows(charged, row.run)}
        if len(vectors) != len(planned) or {vector.key for vector in vectors} != planned.keys():
            raise InternalError(f"run {row.run} drew other measurements than it was charged for")
        for vector in vectors:
            cells, drawing, rho, delta = planned[vector.key]
            scale = _specification(drawing).scale
            length = len(vector.values) if vector.keys is None else 0
            if (length, vector.scale, vector.rho_units, vector.delta_units) != (cells, scale, rho, delta):
                raise InternalError(
                    f"run {row.run} drew a vector of another length, scale or cost than planned"
                )
            if vector.snapshot != row.snapshot:
                raise InternalError(f"run {row.run} drew a vector of another snapshot")
            noisy = _packed(vector.values)
            self._run(
                "INSERT INTO vectors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                *(row.run, vector.key, row.snapshot, scale, rho, delta, row.exploration),
                *(noisy, hashlib.sha256(noisy).hexdigest()),
            )
            self._add_keys(row, vector)
            self._run("INSERT INTO seen VALUES (?, ?, ?)", row.account, row.run, vector.key)
            self._run("INSERT INTO uses VALUES (?, ?, ?)", row.run, vector.key, row.run)

    def _add_keys(self, row: RunRow, vector: NoisyVector) -> None:
        """Stores the keys of a discovery beside their counts."""
        if (vector.keys is None) != (vector.threshold is None):
            raise InternalError(f"run {row.run} drew keys without a threshold")
        if vector.keys is None or vector.threshold is None:
            return
        if len(vector.keys) != len(vector.values) or any(n <= vector.threshold for n in vector.values):
            raise InternalError(f"run {row.run} drew keys that are not those above its threshold")
        keys = json.dumps(vector.keys, ensure_ascii=False, separators=(",", ":"))
        self._run(
            "INSERT INTO discovered VALUES (?, ?, ?, ?, ?)",
            *(row.run, vector.key, vector.threshold, keys, _keys_digest(vector.threshold, keys)),
        )

    def used(self, row: RunRow) -> dict[str, tuple[NoisyVector, ...]]:
        """The vectors of a run, by key, in the order in which they were drawn."""
        return self._vectors("JOIN uses u ON v.run = u.drawn_by AND v.key = u.key WHERE u.run = ?", row.run)

    def seen_by(self, account: str, snapshot: str) -> dict[str, tuple[NoisyVector, ...]]:
        """All vectors of a snapshot that an account has seen, by key."""
        return self._vectors(
            "JOIN seen s ON s.run = v.run AND s.key = v.key WHERE s.account = ? AND v.snapshot = ?",
            account,
            snapshot,
        )

    def _vectors(self, which: str, *given: str) -> dict[str, tuple[NoisyVector, ...]]:
        rows = self._rows(
            "SELECT v.key, v.snapshot, v.scale, v.rho, v.noisy, v.delta, v.digest, d.threshold, d.keys, d.digest "
            f"FROM vectors v LEFT JOIN discovered d ON d.run = v.run AND d.key = v.key {which} ORDER BY v.key, v.rowid",
            *given,
        )
        found: dict[str, tuple[NoisyVector, ...]] = {}
        for key, snapshot, scale, rho, noisy, delta, digest, threshold, keys, keys_digest in rows:
            if hashlib.sha256(noisy).hexdigest() != digest or (
                keys is not None and _keys_digest(threshold, keys) != keys_digest
            ):
                raise LedgerError(
                    "a stored noisy vector is damaged: restore the last sound copy of the ledger"
                )
            read = None if keys is None else tuple(tuple(pair) for pair in json.loads(keys))
            vector = NoisyVector(key, snapshot, scale, rho, _unpacked(noisy), delta, threshold, read)
            found[key] = (*found.get(key, ()), vector)
        return found

    def run_books(self) -> dict[str, books.RunBook]:
        """All runs, in the form in which the entries add up."""
        found = {}
        columns = (
            "key, cells, specification, verdict, account_rho, account_delta, lifetime_rho, lifetime_delta"
        )
        for row in self._run_rows("TRUE"):
            items = self._rows(f"SELECT {columns} FROM items WHERE run = ? ORDER BY key", row.run)
            uses = self._rows("SELECT drawn_by, key FROM uses WHERE run = ?", row.run)
            found[row.run] = books.RunBook(
                identity=row.identity,
                report=row.report,
                day=row.day,
                account=row.account,
                snapshot=row.snapshot,
                measurement_digest=row.measurement_digest,
                lock=row.lock,
                approval=row.approval,
                origin=row.origin,
                exploration=row.exploration,
                state=row.state,
                fence=row.fence,
                items=tuple(_item_book(*item) for item in items),
                uses=frozenset(uses),
            )
        return found

    def vector_books(self) -> dict[tuple[str, str], books.VectorBook]:
        """All vectors, without their values."""
        rows = self._rows("SELECT run, key, snapshot, scale, rho, delta, exploration FROM vectors")
        return {
            (run, key): books.VectorBook(snapshot, scale, Loss(rho, delta), bool(exploration))
            for run, key, snapshot, scale, rho, delta, exploration in rows
        }

    def seen(self) -> set[tuple[str, str, str]]:
        """Which account has seen which vector."""
        return {(account, run, key) for account, run, key in self._rows("SELECT account, run, key FROM seen")}

    def _run_rows(self, where: str, *values: object) -> list[RunRow]:
        rows = self._rows(f"SELECT {_RUN} FROM runs WHERE {where} ORDER BY rowid", *values)
        found = []
        for row in rows:
            run, identity, report, day, account, snapshot, digest, lock, approval, origin, *held = row
            exploration, state, fence, owner, until = held
            named = (run, identity, report, date.fromisoformat(day))
            known = (*named, account, snapshot, digest, lock, approval, origin)
            held_by = (fence, unmarked(owner), instant(until))
            found.append(RunRow(*known, bool(exploration), State(state), *held_by))
        return found

    def _swap(self, change: str, row: RunRow, *values: object) -> RunRow:
        where = "run = ? AND state = ? AND fence = ?"
        changed = self._run(f"UPDATE runs SET {change} WHERE {where}", *values, row.run, row.state, row.fence)
        if changed != 1:
            raise InternalError(f"run {row.run} changed inside a transaction")
        return self.run(row.run)


def _specification(drawing: str) -> Specification:
    return reading.specification(json.loads(drawing))


def _item_book(
    key: str, cells: int, drawing: str, verdict: str, rho: int, delta: int, life: int, life_delta: int
) -> books.ItemBook:
    losses = (Loss(rho, delta), Loss(life, life_delta))
    return books.ItemBook(key, cells, _specification(drawing), Verdict(verdict), *losses)


def _keys_digest(threshold: int, keys: str) -> str:
    return hashlib.sha256(f"{threshold}\n{keys}".encode()).hexdigest()


def _packed(values: tuple[int, ...]) -> bytes:
    try:
        return struct.pack(f"<{len(values)}q", *values)
    except struct.error:
        raise InternalError("a noisy vector holds what is not a 64-bit integer") from None


def _unpacked(noisy: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(noisy) // 8}q", noisy)
