"""How long a charge waits: `python -m tests.benchmarks.ledger_latency`.

16 processes share one ledger and charge, each without a pause, so that all others are always in line: the worst that so
many writers can do to each other. With `--pause` each of them rests that long after a charge, on average. Printed are
the median, the 99th percentile and the longest wait in milliseconds, how many charges a second there were, and what one
process alone takes. Every worker's charges are for measurements of their own, every fourth for one that is stored and
shown; the ledger begins with `--stored` releases. At the end the ledger adds up.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Queue

from tests.governance.house import House, draw, plan

CAP = 10**9


class Writer:
    """One process's charges."""

    def __init__(self, house: House, number: int) -> None:
        self.ledger, self.house, self.number = house.open(f"writer-{number}"), house, number
        self.random = random.Random(number)

    def charge(self, turn: int) -> float:
        """Charges once; says how many seconds that took."""
        account = "jd" if turn % 4 else "icbc"
        name = f"m{self.number}-{turn}" if turn % 4 else f"stored-{self.random.randrange(10**6)}"
        wanted = plan(account, draw(name, 1, 10.0), digest=f"{self.number}-{turn}")
        start = time.perf_counter()
        self.house.charge(wanted, ledger=self.ledger)
        return time.perf_counter() - start


def work(house: House, number: int, charges: int, pause: float, start: Barrier, times: Queue[float]) -> None:
    """A writer's whole life."""
    writer = Writer(house, number)
    start.wait()
    for turn in range(charges):
        times.put(writer.charge(turn))
        if pause:
            time.sleep(writer.random.expovariate(1 / pause))
    writer.ledger.close()


def measure(house: House, writers: int, charges: int, pause: float) -> tuple[list[float], float]:
    """All waits, sorted, and the whole time, in seconds."""
    processes = multiprocessing.get_context("fork")
    start, times = processes.Barrier(writers + 1), processes.Queue()
    workers = [
        processes.Process(target=work, args=(house, number, charges, pause, start, times))
        for number in range(writers)
    ]
    for worker in workers:
        worker.start()
    start.wait()
    begin = time.perf_counter()
    found = sorted(times.get() for _ in range(writers * charges))
    whole = time.perf_counter() - begin
    for worker in workers:
        worker.join()
    return found, whole


def main() -> None:
    """Prints the figures."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--ledger", default="sqlite", choices=("sqlite", "postgres"))
    arguments.add_argument("--writers", type=int, default=16)
    arguments.add_argument("--charges", type=int, default=60, help="by each writer")
    arguments.add_argument(
        "--pause", type=float, default=0.0, help="seconds between a writer's charges, on average"
    )
    arguments.add_argument(
        "--stored", type=int, default=200, help="releases that the ledger holds at the beginning"
    )
    asked = arguments.parse_args()
    print("ledger  writers  charges  p50 ms  p99 ms  longest ms  charges a second")
    for writers in sorted({1, asked.writers}):
        with tempfile.TemporaryDirectory(
            prefix="dpinsights-latency-"
        ) as folder:  # on a disk: /dev/shm syncs nothing
            house = House(Path(folder), asked.ledger, lifetime=CAP, jd=CAP)
            for number in range(asked.stored):
                house.release(plan("jd", draw(f"stored-{number}", 1, 10.0), digest=f"stored-{number}"))
            house.ledger.close()
            waits, whole = measure(house, writers, asked.charges, asked.pause)
            house.open().check()
        p50, p99, longest = (1000 * waits[int(q * (len(waits) - 1))] for q in (0.5, 0.99, 1))
        print(
            f"{asked.ledger:8}{writers:7}{len(waits):9}{p50:8.1f}{p99:8.1f}{longest:12.1f}{len(waits) / whole:18.0f}"
        )


if __name__ == "__main__":
    main()
