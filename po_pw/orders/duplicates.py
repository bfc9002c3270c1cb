"""Marks duplicates among the rows: a PO on several rows is processed once."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from po_pw import models, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclasses.dataclass(frozen=True, slots=True)
class First:
    """The first row of an order: what a later row of the same PO is compared with."""

    number: int
    url: str

    def repeated_by(self, row: models.Row, order: models.PurchaseOrder) -> models.Row:
        """A later row as a duplicate of this one; with another address it is refused, as that one is not opened."""
        if order.url == self.url or _bare(order.url) == _bare(self.url):
            return dataclasses.replace(row, order=None, duplicate_of=self.number)
        message = (
            f"row {row.number}: {order.po_number} is also in row {self.number}, with another address. po-pw opens only "
            f"the address in row {self.number}. If these are two orders, give each its own PO number; otherwise remove "
            "the row with the wrong address."
        )
        problem = models.Failure(models.ErrorCode.INVALID_ROW, redact.text(message))
        return dataclasses.replace(row, order=None, problem=problem)


def mark_duplicates(rows: Iterable[models.Row]) -> Iterator[models.Row]:
    """Yields the rows; one whose PO is on an earlier row becomes a duplicate of that, or is refused: see `First`."""
    first: dict[models.OrderKey, First] = {}
    for row in rows:
        if row.order is None:
            yield row
        elif (known := first.get(row.order.key)) is not None:
            yield known.repeated_by(row, row.order)
        else:
            first[row.order.key] = First(row.number, row.order.url)
            yield row


def _bare(url: str) -> str:
    # Without secrets: links to one order may differ in their tokens.
    return redact.address(url).rstrip("/")
