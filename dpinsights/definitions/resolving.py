"""Definitions checked against their contract: names gone, every expression a node with a proven range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from dpinsights.definitions.contract_checks import contract_problems, figures_problems
from dpinsights.definitions.features import Features, ResolvedFeature
from dpinsights.definitions.places import NOWHERE, Origin, nearest, refuse
from dpinsights.definitions.policies import class_problems, delta_problems, report_problems
from dpinsights.definitions.queries import QueryResolver
from dpinsights.errors import DefinitionError, Problem
from dpinsights.model.canonical import digest
from dpinsights.model.contract import RESERVED, Contract
from dpinsights.model.names import EXPLORATION
from dpinsights.model.plan import Axis
from dpinsights.model.policy import Policy
from dpinsights.model.report import Period, Query, Report
from dpinsights.model.resolved import ResolvedQuery

_NO_PERIOD = Period.model_validate({"from": date(2000, 1, 1), "until": date(2000, 1, 2)})


@dataclass(frozen=True)
class CheckedContract:
    """A contract without problems. Made by `check_contract` alone."""

    contract: Contract
    _features: dict[Period, Features] = field(default_factory=dict, compare=False, repr=False)

    def over(self, period: Period) -> Features:
        """The features over a period, resolved once."""
        if period not in self._features:
            self._features[period] = Features(self.contract, period)
        return self._features[period]

    def features(self, period: Period) -> Mapping[str, ResolvedFeature]:
        """Every feature over a period: its node, its type, its level and table."""
        over = self.over(period)
        return {name: over.get(name) for name in self.contract.features}


def check_contract(contract: Contract, origin: Origin = NOWHERE) -> CheckedContract:
    """A contract, checked as a whole.

    Raises:
        DefinitionError: all problems at once.
    """
    problems, broken = contract_problems(contract, origin)
    features = Features(contract, _NO_PERIOD, broken)
    faults = [origin.at(("features", name), fault) for name, fault in features.faults().items()]
    refuse([*problems, *faults, *figures_problems(contract, features, origin)])
    return CheckedContract(contract)


def check_delta(policy: Policy, contract: Contract, origin: Origin = NOWHERE) -> None:
    """Refuse a total delta over 1/(10 x customers_at_most) (PRIVACY.md, accounting).

    Raises:
        DefinitionError: `delta-too-large`.
    """
    refuse(delta_problems(policy, contract, origin))


def resolve_query(
    name: str, query: Query, checked: CheckedContract, period: Period, origin: Origin = NOWHERE
) -> ResolvedQuery:
    """A query checked against a contract, over a period.

    Raises:
        DefinitionError: all problems at once, each with its code.
    """
    resolver = QueryResolver(name, query, checked.over(period))
    resolved = resolver.resolve()
    if resolved is None:
        refuse(origin.at(("queries", name), fault) for fault in resolver.faults)
    assert resolved is not None
    return resolved


def check_report(
    report: Report, checked: CheckedContract, policy: Policy | None = None, origin: Origin = NOWHERE
) -> tuple[ResolvedQuery, ...]:
    """A report's queries, resolved in the report's order.

    Raises:
        DefinitionError: all problems of the report at once.
    """
    problems = list(_report_problems(report, checked.contract, policy, origin))
    resolved = []
    for name, query in report.queries.items():
        try:
            resolved.append(resolve_query(name, query, checked, report.period, origin))
        except DefinitionError as error:
            problems.extend(error.problems)
    if policy is not None:
        problems.extend(class_problems(resolved, checked.contract, policy, origin))
    refuse(problems)
    return tuple(resolved)


def _report_problems(
    report: Report, contract: Contract, policy: Policy | None, origin: Origin
) -> Iterator[Problem]:
    if report.contract != contract.contract:
        message = f"this report is about the contract '{report.contract}', found '{contract.contract}'"
        yield origin.problem(("contract",), "wrong-contract", message, contract.contract)
    yield from _audience_problems(report, contract, origin)
    for name in report.queries:
        if name in RESERVED:
            message = f"'{name}' has a meaning of its own here"
            yield origin.problem(("queries", name), "reserved-word", message, f"{name}_", of_key=True)
    if policy is not None:
        yield from report_problems(report, policy, origin)


def _audience_problems(report: Report, contract: Contract, origin: Origin) -> Iterator[Problem]:
    """That a party's account pays for what that party sees, and exploration's for what no party may see."""
    if report.audience not in (*contract.parties, EXPLORATION):
        hint = nearest(report.audience, contract.parties) or " or ".join(contract.parties)
        yield origin.problem(("audience",), "unknown-party", f"'{report.audience}' is not a party", hint)
    elif report.audience != report.account and EXPLORATION in (report.audience, report.account):
        message = "what is explored is for no party: audience and account are both exploration, or neither is"
        yield origin.problem(("audience",), "audience-of-exploration", message, EXPLORATION)
    elif report.audience != report.account and report.account in contract.parties:
        message = f"the account '{report.account}' is that party's: it pays for what {report.account} sees, not {report.audience}"
        yield origin.problem(("account",), "account-of-another", message, report.audience)


def report_digests(
    report: Report, checked: CheckedContract, resolved: tuple[ResolvedQuery, ...]
) -> tuple[str, str]:
    """Two digests: of all that decides the numbers, and of all that a reader sees.

    Titles, languages, notes and the order of words in an expression don't reach the first one; margins, costs, weights
    and the planning figures do, because they decide the noise.
    """
    planning = checked.contract.planning
    numbers = {
        "period": report.period,
        "budget": report.budget,
        "confidence": report.confidence,
        "planning": {"customers": planning.customers, "customers_at_most": planning.customers_at_most},
        "queries": tuple(_deciding(query) for query in resolved),
    }
    return digest(numbers, purpose="report-numbers"), digest(
        {"report": report, "contract": checked.contract}, purpose="report"
    )


DECIDING = (
    "margin", "cost", "weight", "group_size", "at", "values_per_customer", "most", "method", "top_share", "cumulative", "out_of",
    "compare", "test",
)  # fmt: skip
"""Fields of a query that decide numbers as they are written."""


def _keys(axis: Axis) -> tuple[str, ...]:
    return tuple(key.key for key in axis.keys)


def _deciding(resolved: ResolvedQuery) -> dict[str, object]:
    return {
        "measure": resolved.measure,
        "per": resolved.per,
        "population": resolved.population,
        "rows": resolved.rows,
        "groups": resolved.groups,
        "where": resolved.where,
        "rows_where": resolved.rows_where,
        "values": tuple(
            (value.node, value.low, value.high, value.type.step, value.type.nullable)
            for value in resolved.values
        ),
        "own_groups": resolved.own_groups,
        "edges": resolved.edges,
        "groups_per_customer": resolved.groups_per_customer,
        "rows_per_customer": resolved.rows_per_customer,
        **({} if resolved.query.out_of is None else {"figures": resolved.figures}),
        **({} if resolved.query.compare is None else {"keys": tuple(_keys(axis) for axis in resolved.axes)}),
        **({} if resolved.query.interval is None else {"interval": resolved.query.interval}),
        **({} if resolved.text is None else {"text": resolved.text}),
        **{name: getattr(resolved.query, name) for name in DECIDING},
    }
