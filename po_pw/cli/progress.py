"""Long work on the screen: a bar with a count on a terminal, else a line now and then."""

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
"""Seconds without a line after which a run says what it waits for, however long its lines are apart."""
_LATELY: Final = 8
"""So many of the latest gaps between lines say what is usual."""
_SHOWN: Final = 0.3
"""Seconds from which on a stage is worth a bar: shorter ones would only flicker."""
_LOOK: Final = 0.2
"""Seconds between two looks at whether a line is due."""
_BAR: Final = 20
"""Cells of the bar of a stage."""


@dataclasses.dataclass(slots=True)
class _Stage:
    latest: events.Progress
    since: float


class Stages:
    """The long work that goes on, folded from events.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Stage] = {}
        self._opening: str = ""

    def on_event(self, event: events.Event) -> None:
        """Takes one event in."""
        match event:
            case events.Progress(ended=True):
                self._open.pop(event.stage, None)
            case events.Progress():
                have = self._open.get(event.stage)
                self._open[event.stage] = _Stage(event, have.since if have else self._clock())
            case events.RunStarted() if event.orders:
                self._opening = f"Opening {tally.many(event.workers, 'browser')}"
                self.on_event(events.Progress(self._opening, 0, 0, ""))
            case events.OrderStep() | events.RunEnded() | events.Stopping():
                self._open.pop(self._opening, None)
            case _:
                return

    @property
    def is_open(self) -> bool:
        """Whether any long work goes on."""
        return bool(self._open)

    def lines(self, width: int) -> list[Text]:
        """A line for each stage that lasts, with a bar where it is known how much there is to do.

        Args:
            width: cells of the longest line.
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
        """The latest stage in words: `Reading pos.csv: 40,000 rows, 4 s`; `""` where there is none."""
        if not self._open:
            return ""
        stage = list(self._open.values())[-1]
        parts = [part for part in (_count(stage.latest), humanize.countdown(self._clock() - stage.since)) if part]
        return f"{stage.latest.stage}: {', '.join(parts)}"


def bar(share: float, width: int, style: str) -> Text:
    """A bar of so many cells.

    Args:
        share: what is done of it, from 0 to 1.
        width: in cells.
        style: of what is done; neutral, for red is what failed.
    """
    full = math.floor(min(1.0, max(0.0, share)) * width)
    done, rest = "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * full, "\N{BOX DRAWINGS LIGHT HORIZONTAL}" * (width - full)
    return Text(done, style).append(rest, "bright_black")


def _count(progress: events.Progress) -> str:
    """`40,000 of 100,000 rows`; `""` where nothing is counted."""
    if not progress.unit:
        return ""
    if progress.total:
        unit = progress.unit if progress.total == 1 else f"{progress.unit}s"
        return f"{progress.done:,} of {progress.total:,} {unit}"
    return f"{progress.done:,} {progress.unit}{'' if progress.done == 1 else 's'}"


class Pace:
    """When a run that says nothing is to say what it waits for: a log must neither look dead nor be flooded. Pure.

    After `EVERY` seconds at first, later after twice the longest gap between the latest lines, then after twice as long
    each time; never later than after `_QUIET` seconds.
    """

    def __init__(self) -> None:
        self._gaps: collections.deque[float] = collections.deque(maxlen=_LATELY)
        self._times = 0

    def line(self, gap: float) -> None:
        """A line was said, so many seconds after the one before."""
        self._gaps.append(gap)
        self._times = 0

    def said(self) -> None:
        """It was said what is waited for."""
        self._times += 1

    @property
    def patience(self) -> float:
        """Seconds of silence until it is said."""
        usual = max(EVERY, 2 * max(self._gaps, default=0.0))
        return float(min(_QUIET, usual * 2 ** min(self._times, 10)))


class Lines:
    """Says what goes on where there is no terminal: a line when nothing was said for `EVERY` seconds.

    While no long work goes on, what the run waits for is said, at a `Pace` of its own. A context manager; lines come
    from a thread of its own, so that also work that tells nothing is not silent.

    Args:
        stages: what goes on.
        say: prints one line.
        clock: monotonic seconds.
        waited_for: what the run waits for, in a line; `""` for nothing.
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
        """Something else was said just now."""
        now = self._clock()
        self._pace.line(now - self._line)
        self._said = self._line = now

    def look(self) -> None:
        """Says how far the latest stage is, or what the run waits for, where that is due."""
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
    """Shows long work that is not part of a run; gives what to tell events.

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
        with Lines(stages, lambda line: said(console, line)):
            yield stages.on_event


@contextlib.contextmanager
def stage(on_event: Callable[[events.Event], None], name: str) -> Iterator[None]:
    """One stage of which nothing is known but that it goes on."""
    on_event(events.Progress(name, 0, 0, ""))
    try:
        yield
    finally:
        on_event(events.Progress(name, 0, 0, "", ended=True))


def said(console: Console, line: str) -> None:
    """Prints a line of `Lines`."""
    console.print(harmless(Text(line, "dim")), soft_wrap=True, highlight=False)


def harmless(text: Text) -> Text:
    """A line as a terminal may be given it: what comes from lists and portals can neither break nor command it."""
    text.plain = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text.plain)
    return text
