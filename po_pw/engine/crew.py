"""The workers of a run, from the first context asked for to the last order settled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, models
from po_pw.engine import fetching, source, worker

if TYPE_CHECKING:
    from po_pw.engine.scheduler import Scheduler

SAMPLE: Final = 0.25
"""Seconds between two announcements of bytes received."""


class Crew:
    """Workers on one scheduler.

    Args:
        room: what they share.
        scheduler: their orders.
        names: of the workers, each of whom opens a context.
    """

    def __init__(self, room: worker.Room, scheduler: Scheduler, names: list[models.WorkerId]) -> None:
        self._room = room
        self._scheduler = scheduler
        self._names = names
        self._gave_up: list[errors.EnvironmentProblem] = []
        self.sign_in_needed: errors.LoginRequiredError | None = None
        self.stopped = False
        self.source = source.LocalSource(scheduler, on_steal=self._stolen)

    async def work(self) -> None:
        """Works until every order is settled, or a stop.

        Raises:
            LoginRequiredError: the portal asks for a sign-in.
            ParallelProcessingError: no context could be opened, or all were lost.
            EnvironmentProblem: the disk is in the way.
        """
        traffic = fetching.Traffic(self._room.options.files_in_all)
        shared = worker.Shared(self._room, self.source, traffic, self._need_sign_in, self._gave_up.append)
        sampler = asyncio.create_task(self._sample(traffic), name="sampler")
        try:
            async with asyncio.TaskGroup() as group:
                for name in self._names:
                    group.create_task(worker.Worker(name, shared).run(), name=f"worker-{name}")
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
            raise errors.ParallelProcessingError(msg)

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
