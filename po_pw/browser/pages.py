"""The pages of one context: who has which, and another in the place of one that is of no more use."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors
from po_pw.browser import holds

if TYPE_CHECKING:
    from po_pw import models

_ANSWERS_WITHIN: Final = 3.0
"""Seconds for a page to answer after something went wrong on it; a busy one is replaced."""
OPENS_WITHIN: Final = 10.0
"""Seconds for a new page; a browser that takes longer hangs."""

_PAINTS: Final = """() => new Promise((resolve) => {
  requestAnimationFrame(() => resolve(true));
  setTimeout(() => resolve(false), 1000);
})"""
"""Whether scripts that wait for a frame get one; Playwright's own clicks do."""


class Pages:
    """Gives pages to one holder each.

    Args:
        worker: whose they are.
        inner: the context that they are of.
        unseen: nobody looks at its window.
    """

    def __init__(self, worker: models.WorkerId, inner: playwright.BrowserContext, *, unseen: bool) -> None:
        self._worker = worker
        self._inner = inner
        self._unseen = unseen
        self._is_minimised = False
        self._holds: dict[playwright.Page, holds.PageLease] = {}
        self._free: asyncio.Queue[holds.PageLease] = asyncio.Queue()
        self._given_up: list[holds.PageLease] = []

    async def open(self, count: int) -> playwright.Page:
        """Opens so many, and closes from now on what opens by itself; gives the first."""
        own = list(self._inner.pages[:count])
        while len(own) < count:
            own.append(await self._inner.new_page())
        await self._minimise(own[0])
        for page in own:
            self._free.put_nowait(self._hold(page))
        self._inner.on("page", self._on_page)
        return own[0]

    async def take(self) -> holds.PageLease:
        """A free page, as soon as there is one; see `fit`."""
        return await self._free.get()

    def give(self, hold: holds.PageLease) -> None:
        """It is free again."""
        hold.give_back()
        self._free.put_nowait(hold)

    async def fit(self, hold: holds.PageLease) -> holds.PageLease:
        """The page, or another in its place where it crashed, was closed, or is too busy to answer.

        Raises:
            TimeoutError: the browser opens none.
        """
        await hold.end_guard()
        if not hold.is_doubtful or (hold.crashed is None and not hold.page.is_closed() and await _answers(hold.page)):
            hold.is_doubtful = False
            if not self._is_minimised:
                await self._minimise(hold.page)
            return hold
        self._inner.remove_listener("page", self._on_page)  # the new one is no stray
        try:
            async with asyncio.timeout(OPENS_WITHIN):
                page = await self._inner.new_page()
                await self._minimise(page)
        finally:
            self._inner.on("page", self._on_page)
        self._given_up.append(self._holds.pop(hold.page))
        hold.leave()
        return self._hold(page)

    def owner(self, page: playwright.Page) -> playwright.Page | None:
        """The page itself where it is handed out, or the one that opened it; None where nobody knows it."""
        if page in self._holds:
            return page
        return next((hold.page for hold in self._holds.values() if page in hold.opened), None)

    def give_up(self, error: errors.BrowserLostError) -> None:
        """Whoever waits for a download or a pop-up waits in vain."""
        for hold in self._holds.values():
            hold.give_up(error)

    async def aclose(self) -> None:
        """Ends what is still being thrown away."""
        for hold in (*self._holds.values(), *self._given_up):
            await hold.aclose()

    async def _minimise(self, page: playwright.Page) -> None:
        """Minimises the window that nobody sees; a page that would paint no more because of it gets it back.

        While a page loads, Chromium paints a spinner on its tab 60 times a second, also where there is no display: more
        work than most pages are (two fifths of a second for each page of 1.5 s, of which half is left this way). Pages
        do not notice: Playwright tells them that they have the focus.
        """
        self._is_minimised = True
        if not self._unseen:
            return
        # A browser that cannot do it works all the same.
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

    def _hold(self, page: playwright.Page) -> holds.PageLease:
        self._holds[page] = hold = holds.PageLease(page)
        page.on(
            "crash",
            lambda _: hold.crash(errors.BrowserLostError(f"the page crashed in the browser of worker {self._worker}")),
        )
        return hold

    def _on_page(self, page: playwright.Page) -> None:
        self._is_minimised = False  # whatever opens brings the window back
        # Its opener, if it has one, hears of it right after this.
        asyncio.get_running_loop().call_soon(self._on_stray, page)

    def _on_stray(self, page: playwright.Page) -> None:
        if page.is_closed() or page in self._holds or any(page in hold.popups for hold in self._holds.values()):
            return
        claiming = [hold for hold in self._holds.values() if hold.claim is not None and not hold.claim.done()]
        # Without an opener it can only be matched when one page alone is waiting; otherwise it is anybody's to close.
        idle = [hold for hold in self._holds.values() if hold not in claiming]
        taker = claiming[0] if len(claiming) == 1 else next(iter(idle), None)
        if taker is not None:
            taker.offer(page)


async def _answers(page: playwright.Page) -> bool:
    """Whether a page is free to do something."""
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN):
            await page.evaluate("1")
    except (playwright.Error, TimeoutError):
        return False
    return True
