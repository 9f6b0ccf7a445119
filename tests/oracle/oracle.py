"""docs/formulation.md in plain Python: slow, short, and independent of every engine.

Clause by clause in the order of that document, so that the two can be read side by side. Where the document
left a choice open, the comment says GAP and names the choice.
"""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import combinations_with_replacement

from dpinsights.model.contract import (
    Boolean,
    Category,
    Coded,
    Contract,
    Date,
    DecimalColumn,
    Integer,
    Table,
    Timestamp,
)
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    And,
    Arithmetic,
    Case,
    Clamp,
    Coalesce,
    Compare,
    Constant,
    CustomerColumn,
    Cut,
    DatePart,
    DateTrunc,
    Divide,
    In,
    IsNull,
    Member,
    Node,
    Not,
    Or,
    Recode,
    RowColumn,
    is_about_rows,
)
from dpinsights.model.measurement import Measurement, Relation
from dpinsights.model.numbers import plain
from tests.oracle.strategies import applied

Storage = str | tuple[str, int]
"""`int`, `text`, `float`, `bool`, `date`, `timestamp`, or `("decimal", scale)`."""
Row = dict[str, int | None]
Contributions = dict[tuple[str, int], tuple[int, ...]]

DAY = 86_400
MOST = 2**62
"""What a sum is clamped to, either side of 0."""
EPOCH = date(1970, 1, 1)
FIRST_DAY = (date(1900, 1, 1) - EPOCH).days
LAST_DAY = (date(2199, 12, 31) - EPOCH).days
FIRST_SECOND = FIRST_DAY * DAY
LAST_SECOND = (LAST_DAY + 1) * DAY - 1  # GAP: "clamped likewise" is read as the last second of the last day
INFINITE_DATE = 2**31 - 1  # days, either sign: how Arrow and DuckDB write an infinite date
INFINITE_TIMESTAMP = 2**63 - 1  # microseconds, likewise

# Reading ------------------------------------------------------------------------------------------

STRIPPED = "".join(
    chr(c)
    for c in (
        *range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200E), 0x2028, 0x2029, 0x202F, 0x205F,
        0x2060, 0x3000, 0xFEFF,
    )
)  # fmt: skip
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
TIMESTAMP = re.compile(DATE.pattern + r"[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?")


def text(value: str) -> str | None:
    """A text in normal form; null if nothing is left."""
    return unicodedata.normalize("NFC", value.replace("\0", "")).strip(STRIPPED) or None


def customer_id(value: object, storage: Storage) -> str | None:
    """The id's text form."""
    if value is None:
        return None
    return {"int": str, "text": text}[storage](value)  # type: ignore[index,operator,no-any-return]


def read(column: Coded, value: object, storage: Storage) -> int | None:
    """One stored value as an integer or null, the constant for nulls applied."""
    if value is not None and storage == "text":
        assert isinstance(value, str)
        value = text(value)
    match column:
        case Category():
            return _category(column, value, storage)
        case Boolean():
            known = None if value is None else _boolean(value, storage)
            known = column.nulls if known is None else known
            return None if known is None else int(known)
        case Integer() | DecimalColumn():
            return _number(column, value, storage)
        case Date():
            return None if value is None else _clamp(_day(value, storage), FIRST_DAY, LAST_DAY)
        case Timestamp():
            return None if value is None else _clamp(_second(value, storage), FIRST_SECOND, LAST_SECOND)


def _category(column: Category, value: object, storage: Storage) -> int | None:
    keys = [text(key) for key in column.keys]  # GAP: keys are read as texts are
    if value is None:
        return None if column.nulls is None else keys.index(text(column.nulls))
    if storage == "bool":
        form = "true" if value else "false"
    elif storage in ("int", "text"):
        form = str(value)
    else:
        raise ValueError(f"no rule for a category stored as {storage}")
    if form in keys:
        return keys.index(form)
    return None if column.unknown is None else keys.index(text(column.unknown))


def _boolean(value: object, storage: Storage) -> bool | None:
    if storage == "text":
        word = str(value).lower()
        return True if word in TRUE else False if word in FALSE else None
    if storage in ("bool", "int", "float") or isinstance(storage, tuple):
        return True if value == 1 else False if value == 0 else None
    raise ValueError(f"no rule for a boolean stored as {storage}")


