"""Bytes and durations for people. Pure."""

from __future__ import annotations


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
