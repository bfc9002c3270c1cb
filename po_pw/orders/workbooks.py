"""Rows from workbooks: .xlsx, .xlsm, .xlsb, .xls and .ods."""

from __future__ import annotations

import dataclasses
import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from po_pw import errors
from po_pw.orders import extents, headers, trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import python_calamine

_PREFERRED: Final = "podata"


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

    try:
        if not extents.check(path) and not trial.is_borne(path):
            msg = f"{path} is not a spreadsheet that can be read: it is damaged. Save it as .xlsx or .csv, try again."
            raise errors.InputError(msg)
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
    except (extents.Protected, calamine.PasswordError):
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
