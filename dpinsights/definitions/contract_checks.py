"""What a contract's fields must be to each other, beyond each field alone."""

from __future__ import annotations

import unicodedata
import zoneinfo
from collections.abc import Iterator
from decimal import Decimal

from dpinsights.definitions import ranges
from dpinsights.definitions.aggregates import check_step, whole_bounds
from dpinsights.definitions.expressions import is_plain_name
from dpinsights.definitions.features import Features
from dpinsights.definitions.places import Fault, Origin, Path, nearest
from dpinsights.definitions.typed import known
from dpinsights.errors import Problem
from dpinsights.model.contract import (
    RESERVED,
    Boolean,
    Category,
    Contract,
    Date,
    DecimalColumn,
    Integer,
    KeySet,
    Table,
    Text,
    Timestamp,
)


class _Checks:
    """Collects the problems of one document, and which columns they spoil."""

    def __init__(self, origin: Origin) -> None:
        self.origin, self.problems, self.broken = origin, list[Problem](), set[str]()

    def add_key(self, path: Path, code: str, message: str, hint: str = "") -> None:
        """Record a problem of a name: its place is that of the key."""
        self.add(path, code, message, hint, of_key=True)

    def add(self, path: Path, code: str, message: str, hint: str = "", *, of_key: bool = False) -> None:
        """Record a problem; one within a column's path spoils the column."""
        self.problems.append(self.origin.problem(path, code, message, hint, of_key=of_key))
        if len(path) >= 4 and path[0] == "tables":
            self.broken.add(f"{path[1]}.{path[3]}")


def contract_problems(contract: Contract, origin: Origin) -> tuple[tuple[Problem, ...], frozenset[str]]:
    """The problems of a contract but for its features' expressions, and the full names of the columns they spoil."""
    checks = _Checks(origin)
    _parties(contract, checks)
    _planning(contract, checks)
    for name, table in contract.tables.items():
        _table(name, table, contract, checks)
    for name, feature in contract.features.items():
        _name(("features", name), name, checks)
        if name in contract.parties:
            checks.add_key(("features", name), "name-taken", f"'{name}' is a party's name")
        elif not is_plain_name(name):
            checks.add_key(
                ("features", name), "reserved-word", f"'{name}' is a word of expressions", f"{name}_"
            )
        for field in ("labels", "into"):
            keys = getattr(feature, field)
            if keys is not None:
                _keys(("features", name, field), keys, checks)
    return tuple(checks.problems), frozenset(checks.broken)


def _name(path: Path, name: str, checks: _Checks) -> None:
    if name in RESERVED:
        checks.add_key(path, "reserved-word", f"'{name}' has a meaning of its own here", f"{name}_")


def _parties(contract: Contract, checks: _Checks) -> None:
    for name, party in contract.parties.items():
        path: Path = ("parties", name)
        _name(path, name, checks)
        members = party.members
        if members is None:
            if not any(table.startswith(f"{name}.") for table in contract.tables):
                checks.add_key(
                    path, "party-without-tables", f"{name} has no table, so nobody is its customer"
                )
        elif members not in contract.tables:
            near = nearest(members, [table for table in contract.tables if table.startswith(f"{name}.")])
            checks.add((*path, "members"), "unknown-table", f"no table '{members}' in the contract", near)
        elif not members.startswith(f"{name}."):
            checks.add((*path, "members"), "wrong-party", f"{members} is not a table of {name}")


def _planning(contract: Contract, checks: _Checks) -> None:
    path: Path = ("planning", "customers")
    wanted = [*contract.parties, "shared"]
    figures = contract.planning.customers
    for name, figure in figures.items():
        if name not in wanted:
            hint = nearest(name, wanted) or ", ".join(wanted)
            checks.add_key((*path, name), "unknown-name", f"'{name}' is neither a party nor shared", hint)
        elif not 0 < figure <= contract.planning.customers_at_most:
            most = contract.planning.customers_at_most
            message = f"expected a figure from 1 to customers_at_most, {most:,}; found {figure:,}"
            checks.add((*path, name), "planning-figure", message)
    for name in wanted:
        if name not in figures:
            checks.add_key(path, "missing-field", f"{name}: a public figure is missing")
    shared, parties = figures.get("shared"), [figures[name] for name in contract.parties if name in figures]
    if shared is not None and parties and shared > min(parties):
        checks.add((*path, "shared"), "planning-figure", "more shared customers than a party has customers")


