"""The record of a release for the registry of deployments of differential privacy (opendp/deployments-registry-data).

Its fields are those of the registry's schema as it stood in July 2026, up to tier 3. What the release's files say is
filled in; what only a person can know begins with TODO. Drafts are made for a person to finish, never sent anywhere.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import LiteralScalarString

from dpinsights.errors import ReportError
from dpinsights.exporting.folder import ReleaseFolder
from dpinsights.exporting.telling import Telling
from dpinsights.model.names import EXPLORATION
from dpinsights.model.numbers import DELTA_UNITS, RHO_UNITS
from dpinsights.reporting.words import Words

TODO = "TODO"
"""What a text begins with that a person has to write."""

_HEAD = """A draft for https://github.com/opendp/deployments-registry-data, made by dpinsights from the files of one release.
To be done by a person: every text that begins with TODO; data_product_sector, one of Technology, Healthcare, Education,
Government, Energy, Finance; number_of_privacy_units, an approximate number from a public source (dpinsights never
releases a true count); whether data_curator_type is right; evidence_sources. Nothing here is a legal conclusion."""


def record(folder: ReleaseFolder) -> dict[str, Any]:
    """The record as data, in English, in the order of the registry's schema.

    Raises:
        ReportError: for what was explored, which is nobody's deployment.
    """
    release = folder.release
    if release.audience == EXPLORATION:
        raise ReportError(
            "what was explored is for no party, so it is no deployment to register: export a release that a party received"
        )
    told = _Record(Telling(folder, Words("en")))
    return {
        "url_slug": f"{release.contract}-{release.report}-{release.version}",
        "deployment": {
            "basic": told.basic(),
            "dp_variant": told.variant(),
            "privacy_loss": told.privacy_loss(),
            "deployment_model": told.model(),
            "implementation": told.implementation(),
            "administrative": {
                "status": "Draft",
                "registry_authors": [_todo("who answers for this record")],
                "tier": 3,
            },
        },
    }


def registry_yaml(folder: ReleaseFolder) -> str:
    """The record as a YAML file, the same text for the same release.

    Raises:
        ReportError: for what was explored.
    """
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = 110
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = CommentedMap(_blocks(record(folder)))
    data.yaml_set_start_comment(_HEAD)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()


class _Representer(RoundTripRepresenter):
    """Floats with a point, `1.0e-10`: readers of YAML 1.1, such as the registry's, take `1e-10` for a text."""


def _float(representer: RoundTripRepresenter, value: float) -> ScalarNode:
    text = repr(value)
    return representer.represent_scalar(
        "tag:yaml.org,2002:float", text if "." in text else text.replace("e", ".0e")
    )


_Representer.add_representer(float, _float)


def _blocks(part: Any) -> Any:
    """Texts of several lines as literal blocks, which keep their lists readable."""
    match part:
        case dict():
            return {name: _blocks(value) for name, value in part.items()}
        case list():
            return [_blocks(value) for value in part]
        case str() if "\n" in part:
            return LiteralScalarString(part)
    return part


def _todo(what: str) -> str:
    return f"{TODO}: {what}"


def _items(lines: Iterable[str]) -> str:
    """A list in markdown, which the registry renders.

    >>> _items(["a", "b"])
    '- a\\n- b\\n'
    """
    return "".join(f"- {line}\n" for line in lines)


