"""One run on the command line: signals, view, results, exit code. Used by `process` and `demo`."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from typing import TYPE_CHECKING

from rich.console import Console

from po_pw import cli, errors, events, models, redact
from po_pw.cli import desktop, event_stream, live, shell, signals, summary_view
from po_pw.engine import run as engine
from po_pw.results import end_report, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from po_pw import settings
    from po_pw.orders import several
    from po_pw.results import counts


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """How a run ended."""

    exit_code: int
    totals: counts.Totals
    out: Path


_ENDS = (errors.LoginRequiredError, errors.MachineError, errors.OutputUnavailableError)
"""Errors that end a run before all orders are done."""


def resume_from_flags(*, force: bool, refresh: bool, only_failed: bool, verify: bool) -> models.Resume | None:
    """How a run continues earlier ones, from the flags; None processes all orders again.

    Raises:
        InputError: flags that contradict each other.
    """
    if force and (refresh or only_failed or verify):
        msg = "--force downloads everything again: leave out --refresh, --only-failed and --verify."
        raise errors.InputError(msg)
    if refresh and only_failed:
        msg = "--refresh opens finished orders, --only-failed skips them: use only one of the two."
        raise errors.InputError(msg)
    return None if force else models.Resume(verify, only_failed, refresh)


def check_volume(*, quiet: bool, verbose: bool) -> None:
    """Refuses --quiet together with --verbose.

    Raises:
        InputError: both were given.
    """
    if quiet and verbose:
        msg = "--quiet says less, --verbose says more: give one of them"
        raise errors.InputError(msg)


@dataclasses.dataclass(frozen=True, slots=True)
class DisplayOptions:
    """How a run is shown."""

    quiet: bool = False
    """Show only what went wrong."""
    verbose: bool = False
    """Print every step."""
    as_json: bool = False
    """Write every event as a line of JSON to standard output, and text for people to standard error."""
    draws_attention: bool = True
    """Ring the bell and show a desktop notification at the end of a run that took a while."""


def run_table(
    options: settings.Settings,
    table: several.Orders,
    *,
    resume: models.Resume | None,
    shown: DisplayOptions | None = None,
    commands: summary.Commands = summary.Commands(),  # noqa: B008 - frozen
) -> Done:
    """Processes a table and shows it.

    Args:
        options: the settings.
        table: the orders.
        resume: how to continue earlier runs.
        shown: how to show the run.
        commands: those that continue in this output directory.

    Raises:
        PoPwError: the run could not start or continue; results are written if there are any.
    """
    shown = shown or DisplayOptions()
    stream = event_stream.EventStream(sys.stdout) if shown.as_json else None
    out, name = options.out.absolute(), table.name
    try:
        done, problem = asyncio.run(_run(options, table, stream, resume=resume, shown=shown, commands=commands))
        if problem is not None:
            raise problem
    except errors.PoPwError as error:
        if stream is not None:
            stream.end(end_report.End(type(error).exit_code, name, out, error=str(error)))
        raise
    if stream is not None:
        stream.end(end_report.End(done.exit_code, name, done.out, done.totals))
    return done


async def _run(
    options: settings.Settings,
    table: several.Orders,
    stream: event_stream.EventStream | None,
    *,
    resume: models.Resume | None,
    shown: DisplayOptions,
    commands: summary.Commands,
) -> tuple[Done, errors.PoPwError | None]:
    """Runs; returns how the run ended, and the error that ended it early."""
    console, quiet = Console(soft_wrap=False, stderr=shown.as_json), shown.quiet
    if table.about and not quiet:
        console.print(table.about, style="dim", soft_wrap=not console.is_terminal, markup=False, highlight=False)
    for note in table.notes:  # even with --quiet: the user must notice a column that was guessed
        console.print(note, style="yellow", soft_wrap=not console.is_terminal, markup=False, highlight=False)
    hub = events.Hub()
    # The live view would draw over JSON lines on the same terminal.
    is_live = not (shown.as_json and sys.stdout.isatty())
    with live.View(console, quiet=quiet, verbose=shown.verbose, is_live=is_live) as view:
        hub.listen(view.on_event)
        if stream is not None:
            hub.listen(stream.on_event)
        run = engine.Run(options, hub)

        def is_awaited() -> bool:
            return shown.draws_attention and console.is_terminal and view.tally.elapsed() >= desktop.LONG

        with signals.listened_to(run.control.stop), view.keys(run):
            totals, problem = await _worked(run, table, resume, commands, is_awaited)
        interrupted, log, (seconds, work_seconds) = run.control.is_stopping, run.log_path, run.times
    if totals is None:
        raise problem or errors.PoPwError("nothing was processed")
    if not quiet:
        summary_view.show(
            console,
            totals,
            out=run.out,
            log=log,
            seconds=seconds,
            work_seconds=work_seconds,
            interrupted=interrupted,
            refused=view.tally.refused,
        )
    done = Done(_exit_code(totals, interrupted=interrupted), totals, run.out)
    if is_awaited():
        console.bell()
    return done, problem


async def _worked(
    run: engine.Run,
    table: several.Orders,
    resume: models.Resume | None,
    commands: summary.Commands,
    is_awaited: Callable[[], bool],
) -> tuple[counts.Totals | None, errors.PoPwError | None]:
    """The results, and the error that ended the run early; there may be both."""
    totals: counts.Totals | None = None
    problem: errors.PoPwError | None = None
    try:
        async with run:
            outcomes = run.process(
                table.rows(),
                name=table.name,
                columns=table.columns,
                command=summary_view.command(),
                resume=resume,
                source=table.source,
                commands=commands,
            )
            try:
                async for _ in outcomes:
                    continue
            except _ENDS as error:
                problem = error
            finally:
                # Whatever ended the run, the results so far are worth writing.
                if run.run_id is not None:
                    totals = await run.write_results()
            # While the log is open, which records it if the notification fails.
            if totals is not None and is_awaited():
                said = str(problem) if problem is not None else ""
                text = end_report.text(end_report.End(0, table.name, run.out, totals, said))
                await asyncio.to_thread(desktop.show, "po-pw", text)
    except _ENDS as error:
        problem = problem or error  # this error is a consequence of the first one
    return totals, problem


def commands_after(words: Sequence[str], out: str = "") -> summary.Commands:
    """The commands that continue a `process` command, as lines for the current shell, without secrets.

    Args:
        words: of that command; empty if no command can continue.
        out: its output directory, if the words do not name it.
    """
    if not words:
        return summary.Commands()
    same = [redact.text(word) for word in (shell.with_options(words, "-o", out) if out else words)]
    again = shell.without_choice(same)
    return summary.Commands(*map(shell.join, (again, shell.with_options(again, "--only-failed"), same)))


def _exit_code(totals: counts.Totals, *, interrupted: bool) -> int:
    if interrupted and totals.not_reached:
        return cli.INTERRUPTED
    bad = totals.counts.get(models.Status.FAILED, 0) + totals.counts.get(models.Status.PARTIAL, 0)
    return 1 if bad or totals.not_reached or totals.warnings else 0
