"""Long work that belongs to no order: reports its progress, and ends when the run is stopped."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Final, TypeVar

from po_pw import errors, events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")

EVERY: Final = 0.25
"""Seconds between progress events."""


class Stage:
    """One piece of long work; may be used from any thread.

    Args:
        name: description, e.g. `Reading pos.csv`.
        unit: what is counted, in the singular; `""` if nothing is.
        total: number of items; 0 if unknown.
        announce: receives progress events.
        is_stopped: whether the run is stopped.
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
        """Whether the run is stopped."""
        return self._is_stopped()

    def check(self) -> None:
        """Raises an error if the run is stopped.

        Raises:
            StoppedError: the run is stopped.
        """
        if self.is_stopped:
            name = f"{self._name[:1].lower()}{self._name[1:]}"
            msg = f"stopped while {name}. Nothing is lost: run the same command again."
            raise errors.StoppedError(msg)

    def reach(self, done: int) -> None:
        """Reports that `done` items are done.

        Raises:
            StoppedError: the run is stopped.
        """
        self.check()
        self._done = done
        now = self._clock()
        if now >= self._next:
            self._next = now + EVERY
            self.report()

    def report(self, *, ended: bool = False) -> None:
        """Reports the progress."""
        self._announce(events.Progress(self._name, self._done, self._total, self._unit, ended))

    def counted(self, items: Iterable[T]) -> Iterator[T]:
        """Yields the items and reports each as done when the next is requested.

        Raises:
            StoppedError: the run is stopped.
        """
        self.reach(0)
        for number, item in enumerate(items, 1):
            yield item
            self.reach(number)


class LongWork:
    """Creates stages.

    Args:
        announce: receives progress events; may be called from any thread.
        stops: number of stop requests so far.
    """

    def __init__(self, announce: Callable[[events.Event], None], stops: Callable[[], int] = lambda: 0) -> None:
        self._announce = announce
        self._stops = stops

    @contextlib.contextmanager
    def stage(self, name: str, unit: str = "", total: int = 0, *, in_spite_of: int = 0) -> Iterator[Stage]:
        """A stage that lasts for the block.

        Args:
            name: see `Stage`.
            unit: see `Stage`.
            total: see `Stage`.
            in_spite_of: number of earlier stop requests, which do not end this stage.

        Raises:
            StoppedError: a stop is already requested.
        """
        stage = Stage(name, unit, total, self._announce, lambda: self._stops() > in_spite_of)
        stage.check()
        stage.report()
        try:
            yield stage
        finally:
            stage.report(ended=True)
