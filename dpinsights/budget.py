"""Opening and changing a partnership's budget: a policy's epsilons become the ledger's whole units once, rounded down."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from decimal import Decimal

from dpinsights.definitions.resolving import check_delta
from dpinsights.errors import LedgerError
from dpinsights.governance.ledger.interface import Amendment, Cap, Ledger
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.mechanisms.loss import rho_units_of
from dpinsights.model.canonical import digest
from dpinsights.model.contract import Contract
from dpinsights.model.numbers import plain
from dpinsights.model.policy import Policy
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


def open_budget(policy: Policy, contract: Contract, state: State) -> Ledger:
    """Makes the partnership's ledger, once, and gives it its identity: the contract's, or a new one.

    Raises:
        LedgerError: if the state directory holds a ledger already.
        DefinitionError: if the total delta is too large for so many customers.
    """
    check_delta(policy, contract)
    state.prepare()
    delta = policy.delta.conversion
    return SqliteLedger.create(
        state.ledger,
        partnership=contract.partnership or secrets.token_hex(8),
        policy_name=policy.policy,
        policy_digest=digest(policy, purpose="policy"),
        conversion_delta=delta,
        discovery_delta=policy.delta.discovery,
        lifetime=cap_of(policy.lifetime.epsilon, delta),
        accounts={name: cap_of(account.epsilon, delta) for name, account in policy.accounts.items()},
        clock=clock,
    )


def open_ledger(state: State) -> Ledger:
    """The ledger of a state directory.

    Raises:
        LedgerError: if there is none (`dpinsights budget open` makes one), or it is damaged.
    """
    return SqliteLedger.open(state.ledger, clock=clock)


def amend_cap(ledger: Ledger, account: str, epsilon: Decimal) -> Amendment:
    """Changes an account's cap, as an entry of the ledger that every later report shows.

    Raises:
        LedgerError: if the account is not there, or more is spent already.
    """
    if epsilon <= 0:
        raise LedgerError("a cap is more than 0")
    return ledger.amend(account, cap_of(epsilon, ledger.deltas().conversion))
