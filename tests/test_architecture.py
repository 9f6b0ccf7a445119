"""The shape of the package: arrows, the public face, and what no file may do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dpinsights

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dpinsights"


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)


def test_the_arrows_point_down() -> None:
    found = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert found.returncode == 0, found.stdout + found.stderr


def test_ruff_is_clean() -> None:
    found = run("-m", "ruff", "check", ".")
    assert found.returncode == 0, found.stdout


def test_mypy_strict_is_clean() -> None:
    found = run("-m", "mypy")
    assert found.returncode == 0, found.stdout


def test_the_public_face() -> None:
    assert " ".join(dpinsights.__all__) == (
        "DpInsightsError Session concentration corr count crosstab funnel histogram mean median open pairs quantile "
        "ratio regression retention share std sum top var"
    )
    for name in dpinsights.__all__:
        assert getattr(dpinsights, name) is not None
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    for room in rooms:
        assert re.search(rf"^    {room}\b", dpinsights.__doc__ or "", re.MULTILINE), f"the map lacks {room}"


def test_randomness_is_only_the_generators_and_opendps() -> None:
    """Beside them, a test's Monte Carlo draws populations from its null: no noise that protects anyone."""
    for file in PACKAGE.rglob("*.py"):
        if "synthetic" in file.parts or file.relative_to(PACKAGE).as_posix() == "estimation/significance.py":
            continue
        text = file.read_text(encoding="utf-8")
        assert not re.search(
            r"^\s*(import random|from random)|np\.random|numpy\.random|default_rng", text, re.MULTILINE
        ), file


def test_nothing_inside_imports_the_face() -> None:
    for file in PACKAGE.rglob("*.py"):
        assert not re.search(
            r"^\s*(import dpinsights$|from dpinsights import)", file.read_text(encoding="utf-8"), re.MULTILINE
        )
