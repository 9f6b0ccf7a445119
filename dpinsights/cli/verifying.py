"""The command that checks a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpinsights.cli.shared import app, out


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The folder of a release, as it was received.")],
    trust: Annotated[Path, typer.Option("--trust", help="Your own copy of trust.yaml.")],
    earlier: Annotated[
        Path | None,
        typer.Option("--earlier", help="The receipt of a release that you received before, or its folder."),
    ] = None,
    language: Annotated[str, typer.Option(help="en or zh.")] = "en",
) -> None:
    """Checks a release: signatures, digests, approval, ledger, epsilon, and each number of its pages and tables.

    Needs nothing but the folder, the trust file and an earlier receipt. Exit code 9 if anything is not as it must be.
    """
    from dpinsights.governance.approvals.trust import load_trust
    from dpinsights.verification.phrases import VERDICTS
    from dpinsights.verification.verifying import EXIT_CODE, earlier_receipt, listed
    from dpinsights.verification.verifying import verify as verified

    if language not in VERDICTS:
        raise typer.BadParameter(f"a language is one of {', '.join(VERDICTS)}")
    trusted = load_trust(trust)
    findings = verified(folder, trusted, earlier_receipt(earlier, trusted) if earlier else None)
    for line in listed(findings, language):
        out.print(line, markup=False)
    if not all(one.ok for one in findings):
        raise typer.Exit(EXIT_CODE)
