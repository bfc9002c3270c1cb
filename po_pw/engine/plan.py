"""Rows to a plan: the same PO is worked on once, whichever rows it is on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from po_pw import models


def without_twins(rows: Iterable[models.Row]) -> Iterator[models.Row]:
    """Marks each row whose PO is on an earlier row as a duplicate of that; streams."""
    first: dict[models.OrderKey, int] = {}
    for row in rows:
        if row.order is None:
            yield row
        elif row.order.key in first:
            yield dataclasses.replace(row, order=None, duplicate_of=first[row.order.key])
        else:
            first[row.order.key] = row.number
            yield row
