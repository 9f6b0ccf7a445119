"""Commands for compliance: the deployments-registry record and the audit pack, both made of released files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpinsights.cli.shared import app, out

export_app = typer.Typer(help="Exports for compliance, from released files.", no_args_is_help=True)
app.add_typer(export_app, name="export")


@export_app.command("registry")
def export_registry(
    release: Annotated[Path, typer.Argument(help="A release's folder.")],
    file: Annotated[
        Path | None, typer.Option("--out", help="A new file for the record; else it is printed.")
    ] = None,
) -> None:
    """Drafts the release's record for the registry of deployments of differential privacy, as YAML.

    What only a person can know begins with TODO.
    """
    from dpinsights.exporting.files import write_file
    from dpinsights.exporting.folder import read_folder
    from dpinsights.exporting.registry import TODO, registry_yaml

    text = registry_yaml(read_folder(release))
    if file is None:
        typer.echo(text, nl=False)
        return
    write_file(file, text.encode("utf-8"))
    out.print(
        f"wrote {file}; {text.count(f'{TODO}: ')} texts begin with {TODO} and are a person's to write",
        markup=False,
    )


@export_app.command("audit")
def export_audit(
    releases: Annotated[list[Path], typer.Argument(help="Folders of releases of one partnership.")],
    trust: Annotated[Path, typer.Option(help="trust.yaml, against which signatures are checked.")],
    folder: Annotated[Path, typer.Option("--out", help="A new folder for the pack.")],
    language: Annotated[str | None, typer.Option(help="en or zh, of the checklist; else both.")] = None,
) -> None:
    """Packs approvals, receipts, locks and the ledger, with a checklist of seventeen fields over each release."""
    from dpinsights.exporting.audit import audit_pack
    from dpinsights.exporting.folder import read_folder
    from dpinsights.governance.approvals.trust import load_trust
    from dpinsights.model.names import LANGUAGES
    from dpinsights.reporting.files import write_release

    if language is not None and language not in LANGUAGES:
        raise typer.BadParameter(f"a language is one of {', '.join(LANGUAGES)}")
    keys = load_trust(trust)
    folders = [read_folder(release) for release in releases]
    files = audit_pack(folders, keys, trust.read_bytes(), (language,) if language else LANGUAGES)
    write_release(files, folder)
    out.print(f"wrote {folder}, with {len(files)} files; manifest.json holds their digests", markup=False)
