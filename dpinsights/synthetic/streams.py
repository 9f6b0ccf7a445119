"""Streams of random numbers, each addressed by what it is for, so that the order of work is free."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np


@dataclass(frozen=True)
class Stream:
    """The address of random draws: the seed, a block of people and a path such as `jd.orders/amount`.

    Two columns never share a stream and a block never continues another's, so blocks can be made in any order
    and a new column leaves the old ones as they were. numpy keeps `default_rng` the same within a version
    only, so a seed means the same population on one version of numpy.

    `fitted` holds what calibration found, by path; while `calibrating`, entries are added to it.

    >>> a = Stream(1, 0).child("jd.orders").child("amount")
    >>> bool(a.rng().random() == a.rng().random()), bool(a.rng().random() == a.child("x").rng().random())
    (True, False)
    """

    seed: int
    block: int
    path: str = ""
    calibrating: bool = False
    fitted: dict[str, float] = field(default_factory=dict)

    def child(self, name: str) -> Stream:
        """The stream of a part."""
        return replace(self, path=f"{self.path}/{name}")

    def rng(self) -> np.random.Generator:
        """The generator at this address, at its beginning."""
        purpose = "calibration" if self.calibrating else "population"
        digest = hashlib.sha256(f"{purpose}:{self.path}".encode()).digest()
        return np.random.default_rng([self.seed, self.block, int.from_bytes(digest[:8], "big")])
