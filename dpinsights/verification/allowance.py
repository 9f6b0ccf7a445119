"""What the ledger allows and let happen, beside what was signed: its caps and deltas, and who was charged without approval."""

from __future__ import annotations

from collections.abc import Iterator

from dpinsights.governance.accountant import LIFETIME
from dpinsights.governance.caps import caps_beyond, periods_beyond
from dpinsights.governance.extract import FILE as LEDGER
from dpinsights.mechanisms.loss import rho_units_of
from dpinsights.model.names import EXPLORATION
from dpinsights.model.numbers import exact
from dpinsights.verification.evidence import Evidence
from dpinsights.verification.findings import Finding, failed, passed


def policy(evidence: Evidence) -> Iterator[Finding]:
    """The ledger's deltas are the signed policy's, and its caps too, but for raises (which are looked at on their own)."""
    lock, entries, books = evidence.lock, evidence.entries, evidence.books
    if lock is None:
        return  # nobody signed a policy, and `permission` says so
    if entries is None or books is None or books.deltas is None:
        yield failed("unchecked", LEDGER, "caps")
        return
    signed = lock.data["policy"]
    wrong = []
    for name in ("conversion", "discovery"):
        theirs, ours = exact(signed["delta"][name]), getattr(books.deltas, name)
        if theirs != ours:
            wrong.append(failed("policy-kept", LEDGER, f"delta of {name}", signed=theirs, ledger=ours))
    epsilons = {LIFETIME: signed["lifetime"]["epsilon"]}
    epsilons |= {name: one["epsilon"] for name, one in signed["accounts"].items() if name != "_"}
    delta = exact(signed["delta"]["conversion"])
    allowed = {name: rho_units_of(exact(epsilon), delta) for name, epsilon in epsilons.items()}
    wrong += [
        failed(
            "policy-kept", LEDGER, f"cap of {one.account}",
            signed=f"epsilon {epsilons[one.account]}, {one.allowed} units of rho" if one.allowed is not None else "none",
            ledger=f"epsilon {books.balances[one.account].cap_epsilon}, {one.cap} units of rho",
        )
        for one in caps_beyond(entries, allowed)
    ]  # fmt: skip
    rules = {name: one.get("period") for name, one in signed["accounts"].items() if name != "_"}
    wanted = {
        name: (str(rule["every"]), rho_units_of(exact(rule["epsilon"]), delta))
        for name, rule in rules.items()
        if rule
    }
    for account in periods_beyond(books, wanted):
        have = books.periods.get(account)
        found = f"epsilon {have.cap.epsilon} each {have.every}" if have else "no period"
        said = f"epsilon {rules[account]['epsilon']} each {rules[account]['every']}"
        wrong.append(failed("policy-kept", LEDGER, f"period of {account}", signed=said, ledger=found))
    yield from wrong or [passed("policy-kept", LEDGER)]


def permits(evidence: Evidence) -> Iterator[Finding]:
    """Every charge over real customers that was not exploration's had an approval, and no other account is called exploration's."""
    entries = evidence.entries
    if entries is None:
        yield failed("unchecked", LEDGER, "permits")
        return
    wrong = []
    for entry in entries:
        if entry.type != "charged":
            continue
        data, place = entry.data, f"entry {entry.seq}"
        explored = data["account"] == EXPLORATION
        if (
            data["exploration"] is not explored
            or not explored
            and data["origin"] != "synthetic"
            and data["permit"] is None
        ):
            wrong.append(failed("ledger-permits", LEDGER, place, account=data["account"]))
    yield from wrong or [passed("ledger-permits", LEDGER)]
