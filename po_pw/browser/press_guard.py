"""Guards every press: each request that follows is held and judged before it leaves the browser.

The guard starts just before a press and lasts until the page is left, because requests may follow later. The pages of
one context share one `route`; each request is assigned to the page that caused it, those of other pages pass.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import email.parser
import email.policy
import importlib.resources
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import parse_qsl, urljoin, urlsplit

from playwright import async_api as playwright

from po_pw import errors, events, hostnames, models, redact
from po_pw.browser import controls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from po_pw.browser import contexts, holds

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
_LEAVES_WITHIN: Final = 15.0
"""Seconds to prepare a page for being left: one that sends endlessly is slow to respond."""
_LAST: Final = "/po-pw-last-"
"""Path prefix, before a number, of a page's last beacon. It is held and never sent."""
_LAST_WITHIN: Final = 1.0
"""Seconds to wait for it; it never comes if the page's policy forbids beacons."""
_CALM_ROUNDS: Final = 2
"""Browser round trips without a new request before a page is left."""
_CALM: Final = 0.02
"""Seconds between them."""
_FLOOD: Final = 10
"""Requests after one press from which on more are expected to be in flight."""
_BODY: Final = 65_536
"""Maximum characters of a body that is judged; a longer one that is not a form cannot be judged."""

Judge: TypeAlias = "Callable[[models.HeldRequest], models.Judgement]"
Allow: TypeAlias = "Callable[[models.Control], str | None]"
"""Why a control may not be pressed; None if it may."""
OnAudit: TypeAlias = "Callable[[events.Pressed | events.RequestJudged], None]"
Kind: TypeAlias = "tuple[str, ...]"


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A held request with its judgement."""

    request: models.HeldRequest
    judgement: models.Judgement
    is_unasked: bool = False
    """The page had sent such requests before the press: the control did not cause it."""

    @property
    def text(self) -> str:
        """For messages: method, address without query, field names."""
        names = names_of(self.request)
        return f"{self.request.method} {redact.bare(self.request.url)}" + (f" ({', '.join(names)})" if names else "")


@dataclasses.dataclass(frozen=True, slots=True)
class Linked:
    """A document that the press requested: it was stopped, and its address can be fetched like any other."""

    url: str
    is_whole_page: bool = True
    """For the page itself or a new window; False: for a frame in the page."""


class PressRefusedError(errors.PermanentError):
    """A control was not pressed, or its request was stopped or brought no file.

    Attributes:
        stopped: requests that were stopped, except those that the page sends anyway.
        sent: requests other than GET that were sent and brought no file.
    """

    default_code = models.ErrorCode.NOT_PRESSED

    def __init__(self, message: str, stopped: tuple[Judged, ...] = (), sent: tuple[Judged, ...] = ()) -> None:
        super().__init__(message)
        self.stopped = stopped
        self.sent = sent


class Press:
    """One press, and the requests after it; more may follow until the page is left."""

    def __init__(
        self,
        purpose: models.Purpose,
        judge: Judge,
        on_audit: OnAudit,
        page_url: str,
        known: frozenset[Kind],
    ) -> None:
        self.purpose = purpose
        self.label = ""
        self.page_url = page_url
        self.requests: list[Judged] = []
        """All held requests, in order."""
        self.links: list[Linked] = []
        self.news = asyncio.Event()
        """Set whenever a request was added or a response ended."""
        self.under_way: set[playwright.Request] = set()
        """Requests caused by the press that were sent and have not ended."""
        self._judge = judge
        self._on_audit = on_audit
        self._known = known

    @property
    def stopped(self) -> tuple[Judged, ...]:
        """Requests of the control that were stopped."""
        return tuple(one for one in self.requests if one.judgement.ruling is models.Ruling.STOP and not one.is_unasked)

    @property
    def sent(self) -> tuple[Judged, ...]:
        """Requests of the control other than GET that were sent."""
        return tuple(
            one
            for one in self.requests
            if one.judgement.ruling is models.Ruling.PASS and not one.is_unasked and one.request.method not in _READING
        )

    def judge(
        self, held: models.HeldRequest, kind: Kind | None, *, unseen: str = "", in_window: bool = False
    ) -> Judged:
        """Judges one request and reports it to the audit.

        Args:
            held: the request.
            kind: its kind, to recognise requests that the page sends anyway; None if that does not matter.
            unseen: why it cannot be judged, so that it is stopped; `""` if it can.
            in_window: it is the document of a new window, where later requests cannot be watched.
        """
        judgement = models.Judgement(models.Ruling.STOP, unseen) if unseen else self._judge(held)
        if in_window and judgement.ruling is models.Ruling.PASS:
            if held.method == "GET":
                judgement = models.Judgement(models.Ruling.LINK, judgement.why)
            else:
                why = "it goes to a window of its own, where what follows it cannot be watched"
                judgement = models.Judgement(models.Ruling.STOP, why)
        judged = Judged(held, judgement, kind is not None and kind in self._known)
        self.requests.append(judged)
        if held.method not in _READING or judgement.ruling is models.Ruling.STOP:
            self._on_audit(
                events.RequestJudged(
                    self.label,
                    self.purpose,
                    held.method,
                    redact.bare(held.url),
                    judgement.ruling,
                    judgement.why,
                    names_of(held),
                    judged.is_unasked,
                )
            )
        self.news.set()
        return judged

    def stops(self, held: models.HeldRequest) -> bool:
        """Whether a request would be stopped; nothing is recorded."""
        return self._judge(held).ruling is models.Ruling.STOP

    def refuse(self, why: str) -> PressRefusedError:
        """Reports that the control was not pressed; returns the error."""
        self._tell(why)
        return PressRefusedError(f"{self.label!r} was not pressed: {why}")

    def tell(self) -> None:
        """Reports that the control is about to be pressed."""
        self._tell("")

    def _tell(self, refused: str) -> None:
        self._on_audit(events.Pressed(self.label, self.purpose, redact.bare(self.page_url), refused))

    def fruitless(self) -> PressRefusedError | None:
        """The error if the press's requests were stopped or brought no file; None if it sent nothing."""
        if self.stopped:
            said = "; ".join(f"{one.text}: {one.judgement.why}" for one in self.stopped[:3])
            return PressRefusedError(f"what {self.label!r} sends was stopped: {said}", self.stopped, self.sent)
        if self.sent:
            said = "; ".join(one.text for one in self.sent[:3])
            return PressRefusedError(f"{self.label!r} sent {said}, and no file came of it", (), self.sent)
        return None


