"""Strategies: the integers, their sensitivity, the choice of the tree and what a series is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dpinsights.errors import InternalError
from dpinsights.model.canonical import canonical_data
from dpinsights.model.strategy import BRANCHINGS, SERIES_SCALE, SIZE_AT_MOST, Kind, Strategy, _mean_variance

KINDS: tuple[Kind, ...] = ("tree", "series")
SIZES = (1, 2, 3, 7, 10, 12, 24, 25, 50, 101, 200)

Floats = NDArray[np.float64]


def prefix_errors(matrix: Floats) -> Floats:
    """Standard deviations of decoded prefix sums in units of a single count's at the same loss."""
    size = matrix.shape[1]
    prefixes = np.tril(np.ones((size, size))) @ np.linalg.pinv(matrix)
    norm_squared = (matrix**2).sum(axis=0).max()
    errors: Floats = np.sqrt((prefixes**2).sum(axis=1) * norm_squared)
    return errors


def edge_variances(matrix: Floats) -> Floats:
    """Variances of prefix_j - (j / size) total at the same loss."""
    size = matrix.shape[1]
    functionals = np.tril(np.ones((size, size))) - (np.arange(1, size + 1) / size)[:, None]
    norm_squared = (matrix**2).sum(axis=0).max()
    variances: Floats = ((functionals @ np.linalg.pinv(matrix)) ** 2).sum(axis=1) * norm_squared
    return variances


def tree_of(size: int, widths: tuple[int, ...]) -> Floats:
    return np.array(
        [
            [float(start <= column < start + width) for column in range(size)]
            for width in widths
            for start in range(0, size, width)
        ]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_the_norms_are_those_of_the_integers_applied(kind: Kind, size: int) -> None:
    strategy = Strategy(kind, size)
    columns = [strategy.apply([int(row == column) for row in range(size)]) for column in range(size)]
    assert strategy.rows == len(columns[0])
    assert strategy.norm_squared == max(sum(v * v for v in column) for column in columns)
    assert strategy.l0 == max(sum(v != 0 for v in column) for column in columns)
    assert strategy.l1 == max(sum(abs(v) for v in column) for column in columns)
    assert strategy.linf == max(max(abs(v) for v in column) for column in columns)


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=40))
def test_what_is_applied_is_the_matrix_exactly(kind: Kind, values: list[int]) -> None:
    strategy = Strategy(kind, len(values))
    assert strategy.apply(values) == [
        sum(a * v for a, v in zip(row, values, strict=True)) for row in strategy.matrix
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_every_count_can_be_decoded(kind: Kind, size: int) -> None:
    assert np.linalg.matrix_rank(np.array(Strategy(kind, size).matrix, float)) == size


@pytest.mark.parametrize("size", SIZES)
def test_the_bins_are_a_level_and_levels_nest(size: int) -> None:
    tree = Strategy("tree", size)
    assert np.array_equal(tree_of(size, tree.widths), np.array(tree.matrix))
    assert tree.widths[0] == 1
    assert all(above % below == 0 for below, above in zip(tree.widths, tree.widths[1:], strict=False))


@pytest.mark.parametrize("size", [2, 7, 12, 24, 60, 100])
def test_the_best_tree_is_chosen(size: int) -> None:
    chosen = edge_variances(np.array(Strategy("tree", size).matrix, float)).sum()
    for branching in BRANCHINGS:
        widths = tuple(branching**level for level in range(12) if level == 0 or branching**level < size)
        for other in ((1,), widths, (*widths, size)):
            assert chosen <= edge_variances(tree_of(size, other)).sum() * (1 + 1e-9)


@pytest.mark.parametrize("widths", [(1,), (1, 3), (1, 4, 16), (1, 2, 4, 8, 50), (1, 50)])
def test_the_recursion_is_least_squares(widths: tuple[int, ...]) -> None:
    expected = edge_variances(tree_of(50, widths)).sum() / 50
    assert _mean_variance(50, widths) == pytest.approx(expected, rel=1e-9)


def test_a_locked_plan_keeps_its_trees() -> None:
    """The matrix is derived from kind and size: should these change, releases that exist would decode otherwise."""
    sizes = (1, 10, 12, 24, 50, 100, 200)
    assert {size: Strategy("tree", size).widths for size in sizes} == {
        1: (1,),
        10: (1,),
        12: (1, 4),
        24: (1, 5),
        50: (1, 4, 16),
        100: (1, 5, 25),
        200: (1, 3, 9, 27, 81),
    }
    assert Strategy("series", 6).matrix[-1] == (63, 70, 80, 96, 128, 256)


def real_series(size: int) -> Floats:
    """The square root without rounding."""
    coefficients = np.cumprod([1.0, *((2 * k - 1) / (2 * k) for k in range(1, size))])
    return np.array(
        [
            [coefficients[row - column] if row >= column else 0.0 for column in range(size)]
            for row in range(size)
        ]
    )


@pytest.mark.parametrize(("size", "error"), [(12, 1.85), (24, 2.07)])
def test_a_series_is_worth_what_it_says(size: int, error: float) -> None:
    found = prefix_errors(np.array(Strategy("series", size).matrix, float))
    assert found.max() == pytest.approx(error, abs=0.006)
    assert prefix_errors(np.eye(size)).max() == pytest.approx(size**0.5)


@pytest.mark.parametrize("size", [*SIZES, 366, SIZE_AT_MOST])
def test_rounding_a_series_costs_little(size: int) -> None:
    rounded = prefix_errors(np.array(Strategy("series", size).matrix, float)).max()
    assert rounded <= prefix_errors(real_series(size)).max() * 1.001


def test_a_series_is_a_root_of_cumulation() -> None:
    root = np.array(Strategy("series", 24).matrix, float) / SERIES_SCALE
    assert np.abs(root @ root - np.tril(np.ones((24, 24)))).max() < 0.04


def test_only_the_plain_fields_are_canonical() -> None:
    assert canonical_data(Strategy("tree", 50)) == {"_": "Strategy", "kind": "tree", "size": "50"}


def test_what_has_no_matrix_is_refused() -> None:
    for kind, size in (("tree", 0), ("series", SIZE_AT_MOST + 1), ("wavelet", 8)):
        with pytest.raises(InternalError, match="no strategy"):
            Strategy(kind, size)  # type: ignore[arg-type]
    with pytest.raises(InternalError, match="2 values"):
        Strategy("tree", 3).apply([1, 2])
