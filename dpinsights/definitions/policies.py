"""What a policy's fields must be to each other, and what a report must keep to under a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from dpinsights.definitions.places import Origin, Path, nearest
from dpinsights.errors import Problem
from dpinsights.model.columns import columns_of
from dpinsights.model.contract import UNCLASSED, Contract, SensitivityClass
from dpinsights.model.names import EXPLORATION
from dpinsights.model.policy import Account, Policy
from dpinsights.model.report import Report
from dpinsights.model.resolved import ResolvedQuery


def policy_problems(policy: Policy, origin: Origin) -> Iterator[Problem]:
    """The problems of a policy by itself."""
    lifetime = policy.lifetime.epsilon
    for name, account in policy.accounts.items():
        path: Path = ("accounts", name)
        if account.epsilon > lifetime:
            message = f"the account's cap {account.epsilon:f} is above the lifetime cap {lifetime:f}"
            yield origin.problem((*path, "epsilon"), "account-over-lifetime", message, f"{lifetime:f}")
        if name == "lifetime":
            message = "'lifetime' is the partnership's own cap"
            yield origin.problem(path, "reserved-word", message, of_key=True)
        yield from _period_problems(account, (*path, "period"), origin)
    if policy.report is not None and policy.report.epsilon > lifetime:
        message = f"one report's ceiling {policy.report.epsilon:f} is above the lifetime cap {lifetime:f}"
        yield origin.problem(("report", "epsilon"), "report-over-lifetime", message, f"{lifetime:f}")
    for field in ("classes", "mandatory"):
        listed = getattr(policy, field)
        for place, word in enumerate(listed):
            if word in listed[:place]:
                yield origin.problem((field, place), "listed-twice", f"'{word}' stands twice in {field}")


def _period_problems(account: Account, path: Path, origin: Origin) -> Iterator[Problem]:
    period = account.period
    if period is None:
        return
    if period.epsilon > account.epsilon:
        message = f"a {period.every}'s {period.epsilon:f} is above the account's cap {account.epsilon:f}"
        yield origin.problem((*path, "epsilon"), "period-over-account", message, f"{account.epsilon:f}")
    reserved = sum(period.reserve.values(), Decimal(0))
    if reserved > period.epsilon:
        message = f"the reserves add up to {reserved:f}, above the {period.every}'s {period.epsilon:f}"
        hint = f"at most {period.epsilon:f} together"
        yield origin.problem((*path, "reserve"), "reserve-over-period", message, hint)


def delta_problems(policy: Policy, contract: Contract, origin: Origin) -> Iterator[Problem]:
    """A total delta over one in ten times the customers there can be."""
    total = policy.delta.conversion + policy.delta.discovery
    most = contract.planning.customers_at_most
    if total * 10 * most > 1:
        message = f"the deltas add up to {total:.3g}, above 1/(10 x {most:,} customers) = {1 / (10 * Decimal(most)):.3g}"
        yield origin.problem(
            ("delta",), "delta-too-large", message, f"at most {1 / (10 * Decimal(most)):.1e} together"
        )


def report_problems(report: Report, policy: Policy, origin: Origin) -> Iterator[Problem]:
    """Where a report does not keep to a policy, whatever its queries read."""
    if report.account not in policy.accounts:
        hint = nearest(report.account, policy.accounts) or ", ".join(policy.accounts)
        message = f"the policy has no account '{report.account}'"
        yield origin.problem(("account",), "unknown-account", message, hint)
        return
    yield from _budget_problems(report, policy, origin)
    if report.account == EXPLORATION:
        return  # nobody signs it, and no party sees it
    filled = {} if report.approval is None else report.approval.filled()
    for field in policy.mandatory:
        if field not in filled:
            message = f"the policy asks for approval.{field}, and the report leaves it out"
            hint = f"approval: {{{field}: {{en: ..., zh: ...}}}}"
            yield origin.problem(("approval", field), "approval-field-missing", message, hint)


def _budget_problems(report: Report, policy: Policy, origin: Origin) -> Iterator[Problem]:
    asked, path = report.budget.epsilon, ("budget", "epsilon")
    cap = min(policy.accounts[report.account].epsilon, policy.lifetime.epsilon)
    if asked > cap:
        message = f"the report may spend epsilon {asked:f}, but the account's cap is {cap:f}"
        yield origin.problem(path, "budget-over-cap", message, f"at most {cap:f}")
    elif policy.report is not None and asked > policy.report.epsilon:
        most = policy.report.epsilon
        message = f"the report may spend epsilon {asked:f}, but the policy lets one report spend {most:f}"
        yield origin.problem(path, "budget-over-ceiling", message, f"at most {most:f}")


def class_problems(
    resolved: Iterable[ResolvedQuery], contract: Contract, policy: Policy, origin: Origin
) -> Iterator[Problem]:
    """Queries that read a column, by themselves or through features, of a class that the policy doesn't allow."""
    for query in resolved:
        for name in sorted(columns_of(query)):
            found = class_of(name, contract)
            if found is not None and found not in policy.classes:
                message = (
                    f"{query.name} reads {name}, which is of class {found}, "
                    f"and the policy allows {' and '.join(policy.classes)}"
                )
                hint = "leave the column out, or have the parties change the policy"
                yield origin.problem(("queries", query.name), "class-not-allowed", message, hint, of_key=True)


def class_of(name: str, contract: Contract) -> SensitivityClass | None:
    """The class of party.table.column, `UNCLASSED` where the contract names none; None for what is no column."""
    table, _, column = name.rpartition(".")
    if table not in contract.tables or column not in contract.tables[table].columns:
        return None
    return contract.tables[table].columns[column].sensitivity or UNCLASSED
