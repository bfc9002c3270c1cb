"""Rows from workbooks: .xlsx, .xlsm, .xlsb, .xls and .ods."""

from __future__ import annotations

import dataclasses
import datetime
import re
import zipfile
import zlib
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Final

from po_pw import errors
from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import python_calamine

_PREFERRED: Final = "podata"
_MOST_CELLS: Final = 20_000_000
"""The reading library takes about 32 bytes for each cell of the rectangle that holds all that is not empty."""
_EXTENT: Final = re.compile(rb'<dimension ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_CELL: Final = re.compile(rb'<c r="([A-Z]+)(\d+)"[^>]*(?<!/)>')


@dataclasses.dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook."""

    path: Path
    sheet: python_calamine.CalamineSheet
    separator: str = ""

    def records(self) -> Iterator[headers.Record]:
        """All rows from the first one on."""
        return (
            headers.Record(number, [cell_text(value) for value in row])
            for number, row in enumerate(self.sheet.iter_rows(), 1)
        )


def open_workbook(path: Path) -> Sheet:
    """The first visible sheet with a PO column, one called `PO_Data` before the others; else the first one.

    A cell whose formula has failed (`#N/A`) is empty here.

    Raises:
        InputError: it cannot be read, or all its sheets are empty.
    """
    import python_calamine as calamine

    _refuse_far_cells(path)
    try:
        with path.open("rb") as stream:
            book = calamine.CalamineWorkbook.from_filelike(stream)
        wanted = [
            about.name
            for about in book.sheets_metadata
            if about.typ == calamine.SheetTypeEnum.WorkSheet and about.visible == calamine.SheetVisibleEnum.Visible
        ]
        wanted.sort(key=lambda name: headers.bare(name) != _PREFERRED)
        first: Sheet | None = None
        for name in wanted:
            sheet = Sheet(path, book.get_sheet_by_name(name))
            if headers.find(sheet.records()) is not None:
                return sheet
            if first is None and sheet.sheet.height:
                first = sheet
    except calamine.PasswordError:
        msg = f"{path} is protected with a password. Save it without one and try again."
        raise errors.InputError(msg) from None
    except (calamine.CalamineError, OSError) as error:
        msg = f"{path} is not a spreadsheet that can be read ({error}). Save it as .xlsx or .csv and try again."
        raise errors.InputError(msg) from None
    if first is None:
        msg = f"{path} is empty: no visible sheet has anything in it. It needs a header row with a column po_number."
        raise errors.InputError(msg)
    return first


def cell_text(value: object) -> str:
    """A value as a spreadsheet shows it: whole numbers without `.0`, 15 significant digits, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        number = Decimal(f"{value:.15g}")
        return format(number, "f") if number.is_finite() else str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat(" ")
    return str(value)


def _refuse_far_cells(path: Path) -> None:
    """Refuses an .xlsx with a stray cell in the last row and column: reading it would take all memory and abort us."""
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.namelist():
                if not re.fullmatch(r"xl/worksheets/[^/]+\.xml", part):
                    continue
                with archive.open(part) as stream:
                    extent = _EXTENT.search(stream.read(4096))
                if extent is not None and _area(extent.groups()) > _MOST_CELLS:
                    with archive.open(part) as stream:
                        _refuse_far_cell(path, stream)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError):
        return  # damaged, encrypted or another format: the reading library says what is wrong


def _refuse_far_cell(path: Path, stream: IO[bytes]) -> None:
    """The same for one sheet, by the cells that have something in them: formats alone may reach far."""
    left = top = 1 << 20
    right = bottom = 1
    rest = b""
    while block := stream.read(1 << 20):
        block = rest + block
        for found in _CELL.finditer(block):
            column, row = _column(found[1]), int(found[2])
            left, top, right, bottom = min(left, column), min(top, row), max(right, column), max(bottom, row)
            if (right - left + 1) * (bottom - top + 1) > _MOST_CELLS:
                where = (found[1] + found[2]).decode()
                msg = f"{path}: something stands in cell {where}, far from the rest. Empty that cell, save, try again."
                raise errors.InputError(msg)
        rest = block[max(block.rfind(b"<"), 0) :][-4096:]


def _area(corners: Sequence[bytes]) -> int:
    left, top, right, bottom = corners
    return (_column(right) - _column(left) + 1) * (int(bottom) - int(top) + 1)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
