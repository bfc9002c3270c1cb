"""Columns of the results and their contents. Pure."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING, Final, TypeAlias

from po_pw import models
from po_pw.orders import added_columns

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

Cell: TypeAlias = "str | int | float"

COLUMNS: Final = added_columns.RESULTS
FILE_COLUMNS: Final = (
    "po_number",
    "file",
    "size",
    "sha256",
    "media_type",
    "source",
    "place",
    "saved_at",
    "modified_at",
    "lane",
    "checks",
    "folder",
    "sent_name",
    "error_code",
    "error_message",
)
OTHER_COLUMNS: Final = ("list", "po_number", "supplier", *COLUMNS)
"""Columns for orders that are not on the run's list."""
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def header(columns: Sequence[str], added: Sequence[str] = COLUMNS) -> tuple[str, ...]:
    """The header of a table: the input's columns, then ours; one of the input's named like ours is `input_NAME`."""
    taken = {name.casefold() for name in added}
    own: list[str] = []
    for name in columns:
        free = name
        while free.casefold() in taken:
            free = f"input_{free}"
        taken.add(free.casefold())
        own.append(free)
    return (*own, *added)


def cells(row: models.RowResult, again: str = "the same command") -> tuple[Cell, ...]:
    """The values of our columns for one row: numbers as numbers, times as ISO 8601 with offset, else `""`.

    Args:
        row: the row.
        again: what to run again if the row was not reached.
    """
    outcome = row.outcome
    error = row.error or (outcome.error if outcome else None)
    code, message = (error.code.value, error.message) if error else ("", "")
    if row.duplicate_of is not None:
        message = ": ".join(part for part in (f"same PO number as row {row.duplicate_of}", message) if part)
    elif row.status is models.Status.PENDING:
        message = message or f"not reached; run {again} again to continue"
    elif not message and outcome is not None:
        message = skipped_text(outcome)
    if outcome is None:
        return (row.status.value, *[""] * (len(COLUMNS) - 3), code, clean(message))
    return (
        row.status.value,
        outcome.found,
        len(outcome.files),
        clean("; ".join(file.path for file in outcome.files)),
        sum(file.size for file in outcome.files),
        clean(outcome.folder),
        clean(outcome.source_url),
        outcome.lane,
        outcome.worker,
        outcome.attempts,
        round(outcome.timing.seconds, 3),
        iso(outcome.timing.started_at),
        iso(outcome.timing.ended_at),
        code,
        clean(message),
    )


def skipped_text(outcome: models.Outcome) -> str:
    """The message for an order that is complete except for types of files that are not wanted; else `""`."""
    kinds = collections.Counter(gap.skipped_type for gap in outcome.missing if gap.skipped_type)
    if not kinds:
        return ""
    count = "1 attachment" if kinds.total() == 1 else f"{kinds.total()} attachments"
    return f"complete except for {count} of types that --types leaves out ({', '.join(sorted(kinds))})"


def other_cells(other: models.OtherOrder) -> tuple[Cell, ...]:
    """The values of `OTHER_COLUMNS` for an order of another list."""
    row = other.row
    supplier = row.outcome.supplier if row.outcome else ""
    return (clean(other.source), clean(row.po_number), clean(supplier), *cells(row, again_of(other)))


def again_of(other: models.OtherOrder) -> str:
    """What to run again if an order of another list was not reached."""
    return other.source or "its list"


def file_rows(row: models.RowResult) -> list[tuple[Cell, ...]]:
    """One line per file of a row and per missing attachment; none for a DUPLICATE."""
    outcome = row.outcome
    if outcome is None or row.duplicate_of is not None:
        return []
    lines: list[tuple[Cell, ...]] = [
        (
            outcome.po_number,
            clean(file.path),
            file.size,
            file.sha256,
            clean(file.media_type),
            clean(file.source),
            clean(file.place),
            iso(file.saved_at),
            iso(file.modified_at),
            file.lane,
            ", ".join(file.checks),
            clean(outcome.folder),
            clean(file.sent_name),
            "",
            "",
        )
        for file in outcome.files
    ]
    for gap in outcome.missing:
        code = gap.failure.code.value if gap.failure else ""
        said = clean(gap.failure.message) if gap.failure else "a link or a text, not a file: recorded, not downloaded"
        if gap.skipped_type:
            said = f"skipped: {gap.skipped_type} is a type that --types leaves out"
        source = clean(gap.source)
        place = clean(gap.place)
        lines.append((outcome.po_number, clean(gap.name), *("",) * 3, source, place, *("",) * 6, code, said))
    return lines


def iso(time: datetime.datetime | None) -> str:
    """ISO 8601 with offset, to the millisecond; `""` for None."""
    return time.isoformat(timespec="milliseconds") if time else ""


def clean(text: str) -> str:
    """Removes control characters that workbooks cannot store, and lone surrogates."""
    return _ILLEGAL.sub("", text)
