"""Downloads files by clicking: for attachments without an address of their own."""

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

from po_pw import errors, http_statuses, models, net_errors, numerals
from po_pw.browser import contexts, launching, page_lease, press_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_log = logging.getLogger(__name__)

_NET: Final = re.compile(r"net::ERR_\w+")
_ANSWERED: Final = frozenset({"net::ERR_ABORTED", "net::ERR_BLOCKED_BY_CLIENT", "net::ERR_HTTP_RESPONSE_CODE_FAILURE"})
"""Errors that the browser reports although there was a response: a download, a request we blocked, no page."""
_UNTRUSTED: Final = ("net::ERR_CERT", "net::ERR_SSL", "net::ERR_PROXY", "net::ERR_INVALID_AUTH")

_NO_FILE: Final = frozenset({201, 202, 203, *range(206, 300)})
"""Success statuses that bring no complete file: only 200 does; 204 and 205 leave the page as it is."""
_LOOKS: Final = 4
"""Checks of a download's size per stall timeout."""
_SETTLES_WITHIN: Final = 2.0
"""Seconds without news, after a request was stopped, until the press counts as finished."""


@dataclasses.dataclass(frozen=True, slots=True)
class Captured:
    """A download that has started. It continues whatever the page does next."""

    sent_name: str
    url: str
    headers: Mapping[str, str]
    """Of the response, names in lower case; empty for a `blob:`."""
    _download: playwright.Download
    _context: contexts.Context

    @property
    def temporary(self) -> Path:
        """The folder on whose disk the browser keeps its own files."""
        return self._context.temporary

    async def part(self, stall: float = 60.0) -> Path:
        """Waits for the complete file; returns the browser's path of it.

        Args:
            stall: seconds without data, of any download of this context, after which it is cancelled.

        Raises:
            TransientError: it stalled, the browser cancelled it, or it is shorter than announced.
            PermanentError: it was larger than allowed and was cancelled.
            BrowserLostError: the browser crashed.
        """
        limits = self._context.transfers
        try:
            path = Path(await self._arrived(stall))
        except playwright.Error as error:
            why = launching.first_line(error)
            if not await self._context.is_alive():
                msg = f"the browser stopped while downloading {self.sent_name!r}"
                raise errors.BrowserLostError(msg) from error
            if limits is not None and limits.ended(self.url, self.sent_name):
                raise _too_large(limits.max_bytes) from error
            msg = f"the download of {self.sent_name!r} broke off ({why})"
            raise errors.TransientError(msg, models.ErrorCode.TRUNCATED) from error
        # Chromium accepts a body that is too short if the server sends no validator (ETag).
        announced = numerals.parse_int(self.headers.get("content-length", ""))
        encoded = self.headers.get("content-encoding", "identity").lower() not in {"", "identity"}
        size = (await asyncio.to_thread(path.stat)).st_size
        if limits is not None and size > limits.max_bytes:  # complete before it could be cancelled
            await self.discard()
            raise _too_large(limits.max_bytes)
        if announced is not None and not encoded and size < announced:
            msg = f"only {size} of {announced} bytes of {self.sent_name!r} arrived"
            raise errors.TransientError(msg, models.ErrorCode.TRUNCATED)
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
                    msg = f"the download of {self.sent_name!r} stalled for {stall:.0f} s"
                    raise errors.TransientError(msg, models.ErrorCode.TIMEOUT)
            return str(await waiting)
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.wait([waiting])
            elif not waiting.cancelled():
                waiting.exception()  # marks it as retrieved, else asyncio logs it

    async def discard(self) -> None:
        """Cancels the download and removes its file; no effect if the browser is gone."""
        with contextlib.suppress(playwright.Error):
            await page_lease.discard_download(self._download)


def _too_large(max_bytes: int) -> errors.PermanentError:
    return errors.PermanentError(
        f"the file is larger than {max_bytes:,} bytes, the limit you set (--max-file-size)", models.ErrorCode.TOO_LARGE
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The click requested a document: the request was stopped, and its address can be fetched like any other link."""

    url: str
    name: str = ""
    """The file name in the link's `download` attribute; `""` if there is none."""
    others: tuple[str, ...] = ()
    """Other addresses that were requested."""
    sent: tuple[press_record.Judged, ...] = ()
    """Requests other than GET that were sent before: if no file comes, the control must not be pressed again."""


class Guard(Protocol):
    """Hosts that a file may come from; both methods raise one of our errors to forbid it."""

    def check_file(self, url: str, came_from: str = "") -> None:
        """Checks the address of a file."""
        ...

    def check_hop(self, url: str, came_from: str) -> None:
        """Checks a redirect."""
        ...


def _bytes_in(folder: Path) -> int:
    """Total bytes of complete and incomplete downloads in a folder."""
    total = 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):  # just moved away
            total += path.stat().st_size
    return total


