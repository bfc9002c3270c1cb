"""The queue from which workers lease orders: an asynchronous interface to the scheduler."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Protocol

from po_pw import models
from po_pw.dispatch import scheduler as schedulers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """The order has its outcome."""


@dataclasses.dataclass(frozen=True, slots=True)
class Requeue:
    """The order is to be retried."""

    delay: float
    """Seconds until it may be leased."""
    counts: bool
    """Whether it counts as an attempt."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parked:
    """The order was read, and waits until more is known about its portal; does not count as an attempt."""


class WorkSource(Protocol):
    """Leases orders to workers and takes them back."""

    async def lease(self, worker: models.WorkerId) -> models.Lease | None:
        """Waits for the next order; None if there will be no more, or the source was stopped."""
        ...

    async def release(self, lease: models.Lease, result: Settled | Requeue | Parked) -> None:
        """Gives an order back."""
        ...


class Gate(Protocol):
    """Decides which orders may not be leased at present."""

    def expect(self, orders: Iterable[models.PurchaseOrder]) -> None:
        """Announces the orders that `blocks_all` is about."""
        ...

    def blocks_all(self, now: float) -> bool:
        """Whether all orders are blocked."""
        ...

    def blocked(self, now: float) -> tuple[Callable[[models.PurchaseOrder], bool], ...]:
        """Filters for blocked orders, in order of preference; empty if none is blocked."""
        ...

    def next_change(self, now: float) -> float | None:
        """When that changes without an event, in monotonic seconds; None if it does not."""
        ...

    def is_abandoned(self, order: models.PurchaseOrder) -> bool:
        """Whether this order is blocked for good."""
        ...

    def leased(self, lease: models.Lease, now: float) -> None:
        """Records that an order was leased."""
        ...

    def released(self, lease: models.Lease, *, settled: bool) -> None:
        """Records that it was returned or settled."""
        ...


