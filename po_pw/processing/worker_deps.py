"""Everything that the workers of a run share, and the visits that they have in progress."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from po_pw import errors, models
    from po_pw.dispatch import failure_policy, order_queue, portal_knowledge
    from po_pw.lanes import base as lanes
    from po_pw.machine import disk_space
    from po_pw.processing import file_traffic, order_progress, sign_ins
    from po_pw.processing.run_context import RunContext


class Visits:
    """Visits in progress, so that a stop need not wait for a host that does not answer."""

    def __init__(self) -> None:
        self._under_way: dict[int, tuple[models.Lease, asyncio.Timeout]] = {}
        self._ended: set[int] = set()
        self._which: Callable[[models.Lease], bool] = lambda _lease: False

    @contextlib.contextmanager
    def under_way(self, lease: models.Lease, limit: asyncio.Timeout) -> Iterator[None]:
        """Registers a visit; `end` makes `limit` expire, so that the block raises TimeoutError."""
        self._under_way[lease.number] = lease, limit
        self._end(lease, limit)
        try:
            yield
        finally:
            del self._under_way[lease.number]

    def end(self, which: Callable[[models.Lease], bool]) -> None:
        """Ends the visits of these orders at once, also those that start later."""
        self._which = which
        for lease, limit in tuple(self._under_way.values()):
            self._end(lease, limit)

    def _end(self, lease: models.Lease, limit: asyncio.Timeout) -> None:
        if self._which(lease) and not limit.expired():
            self._ended.add(lease.number)
            limit.reschedule(asyncio.get_running_loop().time())

    def is_ended(self, lease: models.Lease) -> bool:
        """Whether the visit was ended by `end`."""
        return lease.number in self._ended


@dataclasses.dataclass(frozen=True, slots=True)
class WorkerDeps:
    """What the workers of a run share."""

    run_context: RunContext
    lanes: lanes.LaneFactory
    source: order_queue.OrderQueue
    traffic: file_traffic.Traffic
    sign_ins: sign_ins.SignIns
    gave_up: Callable[[errors.MachineError], None]
    """Called when a worker cannot open a lane, or has lost too many."""
    policy: failure_policy.FailurePolicy
    space: disk_space.DiskMonitor
    knowledge: portal_knowledge.PortalKnowledge
    is_alone: Callable[[], bool]
    """Whether orders are processed strictly one after another; may change."""
    visits: Visits
    progress: dict[models.OrderKey, order_progress.OrderProgress] = dataclasses.field(default_factory=dict)
    """Progress of leased orders without an outcome."""
