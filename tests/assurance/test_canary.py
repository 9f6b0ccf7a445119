"""Planted secrets turn up nowhere but in the sources and in the state directory's `work/`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pyarrow as pa
import pytest
from sqlglot import exp

from dpinsights.measurement.engines.duckdb import DuckDb
from dpinsights.model.names import FrozenMap
from dpinsights.model.policy import Csv, Sources
from tests.assurance import frozen
from tests.assurance.frozen import Partnership, Tables

CANARIES = ("SECRET-", "13371337", "4242424242", "怪名")
"""Strings of the planted rows; the numbers are no figures that a report could print by chance."""

COMMAND = "from dpinsights.cli import main; main()"


@dataclass(frozen=True)
class Ended:
    """A finished command: its exit code and all that it printed."""

    code: int
    text: str


def planted(line: Partnership) -> Tables:
    """The tables and five customers whose every value is a secret.

    Numbers and dates are stored as text, so that the secrets make conversions fail.
    """
    found = {}
    for name, table in line.tables.items():
        customer = line.contract.tables[name].customer
        kept = table.slice(0, min(table.num_rows, 40))
        columns: dict[str, list[str | None]] = {}
        for column in table.schema.names:
            texts = [None if item is None else str(item) for item in kept.column(column).to_pylist()]
            odd = table.schema.field(column).type
            if column == customer:
                more = [f"SECRET-ID-{i}" for i in range(3)] + ["SECRET-ID-SHARED", "  SECRET-ID-９ "]
            elif pa.types.is_floating(odd) or pa.types.is_decimal(odd) or pa.types.is_integer(odd):
                more = ["13371337.37", "-13371337.37", "SECRET-AMOUNT", "1e999 13371337", "4242424242.42"]
            elif pa.types.is_date(odd):
                more = ["SECRET-DAY", "2017-13-45 SECRET-", "2017-11-11", "2017-12-12", "2017-12-24"]
            else:
                more = ["SECRET-NAME", "怪名<script>", "SECRET-'; DROP TABLE x", 'SECRET-"怪名', "4242424242"]
            columns[column] = [*texts, *more]
        found[name] = pa.table({column: pa.array(texts, pa.string()) for column, texts in columns.items()})
    return found


def with_numbers(line: Partnership, tables: Tables) -> Tables:
    """The same tables, numbers stored as numbers where they can be."""
    found = {}
    for name, table in tables.items():
        for at, field in enumerate(line.tables[name].schema):
            if pa.types.is_floating(field.type) or pa.types.is_decimal(field.type):
                numbers = [_number(text) for text in table.column(at).to_pylist()]
                table = table.set_column(at, field.name, pa.array(numbers, pa.float64()))
        found[name] = table
    return found


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def write_csv(tables: Tables, folder: Path) -> Path:
    """CSV sources, each with lines that are no records."""
    folder.mkdir()
    for name, table in tables.items():
        lines = [",".join(table.schema.names)]
        for row in table.to_pylist():
            fields = ("" if item is None else str(item) for item in row.values())
            lines.append(",".join('"' + item.replace('"', '""') + '"' for item in fields))
        lines += ['SECRET-LINE,"13371337.37', "SECRET-LINE," * 40, '"', "SECRET-\x00LINE", "13371337.37"]
        (folder / f"{name}.csv").write_bytes("\n".join(lines).encode() + b"\nSECRET-\xff\xfe,1\n")
    listed = "".join(f"  {name}: {{csv: {name}.csv}}\n" for name in tables)
    sources = folder / "sources.yaml"
    sources.write_text(f"snapshot: canary\norigin: synthetic\ntables:\n{listed}", "utf-8")
    return sources


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names)


class Host:
    """A folder that stands for a whole host: home, temporary files, state and data; everything new in it is seen."""

    def __init__(self, root: Path, line: Partnership) -> None:
        self.root, self.line = root, line
        for name in ("home", "tmp", "cwd"):
            (root / name).mkdir()

    def command(self, *words: str) -> Ended:
        """A command of the real command line, in a process of its own, watched while it runs."""
        environment = {
            **os.environ,
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "DPINSIGHTS_STATE": str(self.root / "state"),
            "PYTHONPATH": str(frozen.REPORTS.parent),
        }
        process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words],
            env=environment,
            cwd=self.root / "cwd",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        with process.stdout:
            try:
                while process.poll() is None:
                    self.look()
                    time.sleep(0.1)
                return Ended(process.returncode, process.stdout.read().decode())
            finally:
                process.kill()
                process.wait()

    def run(self, sources: Path) -> Ended:
        """Runs the report."""
        return self.command(
            "run",
            str(self.line.folder / f"{self.line.report}.yaml"),
            "--rehearsal",
            "--sources",
            str(sources),
        )

    def look(self, *, work: bool = False) -> None:
        """No file outside the data holds a secret; in `work/` it may while a command runs."""
        held = self.root / "state" / "work"
        for path in _files(self.root):  # folders may go while they are listed
            inside = path.is_relative_to(held) and not work
            if inside or path.is_relative_to(self.root / "data"):
                continue
            try:
                content = path.read_bytes()
            except OSError:
                continue  # gone since it was listed
            for canary in CANARIES:
                assert canary.encode() not in content, path
                assert canary.encode("utf-16-le") not in content, path
                assert canary not in path.name
        if held.exists():
            assert held.stat().st_mode & 0o777 == 0o700

    def settle(self, ended: Ended, codes: Sequence[int]) -> None:
        """A command ended as expected and left no secret anywhere, `work/` included."""
        assert ended.code in codes, ended.text
        for canary in CANARIES:
            assert canary not in ended.text
        assert "Traceback" not in ended.text
        self.look(work=True)


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Partnership:
    """The partnership whose rows are secret."""
    return frozen.partnership("gongyin-xiaobai", "partner-quarterly", tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, line: Partnership) -> Path:
    """A state directory with an open budget, to be copied."""
    host = Host(tmp_path_factory.mktemp("opened"), line)
    host.settle(host.command("budget", "open", str(line.folder / "policy.yaml")), [0])
    return host.root / "state"


@pytest.fixture
def host(tmp_path: Path, line: Partnership, opened: Path) -> Host:
    """A host with an open budget."""
    copytree(opened, tmp_path / "state")
    return Host(tmp_path, line)


@pytest.mark.parametrize("form", ["csv", "parquet", pytest.param("numbers", marks=pytest.mark.slow)])
def test_secrets_stay_in_the_sources(form: str, host: Host) -> None:
    """A run over planted rows ends well, and prints and leaves none of them."""
    tables = planted(host.line)
    if form == "csv":
        sources = write_csv(tables, host.root / "data")
    else:
        tables = with_numbers(host.line, tables) if form == "numbers" else tables
        sources = frozen.write_tables(tables, host.root / "data")
    host.settle(host.run(sources), [0])
    assert list((host.root / "state" / "releases").glob("*/report.en.html"))
    assert not [path for path in (host.root / "state" / "work").rglob("*") if path.is_file()]
    for command in ("budget", "snapshots") if form == "csv" else ():
        host.settle(host.command(command), [0])


def test_a_corrupt_file_says_nothing(host: Host) -> None:
    """Pages torn in the middle make the engine stop after the charge: a fixed text, no value."""
    sources = frozen.write_tables(planted(host.line), host.root / "data")
    for file in (host.root / "data").glob("*.parquet"):
        content = bytearray(file.read_bytes())
        for at in range(40, len(content) // 2, 7):
            content[at] ^= 0xA5
        file.write_bytes(content)
    ended = host.run(sources)
    host.settle(ended, [6])
    assert "The engine stopped before the aggregates were ready" in ended.text


def test_a_torn_file_says_nothing(host: Host) -> None:
    """A file without its end is refused from its schema, before any charge."""
    sources = frozen.write_tables(planted(host.line), host.root / "data")
    file = host.root / "data" / "jd.orders.parquet"
    file.write_bytes(file.read_bytes()[:-100] + b"SECRET-")
    host.settle(host.run(sources), [5])


def test_no_memory_says_nothing(host: Host) -> None:
    """An engine without memory stops, or spills into `work/` alone; either way nothing is said or left."""
    tables = planted(host.line)
    orders = tables["jd.orders"]
    many = pa.concat_tables([orders] * 3000)
    ids = pa.array([f"SECRET-ID-{i // 3}-{'x' * 40}" for i in range(many.num_rows)])
    at = many.schema.get_field_index("customer_id")
    tables = {**tables, "jd.orders": many.set_column(at, "customer_id", ids)}
    sources = frozen.write_tables(
        tables, host.root / "data", snapshot="small", engine="memory: 12MB, threads: 2"
    )
    ended = host.run(sources)
    host.settle(ended, [6])
    assert "The engine stopped before the aggregates were ready" in ended.text


def test_exit_codes_do_not_depend_on_one_customer(line: Partnership, tmp_path: Path) -> None:
    """With and without one customer whose values can't be converted: the same codes."""
    tables = planted(line)
    without = {
        name: table.filter(pa.array([f != "SECRET-ID-SHARED" for f in frozen.ids_of(table, "customer_id")]))
        for name, table in tables.items()
    }
    assert all(table.num_rows < tables[name].num_rows for name, table in without.items())
    tape = frozen.Tape()
    found = frozen.run(line, tables, tmp_path / "live", tape)
    other = frozen.run(line, without, tmp_path / "live", frozen.Tape(tuple(tape.draws)))
    assert [text[1] for text in found.texts] == [0, 0, 0]
    assert found.differences(other) == []


