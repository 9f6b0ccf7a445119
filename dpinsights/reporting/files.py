"""From texts to a folder: all of it or nothing, and never over something else."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from dpinsights.errors import ReportError
from dpinsights.model.release import Release
from dpinsights.reporting.data import release_json, tables_csv
from dpinsights.reporting.documents import render

_PART = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,126}")


def bundle(
    release: Release,
    languages: Sequence[str] = ("en", "zh"),
    template: str = "partner",
    templates: Path | None = None,
) -> Mapping[str, str]:
    """All files of a release by name: `report.<language>.html`, `release.json`, `tables/<name>.csv`.

    The tables' labels are in the first of the languages.
    """
    files = {
        f"report.{language}.html": render(release, language=language, template=template, templates=templates)
        for language in languages
    }
    files["release.json"] = release_json(release)
    for name, text in tables_csv(release, languages[0]).items():
        files[f"tables/{name}"] = text
    return files


def write_release(files: Mapping[str, str | bytes], folder: Path) -> None:
    """Writes a folder that either holds all files or does not exist.

    They are written and synced beside it under another name, which is then changed. A folder that holds
    exactly these files already is left as it is. Files have mode 0600, folders 0700.

    Raises:
        ReportError: if the folder exists with other content, or a name leads out of it; nothing is left
            behind.
    """
    encoded = {_checked(name): encoded_file(content) for name, content in files.items()}
    if folder.is_symlink() or folder.exists():
        _must_equal(folder, encoded)
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(
        tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".part", dir=folder.parent)
    )  # mode 0700
    try:
        for name, content in encoded.items():
            path = temporary / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _write(path, content)
        for directory in sorted({path.parent for path in temporary.rglob("*")}):
            _sync(directory)
        _rename(temporary, folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if temporary.exists():  # another writer came first, and its content was found equal
        shutil.rmtree(temporary, ignore_errors=True)
    _must_equal(folder, encoded)


def encoded_file(content: str | bytes) -> bytes:
    """A file's bytes: a text's in UTF-8."""
    return content.encode("utf-8") if isinstance(content, str) else content


def _checked(name: str) -> str:
    parts = name.split("/")
    if len(parts) > 2 or not all(_PART.fullmatch(part) for part in parts):
        raise ReportError(f"{name[:80]!r} can't be the name of a release's file")
    return name


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _rename(temporary: Path, folder: Path) -> None:
    """Renames; a folder that another writer put there in the meantime is left, and compared afterwards."""
    try:
        os.rename(temporary, folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise


def _must_equal(folder: Path, files: Mapping[str, bytes]) -> None:
    """Refuses a folder that holds anything else."""
    found = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    }
    same = not folder.is_symlink() and folder.is_dir() and found == set(files)
    same = same and all(
        not (folder / name).is_symlink() and (folder / name).read_bytes() == content
        for name, content in files.items()
    )
    if not same:
        raise ReportError(
            f"{folder} exists and holds something else: choose another folder, or move that one away"
        )
