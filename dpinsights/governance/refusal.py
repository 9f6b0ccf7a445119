"""A refused charge in words: what was asked, what is left, what would fit, and the three ways on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_UP, Decimal
from typing import NoReturn

from dpinsights.errors import BudgetError
from dpinsights.model.noisy import Balance
from dpinsights.model.numbers import DELTA_UNITS, RHO_UNITS, plain
from dpinsights.model.plan import Plan, PlannedQuery

EpsilonOf = Callable[[int], str]


def rho_text(units: int) -> str:
    """Ledger units as rho, exactly.

    >>> rho_text(12_500_000_000), rho_text(0)
    ('0.0125', '0')
    """
    return plain(Decimal(units) / RHO_UNITS)


def loss_text(units: int, epsilon_of: EpsilonOf) -> str:
    """A loss in both languages.

    >>> loss_text(5 * 10**11, lambda units: "6.3")
    'rho 0.5 (epsilon 6.3)'
    """
    return f"rho {rho_text(units)} (epsilon {epsilon_of(units) if units else 0})"


def wider(requested: int, left: int) -> str | None:
    """By which factor all margins would have to be wider for a request to fit: noise goes as one over the root of rho.

    >>> wider(400, 100), wider(300, 100), wider(300, 0)
    ('2', '1.8', None)
    """
    if left <= 0:
        return None
    return plain((Decimal(requested) / left).sqrt().quantize(Decimal("0.1"), rounding=ROUND_UP))


def fitting(queries: tuple[PlannedQuery, ...], costs: Mapping[str, int], left: int) -> tuple[str, ...]:
    """The names of queries that would fit together, cheapest first, in the report's order."""

    def cost(chosen: list[PlannedQuery]) -> int:
        keys = {key for query in chosen for key in query.keys}
        return sum(costs.get(key, 0) for key in keys)

    chosen: list[PlannedQuery] = []
    for query in sorted(queries, key=lambda query: (cost([query]), query.name)):
        if cost([*chosen, query]) <= left:
            chosen.append(query)
    return tuple(query.name for query in queries if query in chosen)


def refuse(plan: Plan, balance: Balance, costs: Mapping[str, int], epsilon_of: EpsilonOf) -> NoReturn:
    """Raises the BudgetError of a request that does not fit an account; `costs` are its units of rho by key."""
    requested, left = sum(costs.values()), balance.left_rho
    which = _which(balance)
    factor = wider(requested, left)
    some = fitting(plan.queries, costs, left)
    raise BudgetError(
        f"{which} can't pay for {plan.report} version {plan.version}; nothing was charged\n"
        f"  requested: {loss_text(requested, epsilon_of)}\n"
        f"  remaining: {loss_text(left, epsilon_of)} of {loss_text(balance.cap_rho, epsilon_of)}\n"
        f"  missing:   {loss_text(requested - left, epsilon_of)}\n"
        f"  would fit: {', '.join(some) if some else 'none of its queries as planned'}\n"
        "three ways on:\n"
        f"  coarser margins{f' (about {factor} times as wide, all of them)' if factor else ' do not help: nothing is left'}\n"
        "  fewer queries, or such as were measured already\n"
        f"  dpinsights budget propose {balance.account}, if both parties agree to a higher cap"
    )


def refuse_delta(plan: Plan, balance: Balance, requested: int) -> NoReturn:
    """Raises the BudgetError of a request whose delta of key discovery does not fit an account."""

    def text(units: int) -> str:
        return f"{Decimal(units) / DELTA_UNITS:.3g}"

    raise BudgetError(
        f"{_which(balance)} can't pay for the key discovery of {plan.report} version {plan.version}; nothing was charged\n"
        f"  requested: delta {text(requested)}\n"
        f"  remaining: delta {text(balance.left_delta)} of {text(balance.cap_delta)}\n"
        f"  missing:   delta {text(requested - balance.left_delta)}\n"
        "three ways on:\n"
        "  a smaller budget for the report, whose discoveries then have a smaller part of the delta\n"
        "  fewer discoveries, or such as were measured already\n"
        "  top of a category whose keys the contract lists, which costs no delta"
    )


def _which(balance: Balance) -> str:
    return "the lifetime account" if balance.account == "lifetime" else f"the account {balance.account}"
