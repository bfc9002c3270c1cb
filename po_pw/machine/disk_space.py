"""Watches the output's disk: if it is full or gone, the run pauses, and resumes when it is usable again."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, humanize
from po_pw.machine import resources
from po_pw.storage import filesystem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EVERY: Final = 3.0
"""Seconds between readings."""
_SHARE: Final = 20
"""On a small file system only 1/20 of its size must be free."""
_FIRST_WAIT: Final = 1.0
"""Seconds to wait after a disk-full error although space seems free (a quota, one large file); doubles."""
_LONGEST_WAIT: Final = 60.0
_IN_VAIN: Final = 6
"""Errors in a row, although a small file can be written, after which we stop expecting recovery."""
_HANGS: Final = 30.0
"""Seconds without a response after which a share counts as gone."""
_LOOKS: Final = 10
"""Readings after which an order that waits for disk space is tried again."""
_LARGEST_ON_FAT: Final = 2**32 - 1
_FAT: Final = frozenset({"vfat", "msdos", "fat", "fat32"})


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """Free and total bytes of a file system."""

    free: int
    total: int


def read(folder: Path) -> Reading:
    """Reads the file system of a folder.

    Raises:
        OSError: the folder does not exist.
    """
    return Reading(*filesystem.room(folder))


def largest_file(out: Path) -> int | None:
    """Maximum file size in bytes, if the file system has a low one: 4 GiB - 1 on FAT32; else None.

    Source: "Microsoft Extensible Firmware Initiative FAT32 File System Specification": a file's size has 32 bits.
    """
    return _LARGEST_ON_FAT if resources.file_system(out.resolve()).kind.lower() in _FAT else None


class Place:
    """The output directory's location at the start of the run.

    Args:
        out: the output directory, with its `.po-pw`.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._internal = out / filesystem.INTERNAL
        self._lies_on = resources.file_system(out.resolve())

    def fault(self) -> OSError | None:
        """The error that writing there raises; None if it works."""
        return filesystem.fault(self._internal)

    def is_lost(self) -> bool:
        """Whether it was removed for good: its disk or share is still there."""
        if self._internal.is_dir() or not Path(self._lies_on.mount_point or self.out.anchor).exists():
            return False
        return resources.file_system(self.out) == self._lies_on


def floor(least: int, total: int) -> int:
    """Bytes that must be free: `least`, or on a small file system a twentieth of its size."""
    return min(least, total // _SHARE)


class DiskMonitor:
    """Watches the output directory and pauses the run if necessary.

    Args:
        reading: reads the file system; called in a thread.
        least: see `floor`.
        patience: maximum seconds of a pause; then the run ends.
        say: called with a message when a pause begins and when it ends.
        paused: called with True when a pause begins and with False when it ends.
        place: location of the output.
        back: called when the output is writable again, before the run resumes.
        every: seconds between readings.
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
        """Why the output is not writable; `""` if it is."""
        self._answer: asyncio.Future[tuple[Reading | None, OSError | None]] | None = None
        self._looked_at = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    @property
    def is_paused(self) -> bool:
        """Whether the run is paused: no new order is started."""
        return not self._has_room.is_set()

    @property
    def look_again_in(self) -> float:
        """Seconds after which an order that waits for disk space is tried again."""
        return self._every * _LOOKS

    async def wait(self) -> None:
        """Waits while the run is paused."""
        await self._has_room.wait()

    def met(self, error: errors.OutputUnavailableError) -> None:
        """Reports that writing to the output failed, whatever the readings say."""
        now = asyncio.get_running_loop().time()
        if not self.is_paused:  # of several at once, the first counts
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(self._met, 10))
            self._met += 1
            self._not_before = now + wait
            if isinstance(error, errors.OutOfSpaceError):
                self._pause(now, f"{error}: the run waits until there is room")
            else:
                self._lose(now, str(error))
        elif not isinstance(error, errors.OutOfSpaceError):
            self._gone = self._gone or str(error)
        self._looked_at.set()

    def progressed(self) -> None:
        """Reports that an order was settled, so writing works."""
        if not self.is_paused:
            self._met, self._short_since = 0, None

    async def watch(self) -> None:
        """Checks every few seconds, and at once after `met`.

        Raises:
            OutOfSpaceError: the disk stayed full for `patience` seconds.
            OutputUnavailableError: nothing could be written for `patience` seconds.
            MachineError: the output directory was removed.
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
        free = f"{humanize.size(reading.free)} free, {humanize.size(need)} needed"
        if short and not self.is_paused:
            self._pause(
                now, f"the disk of {self._place.out} is nearly full ({free}): the run waits until there is room"
            )
        elif self.is_paused and not short and now >= self._not_before:
            await self._go_on(reading)
        if self._short_since is not None and self.is_paused and now - self._short_since >= self._patience:
            msg = (
                f"the disk of {self._place.out} had no room for {humanize.duration(self._patience)} ({free}). "
                "Free some, and run the same command again: it continues where this one stopped."
            )
            raise errors.OutOfSpaceError(msg)

    async def _state(self) -> tuple[Reading | None, OSError | None]:
        """The file system, and why nothing can be written there. An unresponsive share counts as gone."""
        if self._answer is None:
            self._answer = asyncio.ensure_future(asyncio.to_thread(self._ask))
        done, _ = await asyncio.wait([self._answer], timeout=_HANGS)
        if not done:
            return None, OSError(errno.ETIMEDOUT, f"no answer for {_HANGS:.0f} s")
        answer, self._answer = self._answer, None
        return answer.result()

    def _ask(self) -> tuple[Reading | None, OSError | None]:
        """Runs on a thread."""
        try:
            reading = self._read()
        except OSError as error:
            return None, error
        return reading, self._place.fault() if self._gone else None

    async def _look_for_output(self, now: float, fault: OSError) -> None:
        out, why = self._place.out, fault.strerror or str(fault)
        if fault.errno == errno.EROFS:
            msg = f"{out} cannot be written to any more ({why}). Choose another place with --out."
            raise errors.MachineError(msg)
        if await asyncio.to_thread(self._place.is_lost):
            msg = (
                f"{out} was removed or renamed while the run went on. Put it back, and run the same command again: it "
                "continues where this one stopped."
            )
            raise errors.MachineError(msg)
        if not self.is_paused:
            self._lose(now, f"{out} cannot be written to ({why})")
        self._gone = self._gone or why
        if self._short_since is not None and now - self._short_since >= self._patience:
            msg = (
                f"{out} could not be written to for {humanize.duration(self._patience)} ({why}). When it can, run the "
                "same command again: it continues where this one stopped."
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
            said = f"{self._place.out} can be written to again: the run goes on"
        else:
            said = f"there is room on the disk again ({humanize.size(reading.free)} free): the run goes on"
        self._has_room.set()
        if not self._met:
            self._short_since = None
        self._say(said)
        self._tell(False)

    def _lose(self, now: float, why: str) -> None:
        self._gone = why
        self._pause(
            now,
            f"{why}. Is the network drive or the disk connected? The run waits for it, for "
            f"{humanize.duration(self._patience)} at most",
        )

    def _pause(self, now: float, why: str) -> None:
        self._has_room.clear()
        if self._short_since is None:
            self._short_since = now
        self._say(why)
        self._tell(True)
