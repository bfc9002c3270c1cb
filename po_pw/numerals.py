"""Parses numbers in headers, file names and pages. Pure."""

from __future__ import annotations

from typing import Final

_MAX_DIGITS: Final = 18
"""Maximum digits: fits into a signed 64-bit integer. `int` raises from 4301 digits on."""


def parse_int(text: str) -> int | None:
    """Parses a non-negative integer; None if the text is not one.

    Only the digits 0 to 9 count: `str.isdigit` is also true for `²` and `①`, which `int` refuses, and `int` accepts
    `٣`, which headers and our names must not have.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None
