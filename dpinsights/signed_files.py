"""Files that are signed, and their signatures: read up to a size, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from dpinsights.governance.approvals.errors import ApprovalError, LockError
from dpinsights.governance.approvals.strict import LARGEST


def read_signed(path: Path) -> bytes:
    """A file's bytes, not more than a lock, a proposal or an envelope may have.

    Raises:
        LockError: if it can't be read, or has more.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise LockError(f"{path} can't be read ({error.strerror})") from None
    if len(content) > LARGEST:
        raise LockError(f"{path} has more than {LARGEST} bytes")
    return content


def write_signed(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all; one that holds these bytes already is left alone.

    Raises:
        ApprovalError: if it can't be written.
    """
    try:
        if path.is_file() and path.read_bytes() == content:
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, 0o644)
                file.write(content)
                file.flush()
                os.fsync(handle)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise ApprovalError(f"{path} can't be written ({error.strerror})") from None
