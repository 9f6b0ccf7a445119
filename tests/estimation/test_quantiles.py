"""Quantiles: what they are without noise, what stays in order, and how often the intervals cover.

`python -m tests.estimation.test_quantiles` prints the coverage of each data set, strategy, scale and probability.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dpinsights.errors import InternalError
from dpinsights.estimation.quantiles import ends, quantiles
from dpinsights.model.strategy import Kind, Strategy

MISS = 0.05
TENTHS = ("0.1", "0.25", "0.5", "0.75", "0.9")
ASKED = tuple(float(p) for p in TENTHS)
DRAWS = 10_000

Counts = NDArray[np.int64]


def spread(weights: NDArray[np.float64], customers: int) -> Counts:
    """Counts of so many customers, in proportion to weights."""
    cumulative = np.round(np.cumsum(weights) / weights.sum() * customers).astype(np.int64)
    counts: Counts = np.diff(cumulative, prepend=0)
    return counts


def data_sets(size: int, customers: int) -> dict[str, Counts]:
    """Shapes that are hard in different ways.

    In `edges` a quantile's bin ends exactly at its rank, and empty bins follow; in `thin` the bin holds one customer,
    between full ones.
    """
    bins = np.arange(size, dtype=np.float64)
    clipped = np.exp(-bins / 4)
    clipped[[0, -1]] += 3, 1
    at_edges = np.zeros(size, dtype=np.int64)
    places = np.array([2, 4, 6, 8, 10]) * (size - 1) // 11
    ranks = [math.floor(Fraction(p) * customers) for p in TENTHS]
    at_edges[np.append(places, size - 1)] = np.diff([0, *ranks, customers])
    thin = np.zeros(size, dtype=np.int64)
    thin[places] = 1
    left = at_edges[np.append(places, size - 1)] - np.append(np.ones_like(places), 0)
    np.add.at(thin, np.append(places - 1, size - 1), left - left // 2)
    np.add.at(thin, np.append(0, places + 1), left // 2)
    spikes = np.zeros(size)
    spikes[[1, size // 2, size - 1]] = 1, 2, 1
    return {
        "even": spread(np.ones(size), customers),
        "clipped": spread(clipped, customers),
        "humps": spread(
            np.exp(-((bins - size / 4) ** 2) / size) + np.exp(-((bins - size * 0.8) ** 2) / size), customers
        ),
        "spikes": spread(spikes, customers),
        "edges": at_edges,
        "thin": thin,
    }


def discrete_gaussian(rng: np.random.Generator, scale: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Draws by inverting the exact distribution function."""
    reach = math.ceil(10 * scale) + 1
    mass = np.exp(-0.5 * (np.arange(-reach, reach + 1) / scale) ** 2)
    return (np.searchsorted(np.cumsum(mass) / mass.sum(), rng.random(shape)) - reach).astype(np.float64)


def order_statistics(counts: Counts, p: str) -> tuple[int, int, int]:
    """The bins of the quantile and of the two ranks that other conventions go down and up to."""
    cumulative, customers = np.cumsum(counts), int(counts.sum())
    rank = Fraction(p) * customers
    ranks = (max(math.ceil(rank), 1), max(math.floor(rank), 1), min(math.floor(rank) + 2, customers))
    own, below, above = (int(np.searchsorted(cumulative, r)) for r in ranks)
    return own, below, above


def coverages(
    kind: Kind, size: int, customers: int, scale: float, draws: int
) -> Iterator[tuple[str, str, float, float, float]]:
    """For each data set and probability: the share of intervals that hold the quantile, the smaller of the shares
    that hold what lies from it down or up to another convention's, and the mean width in bins."""
    strategy = Strategy(kind, size)
    for name, counts in data_sets(size, customers).items():
        rng = np.random.default_rng([size, customers, round(scale * 10)])
        noisy = np.array(strategy.apply(counts.tolist()), dtype=np.float64) + discrete_gaussian(
            rng, scale, (draws, strategy.rows)
        )
        first, last = ends(noisy, strategy, scale, probabilities=ASKED, miss=MISS)
        for place, p in enumerate(TENTHS):
            own, below, above = order_statistics(counts, p)
            low, high = first[:, place], last[:, place]
            covered = float(((low <= own) & (own < high)).mean())
            down = float(((low <= below) & (own < high)).mean())
            up = float(((low <= own) & (above < high)).mean())
            yield name, p, covered, min(down, up), float((high - low).mean())


SETTINGS: tuple[tuple[Kind, int, int, float], ...] = (
    ("tree", 50, 30, 0.3),
    ("tree", 50, 30, 0.7),
    ("tree", 50, 30, 1.0),
    ("tree", 50, 30, 3.0),
    ("tree", 50, 30, 30.0),
    ("tree", 50, 100_000, 1.0),
    ("tree", 50, 100_000, 30.0),
    ("tree", 50, 100_000, 400.0),
    ("tree", 12, 30, 1.5),
    ("tree", 12, 100_000, 100.0),
    ("tree", 200, 100_000, 150.0),
    ("series", 50, 30, 500.0),
    ("series", 50, 100_000, 20_000.0),
)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "size", "customers", "scale"), SETTINGS)
def test_intervals_cover(kind: Kind, size: int, customers: int, scale: float) -> None:
    for name, p, covered, conventions, _ in coverages(kind, size, customers, scale, DRAWS):
        assert covered >= 0.939, (name, p)
        assert conventions >= 0.939, (name, p)


