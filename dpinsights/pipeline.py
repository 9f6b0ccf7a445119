"""The steps on one screen: define, plan, approve and charge, aggregate, privatize, estimate, report; `verification` is the last.

`run_report` is the whole line; a notebook shares `measure` and `release_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dpinsights.approving import check_lock, lock_path, own_templates, read_lock
from dpinsights.approving import lock_of as make_lock_of
from dpinsights.definitions.loading import load_checked, load_policy, load_report, load_sources
from dpinsights.definitions.resolving import CheckedContract, check_report, report_digests
from dpinsights.errors import LedgerError, MeasurementError
from dpinsights.estimation.estimates import Loss, tables
from dpinsights.governance.approvals.keys import Signer
from dpinsights.governance.approvals.lock import Lock
from dpinsights.governance.ledger.interface import Ledger, Permit, Run, Spent
from dpinsights.governance.spending import changes
from dpinsights.measurement.aggregation import BoundsViolated, exact_vectors
from dpinsights.measurement.customers import Reader
from dpinsights.measurement.engines.duckdb import DuckDb
from dpinsights.measurement.privatizing import privatize
from dpinsights.mechanisms.loss import epsilon_of
from dpinsights.mechanisms.noise import units_up
from dpinsights.mechanisms.stated import stated_loss
from dpinsights.mechanisms.threshold import delta_units_up
from dpinsights.model.contract import Contract
from dpinsights.model.labels import reader_names
from dpinsights.model.names import EXPLORATION, FrozenMap
from dpinsights.model.noisy import NoisyVector, State
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Policy, Sources
from dpinsights.model.release import PeriodSpending, Provenance, Release, Signature, Spending, Statement
from dpinsights.model.report import Report
from dpinsights.model.resolved import ResolvedQuery
from dpinsights.permitting import Permission, check_approved, check_caps, check_operator, check_rehearsal
from dpinsights.planning.planning import make_plan
from dpinsights.reporting.files import bundle, write_release
from dpinsights.sealing import last_day, release_digest, runs_of, sealed

NO_ACCOUNT_MAP = "none"
"""The map version of a snapshot whose two parties already share customer ids."""

LEASE = timedelta(minutes=10)
"""How long a run that died without a word keeps others from going on with it; fences keep a slower one harmless."""
STOPPED_WHILE_DRAWING = (
    "The engine stopped while released keys were read. Noise was drawn and nothing of it released: the charge is kept, "
    "and to run again is a new charge."
)
STAGES = ("define", "plan", "approve", "charge", "aggregate", "privatize", "estimate", "report")

Stage = Callable[[str], None]
"""Told the name of each stage as it begins: a fixed list, so that it says nothing of the data."""


@dataclass(frozen=True)
class Definitions:
    """A report's definitions, checked together.

    Attributes:
        folder: where templates and the like are looked for.
    """

    folder: Path
    checked: CheckedContract
    policy: Policy
    report: Report
    queries: tuple[ResolvedQuery, ...]

    @property
    def contract(self) -> Contract:
        """The contract."""
        return self.checked.contract


def define(path: Path) -> Definitions:
    """Step 1: a report with the contract and the policy beside it.

    Raises:
        DefinitionError: all problems of a file at once.
    """
    folder = path.parent
    checked = load_checked(folder / "contract.yaml")
    policy = load_policy(folder / "policy.yaml", checked.contract)
    report = load_report(path, checked, policy)
    return Definitions(folder, checked, policy, report, check_report(report, checked, policy))


def plan(definitions: Definitions) -> Plan:
    """Step 2: measurements, cost, noise and expected margins; no data is read."""
    digests = report_digests(definitions.report, definitions.checked, definitions.queries)
    return make_plan(
        definitions.report, definitions.queries, definitions.contract, definitions.policy, digests
    )


@dataclass(frozen=True)
class Data:
    """Where the rows are, for one run: the operator's sources and how to reach them."""

    sources: Sources
    folder: Path
    work: Path
    frames: Mapping[str, Any] | None = None

    @contextmanager
    def reader(self, contract: Contract) -> Iterator[Reader]:
        """The sources opened and their schemas checked; no row is read."""
        engine = DuckDb(self.sources, folder=self.folder, work=self.work, frames=self.frames)
        try:
            yield Reader(contract, engine)
        finally:
            engine.close()


def data_of(sources: Path, contract: Contract, work: Path) -> Data:
    """The data that a sources file names."""
    return Data(load_sources(sources, contract), sources.parent, work)


