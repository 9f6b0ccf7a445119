"""Random features as a contract writes them, each with what it means for a customer: no expression node is used.

The meaning is in whole steps, codes and days, as the oracle's rows are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

from dpinsights.model.contract import (
    Boolean,
    Category,
    Date,
    DecimalColumn,
    Feature,
    Integer,
    Timestamp,
)
from dpinsights.model.numbers import plain
from tests.oracle.oracle import DAY, EPOCH, Customer, Row, order
from tests.oracle.schemas import Schema

Days = tuple[date, date]
Meaning = Callable[[Customer], int | None]
Rows = Callable[[Customer], list[Row]]
Test = tuple[str, Callable[[Row], bool | None]]
"""A condition about a row: its text, and whether it holds."""

SPANS: tuple[Days, ...] = (
    (date(2017, 10, 1), date(2018, 1, 1)),
    (date(2017, 10, 15), date(2018, 1, 2)),
    (date(2017, 11, 1), date(2017, 12, 1)),
    (date(2016, 2, 29), date(2018, 2, 28)),
)
EARLIER: dict[Days, Days] = {
    SPANS[0]: (date(2017, 7, 1), SPANS[0][0]),
    SPANS[1]: (date(2017, 7, 28), SPANS[1][0]),
    SPANS[2]: (date(2017, 10, 1), SPANS[2][0]),
    SPANS[3]: (date(2014, 3, 1), SPANS[3][0]),
}
"""The period just before: in months between firsts of months, else in days (79 and 730 of them)."""


@dataclass(frozen=True)
class Written:
    """A feature and what it means; `by_row` instead, if it is about the rows of a table."""

    name: str
    feature: Feature
    means: Meaning | None
    table: str | None = None
    by_row: Callable[[Row], int | None] | None = None
    keys: tuple[str, ...] | None = None


def random_features(schema: Schema, seed: int) -> tuple[Days, list[Written]]:
    """A report's period, and a feature of each kind that some table allows."""
    rng = Random(f"features {seed}")
    maker = Maker(schema, rng, rng.choice(SPANS))
    return maker.span, maker.all()


