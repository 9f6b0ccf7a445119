"""What a measurement left behind, and what accounts hold: plain facts that a ledger stores."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The states of a run. Each step is durable before the next begins."""

    CHARGED = "charged"
    DRAWING = "drawing"
    MEASURED = "measured"
    RELEASED = "released"
    ABANDONED = "abandoned"


@dataclass(frozen=True)
class NoisyVector:
    """A released vector of noisy integers, in the order of its measurement's cells, with its noise's scale.

    Of a discovery, `keys` are the released ones, each a group's code and a text, in the order of falling counts (ties by
    text), those whose noisy count is above `threshold`.
    """

    key: str
    snapshot: str
    scale: float
    rho_units: int
    values: tuple[int, ...]
    delta_units: int = 0
    threshold: int | None = None
    keys: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True)
class Balance:
    """One account: what it may spend and has spent, in ledger units.

    `cap_epsilon` is the cap as its policy or amendment words it; `frozen` is the code of the reason, if it is frozen.
    """

    account: str
    cap_rho: int
    cap_delta: int
    spent_rho: int
    spent_delta: int
    cap_epsilon: str = ""
    frozen: str | None = None

    @property
    def left_rho(self) -> int:
        """What is left."""
        return self.cap_rho - self.spent_rho

    @property
    def left_delta(self) -> int:
        """What is left of delta."""
        return self.cap_delta - self.spent_delta
