"""What a ledger's chain says of its health, for an operator or an auditor: a pure function over its entries.

It explains each charge without a release, verifies the chain, adds everything up again, states each stored loss again
from its specification, and holds the chain against a receipt of before. Findings name declared things and ledger facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from dpinsights.errors import LedgerError
from dpinsights.governance import books, chain
from dpinsights.governance.accountant import NOTHING, Loss
from dpinsights.governance.books import Books, RunBook
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Head, Ledger
from dpinsights.governance.refusal import EpsilonOf, loss_text
from dpinsights.model.measurement import Specification
from dpinsights.model.noisy import State

LossOf = Callable[[Specification], tuple[int, int]]
"""States the loss of a draw as specified, in ledger units of rho and delta: OpenDP's maps do, through `mechanisms`."""


class Weight(StrEnum):
    """How much a finding matters."""

    FAULT = "fault"  # the ledger can't be relied on: charge nothing
    WARNING = "warning"  # somebody should act
    NOTE = "note"  # explains, and asks for nothing


@dataclass(frozen=True)
class Finding:
    """One thing that was found; `code` is its permanent name.

    >>> print(Finding("account-frozen", Weight.WARNING, "the account jd is frozen", "look into it"))
    warning: the account jd is frozen (account-frozen)
      look into it
    """

    code: str
    weight: Weight
    what: str
    what_to_do: str

    def __str__(self) -> str:
        return f"{self.weight}: {self.what} ({self.code})\n  {self.what_to_do}"


@dataclass(frozen=True)
class Earlier:
    """What a receipt says of the ledger, and the chain that came with its release, if that is at hand."""

    partnership: str
    head: Head
    entries: tuple[Entry, ...] = ()


def examine(
    entries: Sequence[Entry], loss_of: LossOf, *, epsilon_of: EpsilonOf, earlier: Earlier | None = None
) -> tuple[Finding, ...]:
    """All that is to be said of a chain, faults first; nothing but notes means that all is well.

    Args:
        entries: the chain from its first entry, as it is stored.
        loss_of: states a loss from a specification.
        epsilon_of: words units of rho as an epsilon at the conversion delta.
        earlier: what a party has seen before.
    """
    found: list[Finding] = []
    try:
        sums = books.replay(chain.verified(entries))
    except LedgerError as error:
        found.append(Finding("chain-broken", Weight.FAULT, str(error), RESTORE))
    else:
        if earlier is not None and earlier.partnership != sums.partnership:
            found.append(_other_ledger(sums, earlier))
            earlier = None
        found += _losses(entries, sums, loss_of)
        found += _runs(entries, sums, epsilon_of)
        found += _frozen(sums)
    if earlier is not None:
        found += _continues(entries, earlier)
    return tuple(sorted(found, key=lambda finding: list(Weight).index(finding.weight)))


def damaged_vectors(ledger: Ledger) -> tuple[Finding, ...]:
    """Faults of stored noisy vectors: each is read, and held against its digest."""
    found = []
    for account in (balance.account for balance in ledger.balances()):
        for snapshot in (one.name for one in ledger.snapshots()):
            try:
                ledger.seen_by(account, snapshot)
            except LedgerError as error:
                what = f"of what {account} was shown of snapshot {snapshot}: {error}"
                found.append(Finding("vector-damaged", Weight.FAULT, what, RESTORE))
    return tuple(found)


RESTORE = (
    "charge nothing; restore the last copy whose head both parties know, and compare it with their receipts"
)


def _losses(entries: Sequence[Entry], sums: Books, loss_of: LossOf) -> Iterator[Finding]:
    seqs = {entry.data["run"]: entry.seq for entry in entries if entry.type == "charged"}
    stated: dict[Specification, Loss] = {}
    for name, run in sums.runs.items():
        for item in run.fresh:
            if item.specification not in stated:
                stated[item.specification] = Loss(*loss_of(item.specification))
            loss = stated[item.specification]
            if loss == item.lifetime:
                continue
            what = (
                f"entry {seqs[name]} charges run {name} rho {item.lifetime.rho} and delta {item.lifetime.delta} units for "
                f"measurement {item.key}, its specification costs {loss.rho} and {loss.delta}"
            )
            if loss.fits(item.lifetime):
                yield Finding(
                    "loss-overstated",
                    Weight.WARNING,
                    what,
                    "nobody lost privacy; find out which version charged it",
                )
            else:
                yield Finding("loss-understated", Weight.FAULT, what, RESTORE)


