"""Persistent contexts, each a browser process with its own user-data dir: their pages, cookies, loss and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

import psutil
from playwright import async_api as playwright

from po_pw import errors, models
from po_pw.browser import (
    context_guards,
    frame_reports,
    heartbeat,
    launching,
    oversize_downloads,
    page_lease,
    pages,
    press_guard,
    recording,
    shutdown,
    watchdog,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
    from pathlib import Path

_log = logging.getLogger(__name__)

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for a context to close; a hung browser, which would take 30, is killed."""

_SAVES_WITHIN: Final = 60.0
"""Seconds for the storage state, which opens a page for each origin."""

_SET_ITEMS: Final = """(items) => {
  for (const [name, value] of Object.entries(items)) localStorage.setItem(name, value);
}"""


async def _answer_empty(route: playwright.Route) -> None:
    await route.fulfill(status=200, content_type="text/html", body="<!DOCTYPE html>")


class Context:
    """A worker's persistent context: its pages and its browser process."""

    def __init__(
        self,
        worker: models.WorkerId,
        inner: playwright.BrowserContext,
        user_data_dir: Path,
        run_dir: watchdog.RunDir,
        downloads: Path,
        *,
        unseen: bool,
    ) -> None:
        self.worker = worker
        self.user_data_dir = user_data_dir
        self.downloads = downloads
        self.temporary = run_dir.path.parent
        """A folder on the disk of the browser's own files, such as its profile."""
        self.pid = 0
        self.version = ""
        self.user_agent = ""
        self.language = ""
        self.opened_in = 0.0
        self.lost = asyncio.Event()
        self.why_lost = ""
        self._inner = inner
        self._run_dir = run_dir
        self._process: psutil.Process | None = None
        self._closing = False
        self._pages = pages.Pages(worker, inner, unseen=unseen)
        self.guards = context_guards.Guards(inner, self._pages.owner, self._kill_unleft)
        self.oversize: oversize_downloads.OversizeDownloads | None = None
        self.recording: recording.Recording | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        state = f"lost: {self.why_lost}" if self.lost.is_set() else "open"
        return f"<Context {self.worker} pid={self.pid} {state}>"

    async def prepare(
        self,
        cookies: Sequence[models.Cookie],
        count: int,
        timing: heartbeat.Timing | None = None,
        max_bytes: int | None = None,
    ) -> None:
        """Finds the browser's process, opens the pages, starts watching the browser."""
        self._inner.on("close", lambda _: self._gone("the browser was closed"))
        browser = self._inner.browser
        if browser is not None:
            self.version = browser.version
            session = await browser.new_browser_cdp_session()
            processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
            pid = next((int(process["id"]) for process in processes if process["type"] == "browser"), 0)
            with contextlib.suppress(psutil.Error):  # it has ended: the next call raises
                self._process = psutil.Process(pid)
                self.pid = pid
            if max_bytes is not None:
                self.oversize = oversize_downloads.OversizeDownloads(session, max_bytes)
                await self.oversize.watch(self.downloads)
            if timing is not None:
                self._begin(self._listen(session, timing), "heartbeat")
            elif max_bytes is None:
                await session.detach()
        if self.pid:
            await asyncio.to_thread(self._run_dir.record, self.pid)
        if cookies:
            given: Any = [dict(cookie) for cookie in cookies]
            await self._inner.add_cookies(given)
        await self._inner.add_init_script(press_guard.SCRIPT)
        await self._inner.add_init_script(page_lease.QUIET)
        await self._inner.add_init_script(frame_reports.SCRIPT)
        page = await self._pages.open(count)
        if self.recording is not None:
            await self.recording.open()
        self.user_agent = await page.evaluate("navigator.userAgent")
        self.language = await page.evaluate("navigator.languages.join(',')")

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{self.worker}-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, session: playwright.CDPSession, timing: heartbeat.Timing) -> None:
        """Pings the browser's main process, which needs no page, until it stops responding."""
        try:
            await heartbeat.wait_until_unresponsive(lambda: session.send("Browser.getVersion"), timing)
        except playwright.Error as error:
            self._gone(launching.first_line(error))
        else:
            self._hangs(timing.timeout)

    async def _kill_unleft(self) -> None:
        """Kills a browser in which a page could not be left after a press, so that its held requests are never sent."""
        self._gone("a page could not be left after a press")
        await asyncio.to_thread(shutdown.end, self._process, self.user_data_dir, 0)

    def _hangs(self, timeout: float) -> None:
        """Kills a browser that does not respond, so that callers fail at once and not at their own timeouts."""
        self._gone(f"it hung: no answer within {timeout:.0f} s")
        if not self._closing:
            self._begin(asyncio.to_thread(shutdown.end, self._process, self.user_data_dir, 0), "end")

    def _gone(self, why: str) -> None:
        if not self._closing and not self.lost.is_set():
            self.why_lost = why
            self.lost.set()
            self._pages.fail_waiter(self._lost_error())

    def _lost_error(self, why: str = "") -> errors.BrowserLostError:
        return errors.BrowserLostError(f"the browser of worker {self.worker} is gone ({self.why_lost or why})")

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[page_lease.PageLease]:
        """Leases a free page for the block.

        Raises:
            BrowserLostError: the context or the page crashed meanwhile, whatever error that caused.
        """
        lease = await self._pages.acquire()
        try:
            lease = await self._ensure_usable(lease)
            yield lease
        except errors.BrowserLostError:
            raise
        except (playwright.Error, errors.TransientError) as error:
            lease.is_doubtful = True
            if self.lost.is_set() or not await self.is_alive():
                raise self._lost_error(launching.first_line(error)) from error
            if lease.crashed is not None:
                raise lease.crashed from error
            raise
        except BaseException:
            lease.is_doubtful = True
            raise
        finally:
            self._pages.release(lease)

    async def _ensure_usable(self, lease: page_lease.PageLease) -> page_lease.PageLease:
        try:
            return await self._pages.ensure_usable(lease)
        except TimeoutError:
            self._hangs(pages.OPENS_WITHIN)
            raise self._lost_error() from None

    async def is_alive(self, timeout: float = CLOSE_TIMEOUT) -> bool:
        """Whether the browser responds within `timeout` seconds; if not, it is killed."""
        try:
            async with asyncio.timeout(timeout):
                await self._inner.cookies("http://127.0.0.1/")
        except playwright.Error as error:
            self._gone(launching.first_line(error))
            return False
        except TimeoutError:
            self._hangs(timeout)
            return False
        return True

    async def cookies(self) -> list[models.Cookie]:
        """All cookies, including session cookies.

        Raises:
            BrowserLostError: the browser crashed or hangs.
        """
        async with self._answering():
            return [dict(cookie) for cookie in await self._inner.cookies()]

    async def add_cookies(self, cookies: Sequence[models.Cookie]) -> None:
        """Adds cookies; those of the same name, domain and path are replaced.

        Raises:
            BrowserLostError: the browser is gone or hangs.
        """
        if not cookies:
            return
        given: Any = [dict(cookie) for cookie in cookies]
        async with self._answering():
            await self._inner.add_cookies(given)

    async def set_local_storage(self, origin: str, items: Mapping[str, str]) -> None:
        """Sets items in a portal's local storage, on a page of the context; waits for a free page.

        Nothing is requested from the portal: an empty page is shown at its address.

        Raises:
            BrowserLostError: the browser is gone or hangs.
        """
        if not items:
            return
        async with self.page() as lease:
            url = f"{origin}/po-pw-local-storage"
            await lease.page.route(url, _answer_empty)
            try:
                await lease.page.goto(url, wait_until="commit")
                await lease.page.evaluate(_SET_ITEMS, dict(items))
                await lease.page.unroute(url, _answer_empty)
            except playwright.Error as error:
                # Without the items the context would continue signed out.
                self._gone(launching.first_line(error))
                raise self._lost_error() from error

    async def save_storage_state(self) -> dict[str, Any]:
        """Cookies, local storage and IndexedDB, as Playwright saves them.

        Raises:
            BrowserLostError: the browser is gone or hangs.
        """
        async with self._answering(_SAVES_WITHIN):
            return dict(await self._inner.storage_state(indexed_db=True))

    @contextlib.asynccontextmanager
    async def _answering(self, timeout: float = CLOSE_TIMEOUT) -> AsyncIterator[None]:
        """Limits the time of a request to the browser; kills a browser that does not respond.

        Raises:
            BrowserLostError: the browser is gone or hangs.
        """
        try:
            async with asyncio.timeout(timeout):
                yield
        except TimeoutError as error:
            self._hangs(timeout)
            raise self._lost_error() from error
        except playwright.Error as error:
            self._gone(launching.first_line(error))
            raise self._lost_error() from error

    async def cdp(self, target: playwright.Page | playwright.Frame) -> playwright.CDPSession:
        """Opens a DevTools session on a page, or on a frame with its own process."""
        return await self._inner.new_cdp_session(target)

    async def close(self) -> None:
        """Closes the context; kills a browser that hangs, even if this call is cancelled."""
        self._closing = True
        timeout = 0.0
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._pages.aclose()
            if self.lost.is_set():  # crashed or hung: do not wait
                await asyncio.to_thread(shutdown.end, self._process, self.user_data_dir, 0)
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.guards.end_all()
                await self._inner.close()
            timeout = 2.0
        except (playwright.Error, TimeoutError) as error:
            _log.info("context of %s did not close by itself: %s", self.worker, launching.first_line(error))
        finally:
            await asyncio.to_thread(shutdown.end, self._process, self.user_data_dir, timeout)
            await self.guards.abandon_all()
            if self.pid:
                await asyncio.to_thread(self._run_dir.forget, self.pid)
