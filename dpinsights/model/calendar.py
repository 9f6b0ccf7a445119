"""A calendar of promised reports, for forecasts of the budget: nothing runs by it."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from dpinsights.model.document import Document, fault
from dpinsights.model.names import Slug

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")

STEPS = {"month": 1, "quarter": 3, "year": 12}
"""How many months lie between two runs."""


def _month(value: Any) -> Any:
    if type(value) is date and value.day == 1:
        return value
    found = _MONTH.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 1 <= int(found[2]) <= 12 or not 1 <= int(found[1]) <= 9000:
        raise fault("not-a-month", "expected a month such as 2018-01")
    return date(int(found[1]), int(found[2]), 1)


Month = Annotated[
    date, BeforeValidator(_month), WithJsonSchema({"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}$"})
]
"""A calendar month, held as its first day."""


def later(month: date, by: int) -> date:
    """The first day of the month so many months later.

    >>> later(date(2017, 11, 1), 3)
    datetime.date(2018, 2, 1)
    """
    years, months = divmod(month.month - 1 + by, 12)
    return date(month.year + years, months + 1, 1)


def months_between(month: date, other: date) -> int:
    """How many months the other lies later.

    >>> months_between(date(2017, 11, 1), date(2018, 2, 1))
    3
    """
    return (other.year - month.year) * 12 + other.month - month.month


class Promised(Document):
    """A report that was promised, and when it runs."""

    report: str = Field(
        min_length=1, max_length=400, description="the report's YAML, relative to the calendar's file"
    )
    every: Literal["once", "month", "quarter", "year"] = Field(description="how often it runs")
    first: Month = Field(description="the month of its first run")

    def due(self, month: date) -> bool:
        """Whether it runs in a month, given by its first day.

        >>> one = Promised(report="x.yaml", every="quarter", first="2018-02")
        >>> [month for month in range(1, 13) if one.due(date(2018, month, 1))]
        [2, 5, 8, 11]
        """
        passed = months_between(self.first, month)
        return passed == 0 if self.every == "once" else passed >= 0 and passed % STEPS[self.every] == 0


class Calendar(Document):
    """The reports that a partnership has promised for some months."""

    calendar: Slug = Field(description="the partnership's name, as in its contract")
    start: Month = Field(alias="from", description="the first month")
    months: int = Field(strict=True, ge=1, le=120, description="how many months")
    reports: tuple[Promised, ...] = Field(
        min_length=1, max_length=200, description="what was promised; within a month they run in this order"
    )

    @property
    def every_month(self) -> tuple[date, ...]:
        """The months, by their first days."""
        return tuple(later(self.start, by) for by in range(self.months))
