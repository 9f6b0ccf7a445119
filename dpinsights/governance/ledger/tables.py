"""The ledger's own row, its chain, accounts and snapshots in SQL, and no rule. The caller holds the transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dpinsights.errors import InternalError, LedgerError
from dpinsights.governance import acts, chain, reading
from dpinsights.governance.accountant import Loss
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Cap, Period, Snapshot
from dpinsights.governance.ledger.marks import instant, marked
from dpinsights.governance.ledger.sql import SqlConnection
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.noisy import Balance
from dpinsights.model.numbers import plain
from dpinsights.model.policy import Delta


@dataclass(frozen=True)
class Facts:
    """The one row that says whose ledger this is."""

    partnership: str
    policy: str
    policy_digest: str
    deltas: Delta
    last_at: datetime


class Tables:
    """The tables ledger, entries, accounts and snapshots of one ledger."""

    def __init__(self, connection: SqlConnection) -> None:
        """On a connection; opens no transaction of its own."""
        self._run, self._rows = connection.run, connection.rows

    def begin(
        self, facts: Facts, caps: Mapping[str, Cap], cap_delta: int, periods: Mapping[str, Period]
    ) -> None:
        """The first rows of a new ledger; `caps` names the lifetime account first."""
        delta = facts.deltas
        self._run(
            "INSERT INTO ledger VALUES (1, ?, ?, ?, ?, ?, ?)",
            *(facts.partnership, facts.policy, facts.policy_digest),
            *(plain(delta.conversion), plain(delta.discovery), marked(facts.last_at.isoformat())),
        )
        for position, (account, cap) in enumerate(caps.items()):
            self._run(
                "INSERT INTO accounts VALUES (?, ?, ?, ?, ?, 0, 0, NULL, NULL)",
                *(position, account, cap.rho_units, cap_delta, cap.epsilon),
            )
            self.set_period(account, periods.get(account))
        whose = (facts.partnership, facts.policy, facts.policy_digest)
        self.append("opened", acts.opened(*whose, delta, caps, cap_delta, periods, facts.last_at.date()))

    def facts(self) -> Facts:
        """Whose ledger this is."""
        columns = "partnership, policy, policy_digest, conversion_delta, discovery_delta, last_at"
        rows = self._rows(f"SELECT {columns} FROM ledger")
        if not rows:
            raise LedgerError("the ledger does not say whose it is: restore the last sound copy")
        [(partnership, policy, policy_digest, conversion, discovery, last)] = rows
        deltas = Delta(conversion=Decimal(conversion), discovery=Decimal(discovery))
        return Facts(partnership, policy, policy_digest, deltas, instant(last))

    def set_last_at(self, now: datetime) -> None:
        """Notes the instant of an act."""
        self._run("UPDATE ledger SET last_at = ?", marked(now.isoformat()))

    def append(self, kind: str, body: object) -> Entry:
        """Adds an entry to the chain."""
        entry = chain.link(self.last(), kind, body)
        self._run(
            "INSERT INTO entries VALUES (?, ?, ?, ?, ?)",
            *(entry.seq, entry.type, entry.body, entry.prev, entry.hash),
        )
        return entry

    def entries(self, kind: str | None = None) -> Iterator[Entry]:
        """All entries, or those of a kind, in order."""
        where = "type = coalesce(?, type)"
        rows = self._rows(f"SELECT seq, type, body, prev, hash FROM entries WHERE {where} ORDER BY seq", kind)
        return (Entry(*row) for row in rows)

    def last(self) -> Entry | None:
        """The last entry; None only before the first."""
        rows = self._rows("SELECT seq, type, body, prev, hash FROM entries ORDER BY seq DESC LIMIT 1")
        return Entry(*rows[0]) if rows else None

    def balances(self) -> tuple[Balance, ...]:
        """All accounts, lifetime first."""
        columns = "account, cap_rho, cap_delta, spent_rho, spent_delta, cap_epsilon, frozen"
        return tuple(Balance(*row) for row in self._rows(f"SELECT {columns} FROM accounts ORDER BY position"))

    def balance(self, account: str) -> Balance:
        """One account."""
        balances = {balance.account: balance for balance in self.balances()}
        if account not in balances:
            raise LedgerError(f"this ledger has no account {account!r}; it has {', '.join(balances)}")
        return balances[account]

    def spend(self, account: str, loss: Loss) -> None:
        """Adds to what is spent, if it fits; the table's CHECK is a further guard."""
        changed = self._run(
            "UPDATE accounts SET spent_rho = spent_rho + ?, spent_delta = spent_delta + ? WHERE account = ? "
            "AND spent_rho + ? <= cap_rho AND spent_delta + ? <= cap_delta AND frozen IS NULL",
            *(loss.rho, loss.delta, account, loss.rho, loss.delta),
        )
        if changed != 1:
            raise InternalError(f"a charge to {account} was let through that does not fit it")

    def set_cap(self, account: str, cap: Cap) -> None:
        """Changes a cap."""
        change = "UPDATE accounts SET cap_rho = ?, cap_epsilon = ? WHERE account = ?"
        self._run(change, cap.rho_units, cap.epsilon, account)

    def periods(self) -> dict[str, Period]:
        """The accounts that have a period."""
        rows = self._rows("SELECT account, period FROM accounts WHERE period IS NOT NULL ORDER BY position")
        read = {account: reading.period(json.loads(text)) for account, text in rows}
        return {account: period for account, period in read.items() if period is not None}

    def set_period(self, account: str, period: Period | None) -> None:
        """Gives an account a period, or none."""
        text = None if period is None else canonical_bytes(acts.period(period)).decode()
        self._run("UPDATE accounts SET period = ? WHERE account = ?", text, account)

    def set_frozen(self, account: str, why: str | None) -> None:
        """Freezes or thaws."""
        self._run("UPDATE accounts SET frozen = ? WHERE account = ?", why, account)

    def snapshots(self) -> tuple[Snapshot, ...]:
        """All snapshots, oldest first."""
        rows = self._rows("SELECT snapshot, contract_digest, map_version FROM snapshots ORDER BY position")
        return tuple(Snapshot(*row) for row in rows)

    def add_snapshot(self, snapshot: Snapshot) -> None:
        """Registers a snapshot."""
        self._run(
            "INSERT INTO snapshots (snapshot, contract_digest, map_version) VALUES (?, ?, ?)",
            *(snapshot.name, snapshot.contract_digest, snapshot.map_version),
        )