_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Guards one page from its first press until it is left."""

    def __init__(self, guards: Guards, hold: holds.PageLease) -> None:
        self.hold = hold
        self.press: Press | None = None
        self.is_pressing = False
        """A press is in progress."""
        self.target = ""
        """DevTools' id of the page."""
        self._guards = guards
        self._held_before = guards.held
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
        press: Press,
        allow: Allow,
    ) -> tuple[playwright.Frame, Callable[[], Awaitable[None]]]:
        """Prepares a press: finds the control, describes it and checks whether it may be pressed.

        Returns:
            The control's frame, and a function that presses it.

        Raises:
            TransientError: the control was not found or cannot be clicked.
            PressRefusedError: it may not be pressed.
        """
        page = self.hold.page
        if isinstance(what, models.Click):
            press.label = what.control.label
            frame, element = await controls.find(page, what)
        else:
            element = what
            owner = await what.owner_frame()
            if owner is None:
                msg = "the control is gone"
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

    async def _click(self, frame: playwright.Frame, element: playwright.ElementHandle, press: Press) -> None:
        await element.evaluate(f"(element) => {_API}.prepare(element)")
        press.tell()
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
        for frame in self.hold.page.frames:
            for what, url in (await self._report(frame)).get("held", ()):
                held = models.HeldRequest(what, url, what.lower(), press.page_url)
                if not any(one.request == held for one in press.requests):
                    press.judge(held, None, unseen="a message that leaves the page otherwise than by a request")

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
                told: Mapping[str, Any] = await frame.evaluate(f"() => {_API} ? {_API}.report() : {{}}")
        except (playwright.Error, TimeoutError):
            return {}
        self._names.update(told.get("names", {}))
        return told

    async def _in_frames(self, script: str, argument: object = None) -> None:
        async def run(frame: playwright.Frame) -> None:
            if frame in {self.hold.page.main_frame, self._frame}:
                await frame.evaluate(script, argument)
                return
            # A frame whose document was stopped may never respond; nothing runs in it either.
            with contextlib.suppress(playwright.Error, TimeoutError):
                async with asyncio.timeout(_FRAME_ANSWERS_WITHIN):
                    await frame.evaluate(script, argument)

        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await asyncio.gather(*(run(frame) for frame in self.hold.page.frames))
        except TimeoutError as error:
            msg = "the page is too busy to be pressed on"
            raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error

    # --- what is sent -------------------------------------------------------------------------------------------------

    async def watch(self, cdp: Callable[[Any], Awaitable[playwright.CDPSession]]) -> None:
        """Watches redirects, which `route` does not see, and prepares documents that load later."""
        page = self.hold.page
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

    def _is_bad_hop(self, event: Mapping[str, Any]) -> bool:
        press = self.press
        status = int(event.get("responseStatusCode", 0))
        sent = {header["name"].lower(): header["value"] for header in event.get("responseHeaders", [])}
        if not 300 <= status < 400 or "location" not in sent or press is None:
            return False
        held = _after_redirect(event, status, sent["location"], press.page_url)
        return press.judge(held, None).judgement.ruling is models.Ruling.STOP

    def _is_stopped_at_once(self, event: Mapping[str, Any]) -> bool:
        """Whether a request is stopped before Playwright gets it; others are held again by its `route`.

        A beacon, or a `fetch` with `keepalive`, that the page cancels at once (`stop()`, a removed frame) never reaches
        the `route`: Playwright waits in vain for the matching event, and Chromium sends it when the `route` is removed
        (Playwright 1.65, Chromium 156).
        """
        press = self.press
        last = self._last.get(urlsplit(event["request"]["url"]).path)
        if last is not None:
            last.set()
            return True
        if press is None or event.get("resourceType") == "Document" or "redirectedRequestId" in event:
            return False
        held, unseen = _held_by_devtools(event, press.page_url)
        if not unseen and not press.stops(held):
            return False
        self._stopped += 1
        press.judge(held, _kind(event["request"]["method"], held), unseen=unseen)
        return True

    async def rule(self, route: playwright.Route, *, in_window: bool) -> None:
        """Judges one held request of this page, and continues or stops it."""
        request = route.request
        press = self.press
        if press is None:
            await route.abort("aborted")
            return
        held, unseen = held_request(request, press.page_url)
        is_document = held.resource == "document"
        in_window = in_window and is_document
        # Documents are caused by the press, except a reload of the page itself.
        known = None if is_document and held.url != press.page_url else kind(request)
        judged = press.judge(held, known, unseen=unseen, in_window=in_window)
        ruling = judged.judgement.ruling
        if ruling is models.Ruling.PASS:
            if not judged.is_unasked:
                press.under_way.add(request)
            await route.fallback()
            return
        if ruling is models.Ruling.LINK and not judged.is_unasked:
            press.links.append(Linked(held.url, in_window or _is_main(request)))
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

    async def _end(self) -> None:
        page = self.hold.page
        try:
            async with asyncio.timeout(_LEAVES_WITHIN + _ANSWERS_WITHIN):
                for popup in tuple(self.hold.popups):
                    await popup.close()
                if not page.is_closed():
                    await self._quieten()
                    await page.goto("about:blank", timeout=_ANSWERS_WITHIN * 1000)
                    await self._cut_off(cut=False)
        except (playwright.Error, TimeoutError):
            self.hold.is_doubtful = True
            with contextlib.suppress(playwright.Error, TimeoutError):
                async with asyncio.timeout(_ANSWERS_WITHIN):
                    await page.close()
        finally:
            self.hold.guard = None
            await self._guards.over(self)
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
        page = self.hold.page
        # A page that sends many requests has more in flight, and on a busy machine they arrive late.
        is_flood = self._guards.held - self._held_before + self._stopped >= _FLOOD

        async def leave(frame: playwright.Frame, path: str) -> None:
            # A frame whose document was stopped may never respond; nothing runs in it either.
            with contextlib.suppress(playwright.Error, TimeoutError):
                async with asyncio.timeout(_LEAVES_WITHIN if frame == page.main_frame else _FRAME_ANSWERS_WITHIN):
                    if not await frame.evaluate(f"(last) => {_API}?.leave(last)", path):
                        return
                async with asyncio.timeout(_LEAVES_WITHIN if is_flood else _LAST_WITHIN):
                    await self._last[path].wait()

        frames = {f"{_LAST}{index}": frame for index, frame in enumerate(page.frames)}
        self._last = {path: asyncio.Event() for path in frames}
        await asyncio.gather(*(leave(frame, path) for path, frame in frames.items()))
        await self._cut_off(cut=True)
        # A navigation in progress would conflict with leaving the page. Stop it only after all requests have arrived:
        # Playwright does not report those cancelled earlier, and they are sent when the `route` is removed.
        with contextlib.suppress(playwright.Error, TimeoutError):
            async with asyncio.timeout(_FRAME_ANSWERS_WITHIN):
                await page.evaluate("() => stop()")
        calm, seen = 0, -1
        rounds = _CALM_ROUNDS if not is_flood else 10 * _CALM_ROUNDS
        while calm < rounds:  # after a round trip, events sent earlier have arrived
            if self._sessions:
                await self._sessions[0].send("Page.getFrameTree")
            await self._guards.nothing_held.wait()
            if self._guards.held:  # requests arrive by another channel than the replies, and later
                await asyncio.sleep(_CALM)
            calm, seen = (calm + 1, seen) if self._guards.held == seen else (0, self._guards.held)


