"""Browser lanes for the workers of a run, each on a persistent context from the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from po_pw.lanes import browser

if TYPE_CHECKING:
    from po_pw import models
    from po_pw.lanes import base
    from po_pw.processing.run_context import RunContext


class BrowserLanes:
    """Opens browser lanes; a `lanes.base.LaneFactory`.

    Args:
        run_context: of the run.
        knowledge: of its portals.
    """

    def __init__(self, run_context: RunContext, knowledge: base.Knowledge) -> None:
        self._run_context = run_context
        self._knowledge = knowledge

    async def open(self, worker: models.WorkerId) -> base.Lane:
        """Opens a lane on this worker's context, which is reused while it is alive.

        Raises:
            MachineError: the browser does not start.
            OutputUnavailableError: its download folder cannot be created.
        """
        run = self._run_context
        context = await run.pool.open(worker)
        return browser.BrowserLane(context, run.options, run.portal_for, self._knowledge, run.hub, run.traces)

    async def close(self, worker: models.WorkerId) -> None:
        """Closes this worker's context and removes its profile."""
        await self._run_context.pool.close(worker)
