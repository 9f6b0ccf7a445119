"""Frozen nouns to and from plain JSON data, exactly: every number is decimal text, and the types say how to
read it.

A field is read by its annotation, so a file that lacks a field without a default, or has one too many, is
refused.
"""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from dpinsights.errors import InternalError
from dpinsights.model.names import FrozenMap
from dpinsights.model.numbers import exact, plain

_DOUBLE = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]{1,3})?")
_NO_LIMIT = {"low": "-Infinity", "high": "Infinity", "margin": "Infinity"}


class WrongDataError(ValueError):
    """Data that is no such noun; `place` says where in it."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")


def to_data(noun: object) -> Any:
    """A noun as JSON data.

    >>> to_data((Decimal("1E+3"), 2**70, date(2018, 1, 1), FrozenMap(en="x")))
    ['1000', '1180591620717411303424', '2018-01-01', {'en': 'x'}]
    """
    match noun:
        case None | bool():
            return noun
        case Enum():
            return noun.value
        case str():
            return noun
        case int():
            return str(noun)
        case float():
            return repr(noun)  # the shortest decimal text that reads back as the same float
        case Decimal():
            return plain(noun)
        case date():
            return noun.isoformat()
        case tuple():
            return [to_data(item) for item in noun]
        case Mapping():
            return {str(key): to_data(value) for key, value in noun.items()}
        case _ if is_dataclass(noun) and not isinstance(noun, type):
            return {field.name: to_data(getattr(noun, field.name)) for field in fields(noun)}
    raise InternalError(f"{type(noun).__name__} has no place in a release")


def from_data(kind: Any, data: Any, place: str = "release") -> Any:
    """Data as a noun of a type.

    Raises:
        WrongDataError: names the place and what was expected there.

    >>> from_data(tuple[int, ...], ["1", "2"])
    (1, 2)
    >>> from_data(tuple[int, ...], [1])
    Traceback (most recent call last):
    ...
    dpinsights.reporting.codec.WrongDataError: release[0]: expected a whole number as text
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return None if data is None else from_data(inner[0], data, place)
    if origin is tuple:
        _expect(isinstance(data, list), place, "a list")
        return tuple(from_data(arguments[0], item, f"{place}[{at}]") for at, item in enumerate(data))
    if origin is FrozenMap:
        _expect(isinstance(data, dict), place, "an object")
        return FrozenMap({key: from_data(arguments[1], item, f"{place}.{key}") for key, item in data.items()})
    if isinstance(kind, type) and is_dataclass(kind):
        return _noun(kind, data, place)
    return _leaf(kind, data, place)


def _noun(kind: type, data: Any, place: str) -> Any:
    _expect(isinstance(data, dict), place, "an object")
    hints, known = _hints(kind), {field.name: field for field in fields(kind)}
    strange = sorted(set(data) - set(known))
    _expect(not strange, place, f"no field {strange[0]!r} in {kind.__name__}" if strange else "")
    missing = [name for name, field in known.items() if name not in data and field.default is MISSING]
    _expect(not missing, place, f"the field {missing[0]!r}" if missing else "")
    return kind(**{name: from_data(hints[name], item, f"{place}.{name}") for name, item in data.items()})


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _leaf(kind: Any, data: Any, place: str) -> Any:
    if kind is bool:
        _expect(isinstance(data, bool), place, "true or false")
        return data
    _expect(isinstance(data, str), place, "a whole number as text" if kind is int else "a text")
    try:
        if kind is int:
            _expect(data.removeprefix("-").isdecimal() and data.isascii(), place, "a whole number as text")
            return int(data)
        if kind is Decimal:
            return Decimal(data) if _has_no_limit(data, place) else exact(data)
        if kind is float:
            return _double(data)
        if kind is date:
            return date.fromisoformat(data)
        return kind(data)  # text and enumerations
    except WrongDataError:
        raise
    except ValueError:
        raise WrongDataError(place, f"not a {getattr(kind, '__name__', kind)}") from None


def _double(data: str) -> float:
    """A double from its text, however small: a p-value may be 1e-59."""
    if not _DOUBLE.fullmatch(data) or not math.isfinite(float(data)):
        raise ValueError
    return float(data)


def _has_no_limit(data: str, place: str) -> bool:
    """Whether this is the end of an interval, or its half-width, that has no limit."""
    estimate, _, field = place.rpartition(".")
    return estimate.endswith(".estimate") and _NO_LIMIT.get(field) == data


def _expect(true: bool, place: str, what: str) -> None:
    if not true:
        raise WrongDataError(place, f"expected {what}")
