"""The strategies of the matrix mechanism: which integer combinations of exact counts get noise.

A strategy is an integer matrix A (Li, Miklau, Hay, McGregor and Rastogi 2015). Counts x over ordered bins, or over
periods, become A x before noise, and x is decoded from the noisy A x by least squares. One noise scale serves all
rows, so its sensitivity is that of the columns of A, computed here from the very integers that are applied.

**Here each customer has l0 = 1 in x**: one bin, or one period, and 1 in it. The norms below are of one column, and
hold for nothing else; a customer who could be in several bins would add several columns.

Both kinds serve prefix sums (cumulative counts), whose noise then grows with the logarithm of the size, where
fresh noise on each bin makes it grow with the root of the size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from dpinsights.errors import InternalError

Kind = Literal["tree", "series"]
Matrix = tuple[tuple[int, ...], ...]

SIZE_AT_MOST = 1000
"""Bins or periods; above, matrices take longer to invert than a report should."""

BRANCHINGS = range(2, 17)
"""The branching factors of trees that are compared."""

SERIES_SCALE = 256
"""What 1 becomes in a series' integers. Rounding costs under 0.1% of the error at every size up to 1,000."""


@dataclass(frozen=True)
class Strategy:
    """An integer matrix, `rows` x `size`, named by two plain fields; all else is derived from them.

    A kind and a size always mean the same matrix: a locked plan holds only these two.

    **tree**: a hierarchical histogram (Hay, Rastogi, Miklau and Suciu 2010). Each level counts blocks of b^j bins; the
    bins are a level. The branching b, and whether the total is a level, minimise the mean over all edges j of the
    variance of prefix_j - (j / size) total, which is what a quantile's interval is made of; up to about 10 bins this is
    the plain histogram, one level.

    **series**: the square root of the lower-triangular matrix of ones, whose entries are the coefficients of
    (1 - z)^(-1/2) (Fichtenberger, Henzinger and Upadhyay 2023), in units of 1 / SERIES_SCALE and rounded. The largest
    error of a decoded cumulative count is 1.85 times that of a single count at the same loss for 12 periods and 2.07
    times for 24, where fresh noise has 3.46 and 4.90. The best matrix of all, found numerically, has 1.62 and 1.82: 12%
    less, for a table of numbers in place of a formula.

    Args:
        kind: tree or series.
        size: the number of bins or periods, 1 to SIZE_AT_MOST.

    Raises:
        InternalError: for another kind or size.

    >>> Strategy("series", 3).matrix
    ((256, 0, 0), (128, 256, 0), (96, 128, 256))
    >>> tree = Strategy("tree", 24)
    >>> tree.widths, tree.rows, tree.norm_squared
    ((1, 5), 29, 2)
    """

    kind: Kind
    size: int

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind) or not 1 <= self.size <= SIZE_AT_MOST:
            raise InternalError(f"no strategy {self.kind} of size {self.size}")

    @property
    def rows(self) -> int:
        """The number of noisy values."""
        return len(self.matrix)

    @property
    def matrix(self) -> Matrix:
        """The integers applied, row by row."""
        return _matrix(self.kind, self.size)

    @property
    def widths(self) -> tuple[int, ...]:
        """For a tree, the bins in a block of each level, lowest first: row by row, level after level."""
        return _widths(self.size) if self.kind == "tree" else ()

    @property
    def norm_squared(self) -> int:
        """One customer's squared Euclidean contribution: the largest over columns of the sum of squares."""
        return _norms(self.kind, self.size)[0]

    @property
    def l0(self) -> int:
        """To how many rows one customer contributes at most."""
        return _norms(self.kind, self.size)[1]

    @property
    def l1(self) -> int:
        """The largest sum of one customer's contributions."""
        return _norms(self.kind, self.size)[2]

    @property
    def linf(self) -> int:
        """The largest contribution of one customer to one row."""
        return _norms(self.kind, self.size)[3]

    def apply(self, values: Sequence[int]) -> list[int]:
        """A x, exactly: integers of any length.

        >>> Strategy("series", 3).apply([1, 0, 2])
        [256, 128, 608]
        """
        if len(values) != self.size:
            raise InternalError(f"{len(values)} values for a strategy of size {self.size}")
        return [
            sum(entry * int(values[column]) for column, entry in row)
            for row in _entries(self.kind, self.size)
        ]