class Guards:
    """The guards of one context, and its `route`, which is set while there are any.

    Args:
        inner: the context.
        owner: maps a page to the leased page it belongs to: itself or its opener; None if unknown.
    """

    def __init__(
        self,
        inner: playwright.BrowserContext,
        owner: Callable[[playwright.Page], playwright.Page | None],
    ) -> None:
        self._inner = inner
        self._owner = owner
        self._guards: dict[playwright.Page, Guard] = {}
        self._lock = asyncio.Lock()
        self.nothing_held = asyncio.Event()
        """Set while no request waits to be judged."""
        self.nothing_held.set()
        self._waiting = 0
        self.held = 0
        """Number of requests held so far."""
        self._is_routing = False
        self._browser: playwright.CDPSession | None = None
        inner.on("requestfinished", self._ended)
        inner.on("requestfailed", self._ended)

    async def on(self, hold: holds.PageLease) -> Guard:
        """Returns the page's guard, or a new one, which lasts until `Guard.end`."""
        if hold.guard is not None:
            guard: Guard = hold.guard
            return guard
        guard = Guard(self, hold)
        hold.guard = guard
        try:
            async with self._lock:
                self._guards[hold.page] = guard
                if not self._is_routing:
                    self._is_routing = True
                    await self._inner.route("**/*", self._held)
            if self._browser is None and self._inner.browser is not None:
                self._browser = await self._inner.browser.new_browser_cdp_session()
            await guard.watch(self._inner.new_cdp_session)
        except BaseException:
            await guard.end()
            raise
        return guard

    async def over(self, guard: Guard) -> None:
        """Removes an ended guard, and with the last one the route."""
        async with self._lock:
            self._guards.pop(guard.hold.page, None)
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
                await self._guards[own].rule(route, in_window=own is not page)
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
            await guard.rule(route, in_window=True)
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
            await next(iter(self._guards.values())).rule(route, in_window=True)
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


