"""The trust file of a partnership: whose keys count, in which roles, and how many signatures a report needs."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from dpinsights.model.document import Document, fault
from dpinsights.model.names import FrozenMap, Name, Slug
from dpinsights.model.report import Day

Role = Literal["author", "owner", "compliance", "operator"]
"""What a key signs as: the author of a report, the owner of a party's data, compliance, the operator who runs it."""

ROLES: tuple[Role, ...] = get_args(Role)

APPROVING: tuple[Role, ...] = ("author", "owner", "compliance")
"""The roles of approvals. An operator signs the receipts of releases: that a report ran is no reason why it might."""

_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")
_SPKI = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410)."""


def raw_public_key(text: str) -> bytes:
    """The 32 bytes of an Ed25519 public key, from base64 of them or from PEM.

    Raises:
        ValueError: if it is neither.

    >>> raw_public_key("A" * 43 + "=") == bytes(32)
    True
    """
    pem = _PEM.fullmatch(text)
    try:
        content = base64.b64decode("".join(pem[1].split()) if pem else text, validate=True)
    except ValueError:
        content = b""
    if pem and content[: len(_SPKI)] == _SPKI:
        content = content[len(_SPKI) :]
    elif pem:
        content = b""
    if len(content) != 32:
        raise ValueError("expected an Ed25519 public key: 32 bytes in base64, or PEM")
    return content


class TrustedKey(Document):
    """A public key: whose it is, what it may sign as, and when."""

    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="the SHA-256 of the 32 public bytes, as `dpinsights keys generate` prints it"
    )
    owner: str = Field(min_length=1, max_length=80, description="the person who holds the key")
    party: Name | None = Field(None, description="the party that the person signs for; an owner has one")
    roles: tuple[Role, ...] = Field(min_length=1, max_length=4, description="what the key may sign as")
    public_key: str = Field(description="the Ed25519 public key, 32 bytes in base64, or PEM")
    start: Day = Field(alias="from", description="the first day on which the key counts")
    until: Day = Field(description="the day after the last on which it counts")

    @model_validator(mode="after")
    def _sound(self) -> TrustedKey:
        try:
            public = raw_public_key(self.public_key)
        except ValueError as error:
            raise fault("not-a-public-key", str(error)) from None
        if hashlib.sha256(public).hexdigest() != self.id:
            raise fault("wrong-key-id", "the id is not that of this public key")
        if not self.start < self.until:
            raise fault("period-order", "from must lie before until (until is the day after the last)")
        if len(set(self.roles)) < len(self.roles):
            raise fault("role-twice", "a role stands twice")
        if "owner" in self.roles and self.party is None:
            raise fault("party-needed", "an owner of data signs for a party: write party")
        if self.owner != self.owner.strip():
            raise fault("owner-spelling", "a name has no spaces before or after it")
        return self

    @property
    def public_bytes(self) -> bytes:
        """The 32 bytes of the public key."""
        return raw_public_key(self.public_key)


class Quorum(Document):
    """How many persons sign in a role."""

    each_party: int | None = Field(None, strict=True, ge=1, le=20, description="of each party")
    in_all: int | None = Field(None, strict=True, ge=1, le=20, description="of all together")

    @model_validator(mode="after")
    def _some(self) -> Quorum:
        if self.each_party is None and self.in_all is None:
            raise fault("no-threshold", "expected each_party, in_all, or both")
        return self


class Trust(Document):
    """All keys of a partnership, and the threshold for reports that an outside audience sees.

    A threshold holds at least one owner of each party's data and one of compliance; the author counts as neither.
    """

    trust: Slug = Field(description="the partnership's name, as in its contract")
    version: int = Field(
        strict=True, ge=1, description="raised by one with every change, which the old file's persons sign"
    )
    keys: tuple[TrustedKey, ...] = Field(min_length=1, max_length=200, description="the keys")
    threshold: FrozenMap[Role, Quorum] = Field(description="how many persons sign in which roles")

    @model_validator(mode="after")
    def _sound(self) -> Trust:
        ids = [key.id for key in self.keys]
        if len(set(ids)) < len(ids):
            raise fault("key-twice", "a key stands twice")
        owners = {key.owner for key in self.keys}
        if len({" ".join(owner.casefold().split()) for owner in owners}) < len(owners):
            raise fault("owner-spelling", "one name is written in two ways: a person has one name")
        if "operator" in self.threshold:
            message = "an operator signs receipts, and no approval: a threshold counts " + ", ".join(
                APPROVING
            )
            raise fault("operator-in-threshold", message)
        owner, compliance = self.threshold.get("owner"), self.threshold.get("compliance")
        if owner is None or owner.each_party is None or compliance is None:
            message = "a threshold has at least owner: {each_party: 1} and compliance: {in_all: 1}"
            raise fault("threshold-too-low", message)
        for missing in self.unreachable(()):  # of each party: the contract knows which there are
            raise fault("threshold-unreachable", missing)
        return self

    def unreachable(self, parties: Sequence[str]) -> Iterator[str]:
        """For each quorum that the keys can't reach, whatever the day: what is missing."""
        for role, quorum in self.threshold.items():
            have = [(key.owner, key.party) for key in self.keys if role in key.roles]
            if len({owner for owner, _ in have}) < (quorum.in_all or 0):
                yield f"{quorum.in_all} persons sign as {role}, and fewer have keys"
            for party in parties if quorum.each_party else ():
                if len({owner for owner, of in have if of == party}) < (quorum.each_party or 0):
                    yield f"{quorum.each_party} of {party} sign as {role}, and fewer have keys"

    def key(self, key_id: str) -> TrustedKey | None:
        """The key of an id, if it is here."""
        return next((key for key in self.keys if key.id == key_id), None)

    def persons(self, role: Role) -> frozenset[str]:
        """Who has a role."""
        return frozenset(key.owner for key in self.keys if role in key.roles)
