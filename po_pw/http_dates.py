"""Parses dates and waiting times of HTTP headers. Pure."""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import Final

NOT_READY: Final = 5.0
"""Seconds after which a file that is still being prepared is requested again, if the server gives no time."""
_LONGEST_WAIT: Final = 3600.0
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]*)?")


def parse(text: str) -> datetime.datetime | None:
    """Parses a date (RFC 9110, 5.6.7, and other mail formats); without an offset it is UTC.

    None if the text is not a date.
    """
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=datetime.UTC)


def retry_after(value: str, now: datetime.datetime | None = None) -> float | None:
    """Seconds to wait by `Retry-After` (RFC 9110, 10.2.3: seconds or a date), at most an hour; None if invalid."""
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST_WAIT)
    when = parse(text)
    if when is None:
        return None
    wait = (when - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    return min(max(wait, 0.0), _LONGEST_WAIT)
