"""The privacy statement and the receipt of a release, as plain data for templates."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from markupsafe import Markup

from dpinsights.model.names import EXPLORATION
from dpinsights.model.numbers import DELTA_UNITS
from dpinsights.model.release import (
    Flag,
    NoiseFact,
    Release,
    ResultTable,
)
from dpinsights.reporting.figures import UNSAID, State, power_text, significant
from dpinsights.reporting.results import ResultView
from dpinsights.reporting.spending import (
    change_line,
    epsilon_text,
    period_in_line,
    period_notes,
    rho_text,
    spending_lines,
)
from dpinsights.reporting.words import Words


def party_name(release: Release, party: str, words: Words) -> str:
    """A party's name; an audience that is no party is exploration."""
    if party == EXPLORATION:
        return words.text("audience_exploration")
    return words.name(release.parties.get(party), party)


def statement_data(release: Release, views: Sequence[ResultView], words: Words) -> dict[str, Any]:
    """All of the statement."""
    said = release.statement
    first, second = [words.name(names, party) for party, names in release.parties.items()][:2]
    delta, discovery = power_text(said.conversion_delta), power_text(said.discovery_delta)
    audience = party_name(release, release.audience, words)
    return {
        "one_line": words.say(
            "one_line",
            first=first,
            second=second,
            start=words.day(release.start),
            end=words.day(release.until - timedelta(days=1)),
            audience=audience if release.account == release.audience else release.account,
            delta=delta,
            rho=rho_text(said.report.rho_units, words),
            period=period_in_line(said.period, words),
            **{
                name: epsilon_text(getattr(said, name), words)
                for name in ("report", "account", "account_cap", "lifetime", "lifetime_cap")
            },
        ),
        "facts": [
            {
                "term": words.say("unit_of_privacy"),
                "text": words.say("unit_customer", first=first, second=second)
                if said.privacy_unit == "customer"
                else said.privacy_unit,
            },
            {"term": words.say("adjacency"), "text": words.say("adjacency_add_remove")},
            {
                "term": words.say("measure"),
                "text": words.say(
                    "measure_zcdp",
                    delta=delta,
                    discovery=discovery,
                    total=power_text(said.conversion_delta + said.discovery_delta),
                ),
            },
            {
                "term": words.say("account_map"),
                "text": words.either(f"account_map_{said.snapshot_map}", said.snapshot_map),
            },
            *_discovery(release, audience, words),
        ],
        "spending_caption": words.say("spending_caption", delta=delta),
        "spending_epsilon": words.say("spending_epsilon", delta=delta),
        "spending": spending_lines(release, audience, words),
        "noise": [
            noise_row(view, fact, at == 0, words)
            for view in views
            if view.first is view.table
            for at, fact in enumerate(view.table.noise)
        ],
        "methods": _methods(views, words),
        "reading": [
            words.say("reading_1", confidence=views[0].confidence if views else ""),
            words.say("reading_2"),
            words.say(
                "reading_3", near_zero=words.text("near_zero_mark", null=0), too_wide=words.text("too_wide")
            ),
            *([words.say("reading_suppressed")] if _smallest(release) else []),
        ],
        "processing": _processing(release, words),
        "unprotected": [words.say(f"unprotected_{number}") for number in range(1, 8)],
        "amendments": [change_line(change, words) for change in said.amendments],
        "period": period_notes(said.period, words),
    }


def _discovery(release: Release, audience: str, words: Words) -> list[dict[str, Any]]:
    """The delta that the discovery of keys has cost, if there was any."""
    report, account = (
        power_text(Decimal(spent.delta_units) / DELTA_UNITS)
        for spent in (release.statement.report, release.statement.account)
    )
    if not release.statement.report.delta_units:
        return []
    text = words.say("discovery_text", report=report, account=account, audience=audience)
    return [{"term": words.say("discovery"), "text": text}]


def _smallest(release: Release) -> int:
    """The smallest group that is shown; 0 where all are."""
    return max((table.smallest_group or 0 for table in release.tables), default=0)


def _processing(release: Release, words: Words) -> list[Markup]:
    """What was done with the noisy numbers, and with these in particular."""
    flags = {flag for table in release.tables for cell in table.cells for flag in cell.estimate.flags}
    smallest = _smallest(release)
    declared = (
        words.say("processing_1_smallest", n=words.number(Decimal(smallest)))
        if smallest
        else words.say("processing_1")
    )
    keys = ["processing_2", "processing_3"]
    if Flag.DISCOVERED in flags:
        keys.append("processing_discovered")
    if Flag.CONSISTENT in flags or any(table.alarm for table in release.tables):
        keys.append("processing_consistent")
    return [declared, *(words.say(key) for key in keys)]


