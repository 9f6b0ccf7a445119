"""What an approver must read of a report beside its questions: why, on what basis, for how long, and who answers."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field

from dpinsights.model.document import Document
from dpinsights.model.names import Names

ApprovalField = Literal[
    "purpose", "legal_basis", "impact_assessment", "security_assessment", "data_owners", "retention", "onward_sharing",
    "linkage", "unprotected", "other_releases", "preparation", "access", "releases", "output_class", "contact",
]  # fmt: skip
"""The name of a field that a policy can make mandatory."""

APPROVAL_FIELDS: tuple[ApprovalField, ...] = get_args(ApprovalField)
"""All of them, in the order in which they are printed."""


class ApprovalFields(Document):
    """What approvers and readers are told in words; a policy says which of it is mandatory.

    >>> fields = ApprovalFields(purpose={"en": "Planning", "zh": "规划"}, contact="privacy@example.org")
    >>> [name for name, text in fields.filled().items()]
    ['purpose', 'contact']
    """

    purpose: Names | None = Field(None, description="what the report is for, and for nothing else")
    legal_basis: Names | None = Field(
        None, description="the basis in law and contract on which each party's data may be used so"
    )
    impact_assessment: Names | None = Field(
        None, description="the reference of the personal information protection impact assessment"
    )
    security_assessment: Names | None = Field(
        None, description="the reference of the data security assessment"
    )
    data_owners: Names | None = Field(None, description="who owns the data at each party, by name or office")
    retention: Names | None = Field(
        None, description="how long the release and the records of its making are kept"
    )
    onward_sharing: Names | None = Field(None, description="to whom the audience may pass the report on")
    linkage: Names | None = Field(
        None, description="how customers of both parties are linked, and who holds the key"
    )
    unprotected: Names | None = Field(
        None, description="what is published without noise, or outside this protection"
    )
    other_releases: Names | None = Field(
        None, description="other figures about the same data, exact or not, that are or will be published"
    )
    preparation: Names | None = Field(
        None, description="what was looked at in the data beforehand, and whether that was charged"
    )
    access: Names | None = Field(
        None, description="who sees raw rows, who sees tokens, and who sees only noisy numbers"
    )
    releases: Names | None = Field(
        None, description="whether the report is released once or again and again, and how data moves between"
    )
    output_class: Names | None = Field(
        None, description="the class or grade of the report itself, as the parties grade derived data"
    )
    contact: Names | None = Field(None, description="whom a reader or a customer may ask")

    def filled(self) -> dict[ApprovalField, Names]:
        """The fields that hold a text, in the order of `APPROVAL_FIELDS`."""
        return {name: text for name in APPROVAL_FIELDS if (text := getattr(self, name)) is not None}
