"""One run on the command line: signals, view, results, exit code. `process` and `demo` share it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import threading
from typing import TYPE_CHECKING, Any

from rich.console import Console

from po_pw import errors, events, models
from po_pw.cli import boundary, closing, live
from po_pw.engine import run as engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from po_pw import settings
    from po_pw.orders import read
    from po_pw.results import tables


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """How a run ended."""

    exit_code: int
    summary: tables.Summary
    out: Path


def run_table(
    options: settings.Settings, table: read.OrderTable, *, resume: bool, quiet: bool = False, verbose: bool = False
) -> Done:
    """Processes a table and shows it.

    Raises:
        PoPwError: the run could not start, or not go on; results are written where there is anything to write.
    """
    console = Console(soft_wrap=False)
    return asyncio.run(_run(options, table, console, resume=resume, quiet=quiet, verbose=verbose))


async def _run(
    options: settings.Settings, table: read.OrderTable, console: Console, *, resume: bool, quiet: bool, verbose: bool
) -> Done:
    hub = events.Hub()
    problem: errors.PoPwError | None = None
    with live.View(console, quiet=quiet, verbose=verbose) as view:
        hub.listen(view.hear)
        run = engine.Run(options, hub)
        with _signals(run):
            async with run:
                outcomes = run.process(table.rows(), name=table.source.name, columns=table.columns, resume=resume)
                try:
                    async for _ in outcomes:
                        continue
                except (errors.LoginRequiredError, errors.EnvironmentProblem, errors.OutOfSpace) as error:
                    if run.run_id is None:
                        raise
                    problem = error
                finally:
                    # Whatever ended the run: what is known by then is worth having.
                    if run.run_id is not None:
                        summary = await run.write_results()
        interrupted, log, (seconds, work_seconds) = run.is_stopping, run.log_path, run.times
    workers = view.tally.run.workers if view.tally.run else options.workers
    if not quiet:
        closing.show(
            console, summary, out=run.out, log=log, seconds=seconds, work_seconds=work_seconds, workers=workers,
            interrupted=interrupted,
        )  # fmt: skip
    if problem is not None:
        raise problem
    return Done(_exit_code(summary, interrupted=interrupted), summary, run.out)


def _exit_code(summary: tables.Summary, *, interrupted: bool) -> int:
    counts = summary.counts
    if interrupted and counts.get(models.Status.PENDING, 0):
        return boundary.INTERRUPTED
    bad = counts.get(models.Status.FAILED, 0) + counts.get(models.Status.PARTIAL, 0)
    return 1 if bad or counts.get(models.Status.PENDING, 0) else 0


@contextlib.contextmanager
def _signals(run: engine.Run) -> Iterator[None]:
    """The first signal finishes what is in hand, the second stops at once; restores the handlers that were there."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def handle(number: int, _: Any) -> None:
        nonlocal received
        received += 1
        how = engine.Stop.AFTER_CURRENT if received == 1 else engine.Stop.NOW
        run.stop(how, signal.Signals(number).name)

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
