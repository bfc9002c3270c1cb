"""Where workers get their orders: the asynchronous face of the scheduler; several machines would be another."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Protocol

from po_pw.engine import scheduler as schedulers

if TYPE_CHECKING:
    from collections.abc import Callable

    from po_pw import models


@dataclasses.dataclass(frozen=True, slots=True)
class Settled:
    """The order has its outcome."""


@dataclasses.dataclass(frozen=True, slots=True)
class PutBack:
    """The order is to be tried again."""

    delay: float
    """Seconds before anyone may take it."""
    counts: bool
    """Whether it was an attempt."""


class WorkSource(Protocol):
    """Gives orders out and takes them back."""

    async def lease(self, worker: models.WorkerId) -> models.Lease | None:
        """The next order, as soon as there is one; None when there will be none, or the source was stopped."""
        ...

    async def release(self, lease: models.Lease, verdict: Settled | PutBack) -> None:
        """Gives an order back."""
        ...


class LocalSource:
    """One machine's source.

    Everything but the waiting is synchronous, so a cancelled `lease()` holds nothing.

    Args:
        scheduler: who works on what.
        on_steal: called with thief, victim and how many orders were taken over.
    """

    def __init__(
        self,
        scheduler: schedulers.Scheduler,
        on_steal: Callable[[models.WorkerId, models.WorkerId, int], None] | None = None,
    ) -> None:
        self._scheduler = scheduler
        self._on_steal = on_steal
        self._changed = asyncio.Event()
        self._stopped = False

    async def lease(self, worker: models.WorkerId) -> models.Lease | None:
        """The next order for this worker; waits while one may come back. None: drained, or stopped."""
        loop = asyncio.get_running_loop()
        while not self._stopped:
            got = self._scheduler.take(worker, loop.time())
            if isinstance(got, schedulers.Drained):
                return None
            if not isinstance(got, schedulers.WaitUntil):
                if got.stolen_from is not None and self._on_steal is not None:
                    self._on_steal(worker, got.stolen_from, self._scheduler.stolen_with(worker) + 1)
                return got
            changed = self._changed
            try:
                async with asyncio.timeout_at(got.when):
                    await changed.wait()
            except TimeoutError:
                continue
        return None

    async def release(self, lease: models.Lease, verdict: Settled | PutBack) -> None:
        """Gives an order back.

        Raises:
            StaleLease: it was given back before.
        """
        if isinstance(verdict, Settled):
            self._scheduler.settle(lease)
        else:
            not_before = asyncio.get_running_loop().time() + verdict.delay
            self._scheduler.put_back(lease, not_before, counts=verdict.counts)
        self._wake()

    def stop(self) -> None:
        """No more orders are given out; whoever waits for one is told so."""
        self._stopped = True
        self._wake()

    def join(self, worker: models.WorkerId) -> None:
        """A worker is there."""
        self._scheduler.join(worker)

    def leave(self, worker: models.WorkerId) -> None:
        """A worker goes; its waiting orders are for the others."""
        self._scheduler.leave(worker)
        self._wake()

    def _wake(self) -> None:
        # A new event for each change: whoever waits on the old one is woken exactly once.
        self._changed.set()
        self._changed = asyncio.Event()
