"""A new partnership's contract, begun from a few answers or from the schemas of Parquet files.

Types are proposed. Keys, bounds, units and figures never are: whatever is public is decided by both parties and never
looked up in the data, so no row, no statistic and no number of rows is read here. What is left to decide is a comment in
the text, and `check` names it as a missing field, with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dpinsights.definitions.places import Origin, refuse
from dpinsights.errors import DefinitionError, Problem
from dpinsights.model.names import NAME, SLUG

_NAME, _SLUG = re.compile(NAME), re.compile(SLUG)
_ZONE = re.compile(r"[A-Za-z_]+(/[A-Za-z_+-]+)+|UTC")
_TO_DECIDE = "# to be decided by both parties:"

Columns = Mapping[str, str]
"""Columns and their types, in words: category, boolean, integer, decimal, date, timestamp."""


def start_contract(
    name: str, parties: Mapping[str, str], tables: Mapping[str, Path | str | Columns | None] | None = None
) -> str:
    """The YAML text of a contract to be completed.

    Args:
        name: what the partnership is called.
        parties: the two parties, each with its name for readers.
        tables: `party.table` names; each with a Parquet file whose schema proposes columns, or with columns and their
            types, or with None. Without tables each party gets one, `customers`.

    Raises:
        DefinitionError: for names that can't be used, and for files that are no Parquet.

    >>> print(start_contract("a-b", {"a": "Bank A", "b": "Shop B"}, {"a.customers": {"tier": "category"}, "b.orders": None}))
    contract: a-b
    version: 1
    privacy_unit: customer
    parties:
      a: {name: "Bank A"}
      b: {name: "Shop B"}
    planning: {}  # to be decided by both parties: customers, customers_at_most, basis
    tables:
      a.customers:
        # to be decided by both parties: customer, rows
        columns:
          tier:
            type: category
            # to be decided by both parties: keys
      b.orders: {}  # to be decided by both parties: customer, rows, columns
    <BLANKLINE>
    """
    given = tables if tables is not None else {f"{party}.customers": None for party in parties}
    refuse(_problems(name, parties, given))
    lines = [f"contract: {name}", "version: 1", "privacy_unit: customer", "parties:"]
    lines += [f"  {party}: {{name: {_quoted(title)}}}" for party, title in parties.items()]
    lines += [f"planning: {{}}  {_TO_DECIDE} customers, customers_at_most, basis", "tables:"]
    for table, source in given.items():
        if source is None:
            lines.append(f"  {table}: {{}}  {_TO_DECIDE} customer, rows, columns")
        else:
            lines += [f"  {table}:", *("    " + line for line in _table(source))]
    return "\n".join(lines) + "\n"


def start_folder(folder: Path | str, parties: Sequence[str], tables: Sequence[str] = ()) -> tuple[Path, ...]:
    """Write a new partnership's contract, to be completed, and its policy.

    Args:
        folder: the partnership's folder; its name becomes the partnership's.
        parties: the short names of the two parties.
        tables: `party.table` or `party.table=file.parquet`.

    Returns:
        The files that were written.

    Raises:
        DefinitionError: for names that can't be used, or if a contract or policy lies there already.
    """
    folder = Path(folder)
    given = dict(_split(table) for table in tables)
    contract = start_contract(folder.resolve().name, {party: party for party in parties}, given or None)
    texts = {"contract.yaml": contract, "policy.yaml": _policy(folder.resolve().name, parties)}
    for name in texts:
        if (folder / name).exists():
            message = "this file is there already and is not overwritten"
            raise DefinitionError((Problem(str(folder / name), 0, 0, "", "file-exists", message),))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        with open(folder / name, "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    return tuple(folder / name for name in texts)


def _split(table: str) -> tuple[str, Path | None]:
    name, _, file = table.partition("=")
    return name, Path(file) if file else None


def _policy(name: str, parties: Sequence[str]) -> str:
    accounts = ", ".join(f"{party}: {{}}" for party in parties)
    return (
        f"policy: {name}\n"
        "version: 1\n"
        f"delta: {{}}  {_TO_DECIDE} conversion, discovery; together at most 1/(10 x customers_at_most)\n"
        f"lifetime: {{}}  {_TO_DECIDE} epsilon, over all recipients\n"
        f"accounts: {{{accounts}}}  {_TO_DECIDE} epsilon of each\n"
    )


def _problems(name: str, parties: Mapping[str, str], tables: Mapping[str, object]) -> Iterator[Problem]:
    origin = Origin()
    if not _SLUG.fullmatch(name):
        yield origin.problem(("contract",), "bad-name", f"'{name}': small letters, digits and -", "bank-shop")
    if len(parties) != 2:
        yield origin.problem(("parties",), "too-few", f"expected two parties, found {len(parties)}")
    for party in parties:
        if not _NAME.fullmatch(party):
            yield origin.problem(
                ("parties", party), "bad-name", f"'{party}': small letters, digits and _, a letter first"
            )
    for table in tables:
        party, _, rest = table.partition(".")
        if party not in parties or not _NAME.fullmatch(rest):
            hint = f"{next(iter(parties), 'party')}.customers"
            yield origin.problem(
                ("tables", table), "table-name", f"'{table}' is not a table of a party", hint
            )


def _table(source: Path | str | Columns) -> list[str]:
    if isinstance(source, Mapping):
        return [
            f"{_TO_DECIDE} customer, rows",
            "columns:",
            *_columns({c: _declared(c, t) for c, t in source.items()}),
        ]
    schema = _schema(source)
    proposals = {field.name: _proposed(field.type) for field in schema}
    customer = _customer(schema)
    lines = [f"customer: {customer}" if customer else f"{_TO_DECIDE} customer"]
    proposals.pop(customer or "", None)
    return [*lines, f"{_TO_DECIDE} rows (one or many for each customer)", "columns:", *_columns(proposals)]


def _columns(proposals: Mapping[str, list[str] | None]) -> list[str]:
    lines = []
    for name, fields in proposals.items():
        if not _NAME.fullmatch(name):
            lines.append(f"  # {_quoted(name)} is left out: a column is named in small letters, digits and _")
        elif fields is None:
            lines.append(f"  # {name} is left out: its storage type is none that can be used")
        else:
            lines += [f"  {name}:", *("    " + line for line in fields)]
    return lines


def _declared(column: str, kind: str) -> list[str]:
    fields = {
        "category": ["keys"], "boolean": [], "integer": ["bounds"], "decimal": ["unit", "step", "bounds"],
        "date": [], "timestamp": ["zone"], "text": ["max_length"],
    }.get(kind)  # fmt: skip
    if fields is None:
        message = f"'{kind}' is no type of columns"
        raise DefinitionError((Origin().problem((column,), "unknown-type", message, "category"),))
    return [f"type: {kind}", *([f"{_TO_DECIDE} {', '.join(fields)}"] if fields else [])]


def _proposed(kind: pa.DataType) -> list[str] | None:
    """The fields of a column by its storage type; None if it can't be used."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _declared("", "category")
    if pa.types.is_boolean(kind):
        return _declared("", "boolean")
    if pa.types.is_integer(kind):
        return _declared("", "integer")
    if pa.types.is_decimal(kind):
        step = "1" if kind.scale <= 0 else f"0.{'0' * (kind.scale - 1)}1"
        return ["type: decimal", f"step: {step}", f"{_TO_DECIDE} unit, bounds"]
    if pa.types.is_floating(kind):
        return _declared("", "decimal")
    if pa.types.is_date(kind):
        return _declared("", "date")
    if pa.types.is_timestamp(kind):
        if kind.tz and _ZONE.fullmatch(kind.tz):
            return ["type: timestamp", f"zone: {kind.tz}"]
        return _declared("", "timestamp")
    return None


def _customer(schema: pa.Schema) -> str | None:
    """The column that names the customer, if one is called so."""
    for name in schema.names:
        if _NAME.fullmatch(name) and re.fullmatch(
            r"(customer|client|user|member|cust)(_?(id|no|key))?", name
        ):
            return str(name)
    return None


def _schema(path: Path | str) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowInvalid):
        message = "no Parquet schema can be read from this file"
        raise DefinitionError((Problem(str(path), 0, 0, "", "unreadable-file", message),)) from None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
