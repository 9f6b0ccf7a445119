"""What the documents cite exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_files_and_names_that_are_cited_exist(path: Path) -> None:
    cited = re.findall(r"`([\w./-]+\.py)(?:: ([\w.]+))?`", path.read_text(encoding="utf-8"))
    sources = [file for folder in ("dpinsights", "tests") for file in (ROOT / folder).rglob("*.py")]
    for name, inside in cited:
        found = [file for file in sources if file.as_posix().endswith(f"/{name}")]
        assert found, f"{path.name} cites {name}"
        for word in filter(None, inside.split(".")):
            assert any(
                re.search(rf"(def|class) {word}\b", file.read_text(encoding="utf-8")) for file in found
            ), word
