"""What readers may call the names in a report's queries: as the contract has it, and only what occurs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from dpinsights.model.contract import Category, Contract
from dpinsights.model.names import FrozenMap
from dpinsights.model.plan import PlannedQuery

_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*")

Named = tuple[str, FrozenMap[str, str] | None]


def reader_names(contract: Contract, queries: Iterable[PlannedQuery]) -> FrozenMap[str, FrozenMap[str, str]]:
    """Names of the tables, columns, features and keys that `of`, `where` and `rows_where` mention.

    A key of a category or of a cut feature is written `icbc.holdings.product=deposit`.
    """
    asked = [query.asked for query in queries]
    texts = [
        text
        for one in asked
        for text in (one.of, one.over, one.where, one.rows_where, *(one.on or ()))
        if text
    ]
    mentioned = {name for text in texts for name in _NAME.findall(text)}
    mentioned |= {name.rpartition(".")[0] for name in mentioned}

    def occurs(name: str) -> bool:
        name, is_key, key = name.partition("=")
        quoted = "'" + key.replace("'", "''") + "'"
        return name in mentioned and (not is_key or any(quoted in text for text in texts))

    named = (*_columns(contract), *_features(contract))
    return FrozenMap({name: names for name, names in named if names and occurs(name)})


def _columns(contract: Contract) -> Iterator[Named]:
    for table_name, table in contract.tables.items():
        yield table_name, table.name
        for column_name, column in table.columns.items():
            name = f"{table_name}.{column_name}"
            yield name, column.name
            if isinstance(column, Category):
                yield from ((f"{name}={key}", names) for key, names in column.keys.items())


def _features(contract: Contract) -> Iterator[Named]:
    for name, feature in contract.features.items():
        yield name, feature.name
        yield from ((f"{name}={key}", names) for key, names in (feature.labels or {}).items())
