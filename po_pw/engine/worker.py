"""A worker's loop: opens a lane, leases orders from the queue and processes them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from po_pw import errors, events
from po_pw.dispatch import order_queue
from po_pw.journal import facts
from po_pw.processing import async_tools, fetching, limiter, order_job, order_reading

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.lanes import base as lanes
    from po_pw.processing.worker_deps import WorkerDeps

REPLACEMENTS: Final = 5
"""Maximum lanes that a worker may lose in a row without settling an order."""


class Worker:
    """Processes orders until the queue is drained or stopped.

    With one worker, everything is done strictly one after another. With more, the files of up to `orders_per_context`
    orders are downloaded while the next order is read.
    """

    def __init__(self, name: models.WorkerId, deps: WorkerDeps) -> None:
        self.name = name
        self._deps = deps
        self._run_context = deps.run_context
        options = deps.run_context.options
        self._orders = limiter.Limiter(lambda: 1 if deps.is_alone() else options.orders_per_context)
        self._lost_in_a_row = 0

    async def run(self) -> None:
        """Opens a lane and processes orders, replacing the lane if it is lost; ends when nothing is left.

        If no lane can be opened, the worker leaves: its orders go to the others, and `WorkerDeps.gave_up` is called.
        """
        deps = self._deps
        deps.source.join(self.name)
        try:
            while True:
                try:
                    lane = await deps.lanes.open(self.name)
                except errors.OutputUnavailableError as error:  # that of the browser's download folder
                    deps.space.report_error(error)
                    await deps.space.wait()
                    if deps.source.is_over() or deps.source.is_retired(self.name):
                        return
                    continue
                except errors.MachineError as error:
                    self._run_context.hub.emit(events.ContextLost(self.name, str(error), replaced=False))
                    deps.gave_up(error)
                    return
                if await self._work(lane):
                    if deps.source.is_retired(self.name):
                        await deps.lanes.close(self.name)  # to free its memory
                    if deps.source.is_over() or deps.source.is_retired(self.name):
                        return
                    continue  # it was reactivated in the meantime
                self._lost_in_a_row += 1
                replaced = self._lost_in_a_row <= REPLACEMENTS
                self._run_context.hub.emit(events.ContextLost(self.name, lane.why_lost, replaced=replaced))
                await deps.lanes.close(self.name)
                if not replaced:
                    msg = f"the browser of worker {self.name} was lost {self._lost_in_a_row} times in a row"
                    deps.gave_up(errors.MachineError(msg))
                    return
        finally:
            deps.source.leave(self.name)

    async def _work(self, lane: lanes.Lane) -> bool:
        """Processes orders with one lane. True: nothing is left; False: the lane is lost."""
        deps, run_context, options = self._deps, self._run_context, self._run_context.options
        session = run_context.client.session(lane.user_agent, lane.language, check=deps.policy.check)
        fetcher = fetching.Fetcher(
            run_context.run,
            self.name,
            session,
            lane,
            deps.traffic,
            options,
            run_context.hub,
            lambda key, file: run_context.journal.note(run_context.run, facts.FileSaved(key, file)),
            at_once=lambda: 1 if deps.is_alone() else options.files_per_context,
            largest=run_context.largest_file,
        )
        tools = order_reading.Tools(self.name, lane, session, fetcher, set())
        try:
            async with asyncio.TaskGroup() as group:
                pages = [
                    group.create_task(self._take_orders(tools, group), name=f"{self.name}-page-{number}")
                    for number in range(options.pages_per_context)
                ]
                drained = await asyncio.gather(*pages)
        finally:
            await async_tools.cancel_and_wait(tools.under_way)
            await session.aclose()
        return all(drained)

    async def _take_orders(self, tools: order_reading.Tools, group: asyncio.TaskGroup) -> bool:
        """The loop for one page. True: nothing is left, or stopped; False: the lane is lost."""
        while True:
            await self._orders.acquire()
            handed_over = False
            try:
                if tools.lane.is_lost():
                    return False
                lease = await self._deps.source.lease(self.name)
                if lease is None:
                    return True
                if tools.lane.is_lost():  # while this worker waited for the order
                    await self._deps.source.release(lease, order_queue.Requeue(0.0, counts=False))
                    return False
                job = order_job.OrderJob(self._deps, tools, lease)
                if await job.read():
                    rest = group.create_task(self._finish(job), name=f"{self.name}-finish-{lease.order.key}")
                    rest.add_done_callback(lambda _: self._orders.release())
                    handed_over = True
                self._count(job)
            finally:
                if not handed_over:
                    self._orders.release()
            if tools.lane.is_lost():
                return False

    async def _finish(self, job: order_job.OrderJob) -> None:
        await job.finish()
        self._count(job)

    def _count(self, job: order_job.OrderJob) -> None:
        if job.is_settled:
            self._lost_in_a_row = 0
