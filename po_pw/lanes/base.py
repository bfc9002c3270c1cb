"""A lane: a way of reading an order. All lanes yield the same `Visit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import datetime
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from po_pw import models
    from po_pw.portals import memory
    from po_pw.transport import allowed_hosts


class Captured(Protocol):
    """A download started by a click; it continues whatever the page does."""

    @property
    def sent_name(self) -> str:
        """File name suggested by the browser."""
        ...

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Response headers, names in lower case; may be empty."""
        ...

    @property
    def temporary(self) -> Path:
        """A folder on the same disk as the browser's own files."""
        ...

    async def part(self, stall: float) -> Path:
        """Waits for the complete file; the caller moves it away.

        Args:
            stall: seconds without data after which it is cancelled.

        Raises:
            TransientError: it was cut off or stalled.
        """
        ...

    async def discard(self) -> None:
        """Cancels it and removes its file."""
        ...


class Visit(Protocol):
    """One order's open page."""

    listing: models.Listing

    async def capture(self, click: models.Click) -> Captured | models.Link:
        """Clicks a control; returns the download that started, or the address of the file that opened.

        Raises:
            TransientError: nothing started in time.
            PermanentError: the click might change something (`NOT_PRESSED`).
            NotAFileError: a page came instead of a file.
            SessionExpiredError: a sign-in page came instead of a file.
        """
        ...

    async def number(self, found: Sequence[models.Control], path: Path) -> bool:
        """Saves a screenshot (PNG) with these controls numbered from 1; False if that is not possible."""
        ...

    async def print_page(self, path: Path, at: datetime.datetime) -> None:
        """Prints the page as it is shown to a PDF file, with the time in its footer.

        Raises:
            TransientError: it cannot be printed now.
            PermanentError: the file would be too large.
            BrowserLostError: the context crashed.
            OSError: the file cannot be written.
        """
        ...

    async def keep_evidence(self, folder: Path) -> tuple[str, ...]:
        """Saves the page's screenshot, source and console errors, without secrets; returns the files' names."""
        ...


OnFailure: TypeAlias = "Callable[[Visit, BaseException], Awaitable[None]]"
"""Called with a visit whose page is still open, and with the error that ends it."""


class Lane(Protocol):
    """Opens visits, for one worker."""

    name: str

    @property
    def user_agent(self) -> str:
        """The browser's user agent, for the HTTP client."""
        ...

    @property
    def language(self) -> str:
        """The browser's `Accept-Language`, for the HTTP client."""
        ...

    def is_lost(self) -> bool:
        """Whether the lane is unusable and must be replaced."""
        ...

    @property
    def why_lost(self) -> str:
        """Why it is lost; `""` if it is not."""
        ...

    async def cookies(self) -> Sequence[models.Cookie]:
        """The current cookies of the portal's pages."""
        ...

    def visit(
        self, order: models.PurchaseOrder, on_failure: OnFailure | None = None
    ) -> AbstractAsyncContextManager[Visit]:
        """Opens an order's page and reads it; the page is released when the visit closes.

        Args:
            order: to be read.
            on_failure: awaited when opening, reading or the block fails, before the page is released.

        Raises:
            TransientError: the portal or the network failed.
            BrowserLostError: the context crashed.
        """
        ...

    def host_policy(self, order: models.PurchaseOrder, page_url: str) -> allowed_hosts.HostPolicy:
        """Hosts that the files of an order may come from; `page_url` is its page's final address."""
        ...

    async def opens(self, url: str) -> bool:
        """Whether a page that needs the sign-in still opens.

        Raises:
            TransientError: the portal or the network failed.
            BrowserLostError: the context crashed.
        """
        ...

    async def download(self, link: models.Link, policy: allowed_hosts.HostPolicy) -> Captured:
        """Downloads a file through the browser, for hosts that refuse our HTTP client.

        Raises:
            OrderError: the browser cannot download it either.
        """
        ...


class Knowledge(Protocol):
    """What lanes read and record about portals; see `dispatch.portal_knowledge`."""

    def memory(self, url: str) -> memory.PortalMemory:
        """The knowledge about the portal of an address."""
        ...

    def siblings(self, url: str) -> Sequence[str]:
        """Addresses of a few other orders of the same portal."""
        ...

    def is_other_order(self, order: models.PurchaseOrder, number: str) -> bool:
        """Whether a number belongs to another order of the list."""
        ...

    def read_again(self, keys: Iterable[str]) -> None:
        """Marks orders to be read again."""
        ...

    def is_press_refused(self, url: str, control: models.Control) -> bool:
        """Whether a control like this was pressed in this run and led to no file."""
        ...

    def refuse_press(self, url: str, control: models.Control, *, is_fault: bool) -> None:
        """Records that a control like this led to no file; `is_fault`: because the portal failed."""
        ...

    def trust_press(self, url: str, control: models.Control) -> None:
        """Records that a control like this led to a file."""
        ...


class LaneFactory(Protocol):
    """Opens lanes for workers."""

    async def open(self, worker: models.WorkerId) -> Lane:
        """Opens a lane for this worker; resources of its earlier lane are reused if possible.

        Raises:
            MachineError: it cannot be opened.
            OutputUnavailableError: the output directory cannot be written at present.
        """
        ...

    async def close(self, worker: models.WorkerId) -> None:
        """Closes this worker's lane and frees what it used."""
        ...
