"""A sheet of the workbook with a header and a row per order or file, written row by row in constant memory."""

from __future__ import annotations

import datetime
import textwrap
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from xlsxwriter import url, utility

from po_pw.results import links, row_values, styles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from po_pw.results import workbook_rows

MAX_ROWS: Final = 1_048_575
"""Maximum rows of a sheet below the header."""
MAX_CELL_CHARS: Final = 32_767
"""Maximum characters of a cell."""
MAX_LINKS: Final = 60_000
"""Links of a sheet, of which Excel takes 65,530; further ones are formulas. Three a row suffice for 20,000 rows."""
_MEASURED: Final = 200
"""Rows from which the widths follow."""
_NARROWEST: Final = 9
_MAX_FROZEN: Final = 60
"""Maximum width, in characters, of the columns that stay in view."""
_HEADER_HEIGHT: Final = 33
LINE_HEIGHT: Final = 15
"""Points of a line of text."""
_MAX_LINES: Final = 20
"""Excel's rows are at most 409 points high."""
_A4: Final = 9


class Target(url.Url):  # type: ignore[misc]  # XlsxWriter has no annotations
    """A link's target as it is written, without what XlsxWriter makes of one: backslashes, and half an encoding.

    XlsxWriter keeps the object until the end: only the target stays in memory.
    """

    __slots__ = ("_anchor", "_link", "_text")
    _link_type = url.UrlTypes.EXTERNAL
    _tip = ""
    _is_object_link = False

    def __init__(self, link: links.Link, text: str) -> None:
        self._link, _, self._anchor = link.target.partition("#")
        self._text = text

    def _target(self) -> str:
        return self._link

    def is_written(self) -> None:
        """Forgets the text, which is in its cell."""
        self._text = ""


