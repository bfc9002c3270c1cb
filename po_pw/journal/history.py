"""What happened in a run over time: when each worker had which order, what was waited for, and when files came."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from po_pw import models
from po_pw.journal import view

if TYPE_CHECKING:
    import datetime
    import sqlite3
    from collections.abc import Mapping

_RUN: Final = """
SELECT source, columns, workers, out, command, started_at, ended_at, seconds, work_seconds, interrupted
FROM runs WHERE run = ?"""
_ATTEMPTS: Final = """
SELECT key, worker, started_at, ended_at, error_code FROM attempts
WHERE run = ? AND ended_at IS NOT NULL ORDER BY started_at"""
_SAVED: Final = "SELECT saved_at, size FROM files WHERE run = ? AND saved_at IS NOT NULL ORDER BY saved_at"
_EVENTS: Final = """
SELECT at, event, worker, detail FROM events WHERE run = ? AND event IN
('context.opened', 'context.lost', 'orders.stolen', 'host.waits', 'host.free', 'sign.in.started', 'sign.in.ended',
 'paused', 'resumed')
ORDER BY id"""


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """The time in which a worker had an order."""

    key: models.OrderKey
    worker: str
    started_at: datetime.datetime
    ended_at: datetime.datetime
    error_code: str
    """Why it failed; `""` if it did not."""


@dataclasses.dataclass(frozen=True, slots=True)
class Happening:
    """An event that concerns a worker or a host."""

    at: datetime.datetime
    event: str
    """Its dotted name, as in the log."""
    worker: str
    """`""` if it concerns none."""
    detail: Mapping[str, Any]
    """Its other fields, as in the log."""


@dataclasses.dataclass(frozen=True, slots=True)
class SavedBytes:
    """A file that the run saved."""

    at: datetime.datetime
    size: int
    """Bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """A run, as the journal has it."""

    plan: models.Plan
    ended_at: datetime.datetime | None
    """None if it is running, or was killed."""
    seconds: float
    """Duration of the run; until the last sign of it if it was killed."""
    work_seconds: float
    interrupted: bool
    """Also True if it was killed."""
    attempts: tuple[Attempt, ...]
    happenings: tuple[Happening, ...]
    saved: tuple[SavedBytes, ...]


def read(connection: sqlite3.Connection, run: models.RunId) -> History:
    """The history of a run that is in the journal."""
    begun = connection.execute(_RUN, (run,)).fetchone()
    attempts = tuple(
        Attempt(
            models.OrderKey(row["key"]),
            row["worker"],
            view.moment(row["started_at"]),
            view.moment(row["ended_at"]),
            row["error_code"] or "",
        )
        for row in connection.execute(_ATTEMPTS, (run,))
    )
    happenings = tuple(
        Happening(view.moment(row["at"]), row["event"], row["worker"] or "", json.loads(row["detail"]))
        for row in connection.execute(_EVENTS, (run,))
    )
    saved = tuple(SavedBytes(view.moment(row["saved_at"]), row["size"]) for row in connection.execute(_SAVED, (run,)))
    started_at = view.moment(begun["started_at"])
    ended_at = view.moment(begun["ended_at"]) if begun["ended_at"] else None
    last = max(
        [started_at, *(one.ended_at for one in attempts), *(one.at for one in happenings), *(one.at for one in saved)]
    )
    seconds = begun["seconds"] if begun["seconds"] is not None else (last - started_at).total_seconds()
    plan = models.Plan(
        begun["source"],
        tuple(json.loads(begun["columns"])),
        begun["workers"],
        begun["out"],
        started_at,
        tuple(json.loads(begun["command"])),
    )
    return History(
        plan,
        ended_at,
        float(seconds),
        float(begun["work_seconds"] or 0.0),
        ended_at is None or bool(begun["interrupted"]),
        attempts,
        happenings,
        saved,
    )
