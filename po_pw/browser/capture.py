"""A click becomes a file: for attachments that have no address of their own."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw import errors, models
from po_pw.browser import contexts, holds

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

_QUICK_CLICK: Final = 3_000
"""Milliseconds for a real click; what lies over the control (a floating bar) must not cost more."""
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

    async def part(self) -> Path:
        """The whole file, where the browser put it, once it is all there.

        Raises:
            Transient: the browser broke the download off, or fewer bytes came than were announced.
            BrowserLost: the browser died.
        """
        try:
            path = Path(await self._download.path())
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

    async def discard(self) -> None:
        """Ends the download and removes what came of it; nothing to do where the browser is gone, and it with it."""
        with contextlib.suppress(playwright.Error):
            await holds.throw_away(self._download)


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The click opened a page instead, at this address: a file shown there can be fetched from it."""

    url: str


class _Answers:
    """Watches the documents that a click brings. What is not a page is made a download, also where sent inline."""

    def __init__(self, claim: asyncio.Future[Any]) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        """Of each file's answer, by its address."""
        self.aside: errors.OrderError | None = None
        """A page that came into some other frame: perhaps the click's answer, perhaps the page's own doing."""
        self._claim = claim
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
        except playwright.Error as error:
            if not self._claim.done():
                self._claim.set_exception(error)

    def _refuse(self, frame: str, error: errors.OrderError) -> None:
        if frame not in self._own_frames:
            self.aside = error
        elif not self._claim.done():
            self._claim.set_exception(error)


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
    context: contexts.Context, hold: contexts.Hold, click: models.Click, timeout: float
) -> Captured | Opened:
    """Clicks, and gives the download that begins. The page is held until then: a pending click could hijack it.

    Args:
        context: whose page it is.
        hold: the page, on which the control can be seen.
        click: where the control is.
        timeout: seconds for a download to begin.

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
    claim: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    answers = _Answers(claim)
    hold.claim = claim
    try:
        async with asyncio.timeout(timeout):
            await answers.watch(await context.cdp(hold.page), frame.url)
            if frame is not hold.page.main_frame:
                with contextlib.suppress(playwright.Error):  # it is in the page's own process: watched already
                    await answers.watch(await context.cdp(frame), frame.url)
            await control.evaluate(_SAME_PAGE, timeout=_THERE)
            try:
                await control.click(timeout=_QUICK_CLICK, no_wait_after=True)
            except playwright.TimeoutError:
                await control.evaluate("element => element.click()", timeout=_THERE)
            got = await claim
    except TimeoutError:
        if answers.aside is not None:
            raise answers.aside from None
        msg = f"nothing was downloaded within {timeout:.0f} s of the click"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from None
    except playwright.TimeoutError as error:
        msg = f"the attachment's control cannot be clicked ({contexts.first_line(error)})"
        raise errors.Transient(msg, models.ErrorCode.TIMEOUT) from error
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
    return Captured(got.suggested_filename, got.url, answers.headers.get(got.url, {}), got, context)
