"""Watches the output's disk: if it is full or gone, the run pauses, and resumes when it is usable again."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
from pathlib import Path
from typing import TYPE_CHECKING, Final

from po_pw import errors, humanize
from po_pw.machine import resources
from po_pw.storage import disk_errors, filesystem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

INTERVAL: Final = 3.0
"""Seconds between readings."""
_MIN_FRACTION: Final = 20
"""On a small file system only 1/20 of its size must be free."""
_FIRST_WAIT: Final = 1.0
"""Seconds to wait after a disk-full error although space seems free (a quota, one large file); doubles."""
_MAX_WAIT: Final = 60.0
"""Upper limit of that wait, in seconds."""
_MAX_ERRORS: Final = 6
"""Write errors in a row after which the run ends, although a small file can be written."""
_RESPONSE_TIMEOUT: Final = 30.0
"""Seconds without a response after which a share counts as gone."""
_RETRY_READINGS: Final = 10
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
    return Reading(*filesystem.free_and_total(folder))


def largest_file(out: Path) -> int | None:
    """Maximum file size in bytes, if the file system has a low limit: 4 GiB - 1 on FAT32; else None.

    Source: "Microsoft Extensible Firmware Initiative FAT32 File System Specification": a file's size has 32 bits.
    """
    return _LARGEST_ON_FAT if resources.file_system(out.resolve()).kind.lower() in _FAT else None


class OutputFolder:
    """The output directory's location at the start of the run.

    Args:
        out: the output directory, with its `.po-pw`.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._internal = out / disk_errors.INTERNAL
        self._file_system = resources.file_system(out.resolve())

    def write_error(self) -> OSError | None:
        """The error that writing there raises; None if it works."""
        return disk_errors.write_error(self._internal)

    def is_lost(self) -> bool:
        """Whether the folder was removed although its disk or share is still there."""
        if self._internal.is_dir() or not Path(self._file_system.mount_point or self.out.anchor).exists():
            return False
        return resources.file_system(self.out) == self._file_system


