"""Spans of days made from the report's period: the one before it, and the calendar periods that it meets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from dpinsights.definitions.places import Fault, within
from dpinsights.definitions.ranges import DAY, EPOCH, day_number
from dpinsights.definitions.rows import Days as Days
from dpinsights.definitions.typed import Typed, known
from dpinsights.model.contract import PERIOD_NAMES, Feature
from dpinsights.model.expressions import Constant, Cut, Recode
from dpinsights.model.values import Key, ValueType

MOST_PERIODS = 400
"""Calendar periods that a feature's keys may name."""


class PeriodFault(Fault):
    """What is wrong with a feature over one report's period only, so that the contract alone does not show it."""

    def of(self, name: str) -> PeriodFault:
        """The same fault, as whoever names the feature meets it."""
        begins = self.message if self.message.startswith("feature ") else f"feature {name}: {self.message}"
        return PeriodFault(self.code, begins, self.hint)


@dataclass(frozen=True)
class Between:
    """From a day until the day after the last: half-open."""

    start: date
    until: date


def previous(period: Days) -> Between:
    """The period of the same length just before: in whole months if both ends are firsts of months, else in days.

    Raises:
        Fault: `out-of-range` if that begins before the year 1.

    >>> previous(Between(date(2017, 10, 1), date(2018, 1, 1))).start
    datetime.date(2017, 7, 1)
    >>> previous(Between(date(2017, 10, 2), date(2017, 10, 9))).start
    datetime.date(2017, 9, 25)
    """
    start, until = period.start, period.until
    try:
        if start.day == until.day == 1:
            return Between(_of_months(2 * _months(start) - _months(until)), start)
        return Between(start - (until - start), start)
    except (OverflowError, ValueError):
        raise PeriodFault("out-of-range", "the period before the report's begins before the year 1") from None


def during(feature: Feature, period: Days) -> Days | None:
    """The time that a feature's rows must lie in; None if all time counts."""
    match feature.during:
        case None:
            return period
        case "previous":
            return previous(period)
        case "always":
            return None
    days = (EPOCH + timedelta(days=day_number(day)) for day in (feature.during.start, feature.during.until))
    return Between(*days)


def end_of_period(name: str, period: Days) -> Typed | None:
    """The date that a name of the period stands for, or None if it is no such name."""
    if name not in PERIOD_NAMES:
        return None
    day = ((period.start if name == PERIOD_NAMES[0] else period.until) - EPOCH).days
    return Typed(Constant(day), ValueType("date", day, day, nullable=False))


def periods(feature: Feature, value: Typed, period: Days) -> Typed:
    """A date or moment as the calendar period that holds it; null outside the report's period.

    The keys are all the calendar periods that meet the report's period, in order; the first and the last one hold
    only what lies in the report's period.

    Raises:
        Fault: `wrong-type`, or `too-many-periods`.
    """
    kind = known(value)
    assert feature.every is not None  # the contract's own rule
    if kind.kind not in ("date", "timestamp"):
        with within("periods"):
            raise Fault("wrong-type", f"periods are of a date or a timestamp, and this is {value.kind}")
    starts: list[date] = []
    for start in calendar(feature.every, period):
        starts.append(start)
        if len(starts) > MOST_PERIODS:
            with within("every"):
                raise PeriodFault(
                    "too-many-periods",
                    f"the report's period meets more than {MOST_PERIODS} of these",
                    "a longer one",
                )
    unit = DAY if kind.kind == "timestamp" else 1
    edges = (period.start, *starts[1:], period.until)
    cuts = tuple((edge - EPOCH).days * unit for edge in edges)
    codes = (-1, *range(len(starts)), -1)
    keys = tuple(Key(key_of(feature.every, start)) for start in starts)
    return Typed(
        Recode(Cut(value.node, cuts), codes), ValueType("category", 0, len(keys) - 1, True, keys=keys)
    )


def calendar(every: str, period: Days) -> Iterator[date]:
    """The first days of the calendar periods that meet a period, in order.

    >>> [str(day) for day in calendar("quarter", Between(date(2017, 11, 5), date(2018, 1, 2)))]
    ['2017-10-01', '2018-01-01']
    """
    months = {"month": 1, "quarter": 3, "year": 12}.get(every)
    if months is not None:
        for number in range(_months(period.start) // months, (_months(_last(period)) // months) + 1):
            yield _of_months(number * months)
        return
    back = period.start.weekday() if every == "week" else 0
    for day in range(period.start.toordinal() - back, period.until.toordinal(), 7 if every == "week" else 1):
        yield date.fromordinal(max(day, 1))


def key_of(every: str, start: date) -> str:
    """What a calendar period is called.

    >>> [key_of(every, date(2017, 10, 2)) for every in ("day", "week", "month", "quarter", "year")]
    ['2017-10-02', '2017-10-02', '2017-10', '2017-Q4', '2017']
    """
    match every:
        case "year":
            return f"{start.year:04}"
        case "quarter":
            return f"{start.year:04}-Q{(start.month + 2) // 3}"
        case "month":
            return f"{start.year:04}-{start.month:02}"
    return start.isoformat()


def _last(period: Days) -> date:
    return period.until - timedelta(days=1)


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _of_months(number: int) -> date:
    return date(number // 12, number % 12 + 1, 1)
