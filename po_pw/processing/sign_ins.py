"""Renews sign-ins that expire during a run, once per portal, without blocking other portals.

The portal's orders wait (see `dispatch.failure_policy`) while a separate browser signs in by form, or the user does in
a window. Then every context gets the new cookies, and the orders continue.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import TYPE_CHECKING, Final

from po_pw import errors, events, hostnames, humanize, net_errors
from po_pw.browser import display

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from po_pw.dispatch import failure_policy, portal_knowledge
    from po_pw.portals import base as portals
    from po_pw.processing.run_context import RunContext

_log = logging.getLogger(__name__)

_SHORT: Final = 120.0
"""Seconds after a sign-in within which the end of the session counts as early."""
_SAY_AFTER: Final = 3
"""Early ends in a row after which a notice names the probable reason."""
_MAX_USELESS: Final = 5
"""Sign-ins in a row without an order read, after which the portal is given up."""
_FIRST_WAIT: Final = 2.0
_LONGEST_WAIT: Final = 60.0
"""Bounds of the seconds between two attempts while the portal or the browser does not respond."""


@dataclasses.dataclass(slots=True)
class _Portal:
    generation: int = 0
    """Number of renewals in this run."""
    is_renewing: bool = False
    asked_at: str = ""
    """Address of the page that asked for a sign-in."""
    renewed_at: float | None = None
    ended_early: int = 0
    useless_renewals: int = 0
    has_told: bool = False
    used_at: float = 0.0
    """When a page of the portal was read last."""
    is_kept_alive: bool = False


class SignIns:
    """Renews the sign-ins of a run's portals. Use only from the event loop.

    Args:
        run_context: of the run.
        knowledge: of its portals.
        policy: blocks the orders of a portal meanwhile.
    """

    def __init__(
        self,
        run_context: RunContext,
        knowledge: portal_knowledge.PortalKnowledge,
        policy: failure_policy.FailurePolicy,
    ) -> None:
        self._run_context = run_context
        self._hub = run_context.hub
        self._knowledge = knowledge
        self._policy = policy
        self._portals: dict[str, _Portal] = {}
        self._work: asyncio.Queue[Coroutine[None, None, None]] = asyncio.Queue()

    def generation(self, url: str) -> int:
        """The number of the current sign-in for an address; increases with each renewal."""
        return self._of(hostnames.origin_of(url)).generation

    def page_read(self, url: str) -> None:
        """An order of the portal was read: its sign-in is valid, and is kept alive from now on if that is possible."""
        origin = hostnames.origin_of(url)
        portal = self._of(origin)
        portal.useless_renewals = 0
        portal.used_at = asyncio.get_running_loop().time()
        if not portal.is_kept_alive and (asked := self._run_context.portal_for(url).keep_alive(url)) is not None:
            portal.is_kept_alive = True
            self._work.put_nowait(self._keep_alive(portal, asked))

    def expired(self, url: str, generation: int) -> None:
        """Records that the portal asked for a sign-in: its orders wait until it is renewed.

        Args:
            url: of the order.
            generation: the attempt's sign-in; ignored if it is older than the current one.
        """
        origin = hostnames.origin_of(url)
        portal = self._of(origin)
        if portal.is_renewing or generation < portal.generation:
            return
        portal.is_renewing, portal.asked_at = True, url
        self._knowledge.note_signed_out(url)
        self._policy.pause_host(net_errors.authority_of(url))
        self._work.put_nowait(self._renew(origin))

    async def work(self) -> None:
        """Renews and keeps alive sign-ins until it is cancelled; portals do not wait for each other."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    group.create_task(await self._work.get(), name="sign-in")
        finally:
            while not self._work.empty():
                self._work.get_nowait().close()

    async def _renew(self, origin: str) -> None:
        """Signs in, updates all contexts and continues the portal's orders; or gives the portal up for this run."""
        portal, host = self._of(origin), net_errors.authority_of(origin)
        try:
            self._note_end(portal, host)
            await self._sign_in(origin, portal, host)
        except (errors.LoginRequiredError, errors.PortalUnreachableError) as error:
            self._hub.emit(events.SignInEnded(host, renewed=False))
            self._policy.give_up(host, error)
            return
        portal.generation += 1
        portal.useless_renewals += 1
        portal.renewed_at = asyncio.get_running_loop().time()
        portal.is_renewing = False
        self._knowledge.note_signed_in(portal.asked_at)
        self._hub.emit(events.SignInEnded(host, renewed=True))
        self._policy.resume_host(host)

    def _note_end(self, portal: _Portal, host: str) -> None:
        """Evaluates how long the session lasted.

        Raises:
            LoginRequiredError: repeated sign-ins do not help.
        """
        if portal.useless_renewals >= _MAX_USELESS:
            msg = (
                f"{host} asked for a sign-in again after each of {portal.useless_renewals} sign-ins, before one order "
                "could be read. Look at it with: po-pw login --check. Then run the same command again: it continues "
                "where this one stopped."
            )
            raise errors.LoginRequiredError(msg)
        if portal.renewed_at is None:
            return
        lasted = asyncio.get_running_loop().time() - portal.renewed_at
        portal.ended_early = portal.ended_early + 1 if lasted < _SHORT else 0
        if portal.ended_early >= _SAY_AFTER and not portal.has_told:
            portal.has_told = True
            text = (
                f"{host} has ended {portal.ended_early} sessions in a row soon after the sign-in, the last after "
                f"{humanize.duration(lasted)}. It may allow only one session per user: sign out elsewhere (another "
                "browser, another run), or use another user (po-pw login --account NAME)"
            )
            self._warn(text)

    async def _sign_in(self, origin: str, portal: _Portal, host: str) -> None:
        """Signs in by form if allowed, else in a window.

        Raises:
            LoginRequiredError: the user must sign in, but cannot be asked here or did not.
            PortalUnreachableError: the portal did not answer, or no browser started, for too long.
        """
        pool, options = self._run_context.pool, self._run_context.options
        self._hub.emit(events.SignInStarted(host, "form"))
        try:
            await self._patiently(host, lambda: pool.renew_sign_in(origin))
        except errors.LoginRequiredError:
            if not options.sign_in_window or not display.can_show_windows():
                raise
            await self._sign_in_by_window(origin, portal, host)

    async def _sign_in_by_window(self, origin: str, portal: _Portal, host: str) -> None:
        """Opens a window for the user; again if it was closed, as often as sign-ins without an order read are made.

        Raises:
            LoginRequiredError: the user did not sign in.
            PortalUnreachableError: the portal did not answer, or no browser started, for too long.
        """
        run_context, loop = self._run_context, asyncio.get_running_loop()
        ends_at = loop.time() + run_context.options.sign_in_timeout
        said, wait = f"{host} asks for a sign-in", _FIRST_WAIT
        while True:
            self._hub.emit(events.SignInStarted(host, "window"))
            self._warn(f"{said}. Please sign in, in the open window: its orders wait until you do")
            left = ends_at - loop.time()
            try:
                await self._patiently(host, lambda: run_context.pool.renew_by_window(portal.asked_at, left))  # noqa: B023
            except errors.LoginRequiredError as error:
                portal.useless_renewals += 1
                if portal.useless_renewals >= _MAX_USELESS or loop.time() >= ends_at:
                    again = run_context.sessions.login_command(origin)
                    msg = (
                        f"nobody signed in to {host}: {error} Run: {again}\n"
                        "then run the same command again: it continues where this one stopped."
                    )
                    raise errors.LoginRequiredError(msg) from error
                said = f"the sign-in to {host} failed: {error} The window opens again"
                await asyncio.sleep(wait)
                wait *= 2
            else:
                return

    async def _patiently(self, host: str, sign_in: Callable[[], Awaitable[None]]) -> None:
        """Signs in; again while portal or browser fail, as long as a portal that does not answer is waited for.

        Args:
            host: for messages.
            sign_in: tried until it succeeds.

        Raises:
            LoginRequiredError: by `sign_in`.
            PortalUnreachableError: it did not succeed in time.
        """
        loop, wait, ends_at = asyncio.get_running_loop(), _FIRST_WAIT, None
        said = ""
        while True:
            try:
                await sign_in()
            except errors.LoginRequiredError:
                raise
            except (errors.MachineError, errors.OrderError) as error:
                ends_at = ends_at or loop.time() + self._run_context.options.outage_timeout
                if loop.time() + wait > ends_at:
                    msg = f"the sign-in to {host} could not be renewed: {error}"
                    raise errors.PortalUnreachableError(msg) from error
                if str(error) != said:
                    said = str(error)
                    self._warn(f"the sign-in to {host} failed; trying again: {said}")
                await asyncio.sleep(wait)
                wait = min(_LONGEST_WAIT, 2 * wait)
            else:
                return

    def _warn(self, text: str) -> None:
        self._hub.emit(events.Notice("warning", text))

    async def _keep_alive(self, portal: _Portal, asked: portals.KeepAlive) -> None:
        """Asks what the portal's own pages ask while they are open, as long as no page of it is read.

        So a session outlasts a pause: a disk that is full, another portal that is down. What is answered is of no
        interest: an order's page will show whether the session is still valid.
        """
        run_context, loop = self._run_context, asyncio.get_running_loop()
        while True:
            await asyncio.sleep(asked.every)
            if portal.is_renewing or loop.time() - portal.used_at < asked.every:
                continue
            session = run_context.client.session(run_context.pool.user_agent)
            try:
                session.set_cookies(await run_context.pool.cookies())
                async with session.get(asked.url):
                    _log.debug("asked %s, to keep the session alive", asked.url)
            except errors.OrderError as error:
                _log.info("%s was asked to keep the session alive: %s", asked.url, error)
            finally:
                await session.aclose()

    def _of(self, origin: str) -> _Portal:
        return self._portals.setdefault(origin, _Portal())
