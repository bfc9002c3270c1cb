"""Time suspended is measured by two clocks that cannot be set, and counts in no deadline."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import pytest

from po_pw.machine import clocks, keep_awake
from tests.helpers.support import run_async


@pytest.mark.skipif(sys.platform not in {"linux", "darwin", "win32"}, reason="no such two clocks")
def test_the_two_clocks_of_this_system_can_be_read() -> None:
    """The time suspended is not negative and does not grow while awake."""
    first = clocks.seconds_suspended()
    assert first > -1.0
    assert abs(clocks.seconds_suspended() - first) < 1.0


def test_a_gap_is_announced_once_and_a_wall_clock_that_is_set_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a gap between the two clocks is a sleep; small differences and a set wall clock are not."""

    async def go() -> None:
        readings = iter([100.0, 100.3, 2620.0, 2619.8, 2620.1, 2625.2, 2625.2])
        heard = []
        walls = iter(range(10**9, -(10**9), -(10**8)))
        monkeypatch.setattr(time, "time", lambda: next(walls))  # an hour forth or years back: nobody asks it
        sleeps = clocks.watch_sleep(lambda: next(readings), every=0.0)
        async for seconds in sleeps:
            heard.append(seconds)
            if len(heard) == 2:
                break
        await sleeps.aclose()
        assert heard == pytest.approx([2520.0, 5.4], abs=0.5)

    run_async(go())


def test_the_awake_clock_leaves_out_sleep_and_never_goes_back() -> None:
    """The clock leaves out sleep and never runs backwards."""
    now, asleep = [1000.0], [50.0]
    clock = clocks.AwakeTime(lambda: now[0], lambda: asleep[0])
    assert clock() == 1000.0
    now[0], asleep[0] = 1001.0, 50.016
    assert clock() == 1001.0
    now[0], asleep[0] = 3521.0, 2570.0  # 42 minutes
    assert clock() == 1001.0
    now[0], asleep[0] = 3521.0, 2570.9
    assert clock() == 1001.0
    now[0] = 3522.5
    assert clock() == 1002.5


def test_no_deadline_fires_for_the_time_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the monotonic clock counts sleep, a timeout does not fire on waking."""

    async def go() -> None:
        loop = asyncio.get_running_loop()
        gap = [0.0]
        monkeypatch.setattr(loop, "time", lambda: time.monotonic() + gap[0])
        monkeypatch.setattr(clocks, "_SYSTEM", "win32")
        monkeypatch.setattr(clocks, "seconds_suspended", lambda: gap[0])
        fired: list[str] = []
        with clocks.awake_time(loop):
            loop.call_later(60.0, fired.append, "deadline")
            gap[0] = 2520.0
            async with asyncio.timeout(30):
                for _ in range(20):
                    await asyncio.sleep(0)
            assert fired == []
        await asyncio.sleep(0.01)  # without it, the same deadline has long passed
        assert fired == ["deadline"]

    run_async(go(), timeout=10_000)  # its own deadline sees the clock that counts sleep


def test_keeping_awake_leaves_no_thread() -> None:
    """Whether or not keeping awake works, its thread ends with the block."""

    async def go() -> None:
        for wanted in (False, True):
            async with keep_awake.stay_awake(wanted):
                assert any(thread.name == "po-pw-awake" for thread in threading.enumerate()) is wanted
            for thread in threading.enumerate():
                if thread.name == "po-pw-awake":
                    thread.join(10)
                    assert not thread.is_alive()

    run_async(go())
