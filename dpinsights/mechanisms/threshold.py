"""Counts under keys that were not known beforehand: the Gaussian threshold mechanism.

Each key that somebody holds gets discrete Gaussian noise, and a key is released only if its noisy count is above a
threshold. The transformation from customers to counts is ours, so its stability map is too, and this is its
argument. One customer holds at most l0 keys and adds at most linf to each; a key is a function of that customer's own
rows; so adding or removing d customers changes at most d * l0 keys, each by at most d * linf, and the whole by a
Euclidean distance of at most d * sqrt(l0) * linf. A key that only those customers hold is released with probability
delta at most, which OpenDP's map states together with rho (Rogers 2023, arXiv:2309.09170; Canonne, Kamath and Steinke
2020, arXiv:2004.00010).

OpenDP 0.16 releases a noisy count that equals the threshold, but bills only for those above it (opendp/opendp#2922):
on whole numbers the true delta is then up to several times what its map says. Here ties are left out by
post-processing inside the same measurement. What remains is what the map bills: with Z the discrete and G the
continuous Gaussian, P[linf + Z > T] = P[Z >= T - linf + 1] <= P[G >= T - linf] for whole T and linf.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import opendp.prelude as dp
from opendp.mod import OpenDPException

from dpinsights.errors import InternalError, PlanError
from dpinsights.mechanisms.noise import root_up, units_up
from dpinsights.mechanisms.unit import customers, whole_distance
from dpinsights.model.measurement import Discovery
from dpinsights.model.numbers import DELTA_UNITS

MECHANISM = "discrete Gaussian with a threshold"

_VANISHING = 50
"""Scales above linf at which a tail is below every float."""


class KeyThreshold:
    """One OpenDP measurement: customers to counts under keys, chained with the Gaussian threshold.

    Args:
        unit: the partnership, which names OpenDP's domain and metric.
        l0: the keys that one customer holds at most.
        linf: what one customer adds to a key at most.
        scale: the noise's scale.
        threshold: only a noisy count above it is released; at least 2 * linf, so that a loss can be stated for two
            customers.

    >>> mechanism = KeyThreshold(unit="doctest", l0=4, linf=1, scale=10.0, threshold=80)
    >>> mechanism.rho_units, mechanism.delta_units
    (20000000001, 5774)
    >>> mechanism.draw(lambda: {7: 1_000, 3: 1}).keys()
    dict_keys([7])
    """

    def __init__(self, *, unit: str, l0: int, linf: int, scale: float, threshold: int) -> None:
        if l0 < 1 or linf < 1 or not (0 < scale < 1e17) or not (2 * linf <= threshold < 2**62):
            raise InternalError(
                "a threshold needs keys, a sensitivity, a finite positive scale and room above them"
            )
        self.scale = scale
        self.threshold = threshold
        domain, metric = customers(unit)

        def aggregate(take: Callable[[], Mapping[int, int]]) -> dict[int, int]:
            counts = dict(take())
            if any(type(item) is not int for pair in counts.items() for item in pair):
                raise InternalError("counts under keys are whole numbers")
            return counts

        def stability(distance: object) -> tuple[int, float, float]:
            d = whole_distance(distance)
            return d * l0, root_up(d * d * l0 * linf * linf), float(d * linf)

        def above(noisy: dict[int, int]) -> dict[int, int]:
            return {key: noisy[key] for key in sorted(noisy) if noisy[key] > threshold}

        customers_to_counts = dp.t.make_user_transformation(
            domain,
            metric,
            dp.map_domain(dp.atom_domain(T="i64"), dp.atom_domain(T="i64")),
            dp.l02inf_distance(dp.absolute_distance(T="f64")),
            aggregate,
            stability,
        )
        thresholded = dp.m.then_gaussian_threshold(scale=scale, threshold=threshold)
        strictly = dp.new_function(above, TO="ExtrinsicObject")  # type: ignore[attr-defined]  # opendp's prelude re-exports without saying so
        self._measurement: Any = customers_to_counts >> thresholded >> strictly

    @classmethod
    def of(cls, discovery: Discovery, *, unit: str, scale: float, threshold: int) -> KeyThreshold:
        """The mechanism that draws a planned discovery."""
        return cls(unit=unit, l0=discovery.l0, linf=discovery.linf, scale=scale, threshold=threshold)

    def loss(self, customers: int) -> tuple[float, float]:
        """OpenDP's privacy loss (rho, delta) for sets that differ by this many customers.

        Raises:
            InternalError: for so many that they can pass the threshold by themselves: there is no loss to state then.
        """
        try:
            rho, delta = self._measurement.map(customers)
        except OpenDPException:
            raise InternalError("OpenDP states no loss of a threshold for this many customers") from None
        return float(rho), float(delta)

    @property
    def rho_units(self) -> int:
        """The charge in rho for one customer in ledger units, rounded up."""
        return units_up(self.loss(1)[0])

    @property
    def delta_units(self) -> int:
        """The charge in delta for one customer in ledger units, rounded up."""
        return delta_units_up(self.loss(1)[1])

    def draw(self, take: Callable[[], Mapping[int, int]]) -> dict[int, int]:
        """The released keys with their noisy counts, by ascending key.

        `take` hands over the exact counts and runs once, inside OpenDP's measurement. The order is made from the
        released keys alone, so it tells no more than they do; that of the exact counts or of a hash map might.
        """
        try:
            noisy = self._measurement(take)
        except OpenDPException:
            # The message may hold a traceback with data in it.
            raise InternalError("the threshold mechanism refused an aggregate") from None
        return {int(key): int(count) for key, count in noisy.items()}


def delta_units_up(delta: float) -> int:
    """A delta in ledger units, rounded up exactly.

    >>> delta_units_up(0.5), delta_units_up(1e-19)
    (500000000000000000, 1)
    """
    if not (0 <= delta <= 1):
        raise InternalError("a delta lies between 0 and 1")
    return math.ceil(Fraction(delta) * DELTA_UNITS)


def threshold_for(*, l0: int, linf: int, scale: float, delta_units: int) -> int:
    """The smallest threshold whose delta, as OpenDP's map states it, rounds up to at most `delta_units`.

    Raises:
        PlanError: if no threshold does: OpenDP's map never goes below about 1.1e-16 for each of a customer's keys.

    >>> threshold_for(l0=4, linf=1, scale=10.0, delta_units=10_000_000)
    71
    """

    def stated(threshold: int) -> int:
        return KeyThreshold(unit="plan", l0=l0, linf=linf, scale=scale, threshold=threshold).delta_units

    low, high = 2 * linf - 1, 2 * linf + math.ceil(_VANISHING * scale)
    least = stated(high)
    if least > delta_units:
        raise PlanError(
            f"keys can't be discovered at a delta of {delta_units / DELTA_UNITS:.3g}: with up to {l0} keys a customer "
            f"the least that can be stated is {least / DELTA_UNITS:.3g}; take a larger budget for the report, whose part of the "
            "policy's discovery delta grows with it, fewer discoveries or a smaller groups_per_customer"
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if stated(middle) <= delta_units else (middle, high)
    return high
