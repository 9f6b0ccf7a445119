"""From exact vectors to noisy ones: each through the very OpenDP object whose map was charged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dpinsights.errors import InternalError
from dpinsights.measurement.exact import ExactVector
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.model.noisy import NoisyVector
from dpinsights.model.plan import Draw


def privatize(
    draws: Sequence[Draw], exact: Mapping[str, ExactVector], *, partnership: str, snapshot: str
) -> tuple[NoisyVector, ...]:
    """One noisy vector for each draw, in order.

    Each is one vector of integers and one measurement, materialized before anything else sees it, so no two cells and
    no two measurements share noise.

    Raises:
        InternalError: if the object that is about to draw states another loss than was charged; nothing is drawn.
    """
    noises = [noise_of(draw, partnership) for draw in draws]
    return tuple(
        NoisyVector(
            key=draw.key,
            snapshot=snapshot,
            scale=draw.scale,
            rho_units=draw.rho_units,
            values=tuple(int(number) for number in noise.draw(exact[draw.key].take)),
        )
        for draw, noise in zip(draws, noises, strict=True)
    )


def noise_of(draw: Draw, partnership: str) -> GaussianNoise:
    """The mechanism of a planned draw, refused unless its own map rounds up to exactly the charge."""
    noise = GaussianNoise.of(draw.measurement, unit=partnership, scale=draw.scale)
    if noise.rho_units != draw.rho_units:
        raise InternalError("a draw's privacy loss is not what was charged for it")
    return noise
