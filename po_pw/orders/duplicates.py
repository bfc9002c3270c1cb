"""Marks duplicates among the rows: a PO on several rows is processed once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw import redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from po_pw import models


def mark_duplicates(rows: Iterable[models.Row]) -> Iterator[models.Row]:
    """Yields the rows; a row whose PO is on an earlier row becomes a duplicate of that."""
    first: dict[models.OrderKey, int] = {}
    for row in rows:
        if row.order is None:
            yield row
        elif row.order.key in first:
            yield dataclasses.replace(row, order=None, duplicate_of=first[row.order.key])
        else:
            first[row.order.key] = row.number
            yield row


class Unrecorded:
    """Data of a run's orders that is kept in memory only: addresses with a secret in them, and claims.

    The journal keeps such addresses without the secret.
    """

    def __init__(self) -> None:
        self._whole: dict[models.OrderKey, models.PurchaseOrder] = {}

    def noted(self, rows: Iterable[models.Row]) -> Iterator[models.Row]:
        """Yields the rows unchanged and remembers their addresses."""
        for row in rows:
            order = row.order
            if order is not None and row.duplicate_of is None and _is_cut_short(order):
                self._whole[order.key] = order
            yield row

    def whole(self, order: models.PurchaseOrder) -> models.PurchaseOrder:
        """Completes an order from the journal."""
        return self._whole.get(order.key, order)


def _is_cut_short(order: models.PurchaseOrder) -> bool:
    """Whether the journal does not keep all of an order."""
    return order.claim is not None or redact.address(order.url) != order.url