def measure(
    planned: Plan,
    contract: Contract,
    data: Data,
    ledger: Ledger,
    stage: Stage,
    permit: Permit | None = None,
) -> Run:
    """Steps 3 to 5: charge, aggregate, privatize, each durable before the next; returns the measured run.

    What was measured already on this snapshot, precisely enough, is neither charged nor drawn again. The ledger
    decides; a run that was charged but not drawn goes on without a new charge. `permit` says what allows a run for a party.
    """
    if ledger.partnership != planned.partnership:
        raise LedgerError(
            f"the ledger is of partnership {ledger.partnership}, the contract of {planned.partnership}: name the right "
            "--state, or write the ledger's identity into the contract"
        )
    with data.reader(contract) as reader:
        stage("charge")
        ledger.register_snapshot(data.sources.snapshot, planned.contract_digest, NO_ACCOUNT_MAP)
        run = ledger.charge(
            planned,
            snapshot=data.sources.snapshot,
            origin=data.sources.origin,
            exploration=planned.account == EXPLORATION,
            lease=LEASE,
            permit=permit,
            epsilon_of=lambda units: str(epsilon_of(units, planned.conversion_delta)),
        )
        if run.state is not State.CHARGED:
            return run
        stage("aggregate")
        draws = [planned.draw(key) for key in run.fresh]
        try:
            exact = exact_vectors([draw.measurement for draw in draws], reader)
        except BoundsViolated:
            ledger.freeze(planned.account, "bounds-violated")
            ledger.abandon(run, "bounds-violated")
            raise
        except BaseException:
            ledger.let_go(run)
            raise
        stage("privatize")
        run = ledger.begin_drawing(run)
        try:
            noisy = privatize(draws, exact, partnership=planned.partnership, snapshot=run.snapshot)
        except MeasurementError:
            # Released keys are read from the engine, which may stop like before, but noise has been drawn by now.
            raise MeasurementError(STOPPED_WHILE_DRAWING) from None
        return ledger.store(run, noisy)


def release_of(
    planned: Plan,
    report: Report,
    contract: Contract,
    run: Run,
    ledger: Ledger,
    *,
    origin: str,
    stage: Stage,
    permission: Permission | None = None,
) -> Release:
    """Step 6: the noisy vectors of a run as estimates, with the statement of what they cost."""
    stage("estimate")
    vectors, spent = ledger.vectors(run), ledger.spent_by(run)
    losses = {key: _loss(planned, key, drawn) for key, drawn in vectors.items()}
    default_title = FrozenMap({"en": report.report.replace("-", " ")})
    return Release(
        release=f"{report.report}-{run.id}",
        report=report.report,
        version=report.version,
        contract=planned.contract,
        partnership=planned.partnership,
        contract_digest=planned.contract_digest,
        measurement_digest=planned.measurement_digest,
        reader_digest=planned.reader_digest,
        title=report.title or default_title,
        summary=report.summary,
        parties=FrozenMap({name: party.name for name, party in contract.parties.items()}),
        audience=report.audience,
        account=report.account,
        start=report.period.start,
        until=report.period.until,
        released_on=spent.day,
        confidence=planned.confidence,
        origin=origin,
        approved=permission is not None,
        statement=_statement(planned, spent, losses),
        tables=tables(planned, vectors, losses),
        names=reader_names(contract, planned.queries),
        terms=FrozenMap(dict(report.approval.filled().items()) if report.approval else {}),
        provenance=_provenance(spent, permission),
        versions=FrozenMap({name: version(name) for name in ("dpinsights", "opendp", "duckdb")}),
    )


def _provenance(spent: Spent, permission: Permission | None) -> Provenance:
    at = spent.position
    if permission is None:
        return Provenance(at.seq, at.hash)
    counted = permission.approved.approvals
    signatures = tuple(Signature(one.owner, one.terms.role, one.party) for one in counted)
    return Provenance(at.seq, at.hash, permission.lock.digest, permission.approved.digest, signatures)


def _loss(planned: Plan, key: str, drawn: tuple[NoisyVector, ...]) -> Loss:
    """OpenDP's map(1) and map(2), added over a measurement's draws."""
    measurement, unit = planned.draw(key).measurement, planned.partnership
    losses = [
        stated_loss(measurement, unit=unit, scale=vector.scale, threshold=vector.threshold)
        for vector in drawn
    ]
    return Loss(*(sum(parts) for parts in zip(*losses, strict=True)))


