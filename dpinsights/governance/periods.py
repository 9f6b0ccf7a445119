"""Calendar periods of an account: how much of one is spent, kept for promised reports, and left. Arithmetic only.

A period's cap counts beside the cap for ever. What one period did not spend is not carried into the next, and a new
period is new room below the cap for ever, never more of that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import get_args

from dpinsights.errors import LedgerError
from dpinsights.governance.accountant import LIFETIME, units
from dpinsights.governance.ledger.interface import Every, Period, PeriodSpent
from dpinsights.model.names import SLUG

MONTHS: Mapping[Every, int] = {"month": 1, "quarter": 3, "year": 12}
"""How many months a period has; the first begins with the year."""


def calendar(every: Every, day: date) -> tuple[date, date]:
    """The period that a day is in: its first day, and the first of the next.

    >>> [f"{first} {until}" for first, until in [calendar("quarter", date(2017, 12, 31))]]
    ['2017-10-01 2018-01-01']
    """
    months = MONTHS[every]
    first = (day.month - 1) // months * months
    following = day.year * 12 + first + months
    return date(day.year, first + 1, 1), date(following // 12, following % 12 + 1, 1)


def reserved(period: Period, charged: Mapping[str, int], report: str) -> int:
    """What is still kept for reports other than `report`, given what each was charged so far.

    >>> from dpinsights.governance.ledger.interface import Cap
    >>> from dpinsights.model.names import FrozenMap
    >>> period = Period("month", Cap(100, "2"), FrozenMap({"monthly": Cap(40, "1"), "yearly": Cap(30, "1")}))
    >>> reserved(period, {"monthly": 25, "yearly": 35}, "adhoc"), reserved(period, {}, "monthly")
    (15, 30)
    """
    return sum(
        max(0, cap.rho_units - charged.get(name, 0)) for name, cap in period.reserve.items() if name != report
    )


def standing(account: str, period: Period, day: date, charged: Mapping[str, int], report: str) -> PeriodSpent:
    """How an account stands in the period of a day, for a report; `charged` is by report, in that period."""
    start, until = calendar(period.every, day)
    kept = reserved(period, charged, report)
    return PeriodSpent(account, start, until, sum(charged.values()), period.cap, kept)


def checked(account: str, period: Period | None) -> Period | None:
    """The same, if an account can have it.

    Raises:
        LedgerError: if it is the lifetime account's, or more is kept than may be spent, or a number can't be stored.
    """
    if period is None:
        return None
    if account == LIFETIME:
        raise LedgerError(f"{LIFETIME} is a cap for ever: give periods to the accounts below it")
    if period.every not in get_args(Every):
        raise LedgerError(f"a period is a {', '.join(get_args(Every))}, not {period.every!r}")
    cap = units(period.cap.rho_units, f"the period's cap of {account}")
    for report, kept in period.reserve.items():
        if not re.fullmatch(SLUG, report):
            raise LedgerError(f"a report is named in lower case letters, digits and hyphens, not {report!r}")
        units(kept.rho_units, f"what {account} keeps for {report}")
    if sum(kept.rho_units for kept in period.reserve.values()) > cap:
        raise LedgerError(
            f"{account} keeps more for promised reports in each {period.every} than it may spend in one: "
            "keep less, or raise the period's cap"
        )
    return period
