"""What a result row says: the values of our columns, as every table writes them. Pure.

Their names and order are in `orders.added_columns`.
"""

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
        outcome.read_by,
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
    return (clean(other.source), clean(row.po_number), clean(supplier), *cells(row, list_of(other)))


def list_of(other: models.OtherOrder) -> str:
    """The list to run again if an order of another list was not reached, in words."""
    return other.source or "its list"


def iso(time: datetime.datetime | None) -> str:
    """ISO 8601 with offset, to the millisecond; `""` for None."""
    return time.isoformat(timespec="milliseconds") if time else ""


def clean(text: str) -> str:
    """Removes control characters that workbooks cannot store, and lone surrogates."""
    return _ILLEGAL.sub("", text)
