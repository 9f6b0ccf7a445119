"""What was spent: each loss stated again from how it was drawn, and all added up again from the entries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from dpinsights.estimation.estimates import CHOSEN, MECHANISM, THRESHOLDED
from dpinsights.governance.accountant import LIFETIME, Loss, combined_scale
from dpinsights.governance.books import Books, ItemBook, RunBook
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.mechanisms.loss import epsilon_of
from dpinsights.mechanisms.noise import units_up
from dpinsights.mechanisms.stated import mechanism_of, units_of
from dpinsights.mechanisms.threshold import KeyThreshold, delta_units_up
from dpinsights.model.measurement import Specification
from dpinsights.model.noisy import Balance
from dpinsights.model.release import NoiseFact, Release, ResultTable, Spending
from dpinsights.verification.evidence import RELEASE, Evidence
from dpinsights.verification.findings import Finding, failed, passed

MECHANISMS = {"discrete-gaussian": MECHANISM, "threshold": THRESHOLDED, "exponential": CHOSEN}
"""What a table calls the kind of a specification."""


def losses(evidence: Evidence) -> Iterator[Finding]:
    """OpenDP states the loss of every draw of the ledger again, from its stored specification alone."""
    entries, books = evidence.entries, evidence.books
    if entries is None or books is None:
        yield failed("unchecked", LEDGER, "losses")
        return
    opendp = version("opendp")
    count, wrong = 0, []
    for entry in entries:
        if entry.type != "charged":
            continue
        for item in books.runs[entry.data["run"]].fresh:
            count += 1
            theirs = item.lifetime.rho, item.lifetime.delta
            ours = _units(item.specification)
            if ours != theirs:
                place = f"entry {entry.seq}: {item.key[:16]}"
                wrong.append(
                    failed(
                        "ledger-losses", LEDGER, place, ours=ours or "nothing", theirs=theirs, version=opendp
                    )
                )
    yield from wrong or [passed("ledger-losses", LEDGER, count=count, version=opendp)]


def _units(specification: Specification) -> tuple[int, int] | None:
    try:
        return units_of(specification)
    except Exception:  # OpenDP has errors of its own
        return None  # numbers that no mechanism takes


def spending(evidence: Evidence) -> Iterator[Finding]:
    """The release's rho and epsilon, and the totals of its accounts, are what the entries add up to."""
    books, release, facts = evidence.books, evidence.release, evidence.facts
    if books is None or release is None or facts is None:
        yield failed("unchecked", RELEASE, "spending")
        return
    run = books.runs.get(facts.run)
    account, lifetime = books.balances.get(release.account), books.balances.get(LIFETIME)
    if run is None or account is None or lifetime is None:
        yield failed("unchecked", RELEASE, "spending")
        return
    wrong = [
        failed("spending", RELEASE, f"statement.{name}", ours=_worded(ours), theirs=_worded(theirs))
        for name, ours, theirs in _sums(books, run, account, lifetime, release)
        if ours != theirs
    ]
    wrong += _period(books, run, release)
    wrong += _noise(evidence, books, run, release)
    said = release.statement
    yield from wrong or [
        passed(
            "spending",
            RELEASE,
            report=said.report.epsilon,
            account=said.account.epsilon,
            account_cap=said.account_cap.epsilon,
            lifetime=said.lifetime.epsilon,
            lifetime_cap=said.lifetime_cap.epsilon,
        )
    ]


def _sums(
    books: Books, run: RunBook, account: Balance, lifetime: Balance, release: Release
) -> Iterator[tuple[str, Spending, Spending]]:
    """By name: what the entries add up to, and what the release states."""
    assert books.deltas is not None  # every opening has them
    delta, said = books.deltas.conversion, release.statement

    def spent(loss: Loss) -> Spending:
        return Spending(loss.rho, epsilon_of(loss.rho, delta), loss.delta)

    nothing = Loss(0)
    yield "report", spent(sum((books.vectors[one].loss for one in run.uses), nothing)), said.report
    yield "fresh", spent(sum((item.lifetime for item in run.fresh), nothing)), said.fresh
    yield "report_two", spent(_two(books, run)), said.report_two
    for name, balance in (("account", account), ("lifetime", lifetime)):
        yield name, spent(Loss(balance.spent_rho, balance.spent_delta)), getattr(said, name)
        cap = Loss(balance.cap_rho, balance.cap_delta)
        yield f"{name}_cap", spent(cap), getattr(said, f"{name}_cap")


