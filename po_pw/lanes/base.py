"""A lane: a way of reading an order. All lanes yield the same `Visit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from po_pw import models
    from po_pw.transport import allowed_hosts


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

    @property
    def temporary(self) -> Path:
        """The folder on whose disk the browser keeps its own files."""
        ...

    async def part(self, stall: float) -> Path:
        """The whole file, once it is all there; the caller moves it away.

        Args:
            stall: seconds without a byte after which it is given up.

        Raises:
            TransientError: it broke off, or nothing came for so long.
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
            TransientError: nothing came in time.
            PermanentError: no way to it is certain to change nothing (`NOT_PRESSED`).
            NotAFileError: a page came instead.
            SessionExpiredError: the page that came asks for a sign-in.
        """
        ...

    async def number(self, found: Sequence[models.Control], path: Path) -> bool:
        """Saves a screenshot with these controls numbered; False where the page cannot be drawn."""
        ...

    async def keep_evidence(self, folder: Path) -> tuple[str, ...]:
        """Saves a screenshot and the source of the page, without secrets; gives the files."""
        ...


class Lane(Protocol):
    """Opens visits, for one worker."""

    name: str

    @property
    def user_agent(self) -> str:
        """What the HTTP client calls itself, to be the same user of the portal."""
        ...

    @property
    def language(self) -> str:
        """Likewise, as an `Accept-Language` header."""
        ...

    def is_lost(self) -> bool:
        """Whether nothing can be read any more: another lane has to be opened."""
        ...

    @property
    def why_lost(self) -> str:
        """Why, in words; `""` while it is not."""
        ...

    async def cookies(self) -> Sequence[models.Cookie]:
        """The cookies that the portal's pages have now."""
        ...

    def visit(self, order: models.PurchaseOrder) -> AbstractAsyncContextManager[Visit]:
        """Opens an order's page and reads it; the page is free again when the visit closes.

        Raises:
            TransientError: the portal or the network failed.
            BrowserLostError: the context died.
        """
        ...

    def host_policy(self, order: models.PurchaseOrder, page_url: str) -> allowed_hosts.HostPolicy:
        """Which hosts the files of an order may come from, whose page was read at this address."""
        ...

    async def opens(self, url: str) -> bool:
        """Whether a page that needs the sign-in still opens.

        Raises:
            TransientError: the portal or the network failed.
            BrowserLostError: the context died.
        """
        ...

    async def download(self, link: models.Link, policy: allowed_hosts.HostPolicy) -> Captured:
        """A file by its address the way a person gets it, where our HTTP client does not.

        Raises:
            OrderError: it does not come this way either.
        """
        ...


class LaneFactory(Protocol):
    """Opens a lane for each worker that asks."""

    async def open(self, worker: models.WorkerId) -> Lane:
        """A lane for this worker; the resources of the one it had are used again where they are still there.

        Raises:
            MachineError: none can be opened.
            OutputUnavailableError: the output directory cannot be written at present.
        """
        ...

    async def close(self, worker: models.WorkerId) -> None:
        """Closes this worker's lane and frees what it used."""
        ...
