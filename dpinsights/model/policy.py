"""The policy of a partnership (caps and deltas), and the operator's sources."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from dpinsights.model.document import Document, fault
from dpinsights.model.names import FrozenMap, Slug
from dpinsights.model.numbers import Exact
from dpinsights.model.report import Epsilon


class Delta(Document):
    """One delta at which epsilon is stated, and one for key discovery."""

    conversion: Exact = Field(gt=0, lt=1)
    discovery: Exact = Field(gt=0, lt=1)


class Policy(Document):
    """Caps: one for life over all recipients, one for each account."""

    policy: Slug
    version: int = Field(strict=True, ge=1)
    delta: Delta
    lifetime: Epsilon
    accounts: FrozenMap[Slug, Epsilon] = Field(min_length=1)


class Csv(Document):
    """Comma-separated files: one line is one record, the first line names the columns, all text until converted."""

    csv: str | tuple[str, ...]
    delimiter: str = Field(",", min_length=1, max_length=1)
    quote: str = Field('"', max_length=1)


class Parquet(Document):
    """Parquet files, by path or pattern, relative to the sources file."""

    parquet: str | tuple[str, ...]


class DuckDbTable(Document):
    """A table of a DuckDB file, read only."""

    duckdb: str
    table: str = Field(min_length=1)


class Frame(Document):
    """A pandas or Arrow table of the running process, by the name under which it was handed over."""

    frame: str


Source = Parquet | Csv | DuckDbTable | Frame


class DuckDbEngine(Document):
    """How DuckDB may use the machine."""

    memory: str = Field("4GB", pattern=r"^[1-9][0-9]*(MB|GB)$")
    threads: int | None = Field(None, strict=True, ge=1, le=256)


class Engine(Document):
    """Which engine runs the aggregates."""

    duckdb: DuckDbEngine = Field(default_factory=lambda: DuckDbEngine())


class Sources(Document):
    """Where the data lies: the operator's, never signed and never printed."""

    snapshot: Slug
    origin: Literal["real", "synthetic"] = "real"
    engine: Engine = Field(default_factory=lambda: Engine())
    tables: FrozenMap[str, Source]

    @model_validator(mode="after")
    def _tables(self) -> Sources:
        if not self.tables:
            raise fault("no-tables", "expected at least one table")
        return self
