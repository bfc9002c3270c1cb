"""Content of the cells of the workbook's sheets. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from po_pw import models
from po_pw.orders import added_columns, amounts, headers
from po_pw.results import evidence_names, links, money, reasons, row_values
from po_pw.results.styles import Kind

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

Value: TypeAlias = "str | int | float | datetime.datetime | links.Link"
"""Of a cell; `""` for an empty one."""


class Column(NamedTuple):
    """A column of a sheet."""

    heading: str
    kind: Kind = Kind.TEXT
    widest: int = 40
    """Maximum width in characters."""
    is_own: bool = False
    """Whether it is a column of the list."""
    is_technical: bool = False
    """Whether it is hidden at first."""
    is_printed: bool = True


_KINDS: Final = {
    "Reason": (Kind.WRAPPED, 26),
    "What to do": (Kind.WRAPPED, 30),
    "Folder": (Kind.TEXT, 50),
    "Files found": (Kind.COUNT, 12),
    "Files downloaded": (Kind.COUNT, 14),
    "Size": (Kind.SIZE, 12),
    "Finished": (Kind.MOMENT, 20),
    "Details": (Kind.WRAPPED, 50),
    "Evidence": (Kind.TEXT, 16),
    "Order page": (Kind.TEXT, 12),
    "File names": (Kind.TEXT, 40),
    "Started": (Kind.MOMENT, 20),
    "Attempts": (Kind.COUNT, 10),
    "Seconds": (Kind.SECONDS, 10),
    "Saved": (Kind.MOMENT, 20),
    "Changed on the portal": (Kind.MOMENT, 20),
}
_TECHNICAL: Final = ("Started", "Error code", "Read by", "Worker", "Attempts", "Seconds", "Server's answer", "Trace")
_FILE_TECHNICAL: Final = (
    "Type",
    "Changed on the portal",
    "SHA-256",
    "Name as sent",
    "Source",
    "Downloaded by",
    "Checks",
    "Error code",
)
_NOT_PRINTED: Final = ("Details", "Evidence", "Order page", "File names")
"""Columns left out of the print, because a page would be too wide."""
_MORE_EVIDENCE: Final = ("answers.txt", "trace.zip")
"""Files of evidence with a column of their own."""
_DIGITS: Final = 15
"""Digits that a number in a spreadsheet can have."""
_YEARS: Final = range(1901, 9999)
"""Years that a spreadsheet can show in any time zone."""
_VANISHED: Final = reasons.Reason("no longer on the portal; the file is kept")
_RECORDED: Final = reasons.Reason("a link or a text, not a file: recorded, not downloaded", "open it on the portal")


def _columns(headings: Sequence[str], technical: Sequence[str]) -> tuple[Column, ...]:
    return tuple(
        Column(
            name,
            *_KINDS.get(name, (Kind.TEXT, 45)),
            is_technical=name in technical,
            is_printed=name not in (*_NOT_PRINTED, *technical),
        )
        for name in headings
    )


ADDED: Final = _columns(added_columns.WORKBOOK, _TECHNICAL)
"""Columns of the sheet Orders after the list's own."""
OTHERS: Final = (*_columns(("List", "PO number", "Supplier"), ()), *ADDED)
"""Columns of the sheet for orders of other lists."""
FILES: Final = _columns(
    (
        "PO number",
        "File",
        "Size",
        "Saved",
        "Folder",
        "Section of the page",
        "Reason",
        "What to do",
        "Details",
        *_FILE_TECHNICAL,
    ),
    _FILE_TECHNICAL,
)
"""Columns of the sheets for files."""
STATUS_COLUMN: Final = added_columns.WORKBOOK.index("Status")
"""Of `ADDED`."""


