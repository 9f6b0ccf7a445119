"""From what pydantic found to problems with places, in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dpinsights.definitions.places import Path, nearest
from dpinsights.definitions.reading import Written
from dpinsights.definitions.synonyms import meant
from dpinsights.errors import DefinitionError, Problem
from dpinsights.model.document import Document

D = TypeVar("D", bound=Document)

_EXPECTED = {
    "string_type": "a text",
    "dict_type": "a mapping of fields to values",
    "model_type": "a mapping of fields to values",
    "mapping_type": "a mapping of fields to values",
    "tuple_type": "a list",
    "list_type": "a list",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
}
_BOUNDS = {"greater_than": "above {gt}", "greater_than_equal": "{ge} or more", "less_than": "below {lt}",
           "less_than_equal": "{le} or less"}  # fmt: skip
_MAY_BE_EMPTY = frozenset({"keys", "labels"})
"""Mappings in which a key may stand without a value: it then has no names."""


def validate(kind: type[D], written: Written) -> D:
    """A document of a kind from what was written.

    Raises:
        DefinitionError: every problem of the fields at once.
    """
    problems = [*_empty_values(written), *_bare_keys(written)]
    document: D | None = None
    try:
        # Only the names that are documented: `from`, never `start`.
        document = kind.model_validate(written.data, by_alias=True, by_name=False)
    except ValidationError as error:
        found = error.errors(include_url=False)
        known = {problem.field for problem in problems} | {
            problem.field.split("[")[0] for problem in problems
        }
        for details in _own_branch(_whole(found), written.data):
            problem = _problem(kind, details, written)
            if problem.field not in known or problem.code == "missing-field":
                problems.append(problem)
    if problems or document is None:
        raise DefinitionError(tuple(problems))
    return document


def _whole(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without lists that are too short only because what is in them is wrong."""
    deeper = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    return [e for e in errors if e["type"] != "too_short" or e["loc"] not in deeper]


def _problem(kind: type[BaseModel], details: ErrorDetails, written: Written) -> Problem:
    path, of_key = _path(details["loc"], written.data)
    code, message, hint = _words(kind, details, path, written)
    field = (details.get("ctx") or {}).get("field")
    path = (*path, field) if field else path
    return written.origin.problem(path, code, message, hint, of_key=of_key or code == "unknown-field")


def _words(
    kind: type[BaseModel], details: ErrorDetails, path: Path, written: Written
) -> tuple[str, str, str]:
    fault, context = details["type"], details.get("ctx") or {}
    value = written.bare.get(path)
    found = f"'{value}'" if value is not None else _shown(details["input"])
    if "-" in fault and "_" not in fault:  # a code of our own
        if fault == "key-not-text" and value is not None:
            return fault, f"a key is a text: write it in quotes, '{value}'", f"'{value}'"
        return fault, details["msg"], context.get("hint", "")
    if fault == "extra_forbidden":
        return "unknown-field", f"no field '{path[-1]}' here", _meant(kind, path, written.data)
    if fault == "missing":
        return "missing-field", f"the field '{details['loc'][-1]}' is missing", ""
    if fault == "string_type" and value is not None:
        return "wrong-type", f"expected a text, found {found}: write it in quotes", f"'{value}'"
    if fault in _EXPECTED:
        hint = _as_written(fault, path, details["input"], found)
        return "wrong-type", f"expected {_EXPECTED[fault]}, found {found}", hint
    if fault in _BOUNDS:
        return "number-out-of-range", f"expected {_BOUNDS[fault].format(**context)}, found {found}", ""
    if fault == "string_pattern_mismatch":
        return (
            "bad-name",
            f"{found} is not of the form wanted here: {_pattern(str(context.get('pattern')))}",
            "",
        )
    if fault in ("literal_error", "union_tag_invalid"):
        options = re.findall(r"'([^']*)'", str(context.get("expected") or context.get("expected_tags")))
        if fault == "union_tag_invalid":
            found = f"'{context.get('tag')}'"
        near = nearest(found.strip("'"), options)
        code = "unknown-type" if fault == "union_tag_invalid" else "unknown-word"
        return code, f"expected {_or(options)}, found {found}", near
    if fault == "union_tag_not_found":
        return "missing-field", "the field 'type' is missing", "type: category"
    if fault in ("too_short", "too_long"):
        return _length(context)
    if fault in ("string_too_short", "string_too_long"):
        least, most = context.get("min_length"), context.get("max_length")
        return "text-length", f"expected at {f'least {least}' if least else f'most {most}'} characters", ""
    return "bad-value", f"this value can't be used here: {found}", ""


def _length(context: Mapping[str, Any]) -> tuple[str, str, str]:
    least, most, actual = context.get("min_length"), context.get("max_length"), context.get("actual_length")
    if least is not None:
        return "too-few", f"expected at least {least} of them, found {actual}", ""
    return "too-many", f"expected at most {most} of them, found {actual}", ""


def _or(words: Sequence[str]) -> str:
    return (
        ", ".join(words[:-1]) + (" or " if len(words) > 1 else "") + words[-1] if words else "something else"
    )


