"""The scheduler's asynchronous interface: waiting workers wake up, and no order is lost."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
from typing import TYPE_CHECKING

import pytest

from po_pw import models
from po_pw.dispatch import order_queue
from po_pw.dispatch import scheduler as schedulers
from po_pw.processing import limiter as places_to_work
from tests.helpers.support import run_async

if TYPE_CHECKING:
    from collections.abc import Callable

ONE, TWO, THREE = (models.WorkerId(f"w{n}") for n in (1, 2, 3))


def made(count: int, *workers: models.WorkerId) -> tuple[schedulers.Scheduler, order_queue.OrderQueue]:
    orders = [models.PurchaseOrder(models.OrderKey(f"PO-{n}"), f"PO-{n}", f"http://x/{n}", row=n) for n in range(count)]
    scheduler = schedulers.Scheduler(orders, workers)
    return scheduler, order_queue.OrderQueue(scheduler)


async def leased(work: order_queue.WorkSource, worker: models.WorkerId) -> models.Lease:
    lease = await work.lease(worker)
    assert lease is not None
    return lease


async def settle_all(work: order_queue.WorkSource, worker: models.WorkerId) -> int:
    done = 0
    while (lease := await work.lease(worker)) is not None:
        await work.release(lease, order_queue.Settled())
        done += 1
    return done


async def waiting(task: asyncio.Task[models.Lease | None]) -> None:
    """Lets the task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done()


@dataclasses.dataclass
class Meeting:
    """Counts workers at once; each waits until the expected number is there."""

    together: int
    present: int = 0
    peak: int = 0
    all_there: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)

    async def attend(self) -> None:
        self.present += 1
        self.peak = max(self.peak, self.present)
        if self.present == self.together:
            self.all_there.set()
        await self.all_there.wait()
        self.present -= 1


def test_workers_work_at_once_and_each_order_once() -> None:
    """Three workers have leases at once, each order is settled once, and then all workers end."""

    async def body() -> None:
        scheduler, work = made(12, ONE, TWO, THREE)
        meeting = Meeting(3)
        seen: collections.Counter[models.OrderKey] = collections.Counter()

        async def worker(name: models.WorkerId) -> None:
            while (lease := await work.lease(name)) is not None:
                await meeting.attend()
                seen[lease.order.key] += 1
                await work.release(lease, order_queue.Settled())

        async with asyncio.TaskGroup() as tasks:
            for name in (ONE, TWO, THREE):
                tasks.create_task(worker(name))
        assert meeting.peak == 3
        assert len(seen) == seen.total() == 12
        assert scheduler.is_drained()

    run_async(body())


def test_who_waits_gets_what_another_puts_back() -> None:
    """A waiting worker gets an order that is requeued, as its next attempt."""

    async def body() -> None:
        _, work = made(1, ONE, TWO)
        lease = await leased(work, ONE)
        waiter = asyncio.create_task(work.lease(TWO))
        await waiting(waiter)
        await work.release(lease, order_queue.Requeue(0.0, counts=True))
        again = await waiter
        assert again is not None
        assert (again.order, again.worker, again.attempt) == (lease.order, TWO, 2)

    run_async(body())


def test_who_waits_is_told_when_all_is_settled() -> None:
    """After the last order all waiting workers end."""

    async def body() -> None:
        _, work = made(1, ONE, TWO, THREE)
        lease = await leased(work, ONE)
        waiters = [asyncio.create_task(work.lease(name)) for name in (TWO, THREE)]
        for waiter in waiters:
            await waiting(waiter)
        await work.release(lease, order_queue.Settled())
        assert await asyncio.gather(*waiters) == [None, None]

    run_async(body())


class Counting(schedulers.Scheduler):
    """Counts how often it is called."""

    asked = 0

    def take(
        self, worker: models.WorkerId, now: float, held: Callable[[models.PurchaseOrder], bool] | None = None
    ) -> models.Lease | schedulers.WaitUntil | schedulers.Drained:
        self.asked += 1
        return super().take(worker, now, held)


