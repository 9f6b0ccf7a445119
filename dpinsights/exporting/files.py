"""Writing one file whole or not at all, and never over another."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dpinsights.errors import ReportError


def write_file(file: Path, content: bytes) -> None:
    """Writes a new file of mode 0600; one that holds these bytes already is left as it is.

    Raises:
        ReportError: if another file is there, or it can't be written; nothing is left behind.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            os.link(temporary, file)  # unlike a renaming, it fails if the name is taken
        finally:
            os.unlink(temporary)
    except FileExistsError:
        if file.is_symlink() or not file.is_file() or file.read_bytes() != content:
            raise ReportError(
                f"{file} exists and holds something else: choose another file, or move it away"
            ) from None
    except OSError as error:
        raise ReportError(
            f"{file} can't be written ({error.strerror}): name a file in a folder of yours"
        ) from None
