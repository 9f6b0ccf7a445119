"""What a run's statement says, from the chain alone: whoever holds the entries finds the same as the ledger that wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from dpinsights.governance import books
from dpinsights.governance.accountant import LIFETIME, NOTHING
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Amendment, Head, PeriodChange, Spent
from dpinsights.model.release import CapChange


def spent_by(entries: Iterable[Entry], run: str) -> Spent | None:
    """What a run spent, and what its accounts held, as of the entry by which it was measured; None if there is none.

    Args:
        entries: a sound chain from its first entry; what follows the run's measuring is not looked at.
        run: the run's id.
    """
    prefix = measured(entries, run)
    if prefix is None:
        return None
    last, sums = prefix[-1], books.replay(prefix)
    book = sums.runs[run]
    seen = sum((sums.vectors[vector].loss for vector in book.uses), NOTHING)
    fresh = sum((item.lifetime for item in book.items), NOTHING)
    return Spent(
        position=Head(last.seq, last.hash),
        day=date.fromisoformat(last.data["day"]),
        seen_rho=seen.rho,
        fresh_rho=fresh.rho,
        seen_delta=seen.delta,
        fresh_delta=fresh.delta,
        account=sums.balances[book.account],
        lifetime=sums.balances[LIFETIME],
        amendments=sums.amendments,
        period=sums.period_spent(book.account, book.day, book.report),
        period_changes=sums.period_changes,
    )


def changes(of: Iterable[Amendment | PeriodChange]) -> tuple[CapChange, ...]:
    """The changes of caps as a release states them, oldest first; the ledger keeps one signed envelope for each person."""
    return tuple(said for one in sorted(of, key=lambda one: one.seq) for said in _said(one))


def _said(one: Amendment | PeriodChange) -> Iterator[CapChange]:
    day, persons = date.fromisoformat(one.day), len(one.envelopes)
    if isinstance(one, Amendment):
        yield CapChange(day, one.account, Decimal(one.before.epsilon), Decimal(one.after.epsilon), persons)
        return
    before, after = one.before, one.after
    # Another length of period is another cap: the one ends, and the other begins.
    for every in dict.fromkeys(period.every for period in (before, after) if period is not None):
        old, new = (
            Decimal(period.cap.epsilon) if period is not None and period.every == every else None
            for period in (before, after)
        )
        yield CapChange(day, one.account, old, new, persons, every)


def measured(entries: Iterable[Entry], run: str) -> tuple[Entry, ...] | None:
    """The chain up to and including the entry by which a run was measured."""
    prefix = []
    for entry in entries:
        prefix.append(entry)
        if entry.type == "measured" and entry.data["run"] == run:
            return tuple(prefix)
    return None
