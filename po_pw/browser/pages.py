"""The pages of one context: leases them, and replaces unusable ones."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors
from po_pw.browser import page_lease

if TYPE_CHECKING:
    from po_pw import models

_ANSWERS_WITHIN: Final = 3.0
"""Seconds for a page to respond after a failure; otherwise it is replaced."""
OPENS_WITHIN: Final = 10.0
"""Seconds to open a page; a browser that takes longer hangs."""

_PAINTS: Final = """() => new Promise((resolve) => {
  requestAnimationFrame(() => resolve(true));
  setTimeout(() => resolve(false), 1000);
})"""
"""Whether animation frames are delivered, which Playwright's clicks wait for."""


class Pages:
    """Leases pages, each to one caller at a time.

    Args:
        worker: that uses them.
        inner: the Playwright context.
        unseen: whether its window is invisible to users.
    """

    def __init__(self, worker: models.WorkerId, inner: playwright.BrowserContext, *, unseen: bool) -> None:
        self._worker = worker
        self._inner = inner
        self._unseen = unseen
        self._is_minimised = False
        self._leases: dict[playwright.Page, page_lease.PageLease] = {}
        self._free: asyncio.Queue[page_lease.PageLease] = asyncio.Queue()
        self._failed_with: list[page_lease.PageLease] = []

    async def open(self, count: int) -> playwright.Page:
        """Opens `count` pages and returns the first; from now on closes pages that open by themselves."""
        own = list(self._inner.pages[:count])
        while len(own) < count:
            own.append(await self._inner.new_page())
        await self._minimise(own[0])
        for page in own:
            self._free.put_nowait(self._new_lease(page))
        self._inner.on("page", self._on_page)
        return own[0]

    async def acquire(self) -> page_lease.PageLease:
        """Waits for a free page; call `ensure_usable` next."""
        return await self._free.get()

    def release(self, lease: page_lease.PageLease) -> None:
        """Returns a page."""
        lease.reset()
        self._free.put_nowait(lease)

    async def ensure_usable(self, lease: page_lease.PageLease) -> page_lease.PageLease:
        """The page, or a replacement if it crashed, was closed, or does not respond.

        Raises:
            TimeoutError: the browser does not open a page.
        """
        await lease.end_guard()
        if not lease.is_doubtful or (
            lease.crashed is None and not lease.page.is_closed() and await _answers(lease.page)
        ):
            lease.is_doubtful = False
            if not self._is_minimised:
                await self._minimise(lease.page)
            return lease
        self._inner.remove_listener("page", self._on_page)  # the new page is ours
        try:
            async with asyncio.timeout(OPENS_WITHIN):
                page = await self._inner.new_page()
                await self._minimise(page)
        finally:
            self._inner.on("page", self._on_page)
        self._failed_with.append(self._leases.pop(lease.page))
        lease.close_all()
        return self._new_lease(page)

    def owner(self, page: playwright.Page) -> playwright.Page | None:
        """The page itself if it is leased, else the leased page that opened it; None if unknown."""
        if page in self._leases:
            return page
        return next((lease.page for lease in self._leases.values() if page in lease.opened), None)

    def fail_waiter(self, error: errors.BrowserLostError) -> None:
        """Fails the callers that wait for a download or pop-up."""
        for lease in self._leases.values():
            lease.fail_waiter(error)

    async def aclose(self) -> None:
        """Cancels discarding that is in progress."""
        for lease in (*self._leases.values(), *self._failed_with):
            await lease.aclose()

    async def _minimise(self, page: playwright.Page) -> None:
        """Minimises an invisible window; restores it if the page would no longer paint.

        While a page loads, Chromium paints a spinner on its tab 60 times a second, even without a display: more work
        than most pages (0.4 s for each page of 1.5 s, halved this way). Pages do not notice: Playwright emulates focus.
        """
        self._is_minimised = True
        if not self._unseen:
            return
        # Optional: the browser works without it.
        with contextlib.suppress(playwright.Error, TimeoutError):
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await self._try_to_minimise(page)

    async def _try_to_minimise(self, page: playwright.Page) -> None:
        session = await self._inner.new_cdp_session(page)
        window = (await session.send("Browser.getWindowForTarget"))["windowId"]
        await session.send("Browser.setWindowBounds", {"windowId": window, "bounds": {"windowState": "minimized"}})
        if not await page.evaluate(_PAINTS):
            await session.send("Browser.setWindowBounds", {"windowId": window, "bounds": {"windowState": "normal"}})
        await session.detach()

    def _new_lease(self, page: playwright.Page) -> page_lease.PageLease:
        self._leases[page] = lease = page_lease.PageLease(page)
        page.on(
            "crash",
            lambda _: lease.crash(errors.BrowserLostError(f"the page crashed in the browser of worker {self._worker}")),
        )
        return lease

    def _on_page(self, page: playwright.Page) -> None:
        self._is_minimised = False  # a new page restores the window
        # Its opener, if any, gets the event right after this one.
        asyncio.get_running_loop().call_soon(self._on_stray, page)

    def _on_stray(self, page: playwright.Page) -> None:
        if page.is_closed() or page in self._leases or any(page in lease.popups for lease in self._leases.values()):
            return
        waiting = [lease for lease in self._leases.values() if lease.waiter is not None and not lease.waiter.done()]
        # Without an opener it can only be matched if exactly one page is waiting; otherwise it is closed.
        idle = [lease for lease in self._leases.values() if lease not in waiting]
        taker = waiting[0] if len(waiting) == 1 else next(iter(idle), None)
        if taker is not None:
            taker.offer(page)


async def _answers(page: playwright.Page) -> bool:
    """Whether a page responds."""
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            await page.evaluate("1")
    except (playwright.Error, TimeoutError):
        return False
    return True
