"""The wheel works outside the clone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def run(*command: str | Path, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_wheel_in_an_empty_environment_runs_the_demo(tmp_path: Path) -> None:
    run("git", "clone", "-q", ROOT, tmp_path / "clone", cwd=tmp_path)
    run(sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path / "dist", tmp_path / "clone", cwd=tmp_path)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in (
        "dpinsights/py.typed",
        "dpinsights/governance/ledger/schema.sql",
        "dpinsights/reporting/templates/partner.html",
        *(f"dpinsights/reports/{name}/contract.yaml" for name in ("gongyin-xiaobai", "abc-baidu", "boc-tencent", "ccb-ant")),
    ):
        assert wanted in names, wanted
    assert not any(name.startswith(("tests/", "docs/")) for name in names)
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    out = run(tmp_path / "env" / "bin" / "dpinsights", "demo", "made", "--scale", "10", cwd=tmp_path)
    report = re.search(r"Report: (\S+\.html)", out)
    assert report and (tmp_path / report[1]).is_file()
