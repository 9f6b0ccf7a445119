"""Choosing among candidates that are known beforehand: report noisy max and noisy top-k.

A vector holds one whole score for each candidate. The transformation from customers to scores is ours, so its
stability map is too: each score is a function of the customers of which one changes it by at most linf, so a distance
of d customers changes every score by at most d * linf. OpenDP adds Gumbel noise of the given scale and returns where
the largest is, which is the exponential mechanism: its range is bounded by 2 * linf / scale, and its map states the
zCDP loss of that, linf^2 / (2 * scale^2) for one customer (Cesar and Rogers 2021, arXiv:2004.07223); k candidates
are k such choices.

Only for candidates that a contract or a plan lists. A list made of what the data hold would itself tell of them.
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
from dpinsights.mechanisms.noise import units_up
from dpinsights.mechanisms.unit import customers, whole_distance
from dpinsights.model.measurement import Selection
from dpinsights.model.numbers import RHO_UNITS

Take = Callable[[], NDArray[np.int64]]


def _scores(unit: str, size: int, linf: int) -> Any:
    """Customers to a vector of scores, with its stability map."""
    domain, metric = customers(unit)

    def aggregate(take: Take) -> NDArray[np.int64]:
        scores = take()
        if scores.dtype != np.int64 or scores.shape != (size,):
            raise InternalError("scores have not the planned shape")
        return np.ascontiguousarray(scores)

    return dp.t.make_user_transformation(
        domain,
        metric,
        dp.vector_domain(dp.atom_domain(T="i64"), size=size),
        dp.linf_distance(T="i64"),
        aggregate,
        lambda distance: whole_distance(distance) * linf,
    )


def _drawn(measurement: Any, take: Take) -> Any:
    try:
        return measurement(take)
    except OpenDPException:
        # The message may hold a traceback with data in it.
        raise InternalError("the selection mechanism refused its scores") from None


def _check(size: int, linf: int, scale: float) -> None:
    if size < 1 or not (1 <= linf < 2**53) or not (0 < scale < 1e17):
        raise InternalError("a selection needs a candidate, a sensitivity and a finite positive scale")


class NoisyMax:
    """One OpenDP measurement: customers to scores, to the place of one that is about the largest.

    Args:
        unit: the partnership, which names OpenDP's domain and metric.
        size: how many candidates there are.
        linf: how far one customer moves a score at most.
        scale: the Gumbel noise's scale: a candidate is e times likelier than one whose score is `scale` lower.
        smallest: choose about the smallest instead.

    >>> choice = NoisyMax(unit="doctest", size=3, linf=1, scale=10.0)
    >>> choice.rho_units
    5000000001
    >>> choice.draw(lambda: np.array([0, 10_000, 5]))
    1
    """

    def __init__(self, *, unit: str, size: int, linf: int, scale: float, smallest: bool = False) -> None:
        _check(size, linf, scale)
        choose = dp.m.then_noisy_max(dp.zero_concentrated_divergence(), scale=scale, negate=smallest)
        self._measurement: Any = _scores(unit, size, linf) >> choose

    def rho(self, customers: int) -> float:
        """OpenDP's privacy loss (zCDP) for sets that differ by this many customers."""
        return float(self._measurement.map(customers))

    @property
    def rho_units(self) -> int:
        """The charge for one customer in ledger units, rounded up."""
        return units_up(self.rho(1))

    def draw(self, take: Take) -> int:
        """The place of the chosen candidate, from 0; `take` runs once, inside OpenDP's measurement."""
        return int(_drawn(self._measurement, take))


