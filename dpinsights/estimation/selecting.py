"""Quantiles that are chosen among public cuts, and the rank that is stated of them.

For a group of n customers let F(c) be how many lie below cut c, and e(p) = min over cuts of |F(c) - p n|, the rank error
of the best cut. The exponential mechanism chooses a cut with |F(c) - p n| <= e(p) + t but for a small probability.

**The bound.** A cut is chosen with a probability proportional to exp(-score / scale). The best cut has weight 1 beside
the weights of the cuts that are worse than it by more than t, at most m - 1 of them, each below exp(-t / scale). So one
of those is chosen with probability at most x / (1 + x) with x = (m - 1) exp(-t / scale), which is `miss` for
t = scale * ln((m - 1) (1 - miss) / miss).

**Monotone.** The quantiles of a group are sorted. e is a minimum of distances, so it changes by at most |p - q| n
between p and q; then p n - e(p) and p n + e(p) rise with p, and so do the first and the last of the cuts with a rank
error of at most e(p) + t, for one t. Cuts that each lie between two rising bounds still do so when sorted. So one t
serves all quantiles of a group, the largest of their own, and the probability to miss is shared out among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy as np
from scipy.special import ndtri

from dpinsights.estimation.answers import Answer, Numbered, Sums, declared, groups_of
from dpinsights.estimation.decoding import decoder
from dpinsights.model.plan import Axis, PlannedQuery
from dpinsights.model.release import Estimate
from dpinsights.model.strategy import Strategy


def selection_error(
    probabilities: Sequence[Decimal], scales: Sequence[float], *, candidates: int, miss: float
) -> float:
    """By how many customers the ranks of sorted choices miss more than the best cuts' do, all of a group together.

    Args:
        probabilities: of one group's quantiles.
        scales: of the Gumbel noise of each one's scores, whose step is 1 / denominator customers.
        candidates: how many cuts there are.
        miss: the probability that one of them misses by more.

    >>> round(selection_error([Decimal("0.5")], [20.0], candidates=100, miss=0.05), 1)
    75.4
    """
    each = miss / len(probabilities)
    if candidates < 2:
        return 0.0
    furthest = max(0.0, math.log((candidates - 1) * (1 - each) / each))
    return max(
        scale / Fraction(p).denominator * furthest for p, scale in zip(probabilities, scales, strict=True)
    )


def hierarchy_error(probabilities: Sequence[Decimal], strategy: Strategy, scale: float, miss: float) -> float:
    """The half-width in customers of F(c) - p n as a hierarchy of counts gives it, at the worst cut of the worst p.

    >>> round(hierarchy_error([Decimal("0.5")], Strategy("tree", 100), 10.0, 0.05), 1)
    31.9
    """
    weights = np.cumsum(decoder(strategy), axis=0)
    norms = [np.linalg.norm(weights - float(p) * weights[-1], axis=1).max() for p in probabilities]
    return -float(ndtri(miss / 2)) * scale * float(max(norms))


def is_selection_better(
    probabilities: Sequence[Decimal], strategy: Strategy, *, groups: int, miss: float
) -> bool:
    """Whether choosing among cuts states narrower ranks than a hierarchy at the same cost, from public facts alone.

    Both errors fall with the root of the cost, so that their comparison is the same at every cost. A hierarchy serves
    all quantiles and groups at once, while every choice is paid for.

    >>> tree, median = Strategy("tree", 200), [Decimal("0.5")]
    >>> [is_selection_better(median, tree, groups=groups, miss=0.05) for groups in (1, 9)]
    [True, False]
    """
    candidates = strategy.size - 1
    if candidates < 2:
        return False
    choices = groups * len(probabilities)
    scales = [
        math.sqrt(choices) * max(p.numerator, p.denominator - p.numerator)
        for p in map(Fraction, probabilities)
    ]
    chosen = selection_error(probabilities, scales, candidates=candidates, miss=miss)
    return chosen < hierarchy_error(probabilities, strategy, math.sqrt(strategy.norm_squared), miss)


def rank_margin(
    probabilities: Sequence[Decimal], scales: Sequence[float], *, candidates: int, miss: float
) -> int:
    """`selection_error` in whole customers, rounded up."""
    return math.ceil(selection_error(probabilities, scales, candidates=candidates, miss=miss))


def selected(query: PlannedQuery, sums: Sums, probabilities: Axis, miss: float) -> tuple[Answer, ...]:
    """The chosen cuts of each group, sorted; what is stated of them is their rank, so their intervals are the range.

    The roles of `sums` are the keys of `probabilities`, in its order.
    """
    asked = [Decimal(key.key.removeprefix("p")) / 100 for key in probabilities.keys]
    numbers = [sums[key.key] for key in probabilities.keys]
    low, high = query.edges[0], query.edges[-1]
    cells: list[Numbered] = []
    for (keys, _), chosen in zip(groups_of(query, numbers[0]), zip(*numbers, strict=True), strict=True):
        places = sorted(int(choice.value) for choice in chosen)
        cells += [
            (
                (*keys, key.key),
                Estimate(query.edges[place + 1], low, high, high - low, declared(query)),
            )
            for key, place in zip(probabilities.keys, places, strict=True)
        ]
    margin = rank_margin(asked, [of[0].scale for of in numbers], candidates=len(query.edges) - 2, miss=miss)
    axes = (*query.axes, probabilities)
    return (
        Answer(
            "",
            axes,
            tuple(cells),
            query.estimates,
            "chosen-cut",
            query.unit,
            query.values[0].step,
            rank=margin,
        ),
    )
