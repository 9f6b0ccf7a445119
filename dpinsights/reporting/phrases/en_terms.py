"""English phrases: terms of a report, and what ties its page to its approval and the ledger."""

from __future__ import annotations

from collections.abc import Mapping

TERMS: Mapping[str, str | Mapping[str, str]] = {
    "terms": "Purpose and terms",
    "receipt_lock": "Lock",
    "receipt_signatures": "Signed by",
    "receipt_ledger": "Place in the ledger",
    "receipt_check": "To check it",
    "ledger_entry": "entry {seq}, {hash}",
    "signed_as": "{person} ({role})",
    "signed_as_of": "{person} ({role}, {party})",
    "signed_owner": "data owner",
    "signed_compliance": "compliance",
    "signed_author": "author",
    "term_purpose": "Purpose",
    "term_legal_basis": "Legal basis",
    "term_impact_assessment": "Impact assessment",
    "term_security_assessment": "Security assessment",
    "term_data_owners": "Owners of the data",
    "term_retention": "Retention",
    "term_onward_sharing": "Onward sharing",
    "term_linkage": "Linkage and key",
    "term_unprotected": "Published without noise",
    "term_other_releases": "Other releases",
    "term_preparation": "Preparation",
    "term_access": "Access",
    "term_releases": "Releases",
    "term_output_class": "Class of the report",
    "term_contact": "Contact",
}
