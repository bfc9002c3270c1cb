"""The columns in which a list keeps what came of its orders, as lists for Coupa have them. Pure."""

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
"""In the order in which such lists have them."""
_NUMBER: Final = re.compile(r"(\d{1,6})(?:\.0+)?", re.ASCII)


def places(header: Sequence[str]) -> dict[str, int]:
    """The place of each of these columns that a header has.

    Names count only as they are spelled in `COLUMNS`: a column `Status` may be about something else. What is to the
    right of `<|>` is a folder level.
    """
    found: dict[str, int] = {}
    for place, name in enumerate(header[: headers.hierarchy(header)]):
        if name.strip() in COLUMNS:
            found.setdefault(name.strip(), place)
    return found


def claim(cells: Sequence[str], places: Mapping[str, int]) -> models.Claim | None:
    """What a row says of its files, where it calls its order COMPLETED; None where it does not, or says none.

    Args:
        cells: of the row.
        places: see `places`.
    """

    def cell(name: str) -> str:
        place = places.get(name, -1)
        return cells[place].strip() if 0 <= place < len(cells) else ""

    if cell(STATUS).upper() != models.Status.COMPLETED:
        return None
    numbers = [_NUMBER.fullmatch(text) for text in (cell(FOUND), cell(DOWNLOADED)) if text]
    count = 0
    for number in numbers:
        if number is None:  # it cannot be told how many there should be
            return None
        count = max(count, int(number[1]))
    names = cell(NAMES)
    return models.Claim(cell(FOLDER), count, names) if count or names else None