@lru_cache(maxsize=64)
def _matrix(kind: Kind, size: int) -> Matrix:
    if kind == "series":
        column = [_rounded_coefficient(k) for k in range(size)]
        return tuple(tuple(column[row::-1]) + (0,) * (size - 1 - row) for row in range(size))
    return tuple(
        tuple(int(start <= column < start + width) for column in range(size))
        for width in _widths(size)
        for start in range(0, size, width)
    )


def _rounded_coefficient(k: int) -> int:
    """SERIES_SCALE times the coefficient of z^k in (1 - z)^(-1/2), which is C(2k, k) / 4^k."""
    return (2 * SERIES_SCALE * math.comb(2 * k, k) + (1 << (2 * k))) >> (2 * k + 1)


@lru_cache(maxsize=64)
def _entries(kind: Kind, size: int) -> tuple[tuple[tuple[int, int], ...], ...]:
    """For each row its columns and integers that are not 0."""
    return tuple(
        tuple((column, entry) for column, entry in enumerate(row) if entry) for row in _matrix(kind, size)
    )


@lru_cache(maxsize=64)
def _norms(kind: Kind, size: int) -> tuple[int, int, int, int]:
    columns = tuple(zip(*_matrix(kind, size), strict=True))
    return (
        max(sum(entry * entry for entry in column) for column in columns),
        max(sum(entry != 0 for entry in column) for column in columns),
        max(sum(abs(entry) for entry in column) for column in columns),
        max(max(abs(entry) for entry in column) for column in columns),
    )


@lru_cache(maxsize=64)
def _widths(size: int) -> tuple[int, ...]:
    """The levels of the best tree; of equally good ones the first, with the fewest levels."""
    candidates: set[tuple[int, ...]] = {(1,)}
    for branching in BRANCHINGS:
        below: tuple[int, ...] = (1,)
        while below[-1] * branching < size:
            below += (below[-1] * branching,)
        candidates |= {below, (*below, size)} if size > 1 else set()
    return min(candidates, key=lambda widths: (_mean_variance(size, widths), len(widths), widths))


def _mean_variance(size: int, widths: tuple[int, ...]) -> float:
    """The mean over edges of the variance of prefix_j - (j / size) total after least squares, at equal loss.

    With M the precision matrix A'A of the bins below a node, the recursion keeps s = 1'M^-1 1, and q = p'M^-1 p and
    t = 1'M^-1 p for each prefix p that ends inside the node. Children side by side add up; the node's own noisy count
    adds 11' to M, which the Sherman-Morrison formula inverts. Plain floats in a fixed order: the same on all machines.
    """
    edges = range(size + 1)
    inside = (
        [0.0] * (size + 1),
        [0.0] * (size + 1),
    )  # q and t, for edges strictly inside a block of the last level
    totals = [1.0] * size  # s, for the blocks of the last level; a single bin has variance 1
    levels = [(below, above, True) for below, above in zip(widths, widths[1:], strict=False)]
    for below, width, counted in (*levels, (widths[-1], size, False)):
        q, t = [0.0] * (size + 1), [0.0] * (size + 1)
        parents = []
        for start in range(0, size, width):
            end = min(start + width, size)
            total = sum(totals[start // below : -(-end // below)])
            shrink = 1 / (1 + total) if counted else 1.0
            before = 0.0
            for edge in range(start, end):
                if edge % below == 0:
                    before += totals[edge // below - 1] if edge > start else 0.0
                square, cross = before + inside[0][edge], before + inside[1][edge]
                q[edge] = square - cross * cross * shrink if counted else square
                t[edge] = cross * shrink
            parents.append(total * shrink)
        inside, totals = (q, t), parents
    [whole] = totals
    q, t = inside
    q[size] = t[size] = whole
    variances = [q[j] - 2 * j / size * t[j] + (j / size) ** 2 * whole for j in edges]
    return len(widths) * sum(variances) / size