class _Answers:
    """Watches the documents that a click loads. Anything but a page becomes a download, even if sent inline."""

    def __init__(self, waiter: asyncio.Future[Any], guard: Guard | None) -> None:
        self.headers: dict[str, dict[str, str]] = {}
        """Response headers of each file, by address."""
        self.frame_error: errors.OrderError | None = None
        """Error for a page that loaded in another frame: it may come from the click or from the page itself."""
        self.led: dict[str, str] = {}
        """By the address that a redirect of the click's answer led to, where it came from."""
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
        return NotDealtWithError(f"the file could not be downloaded ({failed or 'no answer'})")
    if status not in _NO_FILE | {403, 404, 410} and not http_statuses.is_temporary(status):
        return PageInsteadError("a click on the attachment opened a page instead of the file", url=url, status=status)
    said = f"the portal answered HTTP {status} for the file"
    error = http_statuses.error_of(status, said, sent.get("retry-after", ""))
    if isinstance(error, errors.TransientError) and http_statuses.is_not_dealt_with(status):
        return NotDealtWithError(str(error), error.code, retry_after=error.retry_after)
    return error


class NotDealtWithError(errors.TransientError):
    """The portal or the connection failed before the request was processed: the control may be pressed again."""


class PageInsteadError(errors.NotAFileError):
    """A page came instead of a file; the portal decides whether it is a sign-in page."""

    def __init__(self, message: str, *, url: str, status: int) -> None:
        super().__init__(message)
        self.url = url
        self.status = status


async def capture(
    context: contexts.Context,
    lease: page_lease.PageLease,
    click: models.Click,
    timeout: float,
    guard: Guard | None = None,
    *,
    allow: press_record.Allow,
    judge: press_record.Judge,
    on_audit: press_record.OnAudit,
    on_no_file: Callable[[models.Control, errors.OrderError], None] = lambda *_: None,
) -> Captured | Opened:
    """Presses a control once; returns the download that starts, or the address that it leads to.

    The page stays guarded until it is left (`PageLease.end_guard`). It cannot be used for anything else before that,
    because it may still send requests.

    Args:
        context: of the page.
        lease: the page with the control.
        click: the control.
        timeout: seconds for a download to start.
        guard: hosts that it may come from; None for any.
        allow: checks the control right before the press.
        judge: decides on each request that follows, while it is held.
        on_audit: called for the press, and for requests that change something or were stopped.
        on_no_file: called with the control and the error if a request other than GET was processed and brought no
            file: this control and similar ones must not be pressed again in this run.

    Raises:
        TransientError: nothing started in time, or the control was not found.
        PressRefusedError: it may not be pressed, its request was stopped, or its request brought no file.
        NotAFileError: a page came instead (`PageInsteadError`).
    """
    press_guarding = await context.guards.on(lease)
    press = press_record.Press(models.Purpose.FILE, judge, on_audit, lease.page.url, frozenset(lease.kinds))
    press_guarding.is_pressing = True
    try:
        with press_record.clickable(press):
            frame, go = await press_guarding.do(click, press, allow)
            result = await _start_and_wait(context, lease, frame, go, timeout, guard, press)
    except errors.OrderError as error:
        if press.sent and not isinstance(error, NotDealtWithError | errors.BrowserLostError):
            on_no_file(click.control, error)
        if isinstance(error, _NothingBegan):
            await press_guarding.note_messages()
            refused = press.fruitless()
            if refused is not None:
                raise refused from error
        raise
    finally:
        press_guarding.is_pressing = False
    if isinstance(result, Opened):
        return dataclasses.replace(result, name=await press_guarding.name_given(result.url))
    return result


def _reads_alone(held: models.HeldRequest) -> models.Judgement:
    if held.method in {"GET", "HEAD", "OPTIONS"} or held.url.startswith(("blob:", "data:", "about:")):
        return models.Judgement(models.Ruling.PASS, "opening a file's address only reads")
    return models.Judgement(models.Ruling.STOP, "sent by a page that opened instead of the file")


