"""What is known of a value before any data is read: its kind, its range, whether it can be null."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from dpinsights.model.names import FrozenMap

Kind = Literal["category", "boolean", "number", "date", "timestamp"]


@dataclass(frozen=True)
class Key:
    """One public key of a category, with its names in several languages."""

    key: str
    names: FrozenMap[str, str] | None = None


@dataclass(frozen=True)
class ValueType:
    """The type of an integer value.

    Attributes:
        kind: what the integer stands for.
        low, high: the range that it is proved to lie in, in steps.
        nullable: whether it can be null.
        step: what one step is worth, for numbers.
        unit: the unit, for numbers that have one.
        keys: the public keys in the order of their codes, for categories.
    """

    kind: Kind
    low: int
    high: int
    nullable: bool
    step: Decimal = Decimal(1)
    unit: str | None = None
    keys: tuple[Key, ...] = ()
