"""The place where the output lies: short of space, or gone, the run pauses, and goes on by itself when it is back."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors
from po_pw.machine import capacity, clocks, resources
from po_pw.storage import filesystem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EVERY: Final = 3.0
"""Seconds between two readings."""
_SHARE: Final = 20
"""Of a small file system no more than this part is asked for."""
_FIRST_WAIT: Final = 1.0
"""Seconds after a full disk was met, though there seems to be room (a quota, one large file); doubles."""
_LONGEST_WAIT: Final = 60.0
_IN_VAIN: Final = 6
"""Times in a row that the output was in trouble although a small file can be written there: it does not mend itself."""
_HANGS: Final = 30.0
"""Seconds without an answer after which a share counts as gone."""
_LOOKS: Final = 10
"""Looks after which an order that waits for room is looked at again."""
_LARGEST_ON_FAT: Final = 2**32 - 1
_FAT: Final = frozenset({"vfat", "msdos", "fat", "fat32"})


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
    return Reading(*filesystem.room(folder))


def largest_file(out: Path) -> int | None:
    """Bytes that the file system of a folder takes in one file, where that is few: 4 GiB less one on FAT32.

    Source: "Microsoft Extensible Firmware Initiative FAT32 File System Specification": a file's size has 32 bits.
    """
    return _LARGEST_ON_FAT if resources.file_system(out.resolve()).kind.lower() in _FAT else None


class Place:
    """Where the output lies, as it was when the run began.

    Args:
        out: the output directory; our own folder in it is there.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._internal = out / filesystem.INTERNAL
        self._lies_on = resources.file_system(out.resolve())

    def fault(self) -> OSError | None:
        """Why nothing can be written there; None where something can be."""
        return filesystem.fault(self._internal)

    def is_lost(self) -> bool:
        """Whether it will not come back: it was removed, while the disk or share that it was on is there."""
        if self._internal.is_dir() or not Path(self._lies_on.mount_point or self.out.anchor).exists():
            return False
        return resources.file_system(self.out) == self._lies_on


