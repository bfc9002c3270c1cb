"""Shows the status of an output directory, for people and for programs."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from typing import TYPE_CHECKING, Any, Final

from rich import live as rich_live
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from po_pw import humanize, models
from po_pw.cli import drawing, shell, tally
from po_pw.maintenance import status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import Console, RenderableType

    from po_pw.journal import view

_SHOWN: Final = 16
"""Maximum orders in progress listed."""


def as_json(found: status.OutputStatus) -> str:
    """The whole status; times as ISO 8601 with offset."""
    derived = ("left", "outdated", "evidence", "orders_per_second", "bytes_per_second", "seconds_left")
    answer: dict[str, Any] = {
        "out": str(found.out),
        "state": found.state,
        "pid": found.pid,
        "at": found.now,
        **{name: getattr(found, name) for name in derived},
        "again": found.command(),
        "run": dataclasses.asdict(found.run) if found.run else None,
    }
    return json.dumps(answer, indent=2, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def show(console: Console, found: status.OutputStatus) -> None:
    """Prints it for people."""
    for part in parts(found):
        console.print(part, soft_wrap=isinstance(part, Text))


def watch(console: Console, read: Callable[[], status.OutputStatus], *, every: float = 1.0) -> None:
    """Updates it until no run is in progress; the last state stays on the screen.

    Args:
        console: a terminal.
        read: reads the status.
        every: seconds between two updates.
    """
    found = read()
    with rich_live.Live(Group(*parts(found)), console=console, auto_refresh=False) as view:
        while found.state in {status.State.RUNNING, status.State.STARTING}:
            time.sleep(every)
            found = read()
            view.update(Group(*parts(found)), refresh=True)


def parts(found: status.OutputStatus) -> Iterator[RenderableType]:
    """The parts shown, from top to bottom."""
    run = found.run
    yield Text(headline(found), "bold")
    if run is None:
        return
    source = f"of {run.source}" if run.source else "from Python"
    about = f"Run {run.run} {source}, {tally.plural(run.workers, 'worker')}, {tally.plural(run.rows, 'row')}"
    yield Text(about, "dim")
    for part in (_bar(found), _counts(found), _in_progress(found)):
        if part is not None:
            yield Text()
            yield part
    yield Text()
    yield Text("; ".join(_figures(found)))
    for line in _notes(found):
        yield Text(line, "yellow")
    yield from _evidence(found)
    yield from what_next(found)


def what_next(found: status.OutputStatus) -> Iterator[Text]:
    """The command to run next, and what it does; nothing if there is nothing to do."""
    said = _purpose(found)
    if said:
        yield Text()
        yield Text(said)
        words = found.command()
        if words:
            yield Text(f"  {shell.join(words)}", "bold")


def headline(found: status.OutputStatus) -> str:
    """What the run is doing, or how it ended, in one sentence."""
    run, state = found.run, found.state
    process = f"process {found.pid}" if found.pid else "process unknown"
    if state is status.State.STARTING:
        return f"po-pw is working here ({process}), but no run is in progress."
    if run is None:
        return "No run here yet."
    if state is status.State.RUNNING:
        return f"Running for {_span(found.now - run.started_at)}, since {_when(run.started_at, found.now)} ({process})."
    if state is status.State.DIED:
        return f"The run was killed or the computer went down; last activity {_when(run.last_at, found.now)}."
    ended = run.ended_at or run.last_at
    what = "Stopped before the end" if state is status.State.STOPPED else "Finished"
    return f"{what} {_when(ended, found.now)}, after {_span(ended - run.started_at)}."


def _bar(found: status.OutputStatus) -> RenderableType | None:
    """The progress; only while a run is in progress."""
    run = found.run
    if run is None or found.state is not status.State.RUNNING or not run.orders:
        return None
    done = run.orders - found.left
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column()
    line.add_column(ratio=1)
    line.add_column(justify="right")
    left = found.seconds_left
    eta = f"about {humanize.countdown(left)} left" if left is not None else ""
    line.add_row(Text(f"{done}/{run.orders}", "bold"), ProgressBar(total=run.orders, completed=done), Text(eta, "cyan"))
    return line


def _counts(found: status.OutputStatus) -> RenderableType | None:
    """Number of rows by status, with an explanation of each."""
    run = found.run
    if run is None or not run.counts:
        return None
    remarks = {
        models.Status.PARTIAL: _codes(run.partial),
        models.Status.FAILED: _codes(run.failed),
        models.Status.PENDING: _pending(found, run),
    }
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column()
    table.add_column(overflow="fold")
    for status_, count in run.counts.items():
        style = drawing.STYLES[status_]
        table.add_row(Text(str(count), "bold"), Text(status_.value, style), Text(remarks.get(status_, ""), "dim"))
    return table


def _pending(found: status.OutputStatus, run: view.Progress) -> str:
    parts = []
    if run.in_progress:
        tense = "" if found.state is status.State.RUNNING else " when it ended"
        parts.append(f"{len(run.in_progress)} in progress{tense}")
    if run.waiting:
        parts.append(f"{sum(run.waiting.values())} to retry ({_codes(run.waiting)})")
    return ", ".join(parts)


def _in_progress(found: status.OutputStatus) -> RenderableType | None:
    """Which worker has which order; only while a run is in progress."""
    run = found.run
    if run is None or found.state is not status.State.RUNNING or not run.in_progress:
        return None
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    table.add_column(justify="right")
    table.add_column()
    for one in run.in_progress[:_SHOWN]:
        attempt = f"attempt {one.attempt}" if one.attempt > 1 else ""
        span = _span(found.now - one.since)
        table.add_row(Text(one.worker, "dim"), Text(one.key, "green"), Text(span), Text(attempt, "yellow"))
    more = len(run.in_progress) - _SHOWN
    if more > 0:
        table.add_row("", Text(f"and {more} more", "dim"), "", "")
    return table


def _figures(found: status.OutputStatus) -> list[str]:
    run = found.run
    if run is None:
        return []
    parts = [f"{tally.plural(run.files, 'file')}, {humanize.size(run.bytes)}"]
    if run.already_complete:
        parts.append(f"{tally.plural(run.already_complete, 'order')} complete from earlier runs")
    orders, received = found.orders_per_second, found.bytes_per_second
    if orders is not None and received is not None:
        parts.append(f"current rate {60 * orders:.0f} orders/min, {humanize.size(60 * received)}/min")
    return parts


def _notes(found: status.OutputStatus) -> list[str]:
    run = found.run
    if run is None:
        return []
    notes = []
    if run.put_back:
        notes.append(f"Retries so far: {_codes(run.put_back)}")
    if run.doubted:
        notes.append(f"Marked by po-pw verify: {tally.plural(run.doubted, 'order')}, for the next run to repair")
    if found.outdated:
        was, them = ("was", "it") if found.outdated == 1 else ("were", "them")
        count = tally.plural(found.outdated, "finished order")
        notes.append(f"{count} {was} read by an older po-pw; --refresh reads {them} again")
    for one in run.warnings:
        whose = f"{one.worker}: " if one.worker else ""
        notes.append(f"{_when(one.at, found.now)}  {whose}{one.text}")
    return notes


def _purpose(found: status.OutputStatus) -> str:
    """The text before the command to run next; `""` if there is nothing to do."""
    run = found.run
    if run is None or found.state in {status.State.RUNNING, status.State.STARTING}:
        return ""
    if not (found.left or found.unsuccessful or run.doubted or found.state is status.State.DIED):
        return ""
    purpose = "To continue" if found.left else "To finish that run"
    if not found.left and (found.unsuccessful or run.doubted):
        purpose = "To retry what failed"
    if not run.command:
        return f"{purpose}, make the same call again with resume=True."
    return f"{purpose}, run:"


def _evidence(found: status.OutputStatus) -> Iterator[Text]:
    """Names the orders whose pages were not recognised, and where to see what came instead."""
    evidence = found.evidence
    if not evidence or found.run is None:
        return
    codes = {one.po_number: one.error_code for one in found.run.unread}
    yield Text()
    yield Text("Pages that opened instead of these orders (screenshot and source):")
    for po_number, place in list(evidence.items())[:_SHOWN]:
        yield Text(f"  {po_number}  {codes[po_number]}  ").append(place, "cyan")
    more = sum(found.run.failed.get(code, 0) for code in ("NOT_RECOGNISED", "NO_AREA_FOUND")) - _SHOWN
    if more > 0:
        yield Text(f"  and {more} more in .po-pw/evidence", "dim")


def _codes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {count}" for code, count in counts.items())


def _span(span: datetime.timedelta) -> str:
    return humanize.clock(max(0.0, span.total_seconds()))


def _when(moment: datetime.datetime, now: datetime.datetime) -> str:
    """A time for people: without the date if it is today."""
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S}"
