"""What a lock lets a report do, in words, for whoever signs it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from dpinsights.governance.approvals.lock import Lock
from dpinsights.governance.refusal import rho_text
from dpinsights.model.approval import APPROVAL_FIELDS
from dpinsights.model.report import MEASURES

EpsilonOf = Callable[[int], str]


class _Absent:
    """What is not there."""


ABSENT = _Absent()


def value_text(value: Any) -> str:
    """A part of a lock as people read it.

    >>> value_text(["a", "b"]), value_text(["0", "5000"]), value_text({"en": "Yes", "zh": "是"}), value_text(ABSENT)
    ('a, b', '0 to 5000', 'en "Yes", zh "是"', 'none')
    """
    match value:
        case _Absent() | None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case [str() as low, str() as high] if is_number(low) and is_number(high):
            return f"{low} to {high}"
        case list() if all(isinstance(item, str) for item in value):
            return ", ".join(value) if value else "none"
        case list():
            return "; ".join(value_text(item) for item in value) if value else "none"
        case dict() if value and all(isinstance(text, str) for text in value.values()):
            named = {name: text for name, text in value.items() if name != "_"}
            words = set(named) <= {"en", "zh"}
            return ", ".join(
                f'{name} "{text}"' if words else f"{name} {text}" for name, text in named.items()
            )
        case dict() if value:
            parts = ((name, value_text(part)) for name, part in value.items() if name != "_")
            return ", ".join(f"{name} {text}" for name, text in parts)
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def is_number(text: str) -> bool:
    """Whether a text is a number as a lock writes it.

    >>> is_number("-0.5"), is_number("phones")
    (True, False)
    """
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None


def cost_text(units: str | int, epsilon_of: EpsilonOf | None) -> str:
    """A loss in ledger units, as rho and, if somebody converts, as epsilon.

    >>> cost_text("12500000000", None)
    'rho 0.0125'
    """
    known = int(units)
    text = f"rho {rho_text(known)}"
    return f"{text} (epsilon {epsilon_of(known) if known else 0})" if epsilon_of else text


def margin_text(forecasts: list[Mapping[str, Any]]) -> str:
    """Expected margins: the number, or for which group size it holds.

    >>> margin_text([{"margin": "500", "customers": None}, {"margin": "3", "customers": "1000"}])
    '500; 3 at 1000 customers'
    """
    each = [
        f"{one['margin']} at {one['customers']} customers" if one["customers"] else str(one["margin"])
        for one in forecasts
    ]
    return "; ".join(each) or "not known beforehand"


def query_text(asked: Mapping[str, Any], planned: Mapping[str, Any], epsilon_of: EpsilonOf | None) -> str:
    """One query: what it measures, of whom, by which groups, within which bounds, at what cost."""
    measure = next(name for name in MEASURES if name in asked)
    parts = [f"{measure} of {value_text(asked[measure])}; population {planned['population']}"]
    for name in ("by", "where", "rows_where", "bounds"):
        if asked.get(name):
            parts.append(f"{name.replace('_', ' ')} {value_text(asked[name])}")
    if planned["groups_per_customer"]:
        parts.append(f"at most {planned['groups_per_customer']} groups a customer")
    if planned["rows_per_customer"]:
        parts.append(f"at most {planned['rows_per_customer']} rows a customer")
    parts.append(f"reads {value_text(planned['columns'])}")
    parts.append(f"margin {margin_text(planned['forecasts'])}")
    delta = f" and delta {planned['delta_units']}e-18" if planned["delta_units"] != "0" else ""
    parts.append(f"costs at most {cost_text(planned['rho_units'], epsilon_of)}{delta}")
    return "; ".join(parts)


def describe(lock: Lock, epsilon_of: EpsilonOf | None = None) -> tuple[str, ...]:
    """A lock line by line: the report, each query, what the author answers in words, and the policy."""
    report, plan = lock.data["report"], lock.data["plan"]
    period = report["period"]
    return (
        f"{lock.report} version {lock.version}, by {lock.author}, for {lock.audience}, charged to {lock.account}",
        f"period {period['start']} until {period['until']}, account map {lock.data['map_version']}",
        f"costs at most {cost_text(plan['rho_units'], epsilon_of)} if every number is drawn anew",
        *(
            f"{name}: {query_text(asked, plan['queries'][name], epsilon_of)}"
            for name, asked in report["queries"]
        ),
        *(
            f"{name.replace('_', ' ')}: {value_text(report['approval'][name])}"
            for name in APPROVAL_FIELDS
            if name in report.get("approval", ())
        ),
        policy_text(lock.data["policy"], lock.account),
    )


def policy_text(policy: Mapping[str, Any], account: str) -> str:
    """What of a policy bears on a report that is charged to an account."""
    parts = [
        f"policy version {policy['version']}: lifetime {value_text(policy['lifetime'])}",
        f"account {account}: {value_text(policy['accounts'].get(account, ABSENT))}",
    ]
    if "report" in policy:
        parts.append(f"one report at most {value_text(policy['report'])}")
    parts.append(f"columns of {value_text(policy['classes'])}")
    smallest = policy.get("smallest_group")
    parts.append(f"groups below {smallest} are not shown" if smallest else "all groups are shown")
    parts += [f"signed by {role} {value_text(asked)}" for role, asked in sorted(policy["signers"].items())]
    return "; ".join(parts)
