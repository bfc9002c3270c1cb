"""Orders that are submitted one by one while the contexts are open: a worker group with an open-ended scheduler."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import errors, models
from po_pw.engine import worker_group
from po_pw.orders import duplicates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from po_pw.journal import store
    from po_pw.machine.capacity import Decision, Governor
    from po_pw.processing.run_context import RunContext

COLUMNS: Final = ("po_number", "supplier", "url", "amount")


@dataclasses.dataclass(slots=True)
class _OpenOrder:
    first: duplicates.First
    outcome: asyncio.Future[models.Outcome]


class OrderStream:
    """Accepts orders while its workers are running.

    If a portal was given up (its sign-in could not be renewed, or it did not answer for too long), its orders are
    `FAILED` at once with the reason, because callers wait for them. Orders of other portals are processed as usual.

    Args:
        run_context: makes the workers' context, from the run and a function to call when an order is settled.
        journal: records the rows.
        run: of the rows.
        names: of the workers.
        governor: decides how many contexts may be open.
        first: its first decision.
        ended: called when all orders are done.
    """

    def __init__(
        self,
        run_context: Callable[[models.RunId, Callable[[models.Outcome], None]], RunContext],
        journal: store.Journal,
        run: models.RunId,
        names: Sequence[models.WorkerId],
        governor: Governor,
        first: Decision,
        ended: Callable[[models.RunId], Awaitable[None]],
    ) -> None:
        self._journal = journal
        self._run = run
        self._ended = ended
        self._count = 0
        self._open: dict[models.OrderKey, _OpenOrder] = {}
        self.group = worker_group.WorkerGroup(
            run_context(run, self._settled), (), names, governor, first, open_ended=True
        )
        self.task = asyncio.create_task(self.group.work(), name=f"order-stream-{run}")
        self.task.add_done_callback(self._fail_open)

    async def add(self, make: Callable[[int], models.Row]) -> models.RowResult:
        """Adds an order and waits for its result.

        Args:
            make: makes the row from its number.

        Raises:
            ParallelProcessingError: no worker is left.
        """
        self._count += 1
        row = make(self._count)
        order = row.order
        if order is None:
            await self._journal.append(self._run, row)
            return _refused(row)
        if self.task.done():
            raise self._end_error()
        have = self._open.get(order.key)
        if have is not None:
            row = have.first.repeated_by(row, order)
            await self._journal.append(self._run, row)
            if row.problem is not None:
                return _refused(row)
            outcome = await asyncio.shield(have.outcome)
            return models.RowResult(
                row.number, row.cells, row.po_number, models.Status.DUPLICATE, outcome, None, row.duplicate_of
            )
        future: asyncio.Future[models.Outcome] = asyncio.get_running_loop().create_future()
        self._open[order.key] = _OpenOrder(duplicates.First(row.number, order.url), future)
        try:
            await self._journal.append(self._run, row)
            if future.done():  # the workers have ended meanwhile
                future.result()
            self.group.knowledge.expect([order])
            self.group.source.add(order)
        except BaseException as error:
            # No worker will process it: callers that submitted the same order meanwhile must not wait forever.
            self._open.pop(order.key, None)
            if not future.done():
                future.set_exception(_for_others(order, error))
            future.exception()
            raise
        outcome = await asyncio.shield(future)
        return models.RowResult(row.number, row.cells, row.po_number, outcome.status, outcome, outcome.error)

    async def end(self) -> None:
        """Waits for all submitted orders and ends the run.

        Raises:
            ParallelProcessingError: all contexts were lost.
        """
        self.group.source.close()
        try:
            await self.task
        finally:
            await self._ended(self._run)

    def _settled(self, outcome: models.Outcome) -> None:
        have = self._open.pop(outcome.key, None)
        if have is not None and not have.outcome.done():
            have.outcome.set_result(outcome)

    def _fail_open(self, _: asyncio.Task[None]) -> None:
        """Passes the error to waiting callers, because the workers have ended."""
        for have in self._open.values():
            if not have.outcome.done():
                have.outcome.set_exception(self._end_error())
                have.outcome.exception()  # marks it as retrieved: there may be no caller left
        self._open.clear()

    def _end_error(self) -> BaseException:
        if self.task.cancelled():
            return errors.ParallelProcessingError("the run was stopped before this order was reached")
        return self.task.exception() or errors.ParallelProcessingError("the pool has ended")


def _refused(row: models.Row) -> models.RowResult:
    return models.RowResult(row.number, row.cells, row.po_number, models.Status.FAILED, None, row.problem)


def _for_others(order: models.PurchaseOrder, error: BaseException) -> BaseException:
    """The error for other callers that wait for a failed order."""
    if isinstance(error, errors.PoPwError):
        return error
    return errors.ParallelProcessingError(f"{order.po_number} was not processed: {type(error).__name__}: {error}")
