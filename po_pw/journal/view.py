"""What commands without a run read from a journal, by its path and without changing it: status, folders, outcomes."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.journal import codec, restore, schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from pathlib import Path

_RECENT: Final = 50
"""Outcomes over which the rate is calculated."""

_SHOWN: Final = 5
"""Maximum warnings returned."""

_MAX_UNREAD: Final = 20
"""Maximum unrecognised orders returned."""

_LATEST: Final = """
SELECT run, source, workers, command, started_at, ended_at, interrupted FROM runs WHERE run NOT LIKE ?
ORDER BY (SELECT MAX(id) FROM events WHERE events.run = runs.run) DESC, started_at DESC, run DESC LIMIT 1"""
"""Ordered by the last event, not by the clock, which may have been set back between two runs."""

_ROWS: Final = """
SELECT COUNT(*) AS rows, COUNT(key) AS orders, COUNT(duplicate_of) AS duplicates FROM rows WHERE run = ?"""

_REFUSED: Final = """
SELECT error_code, COUNT(*) FROM rows WHERE run = ? AND error_code IS NOT NULL GROUP BY error_code"""

_STATUSES: Final = """
SELECT status, COUNT(*) AS count, SUM(key NOT IN (SELECT key FROM attempts WHERE run = :run)) AS already_complete
FROM outcomes WHERE run = :run AND state = 'published' GROUP BY status"""
"""Counts outcomes of earlier runs as orders that this one never leased: reading it from the JSON is slow."""

_FAILURES: Final = """
SELECT json_extract(outcome, '$.error.code') AS code, COUNT(*) FROM outcomes
WHERE run = ? AND state = 'published' AND status = ? GROUP BY code ORDER BY COUNT(*) DESC, code"""

_OPEN: Final = """
SELECT key, worker, attempt, started_at, ended_at, error_code, MAX(lease) FROM attempts
WHERE run = :run AND key NOT IN (SELECT key FROM outcomes WHERE run = :run AND state = 'published')
GROUP BY key ORDER BY worker, started_at"""
"""The latest lease of each order without an outcome."""

_PUT_BACK: Final = """
WITH last AS (SELECT key, MAX(lease) AS lease FROM attempts WHERE run = :run GROUP BY key)
SELECT error_code, COUNT(*) FROM attempts JOIN last USING (key)
WHERE attempts.run = :run AND error_code IS NOT NULL AND (attempts.lease < last.lease OR attempts.key NOT IN (
  SELECT key FROM outcomes WHERE run = :run AND state = 'published'))
