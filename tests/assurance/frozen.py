"""The frozen-noise rig: the real command line on a database, its noise recorded or replayed, every artefact kept."""

from __future__ import annotations

import io
import os
import random
import re
import shutil
import sqlite3
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dpinsights import budget, cli, pipeline
from dpinsights.definitions.loading import load_checked, load_policy
from dpinsights.demo_signing import sign_all
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.contract import Contract
from dpinsights.model.measurement import Measurement
from dpinsights.state import State
from dpinsights.synthetic import generate, read_population
from tests.questions.population import write_population

REPORTS = Path(__file__).parents[2] / "reports"
QUESTIONS = Path(__file__).parents[1] / "questions" / "partnership"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

Ints = NDArray[np.int64]
Tables = Mapping[str, pa.Table]


@dataclass(frozen=True)
class Draw:
    """One call of `GaussianNoise.draw`: the exact vector handed over, what came out, and the mechanism."""

    size: int
    scale: float
    exact: Ints
    noisy: Ints


@dataclass
class Tape:
    """Records the outputs of draws, or, given a recording, returns those instead of drawing."""

    recording: tuple[Draw, ...] | None = None
    draws: list[Draw] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """`GaussianNoise.draw` goes through the tape: the one place that is patched for noise."""
        real = GaussianNoise.draw

        def draw(noise: GaussianNoise, take: Callable[[], Ints]) -> Ints:
            exact = take().copy()
            if self.recording is None:
                noisy = real(noise, lambda: exact)
            else:
                was = self.recording[len(self.draws)]
                assert (was.size, was.scale) == (noise.size, noise.scale)
                noisy = was.noisy
            self.draws.append(Draw(noise.size, noise.scale, exact, noisy))
            return noisy.copy()

        with patch.object(GaussianNoise, "draw", draw):
            yield


@dataclass(frozen=True)
class Artefacts:
    """All that a run leaves behind, except rows: exit codes, texts, files with sizes and modes, ledger tables."""

    texts: tuple[tuple[str, object, str, str], ...]
    files: Mapping[str, tuple[int, int]]
    released: Mapping[str, bytes]
    ledger: Mapping[str, tuple[tuple[Any, ...], ...]]

    def differences(self, other: Artefacts) -> list[str]:
        """The names of what is not equal byte for byte."""
        found = [f"texts of {a[0]}" for a, b in zip(self.texts, other.texts, strict=True) if a != b]
        for mine, theirs in (
            (self.files, other.files),
            (self.released, other.released),
            (self.ledger, other.ledger),
        ):
            names: set[str] = {*mine, *theirs}
            found += sorted(name for name in names if mine.get(name) != theirs.get(name))
        return found


@dataclass(frozen=True)
class Partnership:
    """A partnership's folder, its contract, and a small population with everything wrong with it."""

    name: str
    report: str
    contract: Contract
    tables: Tables
    home: Path

    @property
    def key(self) -> Path:
        """The operator's key; `passphrase` lies beside it."""
        return self.home.parent / "keys" / "operator.pem"

    @property
    def folder(self) -> Path:
        """Where its definitions lie."""
        return self.home / self.name

    @property
    def empty(self) -> Tables:
        """The same tables without rows."""
        return {name: table.slice(0, 0) for name, table in self.tables.items()}

    def measurements(self) -> tuple[Measurement, ...]:
        """The report's measurements in the order in which a first run draws them: by key."""
        planned = pipeline.plan(pipeline.define(self.folder / f"{self.report}.yaml"))
        found = [draw.measurement for draw in sorted(planned.draws, key=lambda draw: draw.key)]
        assert all(isinstance(measurement, Measurement) for measurement in found)
        return tuple(measurement for measurement in found if isinstance(measurement, Measurement))