class OrderQueue:
    """The work source of one machine.

    Only the waiting is asynchronous, so a cancelled `lease()` leaves no lease behind. Nothing is polled: a waiting
    worker wakes after a change, or when the next order is due.

    Args:
        scheduler: assigns orders to workers.
        on_steal: called with thief, victim and the number of orders stolen.
        gate: blocks orders; call `changed` when it blocks others.
        on_only_parked: called when only parked orders are left; it must unpark them.
    """

    def __init__(
        self,
        scheduler: schedulers.Scheduler,
        on_steal: Callable[[models.WorkerId, models.WorkerId, int], None] | None = None,
        gate: Gate | None = None,
        on_only_parked: Callable[[], None] = lambda: None,
    ) -> None:
        self._scheduler = scheduler
        self._on_steal = on_steal
        self._gate = gate
        self._on_only_parked = on_only_parked
        self._paused_by: set[str] = set()
        self._changed = asyncio.Event()
        self._stopped = False
        self._retired: set[models.WorkerId] = set()

    async def lease(self, worker: models.WorkerId) -> models.Lease | None:
        """Waits for this worker's next order; None if all are settled, the queue is stopped, or the worker is retired.

        Raises:
            NotJoinedError: the worker has left or never joined.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        while not self._stopped and worker not in self._retired:
            result = self._take(worker, now)
            is_abandoned = self._gate.is_abandoned if self._gate is not None else None
            if isinstance(result, schedulers.WaitUntil) and self._scheduler.only_parked(is_abandoned):
                self._on_only_parked()
                self.unpark([order.key for order in self._scheduler.parked()])
                result = self._take(worker, now)
            if isinstance(result, schedulers.Drained):
                return None
            if isinstance(result, models.Lease):
                self._announce(result)
                if self._gate is not None:
                    self._gate.leased(result, now)
                return result
            changed = self._changed
            try:
                async with asyncio.timeout_at(result.when):
                    await changed.wait()
            except TimeoutError:
                # A timer may fire a clock tick early: the order counts as due anyway.
                now = max(loop.time(), result.when or 0.0)
            else:
                now = loop.time()
        return None

    def _take(self, worker: models.WorkerId, now: float) -> models.Lease | schedulers.WaitUntil | schedulers.Drained:
        gate = self._gate
        if self._paused_by:
            return self._nothing(None)
        if gate is None:
            return self._scheduler.take(worker, now)
        opens = gate.next_change(now)
        if gate.blocks_all(now):
            return self._nothing(opens)
        result = self._scheduler.take(worker, now) if not (choices := gate.blocked(now)) else None
        for is_blocked in choices:
            result = self._scheduler.take(worker, now, is_blocked)
            if isinstance(result, models.Lease):
                break
        if isinstance(result, schedulers.WaitUntil) and opens is not None:
            return schedulers.WaitUntil(opens if result.when is None else min(opens, result.when))
        return result if result is not None else self._nothing(opens)

    def _nothing(self, when: float | None) -> schedulers.WaitUntil | schedulers.Drained:
        return schedulers.Drained() if self._scheduler.is_drained() else schedulers.WaitUntil(when)

    async def release(self, lease: models.Lease, result: Settled | Requeue | Parked) -> None:
        """Gives an order back.

        Raises:
            StaleLeaseError: it was already given back.
        """
        if self._gate is not None:
            self._gate.released(lease, settled=isinstance(result, Settled))
        if isinstance(result, Settled):
            self._scheduler.settle(lease)
        elif isinstance(result, Parked):
            self._scheduler.park(lease)
        else:
            not_before = asyncio.get_running_loop().time() + result.delay
            self._scheduler.requeue(lease, not_before, counts=result.counts)
        self._wake()

    def parked(self) -> list[models.PurchaseOrder]:
        """Orders that wait until more is known about their portal."""
        return self._scheduler.parked()

    def unpark(self, keys: Iterable[models.OrderKey]) -> None:
        """Lets parked orders be leased again."""
        for key in keys:
            self._scheduler.unpark(key)
        self._wake()

    def add(self, order: models.PurchaseOrder) -> None:
        """Adds an order; the scheduler must be open-ended."""
        self._scheduler.add(order)
        if self._gate is not None:
            self._gate.expect([order])
        self._wake()

    def close(self) -> None:
        """Ends adding orders; waiting workers get None once the last is settled."""
        self._scheduler.close()
        self._wake()

    def stop(self) -> None:
        """Leases no more orders; waiting workers get None. Call it on the loop's thread; may be repeated.

        Leased orders can still be released.
        """
        self._stopped = True
        self._wake()

    def pause(self, by: str) -> None:
        """Leases no orders until `resume`; workers wait meanwhile.

        Args:
            by: the reason. The queue is paused until `resume` was called for every reason.
        """
        self._paused_by.add(by)
        self._wake()

    def resume(self, by: str) -> None:
        """Leases orders again, unless the queue is paused for another reason, too."""
        self._paused_by.discard(by)
        self._wake()

    def changed(self) -> None:
        """Wakes waiting workers because the gate may have changed."""
        self._wake()

    def is_over(self) -> bool:
        """Whether no more orders will be leased."""
        return self._stopped or self._scheduler.is_drained()

    def retire(self, worker: models.WorkerId) -> None:
        """Gives this worker no more orders; it finishes those in progress."""
        self._retired.add(worker)
        self._wake()

    def unretire(self, worker: models.WorkerId) -> None:
        """Reverses `retire` for a worker that has not left."""
        self._retired.discard(worker)
        self._wake()

    def is_retired(self, worker: models.WorkerId) -> bool:
        """Whether the worker was retired."""
        return worker in self._retired

    def join(self, worker: models.WorkerId) -> None:
        """Adds a worker, or reverses `retire`."""
        self._retired.discard(worker)
        self._scheduler.join(worker)

    def leave(self, worker: models.WorkerId) -> None:
        """Removes a worker; its waiting orders and leases go to the others."""
        if self._gate is not None:
            for lease in self._scheduler.leases(worker):
                self._gate.released(lease, settled=False)
        self._scheduler.leave(worker)
        self._wake()

    def _announce(self, lease: models.Lease) -> None:
        if lease.stolen_from is None or self._on_steal is None:
            return
        try:
            self._on_steal(lease.worker, lease.stolen_from, self._scheduler.waiting_for(lease.worker) + 1)
        except BaseException:
            # No worker has the lease yet: the listener's error must not lose it.
            self._scheduler.requeue(lease, 0.0, counts=False)
            self._wake()
            raise

    def _wake(self) -> None:
        # A new event for each change: each waiting worker wakes exactly once per change.
        self._changed.set()
        self._changed = asyncio.Event()
