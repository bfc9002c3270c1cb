"""Persistent contexts: open, watch, close. Each is a browser process of its own, on a user-data dir of its own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Any, Final, Self

import psutil
from playwright import async_api as playwright

from po_pw import errors, models, settings
from po_pw.browser import locate, profiles, watchdog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path
    from types import TracebackType

_log = logging.getLogger(__name__)

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for a context to close; a hung browser would take 30 and is killed instead."""

_ARGUMENTS: Final = (
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-session-crashed-bubble",
    "--hide-crash-restore-bubble",
    "--deny-permission-prompts",
)


@dataclasses.dataclass(frozen=True, slots=True)
class Launch:
    """How contexts are started."""

    browser: models.BrowserInfo
    headless: bool
    sandbox: bool
    timeout: float
    """Seconds."""


class Driver:
    """The one Playwright driver of a run, in a temporary folder of the run's own. An async context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self.run_dir = await asyncio.to_thread(watchdog.RunDir)
            await asyncio.to_thread(stack.enter_context, self.run_dir)
            before = set(await asyncio.to_thread(_children))
            manager = playwright.async_playwright()
            self._playwright = await manager.start()
            stack.push_async_callback(self._stop)
            for pid in set(await asyncio.to_thread(_children)) - before:
                await asyncio.to_thread(self.run_dir.record, pid)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _stop(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._playwright.stop()
        except (TimeoutError, playwright.Error) as error:
            _log.warning("the Playwright driver did not stop by itself: %s", error)

    def resolve(self, wanted: str | None) -> models.BrowserInfo:
        """Decides which browser to start; see `locate.resolve`."""
        return locate.resolve(wanted, bundled=self._playwright.chromium.executable_path)

    async def open(
        self,
        worker: models.WorkerId,
        launch: Launch,
        *,
        user_data_dir: Path,
        downloads: Path,
        cookies: Sequence[models.Cookie] = (),
        pages: int = 1,
    ) -> Context:
        """Opens one persistent context.

        Args:
            worker: whose it is.
            launch: how.
            user_data_dir: made by a `ProfileManager`; not removed here.
            downloads: where the browser puts what it downloads: on the output's file system.
            cookies: added on top of what the profile holds (session cookies do not survive in a profile).
            pages: how many pages to open at once.

        Raises:
            EnvironmentProblem: the browser does not start; says why.
        """
        profiles.clear_stale_lock(user_data_dir)
        downloads.mkdir(parents=True, exist_ok=True)
        temporary = self.run_dir.path
        before = await asyncio.to_thread(_grandchildren)
        by_channel = launch.browser.channel is not None
        environment: dict[str, str | float | bool] = dict(settings.child_environment())
        environment.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
        started = time.monotonic()
        try:
            inner = await self._playwright.chromium.launch_persistent_context(
                user_data_dir,
                channel=launch.browser.channel,
                executable_path=None if by_channel else launch.browser.executable,
                headless=launch.headless,
                chromium_sandbox=launch.sandbox,
                args=list(_ARGUMENTS),
                timeout=launch.timeout * 1000,
                accept_downloads=True,
                downloads_path=downloads,
                artifacts_dir=temporary / "artifacts",
                service_workers="block",
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
                env=environment,
            )
        except playwright.Error as error:
            raise errors.EnvironmentProblem(_launch_message(launch, error)) from error
        except BaseException:
            # Cancelled while the browser was starting: the driver no longer tells us of it, so it is ended by pid.
            for pid in await asyncio.to_thread(_grandchildren) - before:
                _log.info("browser process %s was still starting: ended", pid)
                self.run_dir.record(pid)
            raise
        context = Context(worker, inner, user_data_dir, self.run_dir)
        try:
            await context.prepare(cookies, pages)
        except BaseException as error:
            await context.close()
            if isinstance(error, playwright.Error):
                raise errors.EnvironmentProblem(_launch_message(launch, error)) from error
            raise
        context.opened_in = time.monotonic() - started
        return context


class Hold:
    """One page of a context, in somebody's hands; what it opens or downloads goes to a claim or is thrown away."""

    def __init__(self, page: playwright.Page) -> None:
        self.page = page
        self.claim: asyncio.Future[playwright.Download | playwright.Page] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        page.on("download", self.offer)
        page.on("dialog", lambda dialog: self._later(dialog.dismiss()))

    def offer(self, thing: playwright.Download | playwright.Page) -> None:
        """A download or a pop-up began: the first goes to whoever waits for it, everything else is ended."""
        if isinstance(thing, playwright.Page):
            thing.on("download", self.offer)
        if self.claim is not None and not self.claim.done():
            if isinstance(thing, playwright.Page):
                # A pop-up may yet turn into a download: it is offered once it shows a page of its own.
                self._later(self._offer_page(thing, self.claim))
            else:
                self.claim.set_result(thing)
            return
        self._later(thing.close() if isinstance(thing, playwright.Page) else thing.cancel())

    async def _offer_page(
        self, popup: playwright.Page, claim: asyncio.Future[playwright.Download | playwright.Page]
    ) -> None:
        await popup.wait_for_load_state("domcontentloaded")
        if claim.done() or popup.url in {"", "about:blank"}:
            await asyncio.wait([claim], timeout=10)
            await popup.close()
        else:
            claim.set_result(popup)

    def _later(self, doing: Any) -> None:
        async def quietly() -> None:
            with contextlib.suppress(playwright.Error):  # the page or the browser is gone, and the thing with it
                await doing

        task = asyncio.get_running_loop().create_task(quietly(), name="hold-clean-up")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Ends what is still being thrown away."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class Context:
    """A worker's persistent context: its pages, its browser process, and whether it is still there."""

    def __init__(
        self, worker: models.WorkerId, inner: playwright.BrowserContext, user_data_dir: Path, run_dir: watchdog.RunDir
    ) -> None:
        self.worker = worker
        self.user_data_dir = user_data_dir
        self.pid = 0
        self.version = ""
        self.user_agent = ""
        self.language = ""
        self.opened_in = 0.0
        self.lost = asyncio.Event()
        self.why_lost = ""
        self._inner = inner
        self._run_dir = run_dir
        self._closing = False
        self._holds: dict[playwright.Page, Hold] = {}
        self._free: asyncio.Queue[Hold] = asyncio.Queue()

    def __repr__(self) -> str:
        state = f"lost: {self.why_lost}" if self.lost.is_set() else "open"
        return f"<Context {self.worker} pid={self.pid} {state}>"

    async def prepare(self, cookies: Sequence[models.Cookie], pages: int) -> None:
        """Learns the browser's process, opens the pages, watches for the end."""
        browser = self._inner.browser
        if browser is not None:
            self.version = browser.version
            session = await browser.new_browser_cdp_session()
            processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
            self.pid = next((int(process["id"]) for process in processes if process["type"] == "browser"), 0)
            await session.detach()
        if self.pid:
            await asyncio.to_thread(self._run_dir.record, self.pid)
        self._inner.on("close", lambda _: self._gone("the browser was closed"))
        if cookies:
            given: Any = [dict(cookie) for cookie in cookies]
            await self._inner.add_cookies(given)
        own = list(self._inner.pages[:pages])
        while len(own) < pages:
            own.append(await self._inner.new_page())
        for page in own:
            self._holds[page] = hold = Hold(page)
            page.on("crash", lambda _: self._gone("a page crashed"))
            self._free.put_nowait(hold)
        self._inner.on("page", self._on_page)
        self.user_agent = await own[0].evaluate("navigator.userAgent")
        self.language = await own[0].evaluate("navigator.languages.join(',')")

    def _gone(self, why: str) -> None:
        if not self._closing and not self.lost.is_set():
            self.why_lost = why
            self.lost.set()

    def _on_page(self, popup: playwright.Page) -> None:
        claiming = [hold for hold in self._holds.values() if hold.claim is not None and not hold.claim.done()]
        # Without an opener to ask (rel=noopener) a pop-up can only be matched when one page alone is waiting.
        taker = claiming[0] if len(claiming) == 1 else next(iter(self._holds.values()))
        taker.offer(popup)

    @contextlib.asynccontextmanager
    async def page(self) -> AsyncIterator[Hold]:
        """A free page, for as long as the block lasts.

        Raises:
            BrowserLost: the context died meanwhile, whatever error that showed itself as.
        """
        hold = await self._free.get()
        try:
            yield hold
        except playwright.Error as error:
            if self.lost.is_set() or not await self.is_alive():
                msg = f"the browser of worker {self.worker} is gone ({self.why_lost or first_line(error)})"
                raise errors.BrowserLost(msg) from error
            raise
        finally:
            self._free.put_nowait(hold)

    async def is_alive(self) -> bool:
        """Whether the browser answers."""
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._inner.cookies("http://127.0.0.1/")
        except (playwright.Error, TimeoutError) as error:
            self._gone(first_line(error))
            return False
        return True

    async def cookies(self) -> list[models.Cookie]:
        """All cookies, session cookies included."""
        try:
            return [dict(cookie) for cookie in await self._inner.cookies()]
        except playwright.Error as error:
            self._gone(first_line(error))
            msg = f"the browser of worker {self.worker} is gone ({self.why_lost})"
            raise errors.BrowserLost(msg) from error

    async def save_storage_state(self) -> dict[str, Any]:
        """Cookies, local storage and IndexedDB, as Playwright saves them."""
        return dict(await self._inner.storage_state(indexed_db=True))

    async def cdp(self, page: playwright.Page) -> playwright.CDPSession:
        """A DevTools session on one page."""
        return await self._inner.new_cdp_session(page)

    async def close(self) -> None:
        """Closes the context; a browser that hangs is killed by pid."""
        self._closing = True
        for hold in self._holds.values():
            await hold.aclose()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._inner.close()
        except (playwright.Error, TimeoutError) as error:
            _log.info("context of %s did not close by itself: %s", self.worker, first_line(error))
        if self.pid:
            await asyncio.to_thread(_end, self.pid)
            await asyncio.to_thread(self._run_dir.forget, self.pid)


def first_line(error: BaseException) -> str:
    """A Playwright error without its call log."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _children() -> list[int]:
    return [process.pid for process in psutil.Process().children()]


def _grandchildren() -> set[int]:
    found: set[int] = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            found.update(process.pid for process in child.children())
    return found


def _end(pid: int) -> None:
    """Waits for a closed browser's process; kills one that stays."""
    try:
        process = psutil.Process(pid)
        created = process.create_time()
        process.wait(2)
    except psutil.TimeoutExpired:
        watchdog.kill_tree(pid, created)
    except psutil.NoSuchProcess:
        return


def _launch_message(launch: Launch, error: playwright.Error) -> str:
    text = str(error)
    reason = first_line(error).removeprefix("BrowserType.launch_persistent_context: ")
    if "No usable sandbox" in text:
        reason = "its sandbox cannot work on this machine"
    for line in text.splitlines():
        if "error while loading shared libraries" in line:
            reason = line.strip()
    return f"{launch.browser.executable or launch.browser.name} does not start: {reason}"
