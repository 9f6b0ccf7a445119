"""Where a fault lies: the origin of a document, and faults that get a place on their way up."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType

from dpinsights.errors import DefinitionError, Problem

Path = tuple[str | int, ...]
"""A way into a document: keys and positions."""

Place = tuple[int, int]
"""Line and column, both from 1."""

PYTHON = "<python>"
"""The file named in problems of definitions made in Python."""


class Fault(Exception):
    """One fault without its place; whoever knows the place turns it into a `Problem`."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint
        self.path: Path = ()


@contextmanager
def within(*path: str | int) -> Iterator[None]:
    """Faults raised inside lie below this path.

    >>> try:
    ...     with within("queries"), within("a"):
    ...         raise Fault("x", "message")
    ... except Fault as fault:
    ...     fault.path
    ('queries', 'a')
    """
    try:
        yield
    except Fault as fault:
        fault.path = (*path, *fault.path)
        raise


@dataclass(frozen=True)
class Origin:
    """Where a document comes from, so that problems found later still name a line.

    Attributes:
        file: the file as given, relative where it was given so.
        keys: the place of the key at a path.
        values: the place of the value at a path.
    """

    file: str = PYTHON
    keys: Mapping[Path, Place] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )
    values: Mapping[Path, Place] = field(
        default_factory=lambda: MappingProxyType({}), compare=False, repr=False
    )

    def place(self, path: Path, *, of_key: bool = False) -> Place:
        """The place of a value (or of its key); of the nearest part above it if it does not exist.

        >>> Origin("a.yaml", {("a",): (1, 1)}, {("a",): (1, 4)}).place(("a", "b"))
        (1, 1)
        """
        if path in self.values and (not of_key or path not in self.keys):
            return self.values[path]
        while path:
            if path in self.keys:
                return self.keys[path]
            if path in self.values:
                return self.values[path]
            path = path[:-1]
        return self.values.get((), (1, 1) if self.file != PYTHON else (0, 0))

    def problem(
        self, path: Path, code: str, message: str, hint: str = "", *, of_key: bool = False
    ) -> Problem:
        """A problem at a path of this document."""
        line, column = self.place(path, of_key=of_key)
        return Problem(self.file, line, column, dotted(path), code, message, hint)

    def at(self, path: Path, fault: Fault) -> Problem:
        """A fault's problem at a path."""
        return self.problem((*path, *fault.path), fault.code, fault.message, fault.hint)


NOWHERE = Origin()
"""The origin of what was made in Python."""


def dotted(path: Path) -> str:
    """A path as people write it.

    >>> dotted(("queries", "a", "by", 0))
    'queries.a.by[0]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, words: Iterable[str]) -> str:
    """The most similar of some words, or nothing.

    >>> nearest("icbc.custmers", ["icbc.customers", "jd.orders"])
    'icbc.customers'
    """
    known = list(words)
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not close:
        folded = {known_word.casefold(): known_word for known_word in known}
        close = [folded[c] for c in difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)]
    return close[0] if close else ""


def refuse(problems: Iterable[Problem]) -> None:
    """Raise all problems at once, if there are any.

    Raises:
        DefinitionError: if there is at least one.
    """
    found = tuple(problems)
    if found:
        raise DefinitionError(found)