NEXT: Mapping[State, tuple[str, str]] = {
    State.CHARGED: (
        "nothing noisy exists yet",
        "if no process runs it now: run the same report on the same snapshot again; it goes on, free",
    ),
    State.DRAWING: (
        "noise may have been drawn, and none is stored",
        "if no process runs it now: run the same report again; this charge is kept, and the new run is charged too",
    ),
    State.MEASURED: (
        "its noisy numbers are stored, and no release was finished",
        "run the same report on the same snapshot again: it is made from what is stored, free",
    ),
}
"""What a charge without a release means, by its run's state, and what to do."""

REASONS: Mapping[str, str] = {
    "bounds-violated": "the check of the bounded rows failed, which only a fault of dpinsights or of an engine can cause",
    "died-drawing": "its process ended after noise may have been drawn, and another run took its place",
}
"""Why runs are abandoned."""


def _runs(entries: Sequence[Entry], sums: Books, epsilon_of: EpsilonOf) -> Iterator[Finding]:
    reports: dict[str, str] = {}
    whys: dict[str, str] = {}
    for entry in entries:
        if entry.type == "charged":
            data = entry.data
            reports[data["run"]] = (
                f"{data['report']} version {data['version']} on snapshot {data['snapshot']}, entry {entry.seq} of {data['day']}"
            )
        elif entry.type == "abandoned":
            whys[entry.data["run"]] = entry.data["why"]
    for name, run in sums.runs.items():
        if run.state is State.RELEASED:
            continue
        loss = sum((item.account for item in run.items), NOTHING)
        cost = f"charged {loss_text(loss.rho, epsilon_of)} to {run.account}" if loss != NOTHING else "free"
        what = f"run {name} of {reports[name]}, {cost}, is {run.state}"
        if run.state is State.ABANDONED:
            why = REASONS.get(whys[name], f"its reason's code is {whys[name]}")
            yield Finding(
                "charge-abandoned",
                Weight.NOTE,
                f"{what}: {why}",
                f"nothing: what was charged stays charged; {_after(name, run, sums)}",
            )
            continue
        meaning, remedy = NEXT[run.state]
        weight = Weight.NOTE if loss == NOTHING else Weight.WARNING
        yield Finding(f"charge-{run.state}", weight, f"{what}: {meaning}", remedy)


def _after(name: str, run: RunBook, sums: Books) -> str:
    attempts = [other for other, one in sums.runs.items() if one.identity == run.identity]
    later = attempts[attempts.index(name) + 1 :]
    if not later:
        return "the same report was not run again"
    return f"it was run again as {later[-1]}, which is {sums.runs[later[-1]].state}"


def _frozen(sums: Books) -> Iterator[Finding]:
    for name, balance in sums.balances.items():
        if balance.frozen is not None:
            why = REASONS.get(balance.frozen, f"its reason's code is {balance.frozen}")
            yield Finding(
                "account-frozen",
                Weight.WARNING,
                f"the account {name} is frozen: {why}",
                f"find the cause; then dpinsights ledger resolve {name}",
            )


def _other_ledger(sums: Books, earlier: Earlier) -> Finding:
    return Finding(
        "other-ledger",
        Weight.FAULT,
        f"the receipt is of partnership {earlier.partnership}, the ledger of {sums.partnership}",
        "name the state directory, or the receipt, that belongs to the other",
    )


def _continues(entries: Sequence[Entry], earlier: Earlier) -> Iterator[Finding]:
    """Whether the chain still holds what a party saw: after that only more may have come."""
    seq, last = earlier.head.seq, len(entries)
    if seq <= last and entries[seq - 1].hash == earlier.head.hash:
        return
    both = zip(entries, earlier.entries, strict=False)
    common = sum(1 for _ in takewhile(lambda pair: pair[0].hash == pair[1].hash, both))
    if seq > last and (not earlier.entries or common == last):
        what = f"entry {seq} was seen, but the ledger ends at entry {last}: its tail was cut, or an old copy restored"
        yield Finding("ledger-shortened", Weight.FAULT, what, RESTORE)
        return
    what = f"entry {seq} was seen with another hash"
    if earlier.entries:
        what = f"entry {seq} was seen, but the ledger goes another way from entry {common + 1} on"
    if common or not earlier.entries:
        what += ": an old copy was restored and went on, or its end was written anew"
    else:
        what += ": it is another ledger, or was written anew as a whole"
    yield Finding("ledger-forked", Weight.FAULT, what, RESTORE)
