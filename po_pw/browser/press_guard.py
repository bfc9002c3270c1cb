"""Guards every press: each request that follows is held until it is decided whether it may leave the browser.

The guard starts just before a press and lasts until the page is left, because requests may follow later.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import itertools
import time
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from playwright import async_api as playwright

from po_pw import errors, hostnames, models
from po_pw.browser import controls, held_requests, press_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from po_pw.browser import page_lease


SCRIPT: Final = (importlib.resources.files("po_pw.browser") / "press_guard.js").read_text("utf-8")
"""Runs in every document before its own scripts; does nothing until a press begins."""

_API: Final = "globalThis[Symbol.for('po-pw.press')]"
_TURN_ON: Final = "globalThis[Symbol.for('po-pw.pressing')] = true;"
"""For documents that load while a page is guarded."""
_BEGIN: Final = f"(samePage) => {{ {SCRIPT}\n {_API}.begin(samePage); }}"
_EXPECT: Final = f"""(element) => {{
  const lib = {controls.SCRIPT};
  const now = () => {{
    const is = lib.describe(element);
    const form = is.form && [is.form.method, is.form.action];
    return JSON.stringify([is.tag, is.label, is.text, is.kind, is.address, form]);
  }};
  const described = lib.describe(element);
  {_API}.expect(element, now);
  return described;
}}"""
"""Describes a control, and from then on allows a press only while the control is unchanged."""

_CLICKED_WITHIN: Final = 3_000
"""Milliseconds for the click: the control exists, so either it can be clicked at once or something covers it."""
_ANSWERS_WITHIN: Final = 10.0
"""Seconds for a page to respond, and to be left."""
_FRAME_ANSWERS_WITHIN: Final = 1.0
"""Seconds for a script call in frames other than the pressed control's."""
_LEAVES_WITHIN: Final = 30.0
"""Seconds to prepare a page for being left: one that sends endlessly is slow. Its browser is killed after that."""
LAST: Final = "/po-pw-last-"
"""Path prefix, before numbers, of a page's last beacon. It is held and never sent."""
_ASKS_EVERY: Final = 0.05
"""Seconds after which a page is asked whether its policy forbids that beacon, as long as none comes."""
_SENDS_AGAIN_EVERY: Final = 2.0
"""Seconds after which a page sends that beacon again, so that a lost one does not cost the browser."""
_numbers: Final = itertools.count()
_CALM_ROUNDS: Final = 2
"""Browser round trips without a new request before a page is left."""
_CALM: Final = 0.02
"""Seconds between them."""
_FLOOD: Final = 10
"""Requests after one press from which on more are expected to be in flight."""


class SharedRoute(Protocol):
    """The `route` that the guarded pages of a context share; see `context_guards.Guards`."""

    held: int
    nothing_held: asyncio.Event
    kill: Callable[[], Awaitable[None]]

    async def over(self, guard: Guard) -> None:
        """Removes an ended guard."""


