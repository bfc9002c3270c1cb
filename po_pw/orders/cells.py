"""Cell values as text. Pure."""

from __future__ import annotations

import datetime
from decimal import Decimal


def text(value: object) -> str:
    """A value as a spreadsheet displays it: integers without `.0`, 15 significant digits, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            return str(int(value))
        number = Decimal(f"{value:.15g}")
        return format(number, "f") if number.is_finite() else str(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat(" ")
    return str(value)
