"""Refusals of keys, locks and approvals: one class for each reason, so that nobody has to read a message to tell them apart."""

from __future__ import annotations

from dpinsights.errors import DpInsightsError


class ApprovalError(DpInsightsError):
    """A report that may not run for its audience, or a key, lock or approval that can't be used."""

    exit_code = 8


class KeyFileError(ApprovalError):
    """A key file that can't be made, read or used. The message never holds what is in it."""


class LockError(ApprovalError):
    """A lock that can't be read, or that is not of what would run."""


class EnvelopeError(ApprovalError):
    """A file that is no DSSE envelope, to the letter."""


class PayloadTypeError(ApprovalError):
    """An envelope whose payload is said to be something else than an in-toto statement."""


class StatementError(ApprovalError):
    """A signed payload that is no in-toto statement, or states something else than what is asked for."""


class SignatureError(ApprovalError):
    """A signature that is not of these bytes: the payload, its type or the signature was altered."""


class UnknownKeyError(ApprovalError):
    """A signature by a key that trust.yaml does not hold."""


class ExpiredKeyError(ApprovalError):
    """A key before or after its days."""


class ExpiredApprovalError(ApprovalError):
    """An approval before or after its days."""


class UsedUpError(ApprovalError):
    """An approval that has been run as often as it allows."""


class WrongRoleError(ApprovalError):
    """A signature under a role that its key does not have."""


class SelfApprovalError(ApprovalError):
    """An approval by the author of what is approved."""


class SameSignerError(ApprovalError):
    """A second signature of one person."""


class OtherPartnershipError(ApprovalError):
    """An approval, or a trust file, of another partnership."""


class OtherAccountError(ApprovalError):
    """An approval of a report that is charged to another account."""


class OtherReportError(ApprovalError):
    """An approval of another report, version or audience."""


class OtherLockError(ApprovalError):
    """An approval of another lock than this one."""


class ProposalError(ApprovalError):
    """A proposal to raise a cap that can't be read, or proposes nothing of the kind."""


class OtherAmendmentError(ApprovalError):
    """A signature of another amendment than this one, or a proposal whose turn it is not: it was used, or came too late."""


class UnknownAuthorError(ApprovalError):
    """A lock whose author trust.yaml does not know as one: then nobody could tell a self-approval."""


class TooFewSignaturesError(ApprovalError):
    """Valid signatures, but fewer than the threshold."""
