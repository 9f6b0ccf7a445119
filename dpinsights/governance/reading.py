"""What `acts` wrote into the bodies of entries, read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpinsights.governance.accountant import Loss
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Amendment, Cap, Period, PeriodChange
from dpinsights.model.measurement import Specification
from dpinsights.model.names import FrozenMap


def amendment(entry: Entry) -> Amendment:
    """The amendment that an entry records."""
    data = entry.data
    before, after, envelopes = cap(data["before"]), cap(data["after"]), tuple(data["envelopes"])
    return Amendment(entry.seq, data["day"], data["account"], before, after, envelopes)


def period_change(entry: Entry) -> PeriodChange:
    """The change of an account's period that an entry records."""
    data = entry.data
    before, after, envelopes = period(data["before"]), period(data["after"]), tuple(data["envelopes"])
    return PeriodChange(entry.seq, data["day"], data["account"], before, after, envelopes)


def cap(data: Mapping[str, Any]) -> Cap:
    """A cap, in units of rho and as it was worded."""
    return Cap(int(data["cap_rho"]), data["cap_epsilon"])


def period(data: Mapping[str, Any] | None) -> Period | None:
    """An account's period, or null.

    >>> period({"every": "month", "cap_rho": "5", "cap_epsilon": "1", "reserve": []}).cap
    Cap(rho_units=5, epsilon='1')
    """
    if data is None:
        return None
    reserve = FrozenMap({kept["report"]: cap(kept) for kept in data["reserve"]})
    return Period(data["every"], cap(data), reserve)


def loss(data: Mapping[str, Any]) -> Loss:
    """What something was charged.

    >>> loss({"rho": "7", "delta": "0"})
    Loss(rho=7, delta=0)
    """
    return Loss(int(data["rho"]), int(data["delta"]))


def specification(data: Mapping[str, Any]) -> Specification:
    """How a measurement is drawn.

    >>> specification({"kind": "threshold", "scale": "0x1.4p+3", "size": "0", "l0": "4", "linf": "1", "threshold": "80"})
    Specification(kind='threshold', scale=10.0, size=0, l2_squared=None, l0=4, linf=1, threshold=80, candidates=None)
    """
    numbers = {name: int(number) for name, number in data.items() if name not in ("kind", "scale")}
    return Specification(kind=data["kind"], scale=float.fromhex(data["scale"]), **numbers)