def _statement(planned: Plan, spent: Spent, losses: Mapping[str, Loss]) -> Statement:
    def spending(rho: int, delta: int) -> Spending:
        return Spending(rho, epsilon_of(rho, planned.conversion_delta), delta)

    account, lifetime, period = spent.account, spent.lifetime, spent.period
    return Statement(
        privacy_unit="customer",
        adjacency="add-or-remove-one-customer",
        measure="approximate zCDP",
        report=spending(spent.seen_rho, spent.seen_delta),
        report_two=spending(
            sum(units_up(loss.rho_two) for loss in losses.values()),
            sum(delta_units_up(loss.delta_two) for loss in losses.values()),
        ),
        fresh=spending(spent.fresh_rho, spent.fresh_delta),
        account=spending(account.spent_rho, account.spent_delta),
        account_cap=spending(account.cap_rho, account.cap_delta),
        lifetime=spending(lifetime.spent_rho, lifetime.spent_delta),
        lifetime_cap=spending(lifetime.cap_rho, lifetime.cap_delta),
        conversion_delta=planned.conversion_delta,
        discovery_delta=planned.discovery_delta,
        snapshot_map=NO_ACCOUNT_MAP,
        amendments=changes((*spent.amendments, *spent.period_changes)),
        period=PeriodSpending(
            start=period.start,
            until=period.until,
            spent=spending(period.spent_rho, 0),
            cap=spending(period.cap.rho_units, 0),
            reserved=spending(period.reserved_rho, 0),
        )
        if period
        else None,
    )


@dataclass(frozen=True)
class Released:
    """What `run_report` gives back: the release, and the folder that holds its files."""

    release: Release
    folder: Path


def run_report(
    path: Path,
    *,
    ledger: Ledger,
    data: Callable[[Contract], Data],
    releases: Path,
    signer: Signer | None = None,
    rehearsal: bool = False,
    trust: Path | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    stage: Stage = lambda _: None,
) -> Released:
    """All steps, from a report's definition to its files.

    Args:
        path: the report's YAML; contract.yaml, policy.yaml, trust.yaml, the report's lock and approvals/ lie beside it.
        ledger: the partnership's, open.
        data: the sources, given the contract.
        releases: where the release's folder is made.
        signer: an operator's key, which signs the receipt; a report for a party needs one.
        rehearsal: runs a report that nobody approved, over made-up data alone; its pages say NOT APPROVED.
        trust: the operator's own copy of the trust file; else the one beside the report.
        now: the clock; approvals must count on its day and on the ledger's last.
        stage: told each stage as it begins.

    Raises:
        ApprovalError: if the report is for a party, and not enough have signed exactly what would run, or the signer is
            no operator's; nothing was charged.
    """
    stage("define")
    definitions = define(path)
    stage("plan")
    planned = plan(definitions)
    rows = data(definitions.contract)
    stage("approve")
    permission = None
    if rehearsal:
        check_rehearsal(rows.sources.origin, ledger.entries())
    elif definitions.report.audience != EXPLORATION:
        permission = _permission(path, definitions, planned, ledger, now().date(), signer, trust)
    run = measure(
        planned, definitions.contract, rows, ledger, stage, permission.permit if permission else None
    )
    release = release_of(
        planned,
        definitions.report,
        definitions.contract,
        run,
        ledger,
        origin=rows.sources.origin,
        stage=stage,
        permission=permission,
    )
    stage("report")
    templates = definitions.folder / "templates"
    pages = bundle(
        release, template=definitions.report.template, templates=templates if templates.is_dir() else None
    )
    if permission is not None:
        check_operator(signer, permission.trust, release.released_on)
        # Templates were read a second time for the pages.
        check_lock(permission.lock, lock_of(path, definitions, planned, permission.lock.author), path.name)
    files = sealed(pages, own_templates(definitions.folder), release, run, ledger, permission, signer)
    folder = releases / release.release
    write_release(files, folder)
    ledger.finish(run, release_digest(files))
    return Released(release, folder)


def lock_of(path: Path, definitions: Definitions, planned: Plan, author: str) -> Lock:
    """The lock of a report as it is defined now."""
    return make_lock_of(
        path,
        definitions.report,
        definitions.contract,
        definitions.policy,
        planned,
        author=author,
        map_version=NO_ACCOUNT_MAP,
    )


def _permission(
    path: Path,
    definitions: Definitions,
    planned: Plan,
    ledger: Ledger,
    today: date,
    signer: Signer | None,
    trust: Path | None,
) -> Permission:
    """Step 3, its first half: what will run is what was signed, by enough, and an operator can sign the receipt."""
    locked = lock_path(path)
    author = read_lock(locked).author if locked.exists() else "unknown"  # and then it is refused below
    entries = ledger.entries()
    on = max(today, last_day(entries))
    fresh = lock_of(path, definitions, planned, author)
    permission = check_approved(fresh, path, on, runs=runs_of(entries, fresh.digest), trust_file=trust)
    check_operator(signer, permission.trust, on)
    check_caps(entries, definitions.policy, permission.trust)
    return permission
