"""Changing a cap: lowered at once, raised by a proposal that persons sign; the files around `governance.approvals.amendment`.

A proposal is a file of its own, `amendment.json`, its signatures in `approvals/<digest of the proposal>/` beside it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from dpinsights.approving import trust_beside
from dpinsights.budget import cap_of, periods_of
from dpinsights.errors import LedgerError
from dpinsights.governance.approvals.amendment import (
    AmendmentApproved,
    Proposal,
    amendment_approved,
    approve_amendment,
    parse_proposal,
)
from dpinsights.governance.approvals.approval import Terms
from dpinsights.governance.approvals.errors import (
    OtherAmendmentError,
    OtherPartnershipError,
    ProposalError,
    TooFewSignaturesError,
)
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.raises import CHANGES
from dpinsights.governance.approvals.strict import strict_json
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Amendment, Cap, Ledger, PeriodChange
from dpinsights.governance.spending import changes
from dpinsights.model.numbers import exact, plain
from dpinsights.model.policy import Policy
from dpinsights.model.release import CapChange
from dpinsights.model.trust import Trust
from dpinsights.signed_files import read_signed, write_signed


def propose(
    ledger: Ledger, account: str, epsilon: Decimal, *, author: str, reason: str, period: bool = False
) -> Proposal:
    """A proposal to raise a cap, of the ledger as it is now; with `period`, the cap of each of the account's periods.

    Raises:
        LedgerError: if there is no such account.
        ProposalError: if it raises nothing, or does not say who proposes it and why.
    """
    delta = ledger.deltas().conversion
    (every, before), after = _cap(ledger, account, period), cap_of(epsilon, delta)
    return Proposal(
        partnership=ledger.partnership,
        policy=ledger.policy,
        account=account,
        period=every,
        before=before.epsilon,
        before_rho=str(before.rho_units),
        after=after.epsilon,
        after_rho=str(after.rho_units),
        conversion_delta=plain(delta),
        number=str(_done(ledger.entries()) + 1),
        author=unicodedata.normalize("NFC", author),
        reason=unicodedata.normalize("NFC", reason),
    )


def write_proposal(proposal: Proposal, path: Path) -> Path:
    """Writes a proposal, whole or not at all; one that is there already stays, unless it is the same."""
    if path.exists() and path.read_bytes() != proposal.content:
        raise ProposalError(f"{path} is there already: give another --out, or move it away")
    write_signed(path, proposal.content)
    return path


def is_proposal(path: Path) -> bool:
    """Whether a file is meant to be a proposal, sound or not; a lock is none.

    Raises:
        LockError: if it can't be read.
    """
    try:
        data = strict_json(read_signed(path))
    except ValueError:
        return False
    return isinstance(data, dict) and "amendment" in data


def read_proposal(path: Path) -> Proposal:
    """The proposal of a file.

    Raises:
        ProposalError: if it is not as we write it.
        LockError: if it can't be read.
    """
    return parse_proposal(read_signed(path), path.name)


def signatures_folder(proposal: Proposal, path: Path) -> Path:
    """Where the signatures of a proposal are kept, given its file."""
    return path.parent / "approvals" / proposal.digest


def sign_proposal(path: Path, signer: Signer, terms: Terms, seen: str) -> Path:
    """Signs the proposal of a file and keeps the signature; a key's new one takes the place of its old one.

    The ledger units are worked out again from the epsilons, since it is units that the ledger counts. If a trust file
    lies beside the proposal, a signature that would not count there is refused.

    Args:
        path: the proposal's file.
        signer: the key.
        terms: what the approver says beside yes; a proposal is used once, so `max_runs` says nothing.
        seen: the digest of the proposal that the approver has been shown.

    Raises:
        ApprovalError: if the proposal can't be read, is another than was shown, or the signature would not count.
    """
    proposal = read_proposal(path)
    if proposal.digest != seen:
        raise ProposalError(f"{path.name} changed while it was shown: nothing was signed; look at it again")
    check_units(proposal)
    envelope = approve_amendment(proposal, terms, signer).to_bytes()
    folder = signatures_folder(proposal, path)
    file = folder / f"{signer.key_id}.dsse.json"
    trust = trust_beside(path)
    if trust is not None:
        with suppress(TooFewSignaturesError):
            amendment_approved(proposal, {file.name: envelope}, trust, terms.signed_on)
    folder.mkdir(parents=True, exist_ok=True)
    write_signed(file, envelope)
    return file


def check_units(proposal: Proposal) -> None:
    """That a proposal's ledger units are those of its epsilons.

    Raises:
        ProposalError: if they are more: whoever signs epsilon 2 must not have signed 20.
    """
    cap = cap_of(exact(proposal.after), exact(proposal.conversion_delta))
    if int(proposal.after_rho) > cap.rho_units:
        raise ProposalError(
            f"the proposal says epsilon {proposal.after}, and its ledger units are more than that: it was altered; "
            "nothing was signed or changed"
        )


def amend_signed(ledger: Ledger, path: Path, trust: Trust, on: date) -> tuple[CapChange, AmendmentApproved]:
    """Raises a cap as a signed proposal says; the ledger keeps the signatures, so that a reader can check them again.

    Args:
        ledger: the partnership's.
        path: the proposal's file, with its signatures beside it.
        trust: whose signatures count.
        on: today; signatures count on this day, or on the ledger's last if that is later.

    Raises:
        ApprovalError: if the proposal is of another ledger, its turn is over, or the signatures are not enough.
        LedgerError: if the account is not there.
    """
    proposal = read_proposal(path)
    if proposal.partnership != ledger.partnership or proposal.policy != ledger.policy:
        raise OtherPartnershipError(
            f"{path.name} is of partnership {proposal.partnership} ({proposal.policy}), this ledger of "
            f"{ledger.partnership} ({ledger.policy}): name the right --state"
        )
    check_units(proposal)
    entries = ledger.entries()
    number = _done(entries) + 1
    every, now = _cap(ledger, proposal.account, bool(proposal.period))
    expected = (str(number), every, now.epsilon, str(now.rho_units), plain(ledger.deltas().conversion))
    named = ("number", "period", "before", "before_rho", "conversion_delta")
    if tuple(getattr(proposal, name) for name in named) != expected:
        raise OtherAmendmentError(
            f"{path.name} is change {proposal.number} of the caps, from epsilon {proposal.before}; the ledger's next is "
            f"{number}, and the cap of {proposal.account} is epsilon {now.epsilon}: it was used already, or another came "
            "first; propose it again (dpinsights budget propose) and have it signed again"
        )
    folder = signatures_folder(proposal, path)
    files = {file.name: read_signed(file) for file in sorted(folder.glob("*.dsse.json"))}
    day = max(on, date.fromisoformat(entries[-1].data["day"]))
    approved = amendment_approved(proposal, files, trust, day)
    cap = Cap(int(proposal.after_rho), proposal.after)
    texts = tuple(content.decode() for content in approved.envelopes)
    return _change(ledger, proposal.account, cap, bool(proposal.period), texts, number), approved


def lower_cap(ledger: Ledger, account: str, epsilon: Decimal, *, period: bool = False) -> CapChange:
    """Lowers an account's cap, as an entry of the ledger that every later report shows; it needs no signatures.

    Raises:
        LedgerError: if the account is not there, more is spent already, or it would raise the cap.
    """
    if epsilon <= 0:
        raise LedgerError("a cap is more than 0")
    (_, now), cap = _cap(ledger, account, period), cap_of(epsilon, ledger.deltas().conversion)
    if cap.rho_units > now.rho_units:
        raise LedgerError(
            f"the cap of {account} is epsilon {now.epsilon}, and raising it needs signatures: "
            f"dpinsights budget propose {account} {cap.epsilon}{' --period' * period} --reason TEXT --author NAME, then "
            "dpinsights approve amendment.json by each who has to sign, then dpinsights budget amend amendment.json "
            "--trust trust.yaml"
        )
    return _change(ledger, account, cap, period, (), None)


def adopt_periods(ledger: Ledger, policy: Policy) -> tuple[CapChange, ...]:
    """Gives accounts the policy's periods where the ledger has none yet, and the policy's reserves where the rest is the same.

    Both only keep more back, so nobody has to sign. A period's cap is raised like any other, and its length stays.
    """
    have = ledger.periods()
    made = []
    for account, wanted in periods_of(policy).items():
        now = have.get(account)
        if now != wanted and (now is None or replace(now, reserve=wanted.reserve) == wanted):
            made.append(ledger.set_period(account, wanted))
    return changes(tuple(made))


def _change(
    ledger: Ledger, account: str, cap: Cap, period: bool, envelopes: tuple[str, ...], number: int | None
) -> CapChange:
    made: Amendment | PeriodChange
    if period:
        made = ledger.set_period(
            account, replace(ledger.periods()[account], cap=cap), envelopes, number=number
        )
    else:
        made = ledger.amend(account, cap, envelopes, number=number)
    return changes((made,))[0]


def _cap(ledger: Ledger, account: str, period: bool) -> tuple[str, Cap]:
    """The length of an account's period, or nothing, and the cap that is to be changed."""
    balances = {balance.account: balance for balance in ledger.balances()}
    if account not in balances:
        raise LedgerError(f"there is no account {account}: there are {', '.join(balances)}")
    if not period:
        return "", Cap(balances[account].cap_rho, balances[account].cap_epsilon)
    found = ledger.periods().get(account)
    if found is None:
        raise LedgerError(f"the account {account} has no periods: leave out --period for its cap for ever")
    return found.every, found.cap


def _done(entries: Iterable[Entry]) -> int:
    """How many changes of caps and periods there have been."""
    return sum(entry.type in CHANGES for entry in entries)
