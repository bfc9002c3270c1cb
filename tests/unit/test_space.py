"""Without disk space the run pauses, and continues by itself."""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING

import pytest

from po_pw import errors, models
from po_pw.dispatch import order_queue
from po_pw.dispatch import scheduler as schedulers
from po_pw.machine import disk_space
from tests.helpers.support import IN_TIME, run_async, until

if TYPE_CHECKING:
    from pathlib import Path

GB = 10**9
ONE = models.WorkerId("w1")


class Watched:
    """A file system whose space the test sets."""

    def __init__(self, out: Path, patience: float = 3600.0, least: int = GB // 2) -> None:
        (out / ".po-pw").mkdir()
        self.free, self.total = 5 * GB, 100 * GB
        self.back = 0
        self.gone: OSError | None = None
        self.said: list[str] = []
        self.paused: list[bool] = []
        self.place = disk_space.OutputFolder(out)
        self.space = disk_space.DiskMonitor(
            self.read,
            least,
            patience,
            notify=self.said.append,
            on_pause=self.paused.append,
            folder=self.place,
            on_available=self.come_back,
            every=0.005,
        )

    def read(self) -> disk_space.Reading:
        if self.gone is not None:
            raise self.gone
        return disk_space.Reading(self.free, self.total)

    async def come_back(self) -> None:
        self.back += 1

    async def __aenter__(self) -> Watched:
        self.task = asyncio.create_task(self.space.watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def test_a_small_file_system_is_not_asked_for_more_than_a_twentieth() -> None:
    """500 MB of a disk, 300 kB of a 6 MB file system, nothing if nothing is required."""
    assert disk_space.required_free(GB // 2, 100 * GB) == GB // 2
    assert disk_space.required_free(GB // 2, 6_000_000) == 300_000
    assert disk_space.required_free(0, 100 * GB) == 0


def test_below_the_floor_it_pauses_once_and_goes_on_by_itself(tmp_path: Path) -> None:
    """Pause and end are each reported once, with free and needed space."""

    async def go() -> None:
        async with Watched(tmp_path) as disk:
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
            assert "1 GB free" in disk.said[1]

    run_async(go())


def test_no_room_for_too_long_ends_the_run(tmp_path: Path) -> None:
    """After `disk_timeout` the run ends with exit code 3 and how to continue."""

    async def go() -> None:
        async with Watched(tmp_path, patience=0.02) as disk:
            disk.free = 0
            with pytest.raises(errors.OutOfSpaceError, match="same command again"):
                await disk.task

    run_async(go())


def test_a_full_disk_that_is_met_pauses_though_there_seems_to_be_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a quota error the run pauses, tries again, and finally ends."""
    monkeypatch.setattr(disk_space, "_FIRST_WAIT", 0.02)

    async def go() -> None:
        async with Watched(tmp_path, patience=0.05) as disk:
            full = errors.OutOfSpaceError("no space is left in /out")
            disk.space.report_error(full)
            disk.space.report_error(full)  # of two files at once, one says so
            assert disk.paused == [True]
            await until(lambda: disk.paused == [True, False])
            async with asyncio.timeout(IN_TIME):
                while not disk.task.done():
                    disk.space.report_error(full)
                    await asyncio.sleep(0.001)
            assert isinstance(disk.task.exception(), errors.OutOfSpaceError)

    run_async(go())


def test_an_order_that_came_through_starts_the_patience_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While some files fit, the run continues."""
    monkeypatch.setattr(disk_space, "_FIRST_WAIT", 0.001)

    async def go() -> None:
        async with Watched(tmp_path, patience=0.05) as disk:
            for _ in range(30):
                disk.space.report_error(errors.OutOfSpaceError("full"))
                await until(lambda: disk.paused[-1] is False)
                disk.space.report_success()
            assert not disk.task.done()

    run_async(go())


def test_a_share_that_goes_away_is_waited_for_and_opened_again(tmp_path: Path) -> None:
    """The run pauses, says what to do, and reopens its files before it continues."""

    async def go() -> None:
        async with Watched(tmp_path) as disk:
            disk.gone = OSError(errno.EHOSTDOWN, "Host is down")
            await until(lambda: disk.paused == [True])
            assert "cannot be written to (Host is down)" in disk.said[0]
            assert "Is the network drive or the disk connected?" in disk.said[0]
            disk.gone = None
            await until(lambda: disk.paused == [True, False])
            assert disk.back == 1
            assert disk.said[1] == f"{tmp_path} can be written to again: the run continues"

    run_async(go())


def test_a_share_that_stays_away_ends_the_run(tmp_path: Path) -> None:
    """After `disk_timeout` with exit code 3, and how to continue."""

    async def go() -> None:
        async with Watched(tmp_path, patience=0.02) as disk:
            disk.gone = OSError(errno.EIO, "Input/output error")
            with pytest.raises(errors.OutputUnavailableError, match="same command again") as caught:
                await disk.task
            assert caught.value.exit_code == 3

    run_async(go())


@pytest.mark.parametrize("how", ["removed", "write-protected"])
def test_what_cannot_come_back_is_not_waited_for(tmp_path: Path, how: str) -> None:
    """A removed folder and a read-only disk end the run at once."""

    async def go() -> None:
        async with Watched(tmp_path) as disk:
            if how == "removed":
                (tmp_path / ".po-pw").rmdir()
                disk.space.report_error(errors.OutputUnavailableError(f"{tmp_path} cannot be written to"))
            else:
                disk.gone = OSError(errno.EROFS, "Read-only file system")
            with pytest.raises(errors.MachineError, match=tmp_path.name):
                await disk.task

    run_async(go())


def test_an_output_in_trouble_although_it_can_be_written_to_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six errors in a row on a writable disk end the run."""
    monkeypatch.setattr(disk_space, "_FIRST_WAIT", 0.0)

    async def go() -> None:
        async with Watched(tmp_path) as disk:
            async with asyncio.timeout(10):
                while not disk.task.done():
                    disk.space.report_error(errors.OutputUnavailableError("the journal cannot be used: disk I/O error"))
                    await asyncio.sleep(0.001)
            assert disk.back < 6
            with pytest.raises(errors.MachineError, match="the journal"):
                await disk.task

    run_async(go())


def test_a_run_that_two_have_paused_goes_on_when_both_let_it() -> None:
    """A run paused by disk and user continues after both."""

    async def go() -> None:
        one = models.PurchaseOrder(models.OrderKey("PO-1"), "PO-1", "http://x")
        work = order_queue.OrderQueue(schedulers.Scheduler([one], [ONE]))
        work.pause("user")
        work.pause("disk")
        waiter = asyncio.create_task(work.lease(ONE))
        work.resume("disk")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiter.done()
        work.resume("user")
        assert await waiter is not None

    run_async(go())


def test_while_paused_no_order_is_given_out() -> None:
    """Workers wait during a pause; a stop ends them."""

    async def go() -> None:
        orders = [models.PurchaseOrder(models.OrderKey(po), po, "http://x") for po in ("PO-1", "PO-2")]
        work = order_queue.OrderQueue(schedulers.Scheduler(orders, [ONE]))
        first = await work.lease(ONE)
        assert first is not None
        work.pause("disk")
        waiter = asyncio.create_task(work.lease(ONE))
        await asyncio.sleep(0)
        await work.release(first, order_queue.Requeue(0.0, counts=False))
        await asyncio.sleep(0)
        assert not waiter.done()
        work.resume("disk")
        again = await waiter
        assert again is not None
        assert again.attempt == 1
        work.pause("disk")
        waiter = asyncio.create_task(work.lease(ONE))
        await asyncio.sleep(0)
        work.stop()
        assert await waiter is None

    run_async(go())
