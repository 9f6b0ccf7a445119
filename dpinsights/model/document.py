"""What the documents share: frozen, closed, every field described for editors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


def fault(code: str, message: str) -> PydanticCustomError:
    """What a validator raises: a fault with its permanent code. It is a ValueError.

    >>> isinstance(fault("unknown-language", "no {such} language"), ValueError)
    True
    """
    return PydanticCustomError(code, "{message}", {"message": message})  # type: ignore[arg-type]


class Document(BaseModel):
    """A part of a definition: frozen, unknown fields refused, tuples for lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False, validate_default=True,
                              validate_by_name=True, validate_by_alias=True)

    def replace(self, **changes: Any) -> Any:
        """A copy with some fields changed, validated again."""
        known = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**known, **changes})
