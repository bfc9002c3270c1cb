"""Writer of results.xlsx: sheets Summary, Orders and Files, and two for orders of other lists.

Rows are not kept in memory.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Self

import xlsxwriter

from po_pw.results import styles, summary_sheet, table_sheet, workbook_rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from po_pw import models
    from po_pw.results import summary

_STATUS_OF_OTHERS: Final = len(workbook_rows.OTHERS) - len(workbook_rows.ADDED) + workbook_rows.STATUS_COLUMN


class Workbook:
    """The workbook. A context manager.

    Attributes:
        notes: messages for the user, after `finish`.
    """

    def __init__(self, path: Path, columns: Sequence[str], scratch: Path) -> None:
        """Opens the workbook.

        Args:
            path: to write.
            columns: the input's columns.
            scratch: folder for temporary files.
        """
        self.notes: list[str] = []
        self._book = xlsxwriter.Workbook(
            str(path),
            {
                "constant_memory": True,
                "tmpdir": str(scratch),
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self._look = look = styles.Styles(self._book)
        self._rows = rows = workbook_rows.OrderRows(columns)
        self._summary = summary_sheet.SummarySheet(self._book, look)
        self._orders = table_sheet.TableSheet(self._book, "Orders", rows.columns, look, frozen=rows.po_column + 1)
        self._files = table_sheet.TableSheet(self._book, "Files", workbook_rows.FILES, look, frozen=1)
        self._others: tuple[table_sheet.TableSheet, table_sheet.TableSheet] | None = None
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._closed:
            self._closed = True
            # Abandoned: the library removes its temporary files only on close.
            with contextlib.suppress(OSError, xlsxwriter.exceptions.XlsxWriterException):
                self._book.close()

    def add(self, row: models.RowResult) -> None:
        """Writes a row and its files."""
        self._orders.add(
            self._rows.cells(row), {self._rows.own + workbook_rows.STATUS_COLUMN: self._look.status[row.status]}
        )
        for line in workbook_rows.files(row):
            self._files.add(line)

    def add_other(self, other: models.OtherOrder) -> None:
        """Writes an order of another list and its files, on separate sheets that are added when needed."""
        if self._others is None:
            self._others = (
                table_sheet.TableSheet(self._book, "Other orders", workbook_rows.OTHERS, self._look, frozen=2),
                table_sheet.TableSheet(self._book, "Other files", workbook_rows.FILES, self._look, frozen=1),
            )
        orders, files = self._others
        orders.add(workbook_rows.other(other), {_STATUS_OF_OTHERS: self._look.status[other.row.status]})
        for line in workbook_rows.files(other.row):
            files.add(line)

    def add_summary(self, overview: summary.Overview) -> None:
        """Writes the first sheet; call after all rows."""
        self._summary.write(overview)

    def finish(self) -> bool:
        """Writes the file; returns True: it is always kept."""
        self.notes = [note for sheet in (self._orders, self._files, *(self._others or ())) for note in sheet.finish()]
        self._closed = True
        self._book.close()
        return True
