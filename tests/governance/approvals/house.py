"""A partnership with keys that are the same in every run, its lock, and signatures over it."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dpinsights.approving import lock_of
from dpinsights.governance.approvals.approval import Terms, approve
from dpinsights.governance.approvals.keys import FileSigner
from dpinsights.governance.approvals.lock import Lock
from dpinsights.model.trust import Role, Trust
from dpinsights.pipeline import define, plan

GOOD = Path(__file__).parents[2] / "definitions" / "good"
DAY = date(2018, 1, 15)
AUTHOR = "Wang Fang"

PERSONS: dict[str, tuple[tuple[Role, ...], str | None]] = {
    AUTHOR: (("author", "compliance"), "icbc"),
    "Li Na": (("owner",), "icbc"),
    "Zhao Min": (("owner",), "jd"),
    "Chen Jie": (("compliance",), None),
    "Sun Wei": (("owner", "compliance"), "jd"),
}


def private_key(name: str) -> Ed25519PrivateKey:
    """A key that follows from a name: for tests alone."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def signer(name: str) -> FileSigner:
    """The signer of a person."""
    return FileSigner(private_key(name))


def key_fields(name: str, **changes: Any) -> dict[str, Any]:
    """A person's entry in the trust file."""
    roles, party = PERSONS[name]
    one = signer(name)
    fields: dict[str, Any] = {
        "id": one.key_id,
        "owner": name,
        "roles": roles,
        "public_key": base64.b64encode(one.public_key).decode(),
        "from": date(2017, 1, 1),
        "until": date(2019, 1, 1),
    }
    return fields | ({"party": party} if party else {}) | changes


def trust(
    *,
    threshold: dict[str, Any] | None = None,
    version: int = 1,
    name: str = "gongyin-xiaobai",
    **changes: Any,
) -> Trust:
    """The trust file: an owner of each party and one of compliance; `changes` by first name, Li_Na={...}."""
    keys = [key_fields(person, **changes.get(person.replace(" ", "_"), {})) for person in PERSONS]
    wanted = threshold or {"owner": {"each_party": 1}, "compliance": {"in_all": 1}}
    return Trust.model_validate({"trust": name, "version": version, "keys": keys, "threshold": wanted})


def lock_from(folder: Path, report: str = "partner-quarterly.yaml", author: str = AUTHOR) -> Lock:
    """The lock of a report of a folder."""
    made = define(folder / report)
    return lock_of(
        folder / report,
        made.report,
        made.contract,
        made.policy,
        plan(made),
        author=author,
        map_version="none",
    )


@lru_cache(maxsize=1)
def lock() -> Lock:
    """The lock of the report that all definitions' tests share."""
    return lock_from(GOOD)


def copy(folder: Path) -> Path:
    """The shared definitions in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("contract", "policy", "partner-quarterly"):
        shutil.copy(GOOD / f"{name}.yaml", folder / f"{name}.yaml")
    return folder


def terms(role: Role, **changes: Any) -> Terms:
    """What an approver says: signed a week ago, for two runs until the end of March."""
    said: dict[str, Any] = {"signed_on": date(2018, 1, 8), "until": date(2018, 4, 1), "max_runs": 2}
    return Terms(role, **(said | changes))


def signed(name: str, role: Role, of: Lock | None = None, **changes: Any) -> bytes:
    """A person's approval, as the bytes of its file."""
    return approve(of or lock(), terms(role, **changes), signer(name)).to_bytes()


def files(*contents: bytes) -> dict[str, bytes]:
    """Approvals by file name, in the order given."""
    return {f"{number}.dsse.json": content for number, content in enumerate(contents)}


def enough() -> list[bytes]:
    """Just enough approvals: both owners and compliance."""
    return [signed("Li Na", "owner"), signed("Zhao Min", "owner"), signed("Chen Jie", "compliance")]


def flipped(content: bytes, places: Iterable[int]) -> Iterable[tuple[int, bytes]]:
    """The content with one bit of one byte turned, for each place; which bit follows from the place."""
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << (place * 5 + 3) % 8
        yield place, bytes(changed)


def trust_text(persons: Iterable[str] = PERSONS) -> str:
    """The trust file as YAML."""
    lines = ["trust: gongyin-xiaobai", "version: 1", "keys:"]
    for name in persons:
        fields = key_fields(name)
        lines.append(f"  - id: '{fields.pop('id')}'")
        fields["roles"] = f"[{', '.join(fields['roles'])}]"
        lines += [f"    {field}: {value}" for field, value in fields.items()]
    return "\n".join([*lines, "threshold: {owner: {each_party: 1}, compliance: {in_all: 1}}", ""])
