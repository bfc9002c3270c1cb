"""A click becomes a file: for attachments that have no address of their own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urljoin

from playwright import async_api as playwright

from po_pw import errors, models
from po_pw.browser import contexts, holds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_log = logging.getLogger(__name__)

_NET: Final = re.compile(r"net::ERR_\w+")
_ANSWERED: Final = frozenset({"net::ERR_ABORTED", "net::ERR_BLOCKED_BY_CLIENT", "net::ERR_HTTP_RESPONSE_CODE_FAILURE"})
"""What the browser says where there was an answer, which tells more: a download, a refusal of ours, no page."""
_UNTRUSTED: Final = ("net::ERR_CERT", "net::ERR_SSL", "net::ERR_PROXY", "net::ERR_INVALID_AUTH")

_LOOKS: Final = 4
"""How often a download is looked at in the time after which it counts as stalled."""
_QUICK_CLICK: Final = 3_000
"""Milliseconds for the click: the control has been seen, so it can be pressed at once, or something is over it."""
_THERE: Final = 5_000
"""Milliseconds for the control to be there: its page was read, so it is a matter of a page just opened again."""

# So that the answer comes to this page, where it is awaited, and not to a new one.
_SAME_PAGE: Final = """element => {
  for (const node of [element, element.form, element.closest('form'), element.closest('a')]) {
    if (node && node.removeAttribute) { node.removeAttribute('target'); node.removeAttribute('formtarget'); }
  }
}"""


@dataclasses.dataclass(frozen=True, slots=True)
class Captured:
    """A download that has started. It goes on whatever the page does next."""

    sent_name: str
    url: str
    headers: Mapping[str, str]
    """Of the answer, names in lower case; empty for a `blob:`."""
    _download: playwright.Download
    _context: contexts.Context

    async def part(self, stall: float = 60.0) -> Path:
        """The whole file, where the browser put it, once it is all there.

        Args:
            stall: seconds without a byte, of any download of this context, after which it is given up.

        Raises:
            Transient: nothing came for too long, the browser broke the download off, or fewer bytes came than were
                announced.
            BrowserLost: the browser died.
        """
        try:
            path = Path(await self._arrived(stall))
        except playwright.Error as error:
            why = contexts.first_line(error)
            if not await self._context.is_alive():
                msg = f"the browser died while it downloaded {self.sent_name!r}"
                raise errors.BrowserLost(msg) from error
            msg = f"the download of {self.sent_name!r} broke off ({why})"
            raise errors.Transient(msg, models.ErrorCode.TRUNCATED) from error
        # Chromium takes a body that is too short for whole where the server sends no validator (ETag).
        announced = self.headers.get("content-length", "")
        encoded = self.headers.get("content-encoding", "identity").lower() not in {"", "identity"}
        size = (await asyncio.to_thread(path.stat)).st_size
        if announced.isdigit() and not encoded and size < int(announced):
            msg = f"{self.sent_name!r} came short: {size} of {announced} bytes"
            raise errors.Transient(msg, models.ErrorCode.TRUNCATED)
        return path

    async def _arrived(self, stall: float) -> str:
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(self._download.path())
        came, since = -1, loop.time()
        try:
            while not waiting.done():
                await asyncio.wait([waiting], timeout=stall / _LOOKS)
                now = await asyncio.to_thread(_bytes_in, self._context.downloads)
                if now != came:
                    came, since = now, loop.time()
                elif loop.time() - since >= stall and not waiting.done():
                    await self.discard()
                    msg = f"no bytes of {self.sent_name!r} came for {stall:.0f} s"
                    raise errors.Transient(msg, models.ErrorCode.TIMEOUT)
            return str(await waiting)
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait([waiting])
            elif not waiting.cancelled():
                waiting.exception()  # it has been seen

    async def discard(self) -> None:
        """Ends the download and removes what came of it; nothing to do where the browser is gone, and it with it."""
        with contextlib.suppress(playwright.Error):
            await holds.throw_away(self._download)


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The click opened a page instead, at this address: a file shown there can be fetched from it."""

    url: str


class Guard(Protocol):
    """Which hosts a file may come from; both raise an error of ours where it may not."""

    def check_file(self, url: str, came_from: str = "") -> None:
        """Whether a file is taken from this address."""
        ...

    def check_hop(self, url: str, came_from: str) -> None:
        """Whether a redirect is followed."""
        ...


def _bytes_in(folder: Path) -> int:
    """Bytes of all files that a browser is downloading to, or has downloaded to, a folder."""
    total = 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):  # it was moved away this instant
            total += path.stat().st_size
    return total


