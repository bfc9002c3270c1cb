"""Dates as HTTP writes them."""

from __future__ import annotations

import datetime
import email.utils


def parse(text: str) -> datetime.datetime | None:
    """A date of a header (RFC 9110, 5.6.7, and whatever else mail allows); without an offset it counts as UTC.

    None where the text is no date.
    """
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=datetime.UTC)