class Guard:
    """Guards one page from its first press until it is left."""

    def __init__(self, route: SharedRoute, lease: page_lease.PageLease) -> None:
        self.lease = lease
        self.press: press_record.Press | None = None
        self.is_pressing = False
        """A press is in progress."""
        self.target = ""
        """DevTools' id of the page."""
        self._route = route
        self._held_before = route.held
        self._sessions: list[playwright.CDPSession] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._names: dict[str, str] = {}
        self._frame: playwright.Frame | None = None
        self._ending: asyncio.Task[None] | None = None
        self._stopped = 0
        self._last: dict[str, asyncio.Event] = {}
        """By path: set when a frame's last beacon has come."""

    async def do(
        self,
        what: models.Click | playwright.ElementHandle,
        press: press_record.Press,
        allow: press_record.Allow,
    ) -> tuple[playwright.Frame, Callable[[], Awaitable[None]]]:
        """Prepares a press: finds the control, describes it and checks whether it may be pressed.

        Returns:
            The control's frame, and a function that presses it.

        Raises:
            TransientError: the control was not found or cannot be clicked.
            PressRefusedError: it may not be pressed.
        """
        page = self.lease.page
        if isinstance(what, models.Click):
            press.label = what.control.label
            frame, element = await controls.find(page, what)
        else:
            element = what
            owner = await what.owner_frame()
            if owner is None:
                msg = "the button is gone: the page changed after it was read"
                raise errors.TransientError(msg, models.ErrorCode.LIST_INCOMPLETE)
            frame = owner
        self.press, self._frame = press, frame
        await self._in_frames(_BEGIN, press.purpose is models.Purpose.FILE)
        in_frame = "" if frame is page.main_frame else frame.url
        control = controls.parse(await element.evaluate(_EXPECT), in_frame)
        press.label = control.label
        why = allow(control)
        if why is not None:
            raise press.refuse(why)
        return frame, lambda: self._click(frame, element, press)

    async def _click(
        self, frame: playwright.Frame, element: playwright.ElementHandle, press: press_record.Press
    ) -> None:
        await element.evaluate(f"(element) => {_API}.prepare(element)")
        press.report_press()
        # Never forced through an element that covers it: that may be there to prevent the click.
        await element.click(timeout=_CLICKED_WITHIN, no_wait_after=True)
        report = await self._report(frame)
        if report.get("changed"):
            raise press.refuse("it changed while it was being pressed")
        if report.get("moved"):
            msg = f"{press.label!r} moved away while it was being pressed"
            raise errors.TransientError(msg, models.ErrorCode.LIST_INCOMPLETE)

    async def note_messages(self) -> None:
        """Adds messages held back in the page itself (web sockets, shared workers) to the press's requests."""
        press = self.press
        if press is None:
            return
        for frame in self.lease.page.frames:
            for what, url in (await self._report(frame)).get("held", ()):
                held = models.HeldRequest(what, url, what.lower(), press.page_url)
                if not any(one.request == held for one in press.requests):
                    press.decide(held, None, unseen="a message that is not an ordinary request")

    async def name_given(self, url: str) -> str:
        """The file name from the `download` attribute of a link to this address; `""` if there is none.

        Do not call while a navigation of the page is held: its frames do not respond then.
        """
        if self._frame is not None:
            await self._report(self._frame)
        return self._names.get(url.partition("#")[0], "")

    async def _report(self, frame: playwright.Frame) -> Mapping[str, Any]:
        """The script's report for one frame; empty if the frame is being left or does not respond."""
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                report: Mapping[str, Any] = await frame.evaluate(f"() => {_API} ? {_API}.report() : {{}}")
        except (playwright.Error, TimeoutError):
            return {}
        self._names.update(report.get("names", {}))
        return report

    async def _in_frames(self, script: str, argument: object = None) -> None:
        async def run(frame: playwright.Frame) -> None:
            if frame in {self.lease.page.main_frame, self._frame}:
                await frame.evaluate(script, argument)
                return
            # A frame whose document was stopped may never respond; nothing runs in it either.
            with contextlib.suppress(playwright.Error, TimeoutError):
                async with asyncio.timeout(_FRAME_ANSWERS_WITHIN):
                    await frame.evaluate(script, argument)

        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await asyncio.gather(*(run(frame) for frame in self.lease.page.frames))
        except TimeoutError as error:
            msg = "the page is too busy to press a button on it"
            raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error

    # --- what is sent -------------------------------------------------------------------------------------------------

    async def watch(self, cdp: Callable[[Any], Awaitable[playwright.CDPSession]]) -> None:
        """Watches redirects, which `route` does not see, and prepares documents that load later."""
        page = self.lease.page
        session = await cdp(page)
        # In this order but concurrently: in sequence they would delay each press by some milliseconds.
        _, tree, _, _ = await asyncio.gather(
            self._watch(session),
            session.send("Page.getFrameTree"),
            session.send("Page.enable"),
            session.send("Page.addScriptToEvaluateOnNewDocument", {"source": _TURN_ON}),
        )
        self.target = tree["frameTree"]["frame"]["id"]
        here = hostnames.origin_of(page.url)
        for frame in page.frames:
            if frame is not page.main_frame and hostnames.origin_of(frame.url) != here:
                with contextlib.suppress(playwright.Error):  # in the page's own process: already watched
                    await self._watch(await cdp(frame))

    async def _watch(self, session: playwright.CDPSession) -> None:
        self._sessions.append(session)
        session.on("Fetch.requestPaused", lambda event: self._later(self._paused(session, event)))
        patterns = [{"urlPattern": "*", "requestStage": stage} for stage in ("Request", "Response")]
        await session.send("Fetch.enable", {"patterns": patterns})

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work, name="press-guard")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _paused(self, session: playwright.CDPSession, event: dict[str, Any]) -> None:
        """Stops requests and redirects that are certain to be stopped, and continues all others."""
        is_answer = "responseStatusCode" in event or "responseErrorReason" in event
        stops = self._is_bad_hop(event) if is_answer else self._is_stopped_at_once(event)
        with contextlib.suppress(playwright.Error):  # the page is gone, with the request
            if stops:
                await session.send("Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "Aborted"})
            else:
                await session.send("Fetch.continueRequest", {"requestId": event["requestId"]})

    def is_last(self, url: str) -> bool:
        """Whether this is the last beacon of one of the page's frames, which has come now."""
        path = urlsplit(url).path
        if path in self._last:
            self._last[path].set()
        return path.startswith(LAST)

    def _is_bad_hop(self, event: Mapping[str, Any]) -> bool:
        press = self.press
        status = int(event.get("responseStatusCode", 0))
        sent = {header["name"].lower(): header["value"] for header in event.get("responseHeaders", [])}
        if not 300 <= status < 400 or "location" not in sent or press is None:
            return False
        held = held_requests.after_redirect(event, status, sent["location"], press.page_url)
        return press.decide(held, None).decision.ruling is models.Ruling.STOP

    def _is_stopped_at_once(self, event: Mapping[str, Any]) -> bool:
        """Whether a request is stopped before Playwright gets it; others are held again by its `route`.

        A beacon, or a `fetch` with `keepalive`, that the page cancels at once (`stop()`, a removed frame) never reaches
        the `route`: Playwright waits in vain for the matching event, and Chromium sends it when the `route` is removed
        (Playwright 1.65, Chromium 156).
        """
        if self.is_last(event["request"]["url"]):
            return True
        press = self.press
        if press is None or event.get("resourceType") == "Document" or "redirectedRequestId" in event:
            return False
        held, unseen = held_requests.held_by_devtools(event, press.page_url)
        if not unseen and not press.stops(held):
            return False
        self._stopped += 1
        press.decide(held, held_requests.kind_of_held(event["request"]["method"], held), unseen=unseen)
        return True

    async def decide_on(self, route: playwright.Route, *, in_window: bool) -> None:
        """Decides on one held request of this page, and continues or stops it."""
        request = route.request
        press = self.press
        if press is None or self.is_last(request.url):
            await route.abort("aborted")
            return
        held, unseen = held_requests.held_request(request, press.page_url)
        is_document = held.resource == "document"
        in_window = in_window and is_document
        # Documents are caused by the press, except a reload of the page itself.
        known = None if is_document and held.url != press.page_url else held_requests.kind_of(request)
        decided = press.decide(held, known, unseen=unseen, in_window=in_window)
        ruling = decided.decision.ruling
        if ruling is models.Ruling.PASS:
            if not decided.is_unasked:
                press.under_way.add(request)
            await route.fallback()
            return
        if ruling is models.Ruling.LINK and not decided.is_unasked:
            press.links.append(press_record.Linked(held.url, in_window or held_requests.is_main(request)))
            press.news.set()
        await route.abort("aborted")

    def ended(self, request: playwright.Request) -> None:
        """Records that a request was answered or failed."""
        if self.press is not None and request in self.press.under_way:
            self.press.under_way.discard(request)
            self.press.news.set()

    # --- the end ------------------------------------------------------------------------------------------------------

    async def end(self) -> None:
        """Leaves the page under guard, so that it can send nothing more; then ends the guard.

        Completes even if the caller is cancelled.
        """
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(self._end(), name="press-guard-end")
        await asyncio.shield(self._ending)

    async def abandon(self) -> None:
        """Gives up leaving the page, whose browser was killed."""
        if self._ending is not None:
            self._ending.cancel()
            await asyncio.gather(self._ending, return_exceptions=True)

    async def _end(self) -> None:
        page = self.lease.page
        try:
            async with asyncio.timeout(_LEAVES_WITHIN + _ANSWERS_WITHIN):
                for popup in tuple(self.lease.popups):
                    await popup.close()
                await self._quieten()
                await page.goto("about:blank", timeout=_ANSWERS_WITHIN * 1000)
                await self._cut_off(cut=False)
        except (playwright.Error, TimeoutError):
            # Some requests may not have come yet. Chromium would send them when the guard ends or the page closes.
            self.lease.is_doubtful = True
            await self._route.kill()
        finally:
            self.lease.guard = None
            await self._route.over(self)
            for task in tuple(self._tasks):
                task.cancel()
            for session in self._sessions:
                with contextlib.suppress(playwright.Error):  # the page is gone, with its sessions
                    await session.detach()

    async def _cut_off(self, *, cut: bool) -> None:
        """Takes the page offline, or online again: a request that escapes the guard is then not sent."""
        conditions = {"offline": cut, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        for session in self._sessions:
            with contextlib.suppress(playwright.Error):  # the page is gone
                if cut:
                    await session.send("Network.enable")
                await session.send("Network.emulateNetworkConditions", conditions)

    async def _quieten(self) -> None:
        """Waits until no new request starts and none is held: Chromium sends held requests when a page is left."""
        page = self.lease.page
        # A page that sends many requests has more in flight, and on a busy machine they arrive late.
        is_slow = self._route.held - self._held_before + self._stopped >= _FLOOD

        async def leave(frame: playwright.Frame, path: str) -> None:
            nonlocal is_slow
            is_main = frame == page.main_frame
            sent = time.monotonic()
            while not self._last[path].is_set() and not frame.is_detached():
                again = time.monotonic() - sent >= _SENDS_AGAIN_EVERY
                if again:
                    sent, is_slow = time.monotonic(), True
                try:
                    async with asyncio.timeout(_LEAVES_WITHIN if is_main else _FRAME_ANSWERS_WITHIN):
                        if not await frame.evaluate(f"([last, again]) => {_API}?.leave(last, again)", [path, again]):
                            return
                except TimeoutError:
                    if is_main:
                        raise
                    return  # a frame whose document was stopped may never respond; nothing runs in it either
                except playwright.Error:  # it went on to another document, which can send as well
                    if page.is_closed() or self.lease.crashed is not None:
                        raise
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ASKS_EVERY):
                        await self._last[path].wait()

        number = next(_numbers)  # several pages of a context may be left at once
        frames = {f"{LAST}{number}-{index}": frame for index, frame in enumerate(page.frames)}
        self._last = {path: asyncio.Event() for path in frames}
        async with asyncio.timeout(_LEAVES_WITHIN):
            await asyncio.gather(*(leave(frame, path) for path, frame in frames.items()))
        await self._cut_off(cut=True)
        # A navigation in progress would conflict with leaving the page. Stop it only after all requests have arrived:
        # Playwright does not report those cancelled earlier, and they are sent when the `route` is removed.
        with contextlib.suppress(playwright.Error, TimeoutError):
            async with asyncio.timeout(_FRAME_ANSWERS_WITHIN):
                await page.evaluate("() => stop()")
        calm, seen = 0, -1
        rounds = _CALM_ROUNDS if not is_slow else 10 * _CALM_ROUNDS
        while calm < rounds:  # after a round trip, events sent earlier have arrived
            if self._sessions:
                await self._sessions[0].send("Page.getFrameTree")
            await self._route.nothing_held.wait()
            if self._route.held:  # requests arrive by another channel than the replies, and later
                await asyncio.sleep(_CALM)
            calm, seen = (calm + 1, seen) if self._route.held == seen else (0, self._route.held)
