"""The demo's persons: keys, a trust file, a lock and everybody's approval, for definitions over made-up customers.

Nothing here is a shortcut around an approval: it signs as the command line does, with keys that lie open in one folder,
which no real partnership's may.
"""

from __future__ import annotations

import base64
import os
from datetime import date, timedelta
from pathlib import Path

from dpinsights.approving import lock_path, sign_lock, write_lock
from dpinsights.governance.approvals.approval import Terms
from dpinsights.governance.approvals.keys import FileSigner
from dpinsights.model.trust import Role
from dpinsights.pipeline import define, lock_of, plan

PASSPHRASE = b"made-up customers only"
VALID = timedelta(days=366)
RUNS = 20


def sign_all(report: Path, keys: Path, on: date) -> FileSigner:
    """Makes a key for each person, trust.yaml beside the report, the report's lock, and all approvals of it.

    Args:
        report: the report's YAML, with contract.yaml and policy.yaml beside it; trust.yaml must not be there yet.
        keys: a new folder for the key files and their passphrase.
        on: the first day on which keys and approvals count.

    Returns:
        The operator's key, which signs receipts.
    """
    made = define(report)
    keys.mkdir(mode=0o700)
    with open(os.open(keys / "passphrase", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(PASSPHRASE)
    persons: dict[str, tuple[Role, str | None]] = {
        "author": ("author", None),
        **{f"owner-{party}": ("owner", party) for party in made.contract.parties},
        "compliance": ("compliance", None),
        "operator": ("operator", None),
    }
    signers = {name: FileSigner.generate(keys / f"{name}.pem", PASSPHRASE) for name in persons}
    lines = [f"trust: {made.contract.contract}", "version: 1", "keys:"]
    for name, (role, party) in persons.items():
        public = base64.b64encode(signers[name].public_key).decode()
        lines += [
            f"  - id: '{signers[name].key_id}'",
            f"    public_key: {public}",
            f"    owner: demo {name}",
            *([f"    party: {party}"] if party else []),
            f"    roles: [{role}]",
            f"    from: {on}",
            f"    until: {on + VALID}",
        ]
    lines += ["threshold: {owner: {each_party: 1}, compliance: {in_all: 1}}", ""]
    (report.parent / "trust.yaml").write_text("\n".join(lines), encoding="utf-8")
    lock = lock_of(report, made, plan(made), "demo author")
    write_lock(lock, report)
    for name, (role, _) in persons.items():
        if role in ("owner", "compliance"):
            sign_lock(lock_path(report), signers[name], Terms(role, on, on + VALID, RUNS), lock.digest)
    return signers["operator"]
