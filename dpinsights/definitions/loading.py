"""Documents from files: read, validated, checked; every problem with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dpinsights.definitions.places import NOWHERE, nearest, refuse
from dpinsights.definitions.policies import delta_problems, policy_problems
from dpinsights.definitions.reading import Written, read_file
from dpinsights.definitions.resolving import CheckedContract, check_contract, check_report
from dpinsights.definitions.validation import validate
from dpinsights.errors import DefinitionError, Problem
from dpinsights.model.contract import Contract
from dpinsights.model.policy import Policy, Sources
from dpinsights.model.report import Report

_NO_REPORTS = frozenset(
    {"contract.yaml", "policy.yaml", "sources.yaml", "trust.yaml", "calendar.yaml", "population.yaml"}
)
"""Files of a partnership's folder that are no reports; `population.yaml` is how a made-up population is drawn."""


@dataclass(frozen=True)
class Folder:
    """A partnership's definitions, all checked together.

    Attributes:
        path: the folder.
        checked: the contract, checked.
        policy: the policy, if there is one.
        reports: reports by name.
        files: the file of each report.
        sources: the operator's sources, if they lie here.
    """

    path: Path
    checked: CheckedContract
    policy: Policy | None
    reports: Mapping[str, Report]
    files: Mapping[str, Path]
    sources: Sources | None

    @property
    def contract(self) -> Contract:
        """The contract itself."""
        return self.checked.contract


def load_contract(path: Path | str) -> Contract:
    """A contract, wholly checked: fields, names, keys, bounds, and every feature's expression.

    Raises:
        DefinitionError: all problems of the file at once.
    """
    return load_checked(path).contract


def load_checked(path: Path | str) -> CheckedContract:
    """As `load_contract`, as the checked contract that queries resolve against."""
    written = read_file(path)
    return check_contract(validate(Contract, written), written.origin)


def load_report(
    path: Path | str, checked: CheckedContract | None = None, policy: Policy | None = None
) -> Report:
    """A report; with a checked contract its queries are resolved too, so that their problems have lines.

    Raises:
        DefinitionError: all problems of the file at once.
    """
    return _report(read_file(path), checked, policy)


def _report(written: Written, checked: CheckedContract | None, policy: Policy | None) -> Report:
    report = validate(Report, written)
    if checked is not None:
        check_report(report, checked, policy, written.origin)
    return report


def load_policy(path: Path | str, contract: Contract | None = None) -> Policy:
    """A policy; with a contract its deltas are checked against the number of customers.

    Raises:
        DefinitionError: all problems of the file at once.
    """
    written = read_file(path)
    policy = validate(Policy, written)
    problems = list(policy_problems(policy, written.origin))
    if contract is not None:
        problems.extend(delta_problems(policy, contract, written.origin))
        if policy.policy != contract.contract:
            message = f"this policy is of '{policy.policy}', the contract is '{contract.contract}'"
            problems.append(written.origin.problem(("policy",), "wrong-contract", message, contract.contract))
    refuse(problems)
    return policy


def load_sources(path: Path | str, contract: Contract | None = None) -> Sources:
    """The operator's sources; with a contract, each of its tables must have one.

    Raises:
        DefinitionError: all problems of the file at once.
    """
    return _sources(read_file(path), contract)


def make_sources(fields: Mapping[str, Any], contract: Contract) -> Sources:
    """Sources made in Python, checked as `load_sources` checks a file.

    Raises:
        DefinitionError: all problems at once.
    """
    return _sources(Written(fields, NOWHERE, {}, {}), contract)


def _sources(written: Written, contract: Contract | None) -> Sources:
    sources = validate(Sources, written)
    problems: list[Problem] = []
    if contract is not None:
        for name in sources.tables:
            if name not in contract.tables:
                hint = nearest(name, contract.tables) or ", ".join(contract.tables)
                message = f"no table '{name}' in the contract"
                problems.append(
                    written.origin.problem(("tables", name), "unknown-table", message, hint, of_key=True)
                )
        for name in contract.tables:
            if name not in sources.tables:
                message = f"the contract's table {name} has no source"
                problems.append(written.origin.problem(("tables",), "missing-source", message, of_key=True))
    refuse(problems)
    return sources


def load_folder(path: Path | str) -> Folder:
    """A partnership's folder: contract.yaml, policy.yaml, sources.yaml, and every report beside them.

    Raises:
        DefinitionError: all problems of all files at once; reports are only resolved against a sound contract.
    """
    folder = Path(path)
    problems: list[Problem] = []
    checked: CheckedContract | None = None
    policy: Policy | None = None
    sources: Sources | None = None
    reports: dict[str, Report] = {}
    files: dict[str, Path] = {}
    if not (folder / "contract.yaml").is_file():
        message = "a partnership's folder holds contract.yaml, and this one does not"
        raise DefinitionError((Problem(str(folder), 0, 0, "", "no-contract", message, "dpinsights init"),))
    try:
        checked = load_checked(folder / "contract.yaml")
    except DefinitionError as error:
        problems.extend(error.problems)
    contract = checked.contract if checked else None
    try:
        if (folder / "policy.yaml").is_file():
            policy = load_policy(folder / "policy.yaml", contract)
    except DefinitionError as error:
        problems.extend(error.problems)
    try:
        if (folder / "sources.yaml").is_file():
            sources = load_sources(folder / "sources.yaml", contract)
    except DefinitionError as error:
        problems.extend(error.problems)
    for file in sorted(folder.glob("*.yaml")):
        if file.name in _NO_REPORTS:
            continue
        try:
            written = read_file(file)
            if "report" not in written.data:
                message = "every other file here is a report, and this one has no field 'report'"
                refuse([written.origin.problem((), "unknown-document", message, "report: " + file.stem)])
            report = _report(written, checked, policy)
            if report.report in reports:
                message = f"'{report.report}' is the name of {files[report.report].name} as well"
                refuse([written.origin.problem(("report",), "report-twice", message)])
            reports[report.report], files[report.report] = report, file
        except DefinitionError as error:
            problems.extend(error.problems)
    refuse(problems)
    assert checked is not None
    return Folder(folder, checked, policy, MappingProxyType(reports), MappingProxyType(files), sources)
