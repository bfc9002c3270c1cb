"""The context of a run, and everything that its workers share."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw.machine import probes
from po_pw.storage import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from pathlib import Path

    from po_pw import context_pool, errors, events, models, sessions, settings
    from po_pw.dispatch import failure_policy, order_queue, portal_knowledge
    from po_pw.evidence import store as evidence_store
    from po_pw.evidence import traces
    from po_pw.journal import store
    from po_pw.lanes import base as lanes
    from po_pw.machine import disk_space
    from po_pw.portals import base as portals
    from po_pw.processing import file_traffic, order_progress, resuming, sign_ins
    from po_pw.transport import client

_PROBES: Final = probes.SystemProbes()


@dataclasses.dataclass(frozen=True, slots=True)
class RunContext:
    """Everything about a run that its workers need."""

    run: models.RunId
    out: Path
    options: settings.Settings
    hub: events.Hub
    journal: store.Journal
    sessions: sessions.Sessions
    pool: context_pool.Pool
    client: client.Client
    portal_for: Callable[[str], portals.Portal]
    """Returns the portal of an address."""
    settled: Callable[[models.Outcome], None]
    """Called with each outcome once it is durable."""
    not_published: Callable[[models.Outcome], None]
    """Called with the outcome of a fetched order whose folder cannot be published yet."""
    stop: Callable[[str], None]
    """Stops the run like a first Ctrl-C; called with the reason."""
    evidence: evidence_store.EvidenceStore
    reopen: Callable[[], Awaitable[None]]
    """Called when the output directory is available again, to reopen lock, journal and log."""
    traces: traces.Traces | None = None
    """Traces of orders in progress; None: nothing is traced."""
    resume: resuming.Resume | None = None
    """How to continue earlier runs; None does all orders again."""
    probes: probes.SystemProbes = _PROBES
    name_bytes: int = names.MAX_BYTES
    """Maximum UTF-8 bytes of a file or folder name in the output directory."""
    largest_file: int | None = None
    """Maximum bytes of one file on its file system; None for no limit."""
    begun: Mapping[models.OrderKey, str] = dataclasses.field(default_factory=dict)
    """Orders in progress in an earlier run, each with the id of its work folder."""
    earlier: Mapping[models.OrderKey, models.Earlier] = dataclasses.field(default_factory=dict)
    """Earlier results of this run's orders; those not in it are new."""


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
    alone: Callable[[], bool]
    """Whether orders are processed strictly one after another; may change."""
    visits: Visits
    progress: dict[models.OrderKey, order_progress.OrderProgress] = dataclasses.field(default_factory=dict)
    """Progress of leased orders without an outcome."""
