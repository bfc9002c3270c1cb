"""What a portal has to tell: where orders are, what a page is, which attachments it holds."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from playwright import async_api as playwright

    from po_pw import models
    from po_pw.browser import quiet
    from po_pw.portals import memory


@dataclasses.dataclass(frozen=True, slots=True)
class Pressed:
    """What came of a press that was to show more of a list."""

    done: bool
    """The control was pressed."""
    why: str = ""
    """Why not."""
    stopped: Callable[[], tuple[str, ...]] = tuple
    """Which requests that followed were stopped so far."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeepAlive:
    """What a portal's own pages ask, so that a session does not end while they are open."""

    url: str
    """Asked with GET."""
    every: float
    """Seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class OpenPage:
    """An order's page that has been opened, and what may be done on it."""

    page: playwright.Page
    """At the order's address, its first document committed."""
    order: models.PurchaseOrder
    status: Callable[[], int]
    """HTTP status of the answer that brought the page's latest document."""
    timeout: float
    """Seconds the page may take to show everything; then the listing says it is not complete."""
    patience: float
    """Seconds without a change after which a page is believed that keeps something going."""
    watch: quiet.Watch
    """Listening since before the page was opened."""
    memory: memory.PortalMemory
    """What is known of the portal."""
    press: Callable[[models.Click, models.Purpose], Awaitable[Pressed]]
    """Presses a control that shows more of the list, inside the press guard."""
    go: Callable[[str], Awaitable[int]]
    """Opens another page of the portal that belongs to the order, with GET; gives its HTTP status.

    Raises:
        TransientError: the portal cannot answer just now.
        PermanentError: the address is not the portal's, or may change something.
    """
    read_again: Callable[[Sequence[str]], None]
    """Told the keys of orders that were read in a belief that has turned out to be wrong."""
    siblings: Sequence[str] = ()
    """Addresses of a few other orders of the portal: what differs names the order."""
    is_other_order: Callable[[str], bool] = lambda _: False
    """Whether a text is the number of another order of the list."""


class Portal(Protocol):
    """Deciding is pure, only `read` and `turn_to` do I/O; never retries, never downloads."""

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

    def leads_to_files(self, url: str) -> bool:
        """Whether this address of the portal may redirect to `file_hosts`; `""`: whether its pages link there."""
        ...

    def hands_out(self, control: models.Control) -> bool:
        """Whether a control is known to hand out a file, whatever its label says.

        Nothing that speaks of a change is pressed all the same.
        """
        ...

    def keep_alive(self, url: str) -> KeepAlive | None:
        """What keeps a session at this portal alive; None where nothing is known to."""
        ...

    async def read(self, opened: OpenPage) -> models.Listing:
        """The attachments of the order whose page is open."""
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
        """The listing as it stands with what is known of the portal by now; None where that is not enough yet.

        Args:
            listing: from `read`.
            order: whose page it was.
            known: of the portal.
            last: nothing more will be known: it is decided now.
            is_other_order: whether a number, as `numbers.core` gives it, is that of another order of the list.
        """
        ...

    async def turn_to(self, opened: OpenPage, click: models.Click) -> None:
        """Brings a control that `read` found back into view on a page that was opened afresh."""
        ...