def noise_row(view: ResultView, fact: NoiseFact, first: bool, words: Words) -> dict[str, Any]:
    """The noise under one table: scale and sensitivity in the unit of what was summed; the margin stands once."""
    unit = _unit_of_role(view.table, fact.role)
    mechanism = words.either(f"mechanism_{fact.mechanism.lower().replace(' ', '-')}", fact.mechanism)
    if fact.draws > 1:
        mechanism = words.say("noise_draws", mechanism=mechanism, n=fact.draws)

    def amount(steps: Decimal) -> str:
        number = significant(steps * fact.step, 4, words, ROUND_CEILING)
        whole = steps * fact.step == (steps * fact.step).to_integral_value()
        text = words.number(steps * fact.step) if whole else number
        return view.sentences.with_unit(text, unit)

    # Rows that are kept are shared out among the cells: together they add the most that one cell can hold.
    in_all = fact.l0 > 1 and fact.l2_squared == fact.linf**2
    return {
        "what": words.say("noise_of", title=view.title, role=_role(view, fact.role, words)),
        "mechanism": mechanism,
        "scale": amount(Decimal(repr(fact.scale))),
        "sensitivity": words.say(
            "sensitivity_in_all" if in_all else "sensitivity",
            n=fact.l0,
            linf=amount(Decimal(fact.linf)),
            l2=amount(_root(fact.l2_squared)),
        ),
        "rho": significant(Decimal(repr(fact.rho)), 3, words, ROUND_CEILING),
        "rho_two": significant(Decimal(repr(fact.rho_two)), 3, words, ROUND_CEILING),
        "margin": _margins(view, words) if first else "",
    }


def _unit_of_role(table: ResultTable, role: str) -> str:
    """The unit of a measurement's sums, where the release says it; counts have none."""
    unit = (table.unit or "").removesuffix("²")
    own = {"sum": ("value",), "mean": ("numerator",), "var": ("first",), "std": ("first",)}
    if not unit or (role != "second" and role not in own.get(table.measure, ())):
        return ""
    return f"{unit}²" if role == "second" else unit


def _role(view: ResultView, role: str, words: Words) -> Markup:
    """A measurement's part in a statistic: `2*2` is the sum of squares of the second number that it is about."""
    if "*" not in role:
        return words.either(f"role_{role}", role)
    table, (low, high) = view.table, (int(part) for part in role.split("*"))
    terms = [key.key for key in view.table.axes[-1].keys[1:]] if table.measure == "regression" else []
    about = [view.sentences.named(name) for name in (*table.of.split(", "), *terms)]
    if high > len(about):
        return words.either(f"role_{role}", role)
    if high == 0:
        return words.say("role_count")
    if low == 0:
        return words.say("role_sum_of", one=about[high - 1])
    if low == high:
        return words.say("role_square_of", one=about[high - 1])
    return words.say("role_product_of", one=about[low - 1], other=about[high - 1])


def _root(square: int) -> Decimal:
    """The root of an integer: exact where it is whole, else rounded up at the fourth place."""
    whole = math.isqrt(square)
    return Decimal(whole) if whole * whole == square else Decimal(math.isqrt(square * 10**8) + 1) / 10**4


def _margins(view: ResultView, words: Words) -> str:
    """The margin of a table's numbers in its unit, or from the smallest to the largest that mean anything."""
    if view.table.rank is not None:
        return words.text("rank_margin", n=words.number(Decimal(view.table.rank)))
    states = [view.figure(cell).state for cell in view.table.cells]
    usable = [
        cell.estimate.margin
        for cell, state in zip(view.table.cells, states, strict=True)
        if state not in UNSAID
    ]
    if not usable:
        return words.text("suppressed" if State.SUPPRESSED in states else "too_wide")
    if view.figures.kind.base == "coefficient":
        return ""  # each term has a unit of its own
    factor = 100 if view.figures.margin_unit else 1
    texts = [significant(margin * factor, 2, words, ROUND_CEILING) for margin in (min(usable), max(usable))]
    span = texts[0] if texts[0] == texts[1] else words.text("range", low=texts[0], high=texts[1])
    return view.sentences.with_unit(span, view.figures.margin_unit or view.table.unit)


def _methods(views: Sequence[ResultView], words: Words) -> list[Markup]:
    """Which tables' intervals are made how."""
    found: dict[str, list[str]] = {}
    parts = Counter(view.first.name for view in views)
    for view in views:
        found.setdefault(view.table.interval, []).append(view.full_title(parts[view.first.name]))
    return [
        words.say(
            "method_line",
            method=words.either(f"method_{method}", method),
            tables=words.say("c_list").join(titles),
        )
        for method, titles in found.items()
    ]
