"""A click becomes a file: for attachments that have no address of their own."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw import errors, models
from po_pw.browser import contexts

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUICK_CLICK: Final = 3_000
"""Milliseconds for a real click; what lies over the control (a floating bar) must not cost more."""

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

    async def part(self) -> Path:
        """The whole file, where the browser put it, once it is all there.

        Raises:
            Transient: the browser broke the download off.
        """
        try:
            path = await self._download.path()
        except playwright.Error as error:
            why = contexts.first_line(error)
            msg = f"the download of {self.sent_name!r} broke off ({why})"
            raise errors.Transient(msg, models.ErrorCode.TRUNCATED) from error
        return Path(path)

    async def discard(self) -> None:
        """Ends the download and removes what came of it."""
        await self._download.cancel()


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The click opened a page instead, at this address: a file shown there can be fetched from it."""

    url: str


class _Answers:
    """Watches the documents that a click brings. What is not a page is made a download, also where sent inline."""

    def __init__(self, session: playwright.CDPSession, claim: asyncio.Future[Any]) -> None:
        self.headers: dict[str, str] = {}
        self._session = session
        self._claim = claim
        self._tasks: set[asyncio.Task[None]] = set()

    async def watch(self) -> None:
        self._session.on("Fetch.requestPaused", self._paused)
        pattern = {"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"}
        await self._session.send("Fetch.enable", {"patterns": [pattern]})

    async def stop(self) -> None:
        await asyncio.gather(*self._tasks)
        await self._session.detach()

    def _paused(self, event: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(event), name="capture-answer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, event: dict[str, Any]) -> None:
        request = event["requestId"]
        status = int(event.get("responseStatusCode", 0))
        sent = {header["name"].lower(): header["value"] for header in event.get("responseHeaders", [])}
        redirected = 300 <= status < 400 and "location" in sent
        is_page = sent.get("content-type", "").lower().startswith(("text/html", "application/xhtml"))
        disposition = sent.get("content-disposition", "")
        is_attachment = disposition.lower().startswith("attachment")
        try:
            if redirected or status == 0 or (is_page and not is_attachment) or status >= 400:
                await self._session.send("Fetch.continueRequest", {"requestId": request})
                if not redirected and not self._claim.done():
                    self._claim.set_exception(_refusal(event["request"]["url"], status))
                return
            self.headers = sent
            if is_attachment:
                await self._session.send("Fetch.continueRequest", {"requestId": request})
                return
            kept = [header for header in event["responseHeaders"] if header["name"].lower() != "content-disposition"]
            name = disposition.partition(";")[2]
            forced = f"attachment;{name}" if name else "attachment"
            kept.append({"name": "Content-Disposition", "value": forced})
            await self._session.send(
                "Fetch.continueResponse", {"requestId": request, "responseCode": status, "responseHeaders": kept}
            )
        except playwright.Error as error:
            if not self._claim.done():
                self._claim.set_exception(error)


def _refusal(url: str, status: int) -> errors.OrderError:
    if status in {404, 410}:
        return errors.Permanent(f"the portal has no such file (HTTP {status})", models.ErrorCode.NOT_FOUND)
    if status == 403:
        return errors.Permanent("the portal refuses this file (HTTP 403)", models.ErrorCode.FORBIDDEN)
    if status >= 500 or status in {408, 425, 429}:
        return errors.Transient(f"the portal could not send the file (HTTP {status})", models.ErrorCode.PORTAL_ERROR)
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
    control = frames[click.frame].locator(click.selector).first
    claim: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    session = await context.cdp(hold.page)
    answers = _Answers(session, claim)
    hold.claim = claim
    try:
        await answers.watch()
        async with asyncio.timeout(timeout):
            await control.evaluate(_SAME_PAGE)
            try:
                await control.click(timeout=_QUICK_CLICK, no_wait_after=True)
            except playwright.TimeoutError:
                await control.evaluate("element => element.click()")
            got = await claim
    except TimeoutError:
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
    return Captured(got.suggested_filename, got.url, answers.headers, got)
