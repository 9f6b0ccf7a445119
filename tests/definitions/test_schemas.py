"""The JSON Schemas accept what we accept, describe every field, and `init` proposes types only."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dpinsights.definitions.init import start_contract, start_folder
from dpinsights.definitions.loading import load_contract, load_folder
from dpinsights.definitions.reading import read_file
from dpinsights.definitions.schemas import DOCUMENTS, json_schema, write_schemas
from dpinsights.errors import DefinitionError

GOOD = Path(__file__).parent / "good"
REPORTS = Path(__file__).parents[2] / "reports"
FILES = [
    *GOOD.glob("*.yaml"),
    GOOD.parent / "strict" / "policy.yaml",
    *(p for p in REPORTS.glob("*/*.yaml") if p.name != "population.yaml"),
]


def plain(data: Any) -> Any:
    """What an editor's YAML reader sees."""
    match data:
        case dict():
            return {key: plain(value) for key, value in data.items()}
        case list():
            return [plain(value) for value in data]
        case Decimal():
            return float(data)
        case date():
            return data.isoformat()
    return data


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_schemas_are_schemas(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(kind))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_good_documents_fit(path: Path) -> None:
    data = plain(read_file(path).data)
    kind = next((kind for kind in ("contract", "policy", "calendar") if next(iter(data)) == kind), None)
    kind = kind or ("sources" if "snapshot" in data else "report")
    jsonschema.Draft202012Validator(json_schema(kind)).validate(data)


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_every_field_is_described(kind: str) -> None:
    def fields(part: Any, path: str) -> list[str]:
        found = []
        for name, field in part.get("properties", {}).items():
            if "description" not in field and "$ref" not in field and name not in ("en", "zh"):
                found.append(f"{path}.{name}")
        return found

    schema = json_schema(kind)
    parts = {kind: schema, **schema.get("$defs", {})}
    assert [name for part, inner in parts.items() for name in fields(inner, part)] == []


def test_schemas_are_written(tmp_path: Path) -> None:
    files = write_schemas(tmp_path / "schemas")
    assert [file.name for file in files] == [f"{kind}.schema.json" for kind in DOCUMENTS]
    assert json.loads(files[0].read_text("utf-8"))["$schema"].endswith("2020-12/schema")


def secrets(path: Path) -> Path:
    table = pa.table(
        {
            "customer_id": ["SECRET-1", "SECRET-2"],
            "tier": ["SECRET-A", "SECRET-B"],
            "balance": pa.array([Decimal("987654.32"), None], pa.decimal128(12, 2)),
            "score": pa.array([987654, 1], pa.int64()),
            "ratio": [0.987654, 0.5],
            "active": [True, False],
            "joined_on": [date(2017, 9, 8), None],
            "seen_at": pa.array([datetime(2017, 9, 8), None], pa.timestamp("us", "Asia/Shanghai")),
            "photo": pa.array([b"SECRET", None], pa.binary()),
            "Odd Name": [1, 2],
        }
    )
    pq.write_table(table, path)
    return path


def test_init_proposes_types_only(tmp_path: Path) -> None:
    file = secrets(tmp_path / "customers.parquet")
    text = start_contract(
        "bank-shop", {"bank": "Bank", "shop": "Shop"}, {"bank.customers": file, "shop.orders": file}
    )
    assert "SECRET" not in text
    assert "9876" not in text
    assert "2017" not in text
    assert "type: decimal" in text
    assert "step: 0.01" in text
    assert "zone: Asia/Shanghai" in text
    assert "customer: customer_id" in text
    path = tmp_path / "contract.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(DefinitionError) as caught:
        load_contract(path)
    assert {problem.code for problem in caught.value.problems} == {"missing-field"}
    assert all(problem.line > 0 for problem in caught.value.problems)
    fields = {problem.message.split("'")[1] for problem in caught.value.problems}
    assert fields == {"customers", "customers_at_most", "basis", "rows", "keys", "bounds", "unit", "step"}


def test_init_writes_a_folder(tmp_path: Path) -> None:
    file = secrets(tmp_path / "c.parquet")
    folder = tmp_path / "bank-shop"
    assert [
        f.name for f in start_folder(folder, ["bank", "shop"], [f"bank.customers={file}", "shop.orders"])
    ] == [
        "contract.yaml",
        "policy.yaml",
    ]
    with pytest.raises(DefinitionError) as caught:
        load_folder(folder)
    assert {problem.code for problem in caught.value.problems} == {"missing-field"}
    with pytest.raises(DefinitionError, match="file-exists"):
        start_folder(folder, ["bank", "shop"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("../x", {"a": "A", "b": "B"}), "bad-name"),
        (("x", {"a": "A"}), "too-few"),
        (("x", {"a": "A", "B": "B"}), "bad-name"),
        (("x", {"a": "A", "b": "B"}, {"c.t": None}), "table-name"),
        (("x", {"a": "A", "b": "B"}, {"a.t": {"x": "words"}}), "unknown-type"),
        (("x", {"a": "A", "b": "B"}, {"a.t": __file__}), "unreadable-file"),
    ],
)
def test_init_refuses(arguments: tuple[Any, ...], code: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        start_contract(*arguments)
    assert code in {problem.code for problem in caught.value.problems}
