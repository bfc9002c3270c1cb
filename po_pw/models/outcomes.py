"""What became of an order and of a row: files, missing files, status."""

from __future__ import annotations

import dataclasses
import enum
from datetime import datetime  # noqa: TC003 - pydantic reads the annotations

from po_pw.models import failures, keys  # noqa: TC001 - pydantic reads the annotations


class Status(enum.StrEnum):
    """Result of a row. The first four are also endings of folders."""

    COMPLETED = "COMPLETED"
    """Every wanted attachment is on disk and complete."""
    NO_ATTACHMENTS = "NO_ATTACHMENTS"
    """The order's page was recognised and read completely, and it has no attachments."""
    PARTIAL = "PARTIAL"
    """Some files are on disk, others could not be downloaded; `error_message` says why."""
    FAILED = "FAILED"
    """No file could be downloaded; `error_code` and `error_message` say why."""
    PENDING = "PENDING"
    """The run stopped before it reached the order, or the portal was down or asked for a sign-in. Only in tables."""
    DUPLICATE = "DUPLICATE"
    """An earlier row has the same PO number and shows the result. Only in tables."""

    @property
    def succeeded(self) -> bool:
        """Whether nothing is left to do for it."""
        return self in {Status.COMPLETED, Status.NO_ATTACHMENTS}


@dataclasses.dataclass(frozen=True, slots=True)
class SavedFile:
    """A complete file on disk."""

    attachment_id: str
    path: str
    """File name in the order's folder; until the order is finished, a path in the work folder."""
    sent_name: str
    """Name sent by the server, before it was made safe."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""
    media_type: str
    downloaded_by: str
    """How it was downloaded: `http`, `click`, or `page` for the order's page itself, printed as PDF."""
    source: str
    """Its address, without a query that may contain a signature; or how it was found on the page."""
    section: str = ""
    modified_at: datetime | None = None
    """Sent by the server."""
    saved_at: datetime | None = None
    checks: tuple[str, ...] = ()
    """Results of checks: `length`, `type`, `empty`, `no-length`, `type-mismatch`, `resumed`, `vanished`."""
    etag: str = ""
    """The server's `ETag`, to ask later whether the file has changed."""
    run: str = ""
    """The run that fetched it; `""` if unknown."""


@dataclasses.dataclass(frozen=True, slots=True)
class MissingFile:
    """An attachment that could not be fetched, or is only a link."""

    attachment_id: str
    name: str
    source: str
    failure: failures.Failure | None
    """None for an attachment that is only a link or a text, or is skipped, which is not a failure."""
    section: str = ""
    skipped_type: str = ""
    """Its type, as an extension, if files of that type were not wanted; else `""`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """When an order was processed."""

    started_at: datetime
    ended_at: datetime
    seconds: float
    """Processing time of all attempts by the monotonic clock, without waits between them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """Number of new, changed, unchanged and no longer listed files of an order that was visited again."""

    new: int = 0
    changed: int = 0
    kept: int = 0
    vanished: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(
            self.new + other.new, self.changed + other.changed, self.kept + other.kept, self.vanished + other.vanished
        )


class Earlier(enum.StrEnum):
    """Earlier result of an order that this run processes."""

    NEW = "new"
    """Nothing."""
    FAILED = "failed"
    PARTIAL = "partial"
    UNFINISHED = "unfinished"
    """It was in progress when a run ended."""
    MISSING = "missing"
    """It was finished, and some of its files are missing or changed."""
    WIDENED = "widened"
    """It was finished for fewer types of files than are wanted now."""
    REFRESHED = "refreshed"
    """It was finished, and is visited again on request."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """Result of one order."""

    key: keys.OrderKey
    po_number: str
    status: Status
    files: tuple[SavedFile, ...]
    missing: tuple[MissingFile, ...]
    error: failures.Failure | None
    attempts: int
    timing: Timing
    worker: str
    read_by: str
    """Lane that read the order: `browser` or `light`."""
    folder: str
    """Relative to the output directory, with `/`; `""` if there is none. Absolute for a folder outside the output
    directory: of an order that only its list marks as COMPLETED."""
    supplier: str
    source_url: str
    found: int
    """Number of attachments on the page that can be fetched."""
    from_earlier_run: bool = False
    """True if an earlier run did it and this one only checked that its files exist."""
    changes: Changes | None = None
    """Compared with an earlier outcome; None if there was none with files."""
    rules: int = 0
    """Version of the rules under which its page was read, `recognition.RULES_VERSION`; 0: before there were."""
    earlier: Earlier = Earlier.NEW
    evidence: tuple[str, ...] = ()
    """Files that show why an order did not succeed, relative to the output directory, with `/`: `page.png`
    (screenshot), `page.html` (source), `console.txt` (its errors), `answers.txt` (what servers sent instead of files),
    `trace.zip` (Playwright's trace)."""


@dataclasses.dataclass(frozen=True, slots=True)
class RowResult:
    """One row of the results: the input's row and its outcome."""

    number: int
    cells: tuple[str, ...]
    po_number: str
    status: Status
    outcome: Outcome | None
    """None for a row that was refused or not reached; for a DUPLICATE the earlier row's outcome, or None."""
    error: failures.Failure | None
    duplicate_of: int | None = None
    is_skipped: bool = False
    """No run fetched it: its list marks it as COMPLETED, and its files are there."""


@dataclasses.dataclass(frozen=True, slots=True)
class OtherOrder:
    """An order of the output directory that is not on the current run's list."""

    run: keys.RunId
    """The latest run whose list named it."""
    source: str
    """File name of that list; `""` if orders came from Python, or only the order's manifest is left."""
    columns: tuple[str, ...]
    """The list's column names."""
    row: RowResult
    """The list's row with the order's latest outcome; PENDING if no run reached it."""
