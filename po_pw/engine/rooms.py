"""What a run has, whoever works; and what its workers share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw.downloads import names
from po_pw.engine import carrying, fetching, jobs, senses, source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from po_pw import errors, events, models, sessions, settings
    from po_pw.engine import judging, pool, portal_knowledge, space
    from po_pw.journal import store
    from po_pw.portals import base as portals
    from po_pw.transport import client

_SENSES: Final = senses.Senses()


@dataclasses.dataclass(frozen=True, slots=True)
class Room:
    """What a run has, whoever works."""

    run: models.RunId
    out: Path
    options: settings.Settings
    hub: events.Hub
    journal: store.Journal
    sessions: sessions.Sessions
    pool: pool.Pool
    client: client.Client
    portal_for: Callable[[str], portals.Portal]
    settled: Callable[[models.Outcome], None]
    held: Callable[[models.Outcome], None]
    """Told what came of an order that is fetched, and whose folder something keeps from its place."""
    stop: Callable[[str], None]
    """Stops the run as a first Ctrl-C does; told why."""
    back: Callable[[], Awaitable[None]]
    """Called when the output directory was gone, and is back: opens again what lies there."""
    resume: carrying.Resume | None = None
    """How to go on where earlier runs stopped; None does all afresh."""
    senses: senses.Senses = _SENSES
    name_bytes: int = names.LONGEST
    """UTF-8 bytes that a file's or folder's name may have in the output directory."""
    largest_file: int | None = None
    """Bytes that its file system takes in one file."""
    begun: Mapping[models.OrderKey, str] = dataclasses.field(default_factory=dict)
    """Orders that an earlier run had in hand, each with its work folder's claim."""


@dataclasses.dataclass(frozen=True, slots=True)
class Shared:
    """What the workers of a run share."""

    room: Room
    source: source.LocalSource
    traffic: fetching.Traffic
    sign_in_needed: Callable[[errors.LoginRequiredError], None]
    gave_up: Callable[[errors.EnvironmentProblem], None]
    """A worker could not open a context, or lost too many."""
    judge: judging.Judge
    space: space.Space
    knowledge: portal_knowledge.PortalKnowledge
    alone: Callable[[], bool]
    """Whether orders are strictly one after another, nothing overlapping; may change."""
    jobs: dict[models.OrderKey, jobs.Job] = dataclasses.field(default_factory=dict)
