"""The fetches of one attempt at one order: starts them, and waits for all or cancels all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from po_pw.processing import async_tools, same_content

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from po_pw.processing import order_progress


class OrderFetches:
    """The fetches of one attempt at one order; each attempt has its own limit of requests."""

    def __init__(self, progress: order_progress.OrderProgress, under_way: set[asyncio.Task[None]]) -> None:
        self.progress = progress
        self._under_way = under_way
        self._tasks: list[asyncio.Task[None]] = []
        progress.questions = 0
        progress.unpressed.clear()

    def add(self, fetch: Coroutine[None, None, None]) -> None:
        """Starts a fetch."""
        task = asyncio.get_running_loop().create_task(fetch, name=f"fetch-{self.progress.order.key}")
        self._tasks.append(task)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def done(self) -> None:
        """Waits for all, drops duplicates, and recognises files that an earlier run has.

        If one fails for a reason that concerns more than its file, or the wait is cancelled, all are cancelled.
        """
        try:
            await asyncio.gather(*self._tasks)
        except BaseException:
            await self.cancel()
            raise
        same_content.drop_duplicates(self.progress)
        same_content.match_kept_files(self.progress)

    async def cancel(self) -> None:
        """Cancels all and waits until they have ended."""
        await async_tools.cancel_and_wait(self._tasks)
