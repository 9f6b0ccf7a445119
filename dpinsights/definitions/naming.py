"""Names: `party.table.column` in full, features by one word, and the short forms that a notebook may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dpinsights.definitions import building as build
from dpinsights.definitions.places import Fault, nearest
from dpinsights.definitions.ranges import FIRST_DAY, FIRST_SECOND, LAST_DAY, LAST_SECOND, steps_of
from dpinsights.definitions.typed import Typed
from dpinsights.model.contract import (
    PERIOD_NAMES,
    Boolean,
    Category,
    Column,
    Contract,
    Date,
    DecimalColumn,
    Integer,
    Table,
    Text,
    Timestamp,
)
from dpinsights.model.expressions import Absent, Constant, CustomerColumn, Node, RowColumn
from dpinsights.model.names import FrozenMap
from dpinsights.model.values import Key, ValueType


def columns_of(contract: Contract) -> Iterator[str]:
    """All columns by their full names."""
    for table_name, table in contract.tables.items():
        for column_name in table.columns:
            yield f"{table_name}.{column_name}"


def full_name(contract: Contract, text: str) -> str:
    """The full name behind a feature's name, a full name, or a unique short one (`column`, `table.column`).

    The names of the period's ends stay as they are.

    Raises:
        Fault: `unknown-name`, `unknown-table`, `unknown-column` or `ambiguous-name`.
    """
    if text in contract.features or text in contract.tables or text in PERIOD_NAMES:
        return text
    parts = tuple(text.split("."))
    if len(parts) < 3:
        found = matches(contract, parts)
        if len(found) == 1:
            return found[0]
        if found:
            raise Fault("ambiguous-name", f"'{text}' can mean {' or '.join(found)}", found[0])
        tables = [name for name in contract.tables if len(parts) == 1 and name.split(".")[1] == text]
        if len(tables) == 1:
            return tables[0]
    find_column(contract, parts)
    return text


def matches(contract: Contract, parts: tuple[str, ...]) -> list[str]:
    """The full names that end in some parts."""
    return [name for name in columns_of(contract) if tuple(name.split(".")[-len(parts) :]) == parts]


def find_column(contract: Contract, parts: tuple[str, ...]) -> tuple[str, Table, str, Column]:
    """The table and column behind a full name.

    Raises:
        Fault: for a name that is short, unknown, or declared at the other party.
    """
    text = ".".join(parts)
    if len(parts) != 3:
        raise _no_full_name(contract, parts)
    party, table_part, column_name = parts
    table_name = f"{party}.{table_part}"
    if party not in contract.parties:
        near = nearest(party, contract.parties)
        hint = f"{near}.{table_part}.{column_name}" if near else ""
        raise Fault("unknown-party", f"'{party}' is not a party", hint or _nearest_column(contract, text))
    if table_name not in contract.tables:
        elsewhere = [name for name in contract.tables if name.split(".")[1] == table_part]
        hint = nearest(table_name, [name for name in contract.tables if name.startswith(f"{party}.")])
        if elsewhere and not hint:
            raise Fault(
                "unknown-table",
                f"{party} has no table '{table_part}'; {elsewhere[0]} is the other party's",
                elsewhere[0],
            )
        raise Fault(
            "unknown-table",
            f"no table '{table_name}' in the contract",
            hint or nearest(table_name, contract.tables),
        )
    table = contract.tables[table_name]
    if column_name not in table.columns:
        near = nearest(column_name, table.columns)
        elsewhere = [name for name in columns_of(contract) if name.endswith(f".{column_name}")]
        where = f"; {elsewhere[0]} exists" if elsewhere and not near else ""
        hint = (
            f"{table_name}.{near}"
            if near
            else elsewhere[0]
            if elsewhere
            else f"one of {', '.join(table.columns)}"
        )
        raise Fault("unknown-column", f"no column '{column_name}' in {table_name}{where}", hint)
    return table_name, table, column_name, table.columns[column_name]


def _no_full_name(contract: Contract, parts: tuple[str, ...]) -> Fault:
    text = ".".join(parts)
    found = matches(contract, parts) if len(parts) < 3 else []
    if found:
        return Fault(
            "short-name", f"'{text}' is short for a column: write its full name", " or ".join(found[:3])
        )
    if text in contract.tables:
        columns = ", ".join(contract.tables[text].columns)
        return Fault("table-not-column", f"'{text}' is a table; name one of its columns: {columns}")
    near = nearest(text, [*contract.features, *columns_of(contract)])
    return Fault("unknown-name", f"no feature or column '{text}'", near or _like_text(parts))


def _like_text(parts: tuple[str, ...]) -> str:
    return f"'{parts[0]}' in single quotes, if it is a key" if len(parts) == 1 else "party.table.column"


def _nearest_column(contract: Contract, text: str) -> str:
    return nearest(text, columns_of(contract))


def keys_of(keys: Mapping[str, FrozenMap[str, str] | None]) -> tuple[Key, ...]:
    """Public keys in the order of their codes."""
    return tuple(Key(key, names) for key, names in keys.items())


def column_type(column: Column, *, of_rows: bool) -> ValueType:
    """What is known of a column's values once they are read.

    A customer may lack the row in a `rows: one` table, so a customer's column can be null whatever it declares.
    """
    maybe = not of_rows
    match column:
        case Category():
            nullable = maybe or column.nulls is None or column.unknown is None
            return ValueType("category", 0, len(column.keys) - 1, nullable, keys=keys_of(column.keys))
        case Boolean():
            return ValueType("boolean", 0, 1, maybe or column.nulls is None)
        case Integer():
            low, high = (int(bound) for bound in column.bounds)
            return ValueType("number", low, high, maybe or column.nulls is None, unit=column.unit)
        case DecimalColumn():
            low, high = (steps_of(bound, column.step) for bound in column.bounds)
            return ValueType("number", low, high, maybe or column.nulls is None, column.step, column.unit)
        case Date():
            return ValueType("date", FIRST_DAY, LAST_DAY, nullable=True)
        case Timestamp():
            return ValueType("timestamp", FIRST_SECOND, LAST_SECOND, nullable=True)
        case Text():
            raise Fault(
                "text-column",
                "a text column's keys are not known beforehand, so only `top` takes it",
                "type: category, with its keys",
            )


def column_value(table_name: str, table: Table, column_name: str, column: Column) -> Typed:
    """A column as a value; the key for absence stands in for the customers without a row."""
    of_rows = table.rows == "many"
    kind = column_type(column, of_rows=of_rows)
    if of_rows:
        return Typed(RowColumn(table_name, column_name), kind)
    node: Node = CustomerColumn(table_name, column_name)
    if isinstance(column, Category) and column.absent is not None:
        code = list(column.keys).index(column.absent)
        node = build.chosen([(Absent(table_name), Constant(code))], node)
        present = column_type(column, of_rows=True)
        return Typed(node, present)
    return Typed(node, kind)
