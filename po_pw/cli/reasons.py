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
    _Code.INVALID_ROW: ("the row cannot be used", "correct the rows in your list"),
    _Code.INVALID_URL: (
        "the row has no usable address",
        "correct the url column, or give --url-template for rows without one",
    ),
    _Code.NOT_FOUND: ("the portal knows no such order", "check number and address"),
    _Code.FORBIDDEN: ("access is not allowed", "sign in as a user who may see it; see the message for files elsewhere"),
    _Code.SIGN_IN_NEEDED: ("the portal asks for a sign-in", "po-pw login URL, as a user who may see these orders"),
    _Code.CHALLENGE: ("the portal asks whether you are a person", "answer it in a window: po-pw login URL"),
    _Code.PORTAL_ERROR: ("the portal answered with an error", f"{_AGAIN} later"),
    _Code.TIMEOUT: ("no answer in time", f"{_AGAIN}; raise --order-timeout for a slow portal"),
    _Code.NETWORK: ("the connection failed", f"check the address and your network, then {_AGAIN}"),
    _Code.RATE_LIMITED: ("the portal asks to wait", f"{_AGAIN} later, with fewer workers (-w)"),
    _Code.BROWSER_CRASH: ("the browser crashed on the page", f"{_AGAIN}; po-pw doctor checks the browser"),
    _Code.LIST_INCOMPLETE: ("not all attachments were shown", f"{_AGAIN}; raise listing_timeout for a slow portal"),
    _Code.NOT_A_FILE: ("a page came instead of the file", "open the order and look at that file"),
    _Code.TRUNCATED: ("the download was cut off", _AGAIN),
    _Code.TOO_LARGE: ("the file is larger than allowed", "raise --max-file-size"),
    _Code.DISK_FULL: ("the disk is full", f"free some space, then {_AGAIN}"),
    _Code.DISK_ERROR: ("a file or folder could not be written", f"close or move what is in the way, then {_AGAIN}"),
    _Code.NOT_RECOGNISED: ("another page came than the order's", "look at .po-pw/evidence, and check the url column"),
    _Code.NO_AREA_FOUND: ("the page shows no place for attachments", "po-pw portal inspect URL"),
    _Code.NOT_PRESSED: ("no way to the file was certain to change nothing", "fetch these files by hand"),
    _Code.INTERNAL: ("po-pw failed on it", f"{_AGAIN}; if it stays, report it with the log"),
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
        yield Text(f"  {others:>{width}}  for other reasons", "dim")
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
