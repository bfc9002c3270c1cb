"""Work that takes long and is no order's: says how far it is, and ends when the run is stopped."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import errors, events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

EVERY: Final = 0.25
"""Seconds between two announcements."""


class Stage:
    """One piece of long work; may be told of from any thread.

    Args:
        name: what is done, e.g. `Reading pos.csv`.
        unit: what is counted, in the singular; `""` where nothing is.
        total: how many there are; 0 where that is not known.
        announce: where it is announced.
        is_stopped: whether to end.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        unit: str,
        total: int,
        announce: Callable[[events.Event], None],
        is_stopped: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._unit = unit
        self._total = total
        self._done = 0
        self._announce = announce
        self._is_stopped = is_stopped
        self._clock = clock
        self._next = clock() + EVERY

    @property
    def is_stopped(self) -> bool:
        """Whether the run is to stop."""
        return self._is_stopped()

    def check(self) -> None:
        """Ends the work where the run is to stop.

        Raises:
            StoppedError: it is.
        """
        if self.is_stopped:
            name = f"{self._name[:1].lower()}{self._name[1:]}"
            msg = f"stopped while {name}. Nothing is lost: run the same command again."
            raise errors.StoppedError(msg)

    def reach(self, done: int) -> None:
        """Notes that so many are done.

        Raises:
            StoppedError: the run is to stop.
        """
        self.check()
        self._done = done
        now = self._clock()
        if now >= self._next:
            self._next = now + EVERY
            self.say()

    def say(self, *, ended: bool = False) -> None:
        """Announces how far it is."""
        self._announce(events.Progress(self._name, self._done, self._total, self._unit, ended))

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """The items, each noted once it is dealt with; streams.

        Raises:
            StoppedError: the run is to stop.
        """
        self.reach(0)
        for number, item in enumerate(items, 1):
            yield item
            self.reach(number)


class LongWork:
    """Opens stages.

    Args:
        announce: where they are announced; may be called from any thread.
        stops: how often a stop was asked for so far.
    """

    def __init__(self, announce: Callable[[events.Event], None], stops: Callable[[], int] = lambda: 0) -> None:
        self._announce = announce
        self._stops = stops

    @contextlib.contextmanager
    def stage(self, name: str, unit: str = "", total: int = 0, *, in_spite_of: int = 0) -> Iterator[Stage]:
        """A stage that lasts as long as the block.

        Args:
            name: as for `Stage`.
            unit: likewise.
            total: likewise.
            in_spite_of: so many stops are older than the stage, and do not end it.

        Raises:
            StoppedError: a stop was asked for when the block begins.
        """
        stage = Stage(name, unit, total, self._announce, lambda: self._stops() > in_spite_of)
        stage.check()
        stage.say()
        try:
            yield stage
        finally:
            stage.say(ended=True)