def floor(least: int, total: int) -> int:
    """Bytes that must be free: `least`, or on a small file system a twentieth of it."""
    return min(least, total // _SHARE)


class DiskMonitor:
    """Watches the place of the output, and says when the run has to pause.

    Args:
        reading: of the file system; read in a thread.
        least: see `floor`.
        patience: seconds of a pause after which the run ends.
        say: told what people should know, once per pause and once per end of it.
        paused: told True when a pause begins and False when it is over.
        place: where the output lies.
        back: called when the output can be written to again, before the run goes on.
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
        place: Place,
        back: Callable[[], Awaitable[None]],
        every: float = EVERY,
    ) -> None:
        self._read = reading
        self._least = least
        self._patience = patience
        self._say = say
        self._tell = paused
        self._place = place
        self._back = back
        self._every = every
        self._short_since: float | None = None
        self._not_before = 0.0
        self._met = 0
        self._gone = ""
        """Why nothing could be written to the output; `""` where that was not so."""
        self._answer: asyncio.Future[tuple[Reading | None, OSError | None]] | None = None
        self._looked_at = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    @property
    def is_paused(self) -> bool:
        """Whether nothing new is begun."""
        return not self._has_room.is_set()

    @property
    def look_again_in(self) -> float:
        """Seconds after which an order that waits for room is looked at again."""
        return self._every * _LOOKS

    async def wait(self) -> None:
        """Waits while there is no room."""
        await self._has_room.wait()

    def met(self, error: errors.OutputUnavailableError) -> None:
        """Somebody met a full disk, or could not write to the output at all, whatever the readings say."""
        now = asyncio.get_running_loop().time()
        if not self.is_paused:  # of several that meet it at once, the first counts
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._met, 10))
            self._met += 1
            self._not_before = now + wait
            if isinstance(error, errors.OutOfSpaceError):
                self._pause(now, f"{error}: the run waits until there is space")
            else:
                self._lose(now, str(error))
        elif not isinstance(error, errors.OutOfSpaceError):
            self._gone = self._gone or str(error)
        self._looked_at.set()

    def progressed(self) -> None:
        """An order was settled: there is room for something."""
        if not self.is_paused:
            self._met, self._short_since = 0, None

    async def watch(self) -> None:
        """Looks every few seconds, at once where a full disk was met.

        Raises:
            OutOfSpaceError: there was no room for as long as we were to wait.
            OutputUnavailableError: nothing could be written for so long.
            MachineError: the output is gone for good.
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
        reading, fault = await self._state()
        now = asyncio.get_running_loop().time()
        if fault is not None and filesystem.meaning_of(fault) is not filesystem.Meaning.FULL:
            await self._look_for_output(now, fault)
            return
        if reading is None:
            return
        need = floor(self._least, reading.total)
        short = reading.free < need
        free = f"{capacity.size(reading.free)} free, {capacity.size(need)} needed"
        if short and not self.is_paused:
            self._pause(
                now, f"the disk of {self._place.out} is nearly full ({free}): the run waits until there is space"
            )
        elif self.is_paused and not short and now >= self._not_before:
            await self._go_on(reading)
        if self._short_since is not None and self.is_paused and now - self._short_since >= self._patience:
            msg = (
                f"the disk of {self._place.out} was full for {clocks.span(self._patience)} ({free}). Free some "
                "space, then run the same command again: it continues where this one stopped."
            )
            raise errors.OutOfSpaceError(msg)

    async def _state(self) -> tuple[Reading | None, OSError | None]:
        """The file system, and why nothing can be written there. A share that does not answer is gone, too."""
        if self._answer is None:
            self._answer = asyncio.ensure_future(asyncio.to_thread(self._ask))
        done, _ = await asyncio.wait([self._answer], timeout=_HANGS)
        if not done:
            return None, OSError(errno.ETIMEDOUT, f"no answer for {_HANGS:.0f} s")
        answer, self._answer = self._answer, None
        return answer.result()

    def _ask(self) -> tuple[Reading | None, OSError | None]:
        """On a thread."""
        try:
            reading = self._read()
        except OSError as error:
            return None, error
        return reading, self._place.fault() if self._gone else None

    async def _look_for_output(self, now: float, fault: OSError) -> None:
        out, why = self._place.out, fault.strerror or str(fault)
        if fault.errno == errno.EROFS:
            msg = f"{out} cannot be written to any more ({why}). Choose another folder with --out."
            raise errors.MachineError(msg)
        if await asyncio.to_thread(self._place.is_lost):
            msg = (
                f"{out} was removed or renamed during the run. Put it back, then run the same command again: it "
                "continues where this one stopped."
            )
            raise errors.MachineError(msg)
        if not self.is_paused:
            self._lose(now, f"{out} cannot be written to ({why})")
        self._gone = self._gone or why
        if self._short_since is not None and now - self._short_since >= self._patience:
            msg = (
                f"{out} could not be written to for {clocks.span(self._patience)} ({why}). When it can, run the same "
                "command again: it continues where this one stopped."
            )
            raise errors.OutputUnavailableError(msg)

    async def _go_on(self, reading: Reading) -> None:
        if self._gone:
            if self._met >= _IN_VAIN:
                raise errors.MachineError(self._gone)
            try:
                await self._back()
            except errors.OutputUnavailableError as error:
                self._gone = str(error)
                return
            self._gone = ""
            said = f"{self._place.out} can be written to again: the run continues"
        else:
            said = f"the disk has space again ({capacity.size(reading.free)} free): the run continues"
        self._has_room.set()
        if not self._met:
            self._short_since = None
        self._say(said)
        self._tell(False)

    def _lose(self, now: float, why: str) -> None:
        self._gone = why
        self._pause(
            now,
            f"{why}. Is the network drive or the disk connected? The run waits for it, at most "
            f"{clocks.span(self._patience)}",
        )

    def _pause(self, now: float, why: str) -> None:
        self._has_room.clear()
        if self._short_since is None:
            self._short_since = now
        self._say(why)
        self._tell(True)