def _pattern(pattern: str) -> str:
    if "0-9a-f]{16}" in pattern:
        return "16 hexadecimal digits"
    if "MB|GB" in pattern:
        return "a size such as 4GB"
    separator = "_" if "_" in pattern else "-"
    return f"small letters, digits and {separator}, at most 63, beginning with a letter{'' if separator == '_' else ' or digit'}"


def _shown(value: object) -> str:
    match value:
        case str():
            return f"'{value[:40]}'"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case None:
            return "nothing"
    return f"'{value}'"


def _path(location: Sequence[str | int], data: object) -> tuple[Path, bool]:
    """Where in what was written an error lies: names of classes and branches in pydantic's location are left out."""
    path: list[str | int] = []
    for part in location:
        if part == "[key]":
            return tuple(path), True
        found = _below(data, part)
        if found is not _NOTHING:
            data = found
            path.append(part)
    return tuple(path), False


_NOTHING = object()


def _below(data: object, part: str | int) -> object:
    if isinstance(data, Mapping):
        return data.get(part, _NOTHING)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return _NOTHING


def _own_branch(errors: Sequence[ErrorDetails], data: object) -> list[ErrorDetails]:
    """Of a source, only what is wrong with the kind of source that was written."""
    kept = []
    for details in errors:
        location = details["loc"]
        if (
            len(location) > 2
            and location[0] == "tables"
            and location[2] in ("Parquet", "Csv", "DuckDbTable", "Frame")
        ):
            table = data.get("tables", {}).get(location[1]) if isinstance(data, Mapping) else None
            word = {"DuckDbTable": "duckdb"}.get(str(location[2]), str(location[2]).lower())
            if isinstance(table, Mapping) and any(
                name in table for name in ("parquet", "csv", "duckdb", "frame")
            ):
                if word not in table:
                    continue
            elif location[2] != "Parquet":
                continue
        kept.append(details)
    return kept


def _meant(kind: type[BaseModel], path: Path, data: object) -> str:
    beside = data
    for part in path[:-1]:
        beside = _below(beside, part)
    fields = _fields_near(kind, path, data)
    return meant(str(path[-1]), fields, beside if isinstance(beside, Mapping) else ())


def _as_written(fault: str, path: Path, value: object, found: str) -> str:
    """How a value would be written where a list or a mapping is expected."""
    if fault not in ("tuple_type", "list_type"):
        return ""
    if path and path[-1] == "compare":
        return "{by: ..., to: ...}"
    return f"[{found.strip(chr(39))}]" if isinstance(value, str | int | float | Decimal) else ""


def _fields_near(kind: type[BaseModel], path: Path, data: object) -> list[str]:
    """The fields that the mapping which holds a path may have."""
    found = _model_at(kind, path[:-1], data)
    if found is None:
        return []
    return [field.alias or name for name, field in found.model_fields.items()]


def _model_at(kind: type[BaseModel] | None, path: Path, data: object) -> type[BaseModel] | None:
    annotation: Any = kind
    for part in path:
        data = _below(data, part)
        models = _models(annotation)
        field = next((f for m in models for n, f in m.model_fields.items() if (f.alias or n) == part), None)
        annotation = field.annotation if field is not None else annotation
    models = _models(annotation)
    tag = data.get("type") if isinstance(data, Mapping) else None
    for model in models:
        options = getattr(model.model_fields.get("type"), "annotation", None)
        if tag is not None and options is not None and tag in getattr(options, "__args__", ()):
            return model
    written = set(data) if isinstance(data, Mapping) else set()
    return max(models, key=lambda m: len(written & set(m.model_fields)), default=None)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models inside an annotation: itself, or those of its values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    found: list[type[BaseModel]] = []
    for inner in getattr(annotation, "__args__", ()):
        found.extend(_models(inner))
    return found


def _empty_values(written: Written) -> list[Problem]:
    problems: list[Problem] = []
    _walk_empty(written.data, (), written, problems)
    return problems


def _walk_empty(data: object, path: Path, written: Written, problems: list[Problem]) -> None:
    named = len(path) > 1 and path[-2] in _MAY_BE_EMPTY
    if data is None and not (named and (isinstance(path[-1], str) or written.bare.get(path))):
        message = "a value is missing here; leave the whole field out if there is none"
        problems.append(written.origin.problem(path, "empty-value", message, of_key=True))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            _walk_empty(value, (*path, key), written, problems)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            _walk_empty(value, (*path, index), written, problems)


def _bare_keys(written: Written) -> list[Problem]:
    """Keys of categories that were written as numbers, dates or truth values."""
    problems = []
    for bare, of_key in ((written.bare_keys, True), (written.bare, False)):
        for path, text in bare.items():
            listed = not of_key and len(path) > 1 and isinstance(path[-1], int)
            if len(path) > 1 and path[-2] in ("keys", "labels", "into") and (of_key or listed) and text:
                message = f"a key is a text: write it in quotes, '{text}'"
                problems.append(
                    written.origin.problem(path, "key-not-text", message, f"'{text}'", of_key=of_key)
                )
    return problems
