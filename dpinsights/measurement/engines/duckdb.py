"""DuckDB, embedded: reads the declared files and nothing else, with its configuration locked."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_never

import duckdb
import pyarrow as pa
from sqlglot import exp

from dpinsights.errors import MeasurementError, SourceError
from dpinsights.measurement import tree
from dpinsights.measurement.reading import Storage
from dpinsights.measurement.tree import Sql
from dpinsights.model.policy import Csv, DuckDbTable, Frame, Parquet, Source, Sources

DIALECT = "duckdb"

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_KINDS = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "FLOAT": "float",
    "DOUBLE": "float",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
}

FAILED = (
    "The engine stopped before the aggregates were ready (memory, disk or a file that can't be read). Nothing was "
    "released and nothing was drawn; run again to go on without a new charge."
)


class DuckDb:
    """An in-memory DuckDB over the declared sources.

    Args:
        sources: where each declared table lies.
        folder: what relative paths are relative to.
        work: where spilled rows may lie; inside the state directory's `work/`.
        frames: pandas or Arrow tables of this process, by name.

    Raises:
        SourceError: if a source can't be found or its schema can't be read; no row has been read.
    """

    def __init__(
        self, sources: Sources, *, folder: Path, work: Path, frames: Mapping[str, Any] | None = None
    ) -> None:
        self._sources: dict[str, Sql] = {}
        self._columns: dict[str, dict[str, Storage]] = {}
        settings = sources.engine.duckdb
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": settings.memory,
                "threads": str(settings.threads or os.cpu_count() or 1),
                "temp_directory": str(work),
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
                "python_enable_replacements": "false",
                # DuckDB rewrites `row_number() <= k` into lists, at twice the cpu and memory here.
                "disabled_optimizers": "top_n_window_elimination",
            },
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        files: list[str] = []
        attached: dict[str, str] = {}
        for place, (name, source) in enumerate(sources.tables.items()):
            try:
                self._declare(name, source, folder, frames or {}, files, attached, f"s{place}")
            except (duckdb.Error, OSError, UnicodeDecodeError):
                raise SourceError(
                    f"{name}: its source can't be read as what sources.yaml says it is"
                ) from None
        listed = ", ".join(f"'{_quoted(file)}'" for file in files)
        self._connection.execute(f"SET allowed_paths = [{listed}]")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        for name, source_sql in self._sources.items():
            self._columns.setdefault(name, self._describe(name, source_sql))

    def close(self) -> None:
        """Lets go of the database and everything kept in it."""
        self._connection.close()

    def storage(self, table: str) -> Mapping[str, Storage]:
        """How each column is stored."""
        if table not in self._columns:
            raise SourceError(f"{table}: sources.yaml says nothing of it")
        return self._columns[table]

    def source(self, table: str) -> Sql:
        """The FROM item of a declared table."""
        return self._sources[table].copy()

    def keep(self, name: str, select: Sql) -> None:
        """CREATE TEMP TABLE name AS select."""
        self._run(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {self.render(select)}')

    def rows(self, select: Sql) -> list[tuple[int | None, ...]]:
        """The rows, whole numbers as Python ints of any size."""
        found = self._run(self.render(select)).fetchall()
        return [tuple(None if item is None else int(item) for item in row) for row in found]

    def texts(self, select: Sql) -> list[tuple[int, int, str]]:
        """The rows: a key, a group, a text."""
        found = self._run(self.render(select)).fetchall()
        return [(int(key), int(group), str(text)) for key, group, text in found]

    def render(self, select: Sql) -> str:
        """The SQL text of a tree."""
        return select.sql(dialect=DIALECT)

    def _run(self, text: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(text)
        except duckdb.Error:
            # DuckDB's messages hold values.
            raise MeasurementError(FAILED) from None

    def _declare(
        self,
        name: str,
        source: Source,
        folder: Path,
        frames: Mapping[str, Any],
        files: list[str],
        attached: dict[str, str],
        alias: str,
    ) -> None:
        match source:
            case Parquet():
                paths = found_files(name, source.parquet, folder)
                files.extend(paths)
                self._sources[name] = _reads("read_parquet", paths)
            case Csv():
                paths = found_files(name, source.csv, folder)
                files.extend(paths)
                self._sources[name], self._columns[name] = csv_lines(name, source, paths)
            case DuckDbTable():
                path = str((folder / source.duckdb).resolve())
                if not Path(path).is_file():
                    raise SourceError(f"{name}: there is no DuckDB file {source.duckdb}")
                if path not in attached:
                    attached[path] = alias
                    self._connection.execute(f"ATTACH '{_quoted(path)}' AS \"{alias}\" (READ_ONLY)")
                self._sources[name] = exp.Table(
                    this=exp.to_identifier(source.table, quoted=True),
                    db=exp.to_identifier("main", quoted=True),
                    catalog=exp.to_identifier(attached[path], quoted=True),
                )
            case Frame():
                if source.frame not in frames:
                    raise SourceError(f"{name}: no frame named {source.frame!r} was handed over")
                self._connection.register(alias, as_arrow(frames[source.frame]))
                self._sources[name] = tree.table(alias)
            case _:
                assert_never(source)

    def _describe(self, name: str, source: Sql) -> dict[str, Storage]:
        try:
            found = self._connection.execute(
                f"DESCRIBE SELECT * FROM {source.sql(dialect=DIALECT)}"
            ).fetchall()
        except duckdb.Error:
            raise SourceError(f"{name}: its source can't be read as what sources.yaml says it is") from None
        return {str(row[0]): storage_of(str(row[1])) for row in found}


def storage_of(kind: str) -> Storage:
    """Our name for a DuckDB type; types that no column can be read from are `text` only if they are texts.

    >>> storage_of("DECIMAL(18,2)"), storage_of("INTEGER"), storage_of("HUGEINT")
    (Storage(kind='decimal', scale=2), Storage(kind='integer', scale=0), Storage(kind='decimal', scale=0))
    """
    if kind in _INTEGERS:
        return Storage("integer")
    if kind in _KINDS:
        return Storage(_KINDS[kind])  # type: ignore[arg-type]
    if kind in ("UBIGINT", "HUGEINT"):
        return Storage("decimal", 0)
    if kind.startswith("DECIMAL("):
        return Storage("decimal", int(kind.rstrip(")").split(",")[1]))
    if kind.startswith("ENUM("):
        return Storage("text")
    return Storage("other")  # type: ignore[arg-type]


def found_files(name: str, patterns: str | tuple[str, ...], folder: Path) -> list[str]:
    """The files of a source in a fixed order.

    Raises:
        SourceError: if a pattern matches none.
    """
    found: list[str] = []
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        matches = sorted(glob.glob(str(folder / pattern), recursive=True))
        if not matches:
            raise SourceError(f"{name}: no file matches {pattern}")
        found += [str(Path(match).resolve()) for match in matches]
    return found


def as_arrow(frame: Any) -> pa.Table:
    """A pandas or Arrow table as Arrow, without its index."""
    if isinstance(frame, pa.Table):
        return frame
    return pa.Table.from_pandas(frame, preserve_index=False)


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _reads(function: str, paths: list[str], **options: Sql) -> Sql:
    listed = exp.Array(expressions=[tree.text(path) for path in paths])
    given = [exp.EQ(this=exp.column(name), expression=option) for name, option in options.items()]
    return exp.Table(this=exp.Anonymous(this=function, expressions=[listed, *given]))


def csv_lines(name: str, source: Csv, paths: list[str]) -> tuple[Sql, dict[str, Storage]]:
    """A CSV source as text columns, split line by line.

    DuckDB's own CSV reader may let one line's stray quote swallow the next customers' lines, so it only cuts the file
    into lines here; each line is then split by itself, and one that has another number of fields is dropped.
    """
    headers = {_first_line(path) for path in paths}
    if len(headers) != 1:
        raise SourceError(f"{name}: its files differ in their first lines")
    header = headers.pop()
    columns = split_line(header, source)
    if len(set(columns)) != len(columns):
        raise SourceError(f"{name}: a column name stands twice in its first line")
    line = tree.column("line")
    fields = _fields(line, source)
    lines = _reads(
        "read_csv",
        paths,
        columns=exp.Struct(
            expressions=[exp.PropertyEQ(this=exp.to_identifier("line"), expression=tree.text("VARCHAR"))]
        ),
        delim=tree.text("\x1f"),
        quote=tree.text(""),
        escape=tree.text(""),
        header=exp.false(),
        auto_detect=exp.false(),
        ignore_errors=exp.true(),
        strict_mode=exp.false(),
        max_line_size=exp.Literal.number(16_777_216),
    )
    split = (
        exp.select(exp.alias_(fields, "fields", quoted=True))
        .from_(lines)
        .where(exp.NEQ(this=_ended(line), expression=tree.text(header)))
    )
    cut = exp.select(
        *(
            exp.alias_(
                _unquoted(
                    tree.call("list_extract", tree.column("fields"), exp.Literal.number(i + 1)), source
                ),
                c,
                quoted=True,
            )
            for i, c in enumerate(columns)
        )
    ).from_(split.subquery("split"))
    whole = exp.EQ(this=tree.call("len", tree.column("fields")), expression=exp.Literal.number(len(columns)))
    return cut.where(whole).subquery("csv"), {column: Storage("text") for column in columns}


def _first_line(path: str) -> str:
    # Bytes, so that no row after the first line is decoded: one that is not UTF-8 must not decide what happens.
    with open(path, "rb") as file:
        return file.readline().decode("utf-8-sig").rstrip("\r\n")


def split_line(line: str, source: Csv) -> list[str]:
    """The fields of the first line, by the same rule as in SQL."""
    found = [match.group(0) for match in re.finditer(_pattern(source), source.delimiter + line)]
    return [_plain(field[len(source.delimiter) :], source) for field in found]


def _plain(field: str, source: Csv) -> str:
    quote = source.quote
    if quote and len(field) >= 2 and field[0] == field[-1] == quote:
        return field[1:-1].replace(quote * 2, quote)
    return field


def _pattern(source: Csv) -> str:
    """One field with the delimiter before it: quoted with doubled quotes inside, or plain."""
    d, q = re.escape(source.delimiter), re.escape(source.quote)
    plain = f"{d}[^{d}]*" if not source.quote else f"{d}[^{d}{q}]*"
    return f"{d}{q}(?:[^{q}]|{q}{q})*{q}|{plain}" if source.quote else plain


def _ended(line: Sql) -> Sql:
    """A line without its ends: after a stray carriage return DuckDB hands a line feed on to the next line."""
    return tree.call("ltrim", tree.call("rtrim", line, tree.text("\r")), tree.text("\n"))


def _fields(line: Sql, source: Csv) -> Sql:
    """The fields of a line; null unless they make up the whole line."""
    led = tree.call("concat", tree.text(source.delimiter), _ended(line))
    found = tree.call("regexp_extract_all", led, tree.text(_pattern(source)))
    put_together = tree.call("list_aggregate", found, tree.text("string_agg"), tree.text(""))
    return tree.case([(exp.EQ(this=put_together, expression=led), found)])


def _unquoted(field: Sql, source: Csv) -> Sql:
    """A field without its delimiter, and without quotes if it is quoted."""
    bare = tree.call("substr", field, exp.Literal.number(1 + len(source.delimiter)))
    if not source.quote:
        return bare
    quoted = tree.call("starts_with", bare, tree.text(source.quote))
    inner = tree.call(
        "substr",
        bare,
        exp.Literal.number(2),
        tree.binary(exp.Sub, tree.call("length", bare), exp.Literal.number(2)),
    )
    plain = tree.call("replace", inner, tree.text(source.quote * 2), tree.text(source.quote))
    return tree.case([(quoted, plain)], bare)
