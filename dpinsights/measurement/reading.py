"""A stored column as whole numbers: the Reading rules of docs/formulation.md, as SQL.

Which formula a column gets depends on its declaration and its storage type, which is public; every formula is total:
where a conversion fails the value is null. So one row's bad value can neither raise nor change another row's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, assert_never

from sqlglot import exp

from dpinsights.errors import SourceError
from dpinsights.measurement import tree
from dpinsights.measurement.tree import Sql
from dpinsights.model.contract import Boolean, Category, Column, Date, DecimalColumn, Integer, Text, Timestamp

StorageKind = Literal["integer", "decimal", "float", "text", "boolean", "date", "timestamp", "timestamptz"]

SPACE = "".join(
    chr(code)
    for code in [
        *range(0x09, 0x0E),
        0x20,
        0x85,
        0xA0,
        0x1680,
        *range(0x2000, 0x200E),
        0x2028,
        0x2029,
        0x202F,
        0x205F,
        0x2060,
        0x3000,
        0xFEFF,
    ]
)
"""What is stripped at both ends of a text."""

FIRST_DAY, LAST_DAY = -25567, 84005
"""1900-01-01 and 2199-12-31 in days since 1970-01-01."""

DAY = 86_400

_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = _DATE + r"[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?"
_TO_THE_SECOND = len("YYYY-MM-DD HH:MM:SS")


@dataclass(frozen=True)
class Storage:
    """How a source stores a column; `scale` only for decimals."""

    kind: StorageKind
    scale: int = 0


def customer_id(raw: Sql, storage: Storage, *, as_text: bool, place: str) -> Sql:
    """The customer's id, null for an empty one.

    Ids are compared as text; where every table of a contract stores them as integers they are compared as
    integers, whose text forms are equal exactly when they are.
    """
    if storage.kind == "integer":
        return tree.cast(raw, "VARCHAR") if as_text else tree.cast(raw, "BIGINT")
    if storage.kind == "text":
        return normal(raw)
    raise SourceError(f"{place}: a customer id is stored as an integer or as text, not as {storage.kind}")


Stage = Callable[[Sql], Sql]
"""One step of a conversion: it names its input several times, so each step becomes a subquery of its own."""


def cleaned(column: Column, storage: Storage, *, place: str) -> tuple[Stage, ...]:
    """The steps from a stored column to a BIGINT in the column's own terms, or null; a text stays one.

    Raises:
        SourceError: if the column's declaration can't be read from this storage; schemas alone decide.
    """
    match column:
        case Category():
            return _category(column, storage, place)
        case Boolean():
            return (*_boolean(storage, place), _default(None if column.nulls is None else int(column.nulls)))
        case Integer():
            return _number(column.bounds, Decimal(1), column.nulls, storage, place)
        case DecimalColumn():
            return _number(column.bounds, column.step, column.nulls, storage, place)
        case Date():
            return (*_days(storage, place), _clamp(FIRST_DAY, LAST_DAY))
        case Timestamp():
            moments = _seconds(column.zone, storage, place)
            return (*moments, _clamp(FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1))
        case Text():
            return canonical_text(storage, max_length=column.max_length, place=place)
        case _:
            assert_never(column)


def _clamp(low: int, high: int) -> Stage:
    return lambda value: tree.clamped(value, tree.number(low), tree.number(high))


_PLAIN = "[!-~]([ -~]*[!-~])?"
"""ASCII without a space at either end: text that is in normal form already."""


def normal(raw: Sql) -> Sql:
    """Text without U+0000, in NFC, stripped of white and invisible characters; empty is null.

    Plain text is passed by, since stripping a set of characters costs a microsecond a row. U+0000 goes first, because
    DuckDB's nfc_normalize stops at it.
    """
    whole = tree.call("replace", raw, tree.call("chr", exp.Literal.number(0)), tree.text(""))
    stripped = tree.call("trim", tree.call("nfc_normalize", whole), tree.text(SPACE))
    plain = tree.call("regexp_full_match", raw, tree.text(_PLAIN))
    return tree.case([(plain, raw)], tree.call("nullif", stripped, tree.text("")))


def canonical_text(storage: Storage, *, max_length: int, place: str) -> tuple[Stage, ...]:
    """The steps from a stored column to its text in normal form, of at most `max_length` characters; empty is null.

    A text that is cut is stripped again at its end, so that a canonical text is its own canonical text.

    Raises:
        SourceError: if the column is stored as what has no one text; schemas alone decide.
    """
    match storage.kind:
        case "text":
            return (normal, lambda word: _cut(word, max_length))
        case "integer" | "boolean":
            return (lambda raw: tree.cast(raw, "VARCHAR"), lambda word: _cut(word, max_length))
        case _:
            raise _unreadable(place, "text", storage)


def _cut(word: Sql, most: int) -> Sql:
    start = tree.call("substr", word, exp.Literal.number(1), exp.Literal.number(most))
    longer = tree.binary(exp.GT, tree.call("length", word), exp.Literal.number(most))
    return tree.case([(longer, tree.call("rtrim", start, tree.text(SPACE)))], word)


def _default(constant: int | None) -> Stage:
    return lambda value: value if constant is None else tree.call("coalesce", value, tree.number(constant))


def _unreadable(place: str, what: str, storage: Storage) -> SourceError:
    return SourceError(f"{place}: declared as {what}, but stored as {storage.kind}")


def _category(column: Category, storage: Storage, place: str) -> tuple[Stage, ...]:
    """The key's code, by its place among the keys: 0 for an unknown text, one past the last for null.

    A raw match is looked up first: a key is in normal form, so the result is the same. The normal form stands once
    in the formula, so that an engine works it out for the texts that are not keys as they stand, and for no others.
    """
    keys = list(column.keys)
    codes = {key: code for code, key in enumerate(keys)}
    unknown = None if column.unknown is None else codes[column.unknown]
    nulls = None if column.nulls is None else codes[column.nulls]
    by_place = exp.Array(expressions=[tree.number(code) for code in (unknown, *range(len(keys)), nulls)])

    def resolve(position: Sql) -> Sql:
        return tree.call("list_extract", by_place, tree.binary(exp.Add, position, tree.number(1)))

    def from_text(raw: Sql) -> Sql:
        word = tree.call("coalesce", normal(raw), tree.text(""))
        return resolve(tree.call("coalesce", _place(raw, keys), _place(word, [*keys, ""]), tree.number(0)))

    def from_number(raw: Sql) -> Sql:
        bounds = _consecutive(keys) if storage.kind == "integer" else None
        past = tree.number(len(keys) + 1)
        if bounds is None:
            word = tree.call("coalesce", tree.cast(raw, "VARCHAR"), tree.text(""))
            return resolve(tree.call("coalesce", _place(word, [*keys, ""]), tree.number(0)))
        inside = exp.Between(this=raw.copy(), low=tree.number(bounds[0]), high=tree.number(bounds[1]))
        place = tree.binary(exp.Sub, tree.cast(raw, "BIGINT"), tree.number(bounds[0] - 1))
        return resolve(tree.case([(inside, place), (tree.is_null(raw), past)], tree.number(0)))

    match storage.kind:
        case "text":
            return (from_text,)
        case "integer" | "boolean":
            return (from_number,)
        case _:
            raise _unreadable(place, "category", storage)


def _place(value: Sql, keys: list[str]) -> Sql:
    """A key's place in the list, from 1; null for what is not a key."""
    return tree.call("list_position", exp.Array(expressions=[tree.text(key) for key in keys]), value)


