"""Shows the progress of long work: a bar with a count on a terminal, otherwise a line from time to time."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import math
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from rich.text import Text

from po_pw import events, humanize
from po_pw.cli import screen, tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from rich.console import Console

EVERY: Final = 2.0
"""Seconds between two lines."""
_QUIET: Final = 10.0
"""Maximum seconds without a line before a run says what it is waiting for."""
_LATELY: Final = 8
"""Number of latest gaps between lines that determine what is usual."""
_SHOWN: Final = 0.3
"""Minimum seconds of a stage for a bar: shorter ones would only flicker."""
_LOOK: Final = 0.2
"""Seconds between two checks whether a line is due."""
_BAR: Final = 20
"""Width of the bar in cells."""


@dataclasses.dataclass(slots=True)
class _Stage:
    latest: events.Progress
    since: float


class Stages:
    """The long work in progress, collected from events.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Stage] = {}
        self._opening: str = ""

    def on_event(self, event: events.Event) -> None:
        """Handles an event."""
        match event:
            case events.Progress(ended=True):
                self._open.pop(event.stage, None)
            case events.Progress():
                have = self._open.get(event.stage)
                self._open[event.stage] = _Stage(event, have.since if have else self._clock())
            case events.RunStarted() if event.orders:
                self._opening = f"Opening {tally.plural(event.workers, 'browser')}"
                self.on_event(events.Progress(self._opening, 0, 0, ""))
            case events.OrderStep() | events.RunEnded() | events.Stopping():
                self._open.pop(self._opening, None)
            case _:
                return

    @property
    def is_open(self) -> bool:
        """Whether any long work is in progress."""
        return bool(self._open)

    def lines(self, width: int) -> list[Text]:
        """A line for each stage that takes long, with a bar if the total is known.

        Args:
            width: maximum cells of a line.
        """
        now, found = self._clock(), list[Text]()
        for stage in list(self._open.values()):
            if now - stage.since < _SHOWN:
                continue
            latest = stage.latest
            line = Text(f"{latest.stage}  ")
            said = Text(_count(latest), "bold").append(f"  {humanize.countdown(now - stage.since)}", "not bold dim")
            if latest.total and line.cell_len + said.cell_len + _BAR + 2 <= width:
                line.append_text(bar(latest.done / latest.total, _BAR, "cyan")).append("  ")
            line.append_text(said).truncate(width, overflow="ellipsis")
            found.append(harmless(line))
        return found

    def line(self) -> str:
        """The latest stage in words: `Reading pos.csv: 40,000 rows, 4 s`; `""` if there is none."""
        if not self._open:
            return ""
        stage = list(self._open.values())[-1]
        parts = [part for part in (_count(stage.latest), humanize.countdown(self._clock() - stage.since)) if part]
        return f"{stage.latest.stage}: {', '.join(parts)}"


def bar(share: float, width: int, style: str) -> Text:
    """A progress bar.

    Args:
        share: the part that is done, from 0 to 1.
        width: in cells.
        style: of the part that is done; neutral, because red means failure.
    """
    full = math.floor(min(1.0, max(0.0, share)) * width)
    done, rest = "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * full, "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (width - full)
    return Text(done, style).append(rest, "bright_black")


def _count(progress: events.Progress) -> str:
    """`40,000 of 100,000 rows`; `""` if nothing is counted."""
    if not progress.unit:
        return ""
    if progress.total:
        unit = progress.unit if progress.total == 1 else f"{progress.unit}s"
        return f"{progress.done:,} of {progress.total:,} {unit}"
    return f"{progress.done:,} {progress.unit}{'' if progress.done == 1 else 's'}"


class Pace:
    """Decides when a silent run says what it is waiting for: a log must neither look dead nor be flooded. Pure.

    At first after `EVERY` seconds, later after twice the longest gap between the latest lines, then after twice as long
    each time; at the latest after `_QUIET` seconds.
    """

    def __init__(self) -> None:
        self._gaps: collections.deque[float] = collections.deque(maxlen=_LATELY)
        self._times = 0

    def line(self, gap: float) -> None:
        """Records that a line was printed, and how many seconds after the one before."""
        self._gaps.append(gap)
        self._times = 0

    def said(self) -> None:
        """Records that a line said what the run is waiting for."""
        self._times += 1

    @property
    def patience(self) -> float:
        """Seconds of silence before the next such line."""
        usual = max(EVERY, 2 * max(self._gaps, default=0.0))
        return float(min(_QUIET, usual * 2 ** min(self._times, 10)))


class Lines:
    """Prints progress if there is no terminal: a line when nothing was printed for `EVERY` seconds.

    While no long work is in progress, it says what the run is waiting for, at its own `Pace`. A context manager; it
    prints from its own thread, so that even work that reports nothing is not silent.

    Args:
        stages: the long work in progress.
        say: prints one line.
        clock: monotonic seconds.
        waited_for: a line about what the run is waiting for; `""` for nothing.
    """

    def __init__(
        self,
        stages: Stages,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        waited_for: Callable[[], str] = str,
    ) -> None:
        self._stages = stages
        self._say = say
        self._clock = clock
        self._waited_for = waited_for
        self._pace = Pace()
        self._said = self._line = clock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def heard(self) -> None:
        """Records that something else was printed."""
        now = self._clock()
        self._pace.line(now - self._line)
        self._said = self._line = now

    def look(self) -> None:
        """Prints the progress of the latest stage, or what the run is waiting for, if a line is due."""
        now = self._clock()
        is_stage = self._stages.is_open
        if now - self._said < (EVERY if is_stage else self._pace.patience):
            return
        line = self._stages.line() if is_stage else self._waited_for()
        if line:
            self._said = now
            self._say(line)
            if is_stage:
                self._line = now
            else:
                self._pace.said()

    def _run(self) -> None:
        while not self._over.wait(_LOOK):
            self.look()


@contextlib.contextmanager
def shown(console: Console, *, quiet: bool = False) -> Iterator[Callable[[events.Event], None]]:
    """Shows long work that is not part of a run; yields a listener for events.

    Args:
        console: where to.
        quiet: shows nothing.
    """
    stages = Stages()
    if quiet:
        yield stages.on_event
    elif screen.is_possible(console):
        with screen.Screen(console, lambda width, _: stages.lines(width)):
            yield stages.on_event
    else:
        with Lines(stages, lambda line: print_line(console, line)):
            yield stages.on_event


@contextlib.contextmanager
def stage(on_event: Callable[[events.Event], None], name: str) -> Iterator[None]:
    """Shows one stage whose progress is not known."""
    on_event(events.Progress(name, 0, 0, ""))
    try:
        yield
    finally:
        on_event(events.Progress(name, 0, 0, "", ended=True))


def print_line(console: Console, line: str) -> None:
    """Prints a line of `Lines`."""
    console.print(harmless(Text(line, "dim")), soft_wrap=True, highlight=False)


def harmless(text: Text) -> Text:
    """A line that is safe for a terminal: text from lists and portals cannot contain control sequences."""
    text.plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text.plain)
    return text
