"""Folders: whole or absent, private, never over something else."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpinsights.errors import ReportError
from dpinsights.reporting.data import read_release
from dpinsights.reporting.files import bundle, write_release
from tests.reporting.releases import quarterly

FILES = {
    "report.en.html": "<p>一</p>\n",
    "release.json": "{}\n",
    "tables/a.csv": "a,b\n",
    "tables/b.csv": "c\n",
}


def _found(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_bundle_names_and_content(tmp_path: Path) -> None:
    files = bundle(quarterly())
    names = [f"tables/{table.name}.csv" for table in quarterly().tables]
    assert list(files) == ["report.en.html", "report.zh.html", "release.json", *names]
    assert read_release(files["release.json"]) == quarterly()
    assert '<html lang="zh-CN">' in files["report.zh.html"]
    assert "大众" in bundle(quarterly(), languages=("zh",))["tables/segments.csv"]
    write_release(files, tmp_path / "out")
    assert _found(tmp_path / "out") == {name: text.encode() for name, text in files.items()}


def test_written_privately_and_exactly(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "release"
    write_release(FILES, folder)
    assert _found(folder) == {name: text.encode("utf-8") for name, text in FILES.items()}
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert [p.name for p in folder.parent.iterdir()] == ["release"]


def test_mode_does_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_release(FILES, tmp_path / "release")
    finally:
        os.umask(before)
    for path in (tmp_path / "release", *(tmp_path / "release").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_the_same_again_is_no_fault(tmp_path: Path) -> None:
    write_release(FILES, tmp_path / "release")
    before = (tmp_path / "release" / "release.json").stat()
    write_release(FILES, tmp_path / "release")
    after = (tmp_path / "release" / "release.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def _more(folder: Path) -> None:
    (folder / "more").write_text("x", encoding="utf-8")


def _less(folder: Path) -> None:
    (folder / "tables" / "b.csv").unlink()


def _other(folder: Path) -> None:
    (folder / "release.json").write_text("[]\n", encoding="utf-8")


def _linked(folder: Path) -> None:
    (folder / "release.json").rename(folder.parent / "elsewhere")
    (folder / "release.json").symlink_to(folder.parent / "elsewhere")


@pytest.mark.parametrize("change", [_more, _less, _other, _linked])
def test_something_else_is_never_overwritten(tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = tmp_path / "release"
    write_release(FILES, folder)
    change(folder)
    before = _found(tmp_path)
    with pytest.raises(ReportError, match="holds something else"):
        write_release(FILES, folder)
    assert _found(tmp_path) == before


def test_files_links_and_empty_folders_in_the_way_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    write_release(FILES, tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("file", "empty", "link", "dangling"):
        with pytest.raises(ReportError):
            write_release(FILES, tmp_path / name)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a/b/c", "", "A.html", ".hidden", "a\\b", "a b", "tables/../x", "é"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReportError):
        write_release({**FILES, name: "x"}, tmp_path / "release")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["fsync", "open", "rename"])
def test_a_failure_at_any_call_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The n-th call fails, n = 1, 2, … until it goes through: never a part of a release, never a rest."""
    real: Callable[..., Any] = getattr(os, call)
    for failing in range(1, 40):
        folder, count = tmp_path / str(failing) / "release", 0
        folder.parent.mkdir()

        def fails(*args: Any, failing: int = failing, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count == failing:
                raise OSError(28, "No space left on device")
            return real(*args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            try:
                write_release(FILES, folder)
            except OSError:
                done = False
            else:
                done = True
        whole = {name: text.encode() for name, text in FILES.items()}
        if folder.exists():
            assert _found(folder) == whole  # the rename had happened: the release is there, all of it
        assert [p.name for p in folder.parent.iterdir()] in ([], ["release"])
        write_release(FILES, folder)
        assert _found(folder) == whole
        if done:
            return
    pytest.fail("it never went through")


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_release(FILES, tmp_path / "release")
    assert list(tmp_path.iterdir()) == []


def test_another_writer_may_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.rename

    def late(source: Any, target: Any) -> None:
        monkeypatch.setattr(os, "rename", real)
        write_release(FILES, tmp_path / "release")
        real(source, target)

    monkeypatch.setattr(os, "rename", late)
    write_release(FILES, tmp_path / "release")
    assert [p.name for p in tmp_path.iterdir()] == ["release"]