def _consecutive(keys: list[str]) -> tuple[int, int] | None:
    """The first and last of keys that are consecutive whole numbers as text."""
    if not all(key.isascii() and key.isdigit() and str(int(key)) == key for key in keys):
        return None
    first = int(keys[0])
    return (
        (first, first + len(keys) - 1)
        if [int(key) for key in keys] == list(range(first, first + len(keys)))
        else None
    )


def _boolean(storage: Storage, place: str) -> tuple[Stage, ...]:
    one, zero = tree.number(1), tree.number(0)
    match storage.kind:
        case "boolean":
            return (lambda raw: tree.cast(raw, "BIGINT"),)
        case "integer" | "decimal" | "float":
            return (
                lambda raw: tree.case(
                    [
                        (exp.EQ(this=raw.copy(), expression=one), one),
                        (exp.EQ(this=raw.copy(), expression=zero), zero),
                    ]
                ),
            )
        case "text":
            yes = [tree.text(word) for word in ("true", "t", "yes", "y", "1")]
            no = [tree.text(word) for word in ("false", "f", "no", "n", "0")]
            return (
                lambda raw: tree.call("lower", normal(raw)),
                lambda word: tree.case([(tree.among(word, yes), one), (tree.among(word, no), zero)]),
            )
        case _:
            raise _unreadable(place, "boolean", storage)