class _Answers:
    """Watches the documents that a click brings. What is not a page is made a download, also where sent inline."""

    def __init__(self, claim: asyncio.Future[Any], guard: Guard | None) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        """Of each file's answer, by its address."""
        self.aside: errors.OrderError | None = None
        """A page that came into some other frame: perhaps the click's answer, perhaps the page's own doing."""
        self._claim = claim
        self._guard = guard
        self._sessions: list[playwright.CDPSession] = []
        self._own_frames: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def watch(self, session: playwright.CDPSession, frame_url: str) -> None:
        """Watches what this session sees; a page in its main frame or one at this address is the click's answer."""
        self._sessions.append(session)
        tree = (await session.send("Page.getFrameTree"))["frameTree"]
        self._own_frames.add(tree["frame"]["id"])
        self._own_frames.update(_frames_at(frame_url, tree))
        session.on("Fetch.requestPaused", lambda event: self._paused(session, event))
        pattern = {"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"}
        await session.send("Fetch.enable", {"patterns": [pattern]})

    async def stop(self) -> None:
        """Lets go of what is still held, within bounded time also where the browser hangs."""
        try:
            async with asyncio.timeout(contexts.CLOSE_TIMEOUT):
                await asyncio.gather(*self._tasks)
                for session in self._sessions:
                    with contextlib.suppress(playwright.Error):  # the page is gone, and its sessions with it
                        await session.detach()
        except TimeoutError:
            _log.info("the browser does not let go of a click's answer: it hangs")

    def _paused(self, session: playwright.CDPSession, event: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(session, event), name="capture-answer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, session: playwright.CDPSession, event: dict[str, Any]) -> None:
        request = event["requestId"]
        url = event["request"]["url"]
        status = int(event.get("responseStatusCode", 0))
        sent = {header["name"].lower(): header["value"] for header in event.get("responseHeaders", [])}
        redirected = 300 <= status < 400 and "location" in sent
        is_page = sent.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))
        disposition = sent.get("content-disposition", "")
        is_attachment = disposition.lower().startswith("attachment")
        try:
            if redirected and event["frameId"] in self._own_frames and self._guard is not None:
                self._guard.check_hop(_joined(url, sent["location"]), url)
            if redirected or status in {0, 204, 205} or (is_page and not is_attachment) or status >= 400:
                await session.send("Fetch.continueRequest", {"requestId": request})
                if not redirected and status not in {204, 205}:
                    self._refuse(event["frameId"], _refusal(url, status, event.get("responseErrorReason", ""), sent))
                return
            self.headers[url] = sent
            if is_attachment:
                await session.send("Fetch.continueRequest", {"requestId": request})
                return
            kept = [header for header in event["responseHeaders"] if header["name"].lower() != "content-disposition"]
            name = disposition.partition(";")[2]
            forced = f"attachment;{name}" if name else "attachment"
            kept.append({"name": "Content-Disposition", "value": forced})
            await session.send(
                "Fetch.continueResponse", {"requestId": request, "responseCode": status, "responseHeaders": kept}
            )
        except errors.OrderError as error:  # the guard's
            self._refuse(event["frameId"], error)
            with contextlib.suppress(playwright.Error):  # the page is gone, and the request with it
                await session.send("Fetch.failRequest", {"requestId": request, "errorReason": "BlockedByClient"})
        except playwright.Error as error:
            if not self._claim.done():
                self._claim.set_exception(error)

    def _refuse(self, frame: str, error: errors.OrderError) -> None:
        if frame not in self._own_frames:
            self.aside = error
        elif not self._claim.done():
            self._claim.set_exception(error)


def _joined(url: str, location: str) -> str:
    """Where a redirect leads, as browsers read it."""
    try:
        return urljoin(url, location.strip().replace("\\", "/"))
    except ValueError:
        return location


def _frames_at(url: str, tree: dict[str, Any]) -> set[str]:
    found = {tree["frame"]["id"]} if tree["frame"]["url"] == url.partition("#")[0] else set()
    for child in tree.get("childFrames", ()):
        found |= _frames_at(url, child)
    return found


def _refusal(url: str, status: int, failed: str, sent: Mapping[str, str]) -> errors.OrderError:
    if status == 0:
        return errors.Transient(f"the file could not be reached ({failed or 'no answer'})")
    if status in {404, 410}:
        return errors.Permanent(f"the portal has no such file (HTTP {status})", models.ErrorCode.NOT_FOUND)
    if status == 403:
        return errors.Permanent("the portal refuses this file (HTTP 403)", models.ErrorCode.FORBIDDEN)
    if status >= 500 or status in {408, 425, 429}:
        code = models.ErrorCode.RATE_LIMITED if status == 429 else models.ErrorCode.PORTAL_ERROR
        wait = sent.get("retry-after", "")
        return errors.Transient(
            f"the portal could not send the file (HTTP {status})",
            code,
            retry_after=float(wait) if wait.isdigit() else None,
        )
    return PageInstead("a click on the attachment led to a page, not to a file", url=url, status=status)


