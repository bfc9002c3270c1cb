"""Columns that po-pw adds to a list in its own tables. Reading such a table as a list leaves them out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS: Final = (
    "status",
    "attachments_found",
    "attachments_downloaded",
    "attachment_names",
    "bytes",
    "folder",
    "source_url",
    "read_by",
    "worker",
    "attempts",
    "seconds",
    "started_at",
    "finished_at",
    "error_code",
    "error_message",
)
"""At the end of results.csv."""
WORKBOOK: Final = (
    "Status",
    "Reason",
    "What to do",
    "Folder",
    "Files found",
    "Files downloaded",
    "Size",
    "Finished",
    "Details",
    "Evidence",
    "Order page",
    "File names",
    "Started",
    "Error code",
    "Read by",
    "Worker",
    "Attempts",
    "Seconds",
    "Server's answer",
    "Trace",
)
"""At the end of the workbook's sheet Orders."""
CURRENCY: Final = "Amount currency"
"""Before `WORKBOOK`, if the list has amounts and no column for their currency."""
FAILED: Final = ("po_pw_status", "po_pw_error_code", "po_pw_reason", "po_pw_what_to_do", "po_pw_details")
"""In failed.csv, whose other columns people may move, remove or add: each is known by its name alone."""


def kept(columns: Sequence[str]) -> tuple[int, ...]:
    """Indexes of the columns, from 0, that are the list's own.

    `RESULTS` and `WORKBOOK` are known as a whole only: a list may well have a column `Status` or `Folder`. `CURRENCY`
    is kept, as the amounts of that table have lost theirs; in a list with `<|>` it would become a folder.
    """
    end = len(columns)
    for added in (RESULTS, WORKBOOK):
        if tuple(columns[-len(added) :]) == added:
            end -= len(added)
            if added is WORKBOOK and tuple(columns[end - 1 : end]) == (CURRENCY,) and headers.HIERARCHY in columns:
                end -= 1
            break
    return tuple(index for index in range(end) if columns[index] not in FAILED)
