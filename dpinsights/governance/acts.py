"""The bodies of the chain's entries: a stored format, written out field by field so that no rename can change it.

Each function makes the body of one kind of entry. A kind is never redefined: what must change gets a new name, and
`books.replay` goes on to read the old one. Bodies hold names, caps, charges and planned noise; never a noisy value, a
count, a size, a reason in free text, or a time finer than a day.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Any

from dpinsights.errors import LedgerError
from dpinsights.governance.accountant import Decision, Item, Loss
from dpinsights.governance.ledger.interface import Cap, Period, Permit, Snapshot
from dpinsights.model.measurement import Specification
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Delta

Body = dict[str, Any]


def opened(
    partnership: str,
    policy: str,
    policy_digest: str,
    delta: Delta,
    caps: Mapping[str, Cap],
    cap_delta: int,
    periods: Mapping[str, Period],
    day: date,
) -> Body:
    """The first entry: whose ledger this is, and what may be spent."""
    return {
        "partnership": partnership,
        "policy": policy,
        "policy_digest": policy_digest,
        "conversion_delta": delta.conversion,
        "discovery_delta": delta.discovery,
        "accounts": [
            {"account": name, **_cap(cap), "cap_delta": cap_delta, "period": period(periods.get(name))}
            for name, cap in caps.items()
        ],
        "day": day,
    }


def snapshot(named: Snapshot, day: date) -> Body:
    """A snapshot was registered."""
    return {
        "snapshot": named.name,
        "contract_digest": named.contract_digest,
        "map_version": named.map_version,
        "day": day,
    }


def charged(
    run: str,
    identity: str,
    plan: Plan,
    decision: Decision,
    *,
    snapshot: str,
    origin: str,
    exploration: bool,
    permit: Permit | None,
    day: date,
) -> Body:
    """A run was charged: for which plan, under which approval, and for each measurement how it is answered and at what cost."""
    return {
        "run": run,
        "identity": identity,
        "fence": 1,
        "account": plan.account,
        "snapshot": snapshot,
        "origin": origin,
        "exploration": exploration,
        "report": plan.report,
        "version": plan.version,
        "contract_digest": plan.contract_digest,
        "measurement_digest": plan.measurement_digest,
        "reader_digest": plan.reader_digest,
        "permit": permit and {"lock": permit.lock, "approval": permit.approval},
        "items": [_item(item) for item in decision.items],
        "day": day,
    }


def resumed(run: str, fence: int, day: date) -> Body:
    """A run was taken over; `fence` is the new holder's."""
    return {"run": run, "fence": fence, "day": day}


def moved(run: str, fence: int, day: date, **facts: str) -> Body:
    """A run went to the state that the entry's kind names; released with its digest, abandoned with a reason's code."""
    return {"run": run, "fence": fence, **facts, "day": day}


def amended(account: str, before: Cap, after: Cap, envelopes: tuple[str, ...], day: date) -> Body:
    """A cap was changed; who signed for it, to the letter.

    Raises:
        LedgerError: if a signed text is not in Unicode's normal form, in which alone a body is stored.
    """
    return {
        "account": account,
        "before": _cap(before),
        "after": _cap(after),
        "envelopes": _to_the_letter(envelopes),
        "day": day,
    }


def period_set(
    account: str, before: Period | None, after: Period | None, envelopes: tuple[str, ...], day: date
) -> Body:
    """An account's period was set, or ended with null; as in `amended`."""
    return {
        "account": account,
        "before": period(before),
        "after": period(after),
        "envelopes": _to_the_letter(envelopes),
        "day": day,
    }


def frozen(account: str, why: str, day: date) -> Body:
    """An account was frozen, for a reason that has a code."""
    return {"account": account, "why": why, "day": day}


def resolved(account: str, day: date) -> Body:
    """A freeze ended."""
    return {"account": account, "day": day}


def period(one: Period | None) -> Body | None:
    """An account's period: how long, what may be spent in it, and what of that is kept for which reports."""
    if one is None:
        return None
    kept = [{"report": report, **_cap(one.reserve[report])} for report in sorted(one.reserve)]
    return {"every": one.every, **_cap(one.cap), "reserve": kept}


def _to_the_letter(envelopes: tuple[str, ...]) -> tuple[str, ...]:
    if any(not unicodedata.is_normalized("NFC", text) for text in envelopes):
        raise LedgerError("a signed envelope can't be kept to the letter: sign again with dpinsights approve")
    return envelopes


def specification(one: Specification) -> Body:
    """How a measurement is drawn; what its kind does not have is left out."""
    numbers = {
        "size": one.size,
        "l2_squared": one.l2_squared,
        "l0": one.l0,
        "linf": one.linf,
        "threshold": one.threshold,
        "candidates": one.candidates,
    }
    known = {name: number for name, number in numbers.items() if number is not None}
    return {"kind": one.kind, "scale": one.scale, **known}


def _cap(cap: Cap) -> Body:
    return {"cap_rho": cap.rho_units, "cap_epsilon": cap.epsilon}


def _loss(loss: Loss) -> Body:
    return {"rho": loss.rho, "delta": loss.delta}


def _item(item: Item) -> Body:
    return {
        "key": item.key,
        "cells": item.cells,
        "specification": specification(item.specification),
        "verdict": item.verdict,
        "account": _loss(item.account),
        "lifetime": _loss(item.lifetime),
        "uses": [vector.run for vector in item.uses],
    }
