"""Opening a partnership's budget: a policy's epsilons become the ledger's whole units once, rounded down."""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime
from decimal import Decimal

from dpinsights.definitions.resolving import check_delta
from dpinsights.governance import books
from dpinsights.governance.ledger.interface import Cap, Ledger, Period
from dpinsights.governance.ledger.postgres import PostgresLedger
from dpinsights.governance.ledger.sql_accounts import Opening
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.governance.spending import changes
from dpinsights.mechanisms.loss import epsilon_of, rho_units_of
from dpinsights.model.canonical import digest
from dpinsights.model.contract import Contract
from dpinsights.model.names import FrozenMap
from dpinsights.model.numbers import plain
from dpinsights.model.policy import Policy
from dpinsights.model.release import CapChange, PeriodSpending, Spending
from dpinsights.state import State


def clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def cap_of(epsilon: Decimal, delta: Decimal) -> Cap:
    """A cap in ledger units, with the text that the policy words it in.

    >>> cap_of(Decimal("1.0"), Decimal("1e-10"))
    Cap(rho_units=13242583765, epsilon='1')
    """
    return Cap(rho_units_of(epsilon, delta), plain(epsilon))


def periods_of(policy: Policy) -> dict[str, Period]:
    """The periods of a policy's accounts, in ledger units."""
    delta = policy.delta.conversion
    return {
        name: Period(
            one.period.every,
            cap_of(one.period.epsilon, delta),
            FrozenMap({report: cap_of(kept, delta) for report, kept in one.period.reserve.items()}),
        )
        for name, one in policy.accounts.items()
        if one.period is not None
    }


def open_budget(policy: Policy, contract: Contract, state: State) -> Ledger:
    """Makes the partnership's ledger, once, and gives it its identity: the contract's, or a new one.

    Raises:
        LedgerError: if the state directory, or the database, holds a ledger already.
        DefinitionError: if the total delta is too large for so many customers.
    """
    check_delta(policy, contract)
    state.prepare()
    delta = policy.delta.conversion
    opening = Opening(
        partnership=contract.partnership or secrets.token_hex(8),
        policy_name=policy.policy,
        policy_digest=digest(policy, purpose="policy"),
        conversion_delta=delta,
        discovery_delta=policy.delta.discovery,
        lifetime=cap_of(policy.lifetime.epsilon, delta),
        accounts={name: cap_of(account.epsilon, delta) for name, account in policy.accounts.items()},
        periods=periods_of(policy),
    )
    if state.address:
        return PostgresLedger.create(state.address, clock=clock, **opening)
    return SqliteLedger.create(state.ledger, clock=clock, **opening)


def current_periods(ledger: Ledger, on: date) -> dict[str, PeriodSpending]:
    """How the accounts that have a period stand in that of a day, or of the ledger's last entry if that is later."""
    entries, delta = ledger.entries(), ledger.deltas().conversion
    sums = books.replay(entries)
    day = max(on, date.fromisoformat(entries[-1].data["day"]))

    def spending(units: int) -> Spending:
        return Spending(units, epsilon_of(units, delta))

    found = (sums.period_spent(name, day, "") for name in sums.periods)
    return {
        one.account: PeriodSpending(
            one.start,
            one.until,
            spending(one.spent_rho),
            spending(one.cap.rho_units),
            spending(one.reserved_rho),
        )
        for one in found
        if one is not None
    }


def changes_of(ledger: Ledger) -> tuple[CapChange, ...]:
    """Every change of a cap, for ever or for each period, oldest first."""
    sums = books.replay(ledger.entries())
    return changes((*sums.amendments, *sums.period_changes))


def open_ledger(state: State) -> Ledger:
    """The ledger of a state directory, or the one on PostgreSQL that stands in for it.

    Raises:
        LedgerError: if there is none (`dpinsights budget open` makes one), or it is damaged.
    """
    if state.address:
        return PostgresLedger.open(state.address, clock=clock)
    return SqliteLedger.open(state.ledger, clock=clock)
