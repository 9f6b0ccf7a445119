"""trust.yaml: read with lines, and every file in `bad/` is refused with the error that it is named after."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from dpinsights.definitions.loading import load_contract, load_folder
from dpinsights.errors import DefinitionError
from dpinsights.governance.approvals.trust import load_trust
from dpinsights.model.trust import raw_public_key
from tests.governance.approvals.house import GOOD, PERSONS, copy, private_key, signer, trust, trust_text

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
CONTRACT = load_contract(GOOD / "contract.yaml")


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.name)
def test_bad_trust_file(path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        load_trust(path, CONTRACT)
    problems = caught.value.problems
    assert {problem.code for problem in problems} == {path.name.split(".")[0]}, str(caught.value)
    for problem in problems:
        assert problem.line > 0 and problem.column > 0 and problem.file == str(path)
        assert not re.search(
            r"\b(FrozenMap|NoneType|dict|tuple|str|int|pydantic)\b", problem.message + problem.hint
        )


def test_there_are_enough_bad_trust_files() -> None:
    assert len(BAD) >= 18


def test_a_trust_file_is_read_and_is_no_report(tmp_path: Path) -> None:
    path = copy(tmp_path) / "trust.yaml"
    path.write_text(trust_text(), encoding="utf-8")
    found = load_trust(path, CONTRACT)
    assert found == trust()
    for name in PERSONS:
        key = found.key(signer(name).key_id)
        assert key is not None and key.owner == name and key.public_bytes == signer(name).public_key
    assert found.key("0" * 64) is None
    assert found.persons("owner") == {"Li Na", "Zhao Min", "Sun Wei"}
    assert set(load_folder(tmp_path).reports) == {"partner-quarterly"}


def test_a_public_key_may_be_pem() -> None:
    pem = (
        private_key("Li Na")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert raw_public_key(pem.decode()) == signer("Li Na").public_key
    assert trust(Li_Na={"public_key": pem.decode()}).key(signer("Li Na").key_id)


@pytest.mark.parametrize(
    "text", ["", "x", "AAAA", "A" * 44, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
)
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Ed25519"):
        raw_public_key(text)
