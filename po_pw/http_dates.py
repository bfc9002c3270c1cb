"""Dates and waiting times as HTTP writes them. Pure."""

from __future__ import annotations

import datetime
import email.utils
import re
from typing import Final

NOT_READY: Final = 5.0
"""Seconds after which a file that is still being prepared is asked for again, where the server does not say."""
_LONGEST_WAIT: Final = 3600.0
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]*)?")


def parse(text: str) -> datetime.datetime | None:
    """A date of a header (RFC 9110, 5.6.7, and whatever else mail allows); without an offset it counts as UTC.

    None where the text is no date.
    """
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=datetime.UTC)


def retry_after(value: str, now: datetime.datetime | None = None) -> float | None:
    """Seconds that a `Retry-After` asks to wait (RFC 9110, 10.2.3: seconds or a date); None where it says nothing.

    Never more than an hour.
    """
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), _LONGEST_WAIT)
    when = parse(text)
    if when is None:
        return None
    wait = (when - (now or datetime.datetime.now(datetime.UTC))).total_seconds()
    return min(max(wait, 0.0), _LONGEST_WAIT)
