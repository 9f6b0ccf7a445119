"""From one trust file to the next: the persons of the old one sign the new one, under the old threshold.

So nobody adds a key, or lowers a threshold, whom those who were trusted before did not agree to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from dpinsights.governance.approvals.counting import count, enough, in_force
from dpinsights.governance.approvals.envelope import Envelope, seal
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    OtherLockError,
    OtherPartnershipError,
    StatementError,
    WrongRoleError,
)
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.statement import TRUST, Statement, parse_statement, subject
from dpinsights.governance.approvals.strict import exactly, strict_day
from dpinsights.model.trust import APPROVING, ROLES, Quorum, Role, Trust, TrustedKey

_FILE = "trust.yaml"
_PREDICATE = ("role", "trust", "version", "signed_on")


def sign_successor(new: Trust, content: bytes, role: Role, signed_on: date, *signers: Signer) -> Envelope:
    """The bytes of a new trust file, signed under a role of the old one."""
    predicate = {"role": role, "trust": new.trust, "version": new.version, "signed_on": signed_on}
    return seal(Statement((subject(_FILE, content),), TRUST, predicate).to_bytes(), *signers)


def check_successor(
    old: Trust, new: Trust, content: bytes, envelopes: Mapping[str, bytes], on: date
) -> tuple[str, ...]:
    """That a trust file follows another: the version after it, signed under the old one's threshold.

    An author's signature is not asked for: a trust file has none.

    Args:
        old, new: the two files, read.
        content: the bytes of the new one.
        envelopes: the signatures, by the names of their files.
        on: the day on which it takes the old one's place.

    Returns:
        The persons who signed.

    Raises:
        ApprovalError: if it doesn't follow, or the signatures are not enough.
    """
    if new.trust != old.trust:
        raise OtherPartnershipError(f"the trust file is of {new.trust}, the one before it of {old.trust}")
    if new.version != old.version + 1:
        raise ApprovalError(
            f"after version {old.version} of the trust file comes {old.version + 1}, not {new.version}"
        )

    def read(file: str, key: TrustedKey, payload: bytes) -> Role:
        role, signed_on = _said(file, payload, new, content)
        in_force(file, key, signed_on, on)
        if role not in key.roles or role not in APPROVING:
            raise WrongRoleError(
                f"{file}: {key.owner} signs as {role}, which the old trust file doesn't allow"
            )
        return role

    counted, refused = count(envelopes, old, read)
    quorums: dict[Role, Quorum] = {role: quorum for role, quorum in old.threshold.items() if role != "author"}
    parties = sorted({key.party for key in old.keys if key.party})
    what = f"version {new.version} of the trust file doesn't follow"
    enough(what, quorums, parties, [(one.said, one.key.party) for one in counted], refused)
    return tuple(one.key.owner for one in counted)


def _said(file: str, payload: bytes, new: Trust, content: bytes) -> tuple[Role, date]:
    statement = parse_statement(payload, TRUST, file)
    try:
        said = exactly(dict(statement.predicate), _PREDICATE, "a succession")
        if said["role"] not in ROLES or not all(isinstance(text, str) for text in said.values()):
            raise ValueError("its fields are texts, its role one of " + ", ".join(ROLES))
        role: Role = said["role"]
        signed_on = strict_day(said["signed_on"])
    except ValueError as fault:
        raise StatementError(f"{file} is no succession: {fault}") from None
    if (said["trust"], said["version"]) != (new.trust, str(new.version)):
        raise OtherPartnershipError(f"{file} is about another trust file")
    if statement.subjects != (subject(_FILE, content),):
        raise OtherLockError(f"{file} signs other bytes than this trust file's")
    return role, signed_on
