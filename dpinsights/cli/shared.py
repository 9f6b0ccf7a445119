"""What the commands share: the application, its two consoles, options, and how a run is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dpinsights.model.numbers import exact

app = typer.Typer(
    name="dpinsights",
    help="Differentially private customer-insight reports over the merged customers of two companies.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
budget_app = typer.Typer(help="The partnership's privacy budget.", invoke_without_command=True)
app.add_typer(budget_app, name="budget")
keys_app = typer.Typer(help="Keys that sign approvals and receipts.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

StateOption = Annotated[
    Path | None, typer.Option("--state", help="The state directory, with the ledger; else DPINSIGHTS_STATE.")
]
SourcesOption = Annotated[
    Path | None, typer.Option("--sources", help="sources.yaml; else beside the report.")
]


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """Says which stage begins: a fixed list, without counts or durations."""
    names = {
        "generate": "Making a population",
        "define": "Reading definitions",
        "plan": "Planning",
        "approve": "Checking approvals",
        "charge": "Charging the budget",
        "aggregate": "Aggregating",
        "privatize": "Adding noise",
        "estimate": "Estimating",
        "report": "Writing the report",
    }
    if not err.is_terminal:
        yield lambda stage: err.print(f"{names[stage]} ...", style="dim")
        return
    with err.status("Starting") as status:
        yield lambda stage: status.update(f"{names[stage]} ...")


def ask_passphrase() -> str:
    """Asks for a key's passphrase, unseen."""
    return str(typer.prompt("Passphrase", hide_input=True, err=True))


def number(text: str) -> Decimal:
    try:
        return exact(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def print_released(folder: Path, release: object) -> None:
    from dpinsights.model.release import Release

    if not isinstance(release, Release):
        raise TypeError("expected a release")
    statement = release.statement
    out.print(f"Report: {folder / 'report.en.html'}\n        {folder / 'report.zh.html'}", markup=False)
    out.print(
        f"Charged for new noise: epsilon {statement.fresh.epsilon} at delta {statement.conversion_delta}; this report shows "
        f"epsilon {statement.report.epsilon} of the {release.account} account's {statement.account_cap.epsilon} "
        f"({statement.account.epsilon} spent); lifetime {statement.lifetime.epsilon} of {statement.lifetime_cap.epsilon}.",
        markup=False,
    )
