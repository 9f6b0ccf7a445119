"""Noisy tables of one snapshot made to add up, by generalised least squares.

Tables that count the same customers at different detail disagree by their noise. The fit nearest to all of them, each
weighed by its precision, that adds up is linear, unbiased and has the smallest variance among such estimates
(Gauss-Markov; Aitken 1936; for noisy hierarchies Hay et al. 2010).

**It costs no privacy.** It is a function of released noisy numbers and of which cell belongs to which, and the latter
comes from the locked plan: two data sets that could have given the same noisy tables give the same fit. Differential
privacy is closed under such post-processing.

**What the plan must have proved** before it hands tables over. Every table is a sum over customers of one and the same
bounded vector per customer, from the same snapshot, account map, population, filter and null rule. Each cell of each
table is the sum of the base cells that are said to belong to it, so that a customer's contribution to the coarse table
is the image of that customer's contribution to the fine one, with nothing selected or clamped in between. The tables'
noises are independent of one another and each cell's has the stated standard deviation.

**Method.** Adding up is a set of linear equations C v = 0 on the cells of all tables together. The finest table is
taken as pivot. What a coarser table says beyond sums of the pivot's cells leaves no equation; what is left are the
directions in which the residual Gram matrix vanishes. With noise covariance V, the fit is v - V C'(C V C')^-1 C v, and
(C v)'(C V C')^-1 (C v) is chi-square with one degree of freedom for each equation. That is least squares over an
unseen base vector, without that vector: it holds whether the base was measured or not. A discrete Gaussian's variance
is at most the square of its scale, so intervals and alarm are on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import chdtrc

from dpinsights.errors import InternalError
from dpinsights.estimation.equations import (
    Floats,
    Integers,
    equations,
    image,
    joined,
    quadratic_forms,
    solver,
)


@dataclass(frozen=True, eq=False)
class Observed:
    """A noisy table and the cell of it that each base cell adds to.

    Args:
        key: the table's name.
        values: one noisy number for each of the m cells, in steps.
        scale: the standard deviation of each cell's independent noise, in steps.
        cell_of: for each base cell, a number in [0, m); all zeros for a total, `arange` for the base itself.

    Raises:
        InternalError: if a base cell names no cell, a cell has no base cell, or the scale is not positive.
    """

    key: str
    values: Floats
    scale: float
    cell_of: Integers

    def __post_init__(self) -> None:
        cells = len(self.values)
        if not 0 < self.scale < np.inf:
            raise InternalError("a table to adjust needs a positive and finite scale")
        if len(self.cell_of) == 0 or self.cell_of.min() < 0 or self.cell_of.max() >= cells:
            raise InternalError("a base cell adds to no cell of a table")
        if not np.bincount(self.cell_of, minlength=cells).all():
            raise InternalError("a cell of a table to adjust has no base cell")


@dataclass(frozen=True, eq=False)
class Fitted:
    """A table after adjustment: unrounded values that may be negative, and their variances, in the order of cells."""

    key: str
    values: Floats
    variances: Floats


@dataclass(frozen=True, eq=False)
class Adjusted:
    """Tables that add up, and whether the observed ones could have come from one base vector.

    Attributes:
        tables: one for each observed table, in its order.
        statistic: the weighted sum of squares by which the tables disagree.
        degrees: its degrees of freedom under the model, the number of independent equations.
        p_value: the probability of at least this statistic from noise alone.
        raised: the p-value is under the alarm; then the noisy tables should be shown as they are, and the plan examined.
        base: the place of a table of which all others are sums, or None; `rounded` adds up only where there is one.
        observed: what was adjusted.
    """

    tables: tuple[Fitted, ...]
    statistic: float
    degrees: int
    p_value: float
    raised: bool
    base: int | None
    observed: tuple[Observed, ...]


@dataclass(frozen=True, eq=False)
class Rounded:
    """A table of non-negative integers for print.

    `changed` marks the cells whose integer is one or more away from the fitted value, which rounding a number alone
    would not do. Intervals stay about the fitted value.
    """

    key: str
    values: Integers
    changed: NDArray[np.bool_]


def consistent(observed: Sequence[Observed], *, alarm: float = 1e-6) -> Adjusted:
    """The tables nearest to the noisy ones that add up.

    Args:
        observed: tables over one base, which itself need not be among them.
        alarm: the p-value under which the alarm is raised: how often it is raised falsely.

    Raises:
        InternalError: if there are no tables or their bases differ in size.

    >>> total = Observed("all", np.array([108.0]), 10.0, np.array([0, 0]))
    >>> by_tier = Observed("tier", np.array([60.0, 30.0]), 20.0, np.array([0, 1]))
    >>> adjusted = consistent([total, by_tier])
    >>> [table.values.round(3).tolist() for table in adjusted.tables]
    [[106.0], [68.0, 38.0]]
    >>> [table.variances.round(1).tolist() for table in adjusted.tables], adjusted.degrees
    ([[88.9], [222.2, 222.2]], 1)
    """
    if not observed or len({len(table.cell_of) for table in observed}) != 1:
        raise InternalError("tables to adjust need one common base")
    order = _finest_first(observed)
    tables = [observed[at] for at in order]
    noisy = np.concatenate([np.asarray(table.values, dtype=np.float64) for table in tables])
    noise = np.concatenate([np.full(len(table.values), table.scale**2) for table in tables])
    rows, nested = equations([table.cell_of for table in tables])
    degrees = rows.shape[0]
    if degrees:
        weighted = rows @ sparse.diags_array(noise)
        solve = solver(sparse.csc_array(weighted @ rows.T))
        gap = rows @ noisy
        multipliers = solve(gap)
        statistic = max(float(gap @ multipliers), 0.0)
        values = noisy - weighted.T @ multipliers
        variances = np.clip(noise - quadratic_forms(solve, sparse.csr_array(weighted.T)), 0.0, noise)
        p_value = float(chdtrc(degrees, statistic))
    else:
        values, variances, statistic, p_value = noisy, noise, 0.0, 1.0
    ends = np.cumsum([len(table.values) for table in tables])[:-1]
    parts = dict(zip(order, zip(np.split(values, ends), np.split(variances, ends), strict=True), strict=True))
    fitted = tuple(Fitted(table.key, *parts[at]) for at, table in enumerate(observed))
    base = order[0] if nested else None
    return Adjusted(fitted, statistic, degrees, p_value, p_value < alarm, base, tuple(observed))


def rounded(adjusted: Adjusted) -> tuple[Rounded, ...]:
    """Non-negative integers near the fitted values, one table for each observed one.

    Where all tables are sums of one of them, that table is fitted again under non-negativity (the nearest such fit in
    the same weights), rounded by largest remainders down the longest chain of nested tables, and summed: all tables are
    exact images of it. A table on that chain moves by less than one from the non-negative fit, others by what their
    cells' rounding adds to. Without such a table each is rounded alone, and totals can differ by rounding.

    >>> by_tier = Observed("tier", np.array([60.4, -3.0]), 1.0, np.array([0, 1]))
    >>> total = Observed("all", np.array([58.0]), 1.0, np.array([0, 0]))
    >>> [(table.values.tolist(), table.changed.tolist()) for table in rounded(consistent([by_tier, total]))]
    [([59, 0], [True, True]), ([59], [True])]
    """
    if adjusted.base is None:
        whole = [np.maximum(np.rint(table.values), 0.0).astype(np.int64) for table in adjusted.tables]
    else:
        order = _finest_first(adjusted.observed)
        tables = [adjusted.observed[at] for at in order]
        _, place = np.unique(tables[0].cell_of, return_index=True)
        cells = [table.cell_of[place] for table in tables]  # of each of the base table's cells
        real = _non_negative(tables, [adjusted.tables[at].values for at in order], cells)
        integer = _controlled(real, _chain(cells))
        sums = {at: _summed(integer, cell) for at, cell in zip(order, cells, strict=True)}
        whole = [sums[at] for at in range(len(order))]
    return tuple(
        Rounded(table.key, integers, np.abs(integers - table.values) >= 1)
        for table, integers in zip(adjusted.tables, whole, strict=True)
    )


def _finest_first(observed: Sequence[Observed]) -> list[int]:
    return sorted(range(len(observed)), key=lambda at: -len(observed[at].values))


def _non_negative(tables: Sequence[Observed], fitted: Sequence[Floats], cells: Sequence[Integers]) -> Floats:
    """The least-squares base under non-negativity, by Newton's method on the multipliers of the other tables' sums.

    With m multipliers the base is [y - s^2 A'm]+, and the dual objective is convex and piecewise quadratic: the method
    ends after finitely many steps (semismooth Newton; Qi and Sun 1993).
    """
    base = tables[0].values
    if len(tables) == 1 or not (fitted[0] < 0).any():
        return np.maximum(fitted[0], 0.0)
    sums = sparse.csr_array(sparse.vstack([image(cell) for cell in cells[1:]]))
    noisy = np.concatenate([table.values for table in tables[1:]])
    noise = np.concatenate([np.full(len(table.values), table.scale**2) for table in tables[1:]])
    square = tables[0].scale ** 2

    def at(multipliers: Floats) -> tuple[float, Floats]:
        real = np.maximum(base - square * (sums.T @ multipliers), 0.0)
        return float(real @ real / square / 2 + noisy @ multipliers + noise @ multipliers**2 / 2), real

    close = 1e-9 * (1 + float(np.abs(noisy).max()))
    multipliers = (np.concatenate(list(fitted[1:])) - noisy) / noise
    value, real = at(multipliers)
    for _ in range(100):
        gap = sums @ real - noisy - noise * multipliers
        if np.abs(gap).max() < close:
            break
        free = sums @ sparse.diags_array((real > 0) * square)
        step = solver(sparse.csc_array(free @ sums.T + sparse.diags_array(noise)))(gap)
        length = 1.0
        while (
            at(multipliers + length * step)[0] > value - 1e-4 * length * float(gap @ step) and length > 1e-9
        ):
            length /= 2
        multipliers = multipliers + length * step
        value, real = at(multipliers)
    return real


def _chain(cells: Sequence[Integers]) -> list[Integers]:
    """From the finest table up, each next finest one whose cells are sums of the last one's."""
    chain = [cells[0]]
    for cell in cells[1:]:
        last = int(chain[-1].max()) + 1
        if int(cell.max()) + 1 < last and int(joined(chain[-1], cell).max()) + 1 == last:
            chain.append(cell)
    return chain


def _controlled(real: Floats, chain: Sequence[Integers]) -> Integers:
    """Integers for the finest cells, by largest remainders from the grand total down the chain.

    Fixed-point integers keep the sums exact, so that each parent's integer, the floor or the ceiling of its sum, is
    within reach of its children's floors and ceilings.
    """
    bits = int(np.clip(60 - np.log2(real.sum() + 1), 0, 20))
    fixed = np.rint(real * 2.0**bits).astype(np.int64)
    top = np.zeros(len(real), dtype=np.int64)
    parent, whole = top, (np.array([fixed.sum()]) + ((1 << bits) >> 1)) >> bits
    for cell in reversed(chain):
        sums = _summed(fixed, cell)
        floors = sums >> bits
        group = np.zeros(len(sums), dtype=np.int64)
        group[cell] = parent
        left = whole - _summed(floors, group)
        ranked = np.lexsort((-(sums - (floors << bits)), group))
        first = np.concatenate([[0], np.cumsum(np.bincount(group))[:-1]])
        rank = np.arange(len(sums)) - first[group[ranked]]
        floors[ranked[rank < left[group[ranked]]]] += 1
        parent, whole = cell, floors
    return whole


def _summed(values: Integers, cell: Integers) -> Integers:
    sums = np.zeros(int(cell.max()) + 1, dtype=np.int64)
    np.add.at(sums, cell, values)
    return sums
