"""Stops, pauses and resumes a run, from any thread."""

from __future__ import annotations

import asyncio
import enum
import time
from typing import TYPE_CHECKING

from po_pw import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from po_pw.engine import worker_group


class Stop(enum.Enum):
    """How a run is stopped."""

    AFTER_CURRENT = "after the orders in progress"
    NOW = "now"


class RunControl:
    """Controls one run: its orders in progress, and whether more are started.

    Args:
        hub: receives events.
        grace: seconds that orders in progress may take after a first request to stop.

    Attributes:
        requests: number of requests to stop so far.
        stopping: how the run was asked to stop; None if it was not.
    """

    def __init__(self, hub: events.Hub, grace: float) -> None:
        self.requests = 0
        self.stopping: Stop | None = None
        self._hub = hub
        self._grace = grace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._group: worker_group.WorkerGroup | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused_at: float | None = None

    def open(self) -> None:
        """Uses the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def cancel_on_stop(self, task: asyncio.Task[None]) -> None:
        """Sets the task that is cancelled when the run is stopped at once."""
        self._task = task

    def attach(self, group: worker_group.WorkerGroup) -> None:
        """Sets the workers that are stopped and paused from now on."""
        self._group = group

    async def work(self, group: worker_group.WorkerGroup) -> None:
        """Attaches the workers and waits until they have ended; starts nothing if the run is stopping."""
        self._group = group
        if self.stopping is not None:
            return
        if self._paused_at is not None:
            group.pause()
        await group.work()

    def stop(self, how: Stop, why: str = "asked to") -> None:
        """Stops the run; a second call stops it at once. May be called from any thread and from a signal handler.

        Work before the first order and after the last ends at once; see `long_work`.
        """
        self.requests += 1
        if self._loop is None:
            self.stopping = how
        else:
            self._loop.call_soon_threadsafe(self._stop, how, why)

    def stop_gently(self, why: str) -> None:
        """Finishes the orders in progress, then stops. Unlike `stop`, has no effect if the run is stopping already."""
        if not self.is_stopping:
            self.stop(Stop.AFTER_CURRENT, why)

    def pause(self) -> None:
        """Starts no more orders until `resume`; those in progress are finished. May be called from any thread.

        A paused run can be stopped as usual.
        """
        self._on_loop(self._pause)

    def resume(self) -> None:
        """Starts orders again after `pause`. May be called from any thread."""
        self._on_loop(self._resume)

    @property
    def is_stopping(self) -> bool:
        """Whether the run is stopping, on request or because a sign-in is needed."""
        return self.stopping is not None or (self._group is not None and self._group.is_ending)

    def _on_loop(self, action: Callable[[], None]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(action)

    def _pause(self) -> None:
        if self._paused_at is not None or self.stopping is not None:
            return
        self._paused_at = time.monotonic()
        if self._group is not None:
            self._group.pause()
        self._hub.emit(events.Paused())

    def _resume(self) -> None:
        if self._paused_at is None:
            return
        seconds, self._paused_at = time.monotonic() - self._paused_at, None
        if self._group is not None:
            self._group.resume(seconds)
        self._hub.emit(events.Resumed(seconds))

    def _stop(self, how: Stop, why: str) -> None:
        if self.stopping is Stop.NOW:
            return
        if self.is_stopping:  # a second request always means: at once
            how = Stop.NOW
        self.stopping = how
        self._hub.emit(events.Stopping(now=how is Stop.NOW, why=why))
        if self._group is not None:
            self._group.stop()
        if how is Stop.NOW and self._task is not None:
            self._task.cancel()
        elif self._loop is not None:
            self._loop.call_later(self._grace, self._stop, Stop.NOW, f"{self._grace:.0f} s have passed")
