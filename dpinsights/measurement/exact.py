"""An exact vector: works once, and shows nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpinsights.errors import InternalError


class ExactVector:
    """Exact sums over cells. `take` hands them over once; no representation, comparison or pickle shows them.

    >>> vector = ExactVector(np.array([3, 5]))
    >>> vector
    <exact vector>
    >>> vector.take()
    array([3, 5])
    >>> vector.take()
    Traceback (most recent call last):
    ...
    dpinsights.errors.InternalError: an exact vector can be taken once
    """

    __slots__ = ("_values",)

    def __init__(self, values: NDArray[np.int64]) -> None:
        self._values: NDArray[np.int64] | None = values

    def take(self) -> NDArray[np.int64]:
        """The values, once."""
        if self._values is None:
            raise InternalError("an exact vector can be taken once")
        values, self._values = self._values, None
        return values

    def __repr__(self) -> str:
        return "<exact vector>"

    def __reduce__(self) -> tuple[object, ...]:
        raise InternalError("an exact vector is not stored")
