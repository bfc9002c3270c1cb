"""Parses durations on the command line."""

from __future__ import annotations

import typer

from po_pw import humanize


def seconds(given: str | float) -> float:
    """Parses a duration as typed; returns seconds. Also called for defaults.

    Raises:
        BadParameter: it is not a duration, or is out of range.
    """
    try:
        found = humanize.parse_duration(str(given))
    except ValueError:
        found = -1.0
    if not 0 <= found <= 86_400:
        msg = f"{given!r} is not a duration of at most 24 hours: give one such as 90s, 5m or 1h30"
        raise typer.BadParameter(msg)
    return found
