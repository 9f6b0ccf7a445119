"""What OpenDP's maps state of a planned draw, whichever mechanism draws it."""

from __future__ import annotations

from dpinsights.errors import InternalError
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.mechanisms.selection import GroupedMin
from dpinsights.mechanisms.threshold import KeyThreshold
from dpinsights.model.measurement import Discovery, Measured, Selection


def stated_loss(
    measurement: Measured, *, unit: str, scale: float, threshold: int | None
) -> tuple[float, float, float, float]:
    """map(1) and map(2): rho of one, rho of two, delta of one, delta of two.

    >>> from dpinsights.model.measurement import (Relation, TextColumn)
    >>> relation = Relation("any", "jd.orders", (), None, None, None, 4, None, "seed")
    >>> discovery = Discovery(relation, TextColumn("jd.orders", "brand", 50))
    >>> rho, rho_two, delta, delta_two = stated_loss(discovery, unit="doctest", scale=10.0, threshold=80)
    >>> round(rho, 9), round(rho_two, 9), delta < delta_two
    (0.02, 0.08, True)
    """
    if isinstance(measurement, Selection):
        choices = GroupedMin.of(measurement, unit=unit, scale=scale)
        return choices.rho(1), choices.rho(2), 0.0, 0.0
    if not isinstance(measurement, Discovery):
        noise = GaussianNoise.of(measurement, unit=unit, scale=scale)
        return noise.rho(1), noise.rho(2), 0.0, 0.0
    if threshold is None:
        raise InternalError("keys are not discovered without a threshold")
    mechanism = KeyThreshold.of(measurement, unit=unit, scale=scale, threshold=threshold)
    (rho, delta), (rho_two, delta_two) = mechanism.loss(1), mechanism.loss(2)
    return rho, rho_two, delta, delta_two
