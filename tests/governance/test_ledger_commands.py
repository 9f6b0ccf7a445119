"""The ledger's commands as an operator types them: doctor, resolve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from dpinsights.cli import app
from dpinsights.errors import LedgerError
from dpinsights.governance.approvals.errors import ApprovalError
from dpinsights.governance.approvals.receipt import receipt_bytes
from dpinsights.governance.extract import extract_bytes
from dpinsights.governance.ledger.interface import Ledger
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.mechanisms.stated import units_of
from dpinsights.model.measurement import Specification
from dpinsights.state import State
from tests.governance.approvals.house import signer
from tests.governance.approvals.test_receipt import OPERATOR, facts, with_operator
from tests.governance.house import PARTNERSHIP, House, draw, plan

RHO, _ = units_of(Specification("discrete-gaussian", 10_000.0, 1, l2_squared=1))


class Office(House):
    """A house whose ledger lies in a state directory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lifetime=10**6, jd=10**6)
        self.state = State(folder / "state")
        self.state.prepare()
        self.path.rename(self.state.ledger)
        self.ledger.close()
        self.ledger = SqliteLedger.open(self.state.ledger, clock=self.clock, owner="first")

    def run(self, *words: str | Path) -> Result:
        """Runs a command of the ledger's."""
        return CliRunner().invoke(app, ["ledger", *map(str, words), "--state", str(self.state.folder)])


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """A ledger with one release."""
    office = Office(tmp_path)
    office.release(plan("jd", draw("a", RHO, 10_000.0)))
    return office


def test_a_sound_ledger(office: Office) -> None:
    done = office.run("doctor")
    assert done.exit_code == 0, done.output
    head = office.ledger.head()
    assert (
        f"{head.seq} entries, the last is {head.hash}" in done.output and "no fault was found" in done.output
    )
    assert "jd: ε" in done.output


def test_unfinished_charges_fail_only_if_asked(office: Office) -> None:
    office.charge(plan("jd", draw("b", RHO, 10_000.0)))
    done = office.run("doctor")
    assert done.exit_code == 0 and "warning: run " in done.output and "(charge-charged)" in done.output
    strict = office.run("doctor", "--strict")
    assert strict.exit_code == LedgerError.exit_code
    assert "no fault was found" not in strict.output


def test_an_understated_loss_fails(office: Office) -> None:
    office.release(plan("jd", draw("b", RHO - 1, 10_000.0)))
    done = office.run("doctor")
    assert done.exit_code == LedgerError.exit_code and "fault: entry 7 charges run" in done.output


def test_the_doctor_changes_nothing(office: Office) -> None:
    before = office.state.ledger.read_bytes()
    office.run("doctor")
    assert office.state.ledger.read_bytes() == before


def test_a_freeze_ends(office: Office) -> None:
    office.ledger.freeze("jd", "bounds-violated")
    assert "dpinsights ledger resolve jd" in office.run("doctor").output
    done = office.run("resolve", "jd")
    assert done.exit_code == 0 and "jd can be charged again" in done.output
    assert "(account-frozen)" not in office.run("doctor").output
    again = office.run("resolve", "jd")
    assert isinstance(again.exception, LedgerError) and "is not frozen" in str(again.exception)


class Party:
    """What a party keeps of a release: its receipt, the ledger's extract beside it, and the trust file."""

    def __init__(self, folder: Path, ledger: Ledger, **changes: Any) -> None:
        folder.mkdir()
        self.receipt, self.trust = folder / "receipt.dsse.json", folder / "trust.yaml"
        head, extract = ledger.head(), extract_bytes(ledger.entries())
        said = facts(**{"seq": head.seq, "hash": head.hash, "partnership": PARTNERSHIP, **changes})
        self.receipt.write_bytes(receipt_bytes(said, {"ledger.jsonl": extract}, signer(OPERATOR)))
        (folder / "ledger.jsonl").write_bytes(extract)
        self.trust.write_text(with_operator().model_dump_json(by_alias=True, exclude_none=True))

    def options(self) -> tuple[str | Path, ...]:
        """The doctor's options."""
        return ("--receipt", self.receipt, "--trust", self.trust)


def test_a_ledger_that_goes_on_from_a_receipt(office: Office, tmp_path: Path) -> None:
    party = Party(tmp_path / "party", office.ledger)
    office.release(plan("jd", draw("b", RHO, 10_000.0)))
    done = office.run("doctor", *party.options())
    assert done.exit_code == 0, (done.output, done.exception)
    assert "goes on from entry 6, which the receipt names" in done.output


def test_an_old_copy_is_noticed(office: Office, tmp_path: Path) -> None:
    old = office.state.ledger.read_bytes()
    office.release(plan("jd", draw("b", RHO, 10_000.0)))
    party = Party(tmp_path / "party", office.ledger)
    office.ledger.close()
    office.state.ledger.write_bytes(old)
    cut = office.run("doctor", *party.options())
    assert cut.exit_code == LedgerError.exit_code and "(ledger-shortened)" in cut.output
    assert "goes on from" not in cut.output
    office.ledger = SqliteLedger.open(office.state.ledger, clock=office.clock, owner="first")
    office.release(plan("jd", draw("c", RHO, 10_000.0)))
    forked = office.run("doctor", *party.options())
    assert forked.exit_code == LedgerError.exit_code and "(ledger-forked)" in forked.output
    assert "goes another way from entry 7 on" in forked.output


def test_a_receipt_is_checked_first(office: Office, tmp_path: Path) -> None:
    party = Party(tmp_path / "party", office.ledger)
    alone = office.run("doctor", "--receipt", party.receipt)
    assert alone.exit_code == 2 and "go together" in alone.output
    missing = office.run("doctor", "--receipt", tmp_path / "none", "--trust", party.trust)
    assert "name the receipt.dsse.json of a release" in str(missing.exception)
    text = party.receipt.read_text()
    (party.receipt.parent / "ledger.jsonl").write_bytes(b"{}\n")
    other = office.run("doctor", *party.options())
    assert "is not the file that the receipt names" in str(other.exception)
    party.receipt.write_text(text.replace('"sig":"', '"sig":"AAAA', 1))
    altered = office.run("doctor", *party.options())
    assert isinstance(altered.exception, ApprovalError)
    stranger = Party(tmp_path / "stranger", office.ledger, partnership="0123456789abcdef")
    done = office.run("doctor", *stranger.options())
    assert done.exit_code == LedgerError.exit_code and "(other-ledger)" in done.output
