"""Converts values to SQLite columns and back."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sqlite3
import zlib
from decimal import Decimal
from typing import Any, Final

import pydantic

from po_pw import models, redact, redact_objects

_OUTCOME: Final = pydantic.TypeAdapter(models.Outcome)
_FILE: Final = pydantic.TypeAdapter(models.SavedFile)
# Given what `json` parsed: pydantic's own parser refuses lone surrogates, which names from servers may contain.

_SUM: Final = ',"sum":"'
"""SQLite has no checksums: without one a flipped bit in a text would go unnoticed."""


def dump(outcome: models.Outcome) -> str:
    """An outcome as JSON; times as ISO 8601 with offset. Its last member, `sum`, is a checksum of the rest.

    Secrets are removed, even if the outcome comes from an older journal that has them.
    """
    body = _text(redact_objects.values(outcome))[:-1]
    return f'{body}{_SUM}{_sum(body)}"}}'


def load(text: object) -> models.Outcome:
    """Reads an outcome written by `dump`.

    Raises:
        sqlite3.DatabaseError: the text is not valid: the database is damaged.
    """
    body, mark, end = text.rpartition(_SUM) if isinstance(text, str) else ("", "", "")
    if not mark or end != f'{_sum(body)}"}}':
        damage = sqlite3.DatabaseError("an entry is inconsistent")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage
    return _OUTCOME.validate_python(json.loads(f"{body}}}"))


def row_values(run: models.RunId, row: models.Row) -> tuple[Any, ...]:
    """A row of the input, in the order of the table's columns; a refused row or a duplicate is not an order.

    Addresses are stored without secrets: a run has the full ones in memory, and reads them from the input again when
    it is continued.
    """
    problem = row.problem
    order = row.order if problem is None and row.duplicate_of is None else None
    amount = order.amount if order else None
    return (
        run,
        row.number,
        row.po_number,
        order.key if order else None,
        json.dumps(tuple(map(redact.links, row.cells))),
        redact.address(order.url) if order else None,
        order.supplier if order else None,
        None if amount is None else str(amount),
        isinstance(amount, Decimal),
        problem.code if problem else None,
        escape_surrogates(redact.text(problem.message)) if problem else None,
        row.duplicate_of,
        json.dumps(order.levels if order else ()),
        json.dumps(order.folder) if order and order.folder else "",
    )


def order(row: sqlite3.Row) -> models.PurchaseOrder:
    """The order of a row."""
    amount = Decimal(row["amount"]) if row["amount_is_decimal"] else row["amount"]
    key = models.OrderKey(row["key"])
    levels = tuple(json.loads(row["levels"]))
    folder = json.loads(row["folder"]) if row["folder"] else ""
    return models.PurchaseOrder(
        key, row["po_number"], row["url"], row["supplier"], amount, row["number"], levels, folder=folder
    )


def result(row: sqlite3.Row) -> models.RowResult:
    """A row of the input with its outcome."""
    outcome = load(row["outcome"]) if row["outcome"] else None
    error = models.Failure(models.ErrorCode(row["error_code"]), row["error_message"]) if row["error_code"] else None
    if row["duplicate_of"] is not None:
        status = models.Status.DUPLICATE
    elif error is not None:
        status = models.Status.FAILED
    elif outcome is None:
        status = models.Status.PENDING
    else:
        status, error = outcome.status, outcome.error
    cells = tuple(json.loads(row["cells"]))
    return models.RowResult(
        row["number"], cells, row["po_number"], status, outcome, error, row["duplicate_of"], bool(row["is_skipped"])
    )


def other(row: sqlite3.Row) -> models.OtherOrder:
    """An order of another run, with the list that named it last."""
    outcome = load(row["outcome"]) if row["outcome"] else None
    status, error = (outcome.status, outcome.error) if outcome else (models.Status.PENDING, None)
    cells = tuple(json.loads(row["cells"])) if row["cells"] else ()
    po_number = row["po_number"] or (outcome.po_number if outcome else row["key"])
    result = models.RowResult(row["number"] or 0, cells, po_number, status, outcome, error)
    return models.OtherOrder(models.RunId(row["run"]), row["source"], tuple(json.loads(row["columns"])), result)


def file_values(run: models.RunId, key: models.OrderKey, file: models.SavedFile) -> tuple[Any, ...]:
    """A file, in the order of the table's columns."""
    file = redact_objects.values(file)
    saved_at = stamp(file.saved_at) if file.saved_at else None
    return (
        run,
        key,
        escape_surrogates(file.attachment_id),
        escape_surrogates(file.path),
        escape_surrogates(file.sent_name),
        file.size,
        file.sha256,
        escape_surrogates(file.media_type),
        escape_surrogates(file.source),
        file.downloaded_by,
        saved_at,
        _text(file),
    )


def file(text: str) -> models.SavedFile:
    """Reads a file from the last value of `file_values`."""
    return _FILE.validate_python(json.loads(text))


def stamp(moment: datetime.datetime) -> str:
    """A time as sortable text, independent of its UTC offset."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="microseconds")


def now() -> str:
    """The current time, as `stamp` writes it."""
    return stamp(datetime.datetime.now(datetime.UTC))


def escape_surrogates(text: str) -> str:
    """Escapes lone surrogates, which SQLite cannot store."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _sum(body: str) -> str:
    return f"{zlib.crc32(body.encode('utf-8', 'surrogatepass')):08x}"


def _text(value: models.Outcome | models.SavedFile) -> str:
    # ASCII only: names from servers may contain lone surrogates, which SQLite cannot store.
    return json.dumps(dataclasses.asdict(value), default=_time_text, separators=(",", ":"))


def _time_text(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    msg = f"{value!r} cannot be kept in the journal"
    raise TypeError(msg)