class GroupedMin:
    """One `NoisyMax` for each group, of about the smallest score: what draws a planned selection.

    Its loss is the sum of all groups' losses. A customer is in one group only, and moves the scores of that one alone,
    so the largest of them would do; no such parallel composition is claimed here.

    Args:
        groups: how many choices are made; the others are as in `NoisyMax`, for each of them.

    >>> choices = GroupedMin(unit="doctest", groups=2, size=3, linf=1, scale=10.0)
    >>> choices.rho_units, choices.draw(lambda: np.array([900, 0, 900, 900, 900, 0])).tolist()
    (10000000001, [1, 2])
    """

    def __init__(self, *, unit: str, groups: int, size: int, linf: int, scale: float) -> None:
        if groups < 1:
            raise InternalError("a selection needs a group")
        self.groups = groups
        self.size = size
        self.scale = scale
        self._choice = NoisyMax(unit=unit, size=size, linf=linf, scale=scale, smallest=True)

    @classmethod
    def of(cls, selection: Selection, *, unit: str, scale: float) -> GroupedMin:
        """The mechanism that draws a planned selection."""
        return cls(
            unit=unit,
            groups=selection.size,
            size=selection.candidates,
            linf=selection.linf,
            scale=scale,
        )

    def rho(self, customers: int) -> float:
        """OpenDP's privacy loss (zCDP) of one choice, for each group; rounded up."""
        exact = self.groups * Fraction(self._choice.rho(customers))
        rounded = float(exact)
        return rounded if Fraction(rounded) >= exact else math.nextafter(rounded, math.inf)

    @property
    def rho_units(self) -> int:
        """The charge for one customer in ledger units, rounded up."""
        return units_up(self.rho(1))

    def draw(self, take: Take) -> NDArray[np.int64]:
        """The place of each group's chosen candidate, from 0.

        `take` hands over the scores, group by group, and runs once, inside the first group's measurement.
        """
        taken: list[NDArray[np.int64]] = []

        def scores(group: int) -> NDArray[np.int64]:
            if not taken:
                whole = take()
                if whole.dtype != np.int64 or whole.shape != (self.groups * self.size,):
                    raise InternalError("scores have not the planned shape")
                taken.append(whole)
            return taken[0][group * self.size : (group + 1) * self.size]

        chosen = [self._choice.draw(lambda group=group: scores(group)) for group in range(self.groups)]  # type: ignore[misc]
        return np.array(chosen, dtype=np.int64)


class NoisyTopK:
    """One OpenDP measurement: customers to scores, to the places of about the k largest, largest first.

    Args:
        k: how many are chosen, at most `size`; the others are as in `NoisyMax`.

    >>> choice = NoisyTopK(k=2, unit="doctest", size=3, linf=1, scale=10.0)
    >>> choice.rho_units, choice.draw(lambda: np.array([9_000, 20_000, 5]))
    (10000000001, (1, 0))
    """

    def __init__(self, *, k: int, unit: str, size: int, linf: int, scale: float) -> None:
        _check(size, linf, scale)
        if not (1 <= k <= size):
            raise InternalError("at least one and at most all candidates can be chosen")
        choose = dp.m.then_noisy_top_k(dp.zero_concentrated_divergence(), k=k, scale=scale)
        self._measurement: Any = _scores(unit, size, linf) >> choose

    def rho(self, customers: int) -> float:
        """OpenDP's privacy loss (zCDP) for sets that differ by this many customers."""
        return float(self._measurement.map(customers))

    @property
    def rho_units(self) -> int:
        """The charge for one customer in ledger units, rounded up."""
        return units_up(self.rho(1))

    def draw(self, take: Take) -> tuple[int, ...]:
        """The places of the chosen candidates, from 0; `take` runs once, inside OpenDP's measurement."""
        return tuple(int(place) for place in _drawn(self._measurement, take))


def scale_for_selection(*, linf: int, rho_units: int, k: int = 1) -> float:
    """The smallest scale whose loss for choosing k, as OpenDP's map states it, rounds up to at most `rho_units`.

    Starts from the closed form linf * sqrt(k / (2 rho)) and steps upwards until OpenDP's map agrees.

    >>> 9.9999 < scale_for_selection(linf=1, rho_units=5_000_000_001) < 10
    True
    """
    scale = linf * math.sqrt(k * RHO_UNITS / (2 * rho_units))
    while NoisyTopK(k=k, unit="plan", size=k, linf=linf, scale=scale).rho_units > rho_units:
        scale = math.nextafter(scale, math.inf)
    return scale
