"""Why an order failed and what to do next, in plain words, for the screen, tables, report and documentation. Pure.

Causes and remedies are parts of a sentence: lower case, without a full stop; `sentence` makes one of them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from po_pw import models

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Reason:
    """A cause, and what to do about it."""

    cause: str
    remedy: str = ""
    """`""` if there is nothing to do."""


_Code, _Status = models.ErrorCode, models.Status
_AGAIN: Final = "run the same command again"
CODES: Final[Mapping[models.ErrorCode, Reason]] = {
    _Code.INVALID_ROW: Reason("the row cannot be used", "correct it in your list"),
    _Code.INVALID_URL: Reason(
        "the row has no usable address", "correct the url column, or use --url-template for rows without one"
    ),
    _Code.NOT_FOUND: Reason("the portal has no such order", "check po_number and url in your list"),
    _Code.FORBIDDEN: Reason(
        "you are not allowed to see it", "sign in as a user who is allowed; for files on another host see the message"
    ),
    _Code.SIGN_IN_NEEDED: Reason(
        "the portal asks you to sign in", "run po-pw login URL, as a user who may see the order"
    ),
    _Code.CHALLENGE: Reason("the portal asks whether you are a person", "run po-pw login URL and answer it there"),
    _Code.PORTAL_ERROR: Reason("the portal answered with an error", f"{_AGAIN} later"),
    _Code.TIMEOUT: Reason("the portal took too long", f"{_AGAIN}; raise --order-timeout for a slow portal"),
    _Code.NETWORK: Reason("the connection failed", f"check the url and your network, then {_AGAIN}"),
    _Code.RATE_LIMITED: Reason("the portal asked us to slow down", f"{_AGAIN} later, with fewer workers (-w)"),
    _Code.BROWSER_CRASH: Reason("the browser crashed on the page", f"{_AGAIN}; po-pw doctor checks the browser"),
    _Code.LIST_INCOMPLETE: Reason(
        "the page did not show all attachments", f"{_AGAIN}; raise listing_timeout for a slow portal"
    ),
    _Code.NOT_A_FILE: Reason(
        "the portal sent a page instead of the file", "open the order in your browser and check that file"
    ),
    _Code.TRUNCATED: Reason("the download broke off", _AGAIN),
    _Code.TOO_LARGE: Reason("the file is too large", "raise --max-file-size, or see the message"),
    _Code.DISK_FULL: Reason("the disk is full", f"free some space on it, then {_AGAIN}"),
    _Code.DISK_ERROR: Reason("a file or folder could not be written", f"see the message, then {_AGAIN}"),
    _Code.NOT_RECOGNISED: Reason(
        "the url opened another page", "correct url in your list; .po-pw/evidence has a screenshot"
    ),
    _Code.NO_AREA_FOUND: Reason(
        "no attachments found on the page", "run po-pw portal inspect URL to confirm that there are none"
    ),
    _Code.NOT_PRESSED: Reason(
        "the file's button was not pressed: it might change something", "download these files yourself"
    ),
    _Code.INTERNAL: Reason("a fault in po-pw", f"{_AGAIN}; if it happens again, report it with the log"),
}
"""By error code."""
STATUSES: Final[Mapping[models.Status, Reason]] = {
    _Status.COMPLETED: Reason("all attachments downloaded"),
    _Status.NO_ATTACHMENTS: Reason("the portal shows none"),
    _Status.PARTIAL: Reason("some files could not be downloaded", _AGAIN),
    _Status.FAILED: Reason("nothing could be downloaded", _AGAIN),
    _Status.PENDING: Reason("not reached", f"{_AGAIN} to continue"),
    _Status.DUPLICATE: Reason("same PO number as an earlier row", "see that row; it has the result"),
}
"""By status, in the order in which statuses are listed."""


def of_row(row: models.RowResult) -> Reason:
    """Why a row has its status: by its error code, if it has one, else by its status."""
    error = row.error or (row.outcome.error if row.outcome else None)
    if error is None or row.status is models.Status.DUPLICATE:
        return STATUSES[row.status]
    return CODES[error.code]


def sentence(text: str) -> str:
    """A cause or remedy with a capital first letter; names that start with a small letter stay as they are."""
    return text if text.startswith("po-pw") else f"{text[:1].upper()}{text[1:]}"
