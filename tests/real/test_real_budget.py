"""A report on real data, at a real budget."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from dpinsights.budget import clock, open_budget
from dpinsights.definitions.loading import load_folder
from dpinsights.demo_signing import sign_all
from dpinsights.pipeline import Data, run_report
from dpinsights.state import State
from tests.real.answers import Answers


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bank", "shop"])
def test_a_real_report_at_a_real_budget(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Written for real, without the mark of made-up data, and its intervals hold the exact numbers."""
    answers: Answers = request.getfixturevalue(name)
    definitions = load_folder(answers.definitions)
    assert definitions.policy is not None
    signed = tmp_path / "definitions"
    copytree(answers.definitions, signed)
    signer = sign_all(signed / "report.yaml", tmp_path / "keys", clock().date())
    state = State(tmp_path / "state")
    ledger = open_budget(definitions.policy, definitions.contract, state)
    released = run_report(
        signed / "report.yaml",
        ledger=ledger,
        data=lambda _: Data(answers.sources, answers.data, state.work),
        releases=state.releases,
        signer=signer,
    )
    ledger.close()

    release, folder = released.release, released.folder
    assert release.origin == "real" and release.statement.fresh.epsilon <= 1
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert written >= {"report.en.html", "report.zh.html", "release.json"}
    assert {file for file in written if file.startswith("tables/")} >= {
        f"tables/{t.name}.csv" for t in release.tables
    }
    page = (folder / "report.en.html").read_text(encoding="utf-8")
    assert "NOT APPROVED" not in page and "Made-up population" not in page
    assert "虚构人群" not in (folder / "report.zh.html").read_text(encoding="utf-8")

    pairs = [
        (cell.estimate, answers.released.tables[table.name].cells[place].estimate.value)
        for table in release.tables
        for place, cell in enumerate(table.cells)
    ]
    known = [(estimate, value) for estimate, value in pairs if value is not None]
    covered = sum(estimate.low <= value <= estimate.high for estimate, value in known)
    assert covered >= 0.85 * len(known) and len(known) > 100
