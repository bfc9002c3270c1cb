"""Bytes and durations for people: as they are shown, and as people write them. Pure."""

from __future__ import annotations

import contextlib
import re
from typing import Final

_SECONDS: Final = {"ms": 0.001, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|sec|s|min|m|h|d)\s*", re.ASCII | re.IGNORECASE)
_REST: Final = re.compile(r"\d{1,2}", re.ASCII)
_NEXT_UNIT: Final = {"h": 60, "m": 1, "min": 1}
"""Seconds of the unit that a number without one has, after hours or minutes."""
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?", re.ASCII | re.IGNORECASE)
_POWERS: Final = {"k": 1, "m": 2, "g": 3, "t": 4}


def size(count: float) -> str:
    """Formats bytes in decimal units, as file managers show them: `17 B`, `5.8 MB`, `300 MB`, `2.1 GB`."""
    for unit in ("B", "kB", "MB"):
        if round(count) < 1000:
            return f"{_short(count)} {unit}"
        count /= 1000
    return f"{_short(count)} GB"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"


def duration(seconds: float) -> str:
    """Formats a duration in words: `12 s`, `42 min`, `1.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def clock(seconds: float) -> str:
    """Formats a measured time, as a stopwatch shows it: `8.3 s`, `2:05`, `1:02:05`."""
    return f"{seconds:.1f} s" if seconds < 59.95 else _minutes(seconds)


def countdown(seconds: float) -> str:
    """Formats a running time, in whole seconds so that it stays readable: `8 s`, `2:05`, `1:02:05`."""
    return f"{seconds:.0f} s" if seconds < 59.5 else _minutes(seconds)


def remaining(seconds: float) -> str:
    """Formats an estimate, in whole units and no more exact than it can be: `25 s`, `4 min`, `2 h 10 min`, `3 days`."""
    if seconds < 55:
        return f"{max(1, round(seconds)) if seconds < 9.5 else 5 * round(seconds / 5)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 600:
        hours, tens = divmod(round(minutes / 10), 6)
        return f"{hours} h {tens}0 min" if tens else f"{hours} h"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def parse_duration(text: str) -> float:
    """Reads a duration as people write it; returns seconds.

    Args:
        text: e.g. `90s`, `5m`, `1h30` (an hour and 30 minutes), `1h 30m`, `1.5h`; a number alone means seconds.

    Raises:
        ValueError: it is not a duration.
    """
    text = text.strip()
    with contextlib.suppress(ValueError):
        return float(text)
    seconds, at, unit = 0.0, 0, ""
    while (part := _DURATION.match(text, at)) is not None:
        unit = part[2].lower()
        seconds, at = seconds + float(part[1]) * _SECONDS[unit], part.end()
    rest = text[at:]
    if rest and unit in _NEXT_UNIT and _REST.fullmatch(rest):
        return seconds + int(rest) * _NEXT_UNIT[unit]
    if rest or not at:
        msg = f"{text!r} is not a duration"
        raise ValueError(msg)
    return seconds


def parse_size(text: str) -> int:
    """Reads a size as people write it; returns bytes.

    Args:
        text: e.g. `500MB`, `2GB` (powers of 1000), `2GiB` (powers of 1024), `2 gb`, `1.5G`; a number alone means bytes.

    Raises:
        ValueError: it is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        msg = f"{text!r} is not a size"
        raise ValueError(msg)
    power = _POWERS.get((found[2] or "").lower(), 0)
    return round(float(found[1]) * (1024.0 if found[3] else 1000.0) ** power)
