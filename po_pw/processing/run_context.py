"""The context of a run: its settings, folders, journal, browsers, and callbacks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw.machine import probes
from po_pw.storage import names

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from po_pw import context_pool, events, models, sessions, settings
    from po_pw.evidence import retention, traces
    from po_pw.journal import store
    from po_pw.portals import base as portals
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
    on_settled: Callable[[models.Outcome], None]
    """Called with each outcome once it is durable."""
    on_unpublished: Callable[[models.Outcome], None]
    """Called with the outcome of a fetched order whose folder cannot be published yet."""
    stop: Callable[[str], None]
    """Stops the run like a first Ctrl-C; called with the reason."""
    evidence: retention.EvidenceStore
    reopen: Callable[[], Awaitable[None]]
    """Called when the output directory is available again, to reopen lock, journal and log."""
    traces: traces.Traces | None = None
    """Traces of orders in progress; None: nothing is traced."""
    resume: models.Resume | None = None
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
