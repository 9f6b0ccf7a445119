"""Texts in several languages, and a mapping that is frozen and hashable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import BeforeValidator, GetCoreSchemaHandler, StringConstraints, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from dpinsights.model.document import fault

K = TypeVar("K")
V = TypeVar("V")

LANGUAGES = ("en", "zh")

NAME = r"^[a-z][a-z0-9_]{0,62}$"
"""What a party, table, column, feature or query may be called."""

SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
"""What a contract, report, policy or account may be called; safe as a file name."""

EXPLORATION = "exploration"
"""The account and the audience of notebooks: what is drawn for it is never used for a party, or rendered for one."""

Name = Annotated[str, StringConstraints(pattern=NAME)]
Slug = Annotated[str, StringConstraints(pattern=SLUG)]

_UNSEEN = re.compile("[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class FrozenMap(Mapping[K, V], Generic[K, V]):
    """A read-only mapping that keeps its order and can be hashed (order counts in neither hash nor equality).

    >>> FrozenMap({"a": 1})["a"], hash(FrozenMap(a=1)) == hash(FrozenMap({"a": 1}))
    (1, True)
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] | None = None, /, **more: V) -> None:
        self._items: dict[Any, V] = {**(items or {}), **more}

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        key, value = get_args(source) or (Any, Any)
        return core_schema.no_info_after_validator_function(
            cls,
            handler.generate_schema(dict[key, value]),  # type: ignore[valid-type]
            serialization=core_schema.plain_serializer_function_ser_schema(dict),
        )


class OrderedMap(FrozenMap[K, V]):
    """A frozen mapping whose order means something: it counts in equality, hash and canonical bytes.

    >>> OrderedMap(a=1, b=2) == OrderedMap(b=2, a=1), FrozenMap(a=1, b=2) == FrozenMap(b=2, a=1)
    (False, True)
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OrderedMap):
            return list(self._items.items()) == list(other._items.items())
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))


def _text(value: object) -> object:
    if isinstance(value, str):
        value = {"en": value}
    if isinstance(value, Mapping):
        for language, text in value.items():
            if language not in LANGUAGES:
                raise fault("unknown-language", f"unknown language {language!r}: expected {' or '.join(LANGUAGES)}")
            if not isinstance(text, str) or not text.strip():
                raise fault("not-a-text", "expected a text")
            if len(text) > 400:
                raise fault("text-too-long", "a text is at most 400 characters long")
            if _UNSEEN.search(text):
                raise fault("unseen-character", "a text holds no control or direction characters")
        if not value:
            raise fault("not-a-text", "expected a text in at least one language")
    return value


Names = Annotated[
    FrozenMap[str, str],
    BeforeValidator(_text),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {language: {"type": "string"} for language in LANGUAGES},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""A text in one or more languages; a bare string is English."""


def in_language(names: Mapping[str, str] | None, language: str, otherwise: str = "") -> str:
    """The text in a language, else in any, else `otherwise`.

    >>> in_language(FrozenMap(en="Beijing"), "zh", "北京")
    '北京'
    >>> in_language(FrozenMap(en="Beijing"), "zh")
    'Beijing'
    """
    names = names or {}
    return names.get(language) or otherwise or next(iter(names.values()), "")
