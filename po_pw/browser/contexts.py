"""Persistent contexts: open, watch, close. Each is a separate browser process with its own user-data dir."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import logging
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, Final, Self

import psutil
from playwright import async_api as playwright

from po_pw import errors, models, proxies, settings
from po_pw.browser import (
    context_guards,
    heartbeat,
    launching,
    locate,
    nss,
    page_lease,
    pages,
    press_guard,
    profiles,
    quiet,
    recording,
    shutdown,
    transfers,
    watchdog,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_log = logging.getLogger(__name__)


_starting = threading.Lock()
"""Two threads that start drivers at the same time could not tell the driver processes apart."""

CLOSE_TIMEOUT: Final = 5.0
"""Seconds for a context to close; a hung browser, which would take 30, is killed."""

_SAVES_WITHIN: Final = 60.0
"""Seconds for the storage state, which opens a page for each origin."""

_ARGUMENTS: Final = (
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-session-crashed-bubble",
    "--hide-crash-restore-bubble",
    "--deny-permission-prompts",
    # Two invisible address bar pages: more than half of the CPU time of starting Chromium 156.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
)

_DRIVER: Final = (importlib.resources.files("po_pw.browser") / "driver.cjs").read_text("utf-8")


@contextlib.contextmanager
def map_temp_errors() -> Iterator[None]:
    """Maps OSErrors about the temporary folder to ours."""
    try:
        yield
    except OSError as error:
        msg = (
            f"the temporary folder {tempfile.gettempdir()} cannot be written to ({error.strerror}): make room there, "
            "or set TMPDIR to another one"
        )
        raise errors.MachineError(msg) from error


_SET_ITEMS: Final = """(items) => {
  for (const [name, value] of Object.entries(items)) localStorage.setItem(name, value);
}"""


async def _answer_empty(route: playwright.Route) -> None:
    await route.fulfill(status=200, content_type="text/html", body="<!DOCTYPE html>")


class Driver:
    """A run's Playwright driver, in the run's temporary folder. An async context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            with map_temp_errors():
                self.run_dir = await asyncio.to_thread(watchdog.RunDir)
            stack.push_async_callback(asyncio.to_thread, self.run_dir.__exit__, None, None, None)
            await asyncio.to_thread(self.run_dir.__enter__)
            self._stores = nss.Stores(self.run_dir.path / "certificates")
            # Not in a thread: if cancelled while waiting, it would take the lock and never release it.
            while not _starting.acquire(blocking=False):  # noqa: ASYNC110 - the lock belongs to another loop
                await asyncio.sleep(0.02)
            try:
                before = _drivers()
                try:
                    self._playwright = await self._start()
                finally:  # also if cancelled: the driver must not outlive us
                    for pid in _drivers() - before:
                        self.run_dir.record(pid)
            finally:
                _starting.release()
            stack.push_async_callback(self._stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> playwright.Playwright:
        temporary = self.run_dir.path
        script = temporary / "driver.cjs"
        with map_temp_errors():
            script.write_text(_DRIVER, "utf-8")
        options = f'{settings.environment("NODE_OPTIONS") or ""} --require "{script.as_posix()}"'.strip()
        with settings.environment_changed(NODE_OPTIONS=options, TMPDIR=str(temporary)):
            try:
                return await playwright.async_playwright().start()
            except Exception as error:  # a bare Exception if the driver ends at once
                msg = (
                    f"Playwright does not start ({launching.first_line(error)}). What it printed above says "
                    "why; where a library is missing (libatomic.so.1 on a bare Debian), po-pw browser install brings "
                    "it."
                )
                raise errors.DriverError(msg) from error

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
        launch: launching.Launch,
        *,
        user_data_dir: Path,
        downloads: Path,
        cookies: Sequence[models.Cookie] = (),
        pages: int = 1,
        timing: heartbeat.Timing | None = None,
        max_bytes: int | None = None,
        traces: Path | None = None,
    ) -> Context:
        """Opens one persistent context.

        Args:
            worker: that uses it.
            launch: options.
            user_data_dir: created by a `ProfileManager`; not removed here.
            downloads: the browser's download folder, on the output's file system.
            cookies: added to those in the profile (session cookies do not survive in a profile).
            pages: number of pages to open.
            timing: timing of the check that the browser responds; None: no check.
            max_bytes: maximum size of a download; None for no limit.
            traces: where the driver writes what it records; None: nothing can be recorded.

        Raises:
            MachineError: the browser does not start.
        """
        profiles.clear_stale_lock(user_data_dir)
        await asyncio.to_thread(profiles.select_client_certificate, user_data_dir, launch.certificate)
        downloads.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        inner = await self._launch(launch, user_data_dir, downloads, traces)
        context = Context(worker, inner, user_data_dir, self.run_dir, downloads, unseen=launch.headless)
        context.recording = recording.Recording(inner, traces) if traces is not None else None
        try:
            async with asyncio.timeout(launch.timeout):
                await context.prepare(cookies, pages, timing, max_bytes)
        except BaseException as error:
            await context.close()
            if isinstance(error, playwright.Error | TimeoutError):
                raise errors.MachineError(launching.message(launch, error)) from error
            raise
        context.opened_in = time.monotonic() - started
        return context

    async def _launch(
        self, launch: launching.Launch, user_data_dir: Path, downloads: Path, traces: Path | None
    ) -> playwright.BrowserContext:
        temporary = self.run_dir.path
        by_channel = launch.browser.channel is not None
        environment: dict[str, str | float | bool] = dict(settings.child_environment())
        environment.update(dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)))
        environment.update(launch.environment)
        environment.update(await self._stores.environment(launch.certificate))
        proxy = await asyncio.to_thread(proxies.read)
        user = proxy.credentials()
        starting = asyncio.ensure_future(
            self._playwright.chromium.launch_persistent_context(
                user_data_dir,
                channel=launch.browser.channel,
                executable_path=None if by_channel else launch.browser.executable,
                headless=launch.headless,
                chromium_sandbox=launch.sandbox,
                args=[*_ARGUMENTS, *proxy.browser_arguments()],
                proxy={"server": user[0], "username": user[1], "password": user[2]} if user else None,
                timeout=launch.timeout * 1000,
                accept_downloads=True,
                downloads_path=downloads,
                artifacts_dir=temporary / "artifacts",
                traces_dir=traces,
                service_workers="block",
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
                env=environment,
            )
        )
        try:
            # Shielded: a cancelled launch continues in the driver, and its browser would have no owner.
            return await asyncio.shield(starting)
        except playwright.Error as error:
            raise errors.MachineError(launching.message(launch, error)) from error
        except asyncio.CancelledError:
            await shutdown.abandon(starting, user_data_dir)
            raise


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
        """On whose disk the browser keeps its profile and all else of its own."""
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
        self.transfers: transfers.Transfers | None = None
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
                self.transfers = transfers.Transfers(session, max_bytes)
                await self.transfers.watch(self.downloads)
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
        await self._inner.add_init_script(quiet.SCRIPT)
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
        """Kills a browser in which a page could not be left after a press: whatever it still holds is never sent."""
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
        """Adds cookies; of those it has, those of the same name, domain and path are replaced.

        Raises:
            BrowserLostError: the browser is gone or hangs.
        """
        if not cookies:
            return
        given: Any = [dict(cookie) for cookie in cookies]
        async with self._answering():
            await self._inner.add_cookies(given)

    async def set_local_storage(self, origin: str, items: Mapping[str, str]) -> None:
        """Sets what a portal keeps in local storage, on a page of the context; waits for one that is free.

        The portal is not asked: an empty page stands in for it.

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
                # Without it the context would go on signed out.
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
        """Bounds a question to the browser; kills one that does not respond.

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


def _drivers() -> set[int]:
    """Process ids of Playwright drivers started by this process."""
    found: set[int] = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if child.cmdline()[-1:] == ["run-driver"]:
                found.add(child.pid)
    return found
