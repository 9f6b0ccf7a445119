"""Plans small enough to reason about, a clock that stands still, and a ledger for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from dpinsights.governance.ledger.interface import Cap, Ledger, Permit, Run
from dpinsights.governance.ledger.postgres import PostgresLedger
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.model.measurement import Draw, Measurement, Relation
from dpinsights.model.noisy import Balance, NoisyVector
from dpinsights.model.plan import Part, Plan, PlannedQuery
from dpinsights.model.report import Query
from tests.governance.postgres_server import database_of

PARTNERSHIP, CONTRACT, POLICY = "6f0c2a9be41d4f7a", "c" * 64, "b" * 64
CONVERSION, DISCOVERY = Decimal("1e-10"), Decimal("1e-11")
LEASE = timedelta(minutes=10)
RELEASE = "d" * 64


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2018, 1, 15, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def sqlite(path: Path) -> tuple[Callable[..., Ledger], Callable[..., Ledger]]:
    """How to make and how to open the SQLite ledger at a path."""
    return partial(SqliteLedger.create, path), partial(SqliteLedger.open, path)


def postgres(path: Path) -> tuple[Callable[..., Ledger], Callable[..., Ledger]]:
    """How to make and how to open the PostgreSQL ledger that stands for a path."""
    address = database_of(path)
    return partial(PostgresLedger.create, address), partial(PostgresLedger.open, address)


IMPLEMENTATIONS = {"sqlite": sqlite, "postgres": postgres}


def measurement(name: str) -> Measurement:
    """A count without groups, told apart by its selection seed."""
    return Measurement(Relation("any", None, (), None, None, None, None, None, name), None, 0, 1)


def key(name: str) -> str:
    """The key of `measurement(name)`."""
    return measurement(name).key


def draw(name: str, rho: int, scale: float) -> Draw:
    """A planned draw; tests choose cost and scale freely."""
    return Draw(measurement(name), rho, scale, rho / 1e12, 4 * rho / 1e12)


def query(name: str, *keys: str) -> PlannedQuery:
    """A query over one or two measurements."""
    fields: dict[str, object] = dict.fromkeys(PlannedQuery.__dataclass_fields__)
    parts = tuple(Part(role, one) for role, one in zip(("numerator", "denominator"), keys, strict=False))
    fields |= {"name": name, "asked": Query(count="customers"), "parts": parts}
    return PlannedQuery(**fields)  # type: ignore[arg-type]


def plan(account: str, *draws: Draw, budget: int = 10**6, digest: str = "m", **changes: object) -> Plan:
    """A plan of some draws, one query for each."""
    fields: dict[str, object] = {
        "report": "quarterly",
        "version": 1,
        "partnership": PARTNERSHIP,
        "contract": "gongyin-xiaobai",
        "contract_digest": CONTRACT,
        "measurement_digest": digest,
        "reader_digest": "r",
        "audience": "jd",
        "account": account,
        "start": date(2017, 10, 1),
        "until": date(2018, 1, 1),
        "budget_units": budget,
        "conversion_delta": CONVERSION,
        "discovery_delta": DISCOVERY,
        "confidence": Decimal("0.95"),
        "draws": draws,
        "queries": tuple(query(f"q{number}", one.key) for number, one in enumerate(draws)),
    }
    return Plan(**{**fields, **changes})  # type: ignore[arg-type]


def noisy(run: Run, plan: Plan, value: int = 7) -> tuple[NoisyVector, ...]:
    """What a run draws, all of one value."""
    return tuple(
        NoisyVector(
            one, run.snapshot, drawn.scale, drawn.rho_units, (value,) * drawn.measurement.relation.cells
        )
        for one in run.fresh
        for drawn in [plan.draw(one)]
    )


class House:
    """A ledger, its clock, and short forms of what tests do with them."""

    def __init__(self, folder: Path, kind: str = "sqlite", *, lifetime: int = 1000, jd: int = 500) -> None:
        self.path, self.kind = folder / "ledger.db", kind
        self.clock = Clock()
        self._create, self._open = IMPLEMENTATIONS[kind](self.path)
        self.ledger = self.create(lifetime=lifetime, jd=jd)
        self.ledger.register_snapshot("q4", CONTRACT, "map-1")

    def create(self, *, lifetime: int = 1000, jd: int = 500, **changes: Any) -> Ledger:
        """Makes the ledger; `changes` are other arguments of create."""
        caps = {"icbc": Cap(500, "4"), "jd": Cap(jd, "4"), "exploration": Cap(300, "2")}
        options = {
            "partnership": PARTNERSHIP,
            "policy_name": "gongyin-xiaobai",
            "policy_digest": POLICY,
            "conversion_delta": CONVERSION,
            "discovery_delta": DISCOVERY,
            "lifetime": Cap(lifetime, "8"),
            "accounts": caps,
            "clock": self.clock,
            "owner": "first",
        }
        return self._create(**{**options, **changes})

    def open(self, owner: str = "second") -> Ledger:
        """The same ledger, as another process sees it."""
        return self._open(clock=self.clock, owner=owner)

    def edit(self, *statements: str) -> list[tuple[Any, ...]]:
        """Works on the stored ledger past this package; the rows of the last statement, if it has any."""
        if self.kind == "postgres":
            with psycopg.connect(
                database_of(self.path), options="-c search_path=dpinsights_ledger"
            ) as server:
                for statement in statements:
                    done = server.execute(statement)  # type: ignore[arg-type]
                return done.fetchall() if done.description else []
        raw = sqlite3.connect(self.path, isolation_level=None)
        for statement in statements:
            rows = raw.execute(statement).fetchall()
        raw.close()
        return rows

    def edit_entries(self, statement: str) -> None:
        """Edits as somebody does who takes the triggers away and puts them back."""
        if self.kind == "postgres":
            self.edit(
                "ALTER TABLE entries DISABLE TRIGGER USER",
                statement,
                "ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_are_never_changed",
            )
            return
        triggers = self.edit("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        self.edit(*(f"DROP TRIGGER {name}" for name, _ in triggers), statement, *(sql for _, sql in triggers))

    def charge(
        self,
        plan: Plan,
        *,
        ledger: Ledger | None = None,
        exploration: bool = False,
        snapshot: str = "q4",
        origin: str = "real",
        permit: Permit | None = None,
    ) -> Run:
        """Charges a plan."""
        return (ledger or self.ledger).charge(
            plan,
            snapshot=snapshot,
            origin=origin,
            exploration=exploration,
            lease=LEASE,
            epsilon_of=lambda units: f"~{units}",
            permit=permit,
        )

    def release(self, plan: Plan, *, value: int = 7, exploration: bool = False, snapshot: str = "q4") -> Run:
        """A whole run: charges, draws, stores, finishes."""
        run = self.charge(plan, exploration=exploration, snapshot=snapshot)
        run = self.ledger.store(self.ledger.begin_drawing(run), noisy(run, plan, value))
        return self.ledger.finish(run, RELEASE)

    def balance(self, account: str) -> Balance:
        """One account's balance."""
        return next(balance for balance in self.ledger.balances() if balance.account == account)

    def spent(self, *accounts: str) -> tuple[int, ...]:
        """What accounts have spent."""
        return tuple(self.balance(account).spent_rho for account in accounts)
