"""Whether a ledger's caps are those of the policy that was signed, or were raised by an entry of their own.

Whoever opens a ledger chooses its first caps, and who signs a report signs the policy: they must be the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dpinsights.governance.chain import Entry


@dataclass(frozen=True)
class CapBeyond:
    """An account that may spend more than the policy says: its cap and the policy's in units of rho, None if it has none."""

    account: str
    cap: int
    allowed: int | None


def caps_beyond(entries: Iterable[Entry], allowed: Mapping[str, int]) -> tuple[CapBeyond, ...]:
    """The accounts whose cap is more than a policy allows, unless an entry raised it to just that.

    Whether that entry was signed is for `approvals.raises.amendments_signed`.

    Args:
        entries: a sound chain, from its first entry.
        allowed: the policy's caps in units of rho by account, lifetime among them.

    >>> from dpinsights.governance.chain import link
    >>> opened = link(None, "opened", {"accounts": [{"account": "jd", "cap_rho": 9}]})
    >>> caps_beyond([opened], {"jd": 9}), caps_beyond([opened], {"jd": 8})
    ((), (CapBeyond(account='jd', cap=9, allowed=8),))
    """
    caps: dict[str, int] = {}
    raised: set[tuple[str, int]] = set()
    for entry in entries:
        data = entry.data
        if entry.type == "opened":
            caps = {one["account"]: int(one["cap_rho"]) for one in data["accounts"]}
        elif entry.type == "amended":
            before, after = int(data["before"]["cap_rho"]), int(data["after"]["cap_rho"])
            caps[data["account"]] = after
            if after > before:
                raised.add((data["account"], after))
    return tuple(
        CapBeyond(account, cap, allowed.get(account))
        for account, cap in caps.items()
        if cap > allowed.get(account, 0) and (account, cap) not in raised
    )
