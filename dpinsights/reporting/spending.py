"""What a statement says of what was spent: epsilons and rhos, accounts and their caps, periods, and changes of caps."""

from __future__ import annotations

from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from markupsafe import Markup

from dpinsights.model.numbers import RHO_UNITS, plain
from dpinsights.model.release import CapChange, PeriodSpending, Release, Spending
from dpinsights.reporting.figures import significant
from dpinsights.reporting.words import Words


def epsilon_text(spending: Spending, words: Words) -> str:
    """An epsilon to three digits, rounded up: a loss is never understated."""
    return significant(spending.epsilon, 3, words, ROUND_CEILING)


def rho_text(rho_units: int, words: Words) -> str:
    """A rho to three digits, rounded up, from ledger units."""
    return significant(Decimal(rho_units) / RHO_UNITS, 3, words, ROUND_CEILING)


def _days(period: PeriodSpending, words: Words) -> dict[str, str]:
    """A period's first and last day."""
    return {"start": words.day(period.start), "end": words.day(period.until - timedelta(days=1))}


def period_in_line(period: PeriodSpending | None, words: Words) -> Markup:
    """What was charged in the period, for the statement's one line; nothing without a period."""
    if period is None:
        return Markup()
    spent, cap = epsilon_text(period.spent, words), epsilon_text(period.cap, words)
    return words.say("one_line_period", spent=spent, cap=cap, **_days(period, words))


def period_notes(period: PeriodSpending | None, words: Words) -> list[Markup]:
    """That the period's cap is counted anew and no other is, and what of it is kept for others."""
    if period is None:
        return []
    notes = [words.say("period_note", next=words.day(period.until))]
    if period.reserved.rho_units:
        notes.append(words.say("period_reserved", reserved=epsilon_text(period.reserved, words)))
    return notes


def change_line(change: CapChange, words: Words) -> Markup:
    """A cap that was changed, and by how many it was signed."""
    account: object = words.say("budget_lifetime") if change.account == "lifetime" else change.account
    if change.period:
        account = words.say(f"amendment_each_{change.period}", account=account)
    before, after = (
        words.say("amendment_none") if cap is None else words.say("amendment_cap", cap=words.number(cap))
        for cap in (change.before, change.after)
    )
    line = words.say("amendment_line", day=words.day(change.day), account=account, before=before, after=after)
    return words.say("amendment_signed", line=line, n=change.signed_by) if change.signed_by else line


def spending_lines(release: Release, audience: str, words: Words) -> list[dict[str, Any]]:
    """One line for each account: epsilon, rho, cap, and how much of the cap is used."""
    said = release.statement
    lines: list[tuple[Markup, Spending, Spending | None]] = [
        (words.say("spending_report"), said.report, None),
        (words.say("spending_report_two"), said.report_two, None),
        (words.say("spending_fresh"), said.fresh, None),
        (
            words.say("spending_account", audience=audience, account=release.account),
            said.account,
            said.account_cap,
        ),
        *(
            (
                (
                    words.say("spending_period", account=release.account, **_days(said.period, words)),
                    said.period.spent,
                    said.period.cap,
                ),
            )
            if said.period
            else ()
        ),
        (words.say("spending_lifetime"), said.lifetime, said.lifetime_cap),
    ]
    return [
        {
            "what": what,
            "epsilon": epsilon_text(spent, words),
            "epsilon_exact": plain(spent.epsilon),
            "rho": rho_text(spent.rho_units, words),
            "rho_exact": plain(Decimal(spent.rho_units) / RHO_UNITS),
            "cap": epsilon_text(cap, words) if cap else "",
            "used": used_text(spent.rho_units, cap.rho_units, words) if cap else "",
            "bar": bar_share(spent.rho_units, cap.rho_units) if cap else "",
        }
        for what, spent, cap in lines
    ]


def used_text(units: int, cap: int, words: Words, *, left: bool = False) -> str:
    """How much of a cap is used, rounded up, or left, rounded down; in per cent.

    >>> used_text(1, 3, Words("en"))
    '33.4%'
    """
    if not cap:
        return "–"
    share = Decimal(units * 1000 // cap if left else -(-units * 1000 // cap)) / 10
    return words.text("per_cent", number=words.number(share))


def bar_share(units: int, cap: int) -> str:
    """The same as the width of a bar.

    >>> bar_share(1, 3), bar_share(5, 3)
    ('33.3%', '100.0%')
    """
    return f"{min(units * 1000 // cap, 1000) / 10:.1f}%" if cap else "0.0%"
