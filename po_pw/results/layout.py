"""Which columns the results have, and what stands in them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from po_pw import models

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

COLUMNS: Final = (
    "status", "attachments_found", "attachments_downloaded", "attachment_names", "bytes", "folder", "source_url",
    "lane", "worker", "attempts", "seconds", "started_at", "finished_at", "error_code", "error_message",
)  # fmt: skip
FILE_COLUMNS: Final = (
    "po_number", "file", "size", "sha256", "media_type", "source", "place", "modified_at", "saved_at", "lane",
    "checks", "sent_name", "folder", "error_code", "error_message",
)  # fmt: skip


def header(columns: Sequence[str]) -> tuple[str, ...]:
    """The results' header: the input's columns first; one of them that clashes with ours becomes `input_NAME`."""
    taken = {name.casefold() for name in COLUMNS}
    own = [f"input_{name}" if name.casefold() in taken else name for name in columns]
    return (*own, *COLUMNS)


def cells(row: models.RowResult) -> tuple[Any, ...]:
    """What our columns hold for one row; numbers as numbers, times as ISO 8601 with offset, `""` where nothing."""
    outcome, error = row.outcome, row.error
    message = error.message if error else ""
    if row.duplicate_of is not None:
        message = f"same PO as row {row.duplicate_of}" + (
            f": {outcome.error.message}" if outcome and outcome.error else ""
        )
    elif row.status is models.Status.PENDING:
        message = "not reached: run the same command again to continue"
    code = error.code.value if error else ""
    if outcome is None:
        return (row.status.value, "", "", "", "", "", "", "", "", "", "", "", "", code, message)
    return (
        row.status.value, outcome.found, len(outcome.files), "; ".join(file.path for file in outcome.files),
        sum(file.size for file in outcome.files), outcome.folder, outcome.source_url, outcome.lane, outcome.worker,
        outcome.attempts, round(outcome.timing.seconds, 3), iso(outcome.timing.started_at),
        iso(outcome.timing.ended_at), code, message,
    )  # fmt: skip


def file_rows(row: models.RowResult) -> list[tuple[Any, ...]]:
    """A line for each file of one row, and for each attachment that is not on disk."""
    outcome = row.outcome
    if outcome is None or row.duplicate_of is not None:
        return []
    lines: list[tuple[Any, ...]] = [
        (
            outcome.po_number, file.path, file.size, file.sha256, file.media_type, file.source, file.place,
            iso(file.modified_at), iso(file.saved_at), file.lane, ", ".join(file.checks), file.sent_name,
            outcome.folder, "", "",
        )
        for file in outcome.files
    ]  # fmt: skip
    for gap in outcome.missing:
        code = gap.failure.code.value if gap.failure else ""
        said = gap.failure.message if gap.failure else "only an address: recorded, not fetched"
        lines.append((outcome.po_number, gap.name, "", "", "", gap.source, "", "", "", "", "", "", "", code, said))
    return lines


def iso(time: datetime.datetime | None) -> str:
    """ISO 8601 with offset, to the millisecond; `""` for None."""
    return time.isoformat(timespec="milliseconds") if time else ""
