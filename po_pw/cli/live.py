"""Shows a run while it is in progress: a live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Self

from rich.text import Text

from po_pw import events, humanize, models
from po_pw.cli import drawing, problems, progress, screen, tally, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from rich.console import Console

    from po_pw.engine import run as engine

_NAMED, _NAMED_FIRST = 10, 3
"""Maximum unusable rows named when a run begins: if nothing else names them, and if the closing screen does."""


class View:
    """Listens to a run and shows it. A context manager.

    Args:
        console: where to show it.
        quiet: show only what went wrong.
        verbose: print a line for every step.
        is_live: draw on a terminal; otherwise print lines there, too.
        name: of the command, for the terminal's title.
    """

    def __init__(
        self, console: Console, *, quiet: bool, verbose: bool, is_live: bool = True, name: str = "po-pw"
    ) -> None:
        self.tally = tally.Tally()
        self._console = console
        self._quiet = quiet
        self._verbose = verbose
        self._name = name
        self._has_keys = False
        self._stages = progress.Stages()
        self._screen: screen.Screen | None = None
        self._lines: progress.Lines | None = None
        self._lock = threading.RLock()
        """Held while an event is counted, and while the counts are drawn."""
        if is_live and not quiet and screen.is_possible(console):
            self._screen = screen.Screen(console, self._draw, self._title, guarded=True)
        elif not quiet:
            self._lines = progress.Lines(
                self._stages, lambda line: progress.print_line(console, line), waited_for=self._waited_for
            )

    def __enter__(self) -> Self:
        if self._screen is not None:
            self._screen.__enter__()
        if self._lines is not None:
            self._lines.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._screen is not None:
            self._screen.__exit__(kind, error, trace)
        if self._lines is not None:
            self._lines.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def keys(self, run: engine.Run) -> Iterator[None]:
        """Lets keys pause and stop the run during the block, if there is a live view."""
        if self._screen is None:
            yield
            return
        self._has_keys = terminal.descriptor_of_input() is not None
        with terminal.keys(lambda key: self._pressed(key, run)):
            yield

    def _pressed(self, key: str, run: engine.Run) -> None:
        """Handles a key; called on another thread than the run's."""
        now = self.tally
        if now.run is None or now.has_ended or now.stopping is not None:
            return
        if key.lower() == "p":
            run.control.resume() if now.is_paused else run.control.pause()
        elif key.lower() == "q":
            run.control.stop_gently("you pressed q")

    def on_event(self, event: events.Event) -> None:
        """Handles an event."""
        with self._lock:
            self.tally.on_event(event)
            self._stages.on_event(event)
        line = self._line(event)
        if line is not None:
            self._console.print(progress.harmless(line), soft_wrap=not self._console.is_terminal, highlight=False)
            if self._lines is not None:
                self._lines.heard()
        if isinstance(event, events.RunStarted):
            self._refused(event)

    def _refused(self, event: events.RunStarted) -> None:
        """Prints why rows cannot be used: their orders are never started, so no other line would say so."""
        if self._quiet and event.refused:
            self._console.print(Text(f"{tally.plural(event.refused, 'row')} cannot be used"), highlight=False)
        # With --quiet there is no closing screen, which would name more of them.
        named = _NAMED if self._quiet else _NAMED_FIRST
        for line in problems.lines(event.refusals, more="results.csv has the reason for each", named=named):
            self._console.print(line, soft_wrap=not self._console.is_terminal, highlight=False)

    def _line(self, event: events.Event) -> Text | None:
        """The line about an event; None for no line."""
        match event:
            case events.Notice(level="warning"):
                return Text(f"! {event.text}", "yellow")
            case events.Stopping() if self._stages.is_open:
                return None  # it ends at once and reports that itself
            case events.Stopping() if event.now:
                return Text("Stopping now.", "yellow")
            case events.Stopping():
                # A user who pressed Ctrl-C knows why.
                why, press = ("", "Ctrl-C again") if event.why == "SIGINT" else (f" ({event.why})", "Ctrl-C")
                return Text(f"Finishing the orders in progress, then stopping{why}. {press} stops now.", "yellow")
            case events.ContextLost() if not event.replaced:
                return Text(f"! {event.worker} stopped: {event.why}", "yellow")
            case events.OrderSettled() if not self._quiet and (self._screen is None or self._verbose):
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
                return Text(f"  {event.worker} {event.po_number} {tally.STEPS.get(event.step, event.step)}", "dim")
            case events.FileSaved():
                return Text(
                    f"  {event.worker} {event.key} + {event.file.sent_name} {humanize.size(event.file.size)}", "dim"
                )
            case events.FileFailed():
                return Text(f"  {event.worker} {event.key} ! {event.name}: {event.failure.message}", "yellow")
            case events.OrderPutBack():
                said = f"{event.failure.message}: {tally.next_attempt(event.delay)}"
                return Text(f"  {event.worker} {event.po_number} {said}", "yellow")
            case events.OrdersStolen():
                return Text(
                    f"  {event.worker} took over {tally.plural(event.count, 'order')} from {event.victim}", "dim"
                )
            case events.ContextOpened():
                return Text(f"  {event.worker} browser open after {event.seconds:.1f} s (process {event.pid})", "dim")
            case events.ContextLost():
                return Text(f"  {event.worker} {event.why}: opening another browser", "yellow")
            case events.Notice():
                return Text(f"  {event.text}", "dim")
            case _:
                return None

    def _started(self, event: events.RunStarted) -> Text:
        todo = f"{tally.plural(event.orders, 'order')}, {tally.plural(event.workers, 'worker')}"
        parts = [todo if event.orders else "Nothing to download"]
        if event.already_complete:
            parts.append(f"{event.already_complete} already complete")
        if event.refused:
            parts.append(f"{tally.plural(event.refused, 'row')} cannot be used")
        if event.duplicates:
            parts.append(tally.plural(event.duplicates, "duplicate row"))
        return Text("\n".join([", ".join(parts), *_marked(event.skipped, event.unproved)]))

    def _browser(self, event: events.BrowserChosen) -> Text:
        browser = event.browser
        sandbox = "" if event.sandbox else f"; without its sandbox: {event.sandbox_why}"
        return Text(f"Browser: {browser.name} {browser.version} ({browser.why}{sandbox})", "dim")

    def _settled(self, outcome: models.Outcome) -> Text:
        total = self.tally.run.orders if self.tally.run else 0
        width = len(str(total))
        line = Text(f"[{self.tally.settled:>{width}}/{total}] {outcome.po_number:<12} ")
        line.append(f"{outcome.status:<14}", drawing.STYLES[outcome.status])
        there = sum(file.size for file in outcome.files)
        word = "file " if len(outcome.files) == 1 else "files"
        line.append(f" {len(outcome.files):>3} {word} {humanize.size(there):>9} {outcome.timing.seconds:>6.1f} s")
        line.append(f"  {outcome.worker}", "dim")
        if outcome.error is not None:
            line.append(f"  {outcome.error.code}: {outcome.error.message}", "red")
        return line

    def _draw(self, width: int, height: int) -> list[Text]:
        with self._lock:
            stages = self._stages.lines(width)
            orders = drawing.run(self.tally, width, height - len(stages), has_keys=self._has_keys)
        return [*stages, *orders]

    def _title(self) -> str:
        with self._lock:
            return drawing.title(self.tally, self._name)

    def _waited_for(self) -> str:
        with self._lock:
            return self.tally.waited_for()


def _marked(skipped: int, unproved: int) -> list[str]:
    """Lines about rows that the list marks as COMPLETED."""
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