class TableSheet:
    """A sheet with a header; column widths are set from the first rows.

    Args:
        book: XlsxWriter's workbook.
        name: of the sheet.
        columns: of the sheet.
        look: the workbook's formats.
        frozen: number of columns that stay in view, where they are not too wide.
    """

    def __init__(
        self,
        book: Any,
        name: str,
        columns: Sequence[workbook_rows.Column],
        look: styles.Styles,
        *,
        frozen: int,
    ) -> None:
        self.left_out = self.clipped = 0
        self._name = name
        self._columns = columns
        self._look = look
        self._frozen = frozen
        self._sheet = book.add_worksheet(name)
        self._row = self._links = 0
        # The longest word of a heading must fit beside the filter's arrow.
        self._widths = [max(map(len, column.heading.split()), default=0) + 4 for column in columns]
        self._sheet.set_row(0, _HEADER_HEIGHT)
        for index, column in enumerate(columns):
            style = look.header if column.is_own else look.added_header
            self._sheet.write_string(0, index, self._fitting(column.heading), style)

    def add(self, cells: Sequence[workbook_rows.Value], formats: Mapping[int, Any] | None = None) -> None:
        """Writes a row.

        Args:
            cells: its values, one per column.
            formats: of cells that look different from their column, by column.
        """
        if self._row >= MAX_ROWS:
            self.left_out += 1
            return
        self._row += 1
        self._set_height(cells)
        for index, (cell, column) in enumerate(zip(cells, self._columns, strict=False)):
            style = (formats or {}).get(index) or self._look.by_kind[column.kind]
            if cell == "":
                self._sheet.write_blank(self._row, index, None, style)
            elif isinstance(cell, str):
                is_unread = column.kind is styles.Kind.AMOUNT
                self._sheet.write_string(
                    self._row, index, self._fitting(cell), self._look.unread_amount if is_unread else style
                )
            elif isinstance(cell, links.Link):
                self._add_link(index, cell)
            elif isinstance(cell, datetime.datetime):
                self._sheet.write_datetime(self._row, index, cell, style)
            else:
                self._sheet.write_number(self._row, index, cell, style)
            if self._row <= _MEASURED and cell != "":
                self._widths[index] = max(self._widths[index], _width(cell, column.kind) + 2)

    def _set_height(self, cells: Sequence[workbook_rows.Value]) -> None:
        """As many lines as the longest wrapped text needs: not all programs fit rows to their text."""
        lines = 1
        for cell, column in zip(cells, self._columns, strict=False):
            if column.kind is styles.Kind.WRAPPED and isinstance(cell, str) and len(cell) > column.widest:
                lines = max(lines, len(textwrap.wrap(cell, column.widest)))
        if lines > 1:
            self._sheet.set_row(self._row, LINE_HEIGHT * min(lines, _MAX_LINES))

    def _add_link(self, index: int, link: links.Link) -> None:
        text = self._fitting(link.text)
        if self._links < MAX_LINKS:
            self._links += 1
            target = Target(link, text)
            self._sheet.write_url(self._row, index, target, self._look.link)
            target.is_written()
        elif (formula := links.formula(link)) is not None:
            self._sheet.write_formula(self._row, index, row_values.clean(formula), self._look.link, text)
        else:
            self._sheet.write_string(self._row, index, text)

    def finish(self) -> list[str]:
        """Sets filter, widths, folding and print layout; returns messages for the user."""
        last = max(self._row, 1), len(self._columns) - 1
        self._sheet.autofilter(0, 0, *last)
        # PO numbers are text on purpose: no warning triangles.
        self._sheet.ignore_errors({"number_stored_as_text": utility.xl_range(0, 0, *last)})
        is_folded = False
        measured = zip(self._columns, self._widths, strict=True)
        widths = [
            column.widest if column.kind is styles.Kind.WRAPPED else max(_NARROWEST, min(column.widest, width))
            for column, width in measured
        ]
        for index, (column, width) in enumerate(zip(self._columns, widths, strict=True)):
            options = {"level": 1, "hidden": True} if column.is_technical else {"collapsed": is_folded}
            self._sheet.set_column(index, index, width, None, options)
            is_folded = column.is_technical
        if is_folded:
            self._sheet.set_column(len(self._columns), len(self._columns), _NARROWEST, None, {"collapsed": True})
        self._sheet.freeze_panes(1, self._frozen if sum(widths[: self._frozen]) <= _MAX_FROZEN else 0)
        set_print_layout(self._sheet)
        self._sheet.repeat_rows(0)
        self._sheet.print_area(0, 0, max(self._row, 1), self._last_printed())
        return self._notes()

    def _last_printed(self) -> int:
        """Index of the last column that is printed."""
        return max(index for index, column in enumerate(self._columns) if column.is_printed)

    def _notes(self) -> list[str]:
        notes = []
        if self.left_out:
            notes.append(
                f"results.xlsx, sheet {self._name}: the last {self.left_out} rows are missing, because a "
                "sheet cannot hold more"
            )
        if self.clipped:
            notes.append(
                f"results.xlsx, sheet {self._name}: {self.clipped} cells were too long and were cut (they end in …)"
            )
        return [f"{note}; results.json has everything" for note in notes]

    def _fitting(self, text: str) -> str:
        fitted = fitting(text)
        self.clipped += len(fitted) > MAX_CELL_CHARS // 2 and fitted != row_values.clean(text)
        return fitted


def fitting(text: str) -> str:
    """A text as a cell can contain it: without control characters, cut where it is too long."""
    text = row_values.clean(text)
    # Excel counts UTF-16 code units.
    if len(text) > MAX_CELL_CHARS // 2 and len(text.encode("utf-16-le")) // 2 > MAX_CELL_CHARS:
        encoded = text.encode("utf-16-le")[: 2 * (MAX_CELL_CHARS - 1)]
        text = encoded.decode("utf-16-le", "ignore") + "…"
    return text


def set_print_layout(sheet: Any) -> None:
    """Landscape A4, as wide as one page, with sheet and page number at the foot."""
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    sheet.set_footer("&L&8&F, &A&R&8Page &P of &N")


def _width(cell: workbook_rows.Value, kind: styles.Kind) -> int:
    """Characters that a cell needs; letters of East Asian scripts take two."""
    if isinstance(cell, datetime.datetime):
        return len(styles.MOMENT_FORMAT)
    if not isinstance(cell, (str, links.Link)):
        return len("999.9 MB") if kind is styles.Kind.SIZE else len(f"{cell:,.2f}")
    text = cell.text if isinstance(cell, links.Link) else cell
    return max(map(_wide, text[: 20 * styles.WIDEST].splitlines()), default=0)


def _wide(line: str) -> int:
    capitals = sum(map(str.isupper, line)) // 6  # they are a little wider than digits, which widths are counted in
    if line.isascii():
        return len(line) + capitals
    return capitals + sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in line)
