"""A release's folder as bytes: read once, so that what is compared is what was digested."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from dpinsights.errors import ReportError
from dpinsights.model.names import FrozenMap

_LARGEST = 512 * 1024 * 1024
_MOST = 10_000


@dataclass(frozen=True)
class Folder:
    """The files of a folder by their names in it, and the names of what is no plain file."""

    files: FrozenMap[str, bytes]
    strange: tuple[str, ...]


def read_folder(path: Path) -> Folder:
    """All files of a folder; links are not followed.

    Raises:
        ReportError: if there is no such folder, or it holds more than a release can.
    """
    if not path.is_dir():
        raise ReportError(f"{path} is no folder: name the folder of a release")
    files: dict[str, bytes] = {}
    strange: list[str] = []
    left = _LARGEST
    for place, folders, names in os.walk(path):
        for name in sorted([*folders, *names]):
            one = Path(place, name)
            kind = one.lstat().st_mode
            inside = one.relative_to(path).as_posix()
            if stat.S_ISREG(kind):
                files[inside] = _read(one, left)
                left -= len(files[inside])
            elif not stat.S_ISDIR(kind):
                strange.append(inside)
            if len(files) + len(strange) > _MOST:
                raise ReportError(f"{path} has more than {_MOST} files: name the folder of one release")
    return Folder(FrozenMap(dict(sorted(files.items()))), tuple(sorted(strange)))


def _read(path: Path, left: int) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(left + 1)
    except OSError as error:
        raise ReportError(
            f"{path} can't be read ({error.strerror}): make it readable, and try again"
        ) from None
    if len(content) > left:
        raise ReportError("the folder has more bytes than a release can have: name the folder of one release")
    return content
