"""Whether a ledger's caps are those of the policy that was signed, or were raised by an entry of their own.

Whoever opens a ledger chooses its first caps, and who signs a report signs the policy: they must be the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dpinsights.governance.books import Books
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


def periods_beyond(books: Books, wanted: Mapping[str, tuple[str, int]]) -> tuple[str, ...]:
    """The accounts whose calendar periods are not a policy's: none, of another length, or with a larger cap that no entry raised.

    Args:
        books: what the chain adds up to.
        wanted: by account, the policy's length of a period and its cap in units of rho.
    """
    raised = {
        (change.account, change.after.cap.rho_units)
        for change in books.period_changes
        if change.after and change.before and change.after.cap.rho_units > change.before.cap.rho_units
    }

    def kept(account: str, every: str, most: int) -> bool:
        have = books.periods.get(account)
        if have is None or have.every != every:
            return False
        return have.cap.rho_units <= most or (account, have.cap.rho_units) in raised

    return tuple(account for account, (every, most) in wanted.items() if not kept(account, every, most))
