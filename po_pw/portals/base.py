"""The interface of a portal: addresses of orders, kinds of pages, attachments."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from playwright import async_api as playwright

    from po_pw import models
    from po_pw.browser import page_watch
    from po_pw.portals import memory


@dataclasses.dataclass(frozen=True, slots=True)
class Pressed:
    """Result of a press that shows more of a list."""

    done: bool
    """The control was pressed."""
    why: str = ""
    """Why not; `""` if it was."""
    stopped: Callable[[], tuple[str, ...]] = tuple
    """Requests after the press that were stopped so far."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeepAlive:
    """A request that a portal's own pages send to keep the session alive."""

    url: str
    """Requested with GET."""
    every: float
    """Seconds between two requests."""


@dataclasses.dataclass(frozen=True, slots=True)
class OpenPage:
    """An order's open page, and what a portal may do on it."""

    page: playwright.Page
    """At the order's address, with its first document committed."""
    order: models.PurchaseOrder
    status: Callable[[], int]
    """HTTP status of the page's latest document."""
    timeout: float
    """Seconds for the page to show everything; after that the listing is incomplete."""
    patience: float
    """Seconds without a change after which a page with endless activity counts as complete."""
    watch: page_watch.Watch
    """Listening since before the page was opened."""
    memory: memory.PortalMemory
    """Knowledge about the portal."""
    press: Callable[[models.Click, models.Purpose], Awaitable[Pressed]]
    """Presses a control that shows more of the list, inside the press guard."""
    go: Callable[[str], Awaitable[int]]
    """Opens another page of the portal that belongs to the order, with GET; gives its HTTP status.

    Raises:
        TransientError: the portal cannot answer at present.
        PermanentError: the address is not the portal's, or may change something.
    """
    read_again: Callable[[Sequence[str]], None]
    """Called with the keys of orders that were read on a wrong assumption."""
    siblings: Sequence[str] = ()
    """Addresses of a few other orders of the portal, to find the part that identifies an order."""
    is_other_order: Callable[[str], bool] = lambda _: False
    """Whether a text is the number of another order in the list."""


class Portal(Protocol):
    """One portal. Only `read` and `turn_to` do I/O; it never retries and never downloads."""

    name: str

    def recognises(self, url: str) -> float:
        """Probability that an address belongs to this portal, 0 to 1."""
        ...

    def order_url(self, po_number: str) -> str | None:
        """The address of an order; None if it cannot be derived."""
        ...

    def file_hosts(self, url: str) -> tuple[str, ...]:
        """Patterns of other hosts on which the portal at this address stores files."""
        ...

    def leads_to_files(self, url: str) -> bool:
        """Whether this address of the portal may redirect to `file_hosts`; `""`: whether its pages link there."""
        ...

    def returns_file(self, control: models.Control) -> bool:
        """Whether a control is known to return a file, whatever its label says.

        A control with a word of change is still not pressed.
        """
        ...

    def keep_alive(self, url: str) -> KeepAlive | None:
        """The request that keeps a session at this portal alive; None if none is known."""
        ...

    async def read(self, opened: OpenPage) -> models.Listing:
        """Reads the attachments from an order's open page."""
        ...

    def conclude(
        self,
        listing: models.Listing,
        order: models.PurchaseOrder,
        known: memory.PortalMemory,
        *,
        last: bool,
        is_other_order: Callable[[str], bool],
    ) -> models.Listing | None:
        """Evaluates a listing with what is known about the portal now; None if that is not enough yet.

        Args:
            listing: from `read`.
            order: of the page.
            known: about the portal.
            last: decide now, because nothing more will be learned.
            is_other_order: whether a number, as from `numbers.core`, belongs to another order in the list.
        """
        ...

    async def turn_to(self, opened: OpenPage, click: models.Click) -> None:
        """Shows a control that `read` found again, on a reopened page."""
        ...
