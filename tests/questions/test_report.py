"""The whole report of thirty questions as a user runs it: charged, drawn, written in both languages, within its budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpinsights.budget import open_budget
from dpinsights.definitions.loading import load_folder
from dpinsights.pipeline import Data, run_report
from dpinsights.state import State
from tests.questions.population import write_population
from tests.questions.sql import ANSWERS, Plain

PARTNERSHIP = Path(__file__).resolve().parent / "partnership"


@pytest.mark.slow
def test_the_report_is_written(tmp_path: Path) -> None:
    definitions = load_folder(PARTNERSHIP)
    assert definitions.policy is not None
    state = State(tmp_path / "state")
    ledger = open_budget(definitions.policy, definitions.contract, state)
    sources = write_population(tmp_path / "rows")
    released = run_report(
        PARTNERSHIP / "report.yaml",
        ledger=ledger,
        data=lambda _: Data(sources, tmp_path / "rows", state.work),
        releases=state.releases,
        rehearsal=True,
    )
    ledger.close()

    release, folder = released.release, released.folder
    assert 3.9 < release.statement.fresh.epsilon <= 4
    named = {table.name for table in release.tables}
    assert named >= set(ANSWERS)
    assert {file.name for file in (folder / "tables").glob("*.csv")} >= {f"{name}.csv" for name in named}
    assert all((folder / f"report.{language}.html").is_file() for language in ("en", "zh"))

    plain, covered, asked = Plain(tmp_path / "rows"), 0, 0
    for table in release.tables:
        exact = plain.numbers(ANSWERS[table.name]) if table.name in ANSWERS else {}
        for cell in table.cells:
            number = exact.get(cell.keys)
            if number is not None:
                asked += 1
                covered += float(cell.estimate.low) <= number <= float(cell.estimate.high)
    assert asked > 500
    assert covered >= 0.9 * asked