def required_free(min_free: int, total: int) -> int:
    """Bytes that must be free: `min_free`, or on a small file system a twentieth of its size."""
    return min(min_free, total // _MIN_FRACTION)


class DiskMonitor:
    """Watches the output directory and pauses the run if necessary.

    Args:
        reading: reads the file system; called in a thread.
        min_free: see `required_free`.
        timeout: maximum seconds of a pause; then the run ends.
        notify: called with a message when a pause begins and when it ends.
        on_pause: called with True when a pause begins and with False when it ends.
        folder: location of the output.
        on_available: called when the output is writable again, before the run resumes.
        every: seconds between readings.
    """

    def __init__(
        self,
        reading: Callable[[], Reading],
        min_free: int,
        timeout: float,
        *,
        notify: Callable[[str], None],
        on_pause: Callable[[bool], None],
        folder: OutputFolder,
        on_available: Callable[[], Awaitable[None]],
        every: float = INTERVAL,
    ) -> None:
        self._read = reading
        self._min_free = min_free
        self._timeout = timeout
        self._notify = notify
        self._on_pause = on_pause
        self._folder = folder
        self._on_available = on_available
        self._every = every
        self._short_since: float | None = None
        self._not_before = 0.0
        self._errors = 0
        self._why_unavailable = ""
        """Why the output is not writable; `""` if it is."""
        self._answer: asyncio.Future[tuple[Reading | None, OSError | None]] | None = None
        self._check_now = asyncio.Event()
        self._has_space = asyncio.Event()
        self._has_space.set()

    @property
    def is_paused(self) -> bool:
        """Whether the run is paused: no new order is started."""
        return not self._has_space.is_set()

    @property
    def retry_delay(self) -> float:
        """Seconds after which an order that waits for disk space is tried again."""
        return self._every * _RETRY_READINGS

    async def wait(self) -> None:
        """Waits while the run is paused."""
        await self._has_space.wait()

    def report_error(self, error: errors.OutputUnavailableError) -> None:
        """Reports that writing to the output failed, whatever the readings say."""
        now = asyncio.get_running_loop().time()
        if not self.is_paused:  # of several errors at once, only the first counts
            wait = min(_MAX_WAIT, _FIRST_WAIT * 2.0 ** min(self._errors, 10))
            self._errors += 1
            self._not_before = now + wait
            if isinstance(error, errors.OutOfSpaceError):
                self._pause(now, f"{error}: the run waits until there is space")
            else:
                self._mark_unavailable(now, str(error))
        elif not isinstance(error, errors.OutOfSpaceError):
            self._why_unavailable = self._why_unavailable or str(error)
        self._check_now.set()

    def report_success(self) -> None:
        """Reports that an order was settled, so writing works."""
        if not self.is_paused:
            self._errors, self._short_since = 0, None

    async def watch(self) -> None:
        """Checks every few seconds, and at once after `report_error`.

        Raises:
            OutOfSpaceError: the disk stayed full for `timeout` seconds.
            OutputUnavailableError: nothing could be written for `timeout` seconds.
            MachineError: the output directory was removed.
        """
        while True:
            await self._check()
            self._check_now.clear()
            now = asyncio.get_running_loop().time()
            due = [self._not_before]
            if self.is_paused and self._short_since is not None:
                due.append(self._short_since + self._timeout)
            soon = min([self._every, *(when - now for when in due if when > now)])
            try:
                async with asyncio.timeout(soon):
                    await self._check_now.wait()
            except TimeoutError:
                continue

    async def _check(self) -> None:
        reading, fault = await self._state()
        now = asyncio.get_running_loop().time()
        if fault is not None and disk_errors.kind_of(fault) is not disk_errors.Kind.FULL:
            await self._check_output(now, fault)
            return
        if reading is None:
            return
        need = required_free(self._min_free, reading.total)
        short = reading.free < need
        free = f"{humanize.size(reading.free)} free, {humanize.size(need)} needed"
        if short and not self.is_paused:
            self._pause(
                now, f"the disk of {self._folder.out} is nearly full ({free}): the run waits until there is space"
            )
        elif self.is_paused and not short and now >= self._not_before:
            await self._resume(reading)
        if self._short_since is not None and self.is_paused and now - self._short_since >= self._timeout:
            msg = (
                f"the disk of {self._folder.out} was full for {humanize.duration(self._timeout)} ({free}). "
                "Free some space, then run the same command again: it continues where this one stopped."
            )
            raise errors.OutOfSpaceError(msg)

    async def _state(self) -> tuple[Reading | None, OSError | None]:
        """The file system, and why nothing can be written there. An unresponsive share counts as gone."""
        if self._answer is None:
            self._answer = asyncio.ensure_future(asyncio.to_thread(self._ask))
        done, _ = await asyncio.wait([self._answer], timeout=_RESPONSE_TIMEOUT)
        if not done:
            return None, OSError(errno.ETIMEDOUT, f"no answer for {_RESPONSE_TIMEOUT:.0f} s")
        answer, self._answer = self._answer, None
        return answer.result()

    def _ask(self) -> tuple[Reading | None, OSError | None]:
        """Reads the file system and tries to write; blocks."""
        try:
            reading = self._read()
        except OSError as error:
            return None, error
        return reading, self._folder.write_error() if self._why_unavailable else None

    async def _check_output(self, now: float, fault: OSError) -> None:
        out, why = self._folder.out, fault.strerror or str(fault)
        if fault.errno == errno.EROFS:
            msg = f"{out} cannot be written to any more ({why}). Choose another folder with --out."
            raise errors.MachineError(msg)
        if await asyncio.to_thread(self._folder.is_lost):
            msg = (
                f"{out} was removed or renamed during the run. Put it back, then run the same command again: it "
                "continues where this one stopped."
            )
            raise errors.MachineError(msg)
        if not self.is_paused:
            self._mark_unavailable(now, f"{out} cannot be written to ({why})")
        self._why_unavailable = self._why_unavailable or why
        if self._short_since is not None and now - self._short_since >= self._timeout:
            msg = (
                f"{out} could not be written to for {humanize.duration(self._timeout)} ({why}). When it can, run the "
                "same command again: it continues where this one stopped."
            )
            raise errors.OutputUnavailableError(msg)

    async def _resume(self, reading: Reading) -> None:
        if self._why_unavailable:
            if self._errors >= _MAX_ERRORS:
                raise errors.MachineError(self._why_unavailable)
            try:
                await self._on_available()
            except errors.OutputUnavailableError as error:
                self._why_unavailable = str(error)
                return
            self._why_unavailable = ""
            message = f"{self._folder.out} can be written to again: the run continues"
        else:
            message = f"the disk has space again ({humanize.size(reading.free)} free): the run continues"
        self._has_space.set()
        if not self._errors:
            self._short_since = None
        self._notify(message)
        self._on_pause(False)

    def _mark_unavailable(self, now: float, why: str) -> None:
        self._why_unavailable = why
        self._pause(
            now,
            f"{why}. Is the network drive or the disk connected? The run waits for it, at most "
            f"{humanize.duration(self._timeout)}",
        )

    def _pause(self, now: float, why: str) -> None:
        self._has_space.clear()
        if self._short_since is None:
            self._short_since = now
        self._notify(why)
        self._on_pause(True)
