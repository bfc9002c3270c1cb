"""Why orders did not come through, for people: the commonest reasons, what to do about each, and the first orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from po_pw import models
from po_pw.cli import progress

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMONEST: Final = 5
"""Reasons that are listed."""
_LONGEST: Final = 300
"""Characters of one order's reason that are shown."""
_LONGEST_NUMBER: Final = 60
"""Characters of its PO number that are shown."""

_Code = models.ErrorCode
_AGAIN: Final = "run the same command again"
_MEANING: Final = {
    _Code.INVALID_ROW: ("the row cannot be used", "correct it in your list"),
    _Code.INVALID_URL: (
        "the row has no usable address",
        "correct the url column, or use --url-template for rows without one",
    ),
    _Code.NOT_FOUND: ("the portal has no such order", "check po_number and url in your list"),
    _Code.FORBIDDEN: (
        "you are not allowed to see it",
        "sign in as a user who is; for files on another host see the message",
    ),
    _Code.SIGN_IN_NEEDED: ("the portal asks you to sign in", "run po-pw login URL, as a user who may see the order"),
    _Code.CHALLENGE: ("the portal asks whether you are a person", "run po-pw login URL and answer it there"),
    _Code.PORTAL_ERROR: ("the portal answered with an error", f"{_AGAIN} later"),
    _Code.TIMEOUT: ("the portal took too long", f"{_AGAIN}; raise --order-timeout for a slow portal"),
    _Code.NETWORK: ("the connection failed", f"check the url and your network, then {_AGAIN}"),
    _Code.RATE_LIMITED: ("the portal asked us to slow down", f"{_AGAIN} later, with fewer workers (-w)"),
    _Code.BROWSER_CRASH: ("the browser crashed on the page", f"{_AGAIN}; po-pw doctor checks the browser"),
    _Code.LIST_INCOMPLETE: (
        "the page did not show all attachments",
        f"{_AGAIN}; raise listing_timeout for a slow portal",
    ),
    _Code.NOT_A_FILE: (
        "the portal sent a page instead of the file",
        "open the order in your browser and check that file",
    ),
    _Code.TRUNCATED: ("the download broke off", _AGAIN),
    _Code.TOO_LARGE: ("the file is too large", "raise --max-file-size, or see the message"),
    _Code.DISK_FULL: ("the disk is full", f"free some space on it, then {_AGAIN}"),
    _Code.DISK_ERROR: ("a file or folder could not be written", f"see the message, then {_AGAIN}"),
    _Code.NOT_RECOGNISED: ("the url opened another page", "correct url in your list; .po-pw/evidence has a screenshot"),
    _Code.NO_AREA_FOUND: (
        "no attachments found on the page",
        "run po-pw portal inspect URL to confirm that there are none",
    ),
    _Code.NOT_PRESSED: (
        "po-pw did not press the file's button: it might change something",
        "download these files yourself",
    ),
    _Code.INTERNAL: ("a fault in po-pw", f"{_AGAIN}; if it happens again, report it with the log"),
}
"""What each code means, and what to do."""


def lines(problems: models.Problems, *, more: str, named: int = 10) -> Iterator[Text]:
    """The commonest reasons with their counts, then the first orders, each with its own; nothing where none failed.

    Args:
        problems: what did not come through.
        more: where the orders that are not listed can be found.
        named: how many orders are listed.
    """
    if not problems.count:
        return
    width = len(str(max(problems.reasons.values())))
    shown = list(problems.reasons.items())[:_COMMONEST]
    longest = max(len(code) for code, _ in shown)
    for code, count in shown:
        meaning, what_to_do = _MEANING[code]
        line = Text(f"  {count:>{width}}  ", "bold").append(f"{code.value:<{longest}}", "red")
        yield line.append(f"  {meaning}: {what_to_do}", "default not bold")
    if (others := sum(list(problems.reasons.values())[_COMMONEST:])) > 0:
        yield Text(f"  {others:>{width}}  with other reasons", "dim")
    for one in problems.first[:named]:
        message = " ".join(one.failure.message.split())
        if len(message) > _LONGEST:
            message = f"{message[: _LONGEST - 1]}…"
        number = one.po_number or f"row {one.row}"
        if len(number) > _LONGEST_NUMBER:
            number = f"{number[: _LONGEST_NUMBER - 1]}…"
        line = Text(f"  {number}", "bold")
        yield progress.harmless(line.append(f"  {one.failure.code.value}: {message}", "default not bold"))
    left = problems.count - len(problems.first[:named])
    if left > 0:
        yield Text(f"  and {left} more: {more}", "dim")
