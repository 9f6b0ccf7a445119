"""Exact arithmetic of steps, and the 62 bits that every value must fit."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import date, datetime
from decimal import Context, Decimal

from dpinsights.definitions.places import Fault
from dpinsights.model.names import NAME as NAME_PATTERN

NAME = re.compile(NAME_PATTERN)

LIMIT = 2**62
"""No value that an engine computes may reach this in absolute value; sums clamp, and all else is proved to stay below."""

EPOCH = date(1970, 1, 1)
FIRST_DAY = (date(1900, 1, 1) - EPOCH).days
LAST_DAY = (date(2199, 12, 31) - EPOCH).days
"""Dates are clamped to these days when they are read (docs/formulation.md)."""

DAY = 86_400
FIRST_SECOND = FIRST_DAY * DAY
LAST_SECOND = LAST_DAY * DAY + DAY - 1

_EXACT = Context(prec=400)


def fit(*values: int) -> None:
    """Refuse a range that leaves 62 bits.

    Raises:
        Fault: `out-of-range`.
    """
    if any(abs(value) >= LIMIT for value in values):
        raise Fault(
            "out-of-range", "this can grow beyond 62 bits of steps: use narrower bounds or a coarser step"
        )


def ratio(part: Decimal, whole: Decimal) -> int | None:
    """How many times one number holds another, if that is a whole number.

    >>> ratio(Decimal("1.50"), Decimal("0.01")), ratio(Decimal("0.005"), Decimal("0.01"))
    (150, None)
    """
    exponent = min(_exponent(part), _exponent(whole))
    quotient, rest = divmod(_units(part, exponent), _units(whole, exponent))
    return None if rest else quotient


def steps_of(value: Decimal, step: Decimal) -> int:
    """A value as a number of steps.

    Raises:
        Fault: `not-whole-steps`, or `out-of-range`.

    >>> steps_of(Decimal(5000), Decimal("0.01"))
    500000
    """
    steps = ratio(value, step)
    if steps is None:
        raise Fault("not-whole-steps", f"{value:f} is not a whole number of steps of {step:f}")
    fit(steps)
    return steps


def common_step(one: Decimal, other: Decimal) -> Decimal:
    """The largest step of which both are whole multiples.

    >>> common_step(Decimal("0.01"), Decimal("0.025")), common_step(Decimal(100), Decimal(1))
    (Decimal('0.005'), Decimal('1'))
    """
    exponent = min(_exponent(one), _exponent(other))
    return Decimal(math.gcd(_units(one, exponent), _units(other, exponent))).scaleb(exponent, _EXACT)


def times(one: Decimal, other: Decimal) -> Decimal:
    """The exact product of two steps."""
    product = _EXACT.multiply(one, other)
    if _exponent(product) < -60:
        raise Fault("out-of-range", "the product's step is too fine")
    return product


def literal_step(value: Decimal) -> Decimal:
    """The coarsest power of ten, one at most, of which a literal is a whole multiple.

    >>> literal_step(Decimal("0.10")), literal_step(Decimal("1000"))
    (Decimal('0.1'), Decimal('1'))
    """
    places = 0 if not value else max(0, -_exponent(value.normalize(_EXACT)))
    return Decimal(1).scaleb(-places)


def decimals(value: Decimal) -> int:
    """Digits after the point.

    >>> decimals(Decimal("0.010")), decimals(Decimal("1E+3"))
    (2, 0)
    """
    return max(0, -_exponent(value.normalize(_EXACT)))


def day_number(text: str) -> int:
    """Days since 1970-01-01 of an ISO date.

    Raises:
        Fault: `bad-date`.

    >>> day_number("1970-01-02")
    1
    """
    try:
        if len(text) != 10:
            raise ValueError
        day = (date.fromisoformat(text) - EPOCH).days
    except ValueError:
        raise Fault("bad-date", f"'{text}' is not a day", "2017-10-01") from None
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Fault("bad-date", f"'{text}' lies outside 1900 to 2199, to which dates are clamped")
    return day


def second_number(text: str) -> int:
    """Seconds since 1970-01-01 00:00 of a clock's reading; a bare date is its midnight.

    >>> second_number("1970-01-01 00:01"), second_number("1970-01-02")
    (60, 86400)
    """
    if len(text) == 10:
        return day_number(text) * DAY
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None or moment.microsecond:
            raise ValueError
    except ValueError:
        raise Fault("bad-date", f"'{text}' is not a moment", "2017-10-01 12:00") from None
    seconds = day_number(text[:10]) * DAY
    return seconds + moment.hour * 3600 + moment.minute * 60 + moment.second


def day_of(number: int) -> date:
    """The day that a number of days stands for."""
    return date.fromordinal(EPOCH.toordinal() + number)


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # finite: exact() refuses the others
    return exponent


def _units(value: Decimal, exponent: int) -> int:
    return int(value.scaleb(-exponent, _EXACT))


def unseen(text: str) -> bool:
    """Whether a text holds characters that nobody sees: controls, directions, zero width.

    >>> unseen("a\\u200bb"), unseen("工银")
    (True, False)
    """
    return any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)