def _period(books: Books, run: RunBook, release: Release) -> Iterator[Finding]:
    """The account's calendar period, if it has one: its days, what was charged in it, its cap, what is kept for others."""
    assert books.deltas is not None  # every opening has them
    found, stated = (
        books.period_spent(run.account, run.day, run.report),
        release.statement.period,
    )
    ours = found and (
        found.start,
        found.until,
        *(
            (rho, epsilon_of(rho, books.deltas.conversion))
            for rho in (found.spent_rho, found.cap.rho_units, found.reserved_rho)
        ),
    )
    theirs = stated and (
        stated.start,
        stated.until,
        *((one.rho_units, one.epsilon) for one in (stated.spent, stated.cap, stated.reserved)),
    )
    if ours != theirs:
        words = [", ".join(map(str, one)) if one else "no period" for one in (ours, theirs)]
        yield failed("spending", RELEASE, "statement.period", ours=words[0], theirs=words[1])


def _noise(evidence: Evidence, books: Books, run: RunBook, release: Release) -> list[Finding]:
    """The noise that a table states beside what the entries say was drawn for it, one statement for each of its measurements."""
    drawn = {key: _stated(books, run, key) for _, key in run.uses}
    found = []
    for table in release.tables:
        parts = _parts(evidence, table)
        if parts is not None and [noise.role for noise in table.noise] != [role for role, _ in parts]:
            theirs = ", ".join(noise.role for noise in table.noise) or "none"
            ours = ", ".join(role for role, _ in parts)
            found.append(failed("spending", RELEASE, f"{table.name}: noise", ours=ours, theirs=theirs))
            continue
        for at, noise in enumerate(table.noise):
            candidates = drawn.values() if parts is None else [drawn[parts[at][1]]]
            if not any(_same(noise, one) for one in candidates):
                place = f"{table.name}: {noise.role}"
                ours = "; ".join(map(str, candidates)) if parts else "no such draw"
                said = _Drawn(
                    noise.mechanism, noise.scale, noise.draws, noise.rho_units, noise.delta_units, noise.l2_squared,
                    noise.threshold, noise.rho_two,
                )  # fmt: skip
                found.append(failed("spending", RELEASE, place, ours=ours, theirs=said))
    return found


@dataclass(frozen=True)
class _Drawn:
    """What a table can say of the draws of one measurement."""

    mechanism: str
    scale: float
    draws: int
    rho_units: int
    delta_units: int
    l2_squared: int | None
    threshold: int | None
    rho_two: float


def _stated(books: Books, run: RunBook, key: str) -> _Drawn:
    items = [_drawn(books.runs[of], key) for of, one in sorted(run.uses) if one == key]
    first = items[0].specification
    return _Drawn(
        MECHANISMS[first.kind],
        combined_scale(tuple(item.specification.scale for item in items)),
        len(items),
        sum(item.lifetime.rho for item in items),
        sum(item.lifetime.delta for item in items),
        first.l2_squared,
        first.threshold,
        sum(_loss_two(item.specification)[0] for item in items),
    )


def _same(noise: NoiseFact, drawn: _Drawn) -> bool:
    exactly = (noise.mechanism, noise.draws, noise.rho_units, noise.delta_units, noise.threshold)
    return (
        exactly == (drawn.mechanism, drawn.draws, drawn.rho_units, drawn.delta_units, drawn.threshold)
        and drawn.l2_squared in (None, noise.l2_squared)
        and math.isclose(noise.scale, drawn.scale, rel_tol=1e-9)
        and math.isclose(noise.rho_two, drawn.rho_two, rel_tol=1e-9)
    )


def _parts(evidence: Evidence, table: ResultTable) -> list[tuple[str, str]] | None:
    """The measurements that a table's query was signed with, by role; None where nothing was signed."""
    if evidence.lock is None:
        return None
    query = evidence.lock.data["plan"]["queries"].get(table.name.partition(".")[0], {"parts": []})
    return [(part["role"], part["key"]) for part in query["parts"]]


def _two(books: Books, run: RunBook) -> Loss:
    """map(2): the loss when one party's rows of a customer change, the other's known."""
    total = Loss(0)
    for key in sorted({key for _, key in run.uses}):
        rho = delta = 0.0
        for drawn in sorted(one for one in run.uses if one[1] == key):
            item = _drawn(books.runs[drawn[0]], key)
            rho_two, delta_two = _loss_two(item.specification)
            rho, delta = rho + rho_two, delta + delta_two
        total += Loss(units_up(rho), delta_units_up(delta))
    return total


def _drawn(run: RunBook, key: str) -> ItemBook:
    return next(item for item in run.items if item.key == key)


def _loss_two(specification: Specification) -> tuple[float, float]:
    mechanism = mechanism_of(specification, unit="verification")
    return mechanism.loss(2) if isinstance(mechanism, KeyThreshold) else (mechanism.rho(2), 0.0)


def _worded(one: Spending) -> str:
    return f"epsilon {one.epsilon} ({one.rho_units} units of rho, {one.delta_units} of delta)"
