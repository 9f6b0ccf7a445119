"""Locking a report and signing it: the files around the rules of `governance.approvals`.

A lock lies beside its report (`x.yaml`, `x.lock.json`), its signatures in `approvals/<digest of the lock>/`, one file
for each key, and the keys that count in `trust.yaml`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from dpinsights.governance.approvals.approval import Terms, approve, approved
from dpinsights.governance.approvals.differences import differences
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    LockError,
    TooFewSignaturesError,
)
from dpinsights.governance.approvals.keys import Signer, private_content
from dpinsights.governance.approvals.lock import Lock, make_lock, parse_lock
from dpinsights.governance.approvals.trust import load_trust
from dpinsights.model.contract import Contract
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Policy
from dpinsights.model.report import Report
from dpinsights.model.trust import Trust
from dpinsights.planning.measurements import selection_seed
from dpinsights.reporting.templating import PACKAGED
from dpinsights.signed_files import read_signed, write_signed

PASSPHRASE_FILE = "DPINSIGHTS_PASSPHRASE_FILE"
"""Names a file, readable by its owner alone, that holds a key's passphrase; else it is asked for."""


def passphrase(ask: Callable[[], str], environment: Mapping[str, str] = os.environ) -> bytes:
    """A key's passphrase: from the file that the environment names, else asked for; never from an argument.

    Raises:
        KeyFileError: if others may read that file.
    """
    named = environment.get(PASSPHRASE_FILE)
    if named:
        return private_content(Path(named)).rstrip(b"\r\n")
    return ask().encode("utf-8")


def lock_path(report: Path) -> Path:
    """Where a report's lock lies.

    >>> lock_path(Path("reports/x/quarterly.yaml")).as_posix()
    'reports/x/quarterly.lock.json'
    """
    return report.with_suffix(".lock.json")


def lock_of(
    path: Path,
    report: Report,
    contract: Contract,
    policy: Policy,
    plan: Plan,
    *,
    author: str,
    map_version: str,
) -> Lock:
    """The lock of a report that was read from a file, with contract.yaml and templates/ beside it.

    Args:
        path: the report's file.
        report, contract, policy: as they were read.
        plan: made from them alone.
        author: who wrote the report, as trust.yaml names the person.
        map_version: the account map's.

    Raises:
        LockError: if a file can't be read, or the contract has no partnership.
    """
    return make_lock(
        report,
        contract,
        policy,
        plan,
        author=author,
        files={"report.yaml": read_signed(path), "contract.yaml": read_signed(path.parent / "contract.yaml")},
        templates={
            **_templates("dpinsights", sorted(PACKAGED.iterdir())),
            **own_templates(path.parent),
        },
        seed=selection_seed(plan.partnership),
        map_version=map_version,
        versions={name: version(name) for name in ("dpinsights", "opendp")},
    )


def _templates(folder: str, paths: Iterable[Path]) -> dict[str, bytes]:
    found = {}
    for path in paths:
        if path.is_symlink():
            raise LockError(f"{path} is a link: a template is a plain file")
        if path.is_file():
            found[f"{folder}/{path.name}"] = read_signed(path)
    return found


def own_templates(folder: Path) -> dict[str, bytes]:
    """The templates of a partnership's own, by the path under which a lock and a release hold them."""
    return _templates("templates", sorted((folder / "templates").glob("*.html")))


def author_of(path: Path, given: str | None, trust: Trust | None) -> str:
    """Who a report's author is: as given, as its last lock says, or the only one whom the trust file knows.

    Raises:
        ApprovalError: if none of them tells, or the trust file doesn't know the author.
    """
    authors = sorted(trust.persons("author")) if trust else []
    author = given
    if author is None and lock_path(path).is_file():
        author = read_lock(lock_path(path)).author
    if author is None and len(authors) == 1:
        author = authors[0]
    if not author:
        raise ApprovalError("who wrote the report? give --author, the name as trust.yaml has it")
    if trust and author not in authors:
        raise ApprovalError(
            f"{author!r} has no key with the role author in trust.yaml; those who have: {', '.join(authors) or 'nobody'}"
        )
    return author


def read_lock(path: Path) -> Lock:
    """The lock of a file.

    Raises:
        LockError: if it can't be read, or is not as we write it.
    """
    return parse_lock(read_signed(path), path.name)


def write_lock(lock: Lock, report: Path) -> Path:
    """Writes a report's lock, whole or not at all; the same definitions write the same bytes."""
    path = lock_path(report)
    write_signed(path, lock.content)
    return path


def trust_beside(path: Path, contract: Contract | None = None) -> Trust | None:
    """The trust file of the folder in which a report or a lock lies, if there is one.

    Raises:
        DefinitionError: if it is not sound.
    """
    file = path.parent / "trust.yaml"
    return load_trust(file, contract) if file.exists() else None


def approvals_folder(lock: Lock, path: Path) -> Path:
    """Where the signatures of a lock are kept, given the file of the lock or of the report."""
    return path.parent / "approvals" / lock.digest


def sign_lock(path: Path, signer: Signer, terms: Terms, seen: str) -> Path:
    """Signs the lock of a file and keeps the signature; a key's new approval takes the place of its old one.

    If a trust file lies beside it, a signature that would not count there is refused.

    Args:
        path: the lock's file.
        signer: the key.
        terms: what the approver says beside yes.
        seen: the digest of the lock that the approver has been shown.

    Raises:
        ApprovalError: if the lock can't be read, is another than was shown, or the signature would not count.
    """
    lock = read_lock(path)
    if lock.digest != seen:
        raise LockError(f"{path.name} changed while it was shown: nothing was signed; look at it again")
    envelope = approve(lock, terms, signer)
    folder = approvals_folder(lock, path)
    file = folder / f"{signer.key_id}.dsse.json"
    trust = trust_beside(path)
    if trust is not None:
        with suppress(TooFewSignaturesError):
            approved(lock, {file.name: envelope.to_bytes()}, trust, terms.signed_on)
    folder.mkdir(parents=True, exist_ok=True)
    write_signed(file, envelope.to_bytes())
    return file


def read_approvals(lock: Lock, path: Path) -> dict[str, bytes]:
    """The signed approvals of a lock, by file name, given the file of the lock or of the report."""
    folder = approvals_folder(lock, path)
    return {file.name: read_signed(file) for file in sorted(folder.glob("*.dsse.json"))}


def check_lock(locked: Lock, fresh: Lock, name: str) -> None:
    """That what was locked is what would run.

    Raises:
        LockError: saying what differs.
    """
    if locked.content == fresh.content:
        return
    changes = "\n  ".join(str(change) for change in differences(locked, fresh))
    raise LockError(
        f"{name} is not of what would run; from the lock to the definitions:\n  {changes}\n"
        "lock the report again and have it approved again, or restore what was approved"
    )
