"""Files with lists of purchase orders, in the form that users of Coupa have."""

from __future__ import annotations

import csv
import zipfile
from typing import TYPE_CHECKING, Any, Final

import openpyxl

from po_pw.orders import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from po_pw import models

COLUMNS: Final = (
    "PO_NUMBER",
    "STATUS",
    "SUPPLIER",
    "ATTACHMENTS_FOUND",
    "ATTACHMENTS_DOWNLOADED",
    "AttachmentName",
    "LAST_PROCESSED",
    "ERROR_MESSAGE",
    "DOWNLOAD_FOLDER",
    "COUPA_URL",
)
HEADER: Final = (*COLUMNS, "<|>")


def line(po_number: str, *, levels: Sequence[str] = (), **columns: str) -> list[str]:
    """One row below `HEADER`; `levels` stand to the right of it."""
    given = {"PO_NUMBER": po_number, **columns}
    return [*(given.get(name, "") for name in COLUMNS), "", *levels]


def order_of(cells: Sequence[str]) -> models.PurchaseOrder:
    """The order of a row below `HEADER`."""
    row = read.order_from_mapping(dict(zip(HEADER, cells, strict=False)), 2, "https://x.example/{}".format)
    assert row.order is not None
    return row.order


def written_csv(path: Path, header: Sequence[str], lines: Sequence[Sequence[str]], separator: str = ",") -> Path:
    """A text file as Excel saves it."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerows([header, *lines])
    return path


def written_workbook(path: Path, header: Sequence[str], lines: Sequence[Sequence[str]]) -> Path:
    """A workbook with one sheet, `PO_Data`."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "PO_Data"
    for cells in [header, *lines]:
        sheet.append(list(cells))
    book.save(path)
    return path


def parts(path: Path) -> dict[str, bytes]:
    """The parts of a workbook."""
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def cells(path: Path) -> dict[tuple[str, str], Any]:
    """Each cell's value or formula, and how it looks."""
    book = openpyxl.load_workbook(path, keep_vba=path.suffix == ".xlsm")
    return {
        (sheet.title, cell.coordinate): (
            cell.value,
            cell.number_format,
            cell.font.b,
            cell.font.i,
            cell.fill.fgColor.rgb,
            cell.border.left.style,
            cell.comment.text if cell.comment else None,
        )
        for sheet in book.worksheets
        for row in sheet.iter_rows()
        for cell in row
    }
