"""The deployments-registry record: its structure, its facts, and what is left to a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from dpinsights.errors import ReportError
from dpinsights.exporting.folder import ReleaseFolder, read_folder
from dpinsights.exporting.registry import TODO, record, registry_yaml
from dpinsights.model.release import Release
from tests.exporting import house
from tests.exporting.registry_structure import STRUCTURE
from tests.reporting import releases


def folder_of(path: Path, released: Release | None = None, *, alone: bool = False) -> ReleaseFolder:
    held = house.files(released)
    return read_folder(house.write(path, {"release.json": held["release.json"]} if alone else held))


def check(data: object) -> None:
    validator = jsonschema.Draft7Validator(
        STRUCTURE, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER
    )
    validator.validate(data)


def leaves(part: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(part, dict):
        for name, value in part.items():
            yield from leaves(value, f"{place}/{name}")
    elif isinstance(part, list):
        for value in part:
            yield from leaves(value, place)
    else:
        yield place, str(part)


def todos(data: dict[str, Any]) -> set[str]:
    return {place.rpartition("/")[2] for place, text in leaves(data) if f"{TODO}: " in text}


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("made", [releases.quarterly, releases.approved, releases.large, releases.hostile])
def test_every_record_has_the_registrys_structure(made: Any, alone: bool, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a", replace(made(), released_on=house.DAY), alone=alone)
    check(record(folder))
    text = registry_yaml(folder)
    read = YAML(typ="safe")
    read.version = (1, 1)  # the registry's own reader knows no later YAML
    assert read.load(text) == record(folder)


def test_the_structure_refuses_what_the_registry_would(tmp_path: Path) -> None:
    data = record(folder_of(tmp_path / "a"))
    data["deployment"]["dp_variant"]["surprise"] = "x"
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        check(data)
    data = record(folder_of(tmp_path / "a"))
    data["deployment"]["basic"]["publication_date"] = "1/1/2026"
    with pytest.raises(jsonschema.ValidationError, match="date"):
        check(data)


def test_parameters_are_those_of_the_statement(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "a")
    said = folder.release.statement
    found = record(folder)["deployment"]["privacy_loss"]["privacy_parameters"]
    assert found == {
        "epsilon": float(said.report.epsilon),
        "delta": float(said.conversion_delta),
        "rho": said.report.rho_units / 10**12,
    }
    assert record(folder)["deployment"]["dp_variant"]["variant_name"] == "Zero-concentrated DP"


def test_discovered_keys_add_their_delta_and_change_the_variant(tmp_path: Path) -> None:
    released = house.release()
    spent = replace(released.statement.report, delta_units=10**7)
    folder = folder_of(tmp_path / "a", replace(released, statement=replace(released.statement, report=spent)))
    found = record(folder)["deployment"]
    assert found["privacy_loss"]["privacy_parameters"]["delta"] == pytest.approx(1.1e-10, rel=1e-12)
    assert found["dp_variant"]["variant_name"] == "Custom"
    assert "distance of 1" in found["privacy_loss"]["privacy_parameters_details"]


def test_what_nobody_wrote_is_left_to_a_person(tmp_path: Path) -> None:
    alone = todos(record(folder_of(tmp_path / "alone", alone=True)))
    assert alone == {
        "intended_use", "data_product_region", "unprotected_quantities", "trust_assumptions", "release_type_details",
        "preprocessing_and_hyperparameter_tuning", "mechanisms", "justification", "registry_authors",
    }  # fmt: skip
    filled = record(folder_of(tmp_path / "filled"))
    assert todos(filled) == {"data_product_region", "mechanisms", "justification", "registry_authors"}
    assert filled["deployment"]["basic"]["intended_use"] == "purpose in English"
    assert "other_releases in English" in filled["deployment"]["dp_variant"]["unprotected_quantities"]
    assert filled["deployment"]["deployment_model"]["trust_assumptions"] == "access in English"


def test_persons_names_and_signatures_stay_out_of_a_public_record(tmp_path: Path) -> None:
    text = registry_yaml(folder_of(tmp_path / "a"))
    for person in ("Li Na", "Zhao Min", "Chen Jie", "Wang Fang", "Xu Lei"):
        assert person not in text
    assert house.lock().digest in text


def test_marks_stand_in_the_description(tmp_path: Path) -> None:
    released = replace(house.release(), origin="synthetic", approved=False)
    data = record(folder_of(tmp_path / "a", released))["deployment"]
    assert data["basic"]["description"].startswith("Made-up population.\n\nNOT APPROVED.")
    assert "not approved" in data["deployment_model"]["actors"]


def test_what_was_explored_is_no_deployment(tmp_path: Path) -> None:
    released = replace(house.release(), audience="exploration", account="exploration", approved=False)
    with pytest.raises(ReportError, match="for no party"):
        record(folder_of(tmp_path / "a", released))