def test_orders_come_when_they_are_due() -> None:
    """Delayed orders come when they are due, without polling."""

    async def body() -> None:
        orders = [models.PurchaseOrder(models.OrderKey(po), po, "http://x", row=0) for po in ("late", "early")]
        scheduler = Counting(orders, [ONE])
        work = order_queue.OrderQueue(scheduler)
        late, early = await leased(work, ONE), await leased(work, ONE)
        await work.release(late, order_queue.Requeue(0.2, counts=False))
        await work.release(early, order_queue.Requeue(0.02, counts=False))
        scheduler.asked = 0
        assert (await leased(work, ONE)).order == early.order
        assert (await leased(work, ONE)).order == late.order
        assert scheduler.asked <= 4  # each: once to learn when, once to take

    run_async(body())


def test_an_earlier_order_shortens_the_wait() -> None:
    """A worker that waits for a later order gets one that is requeued for now."""

    async def body() -> None:
        _, work = made(2, ONE)
        far, near = await leased(work, ONE), await leased(work, ONE)
        await work.release(far, order_queue.Requeue(3600.0, counts=True))
        waiter = asyncio.create_task(work.lease(ONE))
        await waiting(waiter)
        await work.release(near, order_queue.Requeue(0.0, counts=True))
        got = await waiter
        assert got is not None
        assert got.order == near.order

    run_async(body())


def test_orders_may_come_later() -> None:
    """Workers wait for added orders, and end once the queue is closed."""

    async def body() -> None:
        scheduler = schedulers.Scheduler([], [ONE], open_ended=True)
        work = order_queue.OrderQueue(scheduler)
        for po in ("PO-1", "PO-2"):
            waiter = asyncio.create_task(work.lease(ONE))
            await waiting(waiter)
            work.add(models.PurchaseOrder(models.OrderKey(po), po, "http://x", row=0))
            lease = await waiter
            assert lease is not None
            assert lease.order.po_number == po
            await work.release(lease, order_queue.Settled())
        waiter = asyncio.create_task(work.lease(ONE))
        await waiting(waiter)
        work.close()
        assert await waiter is None
        assert scheduler.is_drained()

    run_async(body())


def test_stop_wakes_everybody() -> None:
    """After `stop` no worker gets an order; leases can be released."""

    async def body() -> None:
        scheduler, work = made(3, ONE)
        first = await leased(work, ONE)
        second, third = await leased(work, ONE), await leased(work, ONE)
        await work.release(second, order_queue.Requeue(3600.0, counts=True))
        work.join(TWO)
        waiters = [asyncio.create_task(work.lease(name)) for name in (ONE, TWO)]
        for waiter in waiters:
            await waiting(waiter)
        work.stop()
        work.stop()
        assert await asyncio.gather(*waiters) == [None, None]
        assert await work.lease(ONE) is None
        await work.release(first, order_queue.Settled())
        await work.release(third, order_queue.Requeue(0.0, counts=False))
        assert await work.lease(ONE) is None
        assert (scheduler.settled(), scheduler.waiting(), scheduler.out()) == (1, 2, 0)

    run_async(body())


def test_cancelled_waiters_strand_nothing() -> None:
    """A cancelled wait leaves the order for another worker."""

    async def body() -> None:
        for turns in range(6):
            scheduler, work = made(1, ONE, TWO)
            lease = await leased(work, ONE)
            waiter = asyncio.create_task(work.lease(TWO))
            await waiting(waiter)
            await work.release(lease, order_queue.Requeue(0.0, counts=True))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiter.cancel()
            (got,) = await asyncio.gather(waiter, return_exceptions=True)
            if isinstance(got, models.Lease):  # it came before the cancellation, and is the caller's
                assert scheduler.out() == 1
                await work.release(got, order_queue.Settled())
            else:
                assert isinstance(got, asyncio.CancelledError)
                assert (scheduler.out(), scheduler.waiting()) == (0, 1)
                assert await settle_all(work, ONE) == 1
            assert scheduler.is_drained()

    run_async(body())


def test_a_worker_that_leaves_strands_nothing() -> None:
    """A cancelled worker's lease and orders go to a waiting one."""

    async def body() -> None:
        scheduler, work = made(2, ONE, TWO)
        held = [await leased(work, ONE), await leased(work, TWO)]
        waiter = asyncio.create_task(work.lease(TWO))
        await waiting(waiter)
        work.leave(ONE)
        got = await waiter
        assert got is not None
        assert got.order == held[0].order
        with pytest.raises(schedulers.StaleLeaseError):
            await work.release(held[0], order_queue.Settled())
        with pytest.raises(schedulers.NotJoinedError):
            await work.lease(ONE)
        for lease in (held[1], got):
            await work.release(lease, order_queue.Settled())
        assert scheduler.is_drained()

    run_async(body())


