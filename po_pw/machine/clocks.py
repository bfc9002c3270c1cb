"""Clocks: time during which the machine was suspended does not count towards our deadlines.

Two clocks differ by the time suspended, and neither can be set:

| system | stops in sleep | continues in sleep |
|---|---|---|
| Linux | `CLOCK_MONOTONIC` | `CLOCK_BOOTTIME` (clock_gettime(2)) |
| macOS | `CLOCK_UPTIME_RAW`, `mach_absolute_time` | `CLOCK_MONOTONIC_RAW`, `mach_continuous_time` (clock_gettime(3)) |
| Windows | `QueryUnbiasedInterruptTime` | `GetTickCount64` (learn.microsoft.com, "Windows Time") |

Their difference can be read at any time without sampling, and setting the wall clock, by hand or NTP, does not affect
it.

asyncio's deadlines use `loop.time()`, which is `time.monotonic()`. On Linux and macOS it stops in sleep (PEP 418;
python/cpython#106940, python/cpython#85475). On Windows it continues (`GetTickCount64`, from Python 3.13 on
`QueryPerformanceCounter`, python/cpython#88494): there `awake_time` subtracts the time suspended from `loop.time()`
during a run, for asyncio, aiohttp and our own waits. Playwright's driver uses libuv, which counts sleep on Windows and
macOS (libuv/libuv#2894), so a driver timeout may fire on waking, when most connections are dead as well. Therefore a
failed attempt during which the machine slept does not count (`dispatch/failure_policy.py`).
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
INTERVAL: Final = 1.0
"""Seconds between two readings of the clocks."""
MIN_SLEEP: Final = 5.0
"""Minimum difference in seconds that counts as sleep: two clocks read one after the other differ a little."""
_CLOCKS: Final = {
    "linux": ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"),
    "darwin": ("CLOCK_MONOTONIC_RAW", "CLOCK_UPTIME_RAW"),
}
"""The clock that continues in sleep, and the one that stops."""


def seconds_suspended() -> float:
    """Seconds that this machine has been suspended since boot; 0 if unknown."""
    if _SYSTEM == "win32":
        return _suspended_on_windows()
    names = _CLOCKS.get(_SYSTEM)
    if names is None:
        return 0.0
    read: Callable[[int], float] = getattr(time, "clock_gettime")  # noqa: B009 - it does not exist on Windows
    with_sleep, without_sleep = (read(getattr(time, name)) for name in names)
    return with_sleep - without_sleep


def _suspended_on_windows() -> float:
    import ctypes

    kernel: ctypes.CDLL = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009 - it exists only on Windows
    unbiased = ctypes.c_ulonglong()
    kernel.GetTickCount64.restype = ctypes.c_ulonglong
    kernel.QueryUnbiasedInterruptTime(ctypes.byref(unbiased))
    return float(kernel.GetTickCount64()) / 1e3 - unbiased.value / 1e7


class AwakeTime:
    """A clock that does not count time suspended; it never runs backwards.

    Args:
        clock: seconds; continues while the machine sleeps.
        asleep: seconds suspended so far; may vary by less than `MIN_SLEEP`.
    """

    def __init__(self, clock: Callable[[], float], asleep: Callable[[], float]) -> None:
        self._clock = clock
        self._asleep = asleep
        self._first = self._taken = asleep()
        self._last = clock()

    def __call__(self) -> float:
        """Seconds since an arbitrary moment, without time suspended."""
        now = self._asleep()
        if now - self._taken >= MIN_SLEEP:
            self._taken = now
        self._last = max(self._last, self._clock() - (self._taken - self._first))
        return self._last


@contextlib.contextmanager
def awake_time(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Inside the block, keeps suspended time out of the loop's clock, on systems where it would be counted."""
    if _SYSTEM != "win32":
        yield
        return
    before = loop.time
    setattr(loop, "time", AwakeTime(before, seconds_suspended))  # noqa: B010 - PEP 3156: a loop defines its clock
    try:
        yield
    finally:
        setattr(loop, "time", before)  # noqa: B010


async def watch_sleep(
    asleep: Callable[[], float] = seconds_suspended, every: float = INTERVAL
) -> AsyncGenerator[float, None]:
    """Yields the duration in seconds of each suspension; checks every `every` seconds."""
    before = asleep()
    while True:
        await asyncio.sleep(every)
        now = asleep()
        if now - before >= MIN_SLEEP:
            yield now - before
        if now - before >= MIN_SLEEP or now < before:
            before = now


def now() -> datetime.datetime:
    """The current time with this machine's UTC offset, as results and journal use it."""
    return datetime.datetime.now(datetime.UTC).astimezone()


def at(seconds: float) -> str:
    """The local time of day in `seconds` seconds: `14:05`."""
    return (datetime.datetime.now().astimezone() + datetime.timedelta(seconds=seconds)).strftime("%H:%M")
