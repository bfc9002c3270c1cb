"""Writer of results.xlsx: a sheet like results.csv, one with a line per file, and two for orders of other lists.

Rows are not kept in memory.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, Self

import xlsxwriter
from xlsxwriter import utility

from po_pw import models
from po_pw.results import layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

MAX_ROWS: Final = 1_048_575
"""Maximum rows of a sheet below the header."""
MAX_CELL_CHARS: Final = 32_767
"""Maximum characters of a cell."""
_MEASURED: Final = 200
_NARROWEST, _WIDEST = 9, 55
_AMOUNT: Final = re.compile(r"-?(?:0|[1-9]\d*|[1-9]\d{0,2}(?:,\d{3})+(?=\.\d\d?\Z))(?:\.\d+)?\Z", re.ASCII)
_COLOURS: Final = {
    models.Status.COMPLETED: "#C6EFCE",
    models.Status.NO_ATTACHMENTS: "#DDEBF7",
    models.Status.PARTIAL: "#FFEB9C",
    models.Status.FAILED: "#FFC7CE",
    models.Status.PENDING: "#EDEDED",
    models.Status.DUPLICATE: "#EDEDED",
}


class _Sheet:
    """A sheet with a header; column widths are set from the first rows."""

    def __init__(self, book: Any, name: str, columns: Sequence[str], bold: Any) -> None:
        self.left_out = self.clipped = 0
        self._name = name
        self._sheet = book.add_worksheet(name)
        self._sheet.freeze_panes(1, 0)
        self._row = 0
        self._widths = [len(column) + 4 for column in columns]  # space for the filter's arrow
        for column_index, column in enumerate(columns):
            self._sheet.write_string(0, column_index, self._fitting(column), bold)

    def add(self, cells: Sequence[layout.Cell], formats: dict[int, Any]) -> None:
        """Writes a row; `formats` has the format of a cell by its column."""
        if self._row >= MAX_ROWS:
            self.left_out += 1
            return
        self._row += 1
        for column_index, cell in enumerate(cells):
            if isinstance(cell, str):
                if cell:
                    self._sheet.write_string(self._row, column_index, self._fitting(cell), formats.get(column_index))
            else:
                self._sheet.write_number(self._row, column_index, cell, formats.get(column_index))
            if self._row <= _MEASURED:
                longest = max(map(len, cell.splitlines()), default=0) if isinstance(cell, str) else len(f"{cell:,}")
                self._widths[column_index] = max(self._widths[column_index], longest + 2)

    def finish(self) -> list[str]:
        """Sets filter and widths; returns messages for the user."""
        last = max(self._row, 1), len(self._widths) - 1
        self._sheet.autofilter(0, 0, *last)
        # PO numbers are text on purpose: no warning triangles.
        self._sheet.ignore_errors({"number_stored_as_text": utility.xl_range(0, 0, *last)})
        for column_index, width in enumerate(self._widths):
            self._sheet.set_column(column_index, column_index, max(_NARROWEST, min(_WIDEST, width)))
        notes = []
        if self.left_out:
            notes.append(
                f"results.xlsx, sheet {self._name}: the last {self.left_out} rows are missing, as a sheet "
                "cannot hold more"
            )
        if self.clipped:
            notes.append(
                f"results.xlsx, sheet {self._name}: {self.clipped} cells were too long and were cut (they end in …)"
            )
        return [f"{note}; results.json has everything" for note in notes]

    def _fitting(self, text: str) -> str:
        text = layout.clean(text)
        # Excel counts UTF-16 code units.
        if len(text) > MAX_CELL_CHARS // 2 and len(text.encode("utf-16-le")) // 2 > MAX_CELL_CHARS:
            self.clipped += 1
            encoded = text.encode("utf-16-le")[: 2 * (MAX_CELL_CHARS - 1)]
            text = encoded.decode("utf-16-le", "ignore") + "…"
        return text


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
        self._bold = bold = self._book.add_format({"bold": True, "bottom": 1, "bg_color": "#F2F2F2"})
        self._integer_format = self._book.add_format({"num_format": "#,##0"})
        self._money = self._book.add_format({"num_format": "#,##0.00####"})
        self._status = {status: self._book.add_format({"bg_color": colour}) for status, colour in _COLOURS.items()}
        names = layout.header(columns)
        self._own = len(columns)
        self._amounts = {column_index for column_index, name in enumerate(columns) if "amount" in name.casefold()}
        self._formats = {names.index("bytes"): self._integer_format}
        self._results = _Sheet(self._book, "results", names, bold)
        self._files = _Sheet(self._book, "files", layout.FILE_COLUMNS, bold)
        self._others: tuple[_Sheet, _Sheet] | None = None
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
        cells: list[layout.Cell] = [*row.cells, *layout.cells(row)]
        formats = self._formats | {self._own: self._status[row.status]}
        for column_index in self._amounts:
            number = _amount(cells[column_index])
            if number is not None:
                cells[column_index], formats[column_index] = number, self._money
        self._results.add(cells, formats)
        for line in layout.file_rows(row):
            self._files.add(line, {2: self._integer_format})

    def add_other(self, other: models.OtherOrder) -> None:
        """Writes an order of another list and its files, on separate sheets that are added when needed."""
        if self._others is None:
            self._others = (
                _Sheet(self._book, "other orders", layout.OTHER_COLUMNS, self._bold),
                _Sheet(self._book, "other files", layout.FILE_COLUMNS, self._bold),
            )
        orders, files = self._others
        status, size = layout.OTHER_COLUMNS.index("status"), layout.OTHER_COLUMNS.index("bytes")
        orders.add(layout.other_cells(other), {status: self._status[other.row.status], size: self._integer_format})
        for line in layout.file_rows(other.row):
            files.add(line, {2: self._integer_format})

    def finish(self) -> bool:
        """Writes the file; returns True: it is always kept."""
        self.notes = [note for sheet in (self._results, self._files, *(self._others or ())) for note in sheet.finish()]
        self._closed = True
        self._book.close()
        return True


def _amount(cell: layout.Cell) -> float | None:
    """The number for a workbook cell; None for text that would be displayed as another number."""
    if not isinstance(cell, str) or not _AMOUNT.match(cell) or sum(map(str.isdigit, cell)) > 15:
        return None
    return float(cell.replace(",", ""))
