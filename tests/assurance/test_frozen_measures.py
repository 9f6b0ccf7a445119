"""The frozen-noise test over every measure, and what each query of it is charged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest

from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.measurement import Draw, Measurement
from dpinsights.model.plan import Plan
from dpinsights.pipeline import define, plan
from tests.assurance import frozen
from tests.assurance.frozen import Artefacts, Partnership, Tables, Tape

MEASURES = {
    "count", "sum", "mean", "share", "ratio", "std", "quantile", "histogram", "pairs", "funnel", "retention",
    "corr", "regression", "concentration",
}  # fmt: skip


@dataclass
class Line:
    """The partnership of every measure, its plan, and the artefacts and recording on D."""

    line: Partnership
    planned: Plan
    live: Path
    artefacts: Artefacts
    recorded: Tape

    @property
    def measurements(self) -> list[Measurement]:
        """In the order in which a first run draws them."""
        draws = sorted(self.planned.draws, key=lambda draw: draw.key)
        found = [draw.measurement for draw in draws]
        assert all(isinstance(measurement, Measurement) for measurement in found)
        return found  # type: ignore[return-value]

    def moved(self, neighbour: Tables, *, times: int = 1) -> int:
        """How many vectors differ on D', each within its bounds; artefacts are equal byte for byte."""
        tape = Tape(tuple(self.recorded.draws))
        found = frozen.run(self.line, neighbour, self.live, tape)
        assert len(tape.draws) == len(self.recorded.draws) == len(self.measurements)
        count = 0
        for measurement, one, other in zip(self.measurements, self.recorded.draws, tape.draws, strict=True):
            assert one.size == other.size == measurement.size and one.scale == other.scale
            assert frozen.within(measurement, one, other, times=times), measurement
            count += int((one.exact != other.exact).any())
        assert self.artefacts.differences(found) == []
        return count


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """D, run once."""
    scratch = tmp_path_factory.mktemp("measures")
    made = frozen.every_measure(scratch)
    planned = plan(define(made.folder / f"{made.report}.yaml"))
    tape = Tape()
    artefacts = frozen.run(made, made.tables, scratch / "live", tape)
    assert [code for _, code, _, _ in artefacts.texts] == [0, 0, 0], artefacts.texts[0]
    return Line(made, planned, scratch / "live", artefacts, tape)


def test_every_measure_is_there(line: Line) -> None:
    """Each kind of measurement too: pairs, trees, series, squares, comparisons and tests."""
    asked = [query.asked for query in line.planned.queries]
    assert {query.measure for query in line.planned.queries} >= MEASURES
    assert {query.test for query in asked} >= {"difference", "trend", "independence"}
    assert {query.method for query in asked} >= {"spearman"} and any(query.cumulative for query in asked)
    kinds = {m.strategy.kind for m in line.measurements if m.strategy is not None}
    assert kinds == {"tree", "series"}
    assert any(m.relation.pairs for m in line.measurements) and any(m.power for m in line.measurements)


def test_without_a_customer(line: Line) -> None:
    """The customer with most rows, at both parties and at one."""
    heaviest = frozen.customers(line.line, 5)[0]
    assert line.moved(frozen.without(line.line, heaviest)) > 0.6 * len(line.measurements)
    assert line.moved(frozen.without(line.line, heaviest, party="shop"), times=2) > 0


@pytest.mark.slow
def test_without_many_customers(line: Line) -> None:
    """Eight more, at both parties and at each; and one who is strange in all columns."""
    for customer in frozen.customers(line.line, 6)[1:9]:
        line.moved(frozen.without(line.line, customer))
        for party in line.line.contract.parties:
            line.moved(frozen.without(line.line, customer, party=party), times=2)
    line.moved(frozen.with_strange(line.line, frozen.customers(line.line, 6)[1]))


@pytest.mark.slow
def test_added_to_nobody(line: Line) -> None:
    """The only customer that there is, with the noise of the database without rows."""
    tape = Tape()
    artefacts = frozen.run(line.line, line.line.empty, line.live, tape)
    nobody = Line(line.line, line.planned, line.live, artefacts, tape)
    for customer in frozen.customers(line.line, 5)[:2]:
        assert nobody.moved(frozen.only(line.line, customer)) > 0


def test_a_query_costs_what_its_maps_say(line: Line) -> None:
    """For each measure the draws' charges are map(1) of what draws them, rounded up to whole units, and no more."""
    draws: Mapping[str, Draw] = {draw.key: draw for draw in line.planned.draws}
    for query in line.planned.queries:
        for key in query.keys:
            draw = draws[key]
            assert isinstance(draw.measurement, Measurement)
            noise = GaussianNoise.of(draw.measurement, unit=line.planned.partnership, scale=draw.scale)
            assert draw.rho_units == math.ceil(Fraction(noise._measurement.map(1)) * 10**12), query.name
            by_hand = draw.measurement.l2_squared / (2 * draw.scale**2)
            assert noise._measurement.map(1) == pytest.approx(by_hand, rel=1e-12)
    used = {key for query in line.planned.queries for key in query.keys}
    assert used == set(draws), "nothing is drawn that no query asked for"
    assert (
        line.planned.rho_units == sum(draw.rho_units for draw in draws.values()) <= line.planned.budget_units
    )
