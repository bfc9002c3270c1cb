"""Time awake and time asleep: no deadline of ours counts the time that the machine slept.

Two clocks that differ by the time slept, neither of which anybody can set:

| system | stands still in sleep | goes on in sleep |
|---|---|---|
| Linux | `CLOCK_MONOTONIC` | `CLOCK_BOOTTIME` (clock_gettime(2)) |
| macOS | `CLOCK_UPTIME_RAW`, `mach_absolute_time` | `CLOCK_MONOTONIC_RAW`, `mach_continuous_time` (clock_gettime(3)) |
| Windows | `QueryUnbiasedInterruptTime` | `GetTickCount64` (learn.microsoft.com, "Windows Time") |

Their difference is read at any moment; nothing has to be sampled to know it, and a wall clock that somebody sets, or
that NTP moves, changes nothing.

What that means for deadlines: asyncio's are on `loop.time()`, which is `time.monotonic()`. On Linux and macOS that
stands still in sleep (PEP 418; python/cpython#106940, python/cpython#85475): nothing to do. On Windows it goes on, as
`GetTickCount64`, from Python 3.13 on `QueryPerformanceCounter` (python/cpython#88494): there `awake_time` takes the
time slept out of `loop.time()` while a run lasts, and asyncio, aiohttp and our own waits follow. Playwright's driver
keeps time by libuv, which counts sleep on Windows and macOS (libuv/libuv#2894): a deadline of the driver may so fire
on waking. Connections are mostly dead by then, too. So an attempt during which the machine slept, and which failed,
is no attempt (`dispatch/failure_policy.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

_SYSTEM: Final = str(sys.platform)
EVERY: Final = 1.0
"""Seconds between two looks at the clocks."""
LEAST: Final = 5.0
"""Seconds from which on a gap is a sleep; clocks that are read one after the other differ a little."""
_CLOCKS: Final = {
    "linux": ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"),
    "darwin": ("CLOCK_MONOTONIC_RAW", "CLOCK_UPTIME_RAW"),
}
"""The one that goes on in sleep, and the one that stands still."""


def seconds_suspended() -> float:
    """Seconds that this machine has slept since it was started; 0 where the system does not say."""
    if _SYSTEM == "win32":
        return _slept_on_windows()
    names = _CLOCKS.get(_SYSTEM)
    if names is None:
        return 0.0
    going_on, standing_still = (time.clock_gettime(getattr(time, name)) for name in names)
    return going_on - standing_still


def _slept_on_windows() -> float:
    import ctypes

    kernel: ctypes.CDLL = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009 - it exists on Windows alone
    unbiased = ctypes.c_ulonglong()
    kernel.GetTickCount64.restype = ctypes.c_ulonglong
    kernel.QueryUnbiasedInterruptTime(ctypes.byref(unbiased))
    return float(kernel.GetTickCount64()) / 1e3 - unbiased.value / 1e7


class AwakeTime:
    """A clock without the time slept; it never goes back.

    Args:
        clock: seconds, goes on while the machine sleeps.
        asleep: seconds slept so far; may tremble by less than `LEAST`.
    """

    def __init__(self, clock: Callable[[], float], asleep: Callable[[], float]) -> None:
        self._clock = clock
        self._asleep = asleep
        self._first = self._taken = asleep()
        self._last = clock()

    def __call__(self) -> float:
        """Seconds."""
        now = self._asleep()
        if now - self._taken >= LEAST:
            self._taken = now
        self._last = max(self._last, self._clock() - (self._taken - self._first))
        return self._last


@contextlib.contextmanager
def awake_time(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Takes the time slept out of the loop's clock while the block lasts, where it is in it."""
    if _SYSTEM != "win32":
        yield
        return
    before = loop.time
    setattr(loop, "time", AwakeTime(before, seconds_suspended))  # noqa: B010 - a loop's clock is its own to say (PEP 3156)
    try:
        yield
    finally:
        setattr(loop, "time", before)  # noqa: B010


async def sleeps(asleep: Callable[[], float] = seconds_suspended, every: float = EVERY) -> AsyncGenerator[float, None]:
    """Each time the machine has slept: for how many seconds. Looks about once a second as long as it is iterated."""
    before = asleep()
    while True:
        await asyncio.sleep(every)
        now = asleep()
        if now - before >= LEAST:
            yield now - before
        if now - before >= LEAST or now < before:
            before = now


def now() -> datetime.datetime:
    """The time now, with this machine's offset, as results and the journal show it."""
    return datetime.datetime.now(datetime.UTC).astimezone()


def at(seconds: float) -> str:
    """The time of day in so many seconds, for people: `14:05`."""
    return (datetime.datetime.now().astimezone() + datetime.timedelta(seconds=seconds)).strftime("%H:%M")


def span(seconds: float) -> str:
    """A time for people: `12 s`, `42 min`, `1.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
