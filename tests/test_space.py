"""Short of disk the run pauses, and goes on by itself."""

from __future__ import annotations

import asyncio

import pytest

from po_pw import errors, models
from po_pw.engine import scheduler as schedulers
from po_pw.engine import source, space
from tests.support import IN_TIME, run_async, until

GB = 10**9
ONE = models.WorkerId("w1")


class Watched:
    """A file system that the test fills and empties."""

    def __init__(self, patience: float = 3600.0, least: int = GB // 2) -> None:
        self.free, self.total = 5 * GB, 100 * GB
        self.said: list[str] = []
        self.paused: list[bool] = []
        self.space = space.Space(
            lambda: space.Reading(self.free, self.total), least, patience, say=self.said.append,
            paused=self.paused.append, every=0.005,
        )  # fmt: skip

    async def __aenter__(self) -> Watched:
        self.task = asyncio.create_task(self.space.watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def test_a_small_file_system_is_not_asked_for_more_than_a_twentieth() -> None:
    """500 MB of a disk, 300 kB of a tmpfs of 6 MB; nothing where nothing is asked for."""
    assert space.floor(GB // 2, 100 * GB) == GB // 2
    assert space.floor(GB // 2, 6_000_000) == 300_000
    assert space.floor(0, 100 * GB) == 0


def test_below_the_floor_it_pauses_once_and_goes_on_by_itself() -> None:
    """Said once each, with what is free and what is needed; whoever waits for room gets it."""

    async def go() -> None:
        async with Watched() as disk:
            disk.free = GB // 10
            await until(lambda: disk.paused == [True])
            waiter = asyncio.create_task(disk.space.wait())
            await asyncio.sleep(0.02)
            assert not waiter.done()
            disk.free = GB
            await until(lambda: disk.paused == [True, False])
            await waiter
            assert len(disk.said) == 2
            assert "100 MB free, 500 MB needed" in disk.said[0]
            assert "1.0 GB free" in disk.said[1]

    run_async(go())


def test_no_room_for_too_long_ends_the_run() -> None:
    """After `disk_timeout` the watch raises what ends the run with exit code 3, and says how to go on."""

    async def go() -> None:
        async with Watched(patience=0.02) as disk:
            disk.free = 0
            with pytest.raises(errors.OutOfSpace, match="same command again"):
                await disk.task

    run_async(go())


def test_a_full_disk_that_is_met_pauses_though_there_seems_to_be_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quota, or one file larger than what is free: it is tried again after a while, and given up in the end."""
    monkeypatch.setattr(space, "_FIRST_WAIT", 0.02)

    async def go() -> None:
        async with Watched(patience=0.05) as disk:
            full = errors.OutOfSpace("no space is left in /out")
            disk.space.met(full)
            disk.space.met(full)  # of two files at once, one says so
            assert disk.paused == [True]
            await until(lambda: disk.paused == [True, False])
            async with asyncio.timeout(IN_TIME):
                while not disk.task.done():
                    disk.space.met(full)
                    await asyncio.sleep(0.001)
            assert isinstance(disk.task.exception(), errors.OutOfSpace)

    run_async(go())


def test_an_order_that_came_through_starts_the_patience_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where some files fit and others do not, the run goes on for as long as there are some that do."""
    monkeypatch.setattr(space, "_FIRST_WAIT", 0.001)

    async def go() -> None:
        async with Watched(patience=0.05) as disk:
            for _ in range(30):
                disk.space.met(errors.OutOfSpace("full"))
                await until(lambda: disk.paused[-1] is False)
                disk.space.progressed()
            assert not disk.task.done()

    run_async(go())


def test_a_file_system_that_is_gone_is_not_this_ones_matter() -> None:
    """A reading that fails pauses nothing: whoever writes there meets it."""

    async def go() -> None:
        async with Watched() as disk:

            def read() -> space.Reading:
                asked.append(1)
                raise FileNotFoundError

            asked: list[int] = []
            disk.space._read = read
            await until(lambda: len(asked) > 2)
            assert disk.paused == []
            assert not disk.task.done()

    run_async(go())


def test_while_paused_no_order_is_given_out() -> None:
    """Who asks waits, and gets one when the pause is over; a stop sends home, what is out can come back."""

    async def go() -> None:
        orders = [models.PurchaseOrder(models.OrderKey(po), po, "http://x") for po in ("PO-1", "PO-2")]
        work = source.LocalSource(schedulers.Scheduler(orders, [ONE]))
        first = await work.lease(ONE)
        assert first is not None
        work.pause(True)
        waiter = asyncio.create_task(work.lease(ONE))
        await asyncio.sleep(0)
        await work.release(first, source.PutBack(0.0, counts=False))
        await asyncio.sleep(0)
        assert not waiter.done()
        work.pause(False)
        again = await waiter
        assert again is not None
        assert again.attempt == 1
        work.pause(True)
        waiter = asyncio.create_task(work.lease(ONE))
        await asyncio.sleep(0)
        work.stop()
        assert await waiter is None

    run_async(go())
