"""Between rho, in which losses add up, and epsilon, in which policies speak: OpenDP converts, we round.

A cap in epsilon becomes rho once, rounded down to whole ledger units; a spent rho becomes epsilon rounded up.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

import opendp.prelude as dp

from dpinsights.errors import PlanError
from dpinsights.model.numbers import RHO_UNITS

dp.enable_features("contrib", "honest-but-curious")

_MOST_UNITS = 2**62


@lru_cache(maxsize=4096)
def _epsilon(rho: float, delta: float) -> float:
    """OpenDP's epsilon at delta of a rho-zCDP loss: the conversion of a measurement whose map is that constant."""
    stub = dp.m.make_user_measurement(
        dp.atom_domain(T=bool),
        dp.discrete_distance(),
        dp.zero_concentrated_divergence(),
        lambda _: 0,
        lambda _: rho,
        TO=int,
    )
    epsilon, _ = dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(stub), delta).map(1)  # type: ignore[no-untyped-call]
    return float(epsilon)


def epsilon_of(rho_units: int, delta: Decimal) -> Decimal:
    """Epsilon at delta of a loss in ledger units, rounded up to six places.

    >>> epsilon_of(10**11, Decimal("1e-6"))
    Decimal('2.141939')
    """
    if rho_units == 0:
        return Decimal(0)
    # Delta is rounded down and rho up, so that the stated epsilon holds for the exact ones.
    epsilon = _epsilon(math.nextafter(rho_units / RHO_UNITS, math.inf), math.nextafter(float(delta), 0.0))
    return Decimal(epsilon).quantize(Decimal("0.000001"), rounding=ROUND_CEILING)


@lru_cache(maxsize=1024)
def rho_units_of(epsilon: Decimal, delta: Decimal) -> int:
    """The largest whole number of ledger units whose epsilon at delta, as OpenDP states it, is at most `epsilon`.

    >>> units = rho_units_of(Decimal(1), Decimal("1e-10"))
    >>> epsilon_of(units, Decimal("1e-10")) <= 1, units
    (True, 13242583765)
    """
    low, high = 0, 1
    while epsilon_of(high, delta) <= epsilon:
        low, high = high, high * 2
        if high > _MOST_UNITS:
            raise PlanError(f"epsilon {epsilon} is more than a ledger can count")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if epsilon_of(middle, delta) <= epsilon else (low, middle)
    return low
