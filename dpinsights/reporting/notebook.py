"""What a notebook shows: fragments of HTML with a style of their own, and the same as plain text.

Plans and balances are in ledger units of rho. `epsilon_of` turns units into epsilon at the policy's delta; it
is handed in, since only the mechanisms room may convert.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from dpinsights.model.measurement import Draw
from dpinsights.model.noisy import Balance
from dpinsights.model.plan import Forecast, Plan, PlannedQuery
from dpinsights.model.release import PeriodSpending, Release
from dpinsights.reporting.figures import power_text, rounded, significant, unit_name
from dpinsights.reporting.fragments import check_fragment
from dpinsights.reporting.spending import bar_share, used_text
from dpinsights.reporting.templating import PACKAGED, run
from dpinsights.reporting.view import view_of
from dpinsights.reporting.words import HTML_LANGUAGE, Words

EpsilonOf = Callable[[int], Decimal]
Periods = Mapping[str, PeriodSpending]
"""The current period of each account that has one."""

_MOST_SCALES = 3
_TINY = Decimal("0.0001")
_COUNTED = {
    "count": "", "histogram": "customers", "pairs": "customers", "top": "", "funnel": "customers",
    "retention": "customers",
}  # fmt: skip
_ABOUT_ONE = frozenset({"sum", "mean", "var", "std", "concentration"})


def release_view(release: Release, language: str) -> str:
    """A release's tables with intervals, a chart for each, and its marks."""
    words = Words(language)
    view = view_of(release, words)
    view["one_line"] = view["statement"]["one_line"]
    return _shell("_notebook_release", view, words, view["marks"])


NOTHING: frozenset[str] = frozenset()
NO_PERIODS: Periods = MappingProxyType({})


def plan_view(
    plan: Plan, epsilon_of: EpsilonOf, *, free: frozenset[str] = NOTHING, language: str = "en"
) -> str:
    """A plan: each query's cost, noise and expected margins, and what is left of the report's budget.

    `free` has the keys of measurements that were made already and cost nothing more.
    """
    words = Words(language)
    view = {
        "title": words.say("plan", report=plan.report),
        "caption": words.say("plan_caption", delta=power_text(plan.conversion_delta)),
        "rows": _plan_rows(plan, epsilon_of, words, free),
        "totals": _totals(plan, epsilon_of, words, free),
        "words": words.fixed(),
    }
    return _shell("_notebook_plan", view, words, [])


def plan_text(
    plan: Plan, epsilon_of: EpsilonOf, *, free: frozenset[str] = NOTHING, language: str = "en"
) -> str:
    """The same for a terminal, a line for each query."""
    words = Words(language)
    lines = [words.text("plan", report=plan.report)]
    for row in [*_plan_rows(plan, epsilon_of, words, free), *_totals(plan, epsilon_of, words, free)]:
        margins = row.get("margins", [])
        scale = f"σ {row['scale']}" if row.get("scale") else ""
        parts = [f"ε {row['cost']}", row["share"], scale, "; ".join(margins), row.get("shared", "")]
        lines.append(f"  {row['name']}: " + ", ".join(part for part in parts if part))
    lines.append(words.text("plan_additive"))
    lines.append(words.text("plan_reads_nothing"))
    return "\n".join(lines) + "\n"


def budget_view(
    balances: Sequence[Balance],
    last_cost_units: int | None,
    epsilon_of: EpsilonOf,
    *,
    periods: Periods = NO_PERIODS,
    language: str = "en",
) -> str:
    """A card: what each account has spent and has left, in its period too, and about how many more like the last."""
    words = Words(language)
    accounts = list(_accounts(balances, last_cost_units, epsilon_of, periods, words))
    return _shell("_notebook_budget", {"accounts": accounts, "words": words.fixed()}, words, [])


def budget_text(
    balances: Sequence[Balance],
    last_cost_units: int | None,
    epsilon_of: EpsilonOf,
    *,
    periods: Periods = NO_PERIODS,
    language: str = "en",
) -> str:
    """The same, one line for each account, and one for its period."""
    words = Words(language)
    rows = _accounts(balances, last_cost_units, epsilon_of, periods, words)
    return "".join(f"{row['line']}\n" + (f"  {row['period']}\n" if row["period"] else "") for row in rows)


