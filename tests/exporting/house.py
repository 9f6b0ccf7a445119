"""A release's folder made by hand: an approved report of a made-up partnership, its lock, signatures, receipt and ledger."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from dpinsights.governance.approvals.lock import Lock
from dpinsights.governance.approvals.receipt import facts_of, receipt_bytes
from dpinsights.governance.chain import Entry, link
from dpinsights.governance.extract import extract_bytes
from dpinsights.model.release import Release
from dpinsights.model.trust import Trust
from dpinsights.reporting.data import release_json
from tests.governance.approvals import house
from tests.reporting import releases

DAY = house.DAY
OPERATOR = "Xu Lei"
RUN = "0123456789abcdef-1"

FIELDS = (
    "purpose", "legal_basis", "impact_assessment", "security_assessment", "data_owners", "retention", "onward_sharing",
    "linkage", "unprotected", "other_releases", "preparation", "access", "releases", "output_class", "contact",
)  # fmt: skip


@lru_cache(maxsize=4)
def lock(filled: bool = True, period: str = "") -> Lock:
    """The lock of the shared report: all fields of its approval filled in, or none; jd's account with a period, or not."""
    with TemporaryDirectory() as folder:
        copied = house.copy(Path(folder))
        report = copied / "partner-quarterly.yaml"
        if filled:
            fields = [f"  {name}: {{en: '{name} in English', zh: '{name}的中文'}}" for name in FIELDS]
            text = report.read_text(encoding="utf-8") + "\n".join(["approval:", *fields, ""])
            report.write_text(text, encoding="utf-8")
        if period:
            policy = copied / "policy.yaml"
            text = policy.read_text(encoding="utf-8").replace(
                "jd: {epsilon: 4", f"jd: {{epsilon: 4, period: {period}"
            )
            policy.write_text(text, encoding="utf-8")
        return house.lock_from(copied)


def trust() -> Trust:
    """The trust file, with an operator in it."""
    one = house.signer(OPERATOR)
    key = {
        "id": one.key_id,
        "owner": OPERATOR,
        "roles": ("operator",),
        "public_key": base64.b64encode(one.public_key).decode(),
        "from": date(2017, 1, 1),
        "until": date(2019, 1, 1),
    }
    data = house.trust().model_dump(by_alias=True)
    return Trust.model_validate(data | {"keys": (*data["keys"], key)})


def release(of: Lock | None = None) -> Release:
    """The shared release, as the lock allows it."""
    found = of or lock()
    digests = found.data["digests"]
    return replace(
        releases.approved(),
        release=f"partner-quarterly-{RUN}",
        partnership=found.partnership,
        released_on=DAY,
        contract_digest=digests["contract"],
        measurement_digest=digests["measurement"],
        reader_digest=digests["reader"],
    )


def chain(*, explored: int = 0, run: str = RUN) -> tuple[Entry, ...]:
    """The ledger until the release's position."""
    items = [_item("a", 4_000_000_000), _item("b", 3_000_000_000)]
    bodies: list[tuple[str, dict[str, object]]] = [
        ("opened", {"partnership": lock().partnership, "policy": "gongyin-xiaobai", "day": DAY}),
        ("snapshot", {"snapshot": "2017-q4", "day": DAY}),
    ]
    if explored:
        bodies.append(
            ("charged", {"run": "e-1", "account": "exploration", "items": [_item("e", explored)], "day": DAY})
        )
    charged = {
        "run": run,
        "account": "jd",
        "snapshot": "2017-q4",
        "report": "partner-quarterly",
        "version": 1,
    }
    bodies += [
        ("charged", {**charged, "items": items, "day": DAY}),
        ("drawing", {"run": run, "day": DAY}),
        ("measured", {"run": run, "day": DAY}),
    ]
    entries: list[Entry] = []
    for kind, body in bodies:
        entries.append(link(entries[-1] if entries else None, kind, body))
    return tuple(entries)


def _item(key: str, rho: int) -> dict[str, object]:
    loss = {"rho": rho, "delta": 0}
    return {"key": key, "account": loss, "lifetime": loss}


def files(
    released: Release | None = None,
    *,
    of: Lock | None = None,
    approvals: Sequence[bytes] | None = None,
    entries: Sequence[Entry] | None = None,
) -> dict[str, bytes]:
    """The files of a release's folder that compliance asks for, by path; the receipt lists the others."""
    found = of or lock()
    shown = released or release(found)
    ledger = tuple(chain() if entries is None else entries)
    signed = approvals
    if signed is None:
        signed = [
            house.signed("Li Na", "owner", found, comment="as discussed"),
            house.signed("Zhao Min", "owner", found),
            house.signed("Chen Jie", "compliance", found),
        ]
    made = {
        "release.json": release_json(shown).encode(),
        "ledger.jsonl": extract_bytes(ledger),
        "approval/report.lock.json": found.content,
        **{f"approval/{name}": content for name, content in house.files(*signed).items()},
    }
    head = ledger[-1]
    facts = facts_of(shown, run=RUN, seq=head.seq, hash=head.hash, lock=found.digest, approval="ab" * 32)
    return {**made, "receipt.dsse.json": receipt_bytes(facts, made, house.signer(OPERATOR))}


def write(folder: Path, held: Mapping[str, bytes]) -> Path:
    """A folder with these files."""
    for name, content in held.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
