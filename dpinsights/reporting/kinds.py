"""What kind of number a table holds: its sign, its unit's shape, what it could be at most, what "no effect" is.

Read off the words that a release has for it (`estimates`, `measure`), so that a reader needs nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from dpinsights.model.release import Flag, ResultTable

COMPARISONS = ("difference", "ratio", "index")

_UNIT_INTERVAL = (Decimal(0), Decimal(1))
_NULLS = {"difference": Decimal(0), "ratio": Decimal(1), "index": Decimal(100)}
LINEAR = frozenset({"customers", "rows", "running-customers", "total"})
"""What is a sum of noisy numbers, in whole steps."""

_SHARES = frozenset(
    {
        "share-of-customers",
        "share-of-rows",
        "share-of-step",
        "share-of-cohort",
        "share-of-figure",
        "lorenz",
    }
)
_BOUNDED = {
    "correlation": (Decimal(-1), Decimal(1)),
    "r-squared": _UNIT_INTERVAL,
    "concentration": _UNIT_INTERVAL,
}
_AROUND_NOTHING = frozenset({"correlation", "coefficient"})


def is_running(table: ResultTable) -> bool:
    """Whether each number adds up all periods until its own."""
    return table.estimates.startswith("running-")


@dataclass(frozen=True)
class Kind:
    """How the numbers of a table are read.

    Attributes:
        comparison: `difference`, `ratio`, `index`, or empty.
        base: what is estimated, or what was compared.
        share: printed in per cent; points: printed in percentage points.
        null: what stands for nothing: 0, or 1 and 100 for comparisons; None where that is no question.
        bounds: what the numbers can't leave, or None at an open end.
        linear: a sum of noisy numbers, in whole steps.
        dotted: drawn as a dot with its interval, since a bar's length would say nothing.
    """

    comparison: str
    base: str
    share: bool
    points: bool
    null: Decimal | None
    bounds: tuple[Decimal | None, Decimal | None]
    linear: bool
    dotted: bool

    @property
    def never_negative(self) -> bool:
        """Whether a number below zero is noise."""
        least, _ = self.bounds
        return least is not None and least >= 0

    @property
    def signed(self) -> bool:
        """Whether a plus sign says something."""
        return self.comparison == "difference"


def kind_of(table: ResultTable) -> Kind:
    """The kind of a table's numbers."""
    comparison, base = _parted(table)
    if comparison:
        shares = base in _SHARES and comparison == "difference"
        return Kind(comparison, base, False, shares, _NULLS[comparison], (None, None), False, True)
    declared = (table.low, table.high)
    bounds: tuple[Decimal | None, Decimal | None] = (None, None)
    if base == "share-of-figure":
        bounds = (Decimal(0), None)  # more customers than a census counts are no contradiction
    elif base in _SHARES:
        bounds = _UNIT_INTERVAL
    elif base in _BOUNDED:
        bounds = _BOUNDED[base]
    elif base.startswith(("mean", "quantile")):
        bounds = declared if None not in declared else (None, None)
    elif base.startswith(("variance", "deviation", "customers", "rows", "running")) or (
        base == "total" and (table.low is None or table.low >= 0)
    ):
        bounds = (Decimal(0), None)
    null = None if base.startswith("quantile") else Decimal(0)
    dotted = base in _AROUND_NOTHING or base.startswith("quantile")
    return Kind("", base, base in _SHARES, False, null, bounds, base in LINEAR, dotted)


def _parted(table: ResultTable) -> tuple[str, str]:
    """`difference-of-mean-per-customer` in its two parts; `ratio-of-sums` is no comparison."""
    comparison, _, base = table.estimates.partition("-of-")
    if comparison in COMPARISONS and base and table.estimates != "ratio-of-sums":
        return comparison, base
    return "", table.estimates


def is_between_cuts(table: ResultTable) -> bool:
    """Whether the ends of the intervals are public cuts themselves."""
    return (
        table.rank is not None
        or table.measure == "quantile"
        and any(Flag.BETWEEN_CUTS in cell.estimate.flags for cell in table.cells)
    )