GROUP BY error_code ORDER BY COUNT(*) DESC, error_code"""

_RULES: Final = """
SELECT rules, COUNT(*) FROM outcomes
WHERE run = ? AND state = 'published' AND status IN ('COMPLETED', 'NO_ATTACHMENTS') GROUP BY rules"""

_EVIDENT: Final = """
SELECT json_extract(outcome, '$.po_number') AS po_number, json_extract(outcome, '$.error.code') AS code
FROM outcomes WHERE run = ? AND state = 'published' AND status = 'FAILED'
AND code IN ('NOT_RECOGNISED', 'NO_AREA_FOUND') ORDER BY id LIMIT ?"""

_LEASED_LAST: Final = "SELECT MAX(MAX(started_at, COALESCE(ended_at, ''))) FROM attempts WHERE run = ?"

_SINCE: Final = """
SELECT at FROM outcomes NOT INDEXED
WHERE run = :run AND state = 'published' AND key IN (SELECT key FROM attempts WHERE run = :run)
ORDER BY id DESC LIMIT :recent"""

_DOUBTED: Final = """
SELECT COUNT(*) FROM outcomes WHERE doubted = 1 AND id = (
  SELECT MAX(id) FROM outcomes AS later WHERE later.key = outcomes.key AND later.state = 'published')"""

_RECORDED: Final = """
SELECT key, json_extract(outcome, '$.folder') AS folder, MAX(id) FROM outcomes WHERE state = 'published' GROUP BY key"""

_LATEST_STATUS: Final = """
SELECT key, status, doubted, MAX(id) FROM outcomes WHERE state = 'published' GROUP BY key"""

_WARNINGS: Final = """
SELECT at, event, worker, detail FROM events WHERE run = ? AND level = 'warning' ORDER BY id DESC LIMIT ?"""

_ONE: Final = "SELECT outcome, MAX(id) FROM outcomes WHERE key = ? AND state = 'published'"


@dataclasses.dataclass(frozen=True, slots=True)
class InProgress:
    """An order in progress."""

    key: models.OrderKey
    worker: str
    attempt: int
    since: datetime.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Happened:
    """An event of a run."""

    at: datetime.datetime
    event: str
    """Its dotted name, as in the log."""
    worker: str | None
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unread:
    """An order whose page was not recognised or has no attachment area."""

    po_number: str
    error_code: str


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """A run, as recorded in the journal."""

    run: models.RunId
    source: str
    """The input's file name; `""` if orders came from Python."""
    workers: int
    command: tuple[str, ...]
    """The command, as words; empty if orders came from Python."""
    started_at: datetime.datetime
    ended_at: datetime.datetime | None
    """None if it is running or was killed."""
    interrupted: bool
    rows: int
    orders: int
    counts: Mapping[models.Status, int]
    """Number of rows by status."""
    already_complete: int
    """Number of orders done by earlier runs."""
    failed: Mapping[str, int]
    """Number of FAILED rows by `error_code`."""
    partial: Mapping[str, int]
    """Number of PARTIAL rows, likewise."""
    put_back: Mapping[str, int]
    """Number of retries by `error_code`."""
    in_progress: tuple[InProgress, ...]
    """In progress now, or when the run was killed."""
    waiting: Mapping[str, int]
    """Number of orders waiting to be retried, by the `error_code` of their latest attempt."""
    files: int
    bytes: int
    last_at: datetime.datetime
    """Time of the last entry."""
    recent: int
    """Number of this run's own outcomes since `recent_since`."""
    recent_since: datetime.datetime | None
    recent_bytes: int
    doubted: int
    """Number of orders, of any run, whose files are marked to be verified."""
    rules: Mapping[int, int]
    """Number of successful orders, by the version of the reading rules."""
    unread: tuple[Unread, ...]
    """The first FAILED orders whose pages were not recognised."""
    warnings: tuple[Happened, ...]
    """The latest warnings, latest last."""


def progress(path: Path) -> Progress | None:
    """Reads the latest run; None if there is none. Changes nothing, even during a run.

    Raises:
        MachineError: the journal cannot be read, or a newer po-pw wrote it.
    """
    return schema.read_only(path, lambda connection: _progress(connection, path))


def recorded(path: Path, on_row: Callable[[], None] = lambda: None) -> dict[models.OrderKey, str]:
    """Each order's latest folder, relative to the output directory; orders without a folder are left out.

    Args:
        path: of the journal.
        on_row: called for each; may raise to stop.

    Raises:
        MachineError: as for `progress`.
    """

    def read(connection: sqlite3.Connection) -> dict[models.OrderKey, str]:
        _check_version(connection, path)
        found = {}
        for row in connection.execute(_RECORDED):
            on_row()
            if row["folder"]:
                found[models.OrderKey(row["key"])] = str(row["folder"])
        return found

    return schema.read_only(path, read)


def finished(path: Path) -> frozenset[models.OrderKey]:
    """Orders with which nothing is left to do by their latest outcome: they succeeded, and `verify` found no fault.

    Raises:
        MachineError: as for `progress`.
    """

    def read(connection: sqlite3.Connection) -> frozenset[models.OrderKey]:
        _check_version(connection, path)
        return frozenset(
            models.OrderKey(row["key"])
            for row in connection.execute(_LATEST_STATUS)
            if models.Status(row["status"]).succeeded and not row["doubted"]
        )

    return schema.read_only(path, read)


def outcome(path: Path, key: models.OrderKey) -> models.Outcome | None:
    """An order's latest outcome.

    Raises:
        MachineError: as for `progress`.
    """

    def read(connection: sqlite3.Connection) -> models.Outcome | None:
        row = connection.execute(_ONE, (key,)).fetchone()
        return None if row["outcome"] is None else codec.load(row["outcome"])

    return schema.read_only(path, read)


def latest(connection: sqlite3.Connection, path: Path) -> models.RunId | None:
    """The latest run of a journal opened by `schema.read_only`; None if there is none.

    Raises:
        MachineError: a newer po-pw wrote it.
    """
    begun = _begun(connection) if _check_version(connection, path) else None
    return None if begun is None else models.RunId(begun["run"])


