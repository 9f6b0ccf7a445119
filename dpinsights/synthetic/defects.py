"""What real extracts have wrong with them, put into clean rows at declared rates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dpinsights.synthetic.errors import PopulationError
from dpinsights.synthetic.population import Defects
from dpinsights.synthetic.streams import Stream
from dpinsights.synthetic.values import Floats, Integers

UNKNOWN_KEY = "未分类"
"""A category key that no contract declares."""

_WIDE = str.maketrans("0123456789abcdef", "０１２３４５６７８９ａｂｃｄｅｆ")


def spoil(table: pa.Table, customer: str, defects: Defects, stream: Stream) -> pa.Table:
    """The same rows with defects; types of the spoiled columns are the same in every block.

    >>> clean = pa.table({"customer_id": ["0a", "0b"], "amount": [1.0, 2.0]})
    >>> spoil(clean, "customer_id", Defects(padded_ids=1.0), Stream(1, 0)).column("customer_id").to_pylist()
    ['  0a ', '  0b ']
    """
    size = table.num_rows
    if defects.duplicates:
        again = _chosen(size, defects.duplicates, stream.child("duplicates"))
        table = table.take(pa.array(np.concatenate([np.arange(size), again])))
    for field, rate, change in (
        ("wide_ids", defects.wide_ids, lambda text: text.translate(_WIDE)),
        ("padded_ids", defects.padded_ids, lambda text: f"  {text} "),
        ("null_ids", defects.null_ids, lambda text: None),
    ):
        if rate:
            table = _change_texts(table, customer, rate, change, stream.child(field))
    for column, rate in defects.unknown_categories.items():
        table = _change_texts(
            table, column, rate, lambda text: UNKNOWN_KEY, stream.child(f"unknown/{column}")
        )
    for column, rate in defects.negative.items():
        table = _change_numbers(
            table, column, rate, lambda numbers: -numbers, stream.child(f"negative/{column}")
        )
    for column, rate in defects.not_a_number.items():
        table = _change_numbers(
            table, column, rate, lambda numbers: numbers * np.nan, stream.child(f"nan/{column}")
        )
    for column in defects.dates_as_text:
        table = _replaced(table, column, table.column(column).cast(pa.string()))
    return table


def _chosen(size: int, rate: float, stream: Stream) -> Integers:
    return np.flatnonzero(stream.rng().random(size) < rate).astype(np.int64)


def _change_texts(
    table: pa.Table, column: str, rate: float, change: Callable[[str], str | None], stream: Stream
) -> pa.Table:
    texts = table.column(column).cast(pa.string()).combine_chunks()
    rows = _chosen(len(texts), rate, stream)
    chosen = texts.take(pa.array(rows)).to_pylist()
    changed = pa.array([None if text is None else change(text) for text in chosen], pa.string())
    mask = np.zeros(len(texts), dtype=np.bool_)
    mask[rows] = True
    return _replaced(table, column, pc.replace_with_mask(texts, pa.array(mask), changed))


def _change_numbers(
    table: pa.Table, column: str, rate: float, change: Callable[[Floats], Floats], stream: Stream
) -> pa.Table:
    found = table.column(column)
    kinds = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal)
    if not any(is_kind(found.type) for is_kind in kinds):
        raise PopulationError(f"defects: {column} is not a number")
    null = found.is_null().to_numpy()
    numbers = found.cast(pa.float64()).to_numpy().copy()
    rows = _chosen(len(numbers), rate, stream)
    numbers[rows] = change(numbers[rows])
    return _replaced(table, column, pa.array(numbers, mask=null))


def _replaced(table: pa.Table, column: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)
