"""The discrete Gaussian over one vector of integers, and the loss that OpenDP's own map states for it.

The transformation from customers to an integer vector is ours, so its stability map is ours too, and this is its
argument. A vector is a sum over customers of each one's own contribution, and a contribution depends on that
customer's own rows, the contract and the plan alone. Adding or removing one customer therefore adds or removes that
one contribution, whose Euclidean norm is at most sqrt(l2_squared) because it was bounded; a distance of d customers
moves the vector by at most d times that (the triangle inequality), and so does replacing one party's rows of one
customer at distance 2: take the customer out, put it back. OpenDP is given that number rounded up, chains its
discrete Gaussian to it, and the loss that is charged is the number that its map returns for the object that draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import opendp.prelude as dp
from numpy.typing import NDArray
from opendp.mod import OpenDPException

from dpinsights.errors import InternalError
from dpinsights.model.measurement import Measurement
from dpinsights.model.numbers import RHO_UNITS

dp.enable_features("contrib", "honest-but-curious")

MECHANISM = "discrete Gaussian"

INT64 = 2**63
NOISE_ROOM = 40
"""How many scales of room a vector must leave inside 64 bits: a discrete Gaussian passes 40 scales with p < 1e-300."""


def root_up(square: int) -> float:
    """The smallest float that is at least the square root of a whole number.

    >>> root_up(4), Fraction(root_up(2)) ** 2 >= 2
    (2.0, True)
    """
    root = math.sqrt(square)
    while Fraction(root) ** 2 < square:
        root = math.nextafter(root, math.inf)
    while root > 0 and Fraction(math.nextafter(root, 0.0)) ** 2 >= square:
        root = math.nextafter(root, 0.0)
    return root


class GaussianNoise:
    """One OpenDP measurement: customers to a vector of integers, chained with the discrete Gaussian.

    Args:
        unit: the partnership, which names OpenDP's domain and metric.
        size: the length of the vector.
        l2_squared: the square of one customer's Euclidean contribution, a whole number of squared steps.
        scale: the noise's scale in steps.

    >>> noise = GaussianNoise(unit="doctest", size=3, l2_squared=4, scale=20.0)
    >>> noise.rho(1), noise.rho_units
    (0.005, 5000000001)
    >>> noise.draw(lambda: np.array([1, 2, 3])).shape
    (3,)
    """

    def __init__(self, *, unit: str, size: int, l2_squared: int, scale: float) -> None:
        if size < 1 or l2_squared < 1 or not (0 < scale < 1e17):
            raise InternalError("a measurement needs a cell, a sensitivity and a finite positive scale")
        self.size = size
        self.scale = scale
        domain = dp.user_domain(f"dpinsights.customers[{unit}]", lambda _: True)
        metric = dp.user_distance(f"dpinsights.add_or_remove_one_customer[{unit}]")

        def aggregate(take: Callable[[], NDArray[np.int64]]) -> NDArray[np.int64]:
            vector = take()
            if vector.dtype != np.int64 or vector.shape != (size,):
                raise InternalError("an aggregate has not the planned shape")
            return np.ascontiguousarray(vector)

        def stability(distance: object) -> float:
            if not isinstance(distance, int) or isinstance(distance, bool) or distance < 0:
                raise InternalError("a distance between sets of customers is a whole number")
            return root_up(distance * distance * l2_squared)

        customers_to_vector = dp.t.make_user_transformation(
            domain,
            metric,
            dp.vector_domain(dp.atom_domain(T="i64"), size=size),
            dp.l2_distance(T="f64"),
            aggregate,
            stability,
        )
        self._measurement: Any = customers_to_vector >> dp.m.then_gaussian(scale=scale) >> dp.as_array()  # type: ignore[attr-defined]  # opendp's prelude re-exports without saying so

    @classmethod
    def of(cls, measurement: Measurement, *, unit: str, scale: float) -> GaussianNoise:
        """The mechanism that draws a planned measurement."""
        return cls(unit=unit, size=measurement.size, l2_squared=measurement.l2_squared, scale=scale)

    def rho(self, customers: int) -> float:
        """OpenDP's privacy loss (zCDP) for sets that differ by this many customers."""
        return float(self._measurement.map(customers))

    @property
    def rho_units(self) -> int:
        """The charge for one customer in ledger units, rounded up."""
        return units_up(self.rho(1))

    def draw(self, take: Callable[[], NDArray[np.int64]]) -> NDArray[np.int64]:
        """Noise over the vector that `take` hands over; `take` runs once, inside OpenDP's measurement."""
        try:
            noisy = self._measurement(take)
        except OpenDPException:
            # The message may hold a traceback with data in it.
            raise InternalError("the noise mechanism refused an aggregate") from None
        return np.asarray(noisy, dtype=np.int64)


def units_up(rho: float) -> int:
    """A loss in ledger units, rounded up exactly.

    >>> units_up(0.25), units_up(5e-13)
    (250000000000, 1)
    """
    if not (0 <= rho < math.inf):
        raise InternalError("a privacy loss is finite and not negative")
    return math.ceil(Fraction(rho) * RHO_UNITS)


def scale_for(*, l2_squared: int, rho_units: int) -> float:
    """The smallest scale whose loss, as OpenDP's map states it, rounds up to at most `rho_units`.

    Starts from the closed form sqrt(l2_squared / (2 rho)) and steps upwards until OpenDP's map agrees.

    >>> scale_for(l2_squared=4, rho_units=5_000_000_001) < 20
    True
    """
    scale = math.sqrt(l2_squared * RHO_UNITS / (2 * rho_units))
    while GaussianNoise(unit="plan", size=1, l2_squared=l2_squared, scale=scale).rho_units > rho_units:
        scale = math.nextafter(scale, math.inf)
    return scale