class Maker:
    """Features over one schema and one period."""

    def __init__(self, schema: Schema, rng: Random, span: Days) -> None:
        self.rng, self.span, self.tables = rng, span, schema.contract.tables
        self.parties = list(schema.contract.parties)
        self.made: list[Written] = []

    def all(self) -> list[Written]:
        """One of each kind for each many-row table."""
        for party in self.parties:
            self.add({"member": party}, lambda c, party=party: int(c.id in c.data.members[party]))  # type: ignore[misc]
        for table in (name for name, declared in self.tables.items() if declared.rows == "many"):
            for make in (
                self.distinct,
                self.every,
                self.mean,
                self.share,
                self.favourite,
                self.ends,
                self.ratio,
            ):
                make(table)
            self.periods(table)
        return self.made

    def add(self, fields: dict[str, Any], means: Meaning, keys: Sequence[str] | None = None) -> str:
        """A feature under a name of its own."""
        name = f"f{len(self.made)}"
        feature = Feature.model_validate(fields, by_alias=True, by_name=False)
        self.made.append(Written(name, feature, means, keys=None if keys is None else tuple(keys)))
        return name

    # Rows -------------------------------------------------------------------------------------------

    def columns(self, table: str, *kinds: type) -> list[str]:
        """A table's columns of some kinds, shuffled."""
        found = [name for name, column in self.tables[table].columns.items() if isinstance(column, kinds)]
        self.rng.shuffle(found)
        return found

    def test(self, table: str) -> Test:
        """A condition about rows of a table."""
        name = self.rng.choice(list(self.tables[table].columns))
        column, full = self.tables[table].columns[name], f"{table}.{name}"
        if isinstance(column, Boolean):
            return full, lambda row: None if row[name] is None else bool(row[name])
        if isinstance(column, Category):
            code = self.rng.randrange(len(column.keys))
            key = list(column.keys)[code].replace("'", "''")
            return f"{full} <> '{key}'", lambda row: None if (v := row[name]) is None else v != code
        if isinstance(column, Date | Timestamp):
            day = self.span[0] + timedelta(days=self.rng.randint(-50, 90))
            edge = (day - EPOCH).days * (DAY if isinstance(column, Timestamp) else 1)
            text = f"{full} >= date '{day.isoformat()}'"
            return text, lambda row: None if (v := row[name]) is None else v >= edge
        step = step_of(column)
        low, high = (round(bound / step) for bound in column.bounds)
        edge = self.rng.randint(low, min(high, low + 50))
        text = f"{full} > {plain(edge * step)}" if edge >= 0 else f"{full} > -{plain(-edge * step)}"
        return text, lambda row: None if (v := row[name]) is None else v > edge

    def rows(self, table: str) -> tuple[dict[str, Any], Rows]:
        """`where` and `during` with the rows that they leave."""
        fields: dict[str, Any] = {}
        span: Days | None = self.span
        time = self.tables[table].time
        if time is not None:
            word = self.rng.choice([None, None, "previous", "always", "span"])
            if word == "span":
                start = self.span[0] - timedelta(days=self.rng.randint(0, 60))
                span = (start, start + timedelta(days=self.rng.randint(1, 90)))
                fields["during"] = {"from": span[0].isoformat(), "until": span[1].isoformat()}
            elif word is not None:
                fields["during"] = word
                span = EARLIER[self.span] if word == "previous" else None
        text, holds = self.test(table)
        if self.rng.random() < 0.5:
            fields["where"] = text
        else:
            holds = lambda row: True  # noqa: E731

        def left(customer: Customer) -> list[Row]:
            found = []
            for row in customer.many[table]:
                if time is not None and span is not None:
                    day = customer.data.tables[table].day(row)
                    if day is None or not span[0] <= EPOCH + timedelta(days=day) < span[1]:
                        continue
                if holds(row):
                    found.append(row)
            return found

        return fields, left

    # Kinds ------------------------------------------------------------------------------------------

    def distinct(self, table: str) -> None:
        """How many keys."""
        column = next(iter(self.columns(table, Category)), "")
        if not column:
            return
        fields, rows = self.rows(table)
        self.add(
            {"distinct": f"{table}.{column}", **fields},
            lambda c: len({row[column] for row in rows(c)} - {None}),
        )

    def every(self, table: str) -> None:
        """All and any."""
        text, holds = self.test(table)
        fields, rows = self.rows(table)
        self.add({"all": text, **fields}, lambda c: int(all(holds(row) is True for row in rows(c))))
        fields, some = self.rows(table)
        if "where" not in fields:
            self.add({"any": text, **fields}, lambda c: int(any(holds(row) is True for row in some(c))))

    def mean(self, table: str) -> None:
        """The mean of a number, in its own step or another."""
        column = next(iter(self.columns(table, Integer, DecimalColumn)), "")
        if not column:
            return
        own = step_of(self.tables[table].columns[column])
        step = own * self.rng.choice([Decimal(1), Decimal("0.1"), Decimal("2.5"), Decimal(10)])
        fields, rows = self.rows(table)
        low, high = self.bounds(table, column, own, step)
        if step != own:
            fields["step"] = plain(step)
        fields["bounds"] = [plain(low * step), plain(high * step)]

        def means(customer: Customer) -> int | None:
            known = [value for row in rows(customer) if (value := row[column]) is not None]
            exact = Fraction(sum(known)) * Fraction(own) / Fraction(step) / len(known) if known else None
            return None if exact is None else min(max(round(exact), low), high)

        self.add({"mean": f"{table}.{column}", **fields}, means)

    def bounds(self, table: str, column: str, own: Decimal, step: Decimal) -> tuple[int, int]:
        """Bounds in steps, some of which clip."""
        lowest, highest = (
            round(bound / step)
            for bound in self.tables[table].columns[column].bounds  # type: ignore[union-attr]
        )
        low = lowest + self.rng.choice([0, 0, -3, 1])
        return low, max(low + 1, self.rng.choice([highest, highest, lowest + 10]))

    def share(self, table: str) -> None:
        """The share of rows, in thousandths or other steps."""
        text, holds = self.test(table)
        fields, rows = self.rows(table)
        step = self.rng.choice([None, None, "0.05", "0.25", "1"])
        if step is not None:
            fields["step"] = step

        def means(customer: Customer) -> int | None:
            known = [truth for row in rows(customer) if (truth := holds(row)) is not None]
            return round(Fraction(sum(known), len(known)) / Fraction(step or "0.001")) if known else None

        self.add({"share": text, **fields}, means)

    def favourite(self, table: str) -> None:
        """The key of most rows, or of the largest sum."""
        column = next(iter(self.columns(table, Category)), "")
        if not column:
            return
        fields, rows = self.rows(table)
        weight = next(iter(self.columns(table, Integer, DecimalColumn)), None)
        if weight is not None and self.rng.random() < 0.5:
            fields["weighted_by"] = f"{table}.{weight}"
        else:
            weight = None

        def means(customer: Customer) -> int | None:
            best: tuple[int, int] | None = None
            for code in range(len(self.tables[table].columns[column].keys)):  # type: ignore[union-attr]
                here = [row for row in rows(customer) if row[column] == code]
                weights = [1 if weight is None else row[weight] for row in here]
                known = [w for w in weights if w is not None]
                if known and (best is None or sum(known) > best[0]):
                    best = sum(known), code
            return None if best is None else best[1]

        keys = list(self.tables[table].columns[column].keys)  # type: ignore[union-attr]
        self.add({"favourite": f"{table}.{column}", **fields}, means, keys)

    def ends(self, table: str) -> None:
        """The value in the first and in the last row that has a time and a value."""
        time = self.tables[table].time
        if time is None:
            return
        for kind, sign in (("first", 1), ("last", -1)):
            column = self.rng.choice(list(self.tables[table].columns))
            fields, rows = self.rows(table)

            def means(
                customer: Customer, column: str = column, sign: int = sign, rows: Rows = rows
            ) -> int | None:
                known = [
                    (sign * when, order(row), row[column])
                    for row in rows(customer)
                    if row[column] is not None and (when := row[time]) is not None
                ]
                return min(known, default=(0, (), None))[2]

            self.add({kind: f"{table}.{column}", **fields}, means)

    def ratio(self, table: str) -> None:
        """A sum over a count."""
        column = next(iter(self.columns(table, Integer, DecimalColumn)), "")
        if not column:
            return
        own = step_of(self.tables[table].columns[column])
        fields, rows = self.rows(table)
        others, counted = self.rows(table)
        low, high = self.rng.choice([(0, 900), (-70, 1000)])

        def above(customer: Customer) -> int:
            total = sum(value for row in rows(customer) if (value := row[column]) is not None)
            return min(max(total, low), high)

        def below(customer: Customer) -> int:
            return min(len(counted(customer)), 40)

        one = self.add(
            {
                "sum": f"{table}.{column}",
                "bounds": [plain(low * own), plain(high * own)],
                **fields,
            },
            above,
        )
        other = self.add({"count": table, "bounds": [0, 40], **others}, below)
        step = own * self.rng.choice([Decimal("0.1"), Decimal(1), Decimal("2.5")])
        top = self.rng.choice([30, 5000])

        def means(customer: Customer) -> int | None:
            if not below(customer):
                return None
            exact = Fraction(above(customer)) * Fraction(own) / below(customer) / Fraction(step)
            return min(max(round(exact), -9), top)

        bounds = [plain(-9 * step), plain(top * step)]
        self.add({"ratio": [one, other], "step": plain(step), "bounds": bounds}, means)

    def periods(self, table: str) -> None:
        """Rows by the calendar periods of the report; a customer by that of its last row."""
        column = next(iter(self.columns(table, Date, Timestamp)), "")
        if not column:
            return
        unit = DAY if isinstance(self.tables[table].columns[column], Timestamp) else 1
        every = self.rng.choice(["week", "month", "quarter", "year"])
        days = [self.span[0] + timedelta(days=n) for n in range((self.span[1] - self.span[0]).days)]
        keys = list(dict.fromkeys(calendar_key(every, day) for day in days))

        def code(value: int | None) -> int | None:
            day = None if value is None else EPOCH + timedelta(days=value // unit)
            inside = day is not None and self.span[0] <= day < self.span[1]
            return keys.index(calendar_key(every, day)) if inside and day is not None else None

        fields = {"periods": f"{table}.{column}", "every": every}
        self.made.append(
            Written(
                f"f{len(self.made)}",
                Feature.model_validate(fields),
                None,
                table,
                lambda row: code(row[column]),
                tuple(keys),
            )
        )
        narrowed, rows = self.rows(table)
        latest = self.add(
            {"max": f"{table}.{column}", **narrowed},
            lambda c: max((v for row in rows(c) if (v := row[column]) is not None), default=None),
        )
        known = self.made[-1].means
        assert known is not None
        self.add({"periods": latest, "every": every}, lambda c: code(known(c)), keys)


def step_of(column: Any) -> Decimal:
    """What one step of a number is worth."""
    return column.step if isinstance(column, DecimalColumn) else Decimal(1)


def calendar_key(every: str, day: date) -> str:
    """The calendar period that holds a day."""
    monday = day - timedelta(days=day.weekday())
    return {
        "week": monday.isoformat(),
        "month": day.strftime("%Y-%m"),
        "quarter": f"{day.year}-Q{1 + (day.month - 1) // 3}",
        "year": str(day.year),
    }[every]
