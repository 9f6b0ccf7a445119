"""The ledger on one SQLite file: for one host, any number of processes.

Each public method is one transaction: read what is stored, let the rules decide, write the tables and the entry of the
chain. The SQL is in `tables.py`, `runs.py` and `schema.sql`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Self

from dpinsights.errors import InternalError, LedgerError
from dpinsights.governance import accountant, acts, books, chain, spending
from dpinsights.governance.accountant import LIFETIME, units
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger import interface
from dpinsights.governance.ledger.connection import Connection
from dpinsights.governance.ledger.interface import (
    Amendment,
    Cap,
    FencedError,
    Head,
    Permit,
    Run,
    Snapshot,
    Spent,
)
from dpinsights.governance.ledger.runs import RunRow, Runs
from dpinsights.governance.ledger.tables import Facts, Tables
from dpinsights.governance.states import Course, course, may_step
from dpinsights.model.names import SLUG
from dpinsights.model.noisy import Balance, NoisyVector, State
from dpinsights.model.numbers import DELTA_UNITS
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Delta


class SqliteLedger:
    """A partnership's ledger in one file; see `interface.Ledger` for what each method promises.

    One object belongs to one thread of one process; a forked child must open its own.
    """

    def __init__(self, connection: Connection, *, clock: interface.Clock, owner: str) -> None:
        """For `create` and `open`; `owner` tells this holder of leases from others."""
        self._connection = connection
        self._tables = Tables(connection)
        self._runs = Runs(connection)
        self._clock = clock
        self._owner = owner

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        partnership: str,
        policy_name: str,
        policy_digest: str,
        conversion_delta: Decimal,
        discovery_delta: Decimal,
        lifetime: Cap,
        accounts: Mapping[str, Cap],
        clock: interface.Clock,
        owner: str | None = None,
    ) -> Self:
        """Makes a partnership's ledger, once; caps arrive in ledger units, rounded down.

        `policy_digest` says to the letter which policy the caps are from. Every account may spend the whole discovery delta, and the lifetime account too.

        Raises:
            LedgerError: if there is one already, or a name or a cap can't be stored.
        """
        for name in (partnership, policy_name, *accounts):
            _slug(name, "a partnership, policy or account")
        if LIFETIME in accounts:
            raise LedgerError(
                f"{LIFETIME} is the name of the account over all others: name this one differently"
            )
        caps = {LIFETIME: lifetime, **accounts}
        for name, cap in caps.items():
            units(cap.rho_units, f"the cap of {name}")
        deltas = Delta(conversion=conversion_delta, discovery=discovery_delta)
        cap_delta = units(int(deltas.discovery * DELTA_UNITS), "the discovery delta")
        facts = Facts(
            partnership, policy_name, _digest(policy_digest, "a policy's digest"), deltas, chain.utc(clock())
        )
        Connection.create(path, lambda connection: Tables(connection).begin(facts, caps, cap_delta))
        return cls.open(path, clock=clock, owner=owner)

    @classmethod
    def open(cls, path: Path, *, clock: interface.Clock, owner: str | None = None) -> Self:
        """Opens a ledger after checking its file system, settings, schema, chain and sums.

        Raises:
            LedgerError: with what is wrong and the next step; nothing is charged.
        """
        connection = Connection(path)
        try:
            ledger = cls(connection.checked(), clock=clock, owner=owner or secrets.token_hex(8))
            ledger.check()
        except BaseException:
            connection.close()
            raise
        return ledger

    @property
    def partnership(self) -> str:
        """The ledger's identity."""
        with self._connection.reading():
            return self._tables.facts().partnership

    @property
    def policy(self) -> str:
        """The policy's name."""
        with self._connection.reading():
            return self._tables.facts().policy

    def deltas(self) -> Delta:
        """The two deltas."""
        with self._connection.reading():
            return self._tables.facts().deltas

    def balances(self) -> tuple[Balance, ...]:
        """All accounts, lifetime first."""
        with self._connection.reading():
            return self._tables.balances()

    def amendments(self) -> tuple[Amendment, ...]:
        """Every change of a cap."""
        with self._connection.reading():
            return self._amendments()

    def amend(self, account: str, cap: Cap, envelopes: tuple[str, ...] = ()) -> Amendment:
        """Changes a cap."""
        units(cap.rho_units, f"the cap of {account}")
        with self._connection.writing():
            now = self._now()
            balance = self._tables.balance(account)
            accountant.not_below_spent(balance, cap.rho_units)
            self._tables.set_cap(account, cap)
            before = Cap(balance.cap_rho, balance.cap_epsilon)
            body = acts.amended(account, before, cap, envelopes, now.date())
            return books.amendment(self._tables.append("amended", body))

    def freeze(self, account: str, why_code: str) -> None:
        """Refuses charges and draws on an account."""
        _slug(why_code, "the code of a reason")
        with self._connection.writing():
            now = self._now()
            if self._tables.balance(account).frozen is None:
                self._tables.set_frozen(account, why_code)
                self._tables.append("frozen", acts.frozen(account, why_code, now.date()))

    def resolve(self, account: str) -> None:
        """Ends a freeze."""
        with self._connection.writing():
            now = self._now()
            if self._tables.balance(account).frozen is None:
                raise LedgerError(f"the account {account} is not frozen")
            self._tables.set_frozen(account, None)
            self._tables.append("resolved", acts.resolved(account, now.date()))

    def snapshots(self) -> tuple[Snapshot, ...]:
        """All snapshots."""
        with self._connection.reading():
            return self._tables.snapshots()

    def register_snapshot(self, name: str, contract_digest: str, map_version: str) -> Snapshot:
        """Names a state of the data."""
        _slug(name, "a snapshot")
        wanted = Snapshot(name, contract_digest, map_version)
        with self._connection.writing():
            now = self._now()
            found = next((one for one in self._tables.snapshots() if one.name == name), None)
            if found is None:
                self._tables.add_snapshot(wanted)
                self._tables.append("snapshot", acts.snapshot(wanted, now.date()))
            elif found != wanted:
                what = "contract" if found.contract_digest != contract_digest else "account map"
                raise LedgerError(f"the snapshot {name} is bound to another {what}: name a new snapshot")
        return wanted

    def charge(
        self,
        plan: Plan,
        *,
        snapshot: str,
        origin: str,
        exploration: bool,
        lease: timedelta,
        epsilon_of: Callable[[int], str],
        permit: Permit | None = None,
    ) -> Run:
        """Decides and charges, or resumes."""
        if lease <= timedelta(0):
            raise LedgerError("a lease must last longer than nothing")
        with self._connection.writing():
            now, facts = self._now(), self._tables.facts()
            named = next((one for one in self._tables.snapshots() if one.name == snapshot), None)
            if named is None:
                raise LedgerError(f"the snapshot {snapshot} is not registered: register it first")
            accountant.one_origin(snapshot, origin, self._runs.origins(snapshot))
            draws = accountant.admit(
                plan,
                partnership=facts.partnership,
                deltas=facts.deltas,
                contract_digest=named.contract_digest,
                snapshot=snapshot,
            )
            account, lifetime = self._tables.balance(plan.account), self._tables.balance(LIFETIME)
            accountant.not_frozen(account, lifetime)
            lock, approval = (permit.lock, permit.approval) if permit else (None, None)
            identity = accountant.identity(
                plan, draws, snapshot=snapshot, origin=origin, exploration=exploration, lock=lock
            )
            unfinished = self._runs.unfinished(identity)
            if unfinished is not None:
                ours, lease_over = unfinished.owner == self._owner, unfinished.lease_until <= now
                match course(unfinished.state, ours=ours, lease_over=lease_over):
                    case Course.RESUME:
                        return self._resume(unfinished, now, lease)
                    case Course.WAIT:
                        raise LedgerError(
                            f"another process runs {plan.report} on {snapshot} (run {unfinished.run}); "
                            f"its lease ends at {unfinished.lease_until:%Y-%m-%d %H:%M:%S} UTC: try again then"
                        )
                    case Course.REPLACE:
                        self._move(unfinished, State.ABANDONED, now, why="died-drawing")
            if permit is not None:
                accountant.not_used_up(plan, self._runs.of_lock(permit.lock), permit.max_runs)
            decision = accountant.decide(
                plan,
                draws,
                self._runs.stored(snapshot, plan.account),
                exploration=exploration,
                account=account,
                lifetime=lifetime,
                epsilon_of=epsilon_of,
            )
            row = RunRow(
                run=f"{identity[:16]}-{self._runs.attempts(identity) + 1}",
                identity=identity,
                account=plan.account,
                snapshot=snapshot,
                measurement_digest=plan.measurement_digest,
                lock=lock,
                approval=approval,
                origin=origin,
                exploration=exploration,
                state=State.CHARGED,
                fence=1,
                owner=self._owner,
                lease_until=now + lease,
            )
            self._tables.spend(plan.account, decision.account)
            self._tables.spend(LIFETIME, decision.lifetime)
            self._runs.add(row, decision)
            self._tables.append(
                "charged",
                acts.charged(
                    row.run,
                    identity,
                    plan,
                    decision,
                    origin=origin,
                    exploration=exploration,
                    snapshot=snapshot,
                    permit=permit,
                    day=now.date(),
                ),
            )
            return self._runs.noun(row)

    def begin_drawing(self, run: Run) -> Run:
        """Charged to drawing."""
        with self._connection.writing():
            now = self._now()
            row = self._held(run, State.DRAWING)
            accountant.not_frozen(self._tables.balance(row.account), self._tables.balance(LIFETIME))
            return self._move(row, State.DRAWING, now)

    def store(self, run: Run, vectors: tuple[NoisyVector, ...]) -> Run:
        """Drawing to measured."""
        with self._connection.writing():
            now = self._now()
            row = self._held(run, State.MEASURED)
            self._runs.add_vectors(row, vectors)
            return self._move(row, State.MEASURED, now)

    def finish(self, run: Run, release_digest: str) -> Run:
        """Measured to released."""
        _digest(release_digest, "a release's digest")
        with self._connection.writing():
            now = self._now()
            return self._move(
                self._held(run, State.RELEASED), State.RELEASED, now, release_digest=release_digest
            )

    def abandon(self, run: Run, why_code: str) -> Run:
        """To abandoned."""
        _slug(why_code, "the code of a reason")
        with self._connection.writing():
            now = self._now()
            return self._move(self._held(run, State.ABANDONED), State.ABANDONED, now, why=why_code)

    def let_go(self, run: Run) -> None:
        """Ends the lease."""
        with self._connection.writing():
            row = self._runs.run(run.id)
            if row.fence == run.fence and row.state is State.CHARGED:
                self._runs.end_lease(row, self._now())

    def vectors(self, run: Run) -> Mapping[str, tuple[NoisyVector, ...]]:
        """What to estimate from."""
        with self._connection.reading():
            row = self._runs.run(run.id)
            if row.state not in (State.MEASURED, State.RELEASED):
                raise FencedError(
                    f"run {run.id} is {row.state}: only what was measured can be estimated from"
                )
            return self._runs.used(row)

    def seen_by(self, account: str, snapshot: str) -> Mapping[str, tuple[NoisyVector, ...]]:
        """What the account has seen."""
        with self._connection.reading():
            return self._runs.seen_by(account, snapshot)

    def free(self, plan: Plan, *, snapshot: str, exploration: bool) -> frozenset[str]:
        """What the plan's account has seen precisely enough."""
        with self._connection.reading():
            stored = self._runs.stored(snapshot, plan.account)
        return accountant.free_of_charge(plan.draws, stored, exploration=exploration)

    def spent_by(self, run: Run) -> Spent:
        """What the statement says."""
        with self._connection.reading():
            spent = spending.spent_by(chain.verified(self._tables.entries()), run.id)
        if spent is None:
            raise FencedError(f"run {run.id} is not measured yet: its statement is of what was measured")
        return spent

    def entries(self, until: int | None = None) -> tuple[Entry, ...]:
        """The chain, or its beginning."""
        with self._connection.reading():
            found = tuple(chain.verified(self._tables.entries()))
        if until is not None and not 1 <= until <= len(found):
            raise LedgerError(
                f"the ledger has {len(found)} entries and no entry {until}: ask for one that it has"
            )
        return found[:until]

    def head(self) -> Head:
        """The last entry."""
        with self._connection.reading():
            last = self._tables.last()
        if last is None:
            raise InternalError("a ledger without entries was opened")
        return Head(last.seq, last.hash)

    def verify_chain(self) -> Head:
        """Recomputes every hash."""
        with self._connection.reading():
            *_, last = chain.verified(self._tables.entries())
        return Head(last.seq, last.hash)

    def check(self) -> None:
        """Compares the tables with the entries."""
        with self._connection.reading():
            facts = self._tables.facts()
            books.compare(
                books.replay(chain.verified(self._tables.entries())),
                books.Books(
                    partnership=facts.partnership,
                    policy=facts.policy,
                    policy_digest=facts.policy_digest,
                    deltas=facts.deltas,
                    balances={balance.account: balance for balance in self._tables.balances()},
                    snapshots=self._tables.snapshots(),
                    runs=self._runs.run_books(),
                    vectors=self._runs.vector_books(),
                    seen=self._runs.seen(),
                ),
            )

    def close(self) -> None:
        """Gives the file back."""
        self._connection.close()

    def _now(self) -> datetime:
        now = chain.not_before(chain.utc(self._clock()), self._tables.facts().last_at)
        self._tables.set_last_at(now)
        return now

    def _amendments(self) -> tuple[Amendment, ...]:
        return tuple(books.amendment(entry) for entry in self._tables.entries("amended"))

    def _held(self, run: Run, after: State) -> RunRow:
        """The run's row, if this process holds the run and may move it to `after`."""
        row = self._runs.run(run.id)
        if row.fence != run.fence:
            raise FencedError(
                f"run {run.id} was taken over by another process: this one must stop, and show nothing"
            )
        if not may_step(row.state, after, draws=bool(self._runs.fresh(row))):
            raise FencedError(f"run {run.id} is {row.state}, so it can't become {after}")
        return row

    def _move(self, row: RunRow, after: State, now: datetime, **facts: str) -> Run:
        self._tables.append(after, acts.moved(row.run, row.fence, now.date(), **facts))
        return self._runs.noun(self._runs.move(row, after))

    def _resume(self, row: RunRow, now: datetime, lease: timedelta) -> Run:
        taken = self._runs.take_over(row, self._owner, now + lease)
        self._tables.append("resumed", acts.resumed(taken.run, taken.fence, now.date()))
        return self._runs.noun(taken, resumed=True)


def _digest(text: str, what: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise LedgerError(f"{what} is a SHA-256 in hexadecimal")
    return text


def _slug(text: str, what: str) -> None:
    if not re.fullmatch(SLUG, text):
        raise LedgerError(f"{what} is named in lower case letters, digits and hyphens, not {text!r}")
