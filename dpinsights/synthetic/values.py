"""Columns of values under construction, and the scope in which one column can see another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dpinsights.synthetic.errors import PopulationError

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]


SEGMENT = "segment"
"""The built-in column that says whom a person is a customer of: `shared`, or one party's name."""


@dataclass(frozen=True)
class Values:
    """One column: an array, its labels when the array holds category codes, and which entries are null.

    >>> Values(np.array([0, 1, 0]), labels=("city", "village")).take(np.array([1, 2])).texts()
    ['village', 'city']
    """

    array: Array
    labels: tuple[str, ...] | None = None
    null: Booleans | None = None

    def __len__(self) -> int:
        return len(self.array)

    def take(self, rows: Integers) -> Values:
        """The entries at these positions."""
        return replace(self, array=self.array[rows], null=None if self.null is None else self.null[rows])

    def texts(self) -> list[str | None]:
        """Category keys as text, for tests and examples."""
        labels = self.labels or ()
        null = np.zeros(len(self), bool) if self.null is None else self.null
        return [None if gone else labels[code] for code, gone in zip(self.array, null, strict=True)]

    def keyed(self) -> Values:
        """The same column as category codes: a boolean has the keys `false` and `true`.

        >>> Values(np.array([True, False])).keyed().texts()
        ['true', 'false']
        """
        if self.labels is not None:
            return self
        if self.array.dtype == np.bool_:
            return replace(self, array=self.array.astype(np.int64), labels=("false", "true"))
        raise PopulationError(f"expected a category or a boolean, found {self.array.dtype}")

    def mapped(self, factors: Mapping[str, float], otherwise: float) -> Floats:
        """One number for each entry, looked up by category key; nulls and other keys get `otherwise`.

        >>> Values(np.array([0, 1]), labels=("city", "village")).mapped({"city": 2.0}, 1.0).tolist()
        [2.0, 1.0]
        """
        keyed = self.keyed()
        unknown = sorted(set(factors) - set(keyed.labels or ()))
        if unknown:
            raise PopulationError(
                f"no such key: {', '.join(unknown)}; the keys are {', '.join(keyed.labels or ())}"
            )
        table = np.array([factors.get(label, otherwise) for label in keyed.labels or ()], dtype=np.float64)
        found = table[keyed.array]
        return found if self.null is None else np.where(self.null, otherwise, found)

    def numbers(self) -> Floats:
        """The entries as floating-point numbers, for a slope or a scale."""
        if self.labels is not None or self.array.dtype.kind not in "biuf":
            raise PopulationError("expected a column of numbers")
        return self.array.astype(np.float64)


@dataclass(frozen=True)
class Scope:
    """What a column that is being drawn can see, entry by entry.

    `own` are the columns of the same table drawn so far, one entry for each row; `around` are the columns of
    the people, one entry for each person, seen through `person`, the position of each row's person. `member`
    marks the entries of the table's own party; without it all count.
    """

    own: dict[str, Values]
    size: int
    around: dict[str, Values] = field(default_factory=dict)
    person: Integers | None = None
    rows: Integers | None = None
    member: Booleans | None = None

    def __getitem__(self, name: str) -> Values:
        if name in self.own:
            found = self.own[name]
            return found if self.rows is None else found.take(self.rows)
        if name in self.around:
            found = self.around[name]
            person = self.person
            if person is not None and self.rows is not None:
                person = person[self.rows]
            elif person is None:
                person = self.rows
            return found if person is None else found.take(person)
        raise PopulationError(f"{name} is not drawn yet; known here: {', '.join([*self.own, *self.around])}")

    def subset(self, rows: Integers) -> Scope:
        """The same scope, seen at some of its entries only."""
        return replace(
            self,
            rows=rows if self.rows is None else self.rows[rows],
            size=len(rows),
            member=None if self.member is None else self.member[rows],
        )


def merged(parts: Sequence[tuple[Integers, Values]], size: int) -> Values:
    """One column from parts that each hold some of its positions; positions in no part are null.

    >>> a, b = Values(np.array([0]), ("x",)), Values(np.array([0]), ("y",))
    >>> merged([(np.array([2]), a), (np.array([0]), b)], 3).texts()
    ['y', None, 'x']
    """
    labels: tuple[str, ...] | None = None
    if any(part.labels is not None for _, part in parts):
        labels = tuple(dict.fromkeys(label for _, part in parts for label in part.labels or ()))
    dtype = np.int64 if labels is not None else np.result_type(*(part.array.dtype for _, part in parts))
    array = np.zeros(size, dtype=dtype)
    null = np.ones(size, dtype=np.bool_)
    for rows, part in parts:
        if labels is not None:
            codes = np.array([labels.index(label) for label in part.labels or ()] or [0], dtype=np.int64)
            array[rows] = codes[part.array]
        else:
            array[rows] = part.array
        null[rows] = False if part.null is None else part.null
    return Values(array, labels, null if bool(null.any()) else None)