class OrderRows:
    """Makes the cells of the sheet Orders.

    Args:
        columns: of the list.

    Attributes:
        columns: of the sheet.
        own: number of columns before those that po-pw adds to every list.
        po_column: index of the column with the PO number.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._money = money.Columns.of(columns)
        self._amounts = (self._money.amount, *self._money.more)
        has_currency = self._money.amount >= 0 and self._money.currency < 0
        added = ((added_columns.CURRENCY,) if has_currency else ()) + added_columns.WORKBOOK
        names = row_values.header(columns, added)
        own = [
            Column(name, Kind.AMOUNT if index in self._amounts else Kind.TEXT, 28, is_own=True)
            for index, name in enumerate(names[: len(columns)])
        ]
        if has_currency:
            own.append(Column(added_columns.CURRENCY, widest=12))
        self._has_currency = has_currency
        self.columns = (*own, *ADDED)
        self.own = len(own)
        self.po_column = max(0, headers.ColumnMap.of(columns).po_number)

    def cells(self, row: models.RowResult) -> list[Value]:
        """The cells of one row."""
        own: list[Value] = list(row.cells)
        for column in self._amounts:
            cell = row.cells[column] if 0 <= column < len(row.cells) else ""
            value = money.number(cell)
            # A currency would be lost where there is no column for it.
            is_shown = column == self._money.amount or not amounts.currency(cell)
            if value is not None and is_shown and len(value.as_tuple().digits) <= _DIGITS:
                own[column] = float(value)
        if self._has_currency:
            own.append(amounts.currency(self._money.text(row.cells)))
        return [*own, *added(row)]


def added(row: models.RowResult, again: str = "the same command") -> tuple[Value, ...]:
    """The values of `ADDED` for one row.

    Args:
        row: the row.
        again: what to run again if the row was not reached.
    """
    values = dict(zip(row_values.COLUMNS, row_values.cells(row, again), strict=True))
    outcome, reason = row.outcome, reasons.of_row(row)
    is_plain = row.status is models.Status.COMPLETED
    is_said = row.status is models.Status.PENDING and row.error is None
    names: Value = values["attachment_names"]
    if outcome is not None and outcome.folder and len(outcome.files) == 1:
        names = links.to_path(f"{outcome.folder}/{outcome.files[0].path}", str(names))
    return (
        row.status.value,
        "" if is_plain else reasons.sentence(reason.cause),
        reasons.sentence(reason.remedy.replace("the same command", again)),
        _folder(outcome),
        values["attachments_found"],
        values["attachments_downloaded"],
        values["bytes"] if outcome is not None and outcome.files else "",
        _moment(outcome.timing.ended_at if outcome else None),
        "" if is_said else values["error_message"],
        _evidence(outcome.evidence[0] if outcome and outcome.evidence else ""),
        links.to_page(outcome.source_url, "Open page") if outcome else "",
        names,
        _moment(outcome.timing.started_at if outcome else None),
        values["error_code"],
        values["read_by"],
        values["worker"],
        values["attempts"],
        values["seconds"],
        *(_evidence(evidence_names.named(outcome.evidence if outcome else (), name)) for name in _MORE_EVIDENCE),
    )


def other(order: models.OtherOrder) -> tuple[Value, ...]:
    """The values of `OTHERS` for an order of another list."""
    supplier = order.row.outcome.supplier if order.row.outcome else ""
    return (order.source, order.row.po_number, supplier, *added(order.row, row_values.list_of(order)))


def files(row: models.RowResult) -> list[tuple[Value, ...]]:
    """The values of `FILES`, one line per file of a row and per missing attachment; none for a DUPLICATE."""
    outcome = row.outcome
    if outcome is None or row.duplicate_of is not None:
        return []
    lines: list[tuple[Value, ...]] = [
        (
            outcome.po_number,
            links.to_path(f"{outcome.folder}/{file.path}", file.path) if outcome.folder else file.path,
            file.size,
            _moment(file.saved_at),
            _folder(outcome),
            file.section,
            reasons.sentence(_VANISHED.cause) if "vanished" in file.checks else "",
            "",
            "",
            file.media_type,
            _moment(file.modified_at),
            file.sha256,
            file.sent_name,
            file.source,
            file.downloaded_by,
            ", ".join(file.checks),
            "",
        )
        for file in outcome.files
    ]
    for gap in outcome.missing:
        reason = reasons.CODES[gap.failure.code] if gap.failure else _RECORDED
        code, message = (gap.failure.code.value, gap.failure.message) if gap.failure else ("", "")
        lines.append(
            (
                outcome.po_number,
                links.to_page(gap.source, gap.name or gap.source),
                "",
                "",
                _folder(outcome),
                gap.section,
                reasons.sentence(reason.cause),
                reasons.sentence(reason.remedy),
                message,
                "",
                "",
                "",
                "",
                gap.source,
                "",
                "",
                code,
            )
        )
    return lines


def _evidence(path: str) -> Value:
    """A link to a file that shows why an order failed; `""` for none."""
    return links.to_path(path, reasons.sentence(evidence_names.of_path(path))) if path else ""


def _folder(outcome: models.Outcome | None) -> Value:
    return links.to_path(outcome.folder, outcome.folder) if outcome is not None and outcome.folder else ""


def _moment(time: datetime.datetime | None) -> Value:
    """Local time, as spreadsheets know no time zones; as text if it is beyond their calendar."""
    if time is None:
        return ""
    return time.astimezone().replace(tzinfo=None) if time.year in _YEARS else row_values.iso(time)
