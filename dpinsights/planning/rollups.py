"""Counts that need no draw of their own: sums of a finer table's cells, if the margin that is wanted is met.

A query with a margin that is proved to be an image of a finer count, in the same report or measured before on the
snapshot, is answered by adding up that count's cells. It costs nothing, and its interval is that of the sum.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from dpinsights.estimation.agreement import cells_of
from dpinsights.estimation.intervals import Noisy
from dpinsights.model.contract import Contract
from dpinsights.model.measurement import Draw, Measured
from dpinsights.planning.families import common_base, same_vector
from dpinsights.planning.measurements import Needed


@dataclass(frozen=True)
class RollUp:
    """A finer draw, and for each of its cells the cell, of `size`, of the coarser table that it adds to."""

    draw: Draw
    cells: tuple[int, ...]
    size: int

    @property
    def most(self) -> int:
        """The most cells that are added up to one."""
        return max(Counter(self.cells).values())


def roll_ups(
    needs: Sequence[Needed],
    draws: Sequence[Draw],
    known: Sequence[Draw],
    contract: Contract,
    confidence: Decimal,
) -> Mapping[str, RollUp]:
    """The queries that can do without a draw, by name.

    Args:
        needs: the report's queries.
        draws: what would be drawn for them.
        known: draws that were measured before on the snapshot.
        contract, confidence: of the report.
    """
    own = {draw.key: draw for draw in draws}
    kept: dict[str, Draw] = {draw.key: draw for draw in known}
    found: dict[str, RollUp] = {}
    for need in sorted(needs, key=lambda need: -need.parts[0].measurement.relation.cells):
        rolled = _rolled_up(need, list(kept.values()), contract, 1 - float(confidence))
        if rolled is not None and need.parts[0].measurement.key not in kept:
            found[need.query.name] = rolled
        else:
            kept |= {part.measurement.key: own[part.measurement.key] for part in need.parts}
    return found


def _rolled_up(need: Needed, finer: Sequence[Draw], contract: Contract, miss: float) -> RollUp | None:
    margin = need.query.query.margin
    if margin is None or need.query.measure not in ("count", "histogram") or need.query.query.test:
        return None
    coarse = need.parts[0].measurement
    for draw in finer:
        cells = image_of(coarse, draw.measurement, contract)
        if cells is not None:
            rolled = RollUp(draw, cells, coarse.relation.cells)
            if half_width(draw.scale, rolled.most, miss) <= float(margin):
                return rolled
    return None


def half_width(scale: float, cells: int, miss: float) -> float:
    """The half-width of a sum of this many numbers with independent noise of one scale."""
    return Noisy(0.0, scale * math.sqrt(cells), cells).half_width(miss)


def image_of(coarse: Measured, fine: Measured, contract: Contract) -> tuple[int, ...] | None:
    """For each cell of a finer count the cell of a coarser one that it adds to, or None if that is not proved."""
    if coarse.key == fine.key or not same_vector([coarse, fine], contract):
        return None
    family = common_base([coarse, fine])
    if math.prod(family.sizes) > 10 * max(fine.relation.cells, 1):
        return None
    to, of = (cells_of(family, image) for image in family.images)
    pairs = np.unique(np.stack([of, to]), axis=1)
    # Each cell of the finer count stands in exactly one of the coarser; one that nobody can be in would be left out.
    if not np.array_equal(pairs[0], np.arange(fine.relation.cells)):
        return None
    return tuple(int(cell) for cell in pairs[1])
