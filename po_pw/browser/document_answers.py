"""The answers to documents that a press or an address loads: turns each file into a download, explains the rest."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urljoin

from playwright import async_api as playwright

from po_pw import errors, http_statuses
from po_pw.browser import contexts

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

_NO_FILE: Final = frozenset({201, 202, 203, *range(206, 300)})
"""Success statuses that bring no complete file: only 200 does; 204 and 205 leave the page as it is."""


class HostCheck(Protocol):
    """Hosts that a file may come from; both methods raise one of our errors to forbid it."""

    def check_file(self, url: str, came_from: str = "") -> None:
        """Checks the address of a file."""
        ...

    def check_hop(self, url: str, came_from: str) -> None:
        """Checks a redirect."""
        ...


class DocumentAnswers:
    """Watches the documents that a press or an address loads. All but pages become downloads, even if sent inline.

    Args:
        waiter: fails if no file comes.
        guard: hosts that a file may come from; None for any.
    """

    def __init__(self, waiter: asyncio.Future[Any], guard: HostCheck | None) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        """Response headers of each file, by address."""
        self.frame_error: errors.OrderError | None = None
        """Error for a page that loaded in another frame: it may come from the click or from the page itself."""
        self.led: dict[str, str] = {}
        """Targets of redirects that followed the press, each with the address that redirected there."""
        self._waiter = waiter
        self._guard = guard
        self._sessions: list[playwright.CDPSession] = []
        self._own_frames: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def watch(self, session: playwright.CDPSession, frame_url: str) -> None:
        """Watches this session; a page in its main frame or at this address is the click's response."""
        self._sessions.append(session)
        tree = (await session.send("Page.getFrameTree"))["frameTree"]
        self._own_frames.add(tree["frame"]["id"])
        self._own_frames.update(_frames_at(frame_url, tree))
        session.on("Fetch.requestPaused", lambda event: self._paused(session, event))
        # Chromium accepts a compressed body that is cut off within an intact message.
        await session.send("Network.enable", {"maxTotalBufferSize": 0})
        await session.send("Network.setExtraHTTPHeaders", {"headers": {"Accept-Encoding": "identity"}})
        pattern = {"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"}
        await session.send("Fetch.enable", {"patterns": [pattern]})

    async def stop(self) -> None:
        """Continues paused requests, in limited time even if the browser hangs."""
        try:
            async with asyncio.timeout(contexts.CLOSE_TIMEOUT):
                await asyncio.gather(*self._tasks)
                for session in self._sessions:
                    with contextlib.suppress(playwright.Error):  # the page is gone, with its sessions
                        await session.detach()
        except TimeoutError:
            _log.info("the browser hangs after a click")

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
                target = _joined(url, sent["location"])
                self._guard.check_hop(target, url)
                self.led[target] = url
            if status in _NO_FILE and not is_page and url not in self.headers:
                self._refuse(event["frameId"], _refusal(url, status, "", sent))
                await session.send("Fetch.failRequest", {"requestId": request, "errorReason": "Aborted"})
                return
            if redirected or status in _NO_FILE | {0, 204, 205} or (is_page and not is_attachment) or status >= 300:
                await session.send("Fetch.continueRequest", {"requestId": request})
                # A request that we stopped has no response. A download that fails at once is retried by the browser
                # itself.
                failed = event.get("responseErrorReason", "")
                if not redirected and status not in {204, 205} and failed != "Aborted" and url not in self.headers:
                    self._refuse(event["frameId"], _refusal(url, status, failed, sent))
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
        except errors.OrderError as error:  # raised by the guard
            self._refuse(event["frameId"], error)
            with contextlib.suppress(playwright.Error):  # the page is gone, with the request
                await session.send("Fetch.failRequest", {"requestId": request, "errorReason": "BlockedByClient"})
        except playwright.Error as error:
            if not self._waiter.done():
                self._waiter.set_exception(error)

    def _refuse(self, frame: str, error: errors.OrderError) -> None:
        if frame not in self._own_frames:
            self.frame_error = error
        elif not self._waiter.done():
            self._waiter.set_exception(error)


def _joined(url: str, location: str) -> str:
    """The target of a redirect, parsed as browsers do."""
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
        return NotProcessedError(f"the file could not be downloaded ({failed or 'no answer'})")
    if status not in _NO_FILE | {403, 404, 410} and not http_statuses.is_temporary(status):
        return PageOpenedError("a click on the attachment opened a page instead of the file", url=url, status=status)
    said = f"the portal answered HTTP {status} for the file"
    error = http_statuses.error_of(status, said, sent.get("retry-after", ""))
    if isinstance(error, errors.TransientError) and http_statuses.is_not_processed(status):
        return NotProcessedError(str(error), error.code, retry_after=error.retry_after)
    return error


class NotProcessedError(errors.TransientError):
    """The portal or the connection failed before the request was processed: the control may be pressed again."""


class PageOpenedError(errors.NotAFileError):
    """The browser opened a page instead of a file; the portal decides whether it is a sign-in page."""

    def __init__(self, message: str, *, url: str, status: int) -> None:
        super().__init__(message)
        self.url = url
        self.status = status
