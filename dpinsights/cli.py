"""The command line. Every command prints declared names and ledger facts, never a row, a true count or a duration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from dpinsights.errors import DpInsightsError
from dpinsights.model.numbers import exact

if TYPE_CHECKING:
    from dpinsights.governance.approvals.lock import Lock

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


def main() -> None:
    """Runs the command line; what a user can mend is said without a traceback, and nothing else ever shows one."""
    try:
        app(standalone_mode=True)
    except DpInsightsError as error:
        err.print(str(error), style="red", markup=False)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        # A traceback may hold values of rows.
        err.print(
            "dpinsights met a fault of its own and stopped. Nothing more is shown, since it might hold data.",
            style="red",
        )
        sys.exit(70)


@contextmanager
def _stages() -> Iterator[Callable[[str], None]]:
    """Says which stage begins: a fixed list, without counts or durations."""
    names = {
        "generate": "Making a population",
        "define": "Reading definitions",
        "plan": "Planning",
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


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="A new folder.")] = Path("dpinsights-demo"),
    scale: Annotated[int, typer.Option(min=1, max=100, help="Divides the population, for a quick look.")] = 1,
) -> None:
    """Makes a population of two companies' customers and runs the partner report over it."""
    from dpinsights.demo import run_demo

    with _stages() as stage:
        made = run_demo(folder, scale=scale, stage=stage)
    _print_released(made.released.folder, made.released.release)
    out.print(
        f"\nDefinitions: {made.definitions}\nTry next:\n"
        f"  dpinsights plan {made.definitions}/channel-moves.yaml\n"
        f"  dpinsights run {made.definitions}/channel-moves.yaml --sources {made.sources} --state {made.state.folder}\n"
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
) -> None:
    """Runs a report: charges its account, measures with noise, writes the report's files."""
    from dpinsights.budget import open_ledger
    from dpinsights.pipeline import data_of, run_report
    from dpinsights.state import find_state

    where = find_state(state)
    ledger = open_ledger(where)
    try:
        where.prepare()
        with _stages() as stage:
            released = run_report(
                report,
                ledger=ledger,
                data=lambda contract: data_of(
                    sources or report.parent / "sources.yaml", contract, where.work
                ),
                releases=where.releases,
                stage=stage,
            )
    finally:
        ledger.close()
    _print_released(released.folder, released.release)


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
    change = amend_cap(ledger, account, _number(epsilon))
    out.print(
        f"{change.account}: cap was epsilon {change.before.epsilon}, is epsilon {change.after.epsilon}",
        markup=False,
    )
    ledger.close()


def _number(text: str) -> Decimal:
    try:
        return exact(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


def _print_released(folder: Path, release: object) -> None:
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


@app.command()
def lock(
    report: Annotated[Path, typer.Argument(help="A report's YAML.")],
    author: Annotated[
        str | None, typer.Option(help="Who wrote it, as trust.yaml has the name; else as its last lock says.")
    ] = None,
) -> None:
    """Writes a report's lock: all that its numbers and pages come from, for others to sign."""
    from dpinsights.approving import author_of, trust_beside, write_lock
    from dpinsights.governance.approvals.describing import describe

    made = _lock_of(report, author_of(report, author, trust_beside(report)))
    path = write_lock(made, report)
    for line in describe(made, _epsilon_of(made)):
        out.print(line, markup=False)
    out.print(f"wrote {path}, sha256 {made.digest}", markup=False)


@app.command()
def approve(
    lock: Annotated[Path, typer.Argument(help="A report's lock, report.lock.json.")],
    key: Annotated[Path, typer.Option(help="The key file; its passphrase is asked for.")],
    role: Annotated[str, typer.Option(help="author, owner or compliance.")],
    comment: Annotated[str, typer.Option(help="A remark, which is signed too.")] = "",
    days: Annotated[int, typer.Option(min=1, max=3660, help="For how many days it counts, from today (UTC).")] = 90,
    max_runs: Annotated[int, typer.Option(min=1, max=999_999, help="How many runs it allows.")] = 1,
) -> None:
    """Signs a report's lock, under a role; says first what is signed."""
    from datetime import timedelta

    from dpinsights.approving import passphrase, read_lock, sign_lock
    from dpinsights.budget import clock
    from dpinsights.governance.approvals.approval import Terms
    from dpinsights.governance.approvals.describing import describe
    from dpinsights.governance.approvals.keys import FileSigner
    from dpinsights.model.trust import ROLES

    known = next((one for one in ROLES if one == role), None)
    if known is None:
        raise typer.BadParameter(f"a role is one of {', '.join(ROLES)}")
    shown = read_lock(lock)
    for line in describe(shown, _epsilon_of(shown)):
        out.print(line, markup=False)
    signer = FileSigner.load(key, passphrase(lambda: str(typer.prompt("Passphrase", hide_input=True, err=True))))
    today = clock().date()
    terms = Terms(known, today, today + timedelta(days=days), max_runs, comment)
    file = sign_lock(lock, signer, terms, shown.digest)
    out.print(f"signed {shown.digest} as {role}, until {terms.until}, for {max_runs} runs: {file}", markup=False)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="A report's YAML, or a lock.")],
    new: Annotated[Path, typer.Argument(help="A report's YAML, or a lock.")],
) -> None:
    """What changed between two versions of a report: columns, filters, groups, bounds, margins, cost, text."""
    from dpinsights.approving import read_lock
    from dpinsights.governance.approvals.differences import differences

    read = {path: read_lock(path) for path in (old, new) if path.suffix == ".json"}
    # The author of a report that has no lock is not what is asked here.
    author = next((one.author for one in read.values()), "unknown")
    before, after = (read.get(path) or _lock_of(path, author) for path in (old, new))
    found = differences(before, after, _epsilon_of(after))
    for change in found:
        out.print(str(change), markup=False)
    if not found:
        out.print("they are the same", markup=False)


@keys_app.command("generate")
def keys_generate(
    file: Annotated[Path, typer.Argument(help="A new file for the key; it stays with its owner.")],
) -> None:
    """Makes a key and prints its public half, as trust.yaml wants it; the passphrase is asked for."""
    import base64

    from dpinsights.approving import passphrase
    from dpinsights.governance.approvals.keys import FileSigner

    made = FileSigner.generate(
        file,
        passphrase(
            lambda: str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True))
        ),
    )
    out.print(f"id: {made.key_id}\npublic_key: {base64.b64encode(made.public_key).decode()}", markup=False)


def _lock_of(report: Path, author: str) -> Lock:
    from dpinsights.approving import lock_of
    from dpinsights.pipeline import NO_ACCOUNT_MAP, define, plan

    made = define(report)
    return lock_of(
        report, made.report, made.contract, made.policy, plan(made), author=author, map_version=NO_ACCOUNT_MAP
    )


def _epsilon_of(lock: Lock) -> Callable[[int], str]:
    from dpinsights.mechanisms.loss import epsilon_of

    delta = exact(lock.data["plan"]["conversion_delta"])
    return lambda units: str(epsilon_of(units, delta))
