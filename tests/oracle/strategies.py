"""The strategies' matrices, worked out anew: coefficients by their recurrence, trees by solving least squares."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import floor

import numpy as np

from dpinsights.model.strategy import Strategy

Matrix = tuple[tuple[int, ...], ...]

SCALE = 256
"""What 1 becomes in the integers of a series."""


@cache
def matrix(kind: str, size: int) -> Matrix:
    """The integers of a strategy, row by row.

    >>> matrix("series", 3)
    ((256, 0, 0), (128, 256, 0), (96, 128, 256))
    """
    return _series(size) if kind == "series" else _blocks(size, _levels(size))


def _series(size: int) -> Matrix:
    """Row i holds the coefficients of (1 - z)^(-1/2) backwards from column i; halves round up."""
    coefficient, rounded = Fraction(1), []
    for k in range(1, size + 1):
        rounded.append(floor(coefficient * SCALE + Fraction(1, 2)))
        coefficient = coefficient * (2 * k - 1) / (2 * k)
    return tuple(
        tuple(rounded[row - column] if column <= row else 0 for column in range(size)) for row in range(size)
    )


def _blocks(size: int, widths: Sequence[int]) -> Matrix:
    return tuple(
        tuple(int(column // width == block) for column in range(size))
        for width in widths
        for block in range(-(-size // width))
    )


def _levels(size: int) -> tuple[int, ...]:
    """The widths whose edges have the least mean variance; of equally good ones those with the fewest levels."""
    candidates: set[tuple[int, ...]] = {(1,)}
    for branching in range(2, 17):
        widths = [1]
        while widths[-1] * branching < size:
            widths.append(widths[-1] * branching)
        candidates |= {tuple(widths), (*widths, size)} if size > 1 else set()
    return min(candidates, key=lambda widths: (round(_variance(size, widths), 9), len(widths), widths))


def _variance(size: int, widths: Sequence[int]) -> float:
    """The mean over edges j of the variance of prefix_j - (j / size) total, at equal loss."""
    blocks = np.array(_blocks(size, widths), dtype=float)
    inverse = np.linalg.inv(blocks.T @ blocks)
    edges = np.array([[float(i < j) - j / size for i in range(size)] for j in range(size + 1)])
    return len(widths) * float(np.einsum("ij,jk,ik->", edges, inverse, edges)) / size


def applied(strategy: Strategy | None, sums: Sequence[int]) -> list[int]:
    """A strategy's matrix times each block of the last group's sums."""
    if strategy is None:
        return list(sums)
    rows = matrix(strategy.kind, strategy.size)
    return [
        sum(entry * number for entry, number in zip(row, sums[start : start + strategy.size], strict=True))
        for start in range(0, len(sums), strategy.size)
        for row in rows
    ]
