"""The privacy unit as OpenDP knows it: sets of a partnership's customers, and how many customers they differ by."""

from __future__ import annotations

from typing import Any

import opendp.prelude as dp

from dpinsights.errors import InternalError

dp.enable_features("contrib", "honest-but-curious")


def customers(unit: str) -> tuple[Any, Any]:
    """OpenDP's domain and metric of a partnership, equal for equal names, so that its measurements compose.

    >>> domain, metric = customers("doctest")
    >>> metric == customers("doctest")[1], metric == customers("another")[1]
    (True, False)
    """
    return (
        dp.user_domain(f"dpinsights.customers[{unit}]", lambda _: True),
        dp.user_distance(f"dpinsights.add_or_remove_one_customer[{unit}]"),
    )


def whole_distance(distance: object) -> int:
    """A distance between sets of customers, which OpenDP hands over unchecked.

    >>> whole_distance(2)
    2
    """
    if not isinstance(distance, int) or isinstance(distance, bool) or distance < 0:
        raise InternalError("a distance between sets of customers is a whole number")
    return distance
