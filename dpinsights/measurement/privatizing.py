"""From exact vectors and maps to noisy ones: each through the very OpenDP object whose map was charged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dpinsights.errors import InternalError
from dpinsights.measurement.aggregation import Exact
from dpinsights.measurement.discovery import ExactMap
from dpinsights.measurement.exact import ExactVector
from dpinsights.mechanisms.noise import GaussianNoise
from dpinsights.mechanisms.selection import GroupedMin
from dpinsights.mechanisms.threshold import KeyThreshold
from dpinsights.model.measurement import Discovery, Draw, Measurement, Selection
from dpinsights.model.noisy import NoisyVector

Mechanism = GaussianNoise | KeyThreshold | GroupedMin
"""What draws: noise, noise and a threshold, or choices."""


def privatize(
    draws: Sequence[Draw], exact: Mapping[str, Exact], *, partnership: str, snapshot: str
) -> tuple[NoisyVector, ...]:
    """One noisy vector for each draw, in order; of a discovery, with its released keys; of a selection, its choices.

    Each is one vector of integers and one measurement, materialized before anything else sees it, so no two cells and
    no two measurements share noise.

    Raises:
        InternalError: if the object that is about to draw states another loss than was charged; nothing is drawn.
    """
    mechanisms = [mechanism_of(draw, partnership) for draw in draws]
    return tuple(
        _drawn(draw, mechanism, exact[draw.key], snapshot)
        for draw, mechanism in zip(draws, mechanisms, strict=True)
    )


def _drawn(draw: Draw, mechanism: Mechanism, exact: Exact, snapshot: str) -> NoisyVector:
    match mechanism, exact:
        case GaussianNoise() | GroupedMin(), ExactVector():
            values = tuple(int(number) for number in mechanism.draw(exact.take))
            return NoisyVector(draw.key, snapshot, draw.scale, draw.rho_units, values)
        case KeyThreshold(), ExactMap():
            counts = mechanism.draw(exact.take)
            texts = exact.texts(counts)
            # Codes, and so the salt, must not decide the order.
            keys = sorted(counts, key=lambda key: (-counts[key], texts[key][1], texts[key][0]))
            return NoisyVector(
                draw.key,
                snapshot,
                draw.scale,
                draw.rho_units,
                values=tuple(counts[key] for key in keys),
                delta_units=draw.delta_units,
                threshold=draw.threshold,
                keys=tuple((str(texts[key][0]), texts[key][1]) for key in keys),
            )
    raise InternalError("an exact aggregate is not of its draw's kind")


def mechanism_of(draw: Draw, partnership: str) -> Mechanism:
    """The mechanism of a planned draw, refused unless its own map rounds up to exactly the charge."""
    match draw.measurement:
        case Discovery():
            return threshold_of(draw, partnership)
        case Selection():
            return choices_of(draw, partnership)
    return noise_of(draw, partnership)


def _is_what_was_charged(draw: Draw, rho_units: int, delta_units: int = 0) -> None:
    """Refuses a mechanism whose own map doesn't round up to exactly the charge, in rho and in delta."""
    if (rho_units, delta_units) != (draw.rho_units, draw.delta_units):
        raise InternalError("a draw's privacy loss is not what was charged for it")


def choices_of(draw: Draw, partnership: str) -> GroupedMin:
    """The choices of a selection's draw."""
    if not isinstance(draw.measurement, Selection):
        raise InternalError("only a selection chooses among cuts")
    choices = GroupedMin.of(draw.measurement, unit=partnership, scale=draw.scale)
    _is_what_was_charged(draw, choices.rho_units)
    return choices


def noise_of(draw: Draw, partnership: str) -> GaussianNoise:
    """The noise of a measurement's draw."""
    if not isinstance(draw.measurement, Measurement):
        raise InternalError("keys are not discovered by noise alone")
    noise = GaussianNoise.of(draw.measurement, unit=partnership, scale=draw.scale)
    _is_what_was_charged(draw, noise.rho_units)
    return noise


def threshold_of(draw: Draw, partnership: str) -> KeyThreshold:
    """The threshold of a discovery's draw; its map states both rho and delta."""
    if not isinstance(draw.measurement, Discovery) or draw.threshold is None:
        raise InternalError("keys are not discovered without a threshold")
    mechanism = KeyThreshold.of(
        draw.measurement, unit=partnership, scale=draw.scale, threshold=draw.threshold
    )
    _is_what_was_charged(draw, mechanism.rho_units, mechanism.delta_units)
    return mechanism
