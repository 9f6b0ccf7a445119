"""Commands about the budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpinsights.cli.shared import StateOption, budget_app, number, out


@budget_app.callback()
def budget(context: typer.Context, state: StateOption = None) -> None:
    """Shows what is spent and left, or (with a command) opens or amends the budget."""
    if context.invoked_subcommand is not None:
        return
    from dpinsights.budget import open_ledger
    from dpinsights.mechanisms.loss import epsilon_of
    from dpinsights.reporting.notebook import budget_text
    from dpinsights.state import find_state

    ledger = open_ledger(find_state(state))
    delta = ledger.deltas().conversion
    out.print(f"partnership {ledger.partnership}, policy {ledger.policy}", markup=False)
    out.print(budget_text(ledger.balances(), None, lambda units: epsilon_of(units, delta)), markup=False)
    for change in ledger.amendments():
        line = f"amended {change.day}: {change.account} from epsilon {change.before.epsilon} to {change.after.epsilon}"
        out.print(line, markup=False)
    ledger.close()


@budget_app.command("open")
def budget_open(
    policy: Annotated[Path, typer.Argument(help="policy.yaml, with contract.yaml beside it.")],
    state: StateOption = None,
) -> None:
    """Opens the partnership's ledger, once."""
    from dpinsights.budget import open_budget
    from dpinsights.definitions.loading import load_contract, load_policy
    from dpinsights.state import find_state

    contract = load_contract(policy.parent / "contract.yaml")
    where = find_state(state)
    ledger = open_budget(load_policy(policy, contract), contract, where)
    out.print(f"opened {where.ledger} for partnership {ledger.partnership}", markup=False)
    if contract.partnership is None:
        out.print(f"Write this into contract.yaml:\n  partnership: {ledger.partnership}", markup=False)
    ledger.close()


@budget_app.command("amend")
def budget_amend(
    account: Annotated[str, typer.Argument(help="An account's name, or lifetime.")],
    epsilon: Annotated[str, typer.Argument(help="The new cap, as epsilon at the policy's delta.")],
    state: StateOption = None,
) -> None:
    """Changes an account's cap; every later report shows it."""
    from dpinsights.budget import amend_cap, open_ledger
    from dpinsights.state import find_state

    ledger = open_ledger(find_state(state))
    change = amend_cap(ledger, account, number(epsilon))
    out.print(
        f"{change.account}: cap was epsilon {change.before.epsilon}, is epsilon {change.after.epsilon}",
        markup=False,
    )
    ledger.close()
