"""Rows of many-row tables: which table a node is about, and which time counts."""

from __future__ import annotations

from datetime import date
from typing import Protocol

from dpinsights.definitions import building as build
from dpinsights.definitions import ranges
from dpinsights.definitions.places import Fault, nearest
from dpinsights.model.contract import Contract, Date, Timestamp
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    Constant,
    CustomerColumn,
    Member,
    Node,
    RowColumn,
    walk,
)


def rows_table(node: Node | None) -> str | None:
    """The many-row table that a node is about, or None.

    Raises:
        Fault: `two-row-tables` or `mixed-level`.
    """
    nodes = list(walk(node))
    tables = sorted({part.table for part in nodes if isinstance(part, RowColumn)})
    if len(tables) > 1:
        raise Fault(
            "two-row-tables",
            f"rows of {' and '.join(tables)} don't meet: one of them must enter through a feature",
        )
    if tables and any(isinstance(part, CustomerColumn | Absent | Member | Aggregate) for part in nodes):
        raise Fault(
            "mixed-level", f"this is about rows of {tables[0]} and about customers at once: split it in two"
        )
    return tables[0] if tables else None


class Days(Protocol):
    """From a day until the day after the last: half-open."""

    @property
    def start(self) -> date: ...
    @property
    def until(self) -> date: ...


def period_of(contract: Contract, table_name: str, period: Days) -> Node | None:
    """The condition that a row lies in the period, half-open; None for a table without a time column."""
    table = contract.tables[table_name]
    if table.time is None:
        return None
    column = table.columns[table.time]
    unit = ranges.DAY if isinstance(column, Timestamp) else 1
    if not isinstance(column, Date | Timestamp):
        raise Fault("time-not-a-date", f"the time column of {table_name} is no date or timestamp")
    start, until = ((day - ranges.EPOCH).days * unit for day in (period.start, period.until))
    time = RowColumn(table_name, table.time)
    return build.all_of(
        [build.compared(">=", time, Constant(start)), build.compared("<", time, Constant(until))]
    )


def has_time(contract: Contract, table_name: str) -> Node:
    """The condition that a row of a table with a time column has its time: without one it is neither first nor last."""
    time = contract.tables[table_name].time
    assert time is not None
    return build.negated(build.is_null(RowColumn(table_name, time), nullable=True))


def within_period(
    contract: Contract, table_name: str, period: Days | None, condition: Node | None
) -> Node | None:
    """A condition about rows together with the period's; without a period, all time."""
    time = None if period is None else period_of(contract, table_name, period)
    parts = [part for part in (time, condition) if part is not None]
    whole = build.all_of(parts)
    return None if whole == build.TRUE else whole


def many_rows(contract: Contract, name: str) -> str:
    """A many-row table's name.

    Raises:
        Fault: `unknown-table` or `not-many-rows`.
    """
    if name not in contract.tables:
        raise Fault("unknown-table", f"no table '{name}' in the contract", nearest(name, contract.tables))
    if contract.tables[name].rows != "many":
        raise Fault(
            "not-many-rows", f"{name} has one row for each customer, so its rows are customers", "customers"
        )
    return name
