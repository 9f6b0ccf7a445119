"""False-positive rates over populations that are null by construction, and power at stated effects.

    python -m tests.assurance.null_populations [populations]

Each population is drawn anew and so is its noise. Monte Carlo p-values use 199 draws here instead of 9,999: the level
is the same and the power a little lower. Rates are of p <= 0.05, where "not tested" finds nothing. 4,000 populations
take some ten minutes of one core; `docs/tests.md` has the tables.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from dpinsights.estimation.intervals import Noisy
from dpinsights.estimation.significance import Tested, benjamini_hochberg, independence, trend
from dpinsights.estimation.two_groups import Moments, paired, total_change, two_means, two_shares
from tests.assurance.null_reports import share_wrong
from tests.estimation.simulation import Reals, noise

LEVEL = 0.05
DRAWS = 199

Rng = np.random.Generator


@dataclass(frozen=True)
class Case:
    """One test in one setting: `draw` makes a population with an effect, 0 for none, adds the noise and tests."""

    test: str
    setting: str
    effect: float
    draw: Callable[[Rng, float], Tested]


def noised(values: Reals, scale: float, rng: Rng) -> Reals:
    return values + noise(scale, values.shape, rng) if scale > 0 else values + 0.0


def one(value: float, scale: float, rng: Rng) -> Noisy:
    return Noisy(float(noised(np.array([value]), scale, rng)[0]), scale)


def shares(k: int, rng: Rng) -> Reals:
    return rng.dirichlet(np.full(k, 3.0))


def table(n: int, rows: int, columns: int, scale: float, rare: bool = False) -> Case:
    """An r x c table; the effect moves a share of each margin's product between the corners of the first two."""

    def draw(rng: Rng, effect: float) -> Tested:
        p, q = shares(rows, rng), shares(columns, rng)
        if rare:
            q = np.full(columns, 1 / columns)
            p = np.append(p[:-1] / p[:-1].sum() * (1 - 5.0 * columns / n), 5.0 * columns / n)
        both = np.outer(p, q)
        moved = effect * both[:2, :2].min()
        both[:2, :2] += moved * np.array([[1.0, -1.0], [-1.0, 1.0]])
        counts = rng.multinomial(n, both.ravel()).reshape(rows, columns).astype(np.float64)
        return independence(noised(counts, scale, rng), scale, draws=DRAWS)

    name = f"n={n} {rows}x{columns} scale={scale:g}" + (" rare row" if rare else "")
    return Case("independence", name, 0.5, draw)


def bins(n: int, k: int, rate: float, scale: float) -> Case:
    """Rates in k bins of random sizes; the effect is the relative rise from the first bin to the last."""

    def draw(rng: Rng, effect: float) -> Tested:
        sizes = rng.multinomial(n, shares(k, rng))
        hits = rng.binomial(sizes, rate * (1 + effect * np.linspace(-0.5, 0.5, k)))
        s, t = noised(hits.astype(np.float64), scale, rng), noised(sizes.astype(np.float64), scale, rng)
        return trend(s, t, scale, scale, draws=DRAWS)

    return Case("trend", f"n={n} bins={k} rate={rate:g} scale={scale:g}", 0.3, draw)


def exposed(n1: int, n0: int, rate: float, scale: float) -> Case:
    """An exposed and a control group; the effect is the relative uplift."""

    def draw(rng: Rng, effect: float) -> Tested:
        hits = rng.binomial(n1, rate * (1 + effect)), rng.binomial(n0, rate)
        s1, s0, c1, c0 = (one(float(x), scale, rng) for x in (*hits, n1, n0))
        return two_shares(s1, c1, s0, c0, draws=DRAWS)

    return Case("two shares", f"n={n1}+{n0} rate={rate:g} scale={scale:g}", 0.3, draw)


def spending(size: int, rng: Rng, mean: float = 20.0) -> Reals:
    """Skewed whole amounts clipped to 100, many of them zero."""
    return np.rint(np.minimum(rng.exponential(mean, size) * (rng.random(size) < 0.7), 100.0))


def means(n1: int, n0: int, scale: float) -> Case:
    """Mean spending in two groups; noise of sums is 100 times that of counts, and 10,000 times for squares."""

    def draw(rng: Rng, effect: float) -> Tested:
        groups = []
        for x in (spending(n1, rng, 20.0 * (1 + effect)), spending(n0, rng)):
            first, second = one(float(x.sum()), 100 * scale, rng), one(float(x @ x), 1e4 * scale, rng)
            groups.append(Moments(one(float(len(x)), scale, rng), first, second))
        return two_means(groups[0], groups[1])

    return Case("two means", f"n={n1}+{n0} scale={scale:g}", 0.2, draw)


def changes(n: int, scale: float, charged: bool) -> Case:
    """Spending of the same customers in two periods, a part of it shared."""

    def draw(rng: Rng, effect: float) -> Tested:
        steady = spending(n, rng, 10.0)
        after = steady + spending(n, rng, 10.0 * (1 + 2 * effect))
        before = steady + spending(n, rng, 10.0)
        d = after - before
        if charged:
            return paired(one(float(d.sum()), 200 * scale, rng), one(float(d @ d), 4e4 * scale, rng))
        a, b = (one(float(x.sum()), 200 * scale, rng) for x in (after, before))
        qa, qb = (one(float(x @ x), 4e4 * scale, rng) for x in (after, before))
        return total_change(a, b, qa, qb)

    return Case("paired" if charged else "total change", f"n={n} scale={scale:g}", 0.2, draw)


