"""Five quantiles at equal loss, ours against OpenDP's: `python -m tests.benchmarks.quantile_error`.

Ours are read from one noisy tree that costs rho. OpenDP's private quantile (an exponential mechanism over candidates)
costs rho / 5 for each of the five. Both get the same customers and the same edges, which are OpenDP's candidates; both
draw with OpenDP, and each scale is the smallest whose map stays within its share. An error is the mean over repetitions
and over the five, in CNY and in percent of customers passed over. OpenDP's comes without an interval, ours with one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import opendp.prelude as dp
from numpy.typing import NDArray

from dpinsights.estimation.quantiles import quantiles
from dpinsights.mechanisms.noise import GaussianNoise, scale_for
from dpinsights.model.numbers import RHO_UNITS
from dpinsights.model.strategy import Strategy

ASKED = (0.1, 0.25, 0.5, 0.75, 0.9)
UPPER = 2_000_000.0
"""The product limit of a deposit, in CNY."""

Floats = NDArray[np.float64]
Draw = Callable[[], list[float]]


def balances(customers: int) -> Floats:
    """Lognormal balances with a median of 20,000 CNY, clamped, in increasing order."""
    drawn = np.random.default_rng(customers).lognormal(np.log(20_000), 1.4, customers)
    return np.sort(np.clip(drawn, 0, UPPER).round(2))


def public_edges(bins: int) -> list[float]:
    """0, then cuts from 100 CNY on in equal ratios up to the limit."""
    return [0.0, *np.geomspace(100, UPPER, bins).round(2).tolist()]


def ours(values: Floats, edges: list[float], rho_units: int) -> Draw:
    """All five from one tree. An unknown value counts as the middle edge, which needs no data."""
    strategy = Strategy("tree", len(edges) - 1)
    counts = np.histogram(values, edges)[0]
    rows = np.array(strategy.apply(counts.tolist()), dtype=np.int64)
    scale = scale_for(l2_squared=strategy.norm_squared, rho_units=rho_units)
    noise = GaussianNoise(unit="bench", size=strategy.rows, l2_squared=strategy.norm_squared, scale=scale)

    def draw() -> list[float]:
        noisy = noise.draw(lambda: rows).astype(np.float64)
        found = quantiles(noisy, strategy, scale, probabilities=ASKED, edges=edges, miss=0.05)
        return [edges[len(edges) // 2] if q.value is None else q.value for q in found]

    return draw


def opendps(values: Floats, edges: list[float], rho_units: int) -> Draw:
    """Each of the five by OpenDP's private quantile at a fifth of the loss."""
    space = dp.vector_domain(dp.atom_domain(T=float, nan=False)), dp.symmetric_distance()
    made: list[Any] = []
    for p in ASKED:

        def make(scale: float, p: float = p) -> Any:
            return dp.m.make_private_quantile(*space, dp.zero_concentrated_divergence(), edges, p, scale)

        share = rho_units / RHO_UNITS / len(ASKED)
        made.append(make(dp.binary_search_param(make, d_in=1, d_out=share, T=float)))
    data = values.tolist()
    return lambda: [float(measurement(data)) for measurement in made]


def errors(draw: Draw, values: Floats, repetitions: int) -> tuple[float, float]:
    """Mean absolute errors in value and in percent of customers."""
    true = np.quantile(values, ASKED, method="inverted_cdf")
    found = np.array([draw() for _ in range(repetitions)])
    ranks = np.searchsorted(values, found) / len(values)
    return float(np.abs(found - true).mean()), float(100 * np.abs(ranks - np.array(ASKED)).mean())


def main() -> None:
    """Prints one line for each number of customers, loss and number of bins."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=100)
    repetitions = parser.parse_args().repetitions
    print("customers    rho  bins   CNY: ours  OpenDP  ratio   rank %: ours  OpenDP  ratio")
    for customers in (1_000, 10_000, 100_000):
        values = balances(customers)
        for rho_units in (RHO_UNITS // 1000, RHO_UNITS // 100):
            for bins in (50, 100, 200):
                edges = public_edges(bins)
                mine = errors(ours(values, edges, rho_units), values, repetitions)
                theirs = errors(opendps(values, edges, rho_units), values, repetitions)
                print(
                    f"{customers:9} {rho_units / RHO_UNITS:6.3f} {bins:5}"
                    f" {mine[0]:11.0f} {theirs[0]:7.0f} {mine[0] / theirs[0]:6.2f}"
                    f" {mine[1]:14.3f} {theirs[1]:7.3f} {mine[1] / theirs[1]:6.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
