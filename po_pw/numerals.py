"""Numbers that others write: headers, names of files, pages. Pure."""

from __future__ import annotations

from typing import Final

_LONGEST: Final = 18
"""Digits: what a signed number of 64 bits holds. From 4301 on `int` raises."""


def whole(text: str) -> int | None:
    """The whole number that a text is, from 0; None where it is none.

    `str.isdigit` is also true of `²` and `①`, which `int` refuses; and `int` takes `٣`, which no header and no name of
    ours may have. Only the digits 0 to 9 count here.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST else None
