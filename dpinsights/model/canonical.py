"""Canonical bytes (RFC 8785) and digests of nouns.

Numbers become decimal strings, so that 1000, "1e3" and Decimal("1000.0") are one thing; texts are normalised to NFC;
a dataclass or a pydantic model becomes an object of its fields that are not None, with its class's name as `_`.
Nothing in a canonical object is a float except a noise scale, which is written as its exact hexadecimal text.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import rfc8785
from pydantic import BaseModel

from dpinsights.errors import InternalError
from dpinsights.model.names import OrderedMap
from dpinsights.model.numbers import plain


def canonical_data(noun: object) -> Any:
    """A noun as plain JSON data, the same for the same meaning.

    >>> canonical_data({"epsilon": Decimal("1.0"), "by": ("a", "b")})
    {'epsilon': '1', 'by': ['a', 'b']}
    """
    match noun:
        case None | bool():
            return noun
        case Enum():
            return canonical_data(noun.value)
        case int():
            return str(noun)
        case Decimal():
            return plain(noun)
        case float():
            return noun.hex()
        case str():
            return unicodedata.normalize("NFC", noun)
        case date() | datetime():
            return noun.isoformat()
        case BaseModel():
            items = {name: getattr(noun, name) for name in type(noun).model_fields}
            return _object(items, type(noun).__name__)
        case _ if is_dataclass(noun) and not isinstance(noun, type):
            return _object({f.name: getattr(noun, f.name) for f in fields(noun)}, type(noun).__name__)
        case OrderedMap():
            return [[canonical_data(key), canonical_data(value)] for key, value in noun.items()]
        case Mapping():
            return {canonical_data(key): canonical_data(value) for key, value in noun.items()}
        case tuple() | list():
            return [canonical_data(item) for item in noun]
        case frozenset() | set():
            return sorted(canonical_data(item) for item in noun)
    raise InternalError(f"{type(noun).__name__} has no canonical form")


def _object(items: dict[str, object], kind: str) -> dict[str, Any]:
    data = {name: canonical_data(value) for name, value in items.items() if value is not None}
    return {"_": kind, **data}


def canonical_bytes(noun: object) -> bytes:
    """The canonical bytes of a noun: RFC 8785 JSON of `canonical_data`."""
    return rfc8785.dumps(canonical_data(noun))


def digest(noun: object, *, purpose: str) -> str:
    """The SHA-256 of a noun's canonical bytes, in hexadecimal, separated by purpose.

    >>> digest({"a": 1}, purpose="x") == digest({"a": Decimal("1.0")}, purpose="x")
    True
    >>> digest({"a": 1}, purpose="x") == digest({"a": 1}, purpose="y")
    False
    """
    return hashlib.sha256(f"dpinsights/{purpose}/v1\n".encode() + canonical_bytes(noun)).hexdigest()