class _Record:
    """The record's parts, from what the release's files tell."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._release = telling.folder.release
        self._lock = telling.folder.lock

    def basic(self) -> dict[str, Any]:
        release, telling = self._release, self._telling
        names = [telling.words.name(names, party) for party, names in release.parties.items()]
        summary = telling.words.name(release.summary) if release.summary else ""
        about = f"Statistics about the customers of {telling.doc('parties')}, {telling.doc('period')}."
        tables = [telling.words.name(table.title, table.name) for table in release.tables]
        marks = [f"{mark}." for mark in telling.marks]
        return {
            "name": telling.title,
            "data_curators": [{"data_curator_name": name, "data_curator_type": "Industry"} for name in names],
            "description": "\n\n".join(
                [*marks, *([summary] if summary else []), about, _items(dict.fromkeys(tables))]
            ),
            "intended_use": telling.approval_field("purpose") or _todo("what the report is used for"),
            "data_product_type": "Summary statistics",
            "data_product_region": _todo("which region the data describe, and whose laws apply"),
            "publication_date": str(release.released_on),
        }

    def variant(self) -> dict[str, Any]:
        release, telling = self._release, self._telling
        tables = telling.tables_read
        read = f" The tables that are read: {', '.join(tables)}." if tables else ""
        told = [*telling.statement("unprotected"), telling.approval_field("unprotected")]
        other = telling.approval_field("other_releases")
        return {
            "variant_name": "Custom" if release.statement.report.delta_units else "Zero-concentrated DP",
            "data_domain": (
                f"All data sets of {telling.doc('parties')} with the tables and columns that their contract declares, "
                f"rows linked by customer; the report is about {telling.doc('period')}.{read}"
            ),
            "unprotected_quantities": _items(
                [
                    "No statistic of the data is released without noise by dpinsights.",
                    *(line for line in told if line),
                    f"Other releases: {other}"
                    if other
                    else _todo("other releases on the same data, exact or not"),
                ]
            ),
        }

    def privacy_loss(self) -> dict[str, Any]:
        said, telling = self._release.statement, self._telling
        delta = said.conversion_delta + Decimal(said.report.delta_units) / DELTA_UNITS
        return {
            "privacy_unit": "Customer: one linked person, with all rows in every table of both companies",
            "privacy_unit_details": _items(telling.facts),
            "privacy_parameters": {
                "epsilon": float(said.report.epsilon),
                "delta": float(delta),
                "rho": float(Decimal(said.report.rho_units) / RHO_UNITS),
            },
            "privacy_parameters_details": _items(
                [
                    *(_variant_details(delta) if said.report.delta_units else ()),
                    *telling.spending,
                    *(f"A cap was changed: {change}" for change in said.amendments),
                ]
            ),
        }

    def model(self) -> dict[str, Any]:
        telling = self._telling
        audience = telling.doc("audience")
        access = telling.approval_field("access")
        releases = telling.approval_field("releases")
        return {
            "model_name": "Central",
            "model_name_details": telling.say("model_central"),
            "trust_assumptions": access or _todo("who sees raw rows and tokens, and why they are trusted"),
            "actors": _items(
                [
                    "The operator runs dpinsights where the rows of both companies are merged, sees those rows, and is trusted "
                    "with them: differential privacy protects nobody from the operator.",
                    f"The owners of the data at {telling.doc('parties')}, and compliance: "
                    + (
                        "they signed exactly the questions that ran."
                        if self._release.approved
                        else "this release was not approved by them."
                    ),
                    f"{audience} receives noisy numbers alone, and need not be trusted. All recipients are assumed to put "
                    "together what they know, and each company knows its own customers.",
                ]
            ),
            "release_type": "One release",
            "release_type_details": _items(
                [
                    telling.say("model_once"),
                    "Later reports about the same customers add to the same accounts, whose caps count for ever: see the "
                    "privacy parameters.",
                    releases or _todo("plans for further releases of these data"),
                ]
            ),
            "data_source_type": "Static",
            "data_source_type_details": "A named snapshot of both companies' tables, which does not change afterwards.",
            "access_type": "Non-interactive",
            "access_type_details": telling.say("model_fixed"),
        }

    def implementation(self) -> dict[str, Any]:
        telling = self._telling
        processing = telling.statement("processing")
        preparation = telling.approval_field("preparation")
        return {
            "preprocessing_and_hyperparameter_tuning": _items(
                [
                    processing[0],
                    *telling.limits,
                    *([telling.explored] if telling.explored else []),
                    preparation
                    or _todo(
                        "what was looked at in the data beforehand, and whether its privacy loss was accounted for"
                    ),
                ]
            ),
            "mechanisms": _items(
                [
                    *telling.mechanisms,
                    f"Library: OpenDP, through dpinsights; {telling.versions}",
                    telling.say("side_channels"),
                    _todo("how the underlying data are secured, and who has access to them"),
                ]
            ),
            "composition": _items(
                [
                    "Sequential composition of zero-concentrated differential privacy: ρ adds up over all measurements of a "
                    "report and over all reports of an account. A table's cells are one vector, with its L2 sensitivity.",
                    "An append-only, hash-chained ledger charges each account and the lifetime account before anything "
                    "is computed from data. A measurement that several tables share is drawn and paid for once.",
                ]
            ),
            "post_processing": _items(processing[1:]),
            "justification": _todo(
                "why these parameters, bounds and groups were chosen, and who validated them"
            ),
            "utility": _items(telling.statement("methods")),
            "additional_information": _items(self._references()),
        }

    def _references(self) -> list[str]:
        entries = self._telling.folder.entries
        found = [f"Release {self._release.release}, of {self._telling.doc('edition')}"]
        if self._lock is not None:
            found.append(f"Lock of what was approved: sha256 {self._lock.digest}")
        if entries:
            found.append(f"Position in the ledger: entry {entries[-1].seq}, hash {entries[-1].hash}")
        if self._telling.folder.receipt is not None:
            found.append(
                "A signed receipt lists the digests of all files; its recipient can verify it offline."
            )
        return found


def _variant_details(delta: Decimal) -> tuple[str, ...]:
    return (
        "The variant is (δ, ρ) approximate zero-concentrated differential privacy, since keys were discovered: adding or "
        "removing one customer is a distance of 1, and δ is that of discovery. The epsilon above holds at the delta "
        f"above, {delta:.3g}, which is that of the conversion and of discovery together.",
    )
