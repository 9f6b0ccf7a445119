"""How numbers are written: as many digits as the margin supports, in the language, with the interval rounded
outwards.

The printed margin has two significant digits and is rounded up; the value is rounded to the same place, the
ends of the interval outwards to it. Data files hold all digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from babel.numbers import format_decimal, get_currency_name, is_currency

from dpinsights.model.release import Estimate, Flag, ResultTable
from dpinsights.reporting.words import Words

# Sums may have thirty digits before the point and thirty after; the default context holds 28 in all.
_EXACT = Context(prec=80)

_LEAST_SCALED = 10**6
_SCALES = {"en": (3, 6, 9), "zh": (4, 8)}


class State(StrEnum):
    """What can be said of a number."""

    PLAIN = "plain"
    NEAR_ZERO = "near-zero"
    TOO_WIDE = "too-wide"


def rounded(number: Decimal, place: int, rounding: str = ROUND_HALF_EVEN) -> Decimal:
    """A number rounded to 10**place.

    >>> rounded(Decimal("18244.6"), 1), rounded(Decimal("0.125"), -2)
    (Decimal('1.824E+4'), Decimal('0.12'))
    """
    return number.quantize(Decimal((0, (1,), place)), rounding=rounding, context=_EXACT)


def place_of(margin: Decimal, finest: int) -> int:
    """The decimal place of a margin's second significant digit, never finer than `finest`.

    >>> place_of(Decimal("623.4"), 0), place_of(Decimal("0.0234"), -2), place_of(Decimal(0), -2)
    (1, -2, -2)
    """
    return max(margin.adjusted() - 1, finest) if margin else finest


def number_text(number: Decimal, place: int, words: Words) -> str:
    """A number that was rounded to a place, with the language's separators.

    >>> number_text(Decimal("1.824E+4"), 1, Words("en")), number_text(Decimal("0.10"), -2, Words("zh"))
    ('18,240', '0.10')
    """
    pattern = "#,##0" + ("." + "0" * -place if place < 0 else "")
    return str(format_decimal(number, format=pattern, locale=words.locale, decimal_quantization=False))


def significant(number: Decimal, digits: int, words: Words, rounding: str = ROUND_HALF_EVEN) -> str:
    """A number to some significant digits.

    >>> significant(Decimal("0.0132425"), 3, Words("en"), ROUND_CEILING)
    '0.0133'
    >>> significant(Decimal("0.9999"), 3, Words("en"), ROUND_CEILING)
    '1.00'
    """
    if not number:
        return "0"
    found = rounded(number, number.adjusted() - digits + 1, rounding)
    place = found.adjusted() - digits + 1  # rounding up may have carried: 0.9999 is 1.00
    return number_text(rounded(found, place), min(place, 0), words)


def power_text(number: Decimal) -> str:
    """A delta, as a power where it is one.

    >>> power_text(Decimal("1e-10")), power_text(Decimal("0.00000000011")), power_text(Decimal("0.05"))
    ('1e-10', '1.1e-10', '0.05')
    """
    if not number or number >= Decimal("0.001"):
        return format(number.normalize(), "f")
    _, digits, _ = number.normalize().as_tuple()
    mantissa = str(digits[0]) + ("." + "".join(map(str, digits[1:])) if len(digits) > 1 else "")
    return f"{mantissa}e{number.adjusted()}"


def per_cent(share: Decimal, words: Words, place: int = 0) -> str:
    """A share in per cent.

    >>> per_cent(Decimal("0.95"), Words("en"))
    '95%'
    """
    return words.text("per_cent", number=number_text(rounded(share * 100, place), place, words))


@dataclass(frozen=True)
class Figure:
    """One number as printed."""

    state: State
    text: str
    short: str
    margin: str
    interval: str


class Figures:
    """Prints the numbers of one table alike: one factor (per cent, thousands), one rule for digits."""

    def __init__(self, table: ResultTable, words: Words) -> None:
        self._words = words
        self.share = table.estimates.startswith("share")
        self.mean = table.measure == "mean"
        self._bounds = (table.low, table.high)
        step = table.step.normalize().as_tuple().exponent
        self._finest = int(step) if not self.mean else int(step) - 4
        self.never_negative = table.low is None or table.low >= 0
        self.power = 0 if self.share or self.mean else self._scale([cell.estimate for cell in table.cells])
        self._shift = Decimal((0, (1,), 2 if self.share else -self.power))
        self.unit = self._unit(table)

    def _scale(self, estimates: Sequence[Estimate]) -> int:
        """The largest power of ten to divide by that leaves at most one place after the point."""
        largest = max((abs(estimate.high) for estimate in estimates), default=Decimal(0))
        if largest < _LEAST_SCALED:
            return 0
        finest = min(place_of(estimate.margin, self._finest) for estimate in estimates)
        fitting = [
            power for power in _SCALES[self._words.language] if power - 1 <= finest and largest >= 10**power
        ]
        return max(fitting, default=0)

    def _unit(self, table: ResultTable) -> str:
        words = self._words
        if self.share:
            return words.text("unit_share")
        named = {"customers": "unit_customers", "rows": "unit_rows"}.get(table.estimates)
        unit = words.text(named) if named else unit_name(table.unit, words) or words.text("unit_number")
        return (
            words.text("unit_scaled", scale=words.text(f"scale_{self.power}"), unit=unit)
            if self.power
            else unit
        )

    def place(self, estimate: Estimate) -> int:
        """The place to which an estimate is printed, in the printed unit."""
        shift = self._shift.adjusted()
        return max(place_of(estimate.margin, self._finest) + shift, -6)

    def amount(self, number: Decimal, place: int, rounding: str = ROUND_HALF_EVEN) -> str:
        """A number of the table's unit."""
        text = number_text(rounded(_EXACT.multiply(number, self._shift), place, rounding), place, self._words)
        return self._words.text("per_cent", number=text) if self.share else text

    def margin(self, margin: Decimal, place: int) -> str:
        """A margin, rounded up: percentage points for shares, so without a sign."""
        shifted = _EXACT.multiply(margin, self._shift)
        return number_text(rounded(shifted, place, ROUND_CEILING), place, self._words)

    def figure(self, estimate: Estimate) -> Figure:
        """An estimate as printed."""
        words, place = self._words, self.place(estimate)
        low, high = self.shown_ends(estimate)
        low_text, high_text = self.amount(low, place, ROUND_FLOOR), self.amount(high, place, ROUND_CEILING)
        interval = words.text("range", low=low_text, high=high_text) if low_text != high_text else low_text
        margin = self.margin(estimate.margin, place)
        if estimate.value is None or Flag.TOO_WIDE in estimate.flags:
            text = words.text("too_wide")
            return Figure(State.TOO_WIDE, text, text, "", interval)
        if not self.mean and estimate.low <= 0 and (self.never_negative or estimate.high >= 0):
            if self.never_negative and high <= 0:
                # An interval that noise took below 0 and the cut left empty: "0 to 0" would look exact.
                mark = words.text("near_zero_mark")
                return Figure(State.NEAR_ZERO, words.text("near_zero_below"), mark, margin, mark)
            key = "near_zero" if self.never_negative else "near_zero_range"
            return Figure(
                State.NEAR_ZERO, words.text(key, low=low_text, high=high_text), interval, margin, interval
            )
        value = self.amount(estimate.value, place)
        return Figure(
            State.PLAIN, value, words.text("value_and_margin", value=value, margin=margin), margin, interval
        )

    def shown_ends(self, estimate: Estimate) -> tuple[Decimal, Decimal]:
        """The interval's ends, without what declarations rule out: negative counts, for example."""
        low, high = estimate.low, estimate.high
        least, most = self._bounds
        if self.mean and least is not None and most is not None:
            return max(low, least), min(high, most)
        return (max(low, Decimal(0)), max(high, Decimal(0))) if self.never_negative else (low, high)


def unit_name(unit: str | None, words: Words) -> str:
    """A unit's name: currencies in the language, others as the contract writes them.

    >>> unit_name("CNY", Words("zh")), unit_name("USD", Words("zh")), unit_name("USD", Words("en"))
    ('元', '美元', 'USD')
    """
    if not unit:
        return ""
    if words.has(f"unit_{unit}"):
        return words.text(f"unit_{unit}")
    if words.language != "en" and is_currency(unit):
        return str(get_currency_name(unit, locale=words.locale))
    return unit
