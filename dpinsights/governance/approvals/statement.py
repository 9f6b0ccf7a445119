"""in-toto statements: which files, by digest, and what is said about them.

in-toto Attestation Framework, Statement v1 (https://github.com/in-toto/attestation). The payload is canonical JSON whose
numbers are decimal texts; whoever verifies reads the signed bytes and never writes them again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpinsights.governance.approvals.errors import StatementError
from dpinsights.governance.approvals.strict import exactly, strict_json
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.names import FrozenMap

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
APPROVAL = "urn:dpinsights:approval:1"
"""The predicate of an approval: a role agrees that what is locked may run."""
RELEASE = "urn:dpinsights:release:1"
"""The predicate of a release's receipt."""
TRUST = "urn:dpinsights:trust:1"
"""The predicate of a trust file's succession."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Subject:
    """A file that a statement is about."""

    name: str
    sha256: str


def subject(name: str, content: bytes) -> Subject:
    """A file as a subject: its name and the SHA-256 of its bytes.

    >>> subject("empty", b"").sha256[:8]
    'e3b0c442'
    """
    return Subject(name, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class Statement:
    """What is said, under which predicate, about which files."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The payload, the same bytes for the same statement."""
        return canonical_bytes(
            {
                "_type": STATEMENT_TYPE,
                "subject": [{"name": one.name, "digest": {"sha256": one.sha256}} for one in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": dict(self.predicate),
            }
        )


def parse_statement(payload: bytes, predicate_type: str, name: str) -> Statement:
    """The statement in a payload whose signature was verified.

    Args:
        payload: the signed bytes.
        predicate_type: the one predicate that is expected.
        name: what the file is called, for the message.

    Raises:
        StatementError: if it is no statement, or one of another kind.
    """
    try:
        data = exactly(
            strict_json(payload), ("_type", "subject", "predicateType", "predicate"), "a statement"
        )
        if data["_type"] != STATEMENT_TYPE:
            raise ValueError(f"its _type is {STATEMENT_TYPE}")
        if data["predicateType"] != predicate_type:
            raise ValueError(f"{predicate_type} is expected, and it states something else")
        listed = data["subject"]
        if not isinstance(listed, list) or not listed:
            raise ValueError("it is about at least one file")
        subjects = tuple(_subject(one) for one in listed)
        if len({one.name for one in subjects}) < len(subjects):
            raise ValueError("it names a file twice")
        if not isinstance(data["predicate"], dict) or not data["predicate"]:
            raise ValueError("its predicate is an object that says something")
    except ValueError as fault:
        raise StatementError(f"{name} is no such statement: {fault}") from None
    return Statement(subjects, predicate_type, FrozenMap(data["predicate"]))


def _subject(data: object) -> Subject:
    fields = exactly(data, ("name", "digest"), "a subject")
    digest = exactly(fields["digest"], ("sha256",), "a subject's digest")["sha256"]
    if not isinstance(fields["name"], str) or not fields["name"]:
        raise ValueError("a subject has a name")
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        raise ValueError("a subject's digest is a SHA-256 in small hexadecimal digits")
    return Subject(fields["name"], digest)
