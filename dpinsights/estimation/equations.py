"""Which cells of which tables must add up, as sparse linear equations, and the solves that a fit by them needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DENSE = 2_500
"""Up to so many equations are solved by a dense inverse; beyond, variances take a sparse solve for each cell."""

VANISHES = 1e-10
"""An eigenvalue below this, of a Gram matrix scaled to ones on its diagonal, is zero."""

BLOCK = 1 << 22
"""How many numbers a dense block of the variances may hold."""


def joined(one: Integers, other: Integers) -> Integers:
    """Numbers of the distinct pairs of cells."""
    codes: Integers = np.unique(one * (int(other.max()) + 1) + other, return_inverse=True)[1]
    return codes


def image(cell: Integers) -> sparse.csr_array:
    """The 0/1 matrix that sums into cells."""
    ones, across = np.ones(len(cell)), np.arange(len(cell))
    return sparse.csr_array((ones, (cell, across)), shape=(int(cell.max()) + 1, len(cell)))


def equations(partitions: Sequence[Integers]) -> tuple[sparse.csr_array, bool]:
    """All independent equations between the cells of some tables, and whether all are sums of the first one's cells.

    A table's cells are sums over a common base; seen in the base, each is a 0/1 vector. What another table's cells add
    to the span of the first table's is their residual on it, and a combination of residuals that vanishes is an equation.

    Args:
        partitions: for each table the cell that each base cell adds to; the first should be the finest.

    Returns:
        A matrix of full row rank that is zero on the tables' true values in a row, and whether all tables are sums.

    >>> rows, nested = equations([np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])])  # the margins of a 2 x 2 table
    >>> rows.shape, nested, bool(np.abs(rows @ np.array([30, 70, 40, 60])).max() < 1e-9)
    ((1, 4), False, True)
    """
    joint = partitions[0]
    for cell in partitions[1:]:
        joint = joined(joint, cell)
    _, place = np.unique(joint, return_index=True)
    pivot = image(partitions[0][place])
    cells = pivot.shape[0]
    if len(partitions) == 1:
        return sparse.csr_array((0, cells)), True
    others = sparse.csr_array(sparse.vstack([image(cell[place]) for cell in partitions[1:]]))
    shared = sparse.csr_array(others @ pivot.T)
    spread = sparse.csr_array(shared @ sparse.diags_array(1 / pivot.sum(axis=1)))
    nested = cells == len(place)
    if nested:
        directions = sparse.csr_array(sparse.eye_array(others.shape[0]))
    else:
        directions = _vanishing(sparse.csr_array(others @ others.T - spread @ shared.T), others)
    return sparse.csr_array(sparse.hstack([-(directions @ spread), directions])), nested


def _vanishing(gram: sparse.csr_array, others: sparse.csr_array) -> sparse.csr_array:
    """A basis, in rows, of the directions in which a Gram matrix is zero, found one connected component at a time."""
    root = sparse.diags_array(1 / np.sqrt(others.sum(axis=1)))
    scaled = sparse.csr_array(root @ gram @ root)
    scaled.data[np.abs(scaled.data) < VANISHES] = 0.0
    scaled.eliminate_zeros()
    parts, label = connected_components(scaled, directed=False)
    members = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label, minlength=parts))[:-1])
    blocks = []
    for part in members:
        eigenvalues, vectors = np.linalg.eigh(scaled[part][:, part].toarray())
        blocks.append(vectors[:, eigenvalues < VANISHES].T)
    sorted_back = np.argsort(np.concatenate(members))
    basis = sparse.csr_array(sparse.block_diag(blocks, format="csr"))[:, sorted_back]
    return sparse.csr_array(basis @ root)


def inverse_of(
    matrix: sparse.csc_array,
) -> tuple[Callable[[Floats], Floats], Callable[[sparse.csr_array], Floats]]:
    """A positive definite matrix's solve, and r' K^-1 r for each row r of another matrix."""
    size = matrix.shape[0]
    rows = max(BLOCK // size, 1)
    if size <= DENSE:
        inverse = linalg.cho_solve(linalg.cho_factor(matrix.toarray()), np.eye(size))

        def quadratic(sides: sparse.csr_array) -> Floats:
            parts = [sides[at : at + rows] for at in range(0, sides.shape[0], rows)]
            return np.concatenate([part.multiply(part @ inverse).sum(axis=1) for part in parts])

        return lambda side: inverse @ side, quadratic
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})

    def solved(sides: sparse.csr_array) -> Floats:
        parts = [sides[at : at + rows] for at in range(0, sides.shape[0], rows)]
        return np.concatenate(
            [part.multiply(factors.solve(part.T.toarray()).T).sum(axis=1) for part in parts]
        )

    return factors.solve, solved
