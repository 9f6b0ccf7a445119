"""The policy of a partnership (caps, deltas, what reports must keep to), and the operator's sources."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from dpinsights.model.approval import ApprovalField
from dpinsights.model.document import Document, fault
from dpinsights.model.names import FrozenMap, Slug
from dpinsights.model.numbers import Exact
from dpinsights.model.report import Epsilon
from dpinsights.model.trust import Quorum

Approver = Literal["author", "owner", "compliance"]
"""A role whose signatures a policy can ask for."""

Allowed = Literal["C1", "C2"]
"""A class of columns that a policy can allow."""

ALL_ALLOWED: tuple[Allowed, ...] = ("C1", "C2")


class Delta(Document):
    """One delta at which epsilon is stated, and one for key discovery."""

    conversion: Exact = Field(gt=0, lt=1, description="the delta at which epsilon is stated")
    discovery: Exact = Field(gt=0, lt=1, description="the delta of key discovery")


class PeriodRule(Document):
    """How much an account may spend in one month, quarter or year; its cap counts for ever beside that."""

    every: Literal["month", "quarter", "year"] = Field(
        description="the calendar period, by the ledger's days"
    )
    epsilon: Exact = Field(gt=0, le=10**30, description="the most that may be spent in one such period")
    reserve: FrozenMap[Slug, Annotated[Exact, Field(gt=0, le=10**30)]] = Field(
        default_factory=lambda: FrozenMap({}),
        description="epsilon kept in each period for reports already promised, by their names",
    )


class Account(Epsilon):
    """A recipient's cap for ever, and what of it may be spent in a period."""

    period: PeriodRule | None = Field(
        None, description="the most for each month, quarter or year; without it the cap alone counts"
    )


class Policy(Document):
    """Caps: one for life over all recipients, one for each account; and what a report must keep to."""

    policy: Slug = Field(description="the partnership's name, as in its contract")
    version: int = Field(strict=True, ge=1, description="raised with every change")
    delta: Delta = Field(description="the two deltas; together at most 1/(10 x customers_at_most)")
    lifetime: Epsilon = Field(description="the cap over all recipients and for ever")
    accounts: FrozenMap[Slug, Account] = Field(
        min_length=1, description="a cap for each recipient, and for exploration"
    )
    report: Epsilon | None = Field(None, description="the most that one report may have as its budget")
    smallest_group: int | None = Field(
        None,
        strict=True,
        ge=2,
        le=1_000_000,
        description="numbers of groups whose noisy count is below it are not shown; all are shown unless said",
    )
    classes: tuple[Allowed, ...] = Field(
        ALL_ALLOWED, min_length=1, max_length=2, description="classes of columns that reports may read"
    )
    mandatory: tuple[ApprovalField, ...] = Field(
        (), max_length=40, description="fields of a report's `approval` that may not be left out"
    )
    signers: FrozenMap[Approver, Quorum] = Field(
        default_factory=lambda: FrozenMap({}),
        description="how many persons must sign in which roles, beside what trust.yaml asks for",
    )


class Csv(Document):
    """Comma-separated files: one line is one record, the first line names the columns, all text until converted."""

    csv: str | tuple[str, ...] = Field(description="paths or patterns, relative to the sources file")
    delimiter: str = Field(",", min_length=1, max_length=1, description="what stands between fields")
    quote: str = Field('"', max_length=1, description="what may stand around a field; empty for none")


class Parquet(Document):
    """Parquet files, by path or pattern, relative to the sources file."""

    parquet: str | tuple[str, ...] = Field(description="paths or patterns, relative to the sources file")


class DuckDbTable(Document):
    """A table of a DuckDB file, read only."""

    duckdb: str = Field(description="the database's file")
    table: str = Field(min_length=1, description="the table in it")


class Frame(Document):
    """A pandas or Arrow table of the running process, by the name under which it was handed over."""

    frame: str = Field(description="the name under which it was handed over")


Source = Parquet | Csv | DuckDbTable | Frame


class DuckDbEngine(Document):
    """How DuckDB may use the machine."""

    memory: str = Field(
        default="4GB", pattern=r"^[1-9][0-9]*(MB|GB)$", description="how much memory may be used"
    )
    threads: int | None = Field(
        default=None, strict=True, ge=1, le=256, description="how many threads may be used"
    )


class Engine(Document):
    """Which engine runs the aggregates."""

    duckdb: DuckDbEngine = Field(default_factory=lambda: DuckDbEngine(), description="DuckDB's settings")


class Sources(Document):
    """Where the data lies: the operator's, never signed and never printed."""

    snapshot: Slug = Field(description="the name of this state of the data")
    origin: Literal["real", "synthetic"] = Field("real", description="real data, or a made-up population")
    engine: Engine = Field(default_factory=lambda: Engine(), description="the engine's settings")
    tables: FrozenMap[str, Source] = Field(description="where each of the contract's tables lies")

    @model_validator(mode="after")
    def _tables(self) -> Sources:
        if not self.tables:
            raise fault("no-tables", "expected at least one table")
        return self
