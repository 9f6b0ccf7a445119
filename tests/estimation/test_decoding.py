"""Least squares against simulation and against what it must reproduce exactly."""

from __future__ import annotations

import numpy as np
import pytest

from dpinsights.errors import InternalError
from dpinsights.estimation.decoding import Decoded, decode, decoder, prefix_sums
from dpinsights.model.strategy import Kind, Strategy

STRATEGIES: tuple[tuple[Kind, int], ...] = (
    ("tree", 1),
    ("tree", 24),
    ("tree", 101),
    ("series", 12),
    ("series", 60),
)


@pytest.mark.parametrize(("kind", "size"), STRATEGIES)
def test_without_noise_the_counts_come_back(kind: Kind, size: int) -> None:
    strategy = Strategy(kind, size)
    counts = np.random.default_rng(1).integers(0, 10**9, size)
    found = decode(np.array(strategy.apply(counts.tolist()), dtype=np.float64), strategy, 1.0)
    assert found.values == pytest.approx(counts, rel=1e-9)


@pytest.mark.parametrize(("kind", "size"), STRATEGIES)
def test_the_covariance_is_that_of_the_decoded_noise(kind: Kind, size: int) -> None:
    strategy, scale, draws = Strategy(kind, size), 30.0, 40_000
    noise = np.random.default_rng(2).normal(0, scale, (draws, strategy.rows)).round()
    found = decode(noise, strategy, scale)
    deviations = np.sqrt(np.diagonal(found.covariance))
    assert found.values.shape == (draws, size)
    seen = np.cov(found.values, rowvar=False).reshape(size, size)
    assert np.abs(seen - found.covariance).max() <= 6 * draws**-0.5 * deviations.max() ** 2
    sums, variances = prefix_sums(found)
    assert sums.var(axis=0) == pytest.approx(variances, rel=0.05)


def test_least_squares_is_the_normal_equations() -> None:
    strategy = Strategy("tree", 24)
    matrix = np.array(strategy.matrix, dtype=np.float64)
    noisy = np.random.default_rng(3).normal(0, 50, strategy.rows)
    found = decode(noisy, strategy, 3.0)
    assert matrix.T @ matrix @ found.values == pytest.approx(matrix.T @ noisy)
    assert found.covariance @ matrix.T @ matrix == pytest.approx(9.0 * np.eye(24))


def test_a_tree_beats_the_plain_histogram_on_prefixes_at_equal_loss() -> None:
    strategy = Strategy("tree", 100)
    noisy = np.zeros(strategy.rows)
    _, variances = prefix_sums(decode(noisy, strategy, strategy.norm_squared**0.5))
    assert variances.mean() < 0.2 * np.arange(1, 101).mean()


def test_prefixes_of_a_batch() -> None:
    sums, variances = prefix_sums(
        Decoded(np.arange(6.0).reshape(2, 3), np.array([[2.0, -1, 0], [-1, 2, 0], [0, 0, 1]]))
    )
    assert sums.tolist() == [[0, 1, 3], [3, 7, 12]]
    assert variances.tolist() == [2, 2, 3]


def test_a_shape_that_is_not_the_strategys_is_refused() -> None:
    with pytest.raises(InternalError, match="29 rows"):
        decode(np.zeros(24), Strategy("tree", 24), 1.0)
    with pytest.raises(ValueError, match="read-only"):
        decoder(Strategy("tree", 24))[0, 0] = 1.0
