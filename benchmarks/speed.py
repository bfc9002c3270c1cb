"""How much faster N workers are than one, and what each costs in memory: `python -m benchmarks.speed`.

Every figure comes from one run of this script on one machine, so only the ratios mean something elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from po_pw import events, models, settings
from po_pw.auth import login
from po_pw.demo import catalogue, running_portal, server
from po_pw.engine import run as engine
from po_pw.orders import read

PAGE_SECONDS: Final = 1.5
SAMPLE_SECONDS: Final = 0.3


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    workers: int
    work_seconds: float
    whole_seconds: float
    peak_uss: int
    """Bytes that only the driver and the browsers use, all together, at the most."""
    completed: int


class Memory:
    """Samples the unique set size of all our child processes on a thread of its own."""

    def __init__(self) -> None:
        self.peak = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="memory", daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_full_info().uss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total)


async def measure(portal: running_portal.Portal, workers: int, folder: Path) -> Measured:
    """Two runs over all orders of the portal: to look at every process's memory takes time from what is timed."""
    timed, completed = await once(portal, workers, folder / f"w{workers}-time")
    with Memory() as memory:
        await once(portal, workers, folder / f"w{workers}-memory")
    whole, work = timed
    return Measured(workers, work, whole, memory.peak, completed)


async def once(portal: running_portal.Portal, workers: int, out: Path) -> tuple[tuple[float, float], int]:
    """One run; gives its times (whole, work; in seconds), and how many orders were completed."""
    options = settings.Settings(workers=workers, out=out, home=out.parent / "home")
    table = out.with_suffix(".csv")
    server.write_csv(portal, table)
    orders = read.open_table(table)
    completed = 0
    async with engine.Run(options, events.Hub()) as run:
        async for outcome in run.process(orders.rows(), name=table.name, columns=orders.columns):
            completed += outcome.status is models.Status.COMPLETED
    return run.times, completed


async def measure_all(portal: running_portal.Portal, counts: list[int], folder: Path) -> list[Measured]:
    """Runs one after another, signed in once."""
    options = settings.Settings(home=folder / "home")
    await login.login(options, portal.sign_in_url, username=portal.username, password=portal.password, patience=60)
    return [await measure(portal, workers, folder) for workers in counts]


def main() -> None:
    """Prints the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=24)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="po-pw-benchmark-"))
    portal_settings = catalogue.PortalSettings(orders=given.orders, latency=PAGE_SECONDS, plain=True)
    try:
        with server.serve_in_thread(portal_settings) as portal:
            measured = asyncio.run(measure_all(portal, given.workers, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    first = measured[0]
    table = Table(title=f"{given.orders} orders, pages of {PAGE_SECONDS} s")
    for heading in ("workers", "completed", "work", "times as fast", "with start-up", "peak USS", "per added worker"):
        table.add_column(heading, justify="right")
    for one in measured:
        added = one.workers - first.workers
        per_worker = f"{(one.peak_uss - first.peak_uss) / added / 2**20:.0f} MiB" if added else ""
        table.add_row(
            str(one.workers),
            f"{one.completed}/{given.orders}",
            f"{one.work_seconds:.1f} s",
            f"{first.work_seconds / one.work_seconds:.2f}",
            f"{first.whole_seconds / one.whole_seconds:.2f}",
            f"{one.peak_uss / 2**20:.0f} MiB",
            per_worker,
        )
    Console().print(table)


if __name__ == "__main__":
    main()
