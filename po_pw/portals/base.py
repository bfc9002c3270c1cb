"""What a portal has to tell: where orders are, what a page is, which attachments it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from playwright import async_api as playwright

    from po_pw import models


class Portal(Protocol):
    """Deciding is pure, only `read` does I/O; never retries, never downloads."""

    name: str

    def claims(self, url: str) -> float:
        """How sure this portal is that the address is one of its own, 0 to 1."""
        ...

    def order_url(self, po_number: str) -> str | None:
        """The address of an order; None where the portal has no rule for it."""
        ...

    def file_hosts(self, url: str) -> tuple[str, ...]:
        """Patterns of hosts, beyond its own, that the portal at this address keeps files on."""
        ...

    def classify(self, seen: models.Seen) -> models.PageKind:
        """What kind of page this is, by status and structure, never by words alone."""
        ...

    async def look(self, page: playwright.Page, *, asked: str, status: int) -> models.Seen:
        """What is needed to classify the page that is open."""
        ...

    async def read(
        self, page: playwright.Page, order: models.PurchaseOrder, *, status: int, timeout: float
    ) -> models.Listing:
        """The attachments of the order whose page is open.

        Args:
            page: open at the order's address, its first document committed.
            order: which order.
            status: of the page's answer.
            timeout: seconds the page may take to show everything; then the listing says it is not complete.
        """
        ...

    async def turn_to(self, page: playwright.Page, click: models.Click, *, timeout: float) -> None:
        """Brings a control that `read` found back into view on a page that was opened afresh."""
        ...

    def parse(self, document: str) -> models.Listing | None:
        """The attachments from the page's source alone, for the light lane; None: this page has none there."""
        ...
