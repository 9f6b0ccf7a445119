"""JSON Schemas (2020-12) of the documents, for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dpinsights.model.calendar import Calendar
from dpinsights.model.contract import Contract
from dpinsights.model.document import Document
from dpinsights.model.policy import Policy, Sources
from dpinsights.model.report import Report
from dpinsights.model.trust import Trust

DOCUMENTS: Mapping[str, type[Document]] = {
    "contract": Contract, "report": Report, "policy": Policy, "trust": Trust, "sources": Sources,
    "calendar": Calendar,
}  # fmt: skip
"""The documents that people write, by kind."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of a kind of document.

    >>> schema = json_schema("policy")
    >>> schema["$schema"], sorted(schema["required"])
    ('https://json-schema.org/draft/2020-12/schema', ['accounts', 'delta', 'lifetime', 'policy', 'version'])
    """
    schema = DOCUMENTS[kind].model_json_schema(by_alias=True, mode="validation")
    _strip_nulls(schema)
    return {"$schema": _DIALECT, "$id": f"urn:dpinsights:schema:{kind}:1", **schema}


def schema_text(kind: str) -> str:
    """A schema as the text of a file, ending in a newline."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path | str) -> tuple[Path, ...]:
    """Write every schema into a folder as `<kind>.schema.json`, and return the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in DOCUMENTS:
        file = folder / f"{kind}.schema.json"
        file.write_text(schema_text(kind), encoding="utf-8", newline="\n")
        files.append(file)
    return tuple(files)


def _strip_nulls(part: Any) -> None:
    """A field that may be left out is not a field that may be null: an empty value is refused when read."""
    if isinstance(part, dict):
        options = part.get("anyOf")
        if isinstance(options, list) and part.get("default", ...) is None:
            rest = [option for option in options if option != {"type": "null"}]
            del part["default"], part["anyOf"]
            if len(rest) == 1:
                part.update({name: value for name, value in rest[0].items() if name not in part})
            else:
                part["anyOf"] = rest
        for value in part.values():
            _strip_nulls(value)
    elif isinstance(part, list):
        for value in part:
            _strip_nulls(value)
