"""The orders of a run with what the journal does not keep: secrets in addresses, claims. Kept in memory only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from po_pw import models, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class WholeOrders:
    """Those of a run's orders that the journal does not keep whole: an address without its secret, no claim."""

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
