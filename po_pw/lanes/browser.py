"""The browser lane: an order is read on a page of a persistent context."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors, models
from po_pw.browser import capture, contexts
from po_pw.transport import addresses, client, hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from po_pw import settings
    from po_pw.lanes import base
    from po_pw.portals import base as portals

# Chromium's names for what a later try may get past.
_NETWORK: Final = ("net::ERR_", "NS_ERROR", "Navigation failed", "interrupted by another navigation")


class BrowserLane:
    """Reads orders on the pages of one context."""

    name = "browser"

    def __init__(
        self, context: contexts.Context, options: settings.Settings, portal_for: Callable[[str], portals.Portal]
    ) -> None:
        self._context = context
        self._options = options
        self._portal_for = portal_for

    @contextlib.asynccontextmanager
    async def visit(self, order: models.PurchaseOrder) -> AsyncIterator[base.Visit]:
        """Opens the order's page and reads it."""
        portal = self._portal_for(order.url)
        async with self._context.page() as hold:
            visit = _Visit(self._context, hold, self._options, portal, order)
            await visit.open()
            yield visit

    def fence(self, order: models.PurchaseOrder, page_url: str) -> hosts.Fence:
        """Which hosts the files of an order may come from."""
        return _fence(self._portal_for(order.url), self._options, order.url, page_url)

    async def download(self, link: models.Link, fence: hosts.Fence) -> base.Captured:
        """A download of a file by its address, begun on a page of the context that is free.

        Raises:
            Transient: nothing began in time, or the connection failed.
            Permanent: the browser does not get it either.
            NotAFile: a page came instead.
            SessionExpired: it asks for a sign-in.
            BrowserLost: the context died.
        """
        referer = addresses.referer(link.referer, addresses.parse(link.url))
        timeout = self._options.navigation_timeout
        async with self._context.page() as hold:
            try:
                got = await capture.download(self._context, hold, link.url, referer, timeout, fence)
            except capture.PageInstead as error:
                portal = self._portal_for(link.referer)
                seen = await portal.look(hold.page, asked=link.referer, status=error.status)
                if portal.classify(seen) is models.PageKind.SIGNED_OUT:
                    raise _signed_out() from error
                raise
        return await _of_size(got, self._options.max_file_bytes)


class _Visit:
    def __init__(
        self,
        context: contexts.Context,
        hold: contexts.Hold,
        options: settings.Settings,
        portal: portals.Portal,
        order: models.PurchaseOrder,
    ) -> None:
        self.listing = models.Listing(models.PageKind.ERROR, (), None, complete=False, supplier="", url=order.url)
        self._context = context
        self._hold = hold
        self._options = options
        self._portal = portal
        self._order = order
        self._turned = 0
        self._moved_on = False

    async def open(self) -> None:
        status = await self._go()
        with _translated(self._order.url):
            self.listing = await self._portal.read(
                self._hold.page, self._order, status=status, timeout=self._options.listing_timeout
            )
        clicks = [a.source.page for a in self.listing.attachments if isinstance(a.source, models.Click)]
        self._turned = max(clicks, default=0)

    async def capture(self, click: models.Click) -> base.Captured | models.Link:
        if self._moved_on or click.page != self._turned:
            await self._go()
            with _translated(self._order.url):
                await self._portal.turn_to(self._hold.page, click, timeout=self._options.listing_timeout)
            self._moved_on, self._turned = False, click.page
        page = self._hold.page.url
        fence = _fence(self._portal, self._options, self._order.url, page)
        timeout = self._options.navigation_timeout
        try:
            got = await capture.capture(self._context, self._hold, click, timeout, fence)
        except capture.PageInstead as error:
            self._moved_on = True
            seen = await self._portal.look(self._hold.page, asked=self._order.url, status=error.status)
            if self._portal.classify(seen) is models.PageKind.SIGNED_OUT:
                raise _signed_out() from error
            raise
        except errors.OrderError:
            self._moved_on = True
            raise
        if isinstance(got, capture.Opened):
            return models.Link(got.url, page)
        return await _of_size(got, self._options.max_file_bytes)

    async def _go(self) -> int:
        """Opens the order's address; gives the HTTP status."""
        page = self._hold.page
        answers: list[playwright.Response] = []

        def note(answer: playwright.Response) -> None:
            if answer.request.is_navigation_request() and answer.frame == page.main_frame:
                answers.append(answer)

        page.on("response", note)
        try:
            with _translated(self._order.url):
                try:
                    await page.goto(
                        self._order.url, wait_until="commit", timeout=self._options.navigation_timeout * 1000
                    )
                except playwright.Error as error:
                    # An error status without a body shows no page at all; the answer says what happened all the same.
                    if "ERR_HTTP_RESPONSE_CODE_FAILURE" not in str(error) or not answers:
                        raise
        finally:
            page.remove_listener("response", note)
        if not answers:
            return 200
        status = answers[-1].status
        if status in {408, 425, 429} or status >= 500:
            limited = status in {429, 503}
            wait = answers[-1].headers.get("retry-after", "")
            raise errors.Transient(
                f"the portal answered HTTP {status} for the order's page",
                models.ErrorCode.RATE_LIMITED if status == 429 else models.ErrorCode.PORTAL_ERROR,
                retry_after=client.retry_after(wait) if limited else None,
            )
        return status


def _fence(portal: portals.Portal, options: settings.Settings, order_url: str, page_url: str) -> hosts.Fence:
    def is_sign_in(url: str) -> bool:
        return portal.classify(models.Seen(url, 200, asked=order_url)) is models.PageKind.SIGNED_OUT

    return hosts.fence(
        order_url, page_url, declared=portal.file_hosts(order_url), allowed=options.allow_hosts, is_sign_in=is_sign_in
    )


def _signed_out() -> errors.SessionExpired:
    return errors.SessionExpired("the portal asked for a sign-in where a file was promised")


async def _of_size(got: capture.Captured, most: int | None) -> capture.Captured:
    """The download, unless it says that it is larger than allowed: then it is ended before its bytes come."""
    announced = got.headers.get("content-length", "")
    if most is not None and announced.isdigit() and int(announced) > most:
        await got.discard()
        msg = f"the file is larger than {most} bytes, the limit that was set"
        raise errors.Permanent(msg, models.ErrorCode.TOO_LARGE)
    return got


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    try:
        yield
    except playwright.TimeoutError as error:
        msg = "the order's page did not answer in time"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        first = contexts.first_line(error)
        if "Download is starting" in first:
            msg = f"the address leads to a file, not to an order's page: {client.bare(url)}"
            raise errors.Permanent(msg, models.ErrorCode.INVALID_URL) from error
        if "Cannot navigate to invalid URL" in first or "ERR_INVALID_URL" in first:
            msg = "the address cannot be opened: check the url column"
            raise errors.Permanent(msg, models.ErrorCode.INVALID_URL) from error
        for name in _NETWORK:
            if name in first:
                at = first.find("net::")
                reason = first[at:].split(" ")[0] if at >= 0 else name
                msg = f"the portal could not be reached ({reason})"
                raise errors.Transient(msg, models.ErrorCode.NETWORK) from error
        raise
