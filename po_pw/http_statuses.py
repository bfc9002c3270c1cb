"""What an HTTP status and `Retry-After` mean, and the error for each; for the HTTP client and the browser. Pure."""

from __future__ import annotations

import datetime
import re
from typing import Final

from po_pw import errors, http_dates, models

NOT_READY: Final = 5.0
"""Seconds after which a file that is still being prepared is requested again, if the server gives no time."""
_LONGEST_WAIT: Final = 3600.0
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]*)?")
_TEMPORARY: Final = frozenset({408, 425, 429})
"""Temporary besides 5xx (RFC 9110, 15.5.9; RFC 8470, 5.2; RFC 6585, 4)."""

_GATEWAY: Final = frozenset({502, 503, 504})
"""Answers of what stands before a portal, or of one that is down (RFC 9110, 15.6.3 to 15.6.5)."""


def retry_after(value: str, now: datetime.datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After` (RFC 9110, 10.2.3: seconds or a date), at most an hour; None if invalid."""
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST_WAIT)
    when = http_dates.parse(text)
    if when is None:
        return None
    wait = (when - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    return min(max(wait, 0.0), _LONGEST_WAIT)


def is_not_processed(status: int) -> bool:
    """Whether the request never came to what would answer it, so that the answer says nothing about what was asked."""
    return status in _TEMPORARY or status in _GATEWAY


def is_temporary(status: int) -> bool:
    """Whether the same request may succeed later."""
    return status >= 500 or status in _TEMPORARY


def error_of(status: int, said: str, wait: str) -> errors.TransientError | errors.PermanentError:
    """The error for a response that brought nothing usable.

    Args:
        status: of the response.
        said: start of the message: who answered which status for what.
        wait: the response's `Retry-After`; `""` if it has none.

    Returns:
        TransientError for 202 and what `is_temporary`; PermanentError for all others.
    """
    seconds = retry_after(wait)
    if status == 202:
        # Not an outage code: the host works, and its other files need not wait.
        seconds = NOT_READY if seconds is None else seconds
        return errors.TransientError(
            f"{said}: the file is not ready yet", models.ErrorCode.NOT_A_FILE, retry_after=seconds
        )
    if is_temporary(status):
        is_limit = status == 429 or (status == 503 and seconds is not None)
        code = models.ErrorCode.RATE_LIMITED if is_limit else models.ErrorCode.PORTAL_ERROR
        return errors.TransientError(said, code, retry_after=seconds)
    if status == 403:
        return errors.PermanentError(f"{said}: you are not allowed to download it", models.ErrorCode.FORBIDDEN)
    if status in {404, 410}:
        return errors.PermanentError(f"{said}: there is no such file", models.ErrorCode.NOT_FOUND)
    return errors.PermanentError(f"{said}: it sent no file" if status < 400 else said, models.ErrorCode.PORTAL_ERROR)
