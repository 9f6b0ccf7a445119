"""Somebody who knows the ledger's format and owns its disk: makes a file fit any chain of entries, hashes and sums included."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from dpinsights.governance import acts, books
from dpinsights.governance.chain import GENESIS, Entry, entry_hash
from dpinsights.model.canonical import canonical_bytes


def rehashed(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries with numbers and hashes computed anew."""
    made: list[Entry] = []
    for seq, entry in enumerate(entries, start=1):
        prev = made[-1].hash if made else GENESIS
        made.append(Entry(seq, entry.type, entry.body, prev, entry_hash(seq, entry.type, entry.body, prev)))
    return tuple(made)


class Forger:
    """Makes a file's tables fit any chain of entries, as somebody can who knows the format and owns the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, entries: Sequence[Entry]) -> None:
        """Replaces all that the file says by what follows from `entries`; noisy vectors stay, as far as they are left."""
        sums = books.replay(entries)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as raw:
            raw.execute("PRAGMA foreign_keys = OFF")
            triggers = raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            raw.execute("BEGIN IMMEDIATE")
            for name, _ in triggers:
                raw.execute(f"DROP TRIGGER {name}")
            for table in ("entries", "items", "seen", "uses"):
                raw.execute(f"DELETE FROM {table}")
            raw.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
                [(entry.seq, entry.type, entry.body, entry.prev, entry.hash) for entry in entries],
            )
            for balance in sums.balances.values():
                raw.execute(
                    "UPDATE accounts SET cap_rho = ?, cap_epsilon = ?, spent_rho = ?, spent_delta = ?, frozen = ? "
                    "WHERE account = ?",
                    (
                        balance.cap_rho,
                        balance.cap_epsilon,
                        balance.spent_rho,
                        balance.spent_delta,
                        balance.frozen,
                        balance.account,
                    ),
                )
            kept = [snapshot.name for snapshot in sums.snapshots]
            self._delete(raw, "snapshots", "snapshot", kept)
            for table in ("runs", "vectors", "discovered"):
                self._delete(raw, table, "run", list(sums.runs))
            for run, key in raw.execute("SELECT run, key FROM vectors").fetchall():
                if (run, key) not in sums.vectors:
                    raw.execute("DELETE FROM discovered WHERE run = ? AND key = ?", (run, key))
                    raw.execute("DELETE FROM vectors WHERE run = ? AND key = ?", (run, key))
            for (run, key), vector in sums.vectors.items():
                raw.execute(
                    "UPDATE vectors SET scale = ?, rho = ?, delta = ? WHERE run = ? AND key = ?",
                    (vector.scale, vector.loss.rho, vector.loss.delta, run, key),
                )
            raw.executemany("INSERT INTO seen VALUES (?, ?, ?)", sorted(sums.seen))
            for name, book in sums.runs.items():
                raw.execute(
                    "UPDATE runs SET state = ?, fence = ?, day = ? WHERE run = ?",
                    (book.state, book.fence, book.day.isoformat(), name),
                )
                raw.executemany(
                    "INSERT INTO uses VALUES (?, ?, ?)", [(name, key, by) for by, key in book.uses]
                )
                self._items(raw, name, book)
            for _, sql in triggers:
                raw.execute(sql)
            raw.execute("COMMIT")

    @staticmethod
    def _delete(raw: sqlite3.Connection, table: str, column: str, kept: list[str]) -> None:
        marks = ", ".join("?" * len(kept))
        raw.execute(f"DELETE FROM {table} WHERE {column} NOT IN ({marks})", kept)

    @staticmethod
    def _items(raw: sqlite3.Connection, name: str, book: books.RunBook) -> None:
        columns = [row[1] for row in raw.execute("PRAGMA table_info(items)")]
        for item in book.items:
            values = {
                "run": name,
                "key": item.key,
                "cells": item.cells,
                "scale": item.specification.scale,
                "specification": canonical_bytes(acts.specification(item.specification)).decode(),
                "verdict": str(item.verdict),
                "account_rho": item.account.rho,
                "account_delta": item.account.delta,
                "lifetime_rho": item.lifetime.rho,
                "lifetime_delta": item.lifetime.delta,
            }
            marks = ", ".join("?" * len(columns))
            raw.execute(f"INSERT INTO items VALUES ({marks})", [values[column] for column in columns])
