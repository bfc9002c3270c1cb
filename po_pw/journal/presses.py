"""Audit of a run's clicks, and of the requests that were sent or stopped after them."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.journal import schema, view

if TYPE_CHECKING:
    import datetime
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

PRESSED: Final = "pressed"
DECIDED: Final = "request.decided"
"""Dotted names of the two events, as in log and journal."""

_BATCH: Final = 2000
"""Entries read at once, to bound memory."""

_ENTRIES: Final = f"""
SELECT id, run, at, event, worker, key, detail FROM events
WHERE event IN ('{PRESSED}', '{DECIDED}') AND (:run = '' OR run = :run) AND id > :after ORDER BY id LIMIT {_BATCH}"""  # noqa: S608 - constants

_COUNTS: Final = f"""
SELECT event, json_extract(detail, '$.ruling') AS ruling, json_extract(detail, '$.purpose') AS purpose,
       json_extract(detail, '$.is_unasked') AS is_unasked, json_extract(detail, '$.refused') <> '' AS refused,
       COUNT(*) AS count
FROM events WHERE event IN ('{PRESSED}', '{DECIDED}') AND (:run = '' OR run = :run)
GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608 - constants


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A control that was pressed or refused, or a request that was sent or stopped after a press."""

    run: str
    at: datetime.datetime
    worker: str
    key: str
    """The order's; `""` if it belongs to no order."""
    what: str
    """`pressed`, `not pressed`, `sent` or `stopped`."""
    label: str
    """Full accessible name of the control."""
    purpose: str
    """`FILE`, `OPEN` or `TURN`; see `models.Purpose`."""
    method: str
    """Method of the request; `""` for a press."""
    url: str
    """Scheme, host and path of the request, or for a press of the page."""
    fields: tuple[str, ...]
    """Names of the request's fields, never values."""
    why: str
    is_unasked: bool
    """The page had sent such requests before the press: the control did not cause it."""


@dataclasses.dataclass(slots=True)
class Counts:
    """Totals of the entries."""

    pressed: int = 0
    refused: int = 0
    """Controls that were not pressed for safety."""
    sent_for_files: int = 0
    """Requests other than GET that were sent to get a file."""
    sent_for_list: int = 0
    """Likewise to show more of a list of attachments."""
    sent_unasked: int = 0
    """Likewise, of kinds that the page had sent before any press."""
    stopped: int = 0

    @property
    def sent(self) -> int:
        """Requests other than GET that were sent after a press."""
        return self.sent_for_files + self.sent_for_list + self.sent_unasked


def latest(path: Path) -> models.RunId | None:
    """The latest run; None if there is none.

    Raises:
        MachineError: the journal cannot be read, or a newer po-pw wrote it.
    """
    return schema.read_only(path, lambda connection: view.latest(connection, path))


def counts(path: Path, run: models.RunId | None) -> Counts:
    """Counts the entries.

    Args:
        path: of the journal.
        run: None for all runs.

    Raises:
        MachineError: as for `latest`.
    """

    def read(connection: sqlite3.Connection) -> Counts:
        found = Counts()
        for row in connection.execute(_COUNTS, {"run": run or ""}):
            name = _counted(row)
            setattr(found, name, getattr(found, name) + row["count"])
        return found

    return schema.read_only(path, read)


def entries(path: Path, run: models.RunId | None) -> Iterator[Entry]:
    """Yields the entries in chronological order, in batches.

    Args:
        path: of the journal.
        run: None for all runs.

    Raises:
        MachineError: as for `latest`.
    """
    after = 0
    while True:

        def read(connection: sqlite3.Connection, after: int = after) -> list[sqlite3.Row]:
            return connection.execute(_ENTRIES, {"run": run or "", "after": after}).fetchall()

        rows = schema.read_only(path, read)
        if not rows:
            return
        yield from map(_entry, rows)
        after = rows[-1]["id"]


def _counted(row: sqlite3.Row) -> str:
    """The field of `Counts` for a row of `_COUNTS`."""
    if row["event"] == PRESSED:
        return "refused" if row["refused"] else "pressed"
    if row["ruling"] != models.Ruling.PASS:
        return "stopped"
    if row["is_unasked"]:
        return "sent_unasked"
    return "sent_for_files" if row["purpose"] == models.Purpose.FILE else "sent_for_list"


def _entry(row: sqlite3.Row) -> Entry:
    detail = json.loads(row["detail"])
    is_press = row["event"] == PRESSED
    why = detail["refused"] if is_press else detail["why"]
    if is_press:
        what = "not pressed" if why else "pressed"
    else:
        what = "sent" if detail["ruling"] == models.Ruling.PASS else "stopped"
    return Entry(
        row["run"],
        view.moment(row["at"]),
        row["worker"] or "",
        row["key"] or "",
        what,
        detail["label"],
        detail["purpose"],
        detail.get("method", ""),
        detail["page_url"] if is_press else detail["url"],
        tuple(detail.get("fields", ())),
        why,
        bool(detail.get("is_unasked")),
    )
