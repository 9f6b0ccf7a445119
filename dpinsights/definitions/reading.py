"""YAML in: exact, closed, with the place of every key and value.

YAML 1.2 through ruamel's events. Nothing is constructed by the library: scalars are read here, from their written text,
so that a number never passes through a float and a key never becomes something else than what was typed. Tags, anchors,
aliases, merge keys, duplicate keys, several documents, large and deep files are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from dpinsights.definitions.places import Origin, Path, Place, dotted
from dpinsights.errors import DefinitionError, Problem

LARGEST = 1_000_000
"""Bytes that a definition may have."""

DEEPEST = 20
"""Levels of mappings and lists that a definition may have."""

_INTEGER = re.compile(r"[-+]?[0-9]{1,30}")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Written:
    """A document as written.

    Attributes:
        data: mappings, lists, texts, ints, Decimals, booleans, dates and None.
        origin: the file and the places.
        bare: the written text of every value that is no text, mapping or list: what to put into quotes.
        bare_keys: paths whose key was written without quotes and looks like a number, a date or a truth value.
    """

    data: Any
    origin: Origin
    bare: dict[Path, str]
    bare_keys: dict[Path, str]


def read_file(path: FilePath | str) -> Written:
    """A YAML file as plain data with places.

    Raises:
        DefinitionError: if the file can't be read, is not UTF-8, or holds something that is refused.
    """
    file = str(path)
    try:
        with open(path, "rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        reason = error.strerror or "it can't be opened"
        raise DefinitionError(
            (Problem(file, 0, 0, "", "unreadable-file", f"can't read this file: {reason}"),)
        ) from None
    return read_bytes(content, file)


def read_bytes(content: bytes, file: str) -> Written:
    """YAML bytes as plain data with places; `file` names them in problems.

    >>> read_bytes(b"a: 1e-10", "x.yaml").data
    {'a': Decimal('1E-10')}
    >>> read_bytes(b"a: [no, 2017-10-01, '1']", "x.yaml").data
    {'a': ['no', datetime.date(2017, 10, 1), '1']}
    >>> read_bytes(b"a: 1, a: 2", "x.yaml")
    Traceback (most recent call last):
    ...
    dpinsights.errors.DefinitionError: x.yaml:1:8: not valid YAML: mapping values are not allowed here (yaml-syntax)
    """
    if len(content) > LARGEST:
        _stop(file, (0, 0), (), "too-large", f"a definition has at most {LARGEST:,} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _stop(file, (line, 1), (), "not-utf-8", "this line is not valid UTF-8: save the file as UTF-8")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    reader = _Reader(file)
    try:
        return reader.document(iter(YAML(typ="safe", pure=True).parse(text)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        _stop(file, place, (), "yaml-syntax", f"not valid YAML: {error.problem or error.context}")
    except YAMLError as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else 1
        _stop(file, (line, 1), (), "yaml-syntax", "not valid YAML: a character that YAML does not allow")


def _stop(file: str, place: Place, path: Path, code: str, message: str, hint: str = "") -> NoReturn:
    raise DefinitionError((Problem(file, *place, dotted(path), code, message, hint),))


@dataclass
class _Reader:
    file: str
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    bare: dict[Path, str] = field(default_factory=dict)
    bare_keys: dict[Path, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def document(self, events: Iterator[Event]) -> Written:
        """The one document of a stream."""
        data: Any = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    _stop(
                        self.file,
                        _place(event),
                        (),
                        "several-documents",
                        "a file holds one document: remove '---'",
                    )
                if event.version or event.tags:
                    _stop(
                        self.file,
                        _place(event),
                        (),
                        "yaml-directive",
                        "directives such as %YAML are not taken",
                    )
            elif isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent | AliasEvent):
                data = self.value(event, events, ())
        if not isinstance(data, dict):
            place = self.values.get((), (1, 1))
            what = "this file is empty" if data is None else "a definition is a mapping of fields to values"
            _stop(self.file, place, (), "empty-document" if data is None else "not-a-mapping", what)
        if self.problems:
            raise DefinitionError(tuple(self.problems))
        return Written(data, Origin(self.file, self.keys, self.values), self.bare, self.bare_keys)

    def value(self, event: Event, events: Iterator[Event], path: Path) -> Any:
        """The value that begins with an event, taking the events that belong to it."""
        place = _place(event)
        self.values[path] = place
        if len(path) > DEEPEST:
            _stop(self.file, place, path, "too-deep", f"a definition has at most {DEEPEST} levels")
        self.refuse_extras(event, path)
        match event:
            case AliasEvent():
                return None
            case MappingStartEvent():
                return self.mapping(events, path)
            case SequenceStartEvent():
                return self.sequence(events, path)
            case ScalarEvent():
                return self.scalar(event, path)
        return None

    def mapping(self, events: Iterator[Event], path: Path) -> dict[str, Any]:
        """The rest of a mapping."""
        data: dict[str, Any] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                code = "yaml-alias" if isinstance(event, AliasEvent) else "not-a-key"
                _stop(self.file, _place(event), path, code, "expected a field's name, a plain text")
            key, plain = str(event.value), event.style is None
            here = (*path, key)
            self.refuse_extras(event, here)
            if key == "<<" and plain:
                self.add(event, here, "merge-key", "merge keys (<<) are not taken: write the fields out")
            if key in data:
                first = self.keys[here][0]
                self.add(
                    event, here, "duplicate-key", f"'{key}' stands here a second time; first in line {first}"
                )
            else:
                self.keys[here] = _place(event)
            if plain and not isinstance(_plain(key), str):
                self.bare_keys[here] = key
            data[key] = self.value(next(events), events, here)
        return data

    def sequence(self, events: Iterator[Event], path: Path) -> list[Any]:
        """The rest of a list."""
        data: list[Any] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            data.append(self.value(event, events, (*path, len(data))))
        return data

    def scalar(self, event: ScalarEvent, path: Path) -> Any:
        """A scalar: text if quoted or if it looks like nothing else."""
        if any("\ud800" <= char <= "\udfff" for char in event.value):
            self.add(event, path, "unseen-character", "a text holds half a character: write it unescaped")
        if event.style is not None:
            return event.value
        value = _plain(event.value)
        if not isinstance(value, str):
            self.bare[path] = event.value
        return value

    def refuse_extras(self, event: Event, path: Path) -> None:
        """Tags, anchors and aliases."""
        if isinstance(event, AliasEvent):
            self.add(event, path, "yaml-alias", "aliases (*) are not taken: write the value out")
        elif getattr(event, "anchor", None):
            self.add(
                event,
                path,
                "yaml-anchor",
                "anchors (&) are not taken: write the value out where it is needed",
            )
        if getattr(event, "tag", None):
            self.add(event, path, "yaml-tag", "tags (!) are not taken: write the plain value")

    def add(self, event: Event, path: Path, code: str, message: str) -> None:
        """Record a problem and read on."""
        self.problems.append(Problem(self.file, *_place(event), dotted(path), code, message))


def _place(event: Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1)


def _plain(text: str) -> Any:
    """What an unquoted scalar is, by YAML 1.2's core schema and ISO dates; numbers exactly as written."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE"):
        return True
    if text in ("false", "False", "FALSE"):
        return False
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return Decimal(text)
    if _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return text
    return text