def _number(column: Integer | DecimalColumn, value: object, storage: Storage) -> int | None:
    step = column.step if isinstance(column, DecimalColumn) else Decimal(1)
    number = None if value is None else _exactly(value, storage, step, column.bounds)
    if number is None:
        return None if column.nulls is None else round(Fraction(column.nulls) / Fraction(step))
    low, high = (Fraction(bound) for bound in column.bounds)
    return round(min(max(number, low), high) / Fraction(step))  # a Fraction rounds half-even


def _exactly(
    value: object, storage: Storage, step: Decimal, bounds: tuple[Decimal, Decimal]
) -> Fraction | None:
    if storage == "int" or isinstance(storage, tuple):
        return Fraction(value)  # type: ignore[call-overload,no-any-return]
    if storage == "text":
        if NUMBER.fullmatch(str(value)) is None:
            return None
    elif storage != "float":
        raise ValueError(f"no rule for a number stored as {storage}")
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        return None
    after = len(plain(step).partition(".")[2])
    before = len(str(int(max(abs(bounds[0]), abs(bounds[1])))))
    places = max(after, min(after + 6, 15 - before))
    number = min(max(number, float(bounds[0])), float(bounds[1]))
    scaled = abs(number * float(10**places))
    nearest = math.floor(scaled) + (scaled - math.floor(scaled) >= 0.5)  # halves away from 0
    return Fraction(nearest if number >= 0 else -nearest, 10**places)


def _day(value: object, storage: Storage) -> int | None:
    if storage == "text":
        match = DATE.fullmatch(str(value))
        return None if match is None else _real_day(*map(int, match.groups()))
    if storage == "date":
        days = value if isinstance(value, int) else (value - EPOCH).days  # type: ignore[operator]
        return None if abs(days) >= INFINITE_DATE else days
    if storage == "timestamp":
        micros = _micros(value)
        return None if micros is None else micros // (DAY * 10**6)
    raise ValueError(f"no rule for a date stored as {storage}")


def _second(value: object, storage: Storage) -> int | None:
    if storage == "text":
        match = TIMESTAMP.fullmatch(str(value))
        if match is None:
            return None
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        days = _real_day(year, month, day)
        if days is None or hour > 23 or minute > 59 or second > 59:
            return None
        return days * DAY + hour * 3600 + minute * 60 + second
    if storage == "timestamp":
        micros = _micros(value)
        return None if micros is None else micros // 10**6
    raise ValueError(f"no rule for a timestamp stored as {storage}")


