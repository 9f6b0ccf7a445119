"""Commands about reports: demo, check, plan, run, init, schemas, snapshots."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dpinsights.cli.shared import (
    SourcesOption,
    StateOption,
    app,
    ask_passphrase,
    out,
    print_released,
    stages,
)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="A new folder.")] = Path("dpinsights-demo"),
    scale: Annotated[int, typer.Option(min=1, max=100, help="Divides the population, for a quick look.")] = 1,
) -> None:
    """Makes a population of two companies' customers and runs the partner report over it."""
    from dpinsights.demo import run_demo

    with stages() as stage:
        made = run_demo(folder, scale=scale, stage=stage)
    print_released(made.released.folder, made.released.release)
    out.print(
        f"\nDefinitions: {made.definitions}\nTry next:\n"
        f"  dpinsights plan {made.definitions}/channel-moves.yaml\n"
        f"  dpinsights verify {made.released.folder} --trust {made.trust}\n"
        f"  dpinsights run {made.definitions}/channel-moves.yaml --rehearsal --sources {made.sources} --state {made.state.folder}\n"
        f"  dpinsights budget --state {made.state.folder}",
        markup=False,
    )


@app.command()
def check(path: Annotated[Path, typer.Argument(help="A partnership's folder.")]) -> None:
    """Checks all definitions of a partnership: every problem, with its line."""
    from dpinsights.definitions.loading import load_folder
    from dpinsights.pipeline import define, plan

    folder = load_folder(path)
    for name, file in folder.files.items():
        if folder.policy is not None:
            plan(define(file))
        out.print(f"{name}: {len(folder.reports[name].queries)} queries", markup=False)
    out.print(
        f"{folder.contract.contract}: the contract, {len(folder.contract.tables)} tables, {len(folder.contract.features)} "
        f"features, {'the policy' if folder.policy else 'no policy yet'} and {len(folder.reports)} reports are sound",
        style="green",
    )


@app.command("plan")
def plan_command(report: Annotated[Path, typer.Argument(help="A report's YAML.")]) -> None:
    """What a report costs and the margins to expect; reads no data and spends nothing."""
    from dpinsights.mechanisms.loss import epsilon_of
    from dpinsights.pipeline import define, plan
    from dpinsights.reporting.notebook import plan_text

    planned = plan(define(report))
    out.print(plan_text(planned, lambda units: epsilon_of(units, planned.conversion_delta)), markup=False)


@app.command()
def run(
    report: Annotated[Path, typer.Argument(help="A report's YAML.")],
    sources: SourcesOption = None,
    state: StateOption = None,
    key: Annotated[
        Path | None,
        typer.Option(envvar="DPINSIGHTS_KEY", help="The operator's key file, which signs the receipt."),
    ] = None,
    trust: Annotated[
        Path | None,
        typer.Option(help="The operator's own copy of trust.yaml; else the one beside the report."),
    ] = None,
    rehearsal: Annotated[
        bool, typer.Option("--rehearsal", help="Without approvals, over made-up data alone.")
    ] = False,
) -> None:
    """Runs a report that was approved: charges its account, measures with noise, writes the files and a signed receipt."""
    from dpinsights.approving import passphrase
    from dpinsights.budget import open_ledger
    from dpinsights.governance.approvals.keys import FileSigner
    from dpinsights.pipeline import data_of, run_report
    from dpinsights.state import find_state

    where = find_state(state)
    signer = FileSigner.load(key, passphrase(ask_passphrase)) if key is not None else None
    ledger = open_ledger(where)
    try:
        where.prepare()
        with stages() as stage:
            released = run_report(
                report,
                ledger=ledger,
                data=lambda contract: data_of(
                    sources or report.parent / "sources.yaml", contract, where.work
                ),
                releases=where.releases,
                signer=signer,
                rehearsal=rehearsal,
                trust=trust,
                stage=stage,
            )
    finally:
        ledger.close()
    print_released(released.folder, released.release)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="A new partnership's folder.")],
    party: Annotated[list[str], typer.Option("--party", help="A party's short name; give two.")],
    table: Annotated[
        list[str] | None,
        typer.Option("--table", help="party.table=file.parquet: its schema is read, never its rows."),
    ] = None,
) -> None:
    """Starts a partnership: a contract to complete, and a policy. It proposes types, never keys or bounds."""
    from dpinsights.definitions.init import start_folder

    for file in start_folder(folder, party, table or []):
        out.print(f"wrote {file}", markup=False)
    out.print(f"Complete what is marked, then: dpinsights check {folder}", markup=False)


@app.command()
def schemas(folder: Annotated[Path, typer.Argument(help="Where the JSON Schemas are written.")]) -> None:
    """Writes JSON Schemas of the definitions, for editors."""
    from dpinsights.definitions.schemas import write_schemas

    for file in write_schemas(folder):
        out.print(f"wrote {file}", markup=False)


@app.command()
def snapshots(state: StateOption = None) -> None:
    """The snapshots that the ledger knows."""
    from dpinsights.budget import open_ledger
    from dpinsights.state import find_state

    ledger = open_ledger(find_state(state))
    table = Table("snapshot", "contract", "account map")
    for snapshot in ledger.snapshots():
        table.add_row(snapshot.name, snapshot.contract_digest[:16], snapshot.map_version)
    out.print(table)
    ledger.close()
