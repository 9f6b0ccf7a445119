"""JSON and base64 as we write them, and nothing else: what is signed must not be read in two ways."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from datetime import date
from typing import Any, NoReturn

LARGEST = 32 * 1024 * 1024
"""Bytes that a lock or an envelope may have."""


def strict_json(content: bytes) -> Any:
    """JSON in UTF-8 without duplicate names, fractions, exponents, NaN or infinities.

    Raises:
        ValueError: if it is anything else.

    >>> strict_json(b'{"a": [1, "b", null]}')
    {'a': [1, 'b', None]}
    >>> strict_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    ValueError: a name stands twice in an object
    """
    if len(content) > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    try:
        text = content.decode("utf-8")
        data = json.loads(text, object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number)
        json.dumps(data, ensure_ascii=False).encode("utf-8")  # half a surrogate pair has no bytes
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON (line {error.lineno}, column {error.colno})") from None
    return data


def strict_base64(text: object) -> bytes:
    """Standard base64 with padding, in the one way that an encoder writes it.

    Raises:
        ValueError: for other alphabets, white space, missing padding or stray bits.

    >>> strict_base64("AQI="), strict_base64("")
    (b'\\x01\\x02', b'')
    >>> strict_base64("AQJ=")
    Traceback (most recent call last):
    ...
    ValueError: it is not base64 as an encoder writes it
    """
    try:
        content = base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except ValueError:
        content = None
    if content is None or base64.b64encode(content).decode() != text:
        raise ValueError("it is not base64 as an encoder writes it")
    return content


def strict_day(text: str) -> date:
    """A day in the one way that we write it.

    Raises:
        ValueError: if it is written in another, or is none.

    >>> strict_day("20180108")
    Traceback (most recent call last):
    ...
    ValueError: a day is written 2017-10-01
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError("a day is written 2017-10-01")
    return day


def exactly(data: object, names: Iterable[str], what: str) -> dict[str, Any]:
    """An object that has these names and no others.

    Raises:
        ValueError: if it has others, lacks one, or is no object.
    """
    wanted = set(names)
    if not isinstance(data, dict):
        raise ValueError(f"{what} is no object")
    if set(data) != wanted:
        raise ValueError(f"{what} has the fields {', '.join(sorted(wanted))} and no others")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return data


def _no_number(text: str) -> NoReturn:
    raise ValueError("it holds a number that is not whole")