def _micros(value: object) -> int | None:
    if isinstance(value, int):
        return None if abs(value) >= INFINITE_TIMESTAMP else value
    assert isinstance(value, datetime) and value.tzinfo is None
    return (value - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def _real_day(year: int, month: int, day: int) -> int | None:
    """Days since 1970-01-01; None if there is no such day. GAP: the year 0000 is a year, as in ISO 8601."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not (1 <= month <= 12 and 1 <= day <= lengths[month - 1]):
        return None
    before = year * 365 + (year + 3) // 4 - (year + 99) // 100 + (year + 399) // 400  # days before the year
    return before + sum(lengths[: month - 1]) + day - 1 - 719_528


def _clamp(value: int | None, low: int, high: int) -> int | None:
    return None if value is None else min(max(value, low), high)


@dataclass(frozen=True)
class CleanTable:
    """A table's rows by customer: integers and nulls in the order of the declared columns."""

    table: Table
    rows: Mapping[str, list[Row]]

    def day(self, row: Row) -> int | None:
        """The day of a row's time column."""
        assert self.table.time is not None
        when = row[self.table.time]
        seconds = isinstance(self.table.columns[self.table.time], Timestamp)
        return when // DAY if seconds and when is not None else when


@dataclass(frozen=True)
class CleanData:
    """All tables, and each party's members."""

    tables: Mapping[str, CleanTable]
    members: Mapping[str, frozenset[str]]


def clean(
    contract: Contract,
    tables: Mapping[str, list[dict[str, object]]],
    stored: Mapping[str, Mapping[str, Storage]],
) -> CleanData:
    """Raw rows, read; rows without a customer dropped."""
    read_tables: dict[str, CleanTable] = {}
    for name, table in contract.tables.items():
        types = stored[name]
        rows: dict[str, list[Row]] = {}
        for raw in tables[name]:
            customer = customer_id(raw[table.customer], types[table.customer])
            if customer is not None:
                row = {c: read(column, raw[c], types[c]) for c, column in table.coded.items()}
                rows.setdefault(customer, []).append(row)
        read_tables[name] = CleanTable(table, rows)
    members: dict[str, frozenset[str]] = {}
    for party, spec in contract.parties.items():
        lists = (
            [spec.members]
            if spec.members
            else [name for name in contract.tables if name.split(".")[0] == party]
        )
        members[party] = frozenset(customer for name in lists for customer in read_tables[name].rows)
    return CleanData(read_tables, members)


# Customers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Customer:
    """One customer: the one row or None in each `rows: one` table, all rows in each other table."""

    id: str
    data: CleanData
    ones: Mapping[str, Row | None]
    many: Mapping[str, list[Row]]


def population(data: CleanData, name: str) -> frozenset[str]:
    """The customers of a population."""
    first, second = data.members.values()
    return {"shared": first & second, "any": first | second, **data.members}[name]


def order(row: Row) -> tuple[tuple[bool, int], ...]:
    """The canonical order of rows: by declared columns, null below all numbers."""
    return tuple((value is not None, value or 0) for value in row.values())


def customer(data: CleanData, identity: str, period: tuple[int, int] | None) -> Customer:
    """A customer's rows; `period` is a half-open range of days, for `rows: one` tables with a time column."""
    ones: dict[str, Row | None] = {}
    many: dict[str, list[Row]] = {}
    for name, table in data.tables.items():
        rows = table.rows.get(identity, [])
        if table.table.rows == "many":
            many[name] = rows
            continue
        if table.table.time is not None and period is not None:
            days = [(table.day(row), row) for row in rows]
            rows = [row for day, row in days if day is not None and period[0] <= day < period[1]]
        ones[name] = min(rows, key=order, default=None)
    return Customer(identity, data, ones, many)


# Expressions --------------------------------------------------------------------------------------


def evaluate(node: Node, row: Row | None, customer: Customer) -> int | None:
    """A node's value for a customer, or for one of its rows."""

    def value(part: Node) -> int | None:
        return evaluate(part, row, customer)

    match node:
        case RowColumn():
            assert row is not None
            return row[node.column]
        case CustomerColumn():
            one = customer.ones[node.table]
            return None if one is None else one[node.column]
        case Absent():
            return int(customer.ones[node.table] is None)
        case Member():
            return int(customer.id in customer.data.members[node.party])
        case Aggregate():
            return _aggregate(node, customer)
        case Constant():
            return node.value
        case Compare():
            left, right = value(node.left), value(node.right)
            if left is None or right is None:
                return None
            return int({"=": left == right, "<>": left != right, "<": left < right, "<=": left <= right,
                        ">": left > right, ">=": left >= right}[node.operator])  # fmt: skip
        case And():
            parts = [value(part) for part in node.parts]
            return 0 if 0 in parts else None if None in parts else 1
        case Or():
            parts = [value(part) for part in node.parts]
            return 1 if any(parts) else None if None in parts else 0
        case Not():
            part = value(node.part)
            return None if part is None else int(not part)
        case IsNull():
            return int(value(node.part) is None)
        case In():
            part = value(node.part)
            return None if part is None else int(part in node.values)
        case Arithmetic():
            left, right = value(node.left), value(node.right)
            if left is None or right is None:
                return None
            return {"+": left + right, "-": left - right, "*": left * right}[node.operator]
        case Divide():
            left, right = value(node.left), value(node.right)
            return None if left is None or not right else round(Fraction(left, right))  # rounds half-even
        case Coalesce():
            return next((known for known in map(value, node.parts) if known is not None), None)
        case Case():
            return next((value(then) for when, then in node.branches if value(when)), value(node.otherwise))
        case Clamp():
            return _clamp(value(node.part), node.low, node.high)
        case Cut():
            part = value(node.part)
            return None if part is None else sum(at <= part for at in node.at)
        case Recode():
            part = value(node.part)
            return None if part is None or node.codes[part] == -1 else node.codes[part]
        case DatePart():
            part = value(node.of)
            return None if part is None else _date_part(node, part)
        case DateTrunc():
            part = value(node.of)
            return None if part is None else _date_trunc(node, part)


def _aggregate(node: Aggregate, customer: Customer) -> int | None:
    rows = [
        row for row in customer.many[node.table] if node.where is None or evaluate(node.where, row, customer)
    ]
    if node.how == "any":
        return int(bool(rows))
    if node.value is None:
        assert node.how == "count"
        return len(rows)
    values = [(evaluate(node.value, row, customer), row) for row in rows]
    known = [(value, row) for value, row in values if value is not None]
    if node.how == "favourite":
        return _favourite(node, known, customer)
    if node.how in ("first", "last"):
        time = customer.data.tables[node.table].table.time
        assert time is not None
        sign = 1 if node.how == "first" else -1
        # GAP: a null time counts as earlier than all others; the smallest row wins a tie, for `last` too
        times = [-math.inf if (when := row[time]) is None else when for _, row in known]
        ranks = [(sign * when, order(row)) for when, (_, row) in zip(times, known, strict=True)]
        return known[ranks.index(min(ranks))][0] if known else None
    numbers = [value for value, _ in known]
    if node.how == "distinct":
        return len(set(numbers))
    if node.how in ("min", "max"):
        return (min if node.how == "min" else max)(numbers, default=None)
    return _clamp(sum(numbers), -MOST, MOST) if node.how == "sum" else len(numbers)


def _favourite(node: Aggregate, known: list[tuple[int, Row]], customer: Customer) -> int | None:
    totals: dict[int, int] = {}
    for code, row in known:
        weight = 1 if node.weight is None else evaluate(node.weight, row, customer)
        if weight is not None:
            totals[code] = totals.get(code, 0) + weight
    totals = {code: min(max(total, -MOST), MOST) for code, total in totals.items()}
    return min(totals, key=lambda code: (-totals[code], code), default=None)


def _calendar(part: int, seconds: bool) -> date:
    return EPOCH + timedelta(days=part // DAY if seconds else part)


def _date_part(node: DatePart, part: int) -> int:
    day = _calendar(part, node.seconds)
    match node.part:
        case "year":
            return day.year
        case "quarter":
            return (day.month + 2) // 3
        case "month":
            return day.month
        case "day":
            return day.day
        case "weekday":
            return day.isoweekday()
        case "hour":
            assert node.seconds
            return part % DAY // 3600


def _date_trunc(node: DateTrunc, part: int) -> int:
    day = _calendar(part, node.seconds)
    match node.unit:
        case "year":
            day = date(day.year, 1, 1)
        case "quarter":
            day = date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case "month":
            day = date(day.year, day.month, 1)
        case "week":
            day -= timedelta(days=day.weekday())
        case "day":
            pass
    return (day - EPOCH).days


# Cells --------------------------------------------------------------------------------------------


def sha256(text: str) -> str:
    """The digest of a text, in lower-case hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def prime(least: int) -> int:
    """The smallest prime that is at least `max(least, 2)`."""
    candidate = max(least, 2)
    while any(candidate % d == 0 for d in range(2, math.isqrt(candidate) + 1)):
        candidate += 1
    return candidate


def position(g: int, size: int, seed: str, identity: str) -> int:
    """Where group number g of `size` stands in a customer's selection order."""
    p, h = prime(size), sha256(f"{seed}|{identity}")
    return (g * (1 + int(h[:7], 16) % (p - 1)) + int(h[7:14], 16) % p) % p


def mixed_radix(codes: Iterable[int], sizes: Iterable[int]) -> int:
    """The number that codes name, the last fastest."""
    number = 0
    for code, size in zip(codes, sizes, strict=True):
        assert 0 <= code < size
        number = number * size + code
    return number


def row_digests(seed: str, identity: str, rows: list[Row]) -> list[str]:
    """The digest of each of a customer's rows in a table, identical rows numbered from 1."""
    seen: dict[str, int] = {}
    digests = []
    for row in rows:
        form = ",".join("" if value is None else str(value) for value in row.values())
        seen[form] = seen.get(form, 0) + 1
        digests.append(sha256(f"{seed}|{identity}|{form}|{seen[form]}"))
    return digests


def relation(
    contract: Contract,
    data: CleanData,
    relation: Relation,
    values: tuple[Measurement, ...],
    period: tuple[int, int] | None,
) -> Contributions:
    """What each customer adds to each cell that it reaches, for each measurement over the relation.

    A customer in no cell is absent. GAP: a null value adds 0, and so does a sum over nulls only, even if 0 is
    out of bounds; the random relations stay clear of that case.
    """
    assert all(m.relation == relation for m in values)
    found: Contributions = {}
    for identity in population(data, relation.population):
        one = customer(data, identity, period)
        if relation.where is None or evaluate(relation.where, None, one):
            for cell, added in _cells(relation, values, one).items():
                found[identity, cell] = added
    return found


def _cells(relation: Relation, values: tuple[Measurement, ...], one: Customer) -> dict[int, tuple[int, ...]]:
    if relation.pairs:
        return dict.fromkeys(_pairs(relation, one), (1,) * len(values))
    sizes = [group.size for group in relation.groups]
    table = relation.rows
    candidates: list[Row | None] = [None] if table is None else list(one.many[table])
    named: list[tuple[int, Row | None, list[int]]] = []  # which row, itself, its codes
    for index, row in enumerate(candidates):
        if (
            row is not None
            and relation.rows_where is not None
            and not evaluate(relation.rows_where, row, one)
        ):
            continue
        if relation.present is not None and evaluate(relation.present, row, one) is None:
            continue
        codes = [c for group in relation.groups if (c := evaluate(group.code, row, one)) is not None]
        if len(codes) == len(sizes):
            named.append((index, row, codes))

    def clamped(measurement: Measurement, row: Row | None) -> int:
        assert measurement.value is not None
        value = _clamp(evaluate(measurement.value, row, one), measurement.low, measurement.high)
        return 0 if value is None else _powered(measurement, value)

    if relation.rows_per_customer is not None:
        assert table is not None
        digests = row_digests(relation.seed, one.id, one.many[table])
        kept = sorted(named, key=lambda item: digests[item[0]])[: relation.rows_per_customer]
        totals: dict[int, tuple[int, ...]] = {}
        for _, row, codes in kept:
            cell = mixed_radix(codes, sizes)
            added = [1 if m.value is None else clamped(m, row) for m in values]
            totals[cell] = tuple(
                a + b for a, b in zip(totals.get(cell, (0,) * len(values)), added, strict=True)
            )
        return totals

    by_row = [is_about_rows(group.code) for group in relation.groups]
    row_sizes = [size for size, about in zip(sizes, by_row, strict=True) if about]
    groups: dict[int, tuple[list[int], list[Row | None]]] = {}
    for _, row, codes in named:
        g = mixed_radix((c for c, about in zip(codes, by_row, strict=True) if about), row_sizes)
        groups.setdefault(g, (codes, []))[1].append(row)
    size, k = math.prod(row_sizes), relation.groups_per_customer
    if k is not None and k < size:
        chosen = sorted(groups, key=lambda g: position(g, size, relation.seed, one.id))[:k]
        groups = {g: groups[g] for g in chosen}

    def total(measurement: Measurement, rows: list[Row | None]) -> int:
        if measurement.value is None:
            return 1
        if not is_about_rows(measurement.value):
            return clamped(measurement, None)
        parts = [evaluate(measurement.value, row, one) for row in rows]
        known = [part for part in parts if part is not None]
        kept = min(max(sum(known), measurement.low), measurement.high)
        return _powered(measurement, kept) if known else 0

    return {
        mixed_radix(codes, sizes): tuple(total(m, rows) for m in values) for codes, rows in groups.values()
    }


def _powered(measurement: Measurement, value: int) -> int:
    """A clamped value in coarse steps, then squared, if so."""
    if measurement.coarse is not None:
        value = round(Fraction(value, measurement.coarse))  # half-even
    return value if measurement.power is None else value**measurement.power


def _pairs(relation: Relation, one: Customer) -> list[int]:
    """The cells of a customer's pairs: of the keys kept by the selection order, every two and each with itself.

    Pairs of n codes are numbered as they come: (0, 0), (0, 1), ... (0, n-1), (1, 1), ...
    """
    *others, keys = relation.groups
    numbers = {pair: i for i, pair in enumerate(combinations_with_replacement(range(keys.size), 2))}
    held = _cells(replace(relation, groups=(keys,), pairs=None), (), one)
    codes = [evaluate(group.code, None, one) for group in others]
    known = [code for code in codes if code is not None]
    if len(known) < len(codes):
        return []
    before = mixed_radix(known, [group.size for group in others])
    return [before * len(numbers) + numbers[pair] for pair in combinations_with_replacement(sorted(held), 2)]


def cells(relation: Relation) -> int:
    """How many sums a relation has."""
    sizes = [group.size for group in relation.groups]
    if relation.pairs:
        sizes[-1] = len(list(combinations_with_replacement(range(sizes[-1]), 2)))
    return math.prod(sizes)


def vector(measurement: Measurement, contributions: Contributions, index: int = 0) -> list[int]:
    """The exact numbers that get noise; `index` says which of the relation's measurements this one is."""
    sums = [0] * cells(measurement.relation)
    for (_, cell), added in contributions.items():
        sums[cell] += added[index]
    return applied(measurement.strategy, sums)