def test_cancelled_workers_strand_nothing() -> None:
    """Whenever workers are cancelled, the next one settles the rest, each once."""

    async def body() -> None:
        for turns in range(0, 30, 3):
            scheduler, work = made(10)
            seen: collections.Counter[models.OrderKey] = collections.Counter()

            async def worker(
                name: models.WorkerId, work: order_queue.OrderQueue, seen: collections.Counter[models.OrderKey]
            ) -> None:
                work.join(name)
                try:
                    while (lease := await work.lease(name)) is not None:
                        await asyncio.sleep(0)
                        if lease.attempt == 1:
                            await work.release(lease, order_queue.Requeue(0.0, counts=True))
                        else:
                            await work.release(lease, order_queue.Settled())
                            seen[lease.order.key] += 1
                finally:
                    work.leave(name)

            tasks = [asyncio.create_task(worker(name, work, seen)) for name in (ONE, TWO)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert scheduler.out() == 0
            await worker(THREE, work, seen)
            assert len(seen) == seen.total() == 10
            assert scheduler.is_drained()

    run_async(body())


def test_parked_orders_are_given_out_again_when_nothing_else_is_left() -> None:
    """When only parked orders are left, the callback is called and all are leased again."""

    async def body() -> None:
        scheduler = schedulers.Scheduler(
            [models.PurchaseOrder(models.OrderKey(f"PO-{n}"), f"PO-{n}", f"http://x/{n}", row=n) for n in range(3)],
            [ONE, TWO],
        )
        told: list[list[int]] = []
        work = order_queue.OrderQueue(
            scheduler, on_only_parked=lambda: told.append([parked.row for parked in work.parked()])
        )
        first, second = await leased(work, ONE), await leased(work, ONE)
        await work.release(first, order_queue.Parked())
        await work.release(second, order_queue.Parked())
        third = await leased(work, TWO)
        waiter = asyncio.create_task(work.lease(ONE))
        await waiting(waiter)
        assert not told
        await work.release(third, order_queue.Settled())
        again = await waiter
        assert again is not None
        assert (told, again.attempt) == ([[first.order.row, second.order.row]], 1)
        await work.release(again, order_queue.Settled())
        assert await settle_all(work, TWO) == 1
        assert len(told) == 1

    run_async(body())


def test_an_order_that_is_unparked_wakes_who_waits() -> None:
    """An unparked order is leased at once; unparking others has no effect."""

    async def body() -> None:
        told: list[bool] = []
        scheduler, work = made(2, ONE, TWO)
        work = order_queue.OrderQueue(scheduler, on_only_parked=lambda: told.append(True))
        parked, out = await leased(work, ONE), await leased(work, TWO)
        await work.release(parked, order_queue.Parked())
        waiter = asyncio.create_task(work.lease(ONE))
        await waiting(waiter)
        work.unpark([parked.order.key, out.order.key])
        again = await waiter
        assert again is not None
        assert again.order == parked.order
        await work.release(again, order_queue.Settled())
        await work.release(out, order_queue.Settled())
        assert await work.lease(ONE) is None
        assert not told

    run_async(body())


def test_what_is_parked_at_a_stop_stays_so() -> None:
    """A parked order has no outcome after a stop, and the next run reads it."""

    async def body() -> None:
        scheduler, _ = made(1, ONE)
        told: list[bool] = []
        work = order_queue.OrderQueue(scheduler, on_only_parked=lambda: told.append(True))
        await work.release(await leased(work, ONE), order_queue.Parked())
        work.stop()
        assert await work.lease(ONE) is None
        assert (told, scheduler.waiting(), scheduler.settled()) == ([], 1, 0)

    run_async(body())


def test_a_feed_that_is_open_decides_what_is_parked_too() -> None:
    """Parked orders are decided although more may be added."""

    async def body() -> None:
        scheduler = schedulers.Scheduler([], [ONE], open_ended=True)
        told: list[bool] = []
        work = order_queue.OrderQueue(scheduler, on_only_parked=lambda: told.append(True))
        work.add(models.PurchaseOrder(models.OrderKey("PO-1"), "PO-1", "http://x/1"))
        await work.release(await leased(work, ONE), order_queue.Parked())
        assert (await leased(work, ONE)).order.key == "PO-1"
        assert told == [True]

    run_async(body())


def test_thefts_are_told() -> None:
    """The callback gets thief, victim and number; if it fails, the order is not lost."""

    async def body() -> None:
        heard: list[tuple[models.WorkerId, models.WorkerId, int]] = []
        scheduler, _ = made(7, ONE)

        def hear(thief: models.WorkerId, victim: models.WorkerId, count: int) -> None:
            heard.append((thief, victim, count))
            if thief == THREE:
                raise LookupError(thief)

        work = order_queue.OrderQueue(scheduler, on_steal=hear)
        work.join(TWO)
        work.join(THREE)
        await leased(work, TWO)
        assert heard == [(TWO, ONE, 4)]
        with pytest.raises(LookupError):
            await work.lease(THREE)
        assert (scheduler.out(), scheduler.waiting()) == (1, 6)
        work.leave(TWO)
        assert await settle_all(work, ONE) == 7

    run_async(body())


def test_a_retired_worker_that_is_still_there_can_be_called_back() -> None:
    """A retired worker gets nothing until `unretire`; both wake it."""

    async def body() -> None:
        scheduler, work = made(2, ONE)
        first = await leased(work, ONE)
        work.retire(ONE)
        assert await work.lease(ONE) is None
        assert not work.is_over()
        work.unretire(ONE)
        second = await leased(work, ONE)
        waiter = asyncio.create_task(work.lease(ONE))
        await waiting(waiter)
        work.retire(ONE)
        assert await waiter is None
        for lease in (first, second):
            await work.release(lease, order_queue.Settled())
        assert work.is_over()
        assert scheduler.is_drained()

    run_async(body())


def test_orders_that_are_held_are_passed_over() -> None:
    """Blocked orders are skipped wherever they wait, and the queue is not drained."""
    orders = [models.PurchaseOrder(models.OrderKey(f"PO-{n}"), f"PO-{n}", "http://x", row=n) for n in range(6)]
    scheduler = schedulers.Scheduler(orders, [ONE, TWO])
    held = {"PO-0", "PO-2", "PO-4"}

    def taken(now: float = 0.0) -> list[str]:
        found = []
        while isinstance(got := scheduler.take(ONE, now, lambda order: order.po_number in held), models.Lease):
            found.append(got.order.po_number)
            scheduler.requeue(got, 50.0, counts=False) if got.order.po_number == "PO-3" else scheduler.settle(got)
        assert isinstance(got, schedulers.WaitUntil)
        assert got.when == (50.0 if now < 50.0 else None)
        return found

    assert taken() == ["PO-1", "PO-5", "PO-3"]
    assert taken(49.0) == []
    held.add("PO-3")
    scheduler.take(TWO, 60.0, lambda order: order.po_number in held)
    held.remove("PO-3")
    again = scheduler.take(ONE, 60.0, lambda order: order.po_number in held)
    assert isinstance(again, models.Lease)
    assert again.order.po_number == "PO-3"
    scheduler.settle(again)
    assert taken(60.0) == []
    held.clear()
    for _ in range(3):
        rest = scheduler.take(ONE, 60.0, lambda _: False)
        assert isinstance(rest, models.Lease)
        scheduler.settle(rest)
    assert isinstance(scheduler.take(ONE, 60.0, lambda _: True), schedulers.Drained)


def test_turns_follow_what_is_allowed() -> None:
    """The limit may change: those inside stay, and nobody enters."""

    async def body() -> None:
        allowed = 2
        places = places_to_work.Limiter(lambda: allowed)
        await places.acquire()
        await places.acquire()
        third = asyncio.create_task(places.acquire())
        await asyncio.sleep(0)
        assert not third.done()
        allowed = 1
        places.release()
        await asyncio.sleep(0)
        assert not third.done()
        places.release()
        await third
        fourth = asyncio.create_task(places.acquire())
        await asyncio.sleep(0)
        fourth.cancel()
        await asyncio.gather(fourth, return_exceptions=True)
        places.release()
        async with places:
            assert "nobody else is left in"

    run_async(body())