async def download(
    context: contexts.Context,
    lease: page_lease.PageLease,
    url: str,
    referer: str,
    timeout: float,
    guard: Guard | None = None,
    *,
    on_audit: press_record.OnAudit = lambda _: None,
) -> Captured:
    """Opens a file's address in the browser; returns the download that starts, even of files that browsers display.

    If a page comes instead, its scripts run, so it is guarded as after a press: it sends nothing but GET.

    Args:
        context: of the page.
        lease: any page of the context.
        url: of the file.
        referer: `Referer` to send; `""` for none.
        timeout: seconds for the download to start.
        guard: hosts that it may come from; None for any.
        on_audit: called for requests that were stopped.

    Raises:
        TransientError: nothing started in time, or the connection failed.
        PermanentError: the browser does not trust the host, or its request was refused.
        NotAFileError: a page came instead (`PageInsteadError`).
    """
    await lease.end_guard()
    page = lease.page
    guarding = await context.guards.on(lease)
    guarding.press = press_record.Press(models.Purpose.FILE, _reads_alone, on_audit, url, frozenset())

    async def go() -> None:
        try:
            await page.goto(url, referer=referer or None, wait_until="commit", timeout=timeout * 1000)
        except playwright.Error as error:
            found = _NET.search(str(error))
            if "Download is starting" not in str(error) and (found is None or found[0] not in _ANSWERED):
                raise

    try:
        result = await _start_and_wait(context, lease, page.main_frame, go, timeout, guard, None)
    except playwright.TimeoutError as error:
        msg = f"the browser got no answer within {timeout:.0f} s"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        found = _NET.search(str(error))
        if found is None:
            raise
        fault = net_errors.of_chromium(found[0])
        why = f"{net_errors.MEANINGS[fault].why}, " if fault is not None else ""
        msg = f"the browser cannot download it either ({why}{found[0]})"
        if found[0].startswith(_UNTRUSTED):
            raise errors.PermanentError(msg, models.ErrorCode.NETWORK) from error
        raise errors.TransientError(msg, models.ErrorCode.NETWORK) from error
    if isinstance(result, Opened):
        msg = "the file's address opened a page in the browser"
        raise errors.NotAFileError(msg)
    return result


class _NothingBegan(errors.TransientError):
    """Neither a download nor a page came in time after a press."""

    default_code = models.ErrorCode.TIMEOUT


async def _start_and_wait(
    context: contexts.Context,
    lease: page_lease.PageLease,
    frame: playwright.Frame,
    begin: Callable[[], Awaitable[None]],
    timeout: float,
    guard: Guard | None,
    press: press_record.Press | None,
) -> Captured | Opened:
    """Runs `begin` and returns what starts: a download, or the address of a page."""
    waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    answers = _Answers(waiter, guard)
    lease.waiter = waiter
    try:
        async with asyncio.timeout(timeout):
            await answers.watch(await context.cdp(lease.page), frame.url)
            if frame is not lease.page.main_frame:
                with contextlib.suppress(playwright.Error):  # in the page's own process: already watched
                    await answers.watch(await context.cdp(frame), frame.url)
            await begin()
            result = await waiter if press is None else await _outcome(waiter, press)
    except TimeoutError:
        result = None
    finally:
        lease.waiter = None
        waiter.cancel()
        await answers.stop()
        if not waiter.cancelled():
            waiter.exception()  # too late: no one waits for it
    if result is None and press is not None and press.links:
        result = _opened(press)
    if result is None:
        if answers.frame_error is not None:
            raise answers.frame_error
        msg = f"no download started within {timeout:.0f} s"
        raise _NothingBegan(msg)
    if isinstance(result, Opened):
        return result
    if isinstance(result, playwright.Page):
        url = result.url
        await result.close()
        return Opened(url)
    captured = Captured(result.suggested_filename, result.url, answers.headers.get(result.url, {}), result, context)
    if guard is not None and result.url.startswith(("http://", "https://")):
        try:
            guard.check_file(result.url, answers.led.get(result.url, ""))
        except errors.OrderError:
            await captured.discard()
            raise
    return captured


async def _outcome(waiter: asyncio.Future[Any], press: press_record.Press) -> Any:
    """Waits for the download, or the address that the press leads to; None if nothing more is expected.

    A document for the page itself or for a new window is what the press leads to. One for a frame may be an
    advertisement and counts only if nothing better comes. After a stopped request nothing may come at all.
    """
    while not waiter.done():
        if any(link.is_whole_page for link in press.links):
            return _opened(press)
        press.news.clear()
        # A form's response without a document, such as 204, brings nothing; a script's response may become a file.
        is_form_sent = any(judged.request.resource == "document" for judged in press.sent)
        settles = (press.links or press.stopped or is_form_sent) and not press.under_way
        news = asyncio.ensure_future(press.news.wait())
        try:
            await asyncio.wait(
                [waiter, news], timeout=_SETTLES_WITHIN if settles else None, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            is_new = news.done()
            news.cancel()
        if not is_new and not waiter.done():
            return _opened(press) if press.links else None
    return waiter.result()


def _opened(press: press_record.Press) -> Opened:
    """The likeliest of the documents that a press requested: one for the page itself or a window first."""
    links = sorted(press.links, key=lambda link: not link.is_whole_page)
    return Opened(links[0].url, "", tuple(link.url for link in links[1:]), press.sent)
