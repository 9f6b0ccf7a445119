"""With the noise of D returned on D', all that a run leaves behind is equal, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pytest

from dpinsights import cli, pipeline
from dpinsights.measurement import privatizing
from dpinsights.measurement.exact import ExactVector
from dpinsights.model.measurement import Draw as Planned
from dpinsights.model.measurement import Measurement
from dpinsights.model.names import FrozenMap
from dpinsights.model.release import Release
from tests.assurance import frozen
from tests.assurance.frozen import Artefacts, Partnership, Tables, Tape

LINES = ("gongyin-xiaobai", "ccb-ant")


@dataclass
class Rig:
    """A partnership, the artefacts and the recording on D, and on the database without rows."""

    line: Partnership
    live: Path
    measurements: tuple[Measurement, ...]
    ordered: list[str]
    full: tuple[Artefacts, Tape]
    empty: tuple[Artefacts, Tape]
    moved: int = 0

    def compare(self, neighbour: Tables, *, times: int = 1, empty: bool = False) -> None:
        """Runs D' with the noise of D: vectors within bounds, artefacts equal."""
        artefacts, recorded = self.empty if empty else self.full
        tape = Tape(tuple(recorded.draws))
        found = frozen.run(self.line, neighbour, self.live, tape)
        assert len(tape.draws) == len(recorded.draws) == len(self.measurements)
        for measurement, one, other in zip(self.measurements, recorded.draws, tape.draws, strict=True):
            assert (one.size, one.scale) == (other.size, other.scale)
            assert one.size == measurement.relation.cells
            assert frozen.within(measurement, one, other, times=times), measurement.key
            self.moved += int((one.exact != other.exact).any())
        assert artefacts.differences(found) == []


def _rig(name: str, scratch: Path) -> Rig:
    line = frozen.partnership(name, "partner-quarterly", scratch / "made")
    live = scratch / "live"
    full, empty = (
        (frozen.run(line, tables, live, tape := Tape()), tape) for tables in (line.tables, line.empty)
    )
    texts = full[0].texts
    assert [code for _, code, _, _ in texts] == [0, 0, 0], texts
    return Rig(line, live, line.measurements(), frozen.customers(line, 5), full, empty)


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Rig]]:
    """The recordings of D, made once for each partnership."""
    made: dict[str, Rig] = {}

    def get(name: str) -> Rig:
        if name not in made:
            made[name] = _rig(name, tmp_path_factory.mktemp(name))
        return made[name]

    yield get


def test_a_run_leaves_the_same_behind_without_a_customer(rigs: Callable[[str], Rig]) -> None:
    """Six pairs in all modes; the vectors do move, so the equality is not for want of a difference."""
    rig = rigs(LINES[0])
    heaviest, second = rig.ordered[:2]
    first_party, second_party = rig.line.contract.parties
    rig.compare(frozen.without(rig.line, heaviest))
    rig.compare(frozen.without(rig.line, rig.ordered[6]))
    rig.compare(frozen.without(rig.line, heaviest, party=first_party), times=2)
    rig.compare(frozen.without(rig.line, second, party=second_party), times=2)
    rig.compare(frozen.only(rig.line, heaviest), empty=True)
    rig.compare(frozen.with_strange(rig.line, second))
    assert rig.moved >= 30


@pytest.mark.slow
@pytest.mark.parametrize("name", LINES)
def test_many_pairs(rigs: Callable[[str], Rig], name: str) -> None:
    """Twenty-two pairs for each partnership."""
    rig = rigs(name)
    first_party, second_party = rig.line.contract.parties
    for customer in rig.ordered[:8]:
        rig.compare(frozen.without(rig.line, customer))
    for customer in rig.ordered[:4]:
        rig.compare(frozen.without(rig.line, customer, party=first_party), times=2)
        rig.compare(frozen.without(rig.line, customer, party=second_party), times=2)
    for customer in rig.ordered[2:6]:
        rig.compare(frozen.only(rig.line, customer), empty=True)
    for customer in rig.ordered[2:4]:
        rig.compare(frozen.with_strange(rig.line, customer))


