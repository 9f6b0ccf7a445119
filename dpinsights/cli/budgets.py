"""Commands about the budget."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from dpinsights.cli.shared import StateOption, budget_app, number, out

PERIOD = "The cap of each of the account's periods, instead of its cap for ever."


@budget_app.callback()
def budget(
    context: typer.Context,
    state: StateOption = None,
    forecast: Annotated[
        Path | None,
        typer.Option(
            help="A calendar of promised reports, calendar.yaml: shows what will be left, and which month runs out."
        ),
    ] = None,
) -> None:
    """Shows what is spent and left, or will be; or (with a command) opens the budget or changes a cap."""
    if context.invoked_subcommand is not None:
        return
    if forecast is not None:
        _forecast(forecast, state)
        return
    from dpinsights.budget import changes_of, clock, current_periods, open_ledger
    from dpinsights.mechanisms.loss import epsilon_of
    from dpinsights.reporting.notebook import budget_text
    from dpinsights.state import find_state

    ledger = open_ledger(find_state(state))
    delta = ledger.deltas().conversion
    out.print(f"partnership {ledger.partnership}, policy {ledger.policy}", markup=False)
    periods = current_periods(ledger, clock().date())
    text = budget_text(ledger.balances(), None, lambda units: epsilon_of(units, delta), periods=periods)
    out.print(text, markup=False)
    for change in changes_of(ledger):
        out.print(f"amended {change}", markup=False)
    ledger.close()


def _forecast(calendar: Path, state: Path | None) -> None:
    """Without a state directory, a forecast begins with the policy's caps."""
    from dpinsights.budget import open_ledger
    from dpinsights.cli.forecasts import forecast_lines
    from dpinsights.forecasting import read_forecast
    from dpinsights.mechanisms.loss import epsilon_of
    from dpinsights.state import VARIABLE, find_state

    ledger = open_ledger(find_state(state)) if state or os.environ.get(VARIABLE) else None
    asked, begin, found, delta = read_forecast(calendar, ledger)
    for line in forecast_lines(asked, begin, found, delta, lambda units: str(epsilon_of(units, delta))):
        out.print(line, markup=False)
    if ledger is not None:
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


@budget_app.command("propose")
def budget_propose(
    account: Annotated[str, typer.Argument(help="An account's name, or lifetime.")],
    epsilon: Annotated[str, typer.Argument(help="The higher cap, as epsilon at the policy's delta.")],
    reason: Annotated[str, typer.Option(help="Why; it is signed too.")],
    author: Annotated[str, typer.Option(help="Who proposes it, as trust.yaml has the name.")],
    period: Annotated[bool, typer.Option("--period", help=PERIOD)] = False,
    file: Annotated[Path, typer.Option("--out", help="The proposal's new file.")] = Path("amendment.json"),
    state: StateOption = None,
) -> None:
    """Writes a proposal to raise a cap, for others to sign."""
    from dpinsights.amending import propose, write_proposal
    from dpinsights.budget import open_ledger
    from dpinsights.state import find_state

    ledger = open_ledger(find_state(state))
    made = propose(ledger, account, number(epsilon), author=author, reason=reason, period=period)
    ledger.close()
    write_proposal(made, file)
    for line in made.lines():
        out.print(line, markup=False)
    out.print(
        f"wrote {file}, sha256 {made.digest}; next: dpinsights approve {file} by each who has to sign",
        markup=False,
    )


@budget_app.command("amend")
def budget_amend(
    what: Annotated[
        str, typer.Argument(help="A signed proposal, amendment.json; or an account, to lower its cap.")
    ],
    epsilon: Annotated[str | None, typer.Argument(help="With an account: its lower cap, as epsilon.")] = None,
    period: Annotated[bool, typer.Option("--period", help=PERIOD)] = False,
    trust: Annotated[
        Path | None, typer.Option(help="With a proposal: whose signatures count; else trust.yaml beside it.")
    ] = None,
    state: StateOption = None,
) -> None:
    """Changes an account's cap; every later report shows it. Only lowering needs no signatures."""
    from dpinsights.amending import amend_signed, lower_cap
    from dpinsights.budget import clock, open_ledger
    from dpinsights.governance.approvals.trust import load_trust
    from dpinsights.state import find_state

    where = find_state(state)
    if epsilon is not None:
        ledger = open_ledger(where)
        change, signed = lower_cap(ledger, what, number(epsilon), period=period), ""
    else:
        file = Path(what)
        if not file.is_file():
            raise typer.BadParameter(
                f"there is no file {what}: give a signed proposal (dpinsights budget propose makes one), or an account and "
                "its lower cap"
            )
        trusted = load_trust(trust or file.parent / "trust.yaml")
        ledger = open_ledger(where)
        change, approved = amend_signed(ledger, file, trusted, clock().date())
        signed = f", signed by {', '.join(approved.persons)}"
        for why in approved.set_aside:
            out.print(f"set aside: {why}", markup=False)
    out.print(
        f"{change.account}: cap{f' of each {change.period}' if change.period else ''} was epsilon {change.before}, is "
        f"epsilon {change.after}{signed}",
        markup=False,
    )
    ledger.close()


@budget_app.command("periods")
def budget_periods(
    policy: Annotated[Path, typer.Argument(help="policy.yaml, with contract.yaml beside it.")],
    state: StateOption = None,
) -> None:
    """Gives accounts the policy's periods and reserves, where the ledger has none; a cap is never raised by it."""
    from dpinsights.amending import adopt_periods
    from dpinsights.budget import open_ledger
    from dpinsights.definitions.loading import load_contract, load_policy
    from dpinsights.state import find_state

    contract = load_contract(policy.parent / "contract.yaml")
    ledger = open_ledger(find_state(state))
    made = adopt_periods(ledger, load_policy(policy, contract))
    for change in made:
        out.print(str(change), markup=False)
    if not made:
        out.print("the ledger has them already", markup=False)
    ledger.close()