@pytest.mark.parametrize("place", ["home/notes.log", "state/ledger.sqlite-journal", "tmp/SECRET-x"])
def test_a_leak_is_seen(place: str, host: Host) -> None:
    """A negative control: a file with a secret, or named after one, outside the data."""
    (host.root / place).write_text("1,13371337.37,2" if "SECRET" not in place else "", "utf-8")
    with pytest.raises(AssertionError):
        host.look(work=True)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_changes_no_other(end: str, tmp_path: Path) -> None:
    """Whatever one customer's line holds, all other lines are read as they stand."""
    lines = [f'"{i:04d}","{i * 7}"' for i in range(1, 51)]
    file = tmp_path / "t.csv"
    sources = Sources(snapshot="csv", tables=FrozenMap({"a.t": Csv(csv="t.csv")}))
    for bad in (
        b"\r",
        b"\rX\r",
        b"B\r",
        b"\xff\xfe",
        b"\x00",
        b'"',
        b"\x1f",
        b"\\",
        b"\xef\xbb\xbf",
        b"",
        b"z" * 9999,
    ):
        for at in (0, 20, 50):
            content = ["id,v", *lines[:at], "*", *lines[at:], ""]
            file.write_bytes(end.join(content).encode().replace(b"*", bad))
            engine = DuckDb(sources, folder=tmp_path, work=tmp_path / "work")
            try:
                found = set(engine.rows(exp.select("id", "v").from_(engine.source("a.t"))))
            except ValueError:
                pytest.fail(f"the line {bad!r} at {at} is read as a record")
            finally:
                engine.close()
            assert found == {(i, i * 7) for i in range(1, 51)}, (bad, at)
