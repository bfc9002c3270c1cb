"""Assigns orders to workers: a deque per worker, and work stealing. Pure: time is passed in, nothing waits."""

from __future__ import annotations

import collections
import dataclasses
import heapq
import itertools
from typing import TYPE_CHECKING, TypeAlias

from po_pw import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    IsBlocked: TypeAlias = Callable[[models.PurchaseOrder], bool]


class StaleLeaseError(RuntimeError):
    """The lease is not active: already returned, its worker left, or from another scheduler."""


class NotJoinedError(RuntimeError):
    """The worker has not joined, or has left."""


@dataclasses.dataclass(frozen=True, slots=True)
class WaitUntil:
    """No order at present: try again at `when`, or if that is None, when a lease is returned."""

    when: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Drained:
    """Every order is settled."""


@dataclasses.dataclass(slots=True)
class _Waiting:
    order: models.PurchaseOrder
    attempt: int


class Scheduler:
    """Gives each order to one worker at a time, until it is settled.

    The orders are divided into contiguous blocks, one per worker. A worker takes from the front of its own deque; when
    that is empty, it steals half of the longest other deque, from the back. An order that was put back for later may be
    taken by any worker once it is due, before new ones.

    When a worker leaves, its orders and leases go to the others. It must have stopped working on them: those leases can
    no longer be settled or put back. So no order is processed twice and none is lost. Without workers, the orders wait
    for the next one to join.

    Args:
        orders: to distribute.
        workers: the first workers; no duplicates.
        open_ended: whether more orders may be added; then it is drained only after `close`.

    Raises:
        ValueError: a worker is named twice.
    """

    def __init__(
        self, orders: Iterable[models.PurchaseOrder], workers: Sequence[models.WorkerId], *, open_ended: bool = False
    ) -> None:
        if len(set(workers)) != len(workers):
            msg = f"a worker is named twice: {', '.join(workers)}"
            raise ValueError(msg)
        everything = [_Waiting(order, 1) for order in orders]
        self._deques: dict[models.WorkerId, collections.deque[_Waiting]] = {}
        self._unowned: collections.deque[_Waiting] = collections.deque()
        self._delayed: list[tuple[float, int, _Waiting]] = []
        self._parked: dict[models.OrderKey, _Waiting] = {}
        self._out: dict[int, models.Lease] = {}
        self._settled = 0
        self._number = 0
        self._open_ended = open_ended
        start = 0
        for index, worker in enumerate(workers):
            end = len(everything) * (index + 1) // len(workers)
            self._deques[worker] = collections.deque(everything[start:end])
            start = end
        self._unowned.extend(everything[start:])

    def __repr__(self) -> str:
        queues = " ".join(f"{worker}:{len(deque)}" for worker, deque in self._deques.items())
        return (
            f"<Scheduler {queues or 'nobody'} unowned:{len(self._unowned)} delayed:{len(self._delayed)} "
            f"parked:{len(self._parked)} out:{len(self._out)} settled:{self._settled}>"
        )

    def take(
        self, worker: models.WorkerId, now: float, is_blocked: IsBlocked | None = None
    ) -> models.Lease | WaitUntil | Drained:
        """The next order for this worker.

        If `stolen_from` of the lease is set, this call stole orders from that worker: the leased one and those now in
        the thief's deque (`waiting_for`).

        Args:
            worker: has joined.
            now: monotonic seconds.
            is_blocked: whether an order is blocked at present; None: none is. An order found past blocked ones is taken
                alone, from any deque.

        Raises:
            NotJoinedError: it has left or never joined.
        """
        own = self._deques.get(worker)
        if own is None:
            msg = f"{worker} has not joined, or has left"
            raise NotJoinedError(msg)
        if is_blocked is not None:
            return self._take_free(worker, own, now, is_blocked)
        if self._delayed and self._delayed[0][0] <= now:
            return self._lease(worker, heapq.heappop(self._delayed)[2])
        if own:
            return self._lease(worker, own.popleft())
        if self._unowned:
            return self._lease(worker, self._unowned.popleft())
        victim = max(self._deques, key=lambda name: len(self._deques[name]))
        if self._deques[victim]:
            self._steal(own, self._deques[victim])
            return self._lease(worker, own.popleft(), victim)
        if self._delayed:
            return WaitUntil(self._delayed[0][0])
        return Drained() if self.is_drained() else WaitUntil(None)

    def _take_free(
        self, worker: models.WorkerId, own: collections.deque[_Waiting], now: float, is_blocked: IsBlocked
    ) -> models.Lease | WaitUntil | Drained:
        later: float | None = None
        for entry in sorted(self._delayed):
            if is_blocked(entry[2].order):
                continue
            if entry[0] > now:
                later = entry[0]
                break
            self._delayed.remove(entry)
            heapq.heapify(self._delayed)
            return self._lease(worker, entry[2])
        others = sorted((deque for deque in self._deques.values() if deque is not own), key=len, reverse=True)
        for deque in (own, self._unowned, *others):
            from_the_back = deque is not own and deque is not self._unowned
            for waiting in reversed(deque) if from_the_back else deque:
                if not is_blocked(waiting.order):
                    deque.remove(waiting)
                    return self._lease(worker, waiting)
        return Drained() if self.is_drained() else WaitUntil(later)

    def add(self, order: models.PurchaseOrder) -> None:
        """Adds an order, for any worker.

        Raises:
            RuntimeError: the scheduler is closed.
        """
        if not self._open_ended:
            msg = f"{order.po_number} came after the end"
            raise RuntimeError(msg)
        self._unowned.append(_Waiting(order, 1))

    def close(self) -> None:
        """Ends adding orders."""
        self._open_ended = False

    def requeue(self, lease: models.Lease, not_before: float, *, counts: bool) -> None:
        """Puts an order back to be retried by any worker, not before this time.

        Args:
            lease: active.
            not_before: monotonic seconds.
            counts: False if the order did not cause the failure (session, our own crash, a stop).

        Raises:
            StaleLeaseError: the lease is not active.
        """
        self._end(lease)
        waiting = _Waiting(lease.order, lease.attempt + 1 if counts else lease.attempt)
        self._number += 1
        heapq.heappush(self._delayed, (not_before, self._number, waiting))

    def park(self, lease: models.Lease) -> None:
        """Parks an order until `unpark`; does not count as an attempt.

        Raises:
            StaleLeaseError: the lease is not active.
        """
        self._end(lease)
        self._parked[lease.order.key] = _Waiting(lease.order, lease.attempt)

    def unpark(self, key: models.OrderKey) -> None:
        """Lets any worker take a parked order again; no effect on others."""
        waiting = self._parked.pop(key, None)
        if waiting is not None:
            self._number += 1
            heapq.heappush(self._delayed, (0.0, self._number, waiting))

    def parked(self) -> list[models.PurchaseOrder]:
        """Parked orders."""
        return [waiting.order for waiting in self._parked.values()]

    def only_parked(self, is_abandoned: IsBlocked | None = None) -> bool:
        """Whether only parked orders are left, and orders that are blocked for good.

        Args:
            is_abandoned: whether an order is blocked for good; None: none is.
        """
        if not self._parked or self._out:
            return False
        if self.waiting() == len(self._parked):
            return True
        others = itertools.chain(self._unowned, (entry[2] for entry in self._delayed), *self._deques.values())
        return is_abandoned is not None and all(is_abandoned(one.order) for one in others)

    def settle(self, lease: models.Lease) -> None:
        """Records that the order has its outcome.

        Raises:
            StaleLeaseError: the lease is not active.
        """
        self._end(lease)
        self._settled += 1

    def join(self, worker: models.WorkerId) -> None:
        """Adds a worker; no effect if it has joined already."""
        self._deques.setdefault(worker, collections.deque())

    def leave(self, worker: models.WorkerId) -> None:
        """Removes a worker; its waiting orders and leases may be taken by any worker.

        Its leases do not count as attempts. No effect if it has not joined.
        """
        self._unowned.extend(self._deques.pop(worker, ()))
        for lease in self.leases(worker):
            self._end(lease)
            self._unowned.append(_Waiting(lease.order, lease.attempt))

    def waiting(self) -> int:
        """Number of orders waiting."""
        return sum(map(len, self._deques.values())) + len(self._unowned) + len(self._delayed) + len(self._parked)

    def waiting_for(self, worker: models.WorkerId) -> int:
        """Number of orders in this worker's own deque."""
        return len(self._deques.get(worker, ()))

    def out(self) -> int:
        """Number of leased orders."""
        return len(self._out)

    def leases(self, worker: models.WorkerId) -> list[models.Lease]:
        """This worker's leases."""
        return [lease for lease in self._out.values() if lease.worker == worker]

    def settled(self) -> int:
        """Number of settled orders."""
        return self._settled

    def is_drained(self) -> bool:
        """Whether all orders are settled and none will be added."""
        return not self._out and not self.waiting() and not self._open_ended

    @staticmethod
    def _steal(thief: collections.deque[_Waiting], victim: collections.deque[_Waiting]) -> None:
        stolen = [victim.pop() for _ in range((len(victim) + 1) // 2)]
        thief.extend(reversed(stolen))

    def _lease(
        self, worker: models.WorkerId, waiting: _Waiting, stolen_from: models.WorkerId | None = None
    ) -> models.Lease:
        self._number += 1
        lease = models.Lease(waiting.order, worker, waiting.attempt, self._number, stolen_from)
        self._out[lease.number] = lease
        return lease

    def _end(self, lease: models.Lease) -> None:
        if self._out.get(lease.number) != lease:
            msg = f"lease {lease.number} of {lease.order.po_number} is not out"
            raise StaleLeaseError(msg)
        del self._out[lease.number]
