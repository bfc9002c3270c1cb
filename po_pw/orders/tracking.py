"""The result columns of a list, as lists for Coupa have them. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from po_pw import models
from po_pw.orders import headers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS: Final = "STATUS"
SUPPLIER: Final = "SUPPLIER"
FOUND: Final = "ATTACHMENTS_FOUND"
DOWNLOADED: Final = "ATTACHMENTS_DOWNLOADED"
NAMES: Final = "AttachmentName"
PROCESSED: Final = "LAST_PROCESSED"
MESSAGE: Final = "ERROR_MESSAGE"
FOLDER: Final = "DOWNLOAD_FOLDER"
URL: Final = "COUPA_URL"
COLUMNS: Final = (STATUS, SUPPLIER, FOUND, DOWNLOADED, NAMES, PROCESSED, MESSAGE, FOLDER, URL)
"""In their usual order."""
_NUMBER: Final = re.compile(r"(\d{1,6})(?:\.0+)?", re.ASCII)


def column_indexes(header: Sequence[str]) -> dict[str, int]:
    """Finds the result columns in a header; returns their indexes by name.

    Names must be spelled as in `COLUMNS`: a column `Status` may mean something else. Columns to the right of `<|>` are
    folder levels.
    """
    found: dict[str, int] = {}
    for index, name in enumerate(header[: headers.hierarchy(header)]):
        if name.strip() in COLUMNS:
            found.setdefault(name.strip(), index)
    return found


def claim(cells: Sequence[str], indexes: Mapping[str, int]) -> models.Claim | None:
    """Reads a row that marks its order as COMPLETED; None if it does not, or does not say which or how many files.

    Args:
        cells: of the row.
        indexes: from `column_indexes`.
    """

    def cell(name: str) -> str:
        index = indexes.get(name, -1)
        return cells[index].strip() if 0 <= index < len(cells) else ""

    if cell(STATUS).upper() != models.Status.COMPLETED:
        return None
    numbers = [_NUMBER.fullmatch(text) for text in (cell(FOUND), cell(DOWNLOADED)) if text]
    count = 0
    for number in numbers:
        if number is None:  # the number of files is unknown
            return None
        count = max(count, int(number[1]))
    names = cell(NAMES)
    return models.Claim(cell(FOLDER), count, names) if count or names else None
