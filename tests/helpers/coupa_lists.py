"""Lists of purchase orders as users of Coupa have them, as files."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final

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
    row = read.order_from_mapping(dict(zip(HEADER, cells, strict=False)), 2, "https://x.example/{po_number}")
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
