"""Leases of pages, and what happens to a leased page's pop-ups, downloads and dialogs."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from typing import TYPE_CHECKING, Final, Protocol

from playwright import async_api as playwright

from po_pw.browser import held_requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from po_pw import errors

# A dialog that opens while its page is being left can never be answered, and the page hangs (Chromium 156). An
# address of another program would start it or, if that is blocked, replace the page by an error.
QUIET: Final = r"""
window.alert = () => undefined;
window.print = () => undefined;
for (const type of ['beforeprint', 'afterprint']) {
  addEventListener(type, (event) => event.stopImmediatePropagation(), true);
}
window.navigation?.addEventListener('navigate', (event) => {
  if (!/^(https?|blob|data|about|javascript):/i.test(event.destination.url)) event.preventDefault();
});
"""
"""Runs in every document before its own scripts: suppresses dialogs, printing and other programs' addresses.

It also hides from the page that we print it: a portal may record that, or change the order's state. Listeners on
`window` run in the order of registration, even capturing ones, so this one must be the first (Chromium 156).
"""
_BLANK: Final = 10.0
"""Seconds that a pop-up may stay blank before it is closed, while a download is awaited."""


class Guard(Protocol):
    """What guards a page after a press; see `press_guard.Guard`."""

    async def end(self) -> None:
        """Leaves the page."""


class PageLease:
    """A leased page of a context; its pop-ups and downloads go to a waiting caller or are discarded."""

    def __init__(self, page: playwright.Page) -> None:
        self.page = page
        self.waiter: asyncio.Future[playwright.Download | playwright.Page] | None = None
        self.popups: set[playwright.Page] = set()
        """Open pop-ups of this page, direct or indirect."""
        self.opened: weakref.WeakSet[playwright.Page] = weakref.WeakSet()
        """All pop-ups of this page, direct or indirect."""
        self.is_doubtful = False
        """An operation failed or was cancelled: the page may be unusable."""
        self.crashed: errors.BrowserLostError | None = None
        """Set when its process crashed."""
        self.is_persons = False
        """A person uses the page in a window: pop-ups, which a sign-in may open, and dialogs are left to the person."""
        self.guard: Guard | None = None
        """Set from the first press on the page until it is left."""
        self.kinds: set[held_requests.Kind] = set()
        """Kinds of requests that the page sent before any press."""
        self._tasks: set[asyncio.Task[None]] = set()
        page.on("request", self._note)
        page.on("download", self.offer)
        page.on("popup", self.offer)
        page.on("dialog", self._answer)

    def offer(self, opened_thing: playwright.Download | playwright.Page) -> None:
        """Handles a new download or pop-up: the first goes to the waiting caller, others are ended."""
        if isinstance(opened_thing, playwright.Page):
            self.popups.add(opened_thing)
            self.opened.add(opened_thing)
            opened_thing.on("close", lambda closed: self.popups.discard(closed))
            opened_thing.on("download", self.offer)
            opened_thing.on("popup", self.offer)
            opened_thing.on("dialog", self._answer)
            if self.is_persons:
                return
        waiter = self.waiter
        if waiter is None or waiter.done():
            self._later(
                opened_thing.close
                if isinstance(opened_thing, playwright.Page)
                else lambda: discard_download(opened_thing)
            )
        elif isinstance(opened_thing, playwright.Page):
            # A pop-up may still become a download: it is offered once it shows a page.
            self._later(lambda: self._offer_page(opened_thing, waiter))
        else:
            waiter.set_result(opened_thing)

    async def _offer_page(
        self, popup: playwright.Page, waiter: asyncio.Future[playwright.Download | playwright.Page]
    ) -> None:
        await popup.wait_for_load_state("domcontentloaded")
        if waiter.done() or popup.url in {"", "about:blank"}:
            await asyncio.wait([waiter], timeout=_BLANK)
            await popup.close()
        else:
            waiter.set_result(popup)

    def _note(self, request: playwright.Request) -> None:
        if self.guard is None:
            self.kinds.add(held_requests.kind_of(request))

    async def end_guard(self) -> None:
        """Leaves a page after a press, so that it can send nothing more; no effect without a press.

        Call it before navigating the page: until then its guard treats every request as caused by the press.
        """
        if self.guard is not None:
            await self.guard.end()

    def reset(self) -> None:
        """Resets the page when its lease ends."""
        self.kinds.clear()
        self.is_persons = False
        if self.guard is not None:
            self._later(self.guard.end)

    def _answer(self, dialog: playwright.Dialog) -> None:
        if self.is_persons:
            return
        # "Leave this page?" comes from our own navigation. Any other question may be "Delete it, are you sure?".
        self._later(dialog.accept if dialog.type == "beforeunload" else dialog.dismiss)

    def _later(self, do: Callable[[], Awaitable[None]]) -> None:
        async def quietly() -> None:
            with contextlib.suppress(playwright.Error):  # the page or the browser is gone
                await do()

        task = asyncio.get_running_loop().create_task(quietly(), name="page-clean-up")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def busy(self) -> bool:
        """Whether something is still being discarded."""
        return bool(self._tasks)

    def fail_waiter(self, error: errors.OrderError) -> None:
        """Fails the caller that waits for a download or pop-up of this page."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(error)

    def crash(self, error: errors.BrowserLostError) -> None:
        """Marks the page as crashed."""
        self.crashed, self.is_doubtful = error, True
        self.fail_waiter(error)

    def close_all(self) -> None:
        """Closes the page and its pop-ups."""
        for page in (*self.popups, self.page):
            self._later(page.close)

    async def aclose(self) -> None:
        """Cancels discarding that is in progress."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def discard_download(download: playwright.Download) -> None:
    """Cancels a download and removes its file."""
    await download.cancel()
    await download.delete()
