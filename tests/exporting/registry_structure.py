"""The structure of the registry's records, for the tests.

Written down from what https://github.com/opendp/deployments-registry-data (MIT) asked for in July 2026 in
`schemas/deployments-schema.yaml`: which fields there are, which are required, of what kind, and the closed lists. None of
its text is copied. A change there is not noticed here.
"""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}
ANY: dict[str, Any] = {}


def one_of(*values: object) -> dict[str, Any]:
    """One of a closed list."""
    return {"enum": list(values)}


def record(required: str = "", **fields: dict[str, Any]) -> dict[str, Any]:
    """An object that has these fields and no other."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": fields,
    }


def texts(names: str) -> dict[str, Any]:
    """Text fields by their names."""
    return dict.fromkeys(names.split(), TEXT)


CURATOR = {
    "type": "object",
    "required": ["data_curator_name", "data_curator_type"],
    "properties": {
        "data_curator_name": TEXT,
        "data_curator_type": one_of("Government", "Industry", "Nonprofit"),
    },
}

BASIC = record(
    "name data_curators description intended_use data_product_type data_product_region publication_date",
    **texts("name description intended_use data_product_region"),
    data_curators={"type": "array", "minItems": 1, "items": CURATOR},
    data_product_type=one_of(
        "Summary statistics",
        "Machine learning model",
        "Dataset",
        "Synthetic data",
        "Interactive API",
        "SQL queries",
    ),
    data_product_sector=one_of("Technology", "Healthcare", "Education", "Government", "Energy", "Finance"),
    publication_date={"type": "string", "format": "date"},
)

VARIANT = record(
    variant_name=one_of("Pure DP", "Approximate DP", "Zero-concentrated DP", "Renyi DP", "Custom"),
    **texts("data_domain unprotected_quantities"),
)

LOSS = record(
    **texts("privacy_unit privacy_unit_details"),
    number_of_privacy_units={"type": "integer"},
    privacy_parameters=record(epsilon=NUMBER, delta={"type": ["number", "string"]}, rho=NUMBER),
    privacy_parameters_details=ANY,
)

MODEL = record(
    model_name=one_of("Local", "Central", "Shuffle", "Federated", "Varies"),
    **texts("model_name_details trust_assumptions"),
    actors=ANY,
    release_type=one_of("One release", "Many releases"),
    release_type_details=TEXT,
    data_source_type=one_of("Static", "Dynamic"),
    data_source_type_details=TEXT,
    access_type=one_of("Interactive", "Non-interactive"),
    access_type_details=TEXT,
)

IMPLEMENTATION = record(
    **texts("preprocessing_and_hyperparameter_tuning mechanisms composition post_processing justification"),
    utility=ANY,
    additional_information=ANY,
)

ADMINISTRATIVE = record(
    "status registry_authors tier",
    evidence_sources={"type": "object"},
    status=one_of(
        "Converted",
        "Draft",
        "Pending",
        "Changes Required",
        "Approved",
        "Approved (Update Requested)",
        "Approved (Pending)",
    ),
    registry_authors={"type": "array", "minItems": 1, "items": TEXT},
    tier=one_of(1, 2, 3),
)

DEPLOYMENT = record(
    "basic administrative",
    basic=BASIC,
    dp_variant=VARIANT,
    privacy_loss=LOSS,
    deployment_model=MODEL,
    implementation=IMPLEMENTATION,
    administrative=ADMINISTRATIVE,
)

STRUCTURE = record("url_slug deployment", url_slug=TEXT, deployment=DEPLOYMENT)
"""A whole record, as a JSON Schema."""
