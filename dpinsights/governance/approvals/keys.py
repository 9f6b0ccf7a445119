"""Signing keys: one method, so that a key in hardware can take the place of one in a file.

A key is named by its id, the SHA-256 of its 32 public bytes (Ed25519, RFC 8032) in hexadecimal.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from dpinsights.governance.approvals.errors import KeyFileError

_LARGEST = 64 * 1024


class Signer(Protocol):
    """Whoever can sign: a file, a card, a service."""

    @property
    def key_id(self) -> str:
        """The SHA-256 of the public key, in hexadecimal."""
        ...

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the Ed25519 public key."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature of a message."""
        ...


def key_id(public_key: bytes) -> str:
    """The id of a public key.

    >>> key_id(bytes(32))[:12]
    '66687aadf862'
    """
    return hashlib.sha256(public_key).hexdigest()


def signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature of a message was made with the private half of a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


class FileSigner:
    """A key from a file: PKCS#8 in PEM, encrypted with a passphrase, readable by its owner alone.

    Made by `generate` or `load`. It shows its id and nothing else, and can't be copied into a pickle.
    """

    __slots__ = ("_key", "_public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._public = key.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )

    @classmethod
    def generate(cls, path: Path, passphrase: bytes) -> FileSigner:
        """A new key in a new file of mode 0600.

        Raises:
            KeyFileError: if the passphrase is empty or the file exists.
        """
        if not passphrase.strip():
            raise KeyFileError("a key needs a passphrase: an empty one protects nothing")
        key = Ed25519PrivateKey.generate()
        content = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase),
        )
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileExistsError:
            raise KeyFileError(f"{path} exists: a key is never written over; name a new file") from None
        except OSError as error:
            raise KeyFileError(f"{path} can't be written ({error.strerror})") from None
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        return cls(key)

    @classmethod
    def load(cls, path: Path, passphrase: bytes) -> FileSigner:
        """The key of a file.

        Raises:
            KeyFileError: if others may read the file, it is no encrypted Ed25519 key, or the passphrase is wrong.
        """
        content = private_content(path)
        try:
            key = serialization.load_pem_private_key(content, password=passphrase or None)
        except TypeError:
            # Either a passphrase for a key without one, or a key with one and no passphrase.
            if passphrase:
                raise KeyFileError(
                    f"{path} is not encrypted: make a key with dpinsights keys generate"
                ) from None
            raise KeyFileError(f"{path} needs its passphrase") from None
        except (ValueError, UnsupportedAlgorithm):
            raise KeyFileError(
                f"{path} can't be opened: the passphrase is wrong, or it is no key of ours"
            ) from None
        if not passphrase:
            raise KeyFileError(f"{path} is not encrypted: make a key with dpinsights keys generate")
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFileError(f"{path} holds another kind of key: Ed25519 is what signs here")
        return cls(key)

    @property
    def key_id(self) -> str:
        """The SHA-256 of the public key, in hexadecimal."""
        return key_id(self._public)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"FileSigner({self.key_id[:16]})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a signer is never stored")


def private_content(path: Path) -> bytes:
    """What a file holds that its owner alone may read: a key, or a passphrase.

    The mode is that of the file that was opened, so that it can't be exchanged between the look and the reading.

    Raises:
        KeyFileError: if there is no such file, or its group or others have any right to it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise KeyFileError(f"{path} can't be read ({error.strerror})") from None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path} is no file")
        if os.name == "posix" and status.st_mode & 0o077:
            mode = stat.S_IMODE(status.st_mode)
            raise KeyFileError(f"{path} has mode {mode:04o}, so others may use it: chmod 600 {path}")
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise KeyFileError(f"{path} is too large to be a key or a passphrase")
    return content
