"""The gongyin-xiaobai partner report against plain DuckDB: `python -m tests.benchmarks.partner_report`.

Runs the whole line, stage by stage, and the same ten tables as plain SQL without bounds and without noise over the
same files in the same run. "Everything but the scan" is definitions, plan, ledger, noise, estimates and pages.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import duckdb

from dpinsights.budget import open_budget
from dpinsights.definitions.loading import load_folder
from dpinsights.packaged import partnerships
from dpinsights.pipeline import data_of, run_report
from dpinsights.state import State
from dpinsights.synthetic import generate

SPEND = """CREATE TEMP TABLE profile AS SELECT customer_id, c.*, j.registered_on, coalesce(s.spend, 0) AS spend,
    coalesce(s.orders, 0) AS orders, coalesce(h.invests, false) AS invests, coalesce(h.credit, false) AS credit,
    j.customer_id IS NOT NULL AS shared, CASE WHEN coalesce(s.spend, 0) < 1 THEN 0 WHEN s.spend < 500 THEN 1
    WHEN s.spend < 2000 THEN 2 WHEN s.spend < 8000 THEN 3 ELSE 4 END AS level
  FROM icbc_customers c LEFT JOIN jd_customers j USING (customer_id)
  LEFT JOIN (SELECT customer_id, sum(amount) AS spend, count(*) AS orders FROM jd_orders
    WHERE ordered_on >= '2017-10-01' AND ordered_on < '2018-01-01' GROUP BY 1) s USING (customer_id)
  LEFT JOIN (SELECT customer_id, bool_or(product IN ('certificate_of_deposit', 'wealth_management', 'precious_metals')) AS
    invests, bool_or(product IN ('consumer_finance', 'personal_loan')) AS credit FROM icbc_holdings GROUP BY 1) h
    USING (customer_id)"""

ORDERS = "jd_orders JOIN profile USING (customer_id) WHERE shared AND ordered_on >= '2017-10-01' AND ordered_on < '2018-01-01'"

PLAIN = (
    SPEND,
    "SELECT province, count(*) FROM profile WHERE shared GROUP BY 1",
    "SELECT wealth_tier, avg((orders > 0)::INT) FROM profile GROUP BY 1",
    "SELECT wealth_tier, level, count(*) FROM profile WHERE shared GROUP BY ALL",
    "SELECT age_band, gender, count(*) FROM profile WHERE shared GROUP BY ALL",
    "SELECT wealth_tier, avg(spend) FROM profile WHERE shared AND spend > 0 GROUP BY 1",
    f"SELECT wealth_tier, category, sum(amount) FROM {ORDERS} GROUP BY ALL",
    f"SELECT wealth_tier, avg(amount) FROM {ORDERS} GROUP BY ALL",
    """SELECT level, product, count(DISTINCT customer_id) FROM icbc_holdings JOIN profile USING (customer_id)
        WHERE shared GROUP BY ALL""",
    "SELECT level, avg(invests::INT) FROM profile WHERE shared GROUP BY 1",
    "SELECT year(registered_on), avg(credit::INT) FROM profile WHERE shared GROUP BY 1",
)


def plain(folder: Path) -> tuple[float, float]:
    """Wall and cpu seconds of the ten tables as plain SQL."""
    wall, cpu = time.perf_counter(), time.process_time()
    connection = duckdb.connect(config={"threads": str(os.cpu_count()), "memory_limit": "4GB"})
    for party, table in (("icbc", "customers"), ("icbc", "holdings"), ("jd", "customers"), ("jd", "orders")):
        path = folder / "data" / party / f"{table}.parquet"
        connection.execute(f"CREATE VIEW {party}_{table} AS SELECT * FROM '{path}'")
    for query in PLAIN:
        connection.execute(query).fetchall()
    connection.close()
    return time.perf_counter() - wall, time.process_time() - cpu


def private(folder: Path, state: State) -> dict[str, tuple[float, float]]:
    """Wall and cpu seconds of each stage of a run with a fresh ledger."""
    shutil.rmtree(state.folder, ignore_errors=True)
    definitions = load_folder(folder)
    assert definitions.policy is not None
    ledger = open_budget(definitions.policy, definitions.contract, state)
    marks: list[tuple[str, float, float]] = []
    run_report(
        folder / "partner-quarterly.yaml",
        ledger=ledger,
        data=lambda contract: data_of(folder / "data" / "sources.yaml", contract, state.work),
        releases=state.releases,
        rehearsal=True,
        stage=lambda name: marks.append((name, time.perf_counter(), time.process_time())),
    )
    ledger.close()
    marks.append(("end", time.perf_counter(), time.process_time()))
    return {
        name: (after[1] - wall, after[2] - cpu) for (name, wall, cpu), after in zip(marks, marks[1:], strict=False)
    }


def main() -> None:
    """Prints the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=1_000_000, help="of the bank; the platform has 6 for 10")
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    base = Path(tempfile.gettempdir()) / "dpinsights-benchmark" / f"report-{given.customers}"
    folder = base / "gongyin-xiaobai"
    if not folder.exists():
        shutil.copytree(partnerships() / "gongyin-xiaobai", folder)
        n = given.customers
        sizes = {"icbc": n, "jd": n * 6 // 10, "shared": n * 36 // 100}
        generate(folder / "population.yaml", folder / "data", sizes=sizes, seed=1)
    runs = [(plain(folder), private(folder, State(base / "state"))) for _ in range(given.rounds)]
    plain_cost, stages = runs[len(runs) // 2]
    print("| stage | wall s | cpu s |\n|---|---|---|")
    for name, (wall, cpu) in stages.items():
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    wall, cpu = (sum(cost[i] for cost in stages.values()) for i in range(2))
    scan = stages["aggregate"]
    print(f"| whole report | {wall:.2f} | {cpu:.2f} |\n| plain SQL | {plain_cost[0]:.2f} | {plain_cost[1]:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\nreport / plain: cpu {cpu / plain_cost[1]:.2f}, wall {wall / plain_cost[0]:.2f}; everything but the scan "
        f"{wall - scan[0]:.2f} s; peak {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