async def read_press(
    context: contexts.Context,
    hold: holds.PageLease,
    what: models.Click | playwright.ElementHandle,
    *,
    allow: Allow,
    judge: Judge,
    on_audit: OnAudit,
    purpose: models.Purpose = models.Purpose.OPEN,
) -> Press:
    """Presses a control that shows more of the list. The page stays guarded until it is left (`PageLease.end_guard`).

    Returns:
        The press; its requests are added until the page is left.

    Raises:
        TransientError: the control was not found or cannot be clicked.
        PressRefusedError: it may not be pressed, or changed while it was being pressed.
    """
    guard = await context.guards.on(hold)
    press = Press(purpose, judge, on_audit, hold.page.url, frozenset(hold.kinds))
    with clickable(press):
        _, go = await guard.do(what, press, allow)
        await go()
    return press


@contextlib.contextmanager
def clickable(press: Press) -> Iterator[None]:
    """Maps Playwright's errors of a click to ours."""
    try:
        yield
    except playwright.TimeoutError as error:
        msg = f"the control {press.label!r} cannot be clicked ({_first_line(error)})"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        if "not attached" not in str(error) and "Execution context was destroyed" not in str(error):
            raise
        msg = f"the control {press.label!r} is gone: the page changed meanwhile"
        raise errors.TransientError(msg, models.ErrorCode.LIST_INCOMPLETE) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


