"""An exact vector: works once, and shows nothing. And what is raised where exact contributions broke their bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dpinsights.errors import InternalError, MeasurementError


class BoundsViolated(MeasurementError):
    """The contributions were not within their declared bounds: our SQL or the engine is wrong."""

    def __init__(self) -> None:
        super().__init__(
            "The aggregation did not keep the declared contribution bounds. Nothing was released, the charge is kept, and "
            "the account is frozen until an operator resolves it."
        )


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
