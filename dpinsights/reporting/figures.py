"""How numbers are written: as many digits as the margin supports, in the language, with the interval rounded
outwards.

The printed margin has two significant digits and is rounded up; the value is rounded to the same place, the
ends of the interval outwards to it. Data files hold all digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

from babel.numbers import format_decimal, get_currency_name, is_currency

from dpinsights.model.release import Estimate, Flag, ResultTable
from dpinsights.reporting.kinds import LINEAR, Kind, is_between_cuts, kind_of
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
    SUPPRESSED = "suppressed"


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


UNSAID = frozenset({State.TOO_WIDE, State.SUPPRESSED})
"""States in which a number says nothing."""


class Figures:
    """Prints the numbers of one table alike: one factor (per cent, thousands), one rule for digits."""

    def __init__(self, table: ResultTable, words: Words, kind: Kind | None = None) -> None:
        self._words = words
        self.kind = kind or kind_of(table)
        self.share = self.kind.share
        self.never_negative = self.kind.never_negative
        self.cuts = is_between_cuts(table)
        self._chosen = table.rank is not None
        self._finest = _finest(table, self.kind)
        self.power = self._scale(table) if self.kind.base in LINEAR else 0
        self._shift = Decimal((0, (1,), 2 if self.share or self.kind.points else -self.power))
        self.unit = self._unit(table)
        self.margin_unit = words.text("points") if self.share or self.kind.points else ""

    def _scale(self, table: ResultTable) -> int:
        """The largest power of ten to divide by that leaves at most one place after the point."""
        if self.kind.comparison in ("ratio", "index"):
            return 0
        finite = [cell.estimate for cell in table.cells if cell.estimate.margin.is_finite()]
        largest = max((abs(estimate.high) for estimate in finite), default=Decimal(0))
        if largest < _LEAST_SCALED:
            return 0
        finest = min(place_of(estimate.margin, self._finest) for estimate in finite)
        fitting = [
            power for power in _SCALES[self._words.language] if power - 1 <= finest and largest >= 10**power
        ]
        return max(fitting, default=0)

    def _unit(self, table: ResultTable) -> str:
        words, kind = self._words, self.kind
        if self.share:
            return words.text("unit_share")
        if kind.points:
            return words.text("points")
        if kind.comparison in ("ratio", "index"):
            return words.text(f"unit_{kind.comparison}")
        unit = unit_name(table.unit, words)
        if kind.base == "coefficient":
            return words.text("unit_coefficient", unit=unit) if unit else words.text("unit_coefficient_plain")
        counted = f"unit_{kind.base.removeprefix('running-')}"
        unit = unit or words.text(counted if words.has(counted) else "unit_number")
        if not self.power:
            return unit
        return words.text("unit_scaled", scale=words.text(f"scale_{self.power}"), unit=unit)

    def place(self, estimate: Estimate) -> int:
        """The place to which an estimate is printed, in the printed unit."""
        if not estimate.margin.is_finite():
            return 0
        return place_of(estimate.margin, self._finest) + self._shift.adjusted()

    def amount(self, number: Decimal, place: int, rounding: str = ROUND_HALF_EVEN) -> str:
        """A number of the table's unit; a difference above zero has its sign."""
        found = rounded(_EXACT.multiply(number, self._shift), place, rounding) or Decimal(0)
        text = number_text(found, place, self._words)
        if self.kind.signed and found > 0:
            text = f"+{text}"
        return self._words.text("per_cent", number=text) if self.share else text

    def margin(self, margin: Decimal, place: int) -> str:
        """A margin, rounded up: percentage points for shares, so without a sign."""
        if not margin.is_finite():
            return ""
        shifted = _EXACT.multiply(margin, self._shift)
        return number_text(rounded(shifted, place, ROUND_CEILING), place, self._words)

    def figure(self, estimate: Estimate) -> Figure:
        """An estimate as printed."""
        words, place, null = self._words, self.place(estimate), self.kind.null
        if Flag.SUPPRESSED in estimate.flags:
            text = words.text("suppressed")
            return Figure(State.SUPPRESSED, text, text, "", "")
        low, high = self.shown_ends(estimate)
        interval, margin = self._interval(low, high, place), self.margin(estimate.margin, place)
        if estimate.value is None or Flag.TOO_WIDE in estimate.flags:
            text = words.text("too_wide")
            return Figure(State.TOO_WIDE, text, text, "", interval)
        if null is not None and estimate.low <= null and (self.never_negative or estimate.high >= null):
            if self.never_negative and high <= null:
                # An interval that noise took below 0 and the cut left empty: "0 to 0" would look exact.
                mark = words.text("near_zero_mark", null=null)
                return Figure(State.NEAR_ZERO, words.text("near_zero_below"), mark, margin, mark)
            if self.never_negative:
                text = words.text("near_zero", high=self.amount(high, place, ROUND_CEILING))
            else:
                text = words.text("near_zero_range", null=null, interval=interval)
            return Figure(State.NEAR_ZERO, text, interval, margin, interval)
        # A value that was chosen among public cuts is one of them, with all its digits.
        value = words.number(estimate.value) if self._chosen else self.amount(estimate.value, place)
        if self.cuts:
            return Figure(
                State.PLAIN,
                value,
                words.text("value_and_interval", value=value, interval=interval),
                "",
                interval,
            )
        return Figure(
            State.PLAIN, value, words.text("value_and_margin", value=value, margin=margin), margin, interval
        )

    def _interval(self, low: Decimal, high: Decimal, place: int) -> str:
        """An interval's ends, rounded outwards; public cuts have all their digits."""
        words = self._words
        if self.cuts:
            low_text, high_text = words.number(low), words.number(high)
        else:
            low_text = self.amount(low, place, ROUND_FLOOR) if low.is_finite() else ""
            high_text = self.amount(high, place, ROUND_CEILING) if high.is_finite() else ""
        if not low_text and not high_text:
            return words.text("no_limit")
        if not low_text:
            return words.text("no_lower_limit", high=high_text)
        if not high_text:
            return words.text("no_upper_limit", low=low_text)
        return words.text("range", low=low_text, high=high_text) if low_text != high_text else low_text

    def shown_ends(self, estimate: Estimate) -> tuple[Decimal, Decimal]:
        """The interval's ends, without what is ruled out: negative counts, for example."""
        low, high = estimate.low, estimate.high
        least, most = self.kind.bounds
        if least is not None:
            low, high = max(low, least), max(high, least)
        return (low, high) if most is None else (min(low, most), min(high, most))


