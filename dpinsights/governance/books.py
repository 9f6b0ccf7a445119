"""The entries added up again, independently of the tables, and every act held against the rules once more.

An auditor's second pair of eyes: it shares no code with the transactions that wrote the entries. What it finds, no
operator should ever see; tests break a ledger on purpose to show that it would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from dpinsights.errors import LedgerError
from dpinsights.governance import reading
from dpinsights.governance.accountant import LIFETIME, NOTHING, Loss, Verdict, precise_enough
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import (
    Amendment,
    Cap,
    Period,
    PeriodChange,
    PeriodSpent,
    Snapshot,
)
from dpinsights.governance.periods import calendar
from dpinsights.governance.states import may_step
from dpinsights.model.measurement import Specification
from dpinsights.model.noisy import Balance, State
from dpinsights.model.policy import Delta


@dataclass(frozen=True)
class ItemBook:
    """One measurement of a run: how it was answered and what that was charged."""

    key: str
    cells: int
    specification: Specification
    verdict: Verdict
    account: Loss
    lifetime: Loss


@dataclass(frozen=True)
class RunBook:
    """A run, with the vectors (run, key) that it uses."""

    identity: str
    report: str
    day: date
    account: str
    snapshot: str
    measurement_digest: str
    lock: str | None
    approval: str | None
    origin: str
    exploration: bool
    state: State
    fence: int
    items: tuple[ItemBook, ...]
    uses: frozenset[tuple[str, str]]

    @property
    def fresh(self) -> tuple[ItemBook, ...]:
        """The items that it draws."""
        return tuple(item for item in self.items if item.verdict is Verdict.FRESH)


@dataclass(frozen=True)
class VectorBook:
    """A stored vector, without its values."""

    snapshot: str
    scale: float
    loss: Loss
    exploration: bool


@dataclass
class Books:
    """All that a ledger says of itself, but for noisy values, leases and owners.

    `day` is that of the last entry. That and `amendments`, `period_changes` and `charges` are in the entries alone; the
    last is rho by account and month, by report.
    """

    partnership: str = ""
    policy: str = ""
    policy_digest: str = ""
    deltas: Delta | None = None
    balances: dict[str, Balance] = field(default_factory=dict)
    snapshots: tuple[Snapshot, ...] = ()
    runs: dict[str, RunBook] = field(default_factory=dict)
    vectors: dict[tuple[str, str], VectorBook] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    day: date = date.min
    amendments: tuple[Amendment, ...] = ()
    periods: dict[str, Period] = field(default_factory=dict)
    period_changes: tuple[PeriodChange, ...] = ()
    charges: dict[tuple[str, date], Counter[str]] = field(default_factory=dict)

    def period_spent(self, account: str, day: date, report: str) -> PeriodSpent | None:
        """How an account stands in the period of a day, for a report; None if it has no period."""
        period = self.periods.get(account)
        if period is None:
            return None
        start, until = calendar(period.every, day)
        charged: Counter[str] = Counter()
        for (payer, month), charges in self.charges.items():
            if payer == account and start <= month < until:
                charged.update(charges)
        kept = {name: cap.rho_units for name, cap in period.reserve.items() if name != report}
        unspent = sum(kept.values()) - sum(min(kept[name], charged[name]) for name in kept)
        return PeriodSpent(account, start, until, charged.total(), period.cap, unspent)


def replay(entries: Iterable[Entry]) -> Books:
    """The books that entries add up to.

    Raises:
        LedgerError: at the first entry that a sound ledger could not have written.
    """
    books = Books()
    for entry in entries:
        try:
            _enter(books, entry)
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError):
            raise _fault(entry, "a body that can't be read") from None
    if not books.balances:
        raise LedgerError("the ledger has no entries: restore a sound copy")
    return books


def _enter(books: Books, entry: Entry) -> None:
    data = entry.data
    if (entry.seq == 1) != (entry.type == "opened"):
        raise _fault(entry, "it does not begin with its opening")
    day = date.fromisoformat(data["day"])
    if day < books.day:
        raise _fault(entry, "a day before that of the entry before it")
    books.day = day
    match entry.type:
        case "opened":
            books.partnership = data["partnership"]
            books.policy = data["policy"]
            books.policy_digest = data["policy_digest"]
            books.deltas = Delta(conversion=data["conversion_delta"], discovery=data["discovery_delta"])
            for account in data["accounts"]:
                name, cap = account["account"], reading.cap(account)
                delta = int(account["cap_delta"])
                books.balances[name] = Balance(name, cap.rho_units, delta, 0, 0, cap.epsilon)
                _set_period(books, name, reading.period(account["period"]))
        case "snapshot":
            books.snapshots += (Snapshot(data["snapshot"], data["contract_digest"], data["map_version"]),)
        case "amended":
            _amend(books, entry, reading.amendment(entry))
        case "period-set":
            changed = reading.period_change(entry)
            if books.periods.get(changed.account) != changed.before:
                raise _fault(entry, "a period that was not what it was changed from")
            books.period_changes += (changed,)
            _set_period(books, changed.account, changed.after)
        case "frozen" | "resolved":
            balance = books.balances[data["account"]]
            books.balances[data["account"]] = replace(balance, frozen=data.get("why"))
        case "charged":
            _charge(books, entry, data)
        case "resumed":
            run = _run(books, entry, data, fence=1)
            if run.state not in (State.CHARGED, State.MEASURED):
                raise _fault(entry, "a run was resumed that must not be")
            books.runs[data["run"]] = replace(run, fence=run.fence + 1)
        case "drawing" | "measured" | "released" | "abandoned":
            _step(books, entry, data)
        case _:
            raise _fault(entry, f"a kind of entry that this version does not know: {entry.type}")


def compare(entries: Books, tables: Books) -> None:
    """Raises LedgerError if the tables are not what the entries add up to; says which tables."""
    differing = [
        name
        for name, one, other in (
            ("ledger", _whose(entries), _whose(tables)),
            ("accounts", (entries.balances, entries.periods), (tables.balances, tables.periods)),
            ("snapshots", entries.snapshots, tables.snapshots),
            ("runs", entries.runs, tables.runs),
            ("vectors", entries.vectors, tables.vectors),
            ("seen", entries.seen, tables.seen),
        )
        if one != other
    ]
    if differing:
        raise LedgerError(
            f"the ledger's tables ({', '.join(differing)}) are not what its entries add up to: they were edited or "
            "damaged; restore the last sound copy, and charge nothing until then"
        )


def _whose(books: Books) -> tuple[str, str, str, Delta | None]:
    return books.partnership, books.policy, books.policy_digest, books.deltas


def _amend(books: Books, entry: Entry, amended: Amendment) -> None:
    balance = books.balances[amended.account]
    if amended.before != Cap(balance.cap_rho, balance.cap_epsilon):
        raise _fault(entry, "a cap that was not what it was changed from")
    if amended.after.rho_units < balance.spent_rho:
        raise _fault(entry, "a cap below what was spent")
    books.amendments += (amended,)
    books.balances[amended.account] = replace(
        balance, cap_rho=amended.after.rho_units, cap_epsilon=amended.after.epsilon
    )


def _charge(books: Books, entry: Entry, data: dict[str, Any]) -> None:
    name, account, exploration = data["run"], data["account"], data["exploration"]
    items, uses = [], set()
    permit = data["permit"] or {"lock": None, "approval": None}
    if name in books.runs:
        raise _fault(entry, "a run was charged twice")
    for item in data["items"]:
        key, verdict = item["key"], Verdict(item["verdict"])
        used = {(run, key) for run in item["uses"]}
        unseen = {vector for vector in used if (account, *vector) not in books.seen}
        if len(unseen) != (verdict is Verdict.SHOWN) or (verdict is Verdict.FREE and not used):
            raise _fault(entry, f"a measurement called {verdict} that is answered otherwise")
        paid, drawn = reading.loss(item["account"]), reading.loss(item["lifetime"])
        owed = sum(
            (books.vectors[vector].loss for vector in unseen), paid if verdict is Verdict.FRESH else NOTHING
        )
        if paid != owed or drawn != (paid if verdict is Verdict.FRESH else NOTHING):
            raise _fault(entry, "a charge that is not the sum of what it lets be seen")
        drawing = reading.specification(item["specification"])
        scales = tuple(books.vectors[vector].scale for vector in used)
        if verdict is not Verdict.FRESH and not precise_enough(scales, drawing.scale):
            raise _fault(entry, "vectors that are not as precise as was planned")
        if any(books.vectors[vector].snapshot != data["snapshot"] for vector in used):
            raise _fault(entry, "a vector of another snapshot")
        if not exploration and any(books.vectors[vector].exploration for vector in used):
            raise _fault(entry, "a vector of exploration for an outside report")
        books.seen |= {(account, *vector) for vector in unseen}
        items.append(ItemBook(key, int(item["cells"]), drawing, verdict, paid, drawn))
        uses |= used
        for payer, loss in ((account, paid), (LIFETIME, drawn)):
            _spend(books, entry, payer, loss)
    if data["snapshot"] not in {one.name for one in books.snapshots}:
        raise _fault(entry, "a charge on a snapshot that was never registered")
    day, report = books.day, data["report"]
    charged = sum(item.account.rho for item in items)
    books.charges.setdefault((account, day.replace(day=1)), Counter())[report] += charged
    period = books.period_spent(account, day, report)
    if charged and period is not None and period.left_rho < 0:
        raise _fault(entry, "an account was overspent in its period")
    books.runs[name] = RunBook(
        identity=data["identity"],
        report=report,
        day=day,
        account=account,
        snapshot=data["snapshot"],
        measurement_digest=data["measurement_digest"],
        lock=permit["lock"],
        approval=permit["approval"],
        origin=data["origin"],
        exploration=exploration,
        state=State.CHARGED,
        fence=int(data["fence"]),
        items=tuple(items),
        uses=frozenset(uses),
    )


def _set_period(books: Books, account: str, period: Period | None) -> None:
    if account not in books.balances:
        raise LedgerError(f"the ledger's entries give a period to an account that is not there: {account}")
    books.periods.pop(account, None)
    if period is not None:
        books.periods[account] = period


def _spend(books: Books, entry: Entry, account: str, loss: Loss) -> None:
    balance = books.balances[account]
    spent = Loss(balance.spent_rho, balance.spent_delta) + loss
    if not spent.fits(Loss(balance.cap_rho, balance.cap_delta)) or min(loss.rho, loss.delta) < 0:
        raise _fault(entry, "an account was overspent")
    if balance.frozen is not None:
        raise _fault(entry, "a frozen account was charged")
    books.balances[account] = replace(balance, spent_rho=spent.rho, spent_delta=spent.delta)


def _step(books: Books, entry: Entry, data: dict[str, Any]) -> None:
    name, after = data["run"], State(entry.type)
    run = _run(books, entry, data)
    if not may_step(run.state, after, draws=bool(run.fresh)):
        raise _fault(entry, f"a run went from {run.state} to {after}")
    if after is State.MEASURED:
        for item in run.fresh:
            vector = VectorBook(run.snapshot, item.specification.scale, item.lifetime, run.exploration)
            books.vectors[name, item.key] = vector
            books.seen.add((run.account, name, item.key))
        run = replace(run, uses=run.uses | {(name, item.key) for item in run.fresh})
    books.runs[name] = replace(run, state=after)


def _run(books: Books, entry: Entry, data: dict[str, Any], *, fence: int = 0) -> RunBook:
    run = books.runs.get(data["run"])
    if run is None:
        raise _fault(entry, "a run that was never charged")
    if int(data["fence"]) != run.fence + fence:
        raise _fault(entry, "a run was moved by a process that had lost it")
    return run


def _fault(entry: Entry, what: str) -> LedgerError:
    return LedgerError(
        f"the ledger's entry {entry.seq} breaks a rule: {what}; it was not written by dpinsights as it stands: "
        "charge nothing until it is explained"
    )