def _number(
    bounds: tuple[Decimal, Decimal], step: Decimal, nulls: Decimal | None, storage: Storage, place: str
) -> tuple[Stage, ...]:
    """Whole steps: to a decimal, clamped to the bounds, rounded half-even."""
    digits = max(0, -int(step.normalize().as_tuple().exponent))
    match storage.kind:
        case "integer":
            places = digits
            scaled: tuple[Stage, ...] = (
                (lambda raw: tree.binary(exp.Mul, tree.cast(raw, "HUGEINT"), _wide(10**places)),)
                if places
                else ()
            )
        case "decimal":
            places = max(storage.scale, digits)
            scaled = (_mantissa(bounds, places, place),)
        case "float":
            places, scaled = _scaled_float(bounds, digits)
            scaled = (lambda raw: tree.cast(raw, "DOUBLE"), *scaled)
        case "text":
            places, scaled = _scaled_float(bounds, digits)
            scaled = (normal, _text_to_float, *scaled)
        case _:
            raise _unreadable(place, "a number", storage)
    unit = 10**places
    low, high = (int(bound * unit) for bound in bounds)
    width = int(step * unit)
    kind = "BIGINT" if max(-low, high) < 2**62 else "HUGEINT"
    stages = [*scaled, lambda value: tree.cast(tree.clamped(value, _wide(low), _wide(high)), kind)]
    if width != 1:
        stages.append(lambda value: tree.cast(_half_even(value, low // width, width), "BIGINT"))
    return (*stages, _default(None if nulls is None else int(nulls / step)))


def _text_to_float(word: Sql) -> Sql:
    matches = tree.call("regexp_full_match", word, tree.text(_NUMBER))
    return tree.case([(matches, tree.try_cast(word, "DOUBLE"))])


def _wide(value: int) -> Sql:
    return tree.cast(tree.text(str(value)), "HUGEINT") if abs(value) >= 2**31 else tree.number(value)


def _mantissa(bounds: tuple[Decimal, Decimal], places: int, place: str) -> Stage:
    """An exact decimal times 10^places, as a whole number; far outside the bounds it is the nearer bound already."""
    before = max(len(str(abs(int(bound)))) for bound in bounds) + 1
    if before + 2 * places + 2 > 38:
        raise SourceError(
            f"{place}: bounds and decimals together need more than 38 digits: store it with fewer decimals"
        )
    low, high = (tree.cast(tree.text(str(int(bound * 10**places))), "HUGEINT") for bound in bounds)

    def mantissa(raw: Sql) -> Sql:
        rough = tree.cast(raw, "DOUBLE")
        # Narrow first, so that no value is too large; then wide, because a product of narrow decimals may overflow.
        exact = tree.cast(tree.try_cast(raw, f"DECIMAL({before + places},{places})"), f"DECIMAL(38,{places})")
        moved = tree.binary(exp.Mul, exact, tree.cast(tree.text(str(10**places)), f"DECIMAL({places + 1},0)"))
        below = tree.binary(exp.LT, rough, tree.cast(tree.text(str(bounds[0] - 1)), "DOUBLE"))
        above = tree.binary(exp.GT, rough, tree.cast(tree.text(str(bounds[1] + 1)), "DOUBLE"))
        return tree.case([(below, low), (above, high)], tree.cast(moved, "HUGEINT"))

    return mantissa


def _scaled_float(bounds: tuple[Decimal, Decimal], digits: int) -> tuple[int, tuple[Stage, ...]]:
    """A float clamped to the bounds and times 10^places, to the nearest whole number (halves away from 0); NaN is null."""
    largest = max(abs(bounds[0]), abs(bounds[1]))
    before = max(1, len(str(int(largest))))
    places = max(digits, min(digits + 6, 15 - before))
    low, high = (tree.cast(tree.text(str(bound)), "DOUBLE") for bound in bounds)
    unit = tree.cast(tree.text(f"1e{places}"), "DOUBLE")
    whole = "BIGINT" if largest * 10**places < 2**62 else "HUGEINT"
    return places, (
        lambda real: tree.case([(tree.call("isnan", real), exp.null())], real),
        lambda real: tree.clamped(real, low, high),
        lambda real: tree.cast(tree.call("round", tree.binary(exp.Mul, real, unit)), whole),
    )


def _half_even(value: Sql, low_steps: int, width: int) -> Sql:
    """value / width, halves to the even one; value is at least low_steps * width, so the offset is not negative."""
    offset = tree.binary(exp.Sub, value, _wide(low_steps * width))
    quotient = tree.binary(exp.IntDiv, offset, _wide(width))
    rest = tree.binary(exp.Mul, tree.binary(exp.Mod, offset, _wide(width)), tree.number(2))
    odd = exp.NEQ(
        this=tree.binary(exp.Mod, tree.binary(exp.Add, quotient, tree.number(low_steps % 2)), tree.number(2)),
        expression=tree.number(0),
    )
    up = exp.Or(
        this=tree.binary(exp.GT, rest, _wide(width)),
        expression=exp.Paren(this=exp.And(this=tree.binary(exp.EQ, rest, _wide(width)), expression=odd)),
    )
    rounded = tree.binary(exp.Add, quotient, tree.case([(up, tree.number(1))], tree.number(0)))
    return tree.binary(exp.Add, rounded, tree.number(low_steps))


def _midnight(day: Sql) -> Sql:
    """The seconds of a day's beginning, by whole days: a day may lie where no timestamp does."""
    since = tree.binary(exp.Sub, day, tree.cast(tree.text("1970-01-01"), "DATE"))
    seconds = tree.binary(exp.Mul, tree.cast(since, "BIGINT"), tree.number(DAY))
    return tree.case([(tree.call("isfinite", day), seconds)])


def _local(moment: Sql, zone: str) -> Sql:
    """A moment on a zone's clock; far outside the years 1 to 9999, where a zone's shift can overflow, an end of those."""
    first, last = (
        tree.cast(tree.text(f"{day} 00:00:00+00"), "TIMESTAMPTZ") for day in ("0001-01-02", "9999-12-30")
    )
    ends = [tree.cast(tree.text(day), "TIMESTAMP") for day in ("0001-01-02", "9999-12-30")]
    inside = exp.Between(this=moment.copy(), low=first, high=last)
    return tree.case(
        [
            (inside, tree.call("timezone", tree.text(zone), moment)),
            (exp.Not(this=tree.call("isfinite", moment)), exp.null()),
            (tree.binary(exp.LT, moment, first), ends[0]),
            (tree.binary(exp.GT, moment, last), ends[1]),
        ]
    )


def _days(storage: Storage, place: str) -> tuple[Stage, ...]:
    match storage.kind:
        case "date":
            days: tuple[Stage, ...] = ()
        case "timestamp":
            days = (
                lambda raw: tree.try_cast(raw, "TIMESTAMP"),
                lambda moment: tree.case([(tree.call("isfinite", moment), tree.try_cast(moment, "DATE"))]),
            )
        case "text":
            days = (normal, lambda word: _matching(word, _DATE, "DATE"))
        case _:
            raise _unreadable(place, "a date", storage)

    def since(day: Sql) -> Sql:
        count = tree.binary(exp.Sub, day, tree.cast(tree.text("1970-01-01"), "DATE"))
        return tree.case([(tree.call("isfinite", day), tree.cast(count, "BIGINT"))])

    return (*days, since)


def _matching(word: Sql, pattern: str, kind: str) -> Sql:
    return tree.case([(tree.call("regexp_full_match", word, tree.text(pattern)), tree.try_cast(word, kind))])


def _text_to_moment(word: Sql) -> Sql:
    """The fraction is cut off before the cast, which might round it up."""
    matches = tree.call("regexp_full_match", word, tree.text(_MOMENT))
    seconds = tree.call("substr", word, exp.Literal.number(1), exp.Literal.number(_TO_THE_SECOND))
    return tree.case([(matches, tree.try_cast(seconds, "TIMESTAMP"))])


def _seconds(zone: str, storage: Storage, place: str) -> tuple[Stage, ...]:
    match storage.kind:
        case "timestamp":
            # Seconds and milliseconds may hold moments that microseconds can't: those are null.
            moments: tuple[Stage, ...] = (lambda raw: tree.try_cast(raw, "TIMESTAMP"),)
        case "timestamptz":
            moments = (lambda raw: _local(raw, zone),)
        case "date":
            return (_midnight,)
        case "text":
            moments = (normal, _text_to_moment)
        case _:
            raise _unreadable(place, "a timestamp", storage)
    million = tree.number(1_000_000)

    def micro(moment: Sql) -> Sql:
        count = tree.call("epoch_us", moment)
        far = tree.cast(tree.text(str(2**62)), "BIGINT")
        kept = tree.clamped(count, exp.Neg(this=far), far)
        return tree.case([(tree.call("isfinite", moment), kept)])

    def whole(count: Sql) -> Sql:
        # Rounded down: division rounds to zero, so the remainder is taken off first.
        rest = tree.binary(
            exp.Mod, tree.binary(exp.Add, tree.binary(exp.Mod, count, million), million), million
        )
        return tree.binary(exp.IntDiv, tree.binary(exp.Sub, count, rest), million)

    return (*moments, micro, whole)
