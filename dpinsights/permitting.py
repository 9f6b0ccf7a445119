"""Whether a report may run for a party: what would run is what was signed, by enough, and an operator vouches for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from dpinsights.approving import check_lock, lock_path, read_approvals, read_lock, trust_beside
from dpinsights.governance.accountant import LIFETIME
from dpinsights.governance.approvals.approval import Approved, approved
from dpinsights.governance.approvals.counting import in_force
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    LockError,
    UnknownKeyError,
    WrongRoleError,
)
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.lock import Lock
from dpinsights.governance.approvals.raises import amendments_signed
from dpinsights.governance.approvals.trust import load_trust
from dpinsights.governance.books import replay
from dpinsights.governance.caps import caps_beyond, periods_beyond
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Permit
from dpinsights.mechanisms.loss import rho_units_of
from dpinsights.model.policy import Policy
from dpinsights.model.trust import Trust


@dataclass(frozen=True)
class Permission:
    """That a report may run: its lock, and the signatures over it that count."""

    lock: Lock
    approved: Approved
    envelopes: Mapping[str, bytes]
    trust: Trust

    @property
    def permit(self) -> Permit:
        """What the ledger is shown."""
        return Permit(self.lock.digest, self.approved.digest, self.approved.max_runs)

    @property
    def files(self) -> dict[str, bytes]:
        """What a release carries of it, so that its reader can check it again: the lock and the signatures."""
        counted = {one.file: self.envelopes[one.file] for one in self.approved.approvals}
        return {
            f"approval/{name}": content
            for name, content in {"report.lock.json": self.lock.content, **counted}.items()
        }


def check_approved(
    fresh: Lock, path: Path, on: date, *, runs: int = 0, trust_file: Path | None = None
) -> Permission:
    """That a report may run: its lock is of what would run, and enough have signed it.

    Args:
        fresh: the lock made now, of the definitions that would run.
        path: the report's file.
        on: the day, never before the ledger's last one.
        trust_file: the trust file; else the one beside the report.
        runs: how often this lock has run already; the charge counts again, where no other process runs in between.

    Raises:
        LockError: if there is no lock, or it is of something else; the message says what differs.
        ApprovalError: if there is no trust file, or the signatures are not enough.
    """
    file = lock_path(path)
    if not file.exists():
        raise LockError(
            f"{path.name} has no lock, so nobody can have approved it: dpinsights lock {path}, then dpinsights approve "
            f"{file} by each who has to sign (over made-up data, dpinsights run --rehearsal shows the pages beforehand)"
        )
    check_lock(read_lock(file), fresh, file.name)
    trust = load_trust(trust_file) if trust_file else trust_beside(path)
    if trust is None:
        raise ApprovalError(f"there is no trust.yaml beside {path.name}, so no signature counts")
    envelopes = read_approvals(fresh, path)
    return Permission(fresh, approved(fresh, envelopes, trust, on, runs=runs), envelopes, trust)


def check_operator(signer: Signer | None, trust: Trust, on: date) -> None:
    """That a key may sign receipts: before anything is charged, since a release without one can't be checked.

    Raises:
        ApprovalError: if there is no key, or the trust file has it in no such role or not on this day.
    """
    if signer is None:
        raise ApprovalError(
            "a report for a party carries a signed receipt: give --key, the key file of a person whom trust.yaml has as an operator"
        )
    key = trust.key(signer.key_id)
    if key is None:
        raise UnknownKeyError(f"trust.yaml has no key {signer.key_id}, so nobody would believe the receipt")
    if "operator" not in key.roles:
        raise WrongRoleError(
            f"{key.owner} may sign as {', '.join(key.roles)}: a receipt is signed by an operator"
        )
    in_force("the receipt", key, on)


def check_caps(entries: Sequence[Entry], policy: Policy, trust: Trust) -> None:
    """That the ledger allows no more than the policy which is signed with the report, but by raises that were signed too.

    Raises:
        ApprovalError: naming the accounts.
    """
    delta = policy.delta.conversion
    caps = {LIFETIME: policy.lifetime.epsilon, **{name: one.epsilon for name, one in policy.accounts.items()}}
    beyond = caps_beyond(entries, {name: rho_units_of(epsilon, delta) for name, epsilon in caps.items()})
    problems = [
        f"the ledger's cap of {one.account} is more than the policy's"
        if one.allowed is not None
        else f"the ledger has an account {one.account}, and the policy has none"
        for one in beyond
    ]
    wanted = {
        name: (one.period.every, rho_units_of(one.period.epsilon, delta))
        for name, one in policy.accounts.items()
        if one.period is not None
    }
    problems += [
        f"the ledger's periods of {account} are not the policy's (dpinsights budget periods sets what the ledger lacks)"
        for account in periods_beyond(replay(entries), wanted)
    ]
    problems += [one.why for one in amendments_signed(entries, trust)]
    if problems:
        raise ApprovalError(
            "what is signed is not what may be spent: "
            + "; ".join(problems)
            + " (dpinsights budget amend lowers a cap; "
            "raising one takes a proposal that is signed: dpinsights budget propose)"
        )


def check_rehearsal(origin: str, entries: Sequence[Entry]) -> None:
    """Raises ApprovalError if a rehearsal is asked for over real customers, or from a budget that is spent on those."""
    if any(entry.type == "charged" and entry.data["origin"] == "real" for entry in entries):
        raise ApprovalError(
            "a rehearsal is charged like any run, and this ledger's budget is for real customers: open one of its own for "
            "rehearsals (dpinsights budget open ... --state ANOTHER-DIRECTORY) and name that --state"
        )
    if origin != "synthetic":
        raise ApprovalError(
            "a rehearsal is over made-up data (origin: synthetic in the sources): over real customers a report for a "
            "party runs with signatures, and what is explored has the audience exploration"
        )
