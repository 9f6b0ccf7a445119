"""Measurements: what is drawn with noise, and from which bounded contributions of customers.

Everything here is a function of definitions alone. A measurement is the identity of what is drawn: two queries whose
measurements are equal share one draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Literal

from dpinsights.model.canonical import digest
from dpinsights.model.expressions import Node
from dpinsights.model.strategy import Strategy

Kind = Literal["discrete-gaussian", "threshold", "exponential"]
"""The mechanisms: noise on a vector, counts under keys above a threshold, choices among public candidates."""


@dataclass(frozen=True)
class Specification:
    """What OpenDP's map needs to state the loss of a draw, and no more: a ledger keeps it, so that anybody can ask again.

    Attributes:
        kind: the mechanism.
        scale: the noise's scale in steps.
        size: how many numbers are drawn: a vector's length, or how many choices; 0 under a threshold: not known.
        l2_squared: of a discrete Gaussian: the square of one customer's Euclidean contribution.
        l0: of a threshold: the most keys that one customer reaches.
        linf: of a threshold and of choices: the most that one customer adds to a key or moves a score.
        threshold: only noisy counts above it are released.
        candidates: how many there are to choose from.
    """

    kind: Kind
    scale: float
    size: int
    l2_squared: int | None = None
    l0: int | None = None
    linf: int | None = None
    threshold: int | None = None
    candidates: int | None = None


FORMULATION = 1
"""The version of the per-customer relation's meaning (reading, bounding, selection order); part of every key."""


@dataclass(frozen=True)
class Group:
    """One public grouping: a node that yields a code, and how many codes there are."""

    code: Node
    size: int


@dataclass(frozen=True)
class Relation:
    """What customers contribute: (customer, cell) pairs, each with the integers to be summed.

    A customer contributes if it is of the population and `where` is true. Without `rows` it contributes to the one
    cell that its own codes name. With `rows`, those of its rows in that table for which `rows_where` is true name
    cells; per customer, at most `groups_per_customer` cells are kept by the selection order; per row, at most
    `rows_per_customer` rows are kept by digest. A contribution whose code or `present` value is null is left out.

    Attributes:
        population: a party's name, `shared`, or `any`.
        rows: the many-row table that supplies rows, or None.
        groups: the cell's coordinates, in order; the cell's number is their mixed radix number, last fastest.
        where: a condition about the customer.
        rows_where: a condition about the row, the period included.
        present: a node that must not be null (before clamping) for a contribution to count, or None.
        groups_per_customer: k, or None where a customer can only reach one cell or rows are bounded instead.
        rows_per_customer: r for per-row statistics, else None.
        seed: the selection order's seed.
        pairs: whether the last group is a category of rows of which a customer may hold several keys, and cells are
            the pairs of held keys, each with itself too; `groups_per_customer` then bounds the keys held.
    """

    population: str
    rows: str | None
    groups: tuple[Group, ...]
    where: Node | None
    rows_where: Node | None
    present: Node | None
    groups_per_customer: int | None
    rows_per_customer: int | None
    seed: str
    pairs: bool | None = None

    @property
    def cells(self) -> int:
        """How many cells there are."""
        sizes = [group.size for group in self.groups]
        if self.pairs:
            sizes[-1] = sizes[-1] * (sizes[-1] + 1) // 2
        return math.prod(sizes)