def _shell(template: str, view: dict[str, Any], words: Words, marks: list[dict[str, Any]]) -> str:
    content = run(template, None, view)
    check_fragment(content, f"{template}.html")
    style = (PACKAGED / "_notebook_style.css").read_text(encoding="utf-8")
    shell = {
        "lang": HTML_LANGUAGE[words.language],
        "style": Markup(style),
        "marks": marks,
        "content": Markup(content),
    }
    return run("_notebook_shell", None, shell)


# Plans


def _plan_rows(plan: Plan, epsilon_of: EpsilonOf, words: Words, free: frozenset[str]) -> list[dict[str, Any]]:
    users: dict[str, list[str]] = {}
    for query in plan.queries:
        for draw in _draws(plan, query):
            users.setdefault(draw.key, []).append(query.name)
    return [_plan_row(plan, query, users, epsilon_of, words, free) for query in plan.queries]


def _draws(plan: Plan, query: PlannedQuery) -> list[Draw]:
    return [plan.draw(key) for key in dict.fromkeys(query.keys)]


def _plan_row(
    plan: Plan,
    query: PlannedQuery,
    users: dict[str, list[str]],
    epsilon_of: EpsilonOf,
    words: Words,
    free: frozenset[str],
) -> dict[str, Any]:
    draws = _draws(plan, query)
    units = sum(draw.rho_units for draw in draws)
    others = list(dict.fromkeys(name for draw in draws for name in users[draw.key] if name != query.name))
    return {
        "name": words.name(query.asked.title, query.name) if query.asked.title else query.name,
        "cost": _loss(epsilon_of(units), words),
        "share": used_text(units, plan.budget_units, words),
        "scale": _scales(draws, query, words),
        "margins": _margins(query, words),
        "shared": _remark(words, others, paid=all(draw.key in free for draw in draws)),
    }


def _remark(words: Words, others: list[str], *, paid: bool) -> str:
    """Why a query costs less than it says."""
    if paid:
        return words.text("plan_free")
    return words.text("plan_shared", queries=words.text("c_list").join(others)) if others else ""


def _margins(query: PlannedQuery, words: Words) -> list[str]:
    if query.rank is not None:
        return [words.text("plan_rank", n=words.number(Decimal(query.rank)))]
    return [_margin(forecast, query, words) for forecast in query.forecasts] or [
        words.text("plan_no_forecast")
    ]


def _scales(draws: Sequence[Draw], query: PlannedQuery, words: Words) -> str:
    """The scale of each draw; of the many sums of a regression or correlation, the first, which counts customers."""
    if len(draws) <= _MOST_SCALES:
        return words.text("c_list").join(_scale(draw, query, words) for draw in draws)
    first = _scale(draws[0], query, words)
    return words.text("plan_more_draws", first=first, n=len(draws) - 1)


def _scale(draw: Draw, query: PlannedQuery, words: Words) -> str:
    """In the unit of what is summed, where a query is about one number; of a series, in whole customers."""
    strategy = draw.measurement.strategy
    scale = Decimal(repr(draw.scale)) / (strategy.linf if strategy else 1)
    amount = significant(scale * draw.measurement.step, 3, words, ROUND_CEILING)
    unit = query.values[0].unit if query.values and query.measure in _ABOUT_ONE else None
    if draw.measurement.value is None or not unit:
        return amount
    return _with_unit(amount, f"{unit}²" if draw.measurement.power == 2 else unit, words)


def _margin(forecast: Forecast, query: PlannedQuery, words: Words) -> str:
    share = query.estimates.startswith("share")
    number = _short(forecast.margin * (100 if share else 1), words)
    what = _COUNTED.get(query.measure) or query.estimates.removeprefix("running-")
    counted = f"unit_{what}" if query.measure in _COUNTED else ""
    if share or counted:
        unit = words.text("points" if share else counted)
        margin = words.text("with_unit", number=number, unit=unit)
    else:
        margin = _with_unit(number, query.unit, words)
    if query.measure in ("regression", "concentration"):
        margin = words.text("plan_median", margin=margin)
    if forecast.customers is None:
        return words.text("plan_any_size", margin=margin)
    return words.text("plan_for_size", margin=margin, customers=words.number(Decimal(forecast.customers)))


