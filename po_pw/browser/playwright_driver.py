"""Starts Playwright's driver and, with it, persistent contexts; all their temporary files lie in one folder."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import logging
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Final, Self

import psutil
from playwright import async_api as playwright

from po_pw import environ, errors, models, proxies
from po_pw.browser import contexts, heartbeat, launching, locate, nss, profiles, recording, shutdown, watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

_log = logging.getLogger(__name__)

_starting = threading.Lock()
"""Two threads that start drivers at the same time could not tell the driver processes apart."""

ARGUMENTS: Final = (
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-session-crashed-bubble",
    "--hide-crash-restore-bubble",
    "--deny-permission-prompts",
    # Two invisible address bar pages: more than half of the CPU time of starting Chromium 156.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup",
)
"""Chromium's, besides Playwright's own."""

_DRIVER: Final = (importlib.resources.files("po_pw.browser") / "playwright_driver.cjs").read_text("utf-8")


@contextlib.contextmanager
def map_temp_errors() -> Iterator[None]:
    """Maps OSErrors about the temporary folder to ours."""
    try:
        yield
    except OSError as error:
        msg = (
            f"the temporary folder {tempfile.gettempdir()} cannot be written to ({error.strerror}): free some space "
            "there, or set TMPDIR to another one"
        )
        raise errors.MachineError(msg) from error


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
        options = f'{environ.variable("NODE_OPTIONS") or ""} --require "{script.as_posix()}"'.strip()
        with environ.changed(NODE_OPTIONS=options, TMPDIR=str(temporary)):
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
            async with asyncio.timeout(contexts.CLOSE_TIMEOUT):
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
    ) -> contexts.Context:
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
        context = contexts.Context(worker, inner, user_data_dir, self.run_dir, downloads, unseen=launch.headless)
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
        environment: dict[str, str | float | bool] = dict(environ.for_child())
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
                args=[*ARGUMENTS, *proxy.browser_arguments()],
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


def _drivers() -> set[int]:
    """Process ids of Playwright drivers started by this process."""
    found: set[int] = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if child.cmdline()[-1:] == ["run-driver"]:
                found.add(child.pid)
    return found
