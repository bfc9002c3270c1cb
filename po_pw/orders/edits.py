"""New values for cells of a list."""

from __future__ import annotations

import datetime
from typing import NamedTuple, TypeAlias

Value: TypeAlias = "str | int | datetime.datetime"
"""Times are local, without an offset and without fractions of a second."""


class Edit(NamedTuple):
    """A new value for one cell."""

    row: int
    """From 1."""
    column: int
    """From 0."""
    value: Value


def shown(value: Value) -> str:
    """A value as text; times as `2026-11-26 14:05:00`."""
    return value.isoformat(" ", "seconds") if isinstance(value, datetime.datetime) else str(value)