def _short(margin: Decimal, words: Words) -> str:
    """Two digits, rounded up; of what is tiny, a power of ten."""
    if 0 < margin < _TINY:
        return power_text(rounded(margin, margin.adjusted() - 1, ROUND_CEILING))
    return significant(margin, 2, words, ROUND_CEILING)


def _with_unit(number: str, unit: str | None, words: Words) -> str:
    named = unit_name(unit, words)
    return words.text("with_unit", number=number, unit=named) if named else number


def _totals(plan: Plan, epsilon_of: EpsilonOf, words: Words, free: frozenset[str]) -> list[dict[str, Any]]:
    left = plan.budget_units - plan.rho_units
    charged = sum(draw.rho_units for draw in plan.draws if draw.key not in free)
    lines = (
        ("plan_total", plan.rho_units, _loss(epsilon_of(plan.rho_units), words)),
        *((("plan_charged", charged, _loss(epsilon_of(charged), words)),) if free else ()),
        ("plan_left", left, _left(epsilon_of(max(left, 0)), words)),
        ("plan_budget", plan.budget_units, _loss(epsilon_of(plan.budget_units), words)),
    )
    return [
        {
            "name": words.text(key),
            "cost": cost,
            "share": used_text(max(units, 0), plan.budget_units, words, left=key == "plan_left"),
        }
        for key, units, cost in lines
    ]


def _loss(epsilon: Decimal, words: Words) -> str:
    """What is spent is rounded up, what is left down."""
    return significant(epsilon, 3, words, ROUND_CEILING)


def _left(epsilon: Decimal, words: Words) -> str:
    return significant(epsilon, 3, words, ROUND_FLOOR)


# Budgets


def _accounts(
    balances: Sequence[Balance], last: int | None, epsilon_of: EpsilonOf, periods: Periods, words: Words
) -> Iterator[dict[str, Any]]:
    for balance in balances:
        name = words.text("budget_lifetime") if balance.account == "lifetime" else balance.account
        used = used_text(balance.spent_rho, balance.cap_rho, words)
        spent, cap = _loss(epsilon_of(balance.spent_rho), words), _loss(epsilon_of(balance.cap_rho), words)
        period = periods.get(balance.account)
        more = _more(balance, period, last, words)
        line = words.text("budget_line", account=name, spent=spent, cap=cap, used=used)
        yield {
            "name": name,
            "spent": spent,
            "left": _left(epsilon_of(max(balance.left_rho, 0)), words),
            "cap": cap,
            "bar": bar_share(balance.spent_rho, balance.cap_rho),
            "more": more,
            "line": words.text("budget_line_more", line=line, more=more) if more else line,
            "period": _period(period, words) if period else "",
        }


def _period(period: PeriodSpending, words: Words) -> str:
    """What is spent in a period, what is kept in it, and when it ends."""
    dates = {"start": words.day(period.start), "end": words.day(period.until - timedelta(days=1))}
    spent, cap = _loss(period.spent.epsilon, words), _loss(period.cap.epsilon, words)
    used = used_text(period.spent.rho_units, period.cap.rho_units, words)
    line = words.text("budget_period", spent=spent, cap=cap, used=used, next=words.day(period.until), **dates)
    if not period.reserved.rho_units:
        return line
    return words.text("budget_period_kept", line=line, kept=_loss(period.reserved.epsilon, words))


def _more(balance: Balance, period: PeriodSpending | None, last: int | None, words: Words) -> str:
    """How many more like the last, in this period; nothing where no last cost is known."""
    if not last:
        return ""
    left = balance.left_rho
    if period is not None:
        left = min(left, period.cap.rho_units - period.spent.rho_units - period.reserved.rho_units)
    count = max(left, 0) // last
    return words.text("budget_more", n=count) if count else words.text("budget_none")
