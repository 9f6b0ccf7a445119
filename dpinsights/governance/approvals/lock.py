"""The lock: all that a report's numbers and pages come from, written out before anyone signs.

A lock is canonical JSON (RFC 8785) whose numbers are decimal texts and whose noise scales are hexadecimal texts, so the
same definitions give the same bytes. Its digest is the SHA-256 of the file, as `sha256sum` prints it. It holds the
report, the contract and the policy as they are understood and, by digest, the first two as they are written; so a
comment can't be changed unseen either. No source, snapshot or ledger reaches it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import rfc8785

from dpinsights.governance.approvals.errors import LockError
from dpinsights.governance.approvals.statement import Subject
from dpinsights.governance.approvals.strict import exactly, strict_json
from dpinsights.model.canonical import canonical_bytes, digest
from dpinsights.model.columns import columns_of
from dpinsights.model.contract import Contract
from dpinsights.model.numbers import exact
from dpinsights.model.plan import Plan, PlannedQuery
from dpinsights.model.policy import Approver, Policy
from dpinsights.model.report import MEASURES, Report
from dpinsights.model.trust import Quorum, Role

FORMAT = "2"
"""The version of the lock's format."""

_WHOLE = re.compile(r"[0-9]{1,30}")

_FIELDS = (
    "lock", "author", "report", "contract", "policy", "digests", "files", "templates", "plan", "seed", "map_version", "versions",
)  # fmt: skip


