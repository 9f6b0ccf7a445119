"""Distances between vectors or contributions, and the assertions of locality and of declared sensitivity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dpinsights.model.measurement import Measurement
from tests.oracle.oracle import Contributions


@dataclass(frozen=True)
class Distance:
    """How far apart two vectors are: entries that differ, and norms of the difference (Euclidean squared)."""

    l0: int
    l1: int
    l2_squared: int
    linf: int

    def within(self, measurement: Measurement, times: int = 1) -> bool:
        """Whether the distance is at most `times` the measurement's declared sensitivity."""
        return (
            self.l0 <= times * measurement.l0
            and self.l1 <= times * measurement.l1
            and self.l2_squared <= times**2 * measurement.l2_squared
            and self.linf <= times * measurement.linf
        )


def _distance(differences: Iterable[int]) -> Distance:
    sizes = [abs(d) for d in differences if d]
    return Distance(len(sizes), sum(sizes), sum(d * d for d in sizes), max(sizes, default=0))


def distance(a: Sequence[int] | Contributions, b: Sequence[int] | Contributions, index: int = 0) -> Distance:
    """The distance of two vectors, or of two contribution maps in one measurement; an absent pair adds 0.

    >>> distance([1, 5, 0], [1, 2, 1])
    Distance(l0=2, l1=4, l2_squared=10, linf=3)
    """
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        zero = (0,) * (index + 1)
        return _distance(a.get(pair, zero)[index] - b.get(pair, zero)[index] for pair in a.keys() | b.keys())
    assert not isinstance(a, Mapping) and not isinstance(b, Mapping)
    return _distance(x - y for x, y in zip(a, b, strict=True))


def removed(contributions: Contributions, customer: str) -> Contributions:
    """The contributions of all other customers."""
    return {pair: added for pair, added in contributions.items() if pair[0] != customer}


def only(contributions: Contributions, customer: str) -> Contributions:
    """The contributions of one customer."""
    return {pair: added for pair, added in contributions.items() if pair[0] == customer}


def assert_local(
    before: Contributions, after: Contributions, removed_customer: str, *, party_only: bool = False
) -> None:
    """Every other customer contributes the same; the removed one, nothing (unless at one party only)."""
    assert removed(before, removed_customer) == removed(after, removed_customer)
    assert party_only or not only(after, removed_customer)


def assert_bounded(contributions: Contributions, measurements: Sequence[Measurement]) -> None:
    """Every customer keeps to the declared L0, L1, L2 and Linf of every measurement."""
    customers: dict[str, Contributions] = {}
    for (customer, cell), added in contributions.items():
        customers.setdefault(customer, {})[customer, cell] = added
    for own in customers.values():
        for index, measurement in enumerate(measurements):
            assert len(own) <= measurement.l0
            assert distance(own, {}, index).within(measurement)
