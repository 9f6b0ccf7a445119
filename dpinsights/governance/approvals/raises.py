"""Whether the raises of a ledger's chain were signed: what a reader counts again who holds the entries and the trust file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from dpinsights.governance.approvals.amendment import AMENDMENT, Proposal, amendment_approved, said_of
from dpinsights.governance.approvals.envelope import parse_envelope
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    OtherAccountError,
    OtherAmendmentError,
    OtherPartnershipError,
)
from dpinsights.governance.approvals.statement import parse_statement
from dpinsights.governance.chain import Entry
from dpinsights.model.trust import Trust

CHANGES = ("amended", "period-set")
"""The kinds of entries by which a cap is changed: for ever, or for each period."""


@dataclass(frozen=True)
class UnsignedRaise:
    """An entry that raised a cap without enough signatures of its day: what `amendments_signed` finds."""

    seq: int
    account: str
    why: str


def amendments_signed(entries: Iterable[Entry], trust: Trust) -> tuple[UnsignedRaise, ...]:
    """The raises of a chain that lack signatures: of enough persons, on the entry's day, over just what it did.

    A cap is lowered without signatures, and an account is given its first period. What the caps were at first is the
    policy's, which every lock holds.

    Args:
        entries: a sound chain, from its first entry.
        trust: the partnership's.
    """
    found: list[UnsignedRaise] = []
    partnership, number = "", 0
    for entry in entries:
        if entry.type == "opened":
            partnership = entry.data["partnership"]
        if entry.type not in CHANGES:
            continue
        number += 1
        try:
            if _raises(entry):
                _check_entry(entry, partnership, number, trust)
        except ApprovalError as error:
            found.append(UnsignedRaise(entry.seq, entry.data["account"], str(error)))
    return tuple(found)


def _raises(entry: Entry) -> bool:
    """Whether an entry lets an account spend more than before."""
    before, after = entry.data["before"], entry.data["after"]
    if before is None:
        return False
    return after is None or _every(before) != _every(after) or int(after["cap_rho"]) > int(before["cap_rho"])


def _every(cap: Mapping[str, str]) -> str:
    """The length of the period that an entry's cap is for; empty if it is for ever."""
    return cap.get("every", "")


def _check_entry(entry: Entry, partnership: str, number: int, trust: Trust) -> None:
    data = entry.data
    before, after = data["before"], data["after"]
    if after is None or _every(before) != _every(after):
        raise ApprovalError(
            f"entry {entry.seq} ended a period of {data['account']} or changed its length, which nobody can sign for"
        )
    envelopes = {
        f"envelope {at} of entry {entry.seq}": text.encode()
        for at, text in enumerate(data.get("envelopes", ()), start=1)
    }
    if not envelopes:
        raise ApprovalError(f"entry {entry.seq} raised the cap of {data['account']}, and nobody signed it")
    did = {
        "partnership": partnership,
        "account": data["account"],
        "period": _every(after),
        "before": before["cap_epsilon"],
        "before_rho": before["cap_rho"],
        "after": after["cap_epsilon"],
        "after_rho": after["cap_rho"],
        "number": str(number),
    }
    refused: list[ApprovalError] = []
    proposals: dict[Proposal, None] = {}
    for name, content in envelopes.items():
        try:
            payload = parse_envelope(content, name).payload
            proposals[said_of(name, parse_statement(payload, AMENDMENT, name))[1]] = None
        except ApprovalError as error:
            refused.append(error)
    for proposal in proposals:
        try:
            for name, ours in did.items():
                if getattr(proposal, name) != ours:
                    kind = _OTHER.get(name, OtherAmendmentError)
                    raise kind(
                        f"entry {entry.seq} has {name} {ours!r}, and {getattr(proposal, name)!r} was signed"
                    )
            amendment_approved(proposal, envelopes, trust, date.fromisoformat(data["day"]))
        except ApprovalError as error:
            refused.append(error)
        else:
            return
    raise refused[0]


_OTHER: Mapping[str, type[ApprovalError]] = {
    "partnership": OtherPartnershipError,
    "account": OtherAccountError,
}
