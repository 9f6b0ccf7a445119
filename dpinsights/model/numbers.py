"""Exact numbers: decimals read from their text, and the integer units in which a ledger counts."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from dpinsights.model.document import fault

RHO_UNITS = 10**12
"""Ledger units in one unit of rho (zero-concentrated differential privacy)."""

DELTA_UNITS = 10**18
"""Ledger units in delta = 1."""


_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,9})?")


def exact(value: object) -> Decimal:
    """An int, a Decimal or a decimal text as an exact, finite Decimal; a float is refused.

    Raises:
        ValueError: for floats, booleans, NaN, infinities and whatever is not a number.

    >>> exact("1e-10"), exact(5)
    (Decimal('1E-10'), Decimal('5'))
    >>> exact(0.1)
    Traceback (most recent call last):
    ...
    ValueError: a float is not exact: write "0.1" as text or use Decimal("0.1")
    """
    if isinstance(value, bool):
        raise ValueError("expected a number, found a boolean")
    if isinstance(value, float):
        raise ValueError(f'a float is not exact: write "{value!r}" as text or use Decimal("{value!r}")')
    if not isinstance(value, int | str | Decimal):
        raise ValueError(f"expected a number, found {type(value).__name__}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(f"expected a decimal number such as 0.01 or 1e-10, found {value[:40]!r}")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("expected a finite number")
    if number and (number.adjusted() > 30 or number.adjusted() < -30):
        raise ValueError("expected a number between 1e-30 and 1e30")
    return number


def plain(number: Decimal) -> str:
    """The one text of a decimal: no exponent, no trailing zeros.

    >>> plain(Decimal("1.500")), plain(Decimal("1E+3")), plain(Decimal("-0.0"))
    ('1.5', '1000', '0')
    """
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _exact(value: Any) -> Decimal:
    try:
        return exact(value)
    except ValueError as error:
        raise fault("not-a-number", str(error)) from None


Exact = Annotated[
    Decimal,
    BeforeValidator(_exact),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"}]}),
]
"""A pydantic field that takes int, decimal text or Decimal, and refuses float."""
