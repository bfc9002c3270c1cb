"""Cells of a list that are to hold something else."""

from __future__ import annotations

import datetime
from typing import NamedTuple, TypeAlias

Value: TypeAlias = "str | int | datetime.datetime"
"""A moment is local time, without an offset, to the second."""


class Edit(NamedTuple):
    """What is to stand in one cell."""

    row: int
    """As a spreadsheet numbers it: the first is 1."""
    column: int
    """From 0."""
    value: Value


def shown(value: Value) -> str:
    """A value as a cell shows it: a moment as `2026-11-26 14:05:00`."""
    return value.isoformat(" ", "seconds") if isinstance(value, datetime.datetime) else str(value)
