"""The core queries against plain DuckDB: `python -m tests.benchmarks.core_queries`.

Customers, sum and mean by wealth tier and category, bounded to 4 categories a customer and measured with noise, as
ratios to plain SQL for the same tables in the same run; each side is the median of the rounds, in alternation.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from dpinsights.definitions.resolving import check_report, report_digests
from dpinsights.measurement.aggregation import exact_vectors
from dpinsights.measurement.privatizing import privatize
from dpinsights.pipeline import Data
from dpinsights.planning.planning import make_plan
from tests.benchmarks import workload


@dataclass(frozen=True)
class Cost:
    """What something took: wall and cpu seconds, and the process's peak memory in MB so far."""

    wall: float
    cpu: float
    peak: float


def cost_of(work: Callable[[], object]) -> Cost:
    """Runs something once."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Cost(time.perf_counter() - wall, time.process_time() - cpu, peak)


def private(folder: Path, customers: int, names: tuple[str, ...]) -> tuple[Cost, Cost]:
    """The aggregates of some queries, and their plan and noise."""
    checked = workload.contract(customers)
    report = workload.report(*names)
    work = Path(tempfile.mkdtemp())
    made: dict[str, object] = {}

    def plan() -> None:
        resolved = check_report(report, checked)
        made["plan"] = make_plan(
            report, resolved, checked.contract, workload.policy(), report_digests(report, checked, resolved)
        )

    planning = cost_of(plan)
    planned = made["plan"]

    def aggregate() -> None:
        with Data(workload.sources(), folder, work).reader(checked.contract) as reader:
            made["exact"] = exact_vectors([draw.measurement for draw in planned.draws], reader)  # type: ignore[attr-defined]

    aggregates = cost_of(aggregate)
    noise = cost_of(
        lambda: privatize(planned.draws, made["exact"], partnership="00000000000000bb", snapshot="x")  # type: ignore[arg-type,attr-defined]
    )
    return aggregates, Cost(planning.wall + noise.wall, planning.cpu + noise.cpu, noise.peak)


def plain(folder: Path, names: tuple[str, ...]) -> Cost:
    """The same tables without privacy, one query after the other."""

    def run() -> None:
        connection = duckdb.connect(config={"threads": str(os.cpu_count()), "memory_limit": "4GB"})
        for table in ("bank", "shop"):
            connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{folder / (table + '.parquet')}'")
        for name in names:
            connection.execute(workload.PLAIN[name]).fetchall()
        connection.close()

    return cost_of(run)


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--orders", type=int, default=10_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()) / "dpinsights-benchmark"
    )
    given = arguments.parse_args()
    folder = given.folder / f"{given.customers}-{given.orders}"
    workload.write(folder, given.customers, given.orders)
    cases = {"one bounded count": ("count",), "all three together": ("count", "sum", "mean")}
    print(
        f"{given.customers:,} bank customers, {given.orders:,} orders, {os.cpu_count()} cores, {given.rounds} rounds\n"
    )
    print(
        "| | plain cpu s | private cpu s | cpu ratio | wall ratio | plan and noise s | peak MB |\n|---|---|---|---|---|---|---|"
    )
    for title, names in cases.items():
        rounds = [
            (plain(folder, names), *private(folder, given.customers, names)) for _ in range(given.rounds)
        ]
        base, ours, rest = ([row[i] for row in rounds] for i in range(3))
        cpu = statistics.median(b.cpu for b in base), statistics.median(o.cpu for o in ours)
        wall = statistics.median(b.wall for b in base), statistics.median(o.wall for o in ours)
        noise = statistics.median(r.wall for r in rest)
        print(
            f"| {title} | {cpu[0]:.2f} | {cpu[1]:.2f} | **{cpu[1] / cpu[0]:.2f}** | {wall[1] / wall[0]:.2f} | {noise:.2f} "
            f"| {ours[-1].peak:.0f} |"
        )


if __name__ == "__main__":
    main()
