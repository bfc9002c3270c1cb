"""Free space where the output lies: short of it the run pauses, and goes on by itself when there is room again."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import shutil
from typing import TYPE_CHECKING, Final

from po_pw import errors
from po_pw.engine import clocks, governor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)

EVERY: Final = 3.0
"""Seconds between two readings."""
_SHARE: Final = 20
"""Of a small file system no more than this part is asked for."""
_FIRST_WAIT: Final = 1.0
"""Seconds after a full disk was met, though there seems to be room (a quota, one large file); doubles."""
_LONGEST_WAIT: Final = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """A file system at one moment, in bytes."""

    free: int
    total: int


def read(folder: Path) -> Reading:
    """The file system that a folder is on.

    Raises:
        OSError: it is gone.
    """
    usage = shutil.disk_usage(folder)
    return Reading(usage.free, usage.total)


def floor(least: int, total: int) -> int:
    """Bytes that must be free: `least`, or on a small file system a twentieth of it."""
    return min(least, total // _SHARE)


class Space:
    """Watches one file system, and says when the run has to pause.

    Args:
        reading: read in a thread.
        least: see `floor`.
        patience: seconds of a pause after which the run ends.
        say: told what people should know, once per pause and once per end of it.
        paused: told True when a pause begins and False when it is over.
        every: seconds between two readings.
    """

    def __init__(
        self,
        reading: Callable[[], Reading],
        least: int,
        patience: float,
        *,
        say: Callable[[str], None],
        paused: Callable[[bool], None],
        every: float = EVERY,
    ) -> None:
        self._read = reading
        self._least = least
        self._patience = patience
        self._say = say
        self._tell = paused
        self._every = every
        self._short_since: float | None = None
        self._not_before = 0.0
        self._met = 0
        self._looked_at = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    def is_paused(self) -> bool:
        """Whether nothing new is begun."""
        return not self._room.is_set()

    async def wait(self) -> None:
        """Waits while there is no room."""
        await self._room.wait()

    def met(self, error: errors.OutOfSpace) -> None:
        """Somebody met a full disk, whatever the readings say."""
        now = asyncio.get_running_loop().time()
        if not self.is_paused:  # of several that meet it at once, the first counts
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._met, 10))
            self._met += 1
            self._not_before = now + wait
            self._pause(now, f"{error}: the run waits until there is room")
        self._looked_at.set()

    def progressed(self) -> None:
        """An order was settled: there is room for something."""
        if not self.is_paused:
            self._met, self._short_since = 0, None

    async def watch(self) -> None:
        """Looks every few seconds, at once where a full disk was met.

        Raises:
            OutOfSpace: there was no room for as long as we were to wait.
        """
        while True:
            await self._look()
            self._looked_at.clear()
            now = asyncio.get_running_loop().time()
            due = [self._not_before]
            if self.is_paused and self._short_since is not None:
                due.append(self._short_since + self._patience)
            soon = min([self._every, *(when - now for when in due if when > now)])
            try:
                async with asyncio.timeout(soon):
                    await self._looked_at.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        try:
            reading = await asyncio.to_thread(self._read)
        except OSError as error:  # it is gone: whoever writes there says so
            _log.debug("free space cannot be read: %s", error)
            return
        now = asyncio.get_running_loop().time()
        need = floor(self._least, reading.total)
        short = reading.free < need
        free = f"{governor.size(reading.free)} free, {governor.size(need)} needed"
        if short and not self.is_paused:
            self._pause(now, f"the disk is nearly full ({free}): the run waits until there is room")
        elif self.is_paused and not short and now >= self._not_before:
            self._room.set()
            if not self._met:
                self._short_since = None
            self._say(f"there is room on the disk again ({governor.size(reading.free)} free): the run goes on")
            self._tell(False)
        if self._short_since is not None and self.is_paused and now - self._short_since >= self._patience:
            msg = (
                f"the disk had no room for {clocks.span(self._patience)} ({free}). Free some, and run the same "
                "command again: it continues where this one stopped."
            )
            raise errors.OutOfSpace(msg)

    def _pause(self, now: float, why: str) -> None:
        self._room.clear()
        if self._short_since is None:
            self._short_since = now
        self._say(why)
        self._tell(True)