def test_a_change_at_one_party_breaks_the_bound_of_one_customer(tmp_path: Path) -> None:
    """One party's rows may move a vector by more than map(1) covers, and by no more than map(2): both are printed.

    The customer went from the branch to online channels, and moves from a member level to "not on the platform".
    """
    line = frozen.partnership("gongyin-xiaobai", "channel-moves", tmp_path / "made")
    customer = frozen.customers(line, 5)[0]
    rows = line.tables["icbc.transactions"]
    ours = [found == customer for found in frozen.ids_of(rows, "customer_id")]
    at = rows.schema.get_field_index("made_on")
    channels = ["branch" if own else was for own, was in zip(ours, rows["channel"].to_pylist(), strict=True)]
    days = [
        date(2017, 8, 1) if own else was for own, was in zip(ours, rows["made_on"].to_pylist(), strict=True)
    ]
    assert any(ours)
    rows = rows.set_column(at, rows.schema.field(at), pa.array(days, rows.schema.field(at).type))
    at = rows.schema.get_field_index("channel")
    rows = rows.set_column(at, rows.schema.field(at), pa.array(channels, rows.schema.field(at).type))
    line = replace(line, tables={**line.tables, "icbc.transactions": rows})
    tape = Tape()
    was = frozen.run(line, line.tables, tmp_path / "live", tape)
    again = Tape(tuple(tape.draws))
    now = frozen.run(line, frozen.without(line, customer, party="jd"), tmp_path / "live", again)
    pairs = list(zip(line.measurements(), tape.draws, again.draws, strict=True))
    assert all(frozen.within(measurement, one, other, times=2) for measurement, one, other in pairs)
    assert not all(frozen.within(measurement, one, other, times=1) for measurement, one, other in pairs)
    assert was.differences(now) == []


def test_refusals_say_the_same(rigs: Callable[[str], Rig]) -> None:
    """A source with a missing column and one that lacks a file: codes and texts are those of D."""
    rig = rigs(LINES[0])
    name = next(iter(rig.line.tables))
    neighbour = frozen.without(rig.line, rig.ordered[0])

    def lacks_file(live: Path) -> None:
        (live / "data" / f"{name}.parquet").unlink()

    def lacks_column(tables: Tables) -> Tables:
        column = next(iter(rig.line.contract.tables[name].columns))
        return {**tables, name: tables[name].drop_columns([column])}

    for change, alter in ((lacks_file, lambda t: t), (lambda _: None, lacks_column)):
        found = [
            frozen.run(rig.line, alter(tables), rig.live, Tape(), change=change)
            for tables in (rig.line.tables, neighbour)
        ]
        assert found[0].differences(found[1]) == []
        assert found[0].texts[0][1] == 5, found[0].texts[0]


def _peeked(told: Callable[[int], None]) -> Callable[..., Any]:
    """`privatize` that looks at a true count on its way."""
    real = privatizing.privatize

    def privatize(draws: Sequence[Planned], exact: Mapping[str, ExactVector], **named: str) -> Any:
        taken = {key: vector.take() for key, vector in exact.items()}
        told(sum(int(values.sum()) for values in taken.values()))
        return real(draws, {key: ExactVector(values) for key, values in taken.items()}, **named)

    return privatize


def test_true_counts_are_caught(rigs: Callable[[str], Rig]) -> None:
    """A negative control: a mutant with a true count in its title, which says another while it runs."""
    real, seen = pipeline.release_of, [0]
    rig = rigs(LINES[0])

    def told(count: int) -> None:
        seen[0] = count
        cli.err.print(f"{count} contributions")

    def release_of(*args: Any, **named: Any) -> Release:
        return replace(real(*args, **named), title=FrozenMap({"en": f"Of {seen[0]}"}))

    found = []
    with patch.object(pipeline, "privatize", _peeked(told)), patch.object(pipeline, "release_of", release_of):
        for tables in (rig.line.tables, frozen.without(rig.line, rig.ordered[0])):
            found.append(frozen.run(rig.line, tables, rig.live, Tape(tuple(rig.full[1].draws))))
    differences = found[0].differences(found[1])
    assert "texts of run 0" in differences
    assert any(difference.endswith("report.en.html") for difference in differences)
    assert any(difference.endswith("release.json") for difference in differences)


def test_the_rig_runs_at_both_parties(rigs: Callable[[str], Rig]) -> None:
    """The databases are not trivial: both parties have rows, defects included."""
    line = rigs(LINES[0]).line
    assert all(table.num_rows > 50 for table in line.tables.values())
    texts = {
        text
        for table in line.tables.values()
        for column in table.columns
        if pa.types.is_string(column.type)
        for text in column.unique().to_pylist()
    }
    assert "未分类" in texts and None in texts