@dataclass(frozen=True)
class Measurement:
    """One vector of integers, drawn with one scale: sums over a relation, or a strategy applied to them.

    Attributes:
        relation: whose contributions are summed.
        value: what a contribution adds, clamped to [low, high]; None for a count, which adds 1. A value about rows is
            summed over the customer's rows of the cell and then clamped; per row, each row is clamped and then summed.
        low, high: public bounds of one contribution, in steps.
        step: what one step is worth.
        coarse: if not None, a clamped contribution is divided by this and rounded half-even before it is squared.
        power: 2 if the square of the clamped contribution is summed, for second moments.
        strategy: an integer matrix applied to the sums along the last group before noise, for which a customer
            reaches one cell alone.
    """

    relation: Relation
    value: Node | None
    low: int
    high: int
    step: Decimal = Decimal(1)
    formulation: int = FORMULATION
    coarse: int | None = None
    power: int | None = None
    strategy: Strategy | None = None

    @cached_property
    def key(self) -> str:
        """The digest that identifies this measurement within a snapshot."""
        return digest(self, purpose="measurement")

    @property
    def size(self) -> int:
        """How many numbers are drawn."""
        if self.strategy is None:
            return self.relation.cells
        return self.relation.cells // self.strategy.size * self.strategy.rows

    @property
    def largest(self) -> int:
        """The most that one contribution adds to one sum, in absolute steps (coarse and squared, if so)."""
        most = max(abs(self.low), abs(self.high))
        coarse = -(-most // (self.coarse or 1))
        return coarse**2 if self.power == 2 else coarse

    @property
    def linf(self) -> int:
        """The most that one customer adds to one number, in absolute steps."""
        return (
            self.largest
            * (self.relation.rows_per_customer or 1)
            * (self.strategy.linf if self.strategy else 1)
        )

    @property
    def l0(self) -> int:
        """The most numbers that one customer reaches."""
        if self.strategy is not None:
            return self.strategy.l0
        most = self.relation.groups_per_customer or self.relation.rows_per_customer or 1
        if self.relation.pairs:
            most = most * (most + 1) // 2
        return min(most, self.relation.cells)

    @property
    def l1(self) -> int:
        """The most that one customer adds over all numbers, in absolute steps."""
        if self.strategy is not None:
            return self.largest * self.strategy.l1
        return self.linf if self.relation.rows_per_customer else self.linf * self.l0

    @property
    def l2_squared(self) -> int:
        """The square of the Euclidean sensitivity, in steps: an integer.

        Per customer, l0 cells change by linf at most; l0 is m(m+1)/2 where cells are pairs of m keys. Per row, r rows
        of at most c each change cells by amounts whose absolute values add up to r*c at most, and the Euclidean norm
        of a vector is at most that sum. Under a strategy a customer reaches one sum, so the vector changes by at most
        c times one column of the matrix.
        """
        if self.strategy is not None:
            return self.largest**2 * self.strategy.norm_squared
        return self.linf**2 if self.relation.rows_per_customer else self.l0 * self.linf**2

    def specification(self, scale: float, threshold: int | None = None) -> Specification:
        """How it is drawn with noise of a scale; it has no threshold."""
        return Specification("discrete-gaussian", scale, self.size, l2_squared=self.l2_squared)


@dataclass(frozen=True)
class TextColumn:
    """A column of texts that are not known beforehand, and how many characters of each count."""

    table: str
    column: str
    max_length: int


class OfCounts:
    """What a measurement has that is drawn by another mechanism than noise on a vector: it stands on counts."""

    @property
    def value(self) -> None:
        """A count has none."""
        return None

    @property
    def strategy(self) -> None:
        """Only a vector is drawn under a strategy."""
        return None

    @property
    def low(self) -> int:
        """The least that a contribution adds to a count."""
        return 0

    @property
    def high(self) -> int:
        """The most that a contribution adds to a count."""
        return 1


@dataclass(frozen=True)
class Discovery(OfCounts):
    """Counts of customers under keys that were not known beforehand, of which those above a threshold are released.

    A key is a group's code and a text. It is the identity of what is drawn, as a `Measurement` is of a vector.

    Attributes:
        relation: whose texts are counted: those of its rows, or of its customers where `rows` is None. Its groups are
            about customers, each of whom has one code; `groups_per_customer` bounds the texts of a customer.
        text: the column.
    """

    relation: Relation
    text: TextColumn
    formulation: int = FORMULATION

    @cached_property
    def key(self) -> str:
        """The digest that identifies this measurement within a snapshot."""
        return digest(self, purpose="discovery")

    @property
    def step(self) -> Decimal:
        """What one step is worth: a customer."""
        return Decimal(1)

    @property
    def size(self) -> int:
        """How many numbers are drawn: not known beforehand, and stored as 0."""
        return 0

    @property
    def largest(self) -> int:
        """The same, in absolute steps."""
        return 1

    @property
    def linf(self) -> int:
        """The most that one customer adds to one key."""
        return 1

    @property
    def l0(self) -> int:
        """The most keys that one customer reaches."""
        return self.relation.groups_per_customer or 1

    @property
    def l1(self) -> int:
        """The most that one customer adds over all keys."""
        return self.l0

    @property
    def l2_squared(self) -> int:
        """The square of the Euclidean sensitivity."""
        return self.l0

    def specification(self, scale: float, threshold: int | None = None) -> Specification:
        """How it is drawn with noise of a scale and a threshold."""
        return Specification("threshold", scale, self.size, l0=self.l0, linf=self.linf, threshold=threshold)


@dataclass(frozen=True)
class Selection(OfCounts):
    """The choice of one public cut for each group, about as close to a quantile as any, by the exponential mechanism.

    It is the identity of what is drawn, as a `Measurement` is of a vector: for each group the place of the chosen cut,
    from 0. With p = num / den, a cut's score is |(den - num) * below - num * not below| in customers, smallest at the
    quantile, and one step of scores is 1 / den customers.

    Attributes:
        relation: whose customers are counted, each of whom is in one cell; its last group are the bins between cuts.
        probability: p, strictly between 0 and 1.
    """

    relation: Relation
    probability: Decimal
    formulation: int = FORMULATION

    @cached_property
    def key(self) -> str:
        """The digest that identifies this measurement within a snapshot."""
        return digest(self, purpose="selection")

    @property
    def fraction(self) -> Fraction:
        """p, exactly."""
        return Fraction(self.probability)

    @property
    def step(self) -> Decimal:
        """What one step of scores is worth in customers, as it is printed."""
        return Decimal(1) / self.fraction.denominator

    @property
    def candidates(self) -> int:
        """How many cuts there are to choose from."""
        return self.relation.groups[-1].size - 1

    @property
    def size(self) -> int:
        """How many choices are made: one for each group."""
        return self.relation.cells // self.relation.groups[-1].size

    @property
    def largest(self) -> int:
        """The most that one customer moves a score, in absolute steps."""
        return self.linf

    @property
    def linf(self) -> int:
        """The most that one customer moves a score: below a cut by den - num, else by num."""
        p = self.fraction
        return max(p.numerator, p.denominator - p.numerator)

    @property
    def l0(self) -> int:
        """For how many choices a customer is charged: all, though it is in one group."""
        return self.size

    @property
    def l1(self) -> int:
        """The most that the scores of all choices move, each counted once."""
        return self.size * self.linf

    @property
    def l2_squared(self) -> int:
        """What twice the squared scale is divided into for rho: linf squared for each choice."""
        return self.size * self.linf**2

    def specification(self, scale: float, threshold: int | None = None) -> Specification:
        """How it is drawn with noise of a scale; it has no threshold."""
        return Specification("exponential", scale, self.size, linf=self.linf, candidates=self.candidates)


Measured = Measurement | Discovery | Selection
"""What one draw releases."""


@dataclass(frozen=True)
class Draw:
    """A planned draw: a measurement, the loss it is charged, and the noise that the loss buys.

    Attributes:
        rho_units: the charge in ledger units: OpenDP's map(1) of the object that draws, rounded up.
        scale: the discrete Gaussian's scale in steps.
        rho, rho_two: OpenDP's map(1) and map(2).
        delta_units: the charge in delta in ledger units, rounded up; 0 but for discoveries.
        delta, delta_two: the deltas of those maps.
        threshold: of a discovery: only keys whose noisy count is above it are released.

    The scale of a selection is that of the Gumbel noise of its scores.
    """

    measurement: Measured
    rho_units: int
    scale: float
    rho: float
    rho_two: float
    delta_units: int = 0
    delta: float = 0.0
    delta_two: float = 0.0
    threshold: int | None = None

    @property
    def key(self) -> str:
        """The measurement's key."""
        return self.measurement.key

    @property
    def specification(self) -> Specification:
        """How it is drawn: what its loss can be stated from again."""
        return self.measurement.specification(self.scale, self.threshold)

    @property
    def serves_alone(self) -> bool:
        """Whether several draws can't be averaged into a better one: keys and choices are no numbers."""
        return not isinstance(self.measurement, Measurement)