def cases() -> Iterator[Case]:
    for n, rows, columns in ((300, 2, 2), (3_000, 3, 4), (100_000, 8, 6)):
        for relative in (0.0, 0.05, 0.3, 1.0):
            yield table(n, rows, columns, round(relative * n / (rows * columns)))
    for scale in (0.0, 2.0, 10.0):
        yield table(3_000, 4, 3, scale, rare=True)
    for n, k, rate in ((300, 4, 0.3), (3_000, 6, 0.05), (100_000, 12, 0.02)):
        for relative in (0.0, 0.05, 0.3, 1.0):
            yield bins(n, k, rate, round(relative * n / k))
    for n1, n0, rate in ((200, 200, 0.3), (500, 20_000, 0.05), (20_000, 20_000, 0.02)):
        for scale in (0.0, 10.0, 60.0):
            yield exposed(n1, n0, rate, scale)
    for n1, n0 in ((200, 2_000), (5_000, 5_000)):
        for scale in (0.0, 5.0, 30.0):
            yield means(n1, n0, scale)
    for charged in (True, False):
        for scale in (0.0, 5.0, 30.0):
            yield changes(3_000, scale, charged)


def rate(case: Case, effect: float, populations: int, seed: int = 7) -> tuple[float, float]:
    """The share found at the level and the share not tested."""
    rng = np.random.default_rng(seed)
    p = [case.draw(rng, effect).p_value for _ in range(populations)]
    return sum(x is not None and x <= LEVEL for x in p) / populations, p.count(None) / populations


def reports(populations: int, scale: float, seed: int = 11) -> float:
    """The share of reports of 20 findings with any false one, chosen under Benjamini-Hochberg.

    Each customer has four attributes at one company that depend on each other, and five at the other, independent of
    the first four; every pair across the companies is one finding.
    """
    rng = np.random.default_rng(seed)
    wrong = 0
    for _ in range(populations):
        n = int(rng.choice([1_000, 5_000, 20_000]))
        mine = _attributes(n, (2, 3, 4, 6), rng)
        theirs = _attributes(n, (2, 2, 3, 4, 5), rng)
        found = [_finding(a, i, b, j, scale, rng) for a, i in mine for b, j in theirs]
        wrong += any(benjamini_hochberg(found, LEVEL))
    return wrong / populations


def _attributes(
    n: int, sizes: tuple[int, ...], rng: Rng
) -> list[tuple[np.ndarray[tuple[int], np.dtype[np.int64]], int]]:
    common = rng.normal(size=n)
    ranks = [np.argsort(np.argsort(common + rng.normal(size=n))) for _ in sizes]
    return [(rank * size // n, size) for rank, size in zip(ranks, sizes, strict=True)]


def _finding(
    a: np.ndarray[tuple[int], np.dtype[np.int64]],
    rows: int,
    b: np.ndarray[tuple[int], np.dtype[np.int64]],
    columns: int,
    scale: float,
    rng: Rng,
) -> float | None:
    """A trend where the second attribute is yes or no, a table otherwise."""
    counts = np.bincount(a * columns + b, minlength=rows * columns).reshape(rows, columns).astype(np.float64)
    if columns > 2:
        return independence(noised(counts, scale, rng), scale, draws=399).p_value
    s, t = noised(counts[:, 1], scale, rng), noised(counts.sum(axis=1), scale, rng)
    return trend(s, t, scale, scale, draws=399).p_value


def with_error(share: float, of: int) -> str:
    """A share with its Monte Carlo standard error."""
    return f"{share:.3f} ± {math.sqrt(max(share, 1 / of) * (1 - share) / of):.3f}"


def case_row(case: Case, populations: int) -> str:
    """What is false, not tested and found in one setting: a row of the table."""
    false, none = rate(case, 0.0, populations)
    power, _ = rate(case, case.effect, max(populations // 8, 1))
    rates = f"{with_error(false, populations)} | {none:.3f} | {power:.2f} at {case.effect:g}"
    return f"| {case.test} | {case.setting} | {rates} |"


def report_row(what: str, share: float, reports: int) -> str:
    """How often a report of twenty findings has any that is false: a row of the other table."""
    return f"| {what} | {reports:,} | {with_error(share, reports)} |"


def main() -> None:
    populations = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    print("| test | setting | p <= 0.05 without an effect | not tested | power |\n|---|---|---|---|---|")
    for case in cases():
        print(case_row(case, populations), flush=True)
    many, few = populations * 5 // 2, max(populations // 2, 1)
    print("\n| report | reports | any false finding |\n|---|---|---|")
    for scale, times in ((0.0, many), (10.0, few), (40.0, few)):
        what = f"twenty tables and trends, scale={scale:g}"
        print(report_row(what, reports(times, scale), times), flush=True)
    for epsilon, times in (("1", many), ("8", few)):
        what = f"planned and estimated by the package, epsilon={epsilon}"
        print(report_row(what, share_wrong(times, epsilon)[0], times), flush=True)


if __name__ == "__main__":
    main()
