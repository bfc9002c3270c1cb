"""What was pressed in a run, and what was sent or stopped after it: for whoever wants to audit that."""

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
JUDGED: Final = "request.judged"
"""Dotted names of the two events, as the log and the journal have them."""

_BATCH: Final = 2000
"""Entries read at once: a journal may have more than memory should hold."""

_ENTRIES: Final = f"""
SELECT id, run, at, event, worker, key, detail FROM events
WHERE event IN ('{PRESSED}', '{JUDGED}') AND (:run = '' OR run = :run) AND id > :after ORDER BY id LIMIT {_BATCH}"""  # noqa: S608 - constants

_COUNTS: Final = f"""
SELECT event, json_extract(detail, '$.ruling') AS ruling, json_extract(detail, '$.purpose') AS purpose,
       json_extract(detail, '$.is_unasked') AS is_unasked, json_extract(detail, '$.refused') <> '' AS refused,
       COUNT(*) AS count
FROM events WHERE event IN ('{PRESSED}', '{JUDGED}') AND (:run = '' OR run = :run)
GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608 - constants


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One control that was pressed or refused, or one request that was sent or stopped after a press."""

    run: str
    at: datetime.datetime
    worker: str
    key: str
    """Of the order; `""` where it was none's."""
    what: str
    """`pressed`, `not pressed`, `sent` or `stopped`."""
    label: str
    """Of the control, its whole accessible name."""
    purpose: str
    """`FILE`, `OPEN` or `TURN`; see `models.Purpose`."""
    method: str
    """Of the request; `""` for a press."""
    url: str
    """Of the request, else of the page: scheme, host and path."""
    fields: tuple[str, ...]
    """Names of what the request carries, never values."""
    why: str
    is_unasked: bool
    """The page had sent such requests before the press: it says nothing about the control."""


@dataclasses.dataclass(slots=True)
class Counts:
    """What all entries add up to."""

    pressed: int = 0
    refused: int = 0
    """Controls that were to be pressed, and were not."""
    sent_for_files: int = 0
    """Requests other than GET that were sent to hand out a file."""
    sent_for_list: int = 0
    """Likewise to show more of a list of attachments."""
    sent_unasked: int = 0
    """Likewise of the kinds that the page had sent before anything was pressed."""
    stopped: int = 0

    @property
    def sent(self) -> int:
        """Requests other than GET that were sent after a press."""
        return self.sent_for_files + self.sent_for_list + self.sent_unasked


def latest(path: Path) -> models.RunId | None:
    """The latest run; None where there was none.

    Raises:
        MachineError: the journal cannot be read, or a newer po-pw wrote it.
    """
    return schema.look(path, lambda connection: view.latest(connection, path))


def counts(path: Path, run: models.RunId | None) -> Counts:
    """What the entries add up to.

    Args:
        path: the journal.
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

    return schema.look(path, read)


def entries(path: Path, run: models.RunId | None) -> Iterator[Entry]:
    """The entries in the order in which they happened; streams, so that a journal of any size can be listed.

    Args:
        path: the journal.
        run: None for all runs.

    Raises:
        MachineError: as for `latest`.
    """
    after = 0
    while True:

        def read(connection: sqlite3.Connection, after: int = after) -> list[sqlite3.Row]:
            return connection.execute(_ENTRIES, {"run": run or "", "after": after}).fetchall()

        rows = schema.look(path, read)
        if not rows:
            return
        yield from map(_entry, rows)
        after = rows[-1]["id"]


def _counted(row: sqlite3.Row) -> str:
    """Which of `Counts` a row of `_COUNTS` belongs to."""
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
