"""The half of a ledger in SQL that knows no runs: whose it is, its accounts, its snapshots, its chain.

Each public method is one transaction: read what is stored, let the rules decide, write the tables and the entry of the
chain. The SQL is in `tables.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NotRequired, TypedDict

from dpinsights.errors import InternalError, LedgerError
from dpinsights.governance import accountant, acts, chain, periods, reading
from dpinsights.governance.accountant import LIFETIME, units
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger import interface
from dpinsights.governance.ledger.interface import Amendment, Cap, Head, Period, PeriodChange, Snapshot
from dpinsights.governance.ledger.sql import SqlConnection
from dpinsights.governance.ledger.tables import Facts, Tables
from dpinsights.model.names import SLUG
from dpinsights.model.noisy import Balance
from dpinsights.model.numbers import DELTA_UNITS
from dpinsights.model.policy import Delta


class Opening(TypedDict):
    """What a ledger is made from, once; caps arrive in ledger units, rounded down.

    `policy_digest` says to the letter which policy the caps are from. Every account may spend the whole discovery delta,
    and the lifetime account too.
    """

    partnership: str
    policy_name: str
    policy_digest: str
    conversion_delta: Decimal
    discovery_delta: Decimal
    lifetime: Cap
    accounts: Mapping[str, Cap]
    periods: NotRequired[Mapping[str, Period]]


def beginning(opening: Opening, clock: interface.Clock) -> Callable[[SqlConnection], None]:
    """What writes a new ledger's first rows.

    Raises:
        LedgerError: if a name, a cap or a period can't be stored.
    """
    partnership, policy_name, accounts = opening["partnership"], opening["policy_name"], opening["accounts"]
    for name in (partnership, policy_name, *accounts):
        slug(name, "a partnership, policy or account")
    if LIFETIME in accounts:
        raise LedgerError(f"{LIFETIME} is the name of the account over all others: name this one differently")
    caps = {LIFETIME: opening["lifetime"], **accounts}
    for name, cap in caps.items():
        units(cap.rho_units, f"the cap of {name}")
    given = opening.get("periods", {})
    for name, period in given.items():
        periods.checked(name, period)
        if name not in accounts:
            raise LedgerError(f"a period is given for {name!r}, which is no account below {LIFETIME}")
    deltas = Delta(conversion=opening["conversion_delta"], discovery=opening["discovery_delta"])
    cap_delta = units(int(deltas.discovery * DELTA_UNITS), "the discovery delta")
    facts = Facts(
        partnership,
        policy_name,
        sha256(opening["policy_digest"], "a policy's digest"),
        deltas,
        chain.utc(clock()),
    )
    return lambda connection: Tables(connection).begin(facts, caps, cap_delta, given)


class SqlAccounts:
    """A partnership's accounts, snapshots and chain; see `interface.Ledger` for what each method promises."""

    def __init__(self, connection: SqlConnection, *, clock: interface.Clock) -> None:
        """On a checked connection, which `close` closes."""
        self._connection = connection
        self._tables = Tables(connection)
        self._clock = clock

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

    def amend(
        self, account: str, cap: Cap, envelopes: tuple[str, ...] = (), *, number: int | None = None
    ) -> Amendment:
        """Changes a cap."""
        units(cap.rho_units, f"the cap of {account}")
        with self._connection.writing():
            now = self._now()
            self._in_turn(number)
            balance = self._tables.balance(account)
            accountant.not_below_spent(balance, cap.rho_units)
            self._tables.set_cap(account, cap)
            before = Cap(balance.cap_rho, balance.cap_epsilon)
            body = acts.amended(account, before, cap, envelopes, now.date())
            return reading.amendment(self._tables.append("amended", body))

    def periods(self) -> Mapping[str, Period]:
        """The accounts that have a period."""
        with self._connection.reading():
            return self._tables.periods()

    def set_period(
        self,
        account: str,
        period: Period | None,
        envelopes: tuple[str, ...] = (),
        *,
        number: int | None = None,
    ) -> PeriodChange:
        """Changes an account's period."""
        periods.checked(account, period)
        with self._connection.writing():
            now = self._now()
            self._in_turn(number)
            before = self._tables.periods().get(self._tables.balance(account).account)
            self._tables.set_period(account, period)
            body = acts.period_set(account, before, period, envelopes, now.date())
            return reading.period_change(self._tables.append("period-set", body))

    def _in_turn(self, number: int | None) -> None:
        """Raises LedgerError if a change that was signed for has another number than the next."""
        done = sum(entry.type in ("amended", "period-set") for entry in self._tables.entries())
        if number not in (None, done + 1):
            raise LedgerError(
                f"this would be change {done + 1} of the caps, and {number} was meant: another came first; look again"
            )

    def freeze(self, account: str, why_code: str) -> None:
        """Refuses charges and draws on an account."""
        slug(why_code, "the code of a reason")
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
        slug(name, "a snapshot")
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

    def close(self) -> None:
        """Gives the connection back."""
        self._connection.close()

    def _now(self) -> datetime:
        now = chain.not_before(chain.utc(self._clock()), self._tables.facts().last_at)
        self._tables.set_last_at(now)
        return now

    def _amendments(self) -> tuple[Amendment, ...]:
        return tuple(reading.amendment(entry) for entry in self._tables.entries("amended"))


def sha256(text: str, what: str) -> str:
    """A digest, if it is one."""
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise LedgerError(f"{what} is a SHA-256 in hexadecimal")
    return text


def slug(text: str, what: str) -> None:
    """Refuses what can't be a name in the ledger."""
    if not re.fullmatch(SLUG, text):
        raise LedgerError(f"{what} is named in lower case letters, digits and hyphens, not {text!r}")
