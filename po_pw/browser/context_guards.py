"""The guards of one context, and the `route` that its pages share.

Each request is assigned to the page that caused it; those of other pages pass.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from playwright import async_api as playwright

from po_pw import models
from po_pw.browser import press_guard, press_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from po_pw.browser import page_lease


class Guards:
    """The guards of one context, and its `route`, which is set while there are any.

    Args:
        inner: the context.
        owner: maps a page to the leased page it belongs to: itself or its opener; None if unknown.
        kill: kills the browser; called where a page could not be left, because nothing else keeps its requests from
            being sent.
    """

    def __init__(
        self,
        inner: playwright.BrowserContext,
        owner: Callable[[playwright.Page], playwright.Page | None],
        kill: Callable[[], Awaitable[None]],
    ) -> None:
        self._inner = inner
        self._owner = owner
        self.kill = kill
        self._guards: dict[playwright.Page, press_guard.Guard] = {}
        self._lock = asyncio.Lock()
        self.nothing_held = asyncio.Event()
        """Set while no request waits for a decision."""
        self.nothing_held.set()
        self._waiting = 0
        self.held = 0
        """Number of requests held so far."""
        self._is_routing = False
        self._browser: playwright.CDPSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        inner.on("requestfinished", self._ended)
        inner.on("requestfailed", self._ended)

    async def on(self, lease: page_lease.PageLease) -> press_guard.Guard:
        """Returns the page's guard, or a new one, which lasts until `Guard.end`."""
        if isinstance(lease.guard, press_guard.Guard):
            return lease.guard
        guard = press_guard.Guard(self, lease)
        lease.guard = guard
        try:
            async with self._lock:
                self._guards[lease.page] = guard
                if not self._is_routing:
                    self._is_routing = True
                    await self._inner.route("**/*", self._held)
            if self._browser is None and self._inner.browser is not None:
                self._browser = await self._inner.browser.new_browser_cdp_session()
                await self._trap(self._browser)
            await guard.watch(self._inner.new_cdp_session)
        except BaseException:
            await guard.end()
            raise
        return guard

    async def press(
        self,
        lease: page_lease.PageLease,
        what: models.Click | playwright.ElementHandle,
        *,
        allow: press_record.Allow,
        decide: press_record.Decide,
        on_audit: press_record.OnAudit,
        purpose: models.Purpose = models.Purpose.OPEN,
    ) -> press_record.Press:
        """Presses a control that shows more of the list; the page stays guarded until it is left (`Guard.end`).

        Returns:
            The press; its requests are added until the page is left.

        Raises:
            TransientError: the control was not found or cannot be clicked.
            PressRefusedError: it may not be pressed, or changed while it was being pressed.
        """
        guard = await self.on(lease)
        press = press_record.Press(purpose, decide, on_audit, lease.page.url, frozenset(lease.kinds))
        with press_record.clickable(press):
            _, go = await guard.do(what, press, allow)
            await go()
        return press

    async def _trap(self, browser: playwright.CDPSession) -> None:
        """Stops last beacons for as long as the browser runs: that of a slow frame may come after its page was left."""

        async def stop(event: dict[str, Any]) -> None:
            for guard in self._guards.values():
                guard.is_last(event["request"]["url"])
            with contextlib.suppress(playwright.Error):  # the browser is gone
                await browser.send("Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "Aborted"})

        def paused(event: dict[str, Any]) -> None:
            task = asyncio.get_running_loop().create_task(stop(event), name="last-beacon")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        browser.on("Fetch.requestPaused", paused)
        await browser.send("Fetch.enable", {"patterns": [{"urlPattern": f"*{press_guard.LAST}*"}]})

    async def end_all(self) -> None:
        """Leaves all pages that are guarded. Call it before the browser closes, which sends what it still holds."""
        await asyncio.gather(*(guard.end() for guard in tuple(self._guards.values())))

    async def abandon_all(self) -> None:
        """Ends all guards after the browser was killed."""
        await asyncio.gather(*(guard.abandon() for guard in tuple(self._guards.values())))

    async def over(self, guard: press_guard.Guard) -> None:
        """Removes an ended guard, and with the last one the route."""
        async with self._lock:
            self._guards.pop(guard.lease.page, None)
            if not self._guards and self._is_routing:
                self._is_routing = False
                with contextlib.suppress(playwright.Error):  # the browser is gone
                    await self._inner.unroute("**/*", self._held)

    def _ended(self, request: playwright.Request) -> None:
        for guard in self._guards.values():
            guard.ended(request)

    async def _held(self, route: playwright.Route) -> None:
        self._waiting += 1
        self.held += 1
        self.nothing_held.clear()
        try:
            await self._give(route)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.nothing_held.set()

    async def _give(self, route: playwright.Route) -> None:
        """Passes a request to the guard of the page that caused it."""
        request = route.request
        with contextlib.suppress(playwright.Error):  # the page or the browser is gone, with the request
            try:
                page = request.frame.page
            except playwright.Error:  # a new window: Playwright has no page for it yet
                await self._new_window(route)
                return
            own: playwright.Page | None = None
            at: playwright.Page | None = page
            while at is not None and own is None:
                own = self._owner(at)
                at = await at.opener() if own is None else None
            if own is not None and own not in self._guards:  # of another page
                await route.fallback()
            elif own is not None:
                await self._guards[own].decide_on(route, in_window=own is not page)
            else:
                await self._unknown(route)

    async def _new_window(self, route: playwright.Route) -> None:
        """Handles the first request of a new window, whose opener DevTools reports, and closes the window."""
        targets = {one["targetId"]: one for one in await self._targets()}
        by_target = {guard.target: guard for guard in self._guards.values()}
        new = [one for one in targets.values() if one["type"] == "page" and not one["url"]]
        openers = {_root(one, targets) for one in new}
        if len(openers) > 1:  # several: distinguished by `Referer`, if sent
            referer = route.request.headers.get("referer", "")
            asking = {one for one in openers if one in targets and targets[one]["url"].partition("#")[0] == referer}
            openers = asking or openers
        if len(openers) == 1:
            guard = by_target.get(next(iter(openers)))
            if guard is None:  # opened by another page
                await route.fallback()
                return
            await guard.decide_on(route, in_window=True)
        else:
            await self._unknown(route)
        for one in new:  # Playwright would never report it
            if _root(one, targets) not in openers:
                continue
            if self._browser is not None:
                with contextlib.suppress(playwright.Error):  # already closed
                    await self._browser.send("Target.closeTarget", {"targetId": one["targetId"]})

    async def _unknown(self, route: playwright.Route) -> None:
        """Handles a request without a known page: it is assigned to the only guarded page, or stopped."""
        if not self._guards:
            await route.fallback()
        elif len(self._guards) == 1:
            await next(iter(self._guards.values())).decide_on(route, in_window=True)
        else:
            await route.abort("aborted")

    async def _targets(self) -> list[dict[str, Any]]:
        if self._browser is None:
            return []
        found: list[dict[str, Any]] = (await self._browser.send("Target.getTargets"))["targetInfos"]
        return found


def _root(target: Mapping[str, Any], targets: Mapping[str, Mapping[str, Any]]) -> str:
    """The page that opened a window, directly or through other windows without a page."""
    opener = str(target.get("openerId", ""))
    seen: set[str] = set()
    while opener in targets and not targets[opener]["url"] and opener not in seen:
        seen.add(opener)
        opener = str(targets[opener].get("openerId", ""))
    return opener
