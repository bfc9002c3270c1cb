"""The run's browsers: one driver, and a persistent context per worker."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from typing import TYPE_CHECKING, Final, Self

from po_pw import errors, events, hostnames, long_work, models, sessions
from po_pw.auth import login, renewal
from po_pw.browser import contexts, display, heartbeat, launching, playwright_driver, profiles, watchdog
from po_pw.storage import disk_errors, filesystem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from po_pw import client_certificates, settings

_log = logging.getLogger(__name__)

LAUNCH_TRIES: Final = 2


class Pool:
    """Opens and closes contexts. An async context manager; leaves no browser, profile or temporary folder behind.

    Args:
        options: the run's settings.
        signed_in: saved sign-ins.
        hub: receives events.
        downloads: the browsers' download folder, on the output's file system.
        certificate: client certificate; None for none.
    """

    def __init__(
        self,
        options: settings.Settings,
        signed_in: sessions.Sessions,
        hub: events.Hub,
        downloads: Path,
        certificate: client_certificates.ClientCertificate | None = None,
    ) -> None:
        self._options = options
        self._sessions = signed_in
        self._hub = hub
        self._downloads = downloads
        self._certificate = certificate
        self._stack = contextlib.AsyncExitStack()
        self._open: dict[models.WorkerId, contexts.Context] = {}
        self._profiles: profiles.ProfileManager | None = None
        self._cookies: Sequence[models.Cookie] = ()
        self._local_storage: dict[str, dict[str, str]] = {}
        """Local storage of the same sign-ins, by origin."""
        self._renewals = 0
        """Number of sign-ins that were renewed since the pool opened."""
        self.browser: models.BrowserInfo | None = None
        self._launch: launching.Launch | None = None

    async def __aenter__(self) -> Self:
        for folder in await asyncio.to_thread(watchdog.sweep):
            self._hub.emit(events.Notice("info", f"removed {folder}, left by a run that was killed"))
        async with contextlib.AsyncExitStack() as stack:
            self._driver = await stack.enter_async_context(playwright_driver.Driver())
            chosen = self._driver.resolve(self._options.browser)
            headed = self._options.headed
            view = await stack.enter_async_context(display.shown(headed=headed, run_dir=self._driver.run_dir))
            if view.warning:
                self._hub.emit(events.Notice("warning", view.warning))
            self._launch = launching.plan(
                chosen,
                headless=view.headless,
                timeout=self._options.launch_timeout,
                environment=view.environment,
                certificate=self._certificate,
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Shielded: a second Ctrl-C must not leave a browser half closed.
        await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        with long_work.LongWork(self._hub.emit).stage("Closing the browsers"):
            await asyncio.gather(*(self.close(worker) for worker in tuple(self._open)))
            if self._profiles is not None:
                try:
                    await asyncio.to_thread(self._profiles.cleanup_all)
                except errors.ProfileError as error:  # the whole temporary folder of the run is removed afterwards
                    self._hub.emit(events.Notice("info", str(error)))
            await self._stack.aclose()

    async def sign_in(self, origins: Sequence[str] | None) -> None:
        """Loads the saved sign-ins of these portals for new contexts.

        The profile is a copy of the first portal's, as user-data dirs cannot be merged; the original stays free for a
        sign-in window during the run. Cookies and local storage are those of all portals.

        Args:
            origins: of the portals; None: all that have a saved sign-in, latest first.

        Raises:
            LoginRequiredError: a saved sign-in cannot be read.
            MachineError: it is readable by other users, and that cannot be changed.
            ProfileError: the base profile cannot be used.
        """
        for opened in await asyncio.to_thread(self._sessions.restrict_access):
            self._hub.emit(events.Notice("warning", opened))
        if origins is None:
            origins = await asyncio.to_thread(self._sessions.origins)
        self._cookies = await asyncio.to_thread(self._sessions.cookies, origins)
        self._local_storage = {one: await asyncio.to_thread(self._sessions.local_storage, one) for one in origins}
        if self._profiles is None:
            base = self._options.base_profile
            if base is not None:
                await asyncio.to_thread(profiles.check_base, base)
            if base is None and origins and self._sessions.profile(origins[0]).is_dir():
                base = self._sessions.profile(origins[0])
            if base is not None:
                copying = profiles.ProfileManager(base, root=self._driver.run_dir.path / "base")
                base = await asyncio.to_thread(copying.create_profile, "base")
            self._profiles = profiles.ProfileManager(base, root=self._driver.run_dir.path / "profiles")

    async def renew_sign_in(self, origin: str) -> None:
        """Renews a portal's sign-in without a person, in a separate browser, and updates all contexts.

        Raises:
            LoginRequiredError: only a person can sign in.
            PortalUnreachableError: the portal does not answer.
            MachineError: the browser does not start, or the sign-in cannot be saved.
            BrowserLostError: the browser crashed.
        """
        await renewal.renew(self._options, origin, self._driver, self._opened_launch())
        await self._take_sign_in(origin)

    async def renew_by_window(self, url: str, patience: float) -> None:
        """Lets a person renew a portal's sign-in in a window, on the portal's own profile, and updates all contexts.

        Args:
            url: the page of the portal that asked for a sign-in.
            patience: seconds that the window waits for the person.

        Raises:
            LoginRequiredError: the window was closed, or nobody has signed in.
            PortalUnreachableError: the portal does not answer.
            MachineError: the window does not open, or the sign-in cannot be saved.
        """
        launch = dataclasses.replace(self._opened_launch(), headless=False)
        await login.by_window(self._options, url, self._driver, launch, patience=patience)
        await self._take_sign_in(hostnames.origin_of(url))

    def _opened_launch(self) -> launching.Launch:
        if self._launch is None:
            msg = "a sign-in is renewed before the pool is open"
            raise RuntimeError(msg)
        return self._launch

    async def _take_sign_in(self, origin: str) -> None:
        """Loads the saved sign-in of a portal into all open and future contexts.

        Cookies are added, and the portal's local storage is set on a page of each context: `set_storage_state` would
        first clear the state of other portals.

        Raises:
            LoginRequiredError: the saved sign-in cannot be read.
        """
        cookies = await asyncio.to_thread(self._sessions.cookies, [origin])
        self._local_storage[origin] = await asyncio.to_thread(self._sessions.local_storage, origin)
        fresh = {_identity(cookie) for cookie in cookies}
        self._cookies = [*(one for one in self._cookies if _identity(one) not in fresh), *cookies]
        self._renewals += 1
        await asyncio.gather(*(self._tell(context, [origin], cookies) for context in tuple(self._open.values())))

    async def _tell(
        self, context: contexts.Context, origins: Iterable[str], cookies: Sequence[models.Cookie] = ()
    ) -> None:
        try:
            await context.add_cookies(cookies)
            for origin in origins:
                await context.set_local_storage(origin, self._local_storage[origin])
        except errors.BrowserLostError as error:  # the context that replaces it has the sign-in from the start
            _log.info("%s", error)

    async def open(self, worker: models.WorkerId) -> contexts.Context:
        """Opens this worker's context, or returns the open one.

        Raises:
            MachineError: the browser does not start.
            OutputUnavailableError: its download folder cannot be created.
        """
        have = self._open.get(worker)
        if have is not None and not have.lost.is_set():
            return have
        for turn in range(1, LAUNCH_TRIES + 1):
            try:
                return await self._try(worker)
            except errors.ProfileError:
                raise
            except errors.MachineError as error:
                if self._launch and (unsandboxed := launching.without_sandbox(self._launch, error)):
                    self._launch = unsandboxed  # for all contexts
                elif self._launch and display.LOST in str(error):
                    if not self._launch.headless:  # of several that start at once, the first one reports it
                        self._launch = dataclasses.replace(self._launch, headless=True)
                        self._hub.emit(events.Notice("warning", f"{display.WITHOUT}: {error}"))
                elif turn == LAUNCH_TRIES:
                    raise
                else:
                    self._hub.emit(events.ContextLost(worker, str(error), replaced=True))
        return await self._try(worker)

    async def open_all(self, workers: Sequence[models.WorkerId]) -> None:
        """Opens contexts for these workers, as many as possible.

        Raises:
            ParallelProcessingError: none could be opened.
        """
        answers = await asyncio.gather(*(self.open(worker) for worker in workers), return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        for failure in failures:
            if not isinstance(failure, errors.MachineError):
                raise failure
        if len(failures) == len(workers):
            msg = f"no browser could be opened: {failures[0]}"
            raise errors.ParallelProcessingError(msg)

    async def _try(self, worker: models.WorkerId) -> contexts.Context:
        if self._launch is None or self._profiles is None:
            msg = "open() before sign_in()"
            raise RuntimeError(msg)
        await self.close(worker)
        downloads = self._downloads / worker
        try:
            with disk_errors.map_os_errors(downloads):
                await asyncio.to_thread(filesystem.make_folder, downloads, disk_errors.internal_folder(downloads))
        except errors.OutputUnavailableError:
            raise
        except errors.OrderError as error:
            raise errors.MachineError(str(error)) from error
        user_data_dir = await asyncio.to_thread(self._profiles.create_profile, worker)
        renewals = self._renewals
        try:
            context = await self._driver.open(
                worker,
                self._launch,
                user_data_dir=user_data_dir,
                downloads=downloads,
                cookies=self._cookies,
                # Playwright traces all pages of a context: with one page, the trace is that of one order.
                pages=1 if self._options.trace else self._options.pages_per_context,
                traces=self.traces / worker if self._options.trace else None,
                timing=heartbeat.Timing(self._options.heartbeat_every, self._options.heartbeat_timeout),
                max_bytes=self._options.max_file_bytes,
            )
        except BaseException:
            await asyncio.to_thread(self._profiles.cleanup_profile, worker)
            raise
        self._open[worker] = context
        await self._tell(context, self._local_storage, self._cookies if renewals != self._renewals else ())
        if self.browser is None:
            self.browser = dataclasses.replace(self._launch.browser, version=context.version)
            self._hub.emit(events.BrowserChosen(self.browser, self._launch.sandbox, self._launch.no_sandbox_why))
        opened = events.ContextOpened(worker, context.pid, str(user_data_dir), context.opened_in)
        self._hub.emit(opened)
        return context

    @property
    def traces(self) -> Path:
        """The folder of traces that contain secrets, in the run's temporary folder; need not exist."""
        return self._driver.run_dir.path / "traces"

    @property
    def user_agent(self) -> str:
        """The user agent of the open contexts; `""` if none is open."""
        return next((context.user_agent for context in self._open.values()), "")

    async def cookies(self) -> Sequence[models.Cookie]:
        """The current cookies of an open context; if none is open, those for new contexts.

        Raises:
            BrowserLostError: the browser is gone.
        """
        for context in self._open.values():
            return await context.cookies()
        return self._cookies

    async def check(self, patience: float) -> None:
        """Checks all browsers at the same time; kills those that do not respond, so that their workers replace them.

        Args:
            patience: seconds for a response.
        """
        await asyncio.gather(*(context.is_alive(patience) for context in tuple(self._open.values())))

    async def close(self, worker: models.WorkerId) -> None:
        """Closes this worker's context and removes its profile."""
        context = self._open.pop(worker, None)
        if context is None:
            return
        await context.close()
        if self._profiles is not None:
            await asyncio.to_thread(self._profiles.cleanup_profile, worker)
        self._hub.emit(events.ContextClosed(worker))


def _identity(cookie: models.Cookie) -> tuple[object, ...]:
    """What identifies a cookie by RFC 6265: name, domain, path."""
    return cookie.get("name"), cookie.get("domain"), cookie.get("path")