def _begun(connection: sqlite3.Connection) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(_LATEST, (f"%-{restore.ENDING}",)).fetchone()
    return row


def _progress(connection: sqlite3.Connection, path: Path) -> Progress | None:
    if not _check_version(connection, path):
        return None
    connection.execute("BEGIN")  # one consistent snapshot
    begun = _begun(connection)
    if begun is None:
        return None
    run = begun["run"]
    named = {"run": run}
    rows = connection.execute(_ROWS, (run,)).fetchone()
    refused = _pairs(connection.execute(_REFUSED, (run,)))
    outcomes = connection.execute(_STATUSES, named).fetchall()
    counts = {models.Status(row["status"]): row["count"] for row in outcomes}
    left = rows["orders"] - sum(counts.values())
    counts[models.Status.FAILED] = counts.get(models.Status.FAILED, 0) + sum(refused.values())
    counts |= {models.Status.PENDING: left, models.Status.DUPLICATE: rows["duplicates"]}
    failed = _pairs(connection.execute(_FAILURES, (run, models.Status.FAILED)))
    unsettled = connection.execute(_OPEN, named).fetchall()
    waiting = [row["error_code"] for row in unsettled if row["ended_at"] and row["error_code"]]
    files = connection.execute("SELECT COUNT(*), SUM(size), MAX(saved_at) FROM files WHERE run = ?", (run,)).fetchone()
    recent = [moment(row["at"]) for row in connection.execute(_SINCE, {"run": run, "recent": _RECENT})]
    since = recent[-1] if recent else None
    (recent_bytes,) = connection.execute(
        "SELECT SUM(size) FROM files WHERE run = ? AND saved_at > ?", (run, codec.stamp(since) if since else "~")
    ).fetchone()
    (leased,) = connection.execute(_LEASED_LAST, (run,)).fetchone()
    signs = [begun["started_at"], begun["ended_at"], files[2], leased, codec.stamp(recent[0]) if recent else None]
    return Progress(
        run=models.RunId(run),
        source=begun["source"],
        workers=begun["workers"],
        command=tuple(json.loads(begun["command"])),
        started_at=moment(begun["started_at"]),
        ended_at=moment(begun["ended_at"]) if begun["ended_at"] else None,
        interrupted=bool(begun["interrupted"]),
        rows=rows["rows"],
        orders=rows["orders"],
        counts={status: counts[status] for status in models.Status if counts.get(status)},
        already_complete=sum(row["already_complete"] for row in outcomes),
        failed=_added(failed, refused),
        partial=_pairs(connection.execute(_FAILURES, (run, models.Status.PARTIAL))),
        put_back=_pairs(connection.execute(_PUT_BACK, named)),
        in_progress=tuple(
            InProgress(models.OrderKey(row["key"]), row["worker"], row["attempt"], moment(row["started_at"]))
            for row in unsettled
            if row["ended_at"] is None
        ),
        waiting={code: waiting.count(code) for code in sorted(set(waiting))},
        files=files[0],
        bytes=files[1] or 0,
        last_at=max(moment(sign) for sign in signs if sign),
        recent=max(0, len(recent) - 1),
        recent_since=since,
        recent_bytes=recent_bytes or 0,
        doubted=connection.execute(_DOUBTED).fetchone()[0],
        rules=_by_rules(connection, run),
        unread=tuple(Unread(*row) for row in connection.execute(_EVIDENT, (run, _MAX_UNREAD))),
        warnings=tuple(_happened(row) for row in reversed(connection.execute(_WARNINGS, (run, _SHOWN)).fetchall())),
    )


def _by_rules(connection: sqlite3.Connection, run: str) -> dict[int, int]:
    return {rules: count for rules, count in connection.execute(_RULES, (run,)) if count}


def _happened(row: sqlite3.Row) -> Happened:
    detail = json.loads(row["detail"])
    return Happened(moment(row["at"]), row["event"], row["worker"], str(detail.get("text") or detail.get("why") or ""))


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    schema.refuse_newer(version, path)
    return int(version)


def _pairs(found: sqlite3.Cursor) -> dict[str, int]:
    return {str(code): count for code, count in found}


def _added(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {code: some.get(code, 0) + more.get(code, 0) for code in [*some, *more]}


def moment(text: str) -> datetime.datetime:
    """Reads a time of the journal, in this machine's time zone."""
    return datetime.datetime.fromisoformat(text).astimezone()