@dataclass(frozen=True)
class Lock:
    """A lock's bytes; `parse_lock` and `make_lock` make it."""

    content: bytes

    @cached_property
    def data(self) -> dict[str, Any]:
        """The lock as JSON data."""
        data: dict[str, Any] = strict_json(self.content)
        return data

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def author(self) -> str:
        """Who wrote the report, by the name that trust.yaml knows."""
        return str(self.data["author"])

    @property
    def report(self) -> str:
        """The report's name."""
        return str(self.data["report"]["report"])

    @property
    def version(self) -> str:
        """The report's version."""
        return str(self.data["report"]["version"])

    @property
    def contract(self) -> str:
        """The contract's name."""
        return str(self.data["contract"]["contract"])

    @property
    def partnership(self) -> str:
        """The ledger's identity."""
        return str(self.data["plan"]["partnership"])

    @property
    def audience(self) -> str:
        """The party that may see the report."""
        return str(self.data["report"]["audience"])

    @property
    def account(self) -> str:
        """The account that is charged."""
        return str(self.data["report"]["account"])

    @property
    def parties(self) -> tuple[str, ...]:
        """The contract's parties."""
        return tuple(sorted(self.data["contract"]["parties"]))

    @property
    def signers(self) -> dict[Role, Quorum]:
        """How many persons the policy asks for, by role; the trust file may ask for more."""
        return {role: _quorum(asked) for role, asked in self.data["policy"]["signers"].items()}

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What a signature is about: the lock, and the files that went into it."""
        parts: Mapping[str, str] = {**self.data["files"], **self.data["templates"]}
        named = [Subject(name, parts[name]) for name in sorted(parts)]
        return (Subject(f"{self.report}.lock.json", self.digest), *named)


def make_lock(
    report: Report,
    contract: Contract,
    policy: Policy,
    plan: Plan,
    *,
    author: str,
    files: Mapping[str, bytes],
    templates: Mapping[str, bytes],
    seed: str,
    map_version: str,
    versions: Mapping[str, str],
) -> Lock:
    """The lock of a report, the same bytes for the same arguments.

    Args:
        report, contract, policy: the definitions, checked.
        plan: made from them and from nothing else.
        author: who wrote the report, by the name that trust.yaml knows.
        files: the report's and the contract's file, as `report.yaml` and `contract.yaml`.
        templates: every template that a page can be made of, by its path.
        seed: the selection order's.
        map_version: the account map's.
        versions: of the packages whose change could change a number; kept as major.minor.

    Raises:
        LockError: if the contract has no partnership yet.
    """
    if contract.partnership is None:
        raise LockError(
            f"the contract {contract.contract} has no partnership: what is signed must name its ledger "
            "(dpinsights budget open gives it)"
        )
    data = {
        "lock": FORMAT,
        "author": author,
        "report": report,
        "contract": contract,
        "policy": policy,
        "digests": {
            "contract": plan.contract_digest,
            "measurement": plan.measurement_digest,
            "reader": plan.reader_digest,
            "policy": digest(policy, purpose="policy"),
        },
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "templates": {name: hashlib.sha256(content).hexdigest() for name, content in templates.items()},
        "plan": _plan(plan),
        "seed": seed,
        "map_version": map_version,
        "versions": {name: ".".join(version.split(".")[:2]) for name, version in versions.items()},
    }
    return Lock(canonical_bytes(data))


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "partnership": plan.partnership,
        "budget_units": plan.budget_units,
        "rho_units": plan.rho_units,
        "delta_units": sum(draw.delta_units for draw in plan.draws),
        "conversion_delta": plan.conversion_delta,
        "discovery_delta": plan.discovery_delta,
        "draws": {
            draw.key: {
                "l2_squared": draw.measurement.l2_squared,
                "scale": draw.scale,
                "rho_units": draw.rho_units,
                "delta_units": draw.delta_units,
                "threshold": draw.threshold,
                "specification": draw.specification,
            }
            for draw in plan.draws
        },
        "families": digest(plan.families, purpose="families"),
        "queries": {query.name: _query(query, plan) for query in plan.queries},
    }


def _query(query: PlannedQuery, plan: Plan) -> dict[str, Any]:
    draws = [plan.draw(key) for key in dict.fromkeys(query.keys)]
    return {
        "estimates": query.estimates,
        "columns": sorted({column for draw in draws for column in columns_of(draw.measurement)}),
        "population": query.population,
        "per": query.per,
        "groups_per_customer": query.k,
        "rows_per_customer": query.r,
        "rank": query.rank,
        "parts": [{"role": part.role, "key": part.key, "cells": part.cells} for part in query.parts],
        "forecasts": [
            {"margin": forecast.margin, "customers": forecast.customers} for forecast in query.forecasts
        ],
        "rho_units": sum(draw.rho_units for draw in draws),
        "delta_units": sum(draw.delta_units for draw in draws),
    }


def _quorum(asked: Mapping[str, Any]) -> Quorum:
    return Quorum.model_validate({name: int(number) for name, number in asked.items() if name != "_"})


def parse_lock(content: bytes, name: str) -> Lock:
    """The lock that a file holds.

    Raises:
        LockError: if it is not, byte for byte, what `make_lock` writes.
    """
    try:
        data = exactly(strict_json(content), _FIELDS, "a lock")
        if data["lock"] != FORMAT:
            raise ValueError(f"its format is {FORMAT}")
        if rfc8785.dumps(data) != content:
            raise ValueError("it is not written canonically")
        if not _is_whole(data):
            raise ValueError("a part of it is missing")
    except ValueError as fault:
        raise LockError(
            f"{name} is no lock as dpinsights writes it: {fault}; make it again with dpinsights lock"
        ) from None
    return Lock(content)


def _is_whole(data: Mapping[str, Any]) -> bool:
    """Whether all is there that is read from a lock without being compared."""
    try:
        report, plan, contract = data["report"], data["plan"], data["contract"]
        texts = [data["author"], data["map_version"], contract["contract"], plan["partnership"]]
        texts += [report[name] for name in ("report", "version", "audience", "account")]
        texts += [report["period"]["start"], report["period"]["until"], data["digests"]["policy"]]
        texts += [*data["files"].values(), *data["templates"].values()]
        numbers = [plan["rho_units"]]
        signers = {role: _quorum(asked) for role, asked in data["policy"]["signers"].items()}
        names = [name for name, _ in report["queries"]]
        for name, asked in report["queries"]:
            planned = plan["queries"][name]
            numbers += [planned["rho_units"], planned["delta_units"]]
            texts += [planned["population"], *planned["columns"]]
            texts += [forecast["margin"] for forecast in planned["forecasts"]]
            shaped = {"parts", "groups_per_customer", "rows_per_customer"} <= planned.keys()
            if not shaped or not any(measure in asked for measure in MEASURES):
                return False
            if not all({"margin", "customers"} == forecast.keys() for forecast in planned["forecasts"]):
                return False
        texts += [data["policy"]["version"], data["policy"]["lifetime"]["epsilon"]]
        texts += [data["policy"]["accounts"][report["account"]]["epsilon"], *data["policy"]["classes"]]
        texts += numbers
        return (
            all(isinstance(text, str) and text for text in texts)
            and all(_WHOLE.fullmatch(number) for number in numbers)
            and len(set(names)) == len(names)
            and names == [name for name in names if isinstance(name, str)]
            and set(names) == set(plan["queries"])
            and len(contract["parties"]) > 0
            and set(signers) <= set(get_args(Approver))
            and bool(data["files"])
            and 0 < exact(plan["conversion_delta"]) < 1
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        return False