def _table(name: str, table: Table, contract: Contract, checks: _Checks) -> None:
    path: Path = ("tables", name)
    party, _, rest = name.partition(".")
    if not ranges.NAME.fullmatch(party) or not ranges.NAME.fullmatch(rest):
        message = f"'{name}' is not of the form party.table, in small letters, digits and _"
        checks.add_key(path, "table-name", message, "icbc.customers")
    elif party not in contract.parties:
        near = nearest(party, contract.parties)
        hint = f"{near}.{rest}" if near else f"one of {', '.join(contract.parties)}"
        checks.add_key(path, "unknown-party", f"'{party}' is not a party of this contract", hint)
    if table.time is not None:
        column = table.columns.get(table.time)
        if column is None:
            dated = [c for c, kind in table.columns.items() if isinstance(kind, Date | Timestamp)]
            hint = nearest(table.time, dated) or ", ".join(dated)
            checks.add((*path, "time"), "unknown-column", f"no column '{table.time}' in {name}", hint)
            checks.broken.add(f"{name}.{table.time}")
        elif not isinstance(column, Date | Timestamp):
            checks.add(
                (*path, "time"),
                "time-not-a-date",
                f"'{table.time}' is {column.type}, not a date or a timestamp",
            )
            checks.broken.add(f"{name}.{table.time}")
        if table.rows == "one":
            message = (
                "a table with one row for each customer has no time column: its row counts in every period"
            )
            checks.add((*path, "time"), "time-on-one-row", message, "rows: many")
    if not table.columns:
        checks.add((*path, "columns"), "no-columns", "expected at least one column")
    if table.customer in table.columns:
        message = f"'{table.customer}' names the customer, so it can't be a column as well"
        checks.add_key((*path, "columns", table.customer), "identifier-as-column", message)
    for column_name, kind in table.columns.items():
        here: Path = (*path, "columns", column_name)
        if kind.sensitivity == "C3":
            message = f"'{column_name}' is of class C3, and no such column enters a contract: take it out"
            checks.add((*here, "class"), "class-c3", message)
        if not is_plain_name(f"{name}.{column_name}") and ranges.NAME.fullmatch(rest):
            message = f"'{column_name}' is a word of expressions, so they can't name it"
            checks.add_key(here, "reserved-word", message, f"{column_name}_")
        match kind:
            case Category():
                _category(here, kind, table, checks)
            case Integer() | DecimalColumn():
                _number(here, kind, checks)
            case Timestamp():
                _zone(here, kind, checks)
            case Boolean() | Date() | Text():
                pass


def _category(path: Path, column: Category, table: Table, checks: _Checks) -> None:
    _keys((*path, "keys"), column.keys, checks)
    for field in ("unknown", "nulls", "absent"):
        key = getattr(column, field)
        if key is not None and key not in column.keys:
            near = nearest(key, column.keys)
            hint = near or f"add '{key}' to keys"
            checks.add((*path, field), "unknown-key", f"'{key}' is not among the keys of this column", hint)
    if column.absent is not None and table.rows != "one":
        message = "absent is for tables with rows: one; in a many-row table customers without a row simply have none"
        checks.add((*path, "absent"), "absent-of-many", message)


def _keys(path: Path, keys: KeySet, checks: _Checks) -> None:
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}
    for index, key in enumerate(keys):
        here: Path = (*path, index) if (*path, index) in checks.origin.values else (*path, key)
        composed = unicodedata.normalize("NFC", key)
        clean = composed.strip()
        if clean != composed:
            message = f"'{key}' begins or ends with a space: values are stripped"
            checks.add_key(here, "key-untidy", message, f"'{clean}'")
        if ranges.unseen(key):
            checks.add_key(here, "unseen-character", "a key holds no control or direction characters")
        if clean in exact:
            checks.add_key(here, "key-twice", f"'{key}' and '{exact[clean]}' are one key once they are read")
        elif clean.casefold() in folded:
            other = folded[clean.casefold()]
            checks.add_key(here, "keys-differ-only-by-case", f"'{key}' and '{other}' differ only by case")
        exact.setdefault(clean, key)
        folded.setdefault(clean.casefold(), key)


def _number(path: Path, column: Integer | DecimalColumn, checks: _Checks) -> None:
    step = column.step if isinstance(column, DecimalColumn) else Decimal(1)
    try:
        check_step(step)
    except Fault as fault:
        checks.add((*path, "step"), fault.code, fault.message, fault.hint)
        return
    try:
        low, high = whole_bounds(column.bounds, step)
    except Fault as fault:
        checks.add((*path, "bounds"), fault.code, fault.message, fault.hint)
        return
    if column.nulls is not None:
        try:
            constant = ranges.steps_of(column.nulls, step)
        except Fault as fault:
            checks.add((*path, "nulls"), fault.code, fault.message, fault.hint)
            return
        if not low <= constant <= high:
            checks.add((*path, "nulls"), "nulls-out-of-bounds", f"{column.nulls:f} lies outside the bounds")


def _zone(path: Path, column: Timestamp, checks: _Checks) -> None:
    known = zoneinfo.available_timezones()
    if column.zone not in known:
        hint = nearest(column.zone, known) or "Asia/Shanghai"
        checks.add((*path, "zone"), "unknown-zone", f"'{column.zone}' is not an IANA time zone", hint)


def figures_problems(contract: Contract, features: Features, origin: Origin) -> Iterator[Problem]:
    """Public figures that are not about the keys of a category, or name keys that it lacks."""
    for name, figures in contract.figures.items():
        try:
            value = features.lookup(tuple(figures.of.split(".")))
            kind = known(value)
        except Fault as fault:
            if fault.code != "broken-feature":  # what is wrong there is said there
                yield origin.at(("figures", name, "of"), fault)
            continue
        if kind.kind not in ("category", "boolean"):
            message = f"figures are by the keys of a category, and {figures.of} is {value.kind}"
            yield origin.problem(("figures", name, "of"), "not-a-category", message, "a cut feature over it")
        elif figures.of not in contract.features or contract.features[figures.of].kind != "periods":
            keys = [key.key for key in kind.keys] or ["false", "true"]
            for key in figures.values:
                if key not in keys:
                    path: Path = ("figures", name, "values", key)
                    hint = nearest(key, keys) or ", ".join(keys[:8])
                    message = f"'{key}' is not a key of {figures.of}"
                    yield origin.problem(path, "unknown-key", message, hint, of_key=True)
