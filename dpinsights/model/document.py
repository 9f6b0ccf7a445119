"""What the documents share: frozen, closed, every field described for editors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from dpinsights.errors import DefinitionError, Problem


def fault(code: str, message: str, *, field: str = "", hint: str = "") -> PydanticCustomError:
    """What a validator raises: a fault with its permanent code. It is a ValueError.

    Args:
        code, message: what is wrong.
        field: which field of the mapping is wrong, if a validator of the whole mapping found it.
        hint: what to write instead.

    >>> isinstance(fault("unknown-language", "no {such} language"), ValueError)
    True
    """
    return PydanticCustomError(code, "{message}", {"message": message, "field": field, "hint": hint})


class Document(BaseModel):
    """A part of a definition: frozen, unknown fields refused, tuples for lists."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        str_strip_whitespace=False,
        validate_default=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    def replace(self, **changes: Any) -> Any:
        """A copy with some fields changed, validated again.

        Raises:
            DefinitionError: for fields that are unknown or of the wrong type.
        """
        known = {name: getattr(self, name) for name in self.model_fields_set}
        try:
            return type(self)(**{**known, **changes})
        except ValidationError as error:
            found = error.errors(include_url=False)
        raise DefinitionError(tuple(_problem(details) for details in found))


def _problem(details: ErrorDetails) -> Problem:
    code = {"extra_forbidden": "unknown-field", "missing": "missing-field"}.get(
        details["type"], details["type"]
    )
    field = ".".join(str(part) for part in details["loc"])
    message = "no such field" if code == "unknown-field" else details["msg"]
    return Problem("<python>", 0, 0, field, code if "_" not in code else "wrong-type", message)