# --- reading requests -------------------------------------------------------------------------------------------------


def held_request(request: playwright.Request, page_url: str) -> tuple[models.HeldRequest, str]:
    """Converts a request for judging; also returns why it cannot be judged, `""` if it can."""
    return _held(
        request.method, request.url, request.resource_type, request.headers, request.post_data_buffer, page_url
    )


def _held_by_devtools(event: Mapping[str, Any], page_url: str) -> tuple[models.HeldRequest, str]:
    """The same for a request held by DevTools."""
    request = event["request"]
    headers = {name.lower(): str(value) for name, value in request.get("headers", {}).items()}
    parts = [one["bytes"] for one in request.get("postDataEntries", ()) if "bytes" in one]
    raw = b"".join(base64.b64decode(one) for one in parts) if parts else None
    resource = str(event.get("resourceType", "Other")).lower()
    return _held(str(request["method"]), str(request["url"]), resource, headers, raw, page_url)


def _held(
    method: str, url: str, resource: str, headers: Mapping[str, str], raw: bytes | None, page_url: str
) -> tuple[models.HeldRequest, str]:
    content_type = headers.get("content-type", "")
    body = (raw or b"").decode("utf-8", "replace")
    fields = _fields(content_type, raw or b"")
    unseen = ""
    if method not in _READING:
        if raw is None and content_type and not content_type.lower().startswith("application/x-www-form-urlencoded"):
            unseen = "its body cannot be seen"
        elif len(body) > _BODY and not fields:
            unseen = "its body is too long to be judged"
    held = models.HeldRequest(_method(method, headers), url, resource, page_url, content_type, body[:_BODY], fields)
    return held, unseen


_OVERRIDES: Final = ("x-http-method-override", "x-http-method", "x-method-override")


def _method(method: str, headers: Mapping[str, str]) -> str:
    """A request's effective method: a header may override it."""
    return next((headers[name].upper() for name in _OVERRIDES if headers.get(name)), method)


def _fields(content_type: str, raw: bytes) -> tuple[tuple[str, str], ...]:
    kind_of = content_type.lower()
    if kind_of.startswith("application/x-www-form-urlencoded"):
        return tuple(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    if not kind_of.startswith("multipart/form-data"):
        return ()
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + raw)
    found: list[tuple[str, str]] = []
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
        found.append((str(name or ""), text))
    return tuple(found)


def names_of(request: models.HeldRequest) -> tuple[str, ...]:
    """A request's field names: of a form, or the keys of a JSON object."""
    if request.fields:
        return tuple(dict.fromkeys(name for name, _ in request.fields))
    parsed = _json(request.body)
    return tuple(str(name) for name in parsed) if isinstance(parsed, dict) else ()


def kind(request: playwright.Request) -> Kind:
    """A request's kind: two requests of a kind differ only in values.

    Returns:
        Method, address without query, field names and, for GraphQL, the operations.
    """
    if request.method in _READING:
        return (request.method, redact.bare(request.url))
    return _kind(request.method, held_request(request, "")[0])


def _kind(method: str, held: models.HeldRequest) -> Kind:
    if method in _READING:
        return (method, redact.bare(held.url))
    parsed = _json(held.body)
    asked = [str(parsed.get(name, ""))[:500] for name in ("operationName", "query")] if isinstance(parsed, dict) else []
    return (method, redact.bare(held.url), *names_of(held), *asked)


def _json(text: str) -> object:
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _after_redirect(event: Mapping[str, Any], status: int, location: str, page_url: str) -> models.HeldRequest:
    """The request that a redirect leads to."""
    request = event["request"]
    method = str(request["method"])
    keeps = status in {307, 308} or method in _READING
    headers = {name.lower(): str(value) for name, value in request.get("headers", {}).items()}
    content_type = headers.get("content-type", "") if keeps else ""
    body = str(request.get("postData", "")) if keeps else ""
    try:
        url = urljoin(str(request["url"]), location.strip().replace("\\", "/"))
    except ValueError:
        url = location
    return models.HeldRequest(
        _method(method, headers) if keeps else "GET",
        url,
        str(event.get("resourceType", "Other")).lower(),
        page_url,
        content_type,
        body[:_BODY],
        _fields(content_type, body.encode()),
    )


def _is_main(request: playwright.Request) -> bool:
    try:
        return request.frame.parent_frame is None
    except playwright.Error:
        return True
