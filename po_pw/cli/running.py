"""One run on the command line: signals, view, results, exit code. `process` and `demo` share it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from rich.console import Console

from po_pw import errors, events, models
from po_pw.cli import boundary, closing, live, signals
from po_pw.engine import carrying
from po_pw.engine import run as engine

if TYPE_CHECKING:
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


_ENDS = (errors.LoginRequiredError, errors.EnvironmentProblem, errors.OutputUnavailable)
"""What ends a run before its orders do."""


def how(*, force: bool, refresh: bool, only_failed: bool, verify: bool) -> carrying.Resume | None:
    """How a run goes on where earlier ones stopped, from the flags; None does all afresh.

    Raises:
        InputError: flags that contradict each other.
    """
    if force and (refresh or only_failed or verify):
        msg = "--force fetches everything again: leave out --refresh, --only-failed and --verify"
        raise errors.InputError(msg)
    if refresh and only_failed:
        msg = "--refresh visits finished orders, --only-failed leaves them alone: give one of them"
        raise errors.InputError(msg)
    return None if force else carrying.Resume(verify, only_failed, refresh)


def run_table(
    options: settings.Settings,
    table: read.OrderTable,
    *,
    resume: carrying.Resume | None,
    quiet: bool = False,
    verbose: bool = False,
) -> Done:
    """Processes a table and shows it.

    Raises:
        PoPwError: the run could not start, or not go on; results are written where there is anything to write.
    """
    console = Console(soft_wrap=False)
    return asyncio.run(_run(options, table, console, resume=resume, quiet=quiet, verbose=verbose))


async def _run(
    options: settings.Settings,
    table: read.OrderTable,
    console: Console,
    *,
    resume: carrying.Resume | None,
    quiet: bool,
    verbose: bool,
) -> Done:
    hub = events.Hub()
    with live.View(console, quiet=quiet, verbose=verbose) as view:
        hub.listen(view.hear)
        run = engine.Run(options, hub)
        with signals.listened_to(run.stop):
            summary, problem = await _worked(run, table, resume)
        interrupted, log, (seconds, work_seconds) = run.is_stopping, run.log_path, run.times
    if summary is None:
        raise problem or errors.PoPwError("nothing was processed")
    started = view.tally.run
    workers, taken = (started.workers, started.taken) if started else (options.workers, {})
    if not quiet:
        closing.show(
            console, summary, out=run.out, log=log, seconds=seconds, work_seconds=work_seconds, workers=workers,
            interrupted=interrupted, taken=taken, changes=view.tally.changes,
        )  # fmt: skip
    if problem is not None:
        raise problem
    return Done(_exit_code(summary, interrupted=interrupted, left_out=taken.get("left_out", 0)), summary, run.out)


async def _worked(
    run: engine.Run, table: read.OrderTable, resume: carrying.Resume | None
) -> tuple[tables.Summary | None, errors.PoPwError | None]:
    """What is known at the end, and what ended the run before; both may be there."""
    summary: tables.Summary | None = None
    problem: errors.PoPwError | None = None
    try:
        async with run:
            outcomes = run.process(
                table.rows(), name=table.source.name, columns=table.columns, command=closing.command(), resume=resume
            )
            try:
                async for _ in outcomes:
                    continue
            except _ENDS as error:
                problem = error
            finally:
                # Whatever ended the run: what is known by then is worth having.
                if run.run_id is not None:
                    summary = await run.write_results()
    except _ENDS as error:
        problem = problem or error  # that nothing can be written at the end follows from what came first
    return summary, problem


def _exit_code(summary: tables.Summary, *, interrupted: bool, left_out: int) -> int:
    counts = summary.counts
    pending = counts.get(models.Status.PENDING, 0) - left_out
    if interrupted and pending:
        return boundary.INTERRUPTED
    bad = counts.get(models.Status.FAILED, 0) + counts.get(models.Status.PARTIAL, 0)
    return 1 if bad or pending or summary.warnings else 0
