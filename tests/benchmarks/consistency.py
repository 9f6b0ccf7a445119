"""What adding up gains and takes: `python -m tests.benchmarks.consistency`.

A report of five tables over customers by province, tier and age, each with a fifth of the report's rho, is drawn many
times; printed is each table's mean interval half-width and root mean square error before and after. The intervals'
coverage, the alarm and the time are printed as well, and the time for a hierarchy of counties.
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np

from dpinsights.estimation.consistency import Observed, consistent, rounded
from dpinsights.estimation.intervals import Noisy

MISS = 0.05
Z = 1.959964


def five_tables(population: int, seed: int) -> tuple[list[tuple[str, np.ndarray]], np.ndarray]:
    """The report's tables as cells of the base, and the base: a skewed population of 31 x 5 x 6 cells."""
    province, tier, age = (axis.ravel() for axis in np.indices((31, 5, 6)))
    weights = np.random.default_rng(seed).lognormal(0, 0.5, 930) / (1 + province) / (1 + tier) ** 1.5
    base = np.floor(population * weights / weights.sum())
    tables = [
        ("total", np.zeros(930, dtype=np.int64)),
        ("province", province),
        ("tier", tier),
        ("province x tier", province * 5 + tier),
        ("province x tier x age", np.arange(930)),
    ]
    return tables, base


def counties(seed: int) -> list[Observed]:
    """2,800 counties in 340 prefectures in 31 provinces, and the total."""
    random = np.random.default_rng(seed)
    prefecture = np.sort(np.concatenate([np.arange(340), random.integers(0, 340, 2460)]))
    province = np.sort(np.concatenate([np.arange(31), random.integers(0, 31, 309)]))[prefecture]
    base = random.poisson(500, 2800)
    cells = {
        "total": np.zeros(2800, dtype=np.int64),
        "province": province,
        "prefecture": prefecture,
        "county": np.arange(2800),
    }
    return [
        Observed(
            key, np.bincount(cell, weights=base) + np.rint(random.normal(0, 30, cell.max() + 1)), 30.0, cell
        )
        for key, cell in cells.items()
    ]


def main() -> None:
    """Prints the report."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--rho", type=float, default=0.02, help="the whole report's")
    arguments.add_argument("--rounds", type=int, default=200)
    given = arguments.parse_args()
    tables, base = five_tables(given.customers, 1)
    scale = math.sqrt(1 / (2 * given.rho / len(tables)))
    exact = [np.bincount(cell, weights=base) for _, cell in tables]
    random = np.random.default_rng(2)
    raw_half = Noisy(0.0, scale).half_width(MISS)
    halves, raw, fit, whole, covers, seconds = [], [], [], [], [], []
    alarms = changed = 0
    for _ in range(given.rounds):
        observed = [
            Observed(name, true + np.rint(random.normal(0, scale, len(true))), scale, cell)
            for (name, cell), true in zip(tables, exact, strict=True)
        ]
        start = time.perf_counter()
        adjusted = consistent(observed)
        seconds.append(time.perf_counter() - start)
        integers = rounded(adjusted)
        alarms += adjusted.raised
        changed += int(integers[-1].changed.sum())
        widths = [Z * np.sqrt(table.variances) for table in adjusted.tables]
        halves = [float(width.mean()) for width in widths]
        rows = list(zip(observed, adjusted.tables, integers, exact, widths, strict=True))
        raw.append([float(((noisy.values - true) ** 2).mean()) for noisy, _, _, true, _ in rows])
        fit.append([float(((table.values - true) ** 2).mean()) for _, table, _, true, _ in rows])
        whole.append([float(((integer.values - true) ** 2).mean()) for _, _, integer, true, _ in rows])
        covers.append([float((np.abs(table.values - true) <= w).mean()) for _, table, _, true, w in rows])
    print(
        f"{given.customers:,} customers, rho {given.rho}, noise of scale {scale:.1f}, {given.rounds} rounds\n"
    )
    print("| table | cells | half-width | after | change | rmse | after | in integers | coverage |")
    print("|---|---|---|---|---|---|---|---|---|")
    errors = [np.sqrt(np.mean(squares, axis=0)) for squares in (raw, fit, whole)]
    for at, (name, cell) in enumerate(tables):
        print(
            f"| {name} | {cell.max() + 1} | {raw_half:.1f} | {halves[at]:.1f} | {halves[at] / raw_half - 1:+.1%} "
            f"| {errors[0][at]:.1f} | {errors[1][at]:.1f} | {errors[2][at]:.1f} | {np.mean(covers, axis=0)[at]:.4f} |"
        )
    sizes = np.array([cell.max() + 1 for _, cell in tables])
    by_cell = float(sizes @ np.array(halves)) / sizes.sum() / raw_half - 1
    print(
        f"\nhalf-width, mean of the tables {np.mean(halves) / raw_half - 1:+.1%}, of all cells {by_cell:+.1%}"
    )
    print(
        f"alarms {alarms} of {given.rounds}; base cells changed {changed / given.rounds:.1f} of {len(base)}"
    )
    print(f"fit and variances of {sizes.sum():,} cells: {np.median(seconds):.3f} s")
    observed = counties(3)
    start = time.perf_counter()
    adjusted = consistent(observed)
    took = time.perf_counter() - start
    start = time.perf_counter()
    rounded(adjusted)
    print(
        f"counties, {adjusted.degrees} equations: {took:.3f} s; rounding {time.perf_counter() - start:.3f} s"
    )
    gains = [f"{t.key} {np.sqrt(t.variances.mean()) / 30 - 1:+.1%}" for t in adjusted.tables]
    print("counties' half-widths: " + ", ".join(gains))


if __name__ == "__main__":
    main()