def _finest(table: ResultTable, kind: Kind) -> int:
    """The finest place at all: a step for what is added up, else so fine that the margin decides."""
    step = int(table.step.normalize().as_tuple().exponent)
    if kind.base in LINEAR and kind.comparison in ("", "difference"):
        return step
    return step - 4 if kind.base.startswith("mean") else -8 if kind.share or kind.points else -15


def unit_name(unit: str | None, words: Words) -> str:
    """A unit's name: currencies in the language, others as the contract writes them.

    >>> unit_name("CNY", Words("zh")), unit_name("USD", Words("zh")), unit_name("USD", Words("en"))
    ('元', '美元', 'USD')
    >>> unit_name("CNY²", Words("zh")), unit_name("CNY/1", Words("zh")), unit_name("CNY/day", Words("en"))
    ('元²', '元', 'CNY/day')
    """
    if not unit:
        return ""
    above, slash, below = unit.partition("/")
    if slash:
        parts = [unit_name(part, words) for part in ((above, below) if below != "1" else (above,))]
        return "/".join(parts)
    if unit.endswith("²"):
        return f"{unit_name(unit[:-1], words)}²"
    if words.has(f"unit_{unit}"):
        return words.text(f"unit_{unit}")
    if words.language != "en" and is_currency(unit):
        return str(get_currency_name(unit, locale=words.locale))
    return unit
