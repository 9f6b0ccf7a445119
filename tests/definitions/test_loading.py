"""Documents from files: the design's own examples, the four partnerships, places of problems."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dpinsights.definitions.loading import load_contract, load_folder, load_policy, load_report, load_sources
from dpinsights.definitions.resolving import check_report, report_digests
from dpinsights.errors import DefinitionError
from dpinsights.model.canonical import digest

GOOD = Path(__file__).parent / "good"
REPORTS = Path(__file__).parents[2] / "reports"
PARTNERSHIPS = sorted(folder for folder in REPORTS.iterdir() if (folder / "contract.yaml").is_file())


def test_the_examples_of_the_design() -> None:
    folder = load_folder(GOOD)
    assert list(folder.reports) == ["partner-quarterly"]
    assert folder.sources is not None
    assert folder.policy is not None
    assert str(folder.policy.delta.conversion) == "1E-10"


@pytest.mark.parametrize("path", PARTNERSHIPS, ids=lambda path: path.name)
def test_partnerships(path: Path) -> None:
    folder = load_folder(path)
    assert folder.policy is not None
    assert folder.reports
    for report in folder.reports.values():
        resolved = check_report(report, folder.checked, folder.policy)
        assert len(resolved) == len(report.queries)
        assert report_digests(report, folder.checked, resolved)[0]


def test_all_problems_of_all_files_at_once(tmp_path: Path) -> None:
    for file in GOOD.iterdir():
        shutil.copy(file, tmp_path)
    report, policy = tmp_path / "partner-quarterly.yaml", tmp_path / "policy.yaml"
    text = report.read_text("utf-8")
    report.write_text(
        text.replace("icbc.customers.province", "icbc.customers.provins").replace("sum:", "some:"), "utf-8"
    )
    policy.write_text(policy.read_text("utf-8").replace("1e-10", "1e-3"), "utf-8")
    with pytest.raises(DefinitionError) as caught:
        load_folder(tmp_path)
    assert {Path(problem.file).name for problem in caught.value.problems} == {
        "partner-quarterly.yaml",
        "policy.yaml",
    }
    assert {problem.code for problem in caught.value.problems} >= {"unknown-field", "delta-too-large"}


def test_an_expression_s_fault_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    text = (GOOD / "contract.yaml").read_text("utf-8")
    path.write_text(text.replace("product = 'certificate_of_deposit'", "product = 'certificate'"), "utf-8")
    with pytest.raises(DefinitionError) as caught:
        load_contract(path)
    (problem,) = caught.value.problems
    line = next(n for n, line in enumerate(text.splitlines(), 1) if "holds_cd" in line)
    assert (problem.line, problem.column, problem.field) == (line, 19, "features.holds_cd.any")


def test_a_folder_without_a_contract(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no-contract"):
        load_folder(tmp_path)


def test_two_reports_of_one_name(tmp_path: Path) -> None:
    for file in GOOD.iterdir():
        shutil.copy(file, tmp_path)
    shutil.copy(GOOD / "partner-quarterly.yaml", tmp_path / "second.yaml")
    with pytest.raises(DefinitionError, match="report-twice"):
        load_folder(tmp_path)


def test_one_meaning_has_one_digest(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    text = (GOOD / "contract.yaml").read_text("utf-8")
    path.write_text(text.replace("[0, 2000000]", "['0', 2e6]").replace("\n", "\r\n"), "utf-8")
    assert digest(load_contract(path), purpose="x") == digest(
        load_contract(GOOD / "contract.yaml"), purpose="x"
    )


def test_the_order_of_keys_is_part_of_a_contract(tmp_path: Path) -> None:
    # Codes go by position: two orders that looked alike would put one province's number under another's name.
    path = tmp_path / "contract.yaml"
    text = (GOOD / "contract.yaml").read_text("utf-8")
    path.write_text(text.replace("[北京, 天津, 西藏]", "[天津, 北京, 西藏]"), "utf-8")
    one, other = load_contract(path), load_contract(GOOD / "contract.yaml")
    assert one != other
    assert digest(one, purpose="x") != digest(other, purpose="x")


def test_documents_alone() -> None:
    assert load_report(GOOD / "partner-quarterly.yaml").audience == "jd"
    assert load_policy(GOOD / "policy.yaml").lifetime.epsilon == 8
    assert load_sources(GOOD / "sources.yaml").origin == "real"