def partnership(name: str, report: str, scratch: Path, *, customers: int = 300, seed: int = 7) -> Partnership:
    """A small population of a partnership, defects injected; its report is locked, and approved by all."""
    folder = scratch / "definitions" / name
    shutil.copytree(REPORTS / name, folder)
    sign_all(folder / f"{report}.yaml", scratch / "keys", NOON.date())
    declared = read_population(folder / "population.yaml")
    largest = max(declared.people.sizes.values())
    sizes = {party: size * customers // largest for party, size in declared.people.sizes.items()}
    generate(declared, scratch, sizes=sizes, seed=seed, defects=True)
    contract = load_checked(folder / "contract.yaml").contract
    tables = {
        table: pq.read_table(scratch / f"{table.replace('.', '/')}.parquet") for table in contract.tables
    }
    return Partnership(name, report, contract, tables, folder.parent)


def every_measure(scratch: Path, *, one_in: int = 16) -> Partnership:
    """The thirty questions, which take every measure but keys unknown beforehand, over a part of their population."""
    folder = scratch / "definitions" / "thirty"
    folder.mkdir(parents=True)
    for name in ("contract", "policy", "report"):
        text = (QUESTIONS / f"{name}.yaml").read_text("utf-8")
        if name == "report":  # a discovery draws by another mechanism
            text = "".join(part for part in re.split(r"(?m)^(?=  \S)", text) if "\n    top:" not in part)
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    sign_all(folder / "report.yaml", scratch / "keys", NOON.date())
    write_population(scratch / "made")
    contract = load_checked(folder / "contract.yaml").contract
    tables = {}
    for name, declared in contract.tables.items():
        table = pq.read_table(scratch / "made" / f"{name}.parquet")
        few = [zlib.crc32(found.encode()) % one_in == 0 for found in ids_of(table, declared.customer)]
        tables[name] = table.filter(pa.array(few))
    return Partnership("thirty", "report", contract, tables, folder.parent)


def write_tables(
    tables: Tables, folder: Path, *, snapshot: str = "frozen", engine: str = "memory: 2GB"
) -> Path:
    """The tables as Parquet, and their sources.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    listed = "".join(f"  {name}: {{parquet: {name}.parquet}}\n" for name in tables)
    sources = folder / "sources.yaml"
    sources.write_text(
        f"snapshot: {snapshot}\norigin: synthetic\nengine: {{duckdb: {{{engine}}}}}\ntables:\n{listed}",
        "utf-8",
    )
    return sources


def normal(text: object) -> str:
    """A customer id as the contract compares it (NFC, stripped); empty for null."""
    return "" if text is None else unicodedata.normalize("NFC", str(text)).strip()


def ids_of(table: pa.Table, customer: str) -> list[str]:
    """The normalised id of each row."""
    return [normal(item) for item in table.column(customer).to_pylist()]


def without(line: Partnership, customer: str, *, party: str | None = None) -> Tables:
    """The database without a customer, or without its rows at one party."""
    kept = {}
    for name, table in line.tables.items():
        if party is not None and name.split(".")[0] != party:
            kept[name] = table
            continue
        ids = ids_of(table, line.contract.tables[name].customer)
        kept[name] = table.filter(pa.array([found != customer for found in ids]))
    return kept


def only(line: Partnership, customer: str) -> Tables:
    """One customer's rows and nothing else."""
    return {
        name: table.filter(
            pa.array([found == customer for found in ids_of(table, line.contract.tables[name].customer)])
        )
        for name, table in line.tables.items()
    }


def with_strange(line: Partnership, customer: str) -> Tables:
    """The database and one more customer: a copy of one with all values strange, twenty times over."""
    more = {}
    for name, table in line.tables.items():
        id_column = line.contract.tables[name].customer
        rows = only(line, customer)[name]
        rows = pa.concat_tables([rows] * 20)
        for at, column in enumerate(rows.schema):
            values = rows.column(at).to_pylist()
            if column.name == id_column:
                values = ["strange-customer"] * len(values)
            elif pa.types.is_string(column.type):
                values = [f"怪<b>{i % 7}" if i % 3 else None for i in range(len(values))]
            elif pa.types.is_floating(column.type):
                values = [(float("nan"), float("inf"), -1e300, 1e300)[i % 4] for i in range(len(values))]
            elif pa.types.is_decimal(column.type):
                values = [value if i % 2 else None for i, value in enumerate(values)]
            elif pa.types.is_date(column.type) or pa.types.is_boolean(column.type):
                values = [value if i % 5 else None for i, value in enumerate(values)]
            rows = rows.set_column(at, column, pa.array(values, column.type))
        more[name] = pa.concat_tables([table, rows])
    return more


def customers(line: Partnership, seed: int) -> list[str]:
    """Customers in a random order, but those with most rows, and those whose ids or rows were spoiled, first."""
    rows: dict[str, int] = {}
    parties: dict[str, set[str]] = {}
    for name, table in line.tables.items():
        for found in ids_of(table, line.contract.tables[name].customer):
            rows[found] = rows.get(found, 0) + 1
            parties.setdefault(found, set()).add(name.split(".")[0])
    rows.pop("", None)
    shared = [found for found in rows if len(parties[found]) == 2]
    heaviest = sorted(shared, key=lambda found: (-rows[found], found))[:6]
    wide = sorted(found for found in rows if not found.isascii())[:2]
    rest = sorted(set(rows) - {*heaviest, *wide})
    random.Random(seed).shuffle(rest)
    return [*heaviest, *wide, *rest]


def run(
    line: Partnership,
    tables: Tables,
    live: Path,
    tape: Tape,
    *,
    change: Callable[[Path], None] = lambda _: None,
) -> Artefacts:
    """The command line over a database in a new folder `live` (the same name for all databases), which is removed.

    After the run itself come `budget` and `snapshots`. The clock and the holder of leases are
    injected; everything else is what a user would get.
    """
    shutil.rmtree(live, ignore_errors=True)
    sources = write_tables(tables, live / "data")
    change(live)
    state = State(live / "state")
    with ExitStack() as stack:
        stack.enter_context(tape.running())
        stack.enter_context(injected())
        passphrase = str(line.key.with_name("passphrase"))
        stack.enter_context(patch.dict(os.environ, {"DPINSIGHTS_PASSPHRASE_FILE": passphrase}))
        policy = load_policy(line.folder / "policy.yaml", line.contract)
        budget.open_budget(policy, line.contract, state).close()
        report = str(line.folder / f"{line.report}.yaml")
        where = ["--state", str(state.folder)]
        first = ["run", report, "--sources", str(sources), "--key", str(line.key), *where]
        asked = [first, ["budget", *where], ["snapshots", *where]]
        texts = tuple((f"{command[0]} {at}", *command_line(command)) for at, command in enumerate(asked))
    kept = artefacts(state, texts)
    shutil.rmtree(live)
    return kept


@contextmanager
def injected() -> Iterator[None]:
    """The clock stands still, and the ledger's holder has a fixed name."""
    real_open, real_create, real_run = SqliteLedger.open, SqliteLedger.create, pipeline.run_report

    def fixed(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **named: function(*args, **{**named, "clock": lambda: NOON, "owner": "tester"})

    with (
        patch.object(SqliteLedger, "open", fixed(real_open)),
        patch.object(SqliteLedger, "create", fixed(real_create)),
        patch.object(
            pipeline, "run_report", lambda *a, **named: real_run(*a, **{**named, "now": lambda: NOON})
        ),
    ):
        yield


def command_line(command: Sequence[str]) -> tuple[object, str, str]:
    """The real `main` in this process: its exit code, stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        patch.object(sys, "argv", ["dpinsights", *command]),
        patch.object(sys, "stdout", out),
        patch.object(sys, "stderr", err),
    ):
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
    return code, out.getvalue(), err.getvalue()


def artefacts(state: State, texts: tuple[tuple[str, object, str, str], ...]) -> Artefacts:
    """What lies in a state directory, and the texts beside it."""
    files, released = {}, {}
    for path in sorted(state.folder.rglob("*")):
        name, facts = str(path.relative_to(state.folder)), path.stat()
        files[name] = (facts.st_size if path.is_file() else 0, facts.st_mode)
        if path.is_file() and path.is_relative_to(state.releases):
            released[name] = path.read_bytes()
    return Artefacts(texts, files, released, ledger_tables(state.ledger))


def ledger_tables(path: Path) -> dict[str, tuple[tuple[Any, ...], ...]]:
    """All rows of all tables of a ledger."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {f"ledger {n}": tuple(connection.execute(f'SELECT * FROM "{n}"')) for n in sorted(names)}
    finally:
        connection.close()


def within(measurement: Measurement, one: Draw, other: Draw, *, times: int) -> bool:
    """Whether two exact vectors differ by at most `times` one customer's contribution, in all four norms."""
    moved = [abs(int(a) - int(b)) for a, b in zip(one.exact, other.exact, strict=True)]
    return (
        sum(d > 0 for d in moved) <= times * measurement.l0
        and sum(moved) <= times * measurement.l1
        and sum(d * d for d in moved) <= times**2 * measurement.l2_squared
        and max(moved) <= times * measurement.linf
    )
