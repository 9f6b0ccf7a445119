"""docs/verify.md: its script is short, needs no dpinsights, and finds what it says it finds."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dpinsights.verification.phrases import EN
from tests.verification.house import Files, House, write
from tests.verification.test_verify import flip

DOCUMENT = Path(__file__).parents[2] / "docs" / "verify.md"
(SCRIPT,) = re.findall(
    r"^```python\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "check.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def check(script: Path, files: Files, key: bytes, *earlier: str) -> subprocess.CompletedProcess[str]:
    folder = write(files, script.parent / "release")
    words = [str(folder), base64.b64encode(key).decode(), *earlier]
    return subprocess.run([sys.executable, "-P", str(script), *words], capture_output=True, text=True)


def test_it_has_at_most_30_lines_and_imports_cryptography_alone() -> None:
    assert len(SCRIPT.strip().split("\n")) <= 30 and max(map(len, SCRIPT.split("\n"))) <= 130
    first, second = SCRIPT.split("\n")[:2]
    imported = {*first.removeprefix("import ").split(", "), second.split()[1].split(".")[0]}
    assert imported - {"cryptography"} <= sys.stdlib_module_names and "import" not in "".join(
        SCRIPT.split("\n")[2:]
    )


def test_it_verifies_what_is_whole(house: House, script: Path) -> None:
    seen = house.earlier.facts
    found = check(script, house.second, house.operator.public_key, str(seen.seq), seen.hash)
    assert found.returncode == 0 and found.stdout.startswith("VERIFIED"), found.stderr


def test_it_finds_what_was_changed(house: House, script: Path) -> None:
    key, seen = house.operator.public_key, house.earlier.facts
    ledger = house.second["ledger.jsonl"]
    changed = {**house.second, "ledger.jsonl": ledger.replace(b"synthetic", b"realistic", 1)}
    without = {name: content for name, content in house.second.items() if name != "release.json"}

    def cheaper(seq: int, kind: str, data: dict[str, object]) -> None:
        if kind == "opened":
            data["policy"] = "another"

    anew = house.rewritten(house.second, cheaper)
    for files, words, earlier in (
        ({**house.second, "report.en.html": flip(house.second["report.en.html"], 500)}, "report.en.html", ()),
        ({**house.second, "more.txt": b""}, "more.txt", ()),
        (without, "release.json", ()),
        (changed, "ledger.jsonl", ()),
        (house.resigned(changed), "of the ledger was changed", ()),
        (anew, f"entry {seen.seq} is not", (str(seen.seq), seen.hash)),
        (house.resigned(house.second, seq=1), "ends with another entry", ()),
    ):
        found = check(script, files, key, *earlier)
        assert found.returncode == 1 and words in found.stderr and not found.stdout, found.stderr
    assert check(script, anew, key).returncode == 0  # nobody can tell without an earlier receipt
    other = next(one for one in house.signers.values() if one.key_id != house.operator.key_id)
    assert "InvalidSignature" in check(script, house.second, other.public_key).stderr


def test_it_adds_up_again(house: House, script: Path) -> None:
    def half(seq: int, kind: str, data: dict[str, object]) -> None:
        for item in data["items"] if kind == "charged" else ():  # type: ignore[attr-defined]
            item["account"]["rho"] = "1"

    found = check(script, house.rewritten(house.second, half), house.operator.public_key)
    assert found.returncode == 1 and "does not add up" in found.stderr


def test_the_example_of_a_finding_is_worded_as_findings_are() -> None:
    words = EN["page-cell.not"].format(theirs="“1,908”", ours="“1,909”")
    assert words in " ".join(DOCUMENT.read_text(encoding="utf-8").split())
