"""A lane: a way of reading an order. All lanes yield the same `Visit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from po_pw import models


class Captured(Protocol):
    """A download that a click began; it goes on while the page does something else."""

    @property
    def sent_name(self) -> str:
        """As the browser understood it."""
        ...

    @property
    def url(self) -> str:
        """Where it came from."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the answer, in lower case; may be empty."""
        ...

    async def part(self) -> Path:
        """The whole file, once it is all there; the caller moves it away.

        Raises:
            Transient: it broke off.
        """
        ...

    async def discard(self) -> None:
        """Ends it, and removes what came of it."""
        ...


class Visit(Protocol):
    """One order's page, open."""

    listing: models.Listing

    async def capture(self, click: models.Click) -> Captured | models.Link:
        """What a click hands out: a download that has begun, or the address of a file it opened.

        Raises:
            Transient: nothing came in time.
            NotAFile: a page came instead.
            SessionExpired: the page that came asks for a sign-in.
        """
        ...


class Lane(Protocol):
    """Opens visits."""

    name: str

    def visit(self, order: models.PurchaseOrder) -> AbstractAsyncContextManager[Visit]:
        """Opens an order's page and reads it; the page is free again when the visit closes.

        Raises:
            Transient: the portal or the network failed.
            BrowserLost: the context died.
        """
        ...