def test_intervals_are_no_wider_than_they_must() -> None:
    """In `edges` the range from one convention to the other puts both tests at their limit: both miss as they may."""
    found = list(coverages("tree", 50, 100_000, 400.0, 4_000))
    assert all(conventions < 0.965 for name, _, _, conventions, _ in found if name == "edges")
    assert all(wide < 4 for name, _, _, _, wide in found if name == "even")


CUTS = [0.0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]


@given(
    st.lists(st.floats(-10, 2000), min_size=1, max_size=200),
    st.lists(st.sampled_from([i / 20 for i in range(1, 20)]), min_size=1, max_size=5, unique=True).map(
        sorted
    ),
)
def test_without_noise_a_value_is_in_the_quantiles_bin(values: list[float], asked: list[float]) -> None:
    clipped = np.clip(values, 0, 1000)
    counts = np.histogram(clipped, CUTS)[0]  # numpy's last bin is closed too
    strategy = Strategy("tree", len(CUTS) - 1)
    noisy = np.array(strategy.apply(counts.tolist()), dtype=np.float64)
    found = quantiles(noisy, strategy, 1e-9, probabilities=asked, edges=CUTS, miss=MISS)
    for p, quantile in zip(asked, found, strict=True):
        rank = math.ceil(Fraction(p).limit_denominator(100) * len(values))
        true = float(np.sort(clipped)[rank - 1])
        assert quantile.low <= true <= quantile.high
        assert quantile.low <= float(np.quantile(clipped, p)) <= quantile.high
        if quantile.value is not None:
            place = min(int(np.searchsorted(CUTS, true, side="right")), len(CUTS) - 1)
            assert CUTS[place - 1] - 1e-6 <= quantile.value <= CUTS[place] + 1e-6


@given(
    kind=st.sampled_from(["tree", "series"]),
    seed=st.integers(0, 2**32),
    customers=st.integers(0, 3_000),
    scale=st.sampled_from([0.5, 3.0, 40.0, 1000.0]),
)
def test_values_and_ends_never_fall(kind: Kind, seed: int, customers: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    strategy = Strategy(kind, 24)
    counts = rng.multinomial(customers, rng.dirichlet(np.full(24, 0.3)))
    noisy = (
        np.array(strategy.apply(counts.tolist()), dtype=np.float64)
        + rng.normal(0, scale, strategy.rows).round()
    )
    asked = [0.01, 0.1, 0.25, 0.5, 0.51, 0.75, 0.9, 0.99]
    edges = [float(edge) for edge in range(25)]
    found = quantiles(noisy, strategy, scale, probabilities=asked, edges=edges, miss=MISS)
    values = [quantile.value for quantile in found if quantile.value is not None]
    assert values == sorted(values)
    for before, after in itertools.pairwise(found):
        assert before.low <= after.low and before.high <= after.high
    for quantile in found:
        assert (quantile.value is None) >= ((quantile.low, quantile.high) == (0, 24))
        assert quantile.value is None or quantile.low <= quantile.value <= quantile.high


def test_one_vector_and_a_batch_agree() -> None:
    strategy = Strategy("tree", 50)
    noisy = np.random.default_rng(5).normal(200, 90, (20, strategy.rows)).round()
    first, last = ends(noisy, strategy, 90.0, probabilities=ASKED, miss=MISS)
    edges = [float(edge) for edge in range(51)]
    for row, lows, highs in zip(noisy, first, last, strict=True):
        found = quantiles(row, strategy, 90.0, probabilities=ASKED, edges=edges, miss=MISS)
        assert [(q.low, q.high) for q in found] == list(zip(lows, highs, strict=True))


def test_a_group_that_may_be_empty_says_nothing() -> None:
    strategy = Strategy("tree", 10)
    noisy = np.random.default_rng(6).normal(0, 50, strategy.rows).round()
    edges = [float(edge) for edge in range(11)]
    [median] = quantiles(noisy, strategy, 50.0, probabilities=[0.5], edges=edges, miss=MISS)
    assert (median.value, median.low, median.high) == (None, 0, 10)
    [median] = quantiles(
        np.full(strategy.rows, -500.0), strategy, 50.0, probabilities=[0.5], edges=edges, miss=MISS
    )
    assert median.value is None


@pytest.mark.parametrize("asked", [[], [0.0, 0.5], [0.5, 1.0], [0.5, 0.25], [0.5, 0.5]])
def test_probabilities_out_of_order_are_refused(asked: list[float]) -> None:
    with pytest.raises(InternalError, match="probabilities"):
        ends(np.zeros(10), Strategy("tree", 10), 1.0, probabilities=asked, miss=MISS)


@pytest.mark.parametrize("edges", [[0, 1], [0, 2, 1], [0, 1, 1]])
def test_edges_out_of_order_are_refused(edges: list[float]) -> None:
    with pytest.raises(InternalError, match="edge"):
        quantiles(np.zeros(2), Strategy("tree", 2), 1.0, probabilities=[0.5], edges=edges, miss=MISS)


def main() -> None:
    """Prints the lowest coverage over data sets for each setting and probability."""
    print(
        "strategy  bins  customers    scale  p      coverage  conventions  bins wide  (lowest, lowest, mean)"
    )
    for kind, size, customers, scale in SETTINGS:
        found = list(coverages(kind, size, customers, scale, DRAWS))
        for p in TENTHS:
            rows = [row for row in found if row[1] == p]
            lowest, convention = min(row[2] for row in rows), min(row[3] for row in rows)
            wide = sum(row[4] for row in rows) / len(rows)
            print(
                f"{kind:8} {size:5} {customers:10} {scale:8} {p:5}  {lowest:8.4f} {convention:12.4f} {wide:10.2f}"
            )


if __name__ == "__main__":
    main()
