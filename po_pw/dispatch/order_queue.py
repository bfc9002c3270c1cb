"""Where workers get their orders: the asynchronous face of the scheduler; several machines would be another."""

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
    """The order is to be tried again."""

    delay: float
    """Seconds before anyone may take it."""
    counts: bool
    """Whether it was an attempt."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parked:
    """The order has been read, and waits until more is known of its portal; it was no attempt."""


class WorkSource(Protocol):
    """Gives orders out and takes them back."""

    async def lease(self, worker: models.WorkerId) -> models.Lease | None:
        """The next order, as soon as there is one; None when there will be none, or the source was stopped."""
        ...

    async def release(self, lease: models.Lease, verdict: Settled | Requeue | Parked) -> None:
        """Gives an order back."""
        ...


class Gate(Protocol):
    """Says which orders may not be given out at present."""

    def expect(self, orders: Iterable[models.PurchaseOrder]) -> None:
        """These will be asked for; `holds_all` is about them."""
        ...

    def holds_all(self, now: float) -> bool:
        """Whether none may be."""
        ...

    def held(self, now: float) -> tuple[Callable[[models.PurchaseOrder], bool], ...]:
        """What may not be, the most wanted choice first; empty: everything may."""
        ...

    def next_change(self, now: float) -> float | None:
        """When that changes by itself; None: it does not."""
        ...

    def is_gone(self, order: models.PurchaseOrder) -> bool:
        """Whether this order may not be given out any more at all."""
        ...

    def leased(self, lease: models.Lease, now: float) -> None:
        """An order was given out."""
        ...

    def released(self, lease: models.Lease, *, settled: bool) -> None:
        """It came back, or is settled."""
        ...


class OrderQueue:
    """One machine's source.

    Everything but the waiting is synchronous, so a cancelled `lease()` holds nothing. Nothing is polled: who waits is
    woken by a change, or when the next order falls due.

    Args:
        scheduler: who works on what.
        on_steal: called with thief, victim and how many orders were taken over.
        gate: what may not be given out at present; whoever changes that calls `changed`.
        on_only_parked: called when nothing is left but parked orders, which then are all given out again.
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
        self._paused = False
        self._changed = asyncio.Event()
        self._stopped = False
        self._retired: set[models.WorkerId] = set()

    async def lease(self, worker: models.WorkerId) -> models.Lease | None:
        """The next order for this worker; waits while one may come back. None: drained, stopped, or it is retired.

        Raises:
            NotJoinedError: the worker has left, or never joined.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        while not self._stopped and worker not in self._retired:
            got = self._take(worker, now)
            is_gone = self._gate.is_gone if self._gate is not None else None
            if isinstance(got, schedulers.WaitUntil) and self._scheduler.only_parked(is_gone):
                self._on_only_parked()
                self.unpark([order.key for order in self._scheduler.parked()])
                got = self._take(worker, now)
            if isinstance(got, schedulers.Drained):
                return None
            if isinstance(got, models.Lease):
                self._announce(got)
                if self._gate is not None:
                    self._gate.leased(got, now)
                return got
            changed = self._changed
            try:
                async with asyncio.timeout_at(got.when):
                    await changed.wait()
            except TimeoutError:
                # Timers may fire a clock tick early: what was waited for is due all the same.
                now = max(loop.time(), got.when or 0.0)
            else:
                now = loop.time()
        return None

    def _take(self, worker: models.WorkerId, now: float) -> models.Lease | schedulers.WaitUntil | schedulers.Drained:
        gate = self._gate
        if self._paused:
            return self._nothing(None)
        if gate is None:
            return self._scheduler.take(worker, now)
        opens = gate.next_change(now)
        if gate.holds_all(now):
            return self._nothing(opens)
        got = self._scheduler.take(worker, now) if not (choices := gate.held(now)) else None
        for held in choices:
            got = self._scheduler.take(worker, now, held)
            if isinstance(got, models.Lease):
                break
        if isinstance(got, schedulers.WaitUntil) and opens is not None:
            return schedulers.WaitUntil(opens if got.when is None else min(opens, got.when))
        return got if got is not None else self._nothing(opens)

    def _nothing(self, when: float | None) -> schedulers.WaitUntil | schedulers.Drained:
        return schedulers.Drained() if self._scheduler.is_drained() else schedulers.WaitUntil(when)

    async def release(self, lease: models.Lease, verdict: Settled | Requeue | Parked) -> None:
        """Gives an order back.

        Raises:
            StaleLeaseError: it was given back before.
        """
        if self._gate is not None:
            self._gate.released(lease, settled=isinstance(verdict, Settled))
        if isinstance(verdict, Settled):
            self._scheduler.settle(lease)
        elif isinstance(verdict, Parked):
            self._scheduler.park(lease)
        else:
            not_before = asyncio.get_running_loop().time() + verdict.delay
            self._scheduler.put_back(lease, not_before, counts=verdict.counts)
        self._wake()

    def parked(self) -> list[models.PurchaseOrder]:
        """Orders that wait until more is known of their portal."""
        return self._scheduler.parked()

    def unpark(self, keys: Iterable[models.OrderKey]) -> None:
        """These orders may be given out again."""
        for key in keys:
            self._scheduler.unpark(key)
        self._wake()

    def add(self, order: models.PurchaseOrder) -> None:
        """One more order, where the scheduler is open-ended."""
        self._scheduler.add(order)
        if self._gate is not None:
            self._gate.expect([order])
        self._wake()

    def close(self) -> None:
        """No more orders will be added; whoever waits for one learns it when the last is settled."""
        self._scheduler.close()
        self._wake()

    def stop(self) -> None:
        """No more orders are given out; whoever waits for one is told so. From the loop's thread, as often as wanted.

        What is out can still be released.
        """
        self._stopped = True
        self._wake()

    def pause(self, paused: bool) -> None:
        """While paused no orders are given out; whoever asks waits."""
        self._paused = paused
        self._wake()

    def changed(self) -> None:
        """The gate holds other orders than before: whoever waits looks again."""
        self._wake()

    def is_over(self) -> bool:
        """Whether there is nothing more to give out, ever."""
        return self._stopped or self._scheduler.is_drained()

    def retire(self, worker: models.WorkerId) -> None:
        """This worker gets no more orders; what it has in progress it finishes."""
        self._retired.add(worker)
        self._wake()

    def unretire(self, worker: models.WorkerId) -> None:
        """A worker that was retired, and has not left yet, gets orders again."""
        self._retired.discard(worker)
        self._wake()

    def is_retired(self, worker: models.WorkerId) -> bool:
        """Whether it gets no more."""
        return worker in self._retired

    def join(self, worker: models.WorkerId) -> None:
        """A worker is there; one that was retired works again."""
        self._retired.discard(worker)
        self._scheduler.join(worker)

    def leave(self, worker: models.WorkerId) -> None:
        """A worker goes; what it had waiting or still in progress is for the others."""
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
            # Nobody has the lease yet: it must not be lost with the listener's error.
            self._scheduler.put_back(lease, 0.0, counts=False)
            self._wake()
            raise

    def _wake(self) -> None:
        # A new event for each change: whoever waits on the old one is woken exactly once.
        self._changed.set()
        self._changed = asyncio.Event()
