"""Commands about the ledger itself: its health, and the end of a freeze."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpinsights.cli.shared import StateOption, app, out
from dpinsights.errors import LedgerError

if TYPE_CHECKING:
    from dpinsights.governance.doctor import Earlier

ledger_app = typer.Typer(help="The ledger's health, and the end of a freeze.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")


@ledger_app.command()
def doctor(
    state: StateOption = None,
    receipt: Annotated[
        Path | None,
        typer.Option(
            help="The receipt of an earlier release: says whether the ledger still goes on from it."
        ),
    ] = None,
    trust: Annotated[Path | None, typer.Option(help="Your own copy of trust.yaml, for --receipt.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail on warnings too: unfinished charges, frozen accounts.")
    ] = False,
) -> None:
    """Verifies the ledger and explains each charge without a release. Changes nothing.

    Recomputes the chain and all sums, states each stored loss again from its specification, reads each noisy vector
    against its digest. Exit code 4 if there is a fault, or a warning and --strict.
    """
    from dpinsights.budget import open_ledger
    from dpinsights.governance.doctor import Weight, damaged_vectors, examine
    from dpinsights.mechanisms.loss import epsilon_of
    from dpinsights.mechanisms.stated import units_of
    from dpinsights.reporting.notebook import budget_text
    from dpinsights.state import find_state

    if (receipt is None) != (trust is None):
        raise typer.BadParameter("--receipt and --trust go together: the receipt's signature is checked")
    earlier = _earlier(receipt, trust) if receipt and trust else None
    ledger = open_ledger(find_state(state))
    try:
        delta, entries = ledger.deltas().conversion, ledger.entries()
        found = (
            *damaged_vectors(ledger),
            *examine(
                entries, units_of, epsilon_of=lambda units: str(epsilon_of(units, delta)), earlier=earlier
            ),
        )
        text = budget_text(ledger.balances(), None, lambda units: epsilon_of(units, delta))
    finally:
        ledger.close()
    for finding in found:
        out.print(str(finding), markup=False)
    out.print(text, markup=False)
    head = entries[-1]
    out.print(f"{head.seq} entries, the last is {head.hash}", markup=False)
    if earlier is not None and not any(finding.code.startswith("ledger-") for finding in found):
        out.print(f"goes on from entry {earlier.head.seq}, which the receipt names", markup=False)
    failing = {Weight.FAULT, Weight.WARNING} if strict else {Weight.FAULT}
    if any(finding.weight in failing for finding in found):
        raise typer.Exit(LedgerError.exit_code)
    out.print("no fault was found", markup=False)


@ledger_app.command()
def resolve(
    account: Annotated[str, typer.Argument(help="A frozen account's name, or lifetime.")],
    state: StateOption = None,
) -> None:
    """Ends the freeze of an account, once its cause is known; the ledger keeps that it was frozen and resolved."""
    from dpinsights.budget import open_ledger
    from dpinsights.state import find_state

    ledger = open_ledger(find_state(state))
    try:
        ledger.resolve(account)
    finally:
        ledger.close()
    out.print(f"the account {account} can be charged again", markup=False)


def _earlier(receipt: Path, trust: Path) -> Earlier:
    """What a receipt says, and the ledger's extract that lies beside it, if there is one."""
    from dpinsights.governance.approvals.receipt import read_receipt
    from dpinsights.governance.approvals.trust import load_trust
    from dpinsights.governance.doctor import Earlier
    from dpinsights.governance.extract import FILE, read_extract
    from dpinsights.governance.ledger.interface import Head

    if not receipt.is_file():
        raise LedgerError(f"there is no receipt at {receipt}: name the receipt.dsse.json of a release")
    read = read_receipt(receipt.read_bytes(), load_trust(trust), receipt.name)
    said = Head(read.facts.seq, read.facts.hash)
    extract = receipt.with_name(FILE)
    if not extract.is_file():
        return Earlier(read.facts.partnership, said)
    content = extract.read_bytes()
    if hashlib.sha256(content).hexdigest() != read.files.get(FILE):
        raise LedgerError(
            f"{extract} is not the file that the receipt names: take both from the release again"
        )
    return Earlier(read.facts.partnership, said, read_extract(content, FILE))
