"""Both pages in a real browser: what it makes of them, what it says, what they look like."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from dpinsights.model.names import LANGUAGES
from dpinsights.reporting.documents import render
from dpinsights.reporting.phrases import PHRASES
from tests.reporting.parsing import parse
from tests.reporting.releases import hostile, quarterly

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium"),
]


def _browse(page: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--enable-logging=stderr",
        "--v=0",
        f"--user-data-dir={folder / 'profile'}",
        *options,
        page.as_uri(),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_in_a_browser(tmp_path: Path, language: str) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(quarterly(), language=language), encoding="utf-8")
    done = _browse(page, tmp_path, "--dump-dom")
    assert "Content Security Policy" not in done.stderr and "CONSOLE" not in done.stderr
    written, read = parse(render(quarterly(), language=language)), parse(done.stdout)
    tags = [[e.tag for e in root.all()] for root in (written, read)]
    assert tags[0] == tags[1]  # the browser reads the same tree, so nothing was mended
    (body,) = read.all("body")
    for mark in (body.elements()[0], body.elements()[-1]):
        assert str(PHRASES[language]["mark_synthetic"]) in mark.text()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", ["1200,2400", "500,2400"])
def test_page_can_be_looked_at(tmp_path: Path, language: str, size: str) -> None:
    page, picture = tmp_path / "report.html", tmp_path / "report.png"
    page.write_text(render(quarterly(), language=language), encoding="utf-8")
    done = _browse(page, tmp_path, f"--screenshot={picture}", f"--window-size={size}", "--hide-scrollbars")
    assert "Content Security Policy" not in done.stderr
    assert picture.stat().st_size > 40_000  # styled text and bars, not a blank page


def test_style_is_applied_and_foreign_code_is_not(tmp_path: Path) -> None:
    html = render(hostile(), language="en")
    page = tmp_path / "good.html"
    page.write_text(html, encoding="utf-8")
    good = _browse(page, tmp_path, "--dump-dom")
    assert "CONSOLE" not in good.stderr
    # A control: a script and a style that someone adds are refused, and the browser says so.
    (tmp_path / "bad.html").write_text(
        html.replace("</head>", "<script>document.title='x'</script><style>p{}</style></head>")
    )
    bad = _browse(tmp_path / "bad.html", tmp_path, "--dump-dom")
    assert bad.stderr.count("Content Security Policy") >= 2
    assert "<title>x</title>" not in bad.stdout
