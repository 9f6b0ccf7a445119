"""A charge in words that an account could pay for ever, but not in its period."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from dpinsights.errors import BudgetError
from dpinsights.governance.ledger.interface import PeriodSpent
from dpinsights.governance.refusal import EpsilonOf, fitting, loss_text, wider
from dpinsights.model.plan import Plan


def refuse_period(
    plan: Plan, period: PeriodSpent, costs: Mapping[str, int], epsilon_of: EpsilonOf
) -> NoReturn:
    """Raises the BudgetError of a request that fits an account's cap, but not the one of its period."""
    requested, left = sum(costs.values()), max(0, period.left_rho)
    factor = wider(requested, left)
    some = fitting(plan.queries, costs, left)
    raise BudgetError(
        f"the account {period.account} can't pay for {plan.report} version {plan.version} in its period from "
        f"{period.start} until {period.until}; nothing was charged\n"
        f"  requested: {loss_text(requested, epsilon_of)}\n"
        f"  spent:     {loss_text(period.spent_rho, epsilon_of)} in this period\n"
        f"  reserved:  {loss_text(period.reserved_rho, epsilon_of)} for other reports, which were promised\n"
        f"  remaining: {loss_text(left, epsilon_of)} of {loss_text(period.cap.rho_units, epsilon_of)}\n"
        f"  missing:   {loss_text(requested - left, epsilon_of)}\n"
        f"  would fit: {', '.join(some) if some else 'none of its queries as planned'}\n"
        "three ways on:\n"
        f"  coarser margins{f' (about {factor} times as wide, all of them)' if factor else ' do not help: nothing is left'}\n"
        "  fewer queries, or such as were measured already\n"
        f"  wait until {period.until}, when the next period begins; the cap for ever counts on"
    )
