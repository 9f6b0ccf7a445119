"""Commands about approvals: lock, approve, diff, keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpinsights.cli.shared import app, ask_passphrase, keys_app, out
from dpinsights.model.numbers import exact

if TYPE_CHECKING:
    from dpinsights.governance.approvals.lock import Lock


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
    lock: Annotated[
        Path, typer.Argument(help="A report's lock, report.lock.json, or a proposal, amendment.json.")
    ],
    key: Annotated[Path, typer.Option(help="The key file; its passphrase is asked for.")],
    role: Annotated[str, typer.Option(help="author, owner or compliance.")],
    comment: Annotated[str, typer.Option(help="A remark, which is signed too.")] = "",
    days: Annotated[
        int, typer.Option(min=1, max=3660, help="For how many days it counts, from today (UTC).")
    ] = 90,
    max_runs: Annotated[int, typer.Option(min=1, max=999_999, help="How many runs of a lock it allows.")] = 1,
) -> None:
    """Signs a report's lock, or a proposal to raise a cap, under a role; says first what is signed."""
    from datetime import timedelta

    from dpinsights.amending import is_proposal, read_proposal, sign_proposal
    from dpinsights.approving import passphrase, read_lock, sign_lock
    from dpinsights.budget import clock
    from dpinsights.governance.approvals.approval import Terms
    from dpinsights.governance.approvals.describing import describe
    from dpinsights.governance.approvals.keys import FileSigner
    from dpinsights.model.trust import APPROVING

    known = next((one for one in APPROVING if one == role), None)
    if known is None:
        raise typer.BadParameter(f"a role is one of {', '.join(APPROVING)}")
    today = clock().date()
    terms = Terms(known, today, today + timedelta(days=days), max_runs, comment)
    if is_proposal(lock):
        proposal = read_proposal(lock)
        for line in proposal.lines():
            out.print(line, markup=False)
        file = sign_proposal(lock, FileSigner.load(key, passphrase(ask_passphrase)), terms, proposal.digest)
        out.print(f"signed {proposal.digest} as {role}, until {terms.until}: {file}", markup=False)
        return
    shown = read_lock(lock)
    for line in describe(shown, _epsilon_of(shown)):
        out.print(line, markup=False)
    file = sign_lock(lock, FileSigner.load(key, passphrase(ask_passphrase)), terms, shown.digest)
    out.print(
        f"signed {shown.digest} as {role}, until {terms.until}, for {max_runs} runs: {file}", markup=False
    )


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
    from dpinsights.pipeline import define, lock_of, plan

    made = define(report)
    return lock_of(report, made, plan(made), author)


def _epsilon_of(lock: Lock) -> Callable[[int], str]:
    from dpinsights.mechanisms.loss import epsilon_of

    delta = exact(lock.data["plan"]["conversion_delta"])
    return lambda units: str(epsilon_of(units, delta))
