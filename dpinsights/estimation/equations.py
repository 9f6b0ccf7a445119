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

FULL = 0.1
"""A matrix with more than this share of entries is taken as a dense one."""

VANISHES = 1e-10
"""An eigenvalue below this, of a Gram matrix scaled to ones on its diagonal, is zero."""

BLOCK = 1 << 21
"""About how many numbers of an inverse, and products with them, are held at a time."""


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


def solver(matrix: sparse.csc_array) -> Callable[[Floats], Floats]:
    """The solve of a positive definite matrix, for one or more right sides in columns."""
    if matrix.nnz > FULL * matrix.shape[0] ** 2:
        factors = linalg.cho_factor(matrix.toarray())
        return lambda side: np.asarray(linalg.cho_solve(factors, side))
    return splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve


def quadratic_forms(solve: Callable[[Floats], Floats], rows: sparse.csr_array) -> Floats:
    """r' K^-1 r for each row r.

    Where rows have few entries, as those of tables that are sums of the finest have, some columns of the inverse are
    made at a time and few entries of each are looked at: one solve for each column, however many the rows are.
    """
    if rows.nnz > FULL * rows.shape[0] * rows.shape[1]:
        full = rows.toarray()
        return np.asarray(np.einsum("ij,ji->i", full, solve(full.T)))
    columns, entries = sparse.csc_array(rows), np.diff(rows.indptr).astype(np.int64)
    size = rows.shape[1]
    width = max(BLOCK // max(size, int(entries @ entries) // size), 1)
    forms = np.zeros(rows.shape[0])
    for start in range(0, size, width):
        stop = min(start + width, size)
        inverse = solve(np.eye(size, stop - start, -start))
        block = sparse.coo_array(columns[:, start:stop])
        row, column = block.coords
        counts = entries[row]  # each entry meets all entries of its row
        pair = np.repeat(np.arange(len(row)), counts)
        along = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        other = rows.indptr[row[pair]] + along
        terms = block.data[pair] * rows.data[other] * inverse[rows.indices[other], column[pair]]
        forms += np.bincount(row[pair], weights=terms, minlength=len(forms))
    return forms
