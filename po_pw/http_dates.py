"""Parses dates of HTTP headers. Pure."""

from __future__ import annotations

import datetime
import email.utils


def parse(text: str) -> datetime.datetime | None:
    """Parses a date (RFC 9110, 5.6.7, and other mail formats); without an offset it is UTC.

    None if the text is not a date.
    """
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=datetime.UTC)
