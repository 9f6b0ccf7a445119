"""The README's two commands, taken out of it and run in a clone."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def command(name: str) -> str:
    """The command under a mark of README.md."""
    found = re.search(rf"<!-- {name} -->\n```bash\n(.+?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"README.md has no {name} command"
    return found[1]


def clone(folder: Path) -> Path:
    subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "clone")], check=True)
    return folder / "clone"


@pytest.mark.slow
def test_both_commands_do_all_set_up(tmp_path: Path) -> None:
    place = clone(tmp_path)
    made = subprocess.run(["bash", "-euo", "pipefail", "-c", command("demo")], cwd=place, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    report = re.search(r"Report: (\S+report\.en\.html)", made.stdout)
    assert report and (place / report[1]).is_file()
    assert "epsilon" in made.stdout
    environment = os.environ | {"PYTEST_ADDOPTS": "--collect-only -qq"}
    tests = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command("tests")], cwd=place, capture_output=True, text=True, env=environment
    )
    assert tests.returncode == 0, tests.stdout + tests.stderr
