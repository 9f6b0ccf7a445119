"""Key files: encrypted, for their owner alone, and never shown."""

from __future__ import annotations

import copy
import hashlib
import os
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dpinsights.approving import PASSPHRASE_FILE, passphrase
from dpinsights.governance.approvals.errors import KeyFileError
from dpinsights.governance.approvals.keys import FileSigner, key_id, signed_by

WORDS = "correct horse 电池".encode()


def pem(key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey, words: bytes | None) -> bytes:
    how = serialization.BestAvailableEncryption(words) if words else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_a_key_is_made_kept_and_read_back(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        made = FileSigner.generate(tmp_path / "k.pem", WORDS)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "k.pem").stat().st_mode) == 0o600
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in (tmp_path / "k.pem").read_bytes()
    read = FileSigner.load(tmp_path / "k.pem", WORDS)
    assert (
        read.key_id == made.key_id == key_id(made.public_key) == hashlib.sha256(made.public_key).hexdigest()
    )
    assert signed_by(made.public_key, read.sign(b"x"), b"x")
    assert not signed_by(made.public_key, read.sign(b"x"), b"y")
    assert not signed_by(bytes(31), read.sign(b"x"), b"x")
    assert FileSigner.generate(tmp_path / "other.pem", WORDS).key_id != made.key_id


@pytest.mark.parametrize("words", [b"", b" ", b"\t\n"])
def test_an_empty_passphrase_makes_no_key(tmp_path: Path, words: bytes) -> None:
    with pytest.raises(KeyFileError, match="empty"):
        FileSigner.generate(tmp_path / "k.pem", words)
    assert not (tmp_path / "k.pem").exists()


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    FileSigner.generate(tmp_path / "k.pem", WORDS)
    before = (tmp_path / "k.pem").read_bytes()
    with pytest.raises(KeyFileError, match="exists"):
        FileSigner.generate(tmp_path / "k.pem", WORDS)
    (tmp_path / "link.pem").symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(KeyFileError):
        FileSigner.generate(tmp_path / "link.pem", WORDS)
    assert (tmp_path / "k.pem").read_bytes() == before and not (tmp_path / "elsewhere.pem").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    FileSigner.generate(tmp_path / "k.pem", WORDS)
    (tmp_path / "k.pem").chmod(mode)
    with pytest.raises(KeyFileError, match=f"{mode:04o}.*chmod 600"):
        FileSigner.load(tmp_path / "k.pem", WORDS)


def test_what_is_no_key_of_ours_is_refused(tmp_path: Path) -> None:
    FileSigner.generate(tmp_path / "k.pem", WORDS)
    for words, said in ((b"wrong", "passphrase is wrong"), (b"", "needs its passphrase")):
        with pytest.raises(KeyFileError, match=said):
            FileSigner.load(tmp_path / "k.pem", words)
    plain = private(tmp_path / "plain.pem", pem(Ed25519PrivateKey.generate(), None))
    for words in (WORDS, b""):
        with pytest.raises(KeyFileError, match="not encrypted"):
            FileSigner.load(plain, words)
    curve = private(tmp_path / "curve.pem", pem(ec.generate_private_key(ec.SECP256R1()), WORDS))
    with pytest.raises(KeyFileError, match="another kind"):
        FileSigner.load(curve, WORDS)
    with pytest.raises(KeyFileError, match="can't be opened"):
        FileSigner.load(private(tmp_path / "junk.pem", b"junk"), WORDS)
    with pytest.raises(KeyFileError, match="large"):
        FileSigner.load(private(tmp_path / "big.pem", bytes(100_000)), WORDS)
    with pytest.raises(KeyFileError, match="can't be read"):
        FileSigner.load(tmp_path / "none.pem", WORDS)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(KeyFileError, match="no file"):
        FileSigner.load(tmp_path / "pipe", WORDS)


def test_a_signer_shows_its_id_and_nothing_else(tmp_path: Path) -> None:
    made = FileSigner.generate(tmp_path / "k.pem", WORDS)
    assert repr(made) == str(made) == f"FileSigner({made.key_id[:16]})"
    with pytest.raises(TypeError):
        pickle.dumps(made)
    with pytest.raises(TypeError):
        copy.copy(made)


def test_refusals_hold_neither_passphrase_nor_key(tmp_path: Path) -> None:
    FileSigner.generate(tmp_path / "k.pem", WORDS)
    with pytest.raises(KeyFileError) as caught:
        FileSigner.load(tmp_path / "k.pem", b"canary-words")
    assert "canary" not in str(caught.value) and caught.value.__cause__ is None


def test_a_passphrase_comes_from_a_private_file_or_is_asked_for(tmp_path: Path) -> None:
    asked = []

    def ask() -> str:
        asked.append(1)
        return "typed"

    assert passphrase(ask, {}) == b"typed" and asked == [1]
    file = private(tmp_path / "words", WORDS + b"\n")
    assert passphrase(ask, {PASSPHRASE_FILE: str(file)}) == WORDS and asked == [1]
    file.chmod(0o644)
    with pytest.raises(KeyFileError, match="0644"):
        passphrase(ask, {PASSPHRASE_FILE: str(file)})
