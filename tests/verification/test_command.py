"""dpinsights verify, as a partner's analyst runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.verification.house import House, write

COMMAND = [sys.executable, "-c", "from dpinsights.cli import main; main()"]


def verify(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs the real command in a process of its own, far from any state directory."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DPINSIGHTS")}
    return subprocess.run(
        [*COMMAND, "verify", *map(str, words)], capture_output=True, text=True, env=environment
    )


def test_verify_says_what_it_checked_and_whether_all_holds(house: House, tmp_path: Path) -> None:
    release, first = write(house.second, tmp_path / "release"), write(house.first, tmp_path / "first")
    trust = ("--trust", house.trust_file)
    sound = verify(release, *trust, "--earlier", first / "receipt.dsse.json")
    assert sound.returncode == 0 and sound.stdout.splitlines()[-1].startswith("VERIFIED"), sound.stderr
    page = release / "report.en.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</h1>", "!</h1>"), encoding="utf-8")
    wrong = verify(release, *trust, "--language", "zh")
    assert wrong.returncode == 9 and wrong.stdout.splitlines()[-1].startswith("核对未通过")
    assert "不符  report.en.html" in wrong.stdout and not wrong.stderr


def test_verify_refuses_what_it_can_not_begin_with(house: House, tmp_path: Path) -> None:
    trust = ("--trust", house.trust_file)
    nothing = verify(tmp_path / "nowhere", *trust)
    assert nothing.returncode == 7 and "name the folder of a release" in nothing.stderr
    write(house.first, tmp_path / "first")
    other = verify(tmp_path / "first", *trust, "--language", "fr")
    assert other.returncode == 2
    receipt = tmp_path / "receipt.dsse.json"
    receipt.write_bytes(b"{}")
    assert verify(tmp_path / "first", *trust, "--earlier", receipt).returncode == 8
    missing = verify(tmp_path / "first", *trust, "--earlier", tmp_path / "no.json")
    assert missing.returncode == 7 and "no.json" in missing.stderr
