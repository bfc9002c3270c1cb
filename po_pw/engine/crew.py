"""The workers of a run, from the first context asked for to the last order settled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, models
from po_pw.engine import fetching, source, worker
from po_pw.engine.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from po_pw.engine.governor import Decision, Governor

SAMPLE: Final = 0.25
"""Seconds between two announcements of bytes received."""


class Crew:
    """Workers on one scheduler: as many as the governor allows at each moment.

    Args:
        room: what they share.
        orders: what is to be done.
        names: of the workers that are asked for, each of whom opens a context.
        governor: says how many may be open.
        first: what it said to begin with.
        open_ended: whether orders come one by one.
    """

    def __init__(
        self,
        room: worker.Room,
        orders: Iterable[models.PurchaseOrder],
        names: Sequence[models.WorkerId],
        governor: Governor,
        first: Decision,
        *,
        open_ended: bool = False,
    ) -> None:
        self._room = room
        self._names = names
        self._governor = governor
        self._first = first
        self._scheduler = Scheduler(orders, names[: first.count], open_ended=open_ended)
        self._running: set[models.WorkerId] = set()
        self._gave_up: list[errors.EnvironmentProblem] = []
        self.sign_in_needed: errors.LoginRequiredError | None = None
        self.stopped = False
        self.source = source.LocalSource(self._scheduler, on_steal=self._stolen)

    async def work(self) -> None:
        """Works until every order is settled, or a stop.

        Raises:
            LoginRequiredError: the portal asks for a sign-in.
            ParallelProcessingError: no context could be opened, or all were lost.
            EnvironmentProblem: the disk is in the way.
        """
        options, first = self._room.options, self._first
        traffic = fetching.Traffic(options.files_in_all)
        sequential = options.workers == 1 or first.count == 1
        shared = worker.Shared(self._room, self.source, traffic, sequential, self._need_sign_in, self._gave_up.append)
        sampler = asyncio.create_task(self._sample(traffic), name="sampler")
        try:
            async with asyncio.TaskGroup() as group:
                governing = group.create_task(self._govern(group, shared), name="governor")
                for place, name in enumerate(self._names[: first.count]):
                    self._begin(group, shared, name, governing, self._governor.start_delay(place))
        except BaseExceptionGroup as error:
            raise errors.first_of(error) from error
        finally:
            sampler.cancel()
            await asyncio.wait([sampler])
            self._room.hub.emit(events.BytesReceived(traffic.received))
        if self.sign_in_needed is not None:
            raise self.sign_in_needed
        if self._gave_up and not self.stopped and not self._scheduler.is_drained():
            left = self._scheduler.waiting()
            msg = f"no browser could be kept open, so {left} orders were not reached: {self._gave_up[-1]}"
            raise errors.ParallelProcessingError(msg) if first.enough else errors.ResourceExhaustedError(msg)

    def _begin(
        self,
        group: asyncio.TaskGroup,
        shared: worker.Shared,
        name: models.WorkerId,
        governing: asyncio.Task[None],
        delay: float,
    ) -> None:
        """Starts a worker; when the last has ended, so does the governor."""

        async def work() -> None:
            await asyncio.sleep(delay)
            await worker.Worker(name, shared).run()

        def ended(_: asyncio.Task[None]) -> None:
            self._running.discard(name)
            if not self._running:
                governing.cancel()

        self._running.add(name)
        group.create_task(work(), name=f"worker-{name}").add_done_callback(ended)

    async def _govern(self, group: asyncio.TaskGroup, shared: worker.Shared) -> None:
        """Retires workers where memory runs short, and begins others where there is room; says why each time."""
        me = asyncio.current_task()
        async for decision in self._governor.watch(lambda: len(self._running), self._first):
            working = [name for name in self._names if name in self._running and not self.source.is_retired(name)]
            idle = [name for name in self._names if name not in self._running]
            more = min(decision.count - len(working), self._scheduler.waiting())
            if more < 0:
                for name in working[decision.count :]:
                    self.source.retire(name)
            elif more > 0 and me is not None and not self.stopped:
                for place, name in enumerate(idle[:more]):
                    self._begin(group, shared, name, me, self._governor.start_delay(place))
            self._room.hub.emit(events.Notice("warning" if more < 0 else "info", decision.why))

    def stop(self) -> None:
        """No more orders are begun."""
        self.stopped = True
        self.source.stop()

    def _stolen(self, thief: models.WorkerId, victim: models.WorkerId, count: int) -> None:
        self._room.hub.emit(events.OrdersStolen(thief, victim, count))

    def _need_sign_in(self, error: errors.LoginRequiredError) -> None:
        if self.sign_in_needed is None:
            self.sign_in_needed = error
            self._room.hub.emit(events.Stopping(now=False, why="the portal asks for a sign-in"))
            self.source.stop()

    async def _sample(self, traffic: fetching.Traffic) -> None:
        last = -1
        while True:
            await asyncio.sleep(SAMPLE)
            if traffic.received != last:
                last = traffic.received
                self._room.hub.emit(events.BytesReceived(last))
