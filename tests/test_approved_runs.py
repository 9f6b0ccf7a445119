"""A report for a party runs with the signatures of exactly what runs, carries its receipt, and is never run otherwise."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from dpinsights.amending import adopt_periods
from dpinsights.approving import lock_path, read_lock, sign_lock
from dpinsights.budget import clock, open_budget, open_ledger
from dpinsights.definitions.loading import load_checked, load_policy
from dpinsights.demo import Demo, run_demo
from dpinsights.demo_signing import PASSPHRASE, sign_all
from dpinsights.errors import DefinitionError
from dpinsights.governance.approvals.approval import Terms
from dpinsights.governance.approvals.errors import (
    ApprovalError,
    LockError,
    TooFewSignaturesError,
    UnknownKeyError,
    UsedUpError,
    WrongRoleError,
)
from dpinsights.governance.approvals.keys import FileSigner
from dpinsights.governance.extract import read_extract
from dpinsights.governance.ledger.interface import Cap
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.pipeline import Released, data_of, define, run_report
from dpinsights.state import State

REPORT = "partner-quarterly.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return run_demo(tmp_path_factory.mktemp("approved") / "demo", scale=50)


@pytest.fixture
def demo(made: Demo, tmp_path: Path) -> Demo:
    """A copy of the demo that a test may spoil."""
    folder = tmp_path / "demo"
    shutil.copytree(made.folder, folder)
    moved = {
        name: folder / getattr(made, name).relative_to(made.folder) for name in ("definitions", "sources")
    }
    return replace(made, folder=folder, state=replace(made.state, folder=folder / "state"), **moved)


def run(demo: Demo, report: str = REPORT, **changes: Any) -> Released:
    """Runs a report as the demo does, unless a test wants it otherwise."""
    ledger = open_ledger(demo.state)
    given = {"signer": FileSigner.load(demo.key, PASSPHRASE), **changes}
    sources = given.pop("sources", demo.sources)
    try:
        return run_report(
            demo.definitions / report,
            ledger=ledger,
            data=lambda contract: data_of(sources, contract, demo.state.work),
            releases=demo.state.releases,
            **given,
        )
    finally:
        ledger.close()


def spent(demo: Demo) -> tuple[object, ...]:
    ledger = open_ledger(demo.state)
    try:
        return ledger.head(), ledger.balances()
    finally:
        ledger.close()


def test_a_release_carries_what_its_reader_checks(made: Demo) -> None:
    folder, release = made.released.folder, made.released.release
    assert release.approved and "NOT APPROVED" not in (folder / "report.en.html").read_text("utf-8")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    lock = read_lock(lock_path(made.definitions / REPORT))
    assert {"receipt.dsse.json", "ledger.jsonl", "approval/report.lock.json"} <= names
    assert (folder / "approval/report.lock.json").read_bytes() == lock.content
    assert sum(name.startswith("approval/") for name in names) == 4
    entries = read_extract((folder / "ledger.jsonl").read_bytes())
    charged = [entry.data["permit"]["lock"] for entry in entries if entry.type == "charged"]
    assert charged == [lock.digest] and entries[-1].type == "measured"


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        (REPORT, "margin: 75", "margin: 70", "margin"),
        (REPORT, "period: {from: 2017-10-01", "period: {from: 2017-10-02", "period"),
        ("contract.yaml", "version: 1", "version: 1 # the same", "contract.yaml"),
        ("policy.yaml", "version: 1", "version: 2", "policy"),
    ],
)
def test_what_was_not_signed_does_not_run(demo: Demo, file: str, old: str, new: str, named: str) -> None:
    before = spent(demo)
    text = (demo.definitions / file).read_text("utf-8")
    assert old in text
    (demo.definitions / file).write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(LockError, match=named):
        run(demo)
    assert spent(demo) == before


def test_a_template_that_was_not_signed_does_not_render(demo: Demo) -> None:
    (demo.definitions / "templates").mkdir()
    (demo.definitions / "templates" / "partner.html").write_text("<p>{{ doc.title }}</p>", "utf-8")
    with pytest.raises(LockError, match=re.escape("templates/partner.html")):
        run(demo)


def test_it_needs_a_lock_enough_signatures_and_an_operator(demo: Demo) -> None:
    before = spent(demo)
    with pytest.raises(LockError, match="has no lock"):
        run(demo, "channel-moves.yaml")
    with pytest.raises(ApprovalError, match="--key"):
        run(demo, signer=None)
    with pytest.raises(WrongRoleError, match="operator"):
        run(demo, signer=FileSigner.load(demo.key.with_name("author.pem"), PASSPHRASE))
    stranger = FileSigner.generate(demo.folder / "stranger.pem", b"x" * 12)
    with pytest.raises(UnknownKeyError):
        run(demo, signer=stranger)
    with pytest.raises(ApprovalError):  # every key has ended
        run(demo, now=lambda: clock() + timedelta(days=4000))
    approvals = demo.definitions / "approvals"
    one = next(approvals.glob("*/*.dsse.json"))
    one.unlink()
    with pytest.raises(TooFewSignaturesError, match="missing: "):
        run(demo)
    shutil.rmtree(approvals)
    with pytest.raises(TooFewSignaturesError):
        run(demo)
    (demo.trust).unlink()
    with pytest.raises(ApprovalError, match=re.escape("trust.yaml")):
        run(demo)
    assert spent(demo) == before


def test_a_lock_runs_as_often_as_its_signers_allow(demo: Demo) -> None:
    path = lock_path(demo.definitions / REPORT)
    today = clock().date()
    terms = Terms("compliance", today, today + timedelta(days=9), 2)  # the demo ran it once
    sign_lock(
        path, FileSigner.load(demo.key.with_name("compliance.pem"), PASSPHRASE), terms, read_lock(path).digest
    )
    again = run(demo)
    assert again.release.statement.fresh.rho_units == 0
    before = spent(demo)
    with pytest.raises(UsedUpError):
        run(demo)
    assert spent(demo) == before


def test_a_rehearsal_is_over_made_up_data_and_says_so(demo: Demo) -> None:
    page = (run(demo, "channel-moves.yaml", rehearsal=True).folder / "report.en.html").read_text("utf-8")
    assert "NOT APPROVED" in page and "Made-up population" in page
    before = spent(demo)
    real = demo.sources.with_name("real.yaml")
    real.write_text(demo.sources.read_text("utf-8").replace("origin: synthetic", "origin: real"), "utf-8")
    with pytest.raises(ApprovalError, match="made-up"):
        run(demo, "channel-moves.yaml", rehearsal=True, sources=real)
    assert spent(demo) == before


def test_what_is_explored_needs_no_signature_and_is_for_no_party(demo: Demo) -> None:
    text = (demo.definitions / "channel-moves.yaml").read_text("utf-8")
    own = re.sub(r"(audience|account): icbc", r"\1: exploration", text).replace(
        "channel-moves", "explored", 1
    )
    (demo.definitions / "explored.yaml").write_text(own, "utf-8")
    released = run(demo, "explored.yaml", signer=None)
    page = (released.folder / "report.en.html").read_text("utf-8")
    assert "EXPLORATION" in page and released.release.audience == "exploration"
    (demo.definitions / "shared.yaml").write_text(
        own.replace("audience: exploration", "audience: jd"), "utf-8"
    )
    with pytest.raises(DefinitionError, match="for no party"):
        define(demo.definitions / "shared.yaml")


def test_a_run_that_died_after_writing_writes_the_same_bytes_again(demo: Demo) -> None:
    class DiedError(Exception):
        pass

    def die(*_: object) -> None:
        raise DiedError

    with patch.object(SqliteLedger, "finish", die), pytest.raises(DiedError):
        run(demo)
    run(demo, "channel-moves.yaml", rehearsal=True)  # another run in between moves the ledger's head and sums
    folder = run(demo).folder
    assert (
        len([path for path in demo.state.releases.iterdir() if path.name.startswith("partner-quarterly")])
        == 2
    )
    ledger = open_ledger(demo.state)
    states = [entry.data["run"] for entry in ledger.entries() if entry.type == "released"]
    ledger.close()
    assert any(folder.name.endswith(run_id) for run_id in states)


def test_a_ledger_that_allows_more_than_what_was_signed_runs_nothing(demo: Demo) -> None:
    ledger = open_ledger(demo.state)
    cap = next(balance.cap_rho for balance in ledger.balances() if balance.account == "jd")
    ledger.amend("jd", Cap(cap + 1, "4.0001"))  # as a program can, which the command line refuses
    ledger.close()
    before = spent(demo)
    with pytest.raises(ApprovalError, match="jd"):
        run(demo)
    assert spent(demo) == before
    policy = demo.definitions / "policy.yaml"
    other = State(demo.folder / "other")
    checked = load_checked(demo.definitions / "contract.yaml")
    generous = load_policy(policy, checked.contract)
    generous = generous.model_copy(
        update={"lifetime": generous.lifetime.model_copy(update={"epsilon": Decimal(80)})}
    )
    open_budget(generous, checked.contract, other).close()
    with pytest.raises(ApprovalError, match="cap of lifetime is more than the policy"):
        run(replace(demo, state=other))


def test_a_rehearsal_never_spends_what_is_for_real_customers(demo: Demo) -> None:
    real = demo.sources.with_name("real.yaml")
    text = demo.sources.read_text("utf-8").replace("origin: synthetic", "origin: real")
    real.write_text(re.sub(r"(?m)^snapshot: .*$", "snapshot: real", text), "utf-8")
    assert run(demo, sources=real).release.origin == "real"
    before = spent(demo)
    with pytest.raises(ApprovalError, match="open one of its own"):
        run(demo, "channel-moves.yaml", rehearsal=True)
    assert spent(demo) == before


def test_the_operator_may_hold_a_trust_file_of_their_own(demo: Demo) -> None:
    own = demo.folder / "trust.yaml"
    shutil.copy(demo.trust, own)
    demo.trust.write_text("trust: nonsense", "utf-8")
    assert run(demo, trust=own).release.approved


def test_a_period_that_was_signed_is_in_the_ledger(demo: Demo) -> None:
    """Signed after the ledger was opened: nothing runs until the ledger has it, and a larger one is none."""
    policy = demo.definitions / "policy.yaml"
    text = policy.read_text("utf-8")
    period = "jd: {epsilon: 4, period: {every: quarter, epsilon: 2}}"
    assert "jd: {epsilon: 4}" in text
    policy.write_text(text.replace("jd: {epsilon: 4}", period), "utf-8")
    (demo.trust).unlink()
    key = sign_all(demo.definitions / REPORT, demo.folder / "new-keys", clock().date())
    with pytest.raises(ApprovalError, match="periods of jd"):
        run(demo, signer=key)
    ledger = open_ledger(demo.state)
    checked = load_checked(demo.definitions / "contract.yaml")
    made = adopt_periods(ledger, load_policy(policy, checked.contract))
    assert len(made) == 1 and adopt_periods(ledger, load_policy(policy, checked.contract)) == ()
    ledger.close()
    released = run(demo, signer=key).release
    assert released.statement.period is not None and released.statement.period.cap.epsilon <= 2
