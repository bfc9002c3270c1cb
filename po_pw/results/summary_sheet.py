"""The first sheet of the workbook: what the run did, what is left to do and why."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from po_pw import models
from po_pw.results import reasons, styles, table_sheet

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from po_pw.results import summary

_LAST: Final = 8
"""Index of the last column."""
_FIRST_WIDTH, _WIDTH = 44, 16
_LETTER: Final = 0.95
"""Width of an average letter, of a digit's, which widths are counted in."""
_MAX_SUPPLIERS: Final = 200
_DAY: Final = 86_400
_STATUS_NAMES: Final = {
    models.Status.COMPLETED: "Completed",
    models.Status.NO_ATTACHMENTS: "No attachments",
    models.Status.PARTIAL: "Partial",
    models.Status.FAILED: "Failed",
    models.Status.PENDING: "Not reached",
}


class SummarySheet:
    """The sheet Summary.

    Args:
        book: XlsxWriter's workbook.
        look: the workbook's formats.
    """

    def __init__(self, book: Any, look: styles.Styles) -> None:
        self._sheet = book.add_worksheet("Summary")
        self._look = look
        self._row = 0
        made = look.plain
        line = {"bottom": 1, "bottom_color": "#D0D0D0"}
        self._strong = made(bold=True)
        self._title = made(bold=True, font_size=16, font_color="#1F4E79")
        self._subtitle = made(font_color="#404040")
        self._section = made(bold=True, font_size=12, font_color="#1F4E79", bottom=2, bottom_color="#1F4E79")
        self._head = made(bold=True, bg_color="#E7EDF4", **line)
        self._head_right = made(bold=True, bg_color="#E7EDF4", align="right", indent=1, **line)
        self._text = made(text_wrap=True, **line)
        self._warning = made(text_wrap=True, bg_color="#FFF2CC", border=1, border_color="#BF9000")
        self._command = made(text_wrap=True, font_name="Consolas", bg_color="#F2F2F2", border=1, border_color="#BFBFBF")
        self._numbers = {
            kind: made(num_format=number, align="right", indent=1, **line)
            for kind, number in (
                ("count", "#,##0"),
                ("share", "0.0%_)_)"),
                ("size", styles.TOTAL_SIZE_FORMAT),
                ("amount", "#,##0.00"),
                ("duration", "[h]:mm:ss"),
                ("moment", styles.MOMENT_FORMAT),
            )
        }
        self._total = made(bold=True, num_format="#,##0", align="right", indent=1, top=1)
        self._total_text = made(bold=True, top=1)

    def write(self, overview: summary.Overview) -> None:
        """Writes all of it."""
        self._sheet.set_column(0, 0, _FIRST_WIDTH)
        self._sheet.set_column(1, _LAST, _WIDTH)
        self._sheet.hide_gridlines(2)
        table_sheet.set_print_layout(self._sheet)
        self._heading(overview)
        self._counts(overview)
        self._figures(overview)
        self._causes(overview)
        self._amounts(overview)
        self._suppliers(overview)
        self._shared(overview)

    def _heading(self, overview: summary.Overview) -> None:
        self._sheet.set_row(self._row, 24)
        named = f": {overview.source}" if overview.source else ""
        self._put(0, f"Purchase order attachments{named}", self._title)
        started = overview.started_at.astimezone()
        said = f"Run of {started:%Y-%m-%d %H:%M:%S}. Times are this computer's local time ({_zone(started)})."
        if overview.interrupted:
            said += " The run was stopped before its end."
        self._next_row()
        self._put(0, said, self._subtitle)
        self._next_row()
        for warning in overview.warnings:
            self._next_row()
            self._wide(0, _LAST, f"Please check: {warning}", self._warning)
        if overview.next is not None:
            self._row += 1 + bool(overview.warnings)
            self._put(0, overview.next.purpose, self._strong)
            self._next_row()
            self._wide(0, _LAST, overview.next.line, self._command)
        self._next_row()

    def _counts(self, overview: summary.Overview) -> None:
        self._begin("Result", "Status", ("Rows", "Share"), "Meaning")
        for status, count in overview.counts.items():
            self._next_row()
            self._put(0, status.value, self._look.status[status])
            self._number(1, count)
            self._number(2, count / overview.rows, "share")
            self._wide(3, _LAST, reasons.sentence(reasons.STATUSES[status].cause), self._text)
        self._next_row()
        self._put(0, "All rows", self._total_text)
        self._sheet.write_number(self._row, 1, overview.rows, self._total)
        self._next_row()

    def _figures(self, overview: summary.Overview) -> None:
        self._begin("Files and time", "", (), "")
        lines: list[tuple[str, float, str]] = [
            ("Files in the folders", overview.files, "count"),
            ("Their size", overview.bytes, "size"),
            ("Downloaded by this run", overview.downloaded_files, "count"),
            ("Their size", overview.downloaded_bytes, "size"),
            ("Duration of the run (h:mm:ss)", overview.seconds / _DAY, "duration"),
        ]
        if overview.others:
            lines.append(("Orders of other lists in the folder", overview.others, "count"))
        for label, value, kind in lines:
            self._next_row()
            self._put(0, label, self._text)
            self._number(1, value, kind)
        self._next_row()

    def _causes(self, overview: summary.Overview) -> None:
        if not overview.causes:
            return
        self._begin("What went wrong, and what to do", "Reason", ("Orders",), "What to do", 6, "First orders")
        for cause in overview.causes:
            self._next_row()
            first = _first(cause.first, cause.orders)
            remedy = reasons.sentence(cause.reason.remedy)
            self._set_height((_FIRST_WIDTH, cause.reason.cause), (4 * _WIDTH, remedy), (3 * _WIDTH, first))
            self._put(0, reasons.sentence(cause.reason.cause), self._text)
            self._number(1, cause.orders)
            self._merged(2, 5, remedy, self._text)
            self._merged(6, _LAST, first, self._text)
        self._next_row()

    def _amounts(self, overview: summary.Overview) -> None:
        if not overview.totals and not overview.unread_amounts:
            return
        self._begin("Amounts", "Currency", ("Orders", "Amount", "Not done", "Their amount"), "")
        for total in overview.totals:
            self._next_row()
            self._put(0, total.currency or "(not given)", self._text)
            self._number(1, total.orders)
            self._number(2, float(total.value), "amount")
            self._number(3, total.open_orders)
            self._number(4, float(total.open_value), "amount")
        if overview.unread_amounts:
            self._next_row()
            count = overview.unread_amounts
            said = "1 amount is" if count == 1 else f"{count:,} amounts are"
            why = "not a number, or could be read in two ways (1,234 or 1.234)"
            self._wide(0, _LAST, f"{said} not included: {why}", self._text)
        self._next_row()

    def _suppliers(self, overview: summary.Overview) -> None:
        if not overview.suppliers:
            return
        statuses = list(_STATUS_NAMES)
        self._begin("By supplier", "Supplier", ("Orders", *_STATUS_NAMES.values(), "Files", "Size"), "")
        shown, rest = overview.suppliers[:_MAX_SUPPLIERS], overview.suppliers[_MAX_SUPPLIERS:]
        lines: list[tuple[str, Sequence[summary.Supplier]]] = [(one.name or "(not known)", (one,)) for one in shown]
        if rest:
            lines.append((f"{len(rest):,} other suppliers", rest))
        for name, group in lines:
            self._next_row()
            self._set_height((_FIRST_WIDTH, name))
            self._put(0, name, self._text)
            self._number(1, sum(one.orders for one in group))
            for column, status in enumerate(statuses, 2):
                self._number(column, sum(one.counts.get(status, 0) for one in group), is_blank_for_zero=True)
            self._number(_LAST - 1, sum(one.files for one in group), is_blank_for_zero=True)
            self._number(_LAST, sum(one.bytes for one in group), "size", is_blank_for_zero=True)
        self._next_row()

    def _shared(self, overview: summary.Overview) -> None:
        if not overview.shared:
            return
        title = "Files with the same content in more than one order"
        self._begin(title, "File", ("Orders", "Size"), "First orders")
        for file in overview.shared:
            self._next_row()
            first = _first(file.first, file.orders)
            self._set_height((_FIRST_WIDTH, file.name), (6 * _WIDTH, first))
            self._put(0, file.name, self._text)
            self._number(1, file.orders)
            self._number(2, file.size, "size")
            self._merged(3, _LAST, first, self._text)
        if (more := overview.shared_count - len(overview.shared)) > 0:
            self._next_row()
            self._wide(0, _LAST, f"and {more:,} more" if more > 1 else "and 1 more", self._text)
        self._next_row()

    def _begin(
        self, title: str, first: str, numbers: Sequence[str], text: str, second_at: int = 0, second: str = ""
    ) -> None:
        """Writes a section's title and, if `first` is given, the header of its table.

        Args:
            title: of the section.
            first: heading of the first column.
            numbers: headings of the columns with numbers.
            text: heading of the text that takes the columns after them.
            second_at: column of a second text; 0 if there is none.
            second: its heading.
        """
        self._next_row()
        self._sheet.set_row(self._row, 20)
        for column in range(_LAST + 1):
            self._put(column, title if column == 0 else "", self._section)
        if not first:
            return
        self._next_row()
        for column in range(_LAST + 1):
            if 0 < column <= len(numbers):
                self._put(column, numbers[column - 1], self._head_right)
            else:
                heading = {0: first, len(numbers) + 1: text, (second_at or _LAST + 1): second}.get(column, "")
                self._put(column, heading, self._head)

    def _next_row(self) -> None:
        self._row += 1

    def _put(self, column: int, text: str, style: Any) -> None:
        if text:
            self._sheet.write_string(self._row, column, table_sheet.fitting(text), style)
        else:
            self._sheet.write_blank(self._row, column, None, style)

    def _number(self, column: int, value: float, kind: str = "count", *, is_blank_for_zero: bool = False) -> None:
        if value or not is_blank_for_zero:
            self._sheet.write_number(self._row, column, value, self._numbers[kind])
        else:
            self._put(column, "", self._numbers[kind])

    def _wide(self, first: int, last: int, text: str, style: Any) -> None:
        """A text over several columns, in a row as high as it needs."""
        width = sum(_FIRST_WIDTH if column == 0 else _WIDTH for column in range(first, last + 1))
        self._set_height((width, text))
        self._merged(first, last, text, style)

    def _merged(self, first: int, last: int, text: str, style: Any) -> None:
        # Only the first cell is text; the others exist for the border.
        self._sheet.merge_range(self._row, first, self._row, last, "", style)
        self._put(first, text, style)

    def _set_height(self, *texts: tuple[int, str]) -> None:
        """As many lines as the longest text needs in its width: no program fits rows to merged cells."""
        lines = max(math.ceil(len(text) * _LETTER / width) for width, text in texts)
        if lines > 1:
            self._sheet.set_row(self._row, table_sheet.LINE_HEIGHT * lines)


def _first(numbers: Sequence[str], count: int) -> str:
    more = count - len(numbers)
    return ", ".join(numbers) + (f" and {more:,} more" if more > 0 else "")


def _zone(time: datetime.datetime) -> str:
    offset = time.strftime("%z")
    return f"UTC{offset[:3]}:{offset[3:]}"
