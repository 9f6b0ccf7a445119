"""Drawn values as Arrow columns: keys dictionary-encoded, decimals exact, moments in UTC."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa

from dpinsights.synthetic.draws import Draw
from dpinsights.synthetic.values import Integers, Values

_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint8).reshape(256, 2)
_ODD = 0x5DEECE66D
_BITS = 40


def identifiers(people: Integers, seed: int) -> pa.Array:
    """Ten hexadecimal digits for each person, different for different people and in no order.

    The number is an affine map modulo 2**40 with an odd factor, which is a bijection.

    >>> identifiers(np.array([0, 1]), 0).to_pylist()
    ['000000000b', '05deece678']
    """
    shift = (seed * 0x9E3779B97F4A7C15 + 11) % 2**_BITS
    # 64-bit products wrap modulo 2**64, of which 2**40 is a divisor: the low bits are right.
    mixed = (people.astype(np.uint64) * np.uint64(_ODD) + np.uint64(shift)) & np.uint64(2**_BITS - 1)
    octets = mixed.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 3:]
    offsets = np.arange(len(people) + 1, dtype=np.int32) * 10
    return pa.StringArray.from_buffers(
        len(people), pa.py_buffer(offsets), pa.py_buffer(_HEX[octets].tobytes())
    )


def as_arrow(values: Values, how: Draw | None = None) -> pa.Array:
    """One column as Arrow; a draw with a `step` becomes a decimal.

    >>> from dpinsights.synthetic.draws import as_draw
    >>> as_arrow(Values(np.array([1.239])), as_draw({"uniform": [0, 2], "step": "0.01"})).to_pylist()
    [Decimal('1.24')]
    """
    if values.labels is not None:
        codes = pa.array(values.array.astype(np.int32), mask=values.null)
        return pa.DictionaryArray.from_arrays(codes, pa.array(values.labels, pa.string()))
    if how is not None and how.step is not None:
        return _decimals(values, how.step)
    return pa.array(values.array, mask=values.null, type=_type(values))


def _type(values: Values) -> pa.DataType | None:
    if values.array.dtype == np.dtype("datetime64[us]"):
        return pa.timestamp("us", tz="UTC")
    return None


def _decimals(values: Values, step: Decimal) -> pa.Array:
    """Decimals from numbers, rounded to whole steps; through 64-bit integers, all of it vectorised."""
    scale = max(0, -int(step.as_tuple().exponent))
    units = int(step.scaleb(scale))
    whole = np.rint(values.array.astype(np.float64) / float(step)).astype(np.int64) * units
    words = np.empty((len(whole), 2), dtype=np.int64)
    words[:, 0] = whole
    words[:, 1] = whole >> 63
    valid = None if values.null is None else pa.py_buffer(np.packbits(~values.null, bitorder="little"))
    return pa.Array.from_buffers(pa.decimal128(18, scale), len(whole), [valid, pa.py_buffer(words)])