class PageInstead(errors.NotAFile):
    """A page came instead of a file; whether it asks for a sign-in is for the portal to say."""

    def __init__(self, message: str, *, url: str, status: int) -> None:
        super().__init__(message)
        self.url = url
        self.status = status


async def capture(
    context: contexts.Context, hold: contexts.Hold, click: models.Click, timeout: float, guard: Guard | None = None
) -> Captured | Opened:
    """Clicks, and gives the download that begins. The page is held until then: a pending click could hijack it.

    Args:
        context: whose page it is.
        hold: the page, on which the control can be seen.
        click: where the control is.
        timeout: seconds for a download to begin.
        guard: which hosts it may come from; None for any.

    Raises:
        Transient: nothing began in time, or the control is not there.
        NotAFile: a page came instead (`PageInstead`).
    """
    frames = hold.page.frames
    if click.frame >= len(frames):
        msg = "the frame with the attachment is gone"
        raise errors.Transient(msg, models.ErrorCode.LIST_INCOMPLETE)
    frame = frames[click.frame]
    control = frame.locator(click.selector).first

    async def press() -> None:
        await control.evaluate(_SAME_PAGE, timeout=_THERE)
        # Never forced through what lies over it: that may be there so that nobody presses it.
        await control.click(timeout=_QUICK_CLICK, no_wait_after=True)

    try:
        return await _claimed(context, hold, frame, press, timeout, guard)
    except playwright.TimeoutError as error:
        msg = f"the attachment's control cannot be clicked ({contexts.first_line(error)})"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from error


async def download(
    context: contexts.Context, hold: contexts.Hold, url: str, referer: str, timeout: float, guard: Guard | None = None
) -> Captured:
    """Opens a file's address in the browser, and gives the download that begins, also of what would be shown.

    Args:
        context: whose page it is.
        hold: any page of it.
        url: of the file.
        referer: what is told of the page the link is on; `""`: nothing.
        timeout: seconds for the download to begin.
        guard: which hosts it may come from; None for any.

    Raises:
        Transient: nothing began in time, or the connection failed.
        Permanent: the browser does not trust the host either, or is refused as well.
        NotAFile: a page came instead (`PageInstead`).
    """
    page = hold.page

    async def go() -> None:
        try:
            await page.goto(url, referer=referer or None, wait_until="commit", timeout=timeout * 1000)
        except playwright.Error as error:
            found = _NET.search(str(error))
            if "Download is starting" not in str(error) and (found is None or found[0] not in _ANSWERED):
                raise

    try:
        got = await _claimed(context, hold, page.main_frame, go, timeout, guard)
    except playwright.TimeoutError as error:
        msg = f"the browser got no answer within {timeout:.0f} s"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        found = _NET.search(str(error))
        if found is None:
            raise
        msg = f"the browser does not get it either ({found[0]})"
        if found[0].startswith(_UNTRUSTED):
            raise errors.Permanent(msg, models.ErrorCode.NETWORK) from error
        raise errors.Transient(msg, models.ErrorCode.NETWORK) from error
    if isinstance(got, Opened):
        msg = "the file's address opened another page in the browser"
        raise errors.NotAFile(msg)
    return got


async def _claimed(
    context: contexts.Context,
    hold: contexts.Hold,
    frame: playwright.Frame,
    begin: Callable[[], Awaitable[None]],
    timeout: float,
    guard: Guard | None,
) -> Captured | Opened:
    """What begins on a page after `begin`: a download, or a page that it opens."""
    claim: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    answers = _Answers(claim, guard)
    hold.claim = claim
    try:
        async with asyncio.timeout(timeout):
            await answers.watch(await context.cdp(hold.page), frame.url)
            if frame is not hold.page.main_frame:
                with contextlib.suppress(playwright.Error):  # it is in the page's own process: watched already
                    await answers.watch(await context.cdp(frame), frame.url)
            await begin()
            got = await claim
    except TimeoutError:
        if answers.aside is not None:
            raise answers.aside from None
        msg = f"nothing was downloaded within {timeout:.0f} s"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from None
    finally:
        hold.claim = None
        claim.cancel()
        await answers.stop()
        if not claim.cancelled():
            claim.exception()  # one that came too late is nobody's any more
    if isinstance(got, playwright.Page):
        url = got.url
        await got.close()
        return Opened(url)
    captured = Captured(got.suggested_filename, got.url, answers.headers.get(got.url, {}), got, context)
    if guard is not None and got.url.startswith(("http://", "https://")):
        try:
            guard.check_file(got.url)
        except errors.OrderError:
            await captured.discard()
            raise
    return captured
