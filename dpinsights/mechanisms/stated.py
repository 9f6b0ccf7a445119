"""What OpenDP's maps state of a draw, whichever mechanism draws it: from its specification alone."""

from __future__ import annotations

from typing import assert_never

from dpinsights.errors import InternalError
from dpinsights.mechanisms.noise import GaussianNoise, units_up
from dpinsights.mechanisms.selection import GroupedMin
from dpinsights.mechanisms.threshold import KeyThreshold, delta_units_up
from dpinsights.model.measurement import Measured, Specification


def mechanism_of(specification: Specification, *, unit: str) -> GaussianNoise | KeyThreshold | GroupedMin:
    """The mechanism that draws as specified, over the customers of a partnership.

    Raises:
        InternalError: if the specification lacks a number that its kind needs, or has one that no mechanism takes.
    """
    one = specification
    match one.kind:
        case "discrete-gaussian":
            return GaussianNoise(unit=unit, size=one.size, l2_squared=_given(one.l2_squared), scale=one.scale)
        case "threshold":
            return KeyThreshold(
                unit=unit,
                l0=_given(one.l0),
                linf=_given(one.linf),
                scale=one.scale,
                threshold=_given(one.threshold),
            )
        case "exponential":
            return GroupedMin(
                unit=unit,
                groups=one.size,
                size=_given(one.candidates),
                linf=_given(one.linf),
                scale=one.scale,
            )
        case _:
            assert_never(one.kind)


def _given(number: int | None) -> int:
    if number is None:
        raise InternalError("a specification lacks a number that its mechanism needs")
    return number


def units_of(specification: Specification) -> tuple[int, int]:
    """The loss of one customer in ledger units of rho and of delta, rounded up: what a draw as specified is charged.

    >>> units_of(Specification("discrete-gaussian", 20.0, 3, l2_squared=4))
    (5000000001, 0)
    >>> units_of(Specification("threshold", 10.0, 0, l0=4, linf=1, threshold=80))
    (20000000001, 5774)
    """
    rho, _, delta, _ = _losses(specification, "ledger")
    return units_up(rho), delta_units_up(delta)


def stated_loss(
    measurement: Measured, *, unit: str, scale: float, threshold: int | None
) -> tuple[float, float, float, float]:
    """map(1) and map(2): rho of one, rho of two, delta of one, delta of two.

    >>> from dpinsights.model.measurement import (Discovery, Relation, TextColumn)
    >>> relation = Relation("any", "jd.orders", (), None, None, None, 4, None, "seed")
    >>> discovery = Discovery(relation, TextColumn("jd.orders", "brand", 50))
    >>> rho, rho_two, delta, delta_two = stated_loss(discovery, unit="doctest", scale=10.0, threshold=80)
    >>> round(rho, 9), round(rho_two, 9), delta < delta_two
    (0.02, 0.08, True)
    """
    return _losses(measurement.specification(scale, threshold), unit)


def _losses(specification: Specification, unit: str) -> tuple[float, float, float, float]:
    mechanism = mechanism_of(specification, unit=unit)
    if isinstance(mechanism, KeyThreshold):
        (rho, delta), (rho_two, delta_two) = mechanism.loss(1), mechanism.loss(2)
        return rho, rho_two, delta, delta_two
    return mechanism.rho(1), mechanism.rho(2), 0.0, 0.0
