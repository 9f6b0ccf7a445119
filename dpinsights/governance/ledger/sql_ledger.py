"""The ledger in SQL, whichever database it lies in: runs on top of the accounts. The SQL is in `runs.py`."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Self

from dpinsights.errors import LedgerError
from dpinsights.governance import accountant, acts, books, chain, periods, spending
from dpinsights.governance.accountant import LIFETIME
from dpinsights.governance.ledger import interface
from dpinsights.governance.ledger.interface import FencedError, PeriodSpent, Permit, Run, Spent
from dpinsights.governance.ledger.runs import RunRow, Runs
from dpinsights.governance.ledger.sql import SqlConnection
from dpinsights.governance.ledger.sql_accounts import SqlAccounts, sha256, slug
from dpinsights.governance.states import Course, course, may_step
from dpinsights.model.noisy import NoisyVector, State
from dpinsights.model.plan import Plan


class SqlLedger(SqlAccounts):
    """A partnership's ledger; see `interface.Ledger` for what each method promises.

    One object belongs to one thread of one process; a forked child must open its own.
    """

    def __init__(
        self, connection: SqlConnection, *, clock: interface.Clock, owner: str | None = None
    ) -> None:
        """On a checked connection, after comparing the ledger's tables with its chain.

        Args:
            connection: the ledger's from now on; closed if it is damaged.
            clock: tells the time of acts.
            owner: tells this holder of leases from others; drawn by default.

        Raises:
            LedgerError: the chain is broken, or a table is not what it adds up to.
        """
        super().__init__(connection, clock=clock)
        self._runs = Runs(connection)
        self._owner = owner or secrets.token_hex(8)
        try:
            self.check()
        except BaseException:
            connection.close()
            raise

    @classmethod
    def _opened(cls, connection: SqlConnection, *, clock: interface.Clock, owner: str | None) -> Self:
        """The ledger that a new connection leads to, after the connection's own checks; closed if they fail."""
        try:
            connection.checked()
        except BaseException:
            connection.close()
            raise
        return cls(connection, clock=clock, owner=owner)

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
                self._runs.stored(snapshot, plan.account, draws),
                exploration=exploration,
                account=account,
                lifetime=lifetime,
                epsilon_of=epsilon_of,
                period=self._period(plan, now.date()),
            )
            row = RunRow(
                run=f"{identity[:16]}-{self._runs.attempts(identity) + 1}",
                identity=identity,
                report=plan.report,
                day=now.date(),
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
        sha256(release_digest, "a release's digest")
        with self._connection.writing():
            now = self._now()
            return self._move(
                self._held(run, State.RELEASED), State.RELEASED, now, release_digest=release_digest
            )

    def abandon(self, run: Run, why_code: str) -> Run:
        """To abandoned."""
        slug(why_code, "the code of a reason")
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
            stored = self._runs.stored(snapshot, plan.account, {draw.key for draw in plan.draws})
        return accountant.free_of_charge(plan.draws, stored, exploration=exploration)

    def spent_by(self, run: Run) -> Spent:
        """What the statement says."""
        with self._connection.reading():
            spent = spending.spent_by(chain.verified(self._tables.entries()), run.id)
        if spent is None:
            raise FencedError(f"run {run.id} is not measured yet: its statement is of what was measured")
        return spent

    def check(self) -> None:
        """Compares the tables with the entries."""
        with self._connection.reading():
            try:
                books.compare(books.replay(chain.verified(self._tables.entries())), self._books())
            except (ArithmeticError, KeyError, TypeError, ValueError):
                raise LedgerError(
                    "the ledger can't be read: it was edited or damaged; restore the last sound copy"
                ) from None

    def _books(self) -> books.Books:
        """What the tables say."""
        facts = self._tables.facts()
        return books.Books(
            partnership=facts.partnership,
            policy=facts.policy,
            policy_digest=facts.policy_digest,
            deltas=facts.deltas,
            balances={balance.account: balance for balance in self._tables.balances()},
            periods=self._tables.periods(),
            snapshots=self._tables.snapshots(),
            runs=self._runs.run_books(),
            vectors=self._runs.vector_books(),
            seen=self._runs.seen(),
        )

    def _period(self, plan: Plan, day: date) -> PeriodSpent | None:
        """How the plan's account stands in the period of a day, if it has one."""
        period = self._tables.periods().get(plan.account)
        if period is None:
            return None
        charged = self._runs.charged(plan.account, *periods.calendar(period.every, day))
        return periods.standing(plan.account, period, day, charged, plan.report)

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
