"""What a person sees while a run is going: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from po_pw import events, humanize, models
from po_pw.cli import problems, progress, tally

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType

STYLES = {
    models.Status.COMPLETED: "green",
    models.Status.NO_ATTACHMENTS: "cyan",
    models.Status.PARTIAL: "yellow",
    models.Status.FAILED: "red",
    models.Status.PENDING: "dim",
    models.Status.DUPLICATE: "dim",
}

_NAMED, _NAMED_FIRST = 10, 3
"""Refused rows that are named when a run begins: where nothing else will name them, and where the end does."""


class View:
    """Listens to a run and shows it. A context manager.

    Args:
        console: where to.
        quiet: says only what went wrong.
        verbose: says every step, in lines.
    """

    def __init__(self, console: Console, *, quiet: bool, verbose: bool) -> None:
        self.tally = tally.Tally()
        self._console = console
        self._quiet = quiet
        self._verbose = verbose
        self._live: Live | None = None
        self._stages = progress.Stages()
        self._lines: progress.Lines | None = None
        if console.is_terminal and not quiet and not verbose:
            self._live = Live(get_renderable=self._render, console=console, refresh_per_second=6, transient=True)
        elif not quiet:
            self._lines = progress.Lines(
                self._stages, lambda line: progress.said(console, line), waited_for=self.tally.waited_for
            )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        if self._lines is not None:
            self._lines.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
        if self._lines is not None:
            self._lines.__exit__(kind, error, trace)

    def hear(self, event: events.Event) -> None:
        """Takes one event in."""
        self.tally.hear(event)
        self._stages.hear(event)
        line = self._line(event)
        if line is not None:
            self._console.print(progress.harmless(line), soft_wrap=True, highlight=False)
            if self._lines is not None:
                self._lines.heard()
        if isinstance(event, events.RunStarted):
            self._refused(event)

    def _refused(self, event: events.RunStarted) -> None:
        """Why rows cannot be used: their orders are never begun, so no other line would tell."""
        if self._quiet and event.refused:
            self._console.print(
                Text(f"{tally.many(event.refused, 'row')} cannot be used"), soft_wrap=True, highlight=False
            )
        # The closing screen, which names more of them, is not shown where only what went wrong is to be said.
        named = _NAMED if self._quiet else _NAMED_FIRST
        for line in problems.lines(event.refusals, more="results.csv has the reason for each", named=named):
            self._console.print(line, soft_wrap=not self._console.is_terminal, highlight=False)

    def _line(self, event: events.Event) -> Text | None:
        """What is said about an event in a line of its own; None: nothing."""
        match event:
            case events.Notice(level="warning"):
                return Text(f"! {event.text}", "yellow")
            case events.Stopping() if self._stages.is_open:
                return None  # it ends at once, and says so
            case events.Stopping() if event.now:
                return Text("Stopping now.", "yellow")
            case events.Stopping():
                return Text(
                    f"Finishing the orders in progress, then stopping ({event.why}). To stop now, press Ctrl-C.",
                    "yellow",
                )
            case events.ContextLost() if not event.replaced:
                return Text(f"! {event.worker} stopped: {event.why}", "yellow")
            case events.OrderSettled() if self._live is None and not self._quiet:
                return self._settled(event.outcome)
            case events.OrderSettled() if self._quiet and event.outcome.error is not None:
                return self._settled(event.outcome)
            case _ if self._quiet:
                return None
            case events.BrowserChosen():
                return self._browser(event)
            case events.RunStarted():
                return self._started(event)
            case _ if not self._verbose:
                return None
            case events.OrderStep():
                return Text(f"  {event.worker} {event.po_number} {event.step}", "dim")
            case events.FileSaved():
                return Text(
                    f"  {event.worker} {event.key} + {event.file.sent_name} {humanize.size(event.file.size)}", "dim"
                )
            case events.FileFailed():
                return Text(f"  {event.worker} {event.key} ! {event.name}: {event.failure.message}", "yellow")
            case events.OrderPutBack():
                said = f"{event.failure.message}: {tally.again(event.delay)}"
                return Text(f"  {event.worker} {event.po_number} {said}", "yellow")
            case events.OrdersStolen():
                return Text(f"  {event.worker} took over {tally.many(event.count, 'order')} from {event.victim}", "dim")
            case events.ContextOpened():
                return Text(f"  {event.worker} browser open after {event.seconds:.1f} s (process {event.pid})", "dim")
            case events.ContextLost():
                return Text(f"  {event.worker} {event.why}: opening another browser", "yellow")
            case events.Notice():
                return Text(f"  {event.text}", "dim")
            case _:
                return None

    def _started(self, event: events.RunStarted) -> Text:
        todo = f"{tally.many(event.orders, 'order')}, {tally.many(event.workers, 'worker')}"
        parts = [todo if event.orders else "Nothing to download"]
        if event.carried:
            parts.append(f"{event.carried} already complete")
        if event.refused:
            parts.append(f"{tally.many(event.refused, 'row')} cannot be used")
        if event.duplicates:
            parts.append(tally.many(event.duplicates, "duplicate row"))
        return Text("\n".join([", ".join(parts), *_marked(event.skipped, event.unproved)]))

    def _browser(self, event: events.BrowserChosen) -> Text:
        browser = event.browser
        sandbox = "" if event.sandbox else f"; without its sandbox: {event.sandbox_why}"
        return Text(f"Browser: {browser.name} {browser.version} ({browser.why}{sandbox})", "dim")

    def _settled(self, outcome: models.Outcome) -> Text:
        total = self.tally.run.orders if self.tally.run else 0
        width = len(str(total))
        line = Text(f"[{self.tally.settled:>{width}}/{total}] {outcome.po_number:<12} ")
        line.append(f"{outcome.status:<14}", STYLES[outcome.status])
        there = sum(file.size for file in outcome.files)
        word = "file " if len(outcome.files) == 1 else "files"
        line.append(f" {len(outcome.files):>3} {word} {humanize.size(there):>9} {outcome.timing.seconds:>6.1f} s")
        line.append(f"  {outcome.worker}", "dim")
        if outcome.error is not None:
            line.append(f"  {outcome.error.code}: {outcome.error.message}", "red")
        return line

    def _render(self) -> RenderableType:
        bars = self._stages.bars()
        shown = [self._orders()] if self.tally.run is not None else []
        return Group(*shown, *([bars] if bars is not None else []))

    def _orders(self) -> RenderableType:
        now = self.tally
        total = now.run.orders if now.run else 0
        left = now.seconds_left()
        head = Table.grid(padding=(0, 1), expand=True)
        head.add_column(width=11)
        head.add_column(ratio=1)
        head.add_column(justify="right")
        eta = f"{humanize.countdown(left)} left" if left is not None else ""
        bar = ProgressBar(total=max(total, 1), completed=now.settled)
        head.add_row(Text(f"{now.settled}/{total}", "bold"), bar, Text(eta, "cyan"))
        numbers = Text()
        for status, count in now.counts.items():
            numbers.append(f"{count} {status.lower().replace('_', ' ')}  ", STYLES[status])
        numbers.append(
            f"{tally.many(now.files, 'file')}  {humanize.size(now.bytes)}  {humanize.size(now.rate())}/s", "bold"
        )
        rows = Table.grid(padding=(0, 2))
        for name, line in sorted(now.workers.items(), key=lambda item: (len(item[0]), item[0])):
            busy = line.state in {"reading", "fetching", "finishing"}
            rows.add_row(
                Text(name, "dim"),
                Text(now.doing(line), "green" if busy else "dim"),
                Text(line.po_number),
                Text(f"{line.done} done", "dim"),
            )
        parts: list[RenderableType] = [head, numbers, rows]
        parts += [
            progress.harmless(Text(line, "bold yellow", no_wrap=True, overflow="ellipsis")) for line in now.waits()
        ]
        parts += [
            progress.harmless(Text(trouble, "yellow", no_wrap=True, overflow="ellipsis")) for trouble in now.troubles
        ]
        return Group(*parts)


def _marked(skipped: int, unproved: int) -> list[str]:
    """The lines about rows that the list marks as done."""
    lines = []
    if skipped == 1:
        lines.append("1 row is marked COMPLETED and its folder is there: skipped")
    elif skipped:
        lines.append(f"{skipped} rows are marked COMPLETED and their folders are there: skipped")
    if unproved == 1:
        lines.append("1 row is marked COMPLETED, but its files are not there: processed")
    elif unproved:
        lines.append(f"{unproved} rows are marked COMPLETED, but their files are not there: processed")
    return lines
