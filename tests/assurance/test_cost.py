"""What a report costs is what OpenDP's maps say of the objects that drew, to the unit, for every report."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from shutil import copytree
from typing import Any
from unittest.mock import patch

import pytest

from dpinsights.budget import open_budget
from dpinsights.definitions.loading import load_policy
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.release import Release
from dpinsights.pipeline import data_of, define, plan, run_report
from dpinsights.state import State
from tests.assurance import frozen

FOLDERS = sorted(folder.name for folder in frozen.REPORTS.iterdir() if folder.is_dir())
FAST = ("gongyin-xiaobai", "abc-baidu")
NOT_REPORTS = ("trust", "contract", "policy", "population", "sources")


@dataclass
class Drawn:
    """The loss of each draw, from the very OpenDP object that drew."""

    one: list[float] = field(default_factory=list)
    two: list[float] = field(default_factory=list)

    @property
    def units(self) -> int:
        """The charge, worked out anew: each map(1) rounded up to whole units of 1e-12."""
        return _units(self.one)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Intercepts `GaussianNoise.draw`."""
        real = GaussianNoise.draw

        def draw(noise: GaussianNoise, take: Callable[[], Any]) -> Any:
            self.one.append(noise._measurement.map(1))
            self.two.append(noise._measurement.map(2))
            return real(noise, take)

        with patch.object(GaussianNoise, "draw", draw):
            yield


def _units(losses: list[float]) -> int:
    return sum(math.ceil(Fraction(loss) * 10**12) for loss in losses)


@dataclass
class Desk:
    """A partnership's definitions in a folder of their own, with a small population and an open ledger."""

    folder: Path
    sources: Path
    state: State
    ledger: SqliteLedger

    def run(self, report: str) -> tuple[Release, Drawn]:
        """Runs a report and tells what was drawn."""
        drawn = Drawn()
        with drawn.watching():
            released = run_report(
                self.folder / f"{report}.yaml",
                ledger=self.ledger,
                data=lambda contract: data_of(self.sources, contract, self.state.work),
                releases=self.state.releases,
                rehearsal=True,
                now=lambda: frozen.NOON,
            )
        return released.release, drawn

    def spent(self) -> dict[str, int]:
        """What each account has spent."""
        return {balance.account: balance.spent_rho for balance in self.ledger.balances()}

    def edit(self, report: str, changed: str, *edits: tuple[str, str]) -> None:
        """Writes a changed copy of a report under another name."""
        text = (self.folder / f"{report}.yaml").read_text("utf-8")
        for pattern, replacement in ((rf"^report: {report}$", f"report: {changed}"), *edits):
            text, made = re.subn(pattern, replacement, text, count=1, flags=re.M)
            assert made, pattern
        (self.folder / f"{changed}.yaml").write_text(text, "utf-8")


@contextmanager
def _desk(name: str, scratch: Path) -> Iterator[Desk]:
    line = frozen.partnership(name, "partner-quarterly", scratch / "made", customers=150)
    sources = frozen.write_tables(line.tables, scratch / "data")
    folder = scratch / name
    copytree(line.folder, folder)
    state = State(scratch / "state")
    policy = load_policy(folder / "policy.yaml", line.contract)
    ledger = open_budget(policy, line.contract, state)
    try:
        yield Desk(folder, sources, state, ledger)
    finally:
        ledger.close()


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in FAST else pytest.mark.slow) for n in FOLDERS]
)
def test_charges_are_the_maps_of_what_drew(name: str, tmp_path: Path) -> None:
    """Account, lifetime and statement, exactly; and a rerun is free."""
    with _desk(name, tmp_path) as desk:
        for file in sorted(desk.folder.glob("*.yaml")):
            if file.stem in NOT_REPORTS:
                continue
            before = desk.spent()
            release, drawn = desk.run(file.stem)
            after, statement = desk.spent(), release.statement
            planned = plan(define(file))
            assert len(drawn.one) == len(planned.draws)
            assert drawn.units == planned.rho_units <= planned.budget_units
            assert {a: after[a] - before[a] for a in after} == {
                a: drawn.units if a in ("lifetime", release.account) else 0 for a in after
            }
            assert statement.report.rho_units == statement.fresh.rho_units == drawn.units
            assert statement.report_two.rho_units == _units(drawn.two)
            assert all(two == pytest.approx(4 * one) for one, two in zip(drawn.one, drawn.two, strict=True))
            facts = {(fact.rho, fact.rho_two) for table in release.tables for fact in table.noise}
            assert facts == set(zip(drawn.one, drawn.two, strict=True))
            again, nothing = desk.run(file.stem)
            assert desk.spent() == after and nothing.one == []
            assert again.tables == release.tables
            assert (again.statement.report, again.statement.fresh.rho_units) == (statement.report, 0)


def test_only_what_is_new_is_drawn(tmp_path: Path) -> None:
    """A dearer query and an added query each draw and cost their own measurement alone."""
    with _desk("gongyin-xiaobai", tmp_path) as desk:
        first, drawn = desk.run("partner-quarterly")
        stored = {table.name: table for table in first.tables}
        before = desk.spent()

        dearer = (
            r"(by: \[icbc.customers.wealth_tier, jd.orders.category\](?:\n .*)*?\n +weight:) 5$",
            r"\1 6",
        )
        desk.edit("partner-quarterly", "dearer", dearer)
        second, fresh = desk.run("dearer")
        assert len(fresh.one) == 1
        assert desk.spent()["jd"] - before["jd"] == fresh.units == second.statement.fresh.rho_units
        assert desk.spent()["lifetime"] - before["lifetime"] == fresh.units
        assert second.statement.report.rho_units == drawn.units + fresh.units
        for table in second.tables:
            assert (table.cells == stored[table.name].cells) == (table.name != "spend_by_category")
            assert sum(fact.draws for fact in table.noise) == len(table.noise) + (
                table.name == "spend_by_category"
            )

        before = desk.spent()
        added = "queries:\n  plus_members:\n    count: customers\n    population: jd\n    by: [jd.customers.plus]\n"
        desk.edit("partner-quarterly", "longer", (r"^queries:\n", f"{added}    weight: 1\n"))
        third, fresh = desk.run("longer")
        assert len(fresh.one) == 1
        assert desk.spent()["jd"] - before["jd"] == fresh.units == third.statement.fresh.rho_units


def test_another_account_pays_in_full(tmp_path: Path) -> None:
    """The second recipient's account is charged all that it sees, the lifetime account nothing; nothing is drawn."""
    with _desk("gongyin-xiaobai", tmp_path) as desk:
        first, drawn = desk.run("partner-quarterly")
        before = desk.spent()
        desk.edit(
            "partner-quarterly",
            "for-the-bank",
            (r"^audience: jd$", "audience: icbc"),
            (r"^account: jd$", "account: icbc"),
        )
        second, nothing = desk.run("for-the-bank")
        after = desk.spent()
        assert nothing.one == [] and second.tables == first.tables
        assert {a: after[a] - before[a] for a in after} == {
            a: drawn.units if a == "icbc" else 0 for a in after
        }
        assert second.statement.report == first.statement.report
        assert second.statement.report_two == first.statement.report_two
        assert second.statement.fresh.rho_units == 0
