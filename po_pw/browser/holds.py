"""A page in somebody's hands, and what becomes of what it opens, downloads or asks."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw.browser import press_guard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from po_pw import errors

# A dialog that opens while its page is being left can never be answered (seen in Chromium 156), and the page hangs.
# An address of another program's would start it, or, where that is blocked, put an error in the page's place.
QUIET: Final = r"""
window.alert = () => undefined;
window.print = () => undefined;
window.navigation?.addEventListener('navigate', (event) => {
  if (!/^(https?|blob|data|about|javascript):/i.test(event.destination.url)) event.preventDefault();
});
"""
"""Runs in every document before its own scripts: what it has to say is for nobody here."""
_BLANK: Final = 10.0
"""Seconds that a pop-up may stay blank, while a download is awaited, before it is closed."""


class PageLease:
    """One page of a context, in somebody's hands; what it opens or downloads goes to a claim or is thrown away."""

    def __init__(self, page: playwright.Page) -> None:
        self.page = page
        self.claim: asyncio.Future[playwright.Download | playwright.Page] | None = None
        self.popups: set[playwright.Page] = set()
        """Those it opened, directly or not, that are not closed yet."""
        self.opened: weakref.WeakSet[playwright.Page] = weakref.WeakSet()
        """All that it opened, directly or not."""
        self.is_doubtful = False
        """Something went wrong on it, or was given up: it may be in no state to go on."""
        self.crashed: errors.BrowserLostError | None = None
        """Its process ended."""
        self.guard: press_guard.Guard | None = None
        """From the first press on the page until it is left."""
        self.kinds: set[press_guard.Kind] = set()
        """Of requests that the page sent unasked, before anything on it was pressed."""
        self._tasks: set[asyncio.Task[None]] = set()
        page.on("request", self._note)
        page.on("download", self.offer)
        page.on("popup", self.offer)
        page.on("dialog", self._answer)

    def offer(self, thing: playwright.Download | playwright.Page) -> None:
        """A download or a pop-up began: the first goes to whoever waits for it, everything else is ended."""
        if isinstance(thing, playwright.Page):
            self.popups.add(thing)
            self.opened.add(thing)
            thing.on("close", lambda closed: self.popups.discard(closed))
            thing.on("download", self.offer)
            thing.on("popup", self.offer)
            thing.on("dialog", self._answer)
        claim = self.claim
        if claim is None or claim.done():
            self._later(thing.close if isinstance(thing, playwright.Page) else lambda: throw_away(thing))
        elif isinstance(thing, playwright.Page):
            # A pop-up may yet turn into a download: it is offered once it shows a page of its own.
            self._later(lambda: self._offer_page(thing, claim))
        else:
            claim.set_result(thing)

    async def _offer_page(
        self, popup: playwright.Page, claim: asyncio.Future[playwright.Download | playwright.Page]
    ) -> None:
        await popup.wait_for_load_state("domcontentloaded")
        if claim.done() or popup.url in {"", "about:blank"}:
            await asyncio.wait([claim], timeout=_BLANK)
            await popup.close()
        else:
            claim.set_result(popup)

    def _note(self, request: playwright.Request) -> None:
        if self.guard is None:
            self.kinds.add(press_guard.kind(request))

    async def end_guard(self) -> None:
        """Leaves a page that was pressed on, so that nothing of it sends any more; does nothing on any other.

        To be called before the page is sent elsewhere: until then, its guard takes what is asked for as the press's.
        """
        if self.guard is not None:
            await self.guard.end()

    def give_back(self) -> None:
        """Its holder is done with it: what was pressed on it is left, and what it sent is forgotten."""
        self.kinds.clear()
        if self.guard is not None:
            self._later(self.guard.end)

    def _answer(self, dialog: playwright.Dialog) -> None:
        # "Leave this page?" comes from leaving it ourselves. Whatever else is asked may be "delete it, are you sure?".
        self._later(dialog.accept if dialog.type == "beforeunload" else dialog.dismiss)

    def _later(self, do: Callable[[], Awaitable[None]]) -> None:
        async def quietly() -> None:
            with contextlib.suppress(playwright.Error):  # the page or the browser is gone, and the thing with it
                await do()

        task = asyncio.get_running_loop().create_task(quietly(), name="hold-clean-up")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def busy(self) -> bool:
        """Whether something is still being thrown away."""
        return bool(self._tasks)

    def give_up(self, error: errors.OrderError) -> None:
        """Whoever waits for a download or a pop-up of this page waits in vain."""
        if self.claim is not None and not self.claim.done():
            self.claim.set_exception(error)

    def crash(self, error: errors.BrowserLostError) -> None:
        """Its process ended: it is of no more use."""
        self.crashed, self.is_doubtful = error, True
        self.give_up(error)

    def leave(self) -> None:
        """It has no owner any more: it is closed, and what it opened."""
        for page in (*self.popups, self.page):
            self._later(page.close)

    async def aclose(self) -> None:
        """Ends what is still being thrown away."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def throw_away(download: playwright.Download) -> None:
    """Ends a download, and removes what of it is on disk already."""
    await download.cancel()
    await download.delete()
