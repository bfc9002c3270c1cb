"""Starts downloads in the browser: presses a control whose file has no address, or opens an address."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from playwright import async_api as playwright

from po_pw import errors, models, net_errors
from po_pw.browser import contexts, document_answers, page_lease, press_record, started_download

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_NET: Final = re.compile(r"net::ERR_\w+")
_ANSWERED: Final = frozenset({"net::ERR_ABORTED", "net::ERR_BLOCKED_BY_CLIENT", "net::ERR_HTTP_RESPONSE_CODE_FAILURE"})
"""Errors that the browser reports although there was a response: a download, a request we blocked, no page."""
_UNTRUSTED: Final = ("net::ERR_CERT", "net::ERR_SSL", "net::ERR_PROXY", "net::ERR_INVALID_AUTH")

_SETTLES_WITHIN: Final = 2.0
"""Seconds without news, after a request was stopped, until the press counts as finished."""


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The click requested a document: the request was stopped, and its address can be fetched like any other link."""

    url: str
    name: str = ""
    """The file name in the link's `download` attribute; `""` if there is none."""
    others: tuple[str, ...] = ()
    """Other addresses that were requested."""
    sent: tuple[press_record.DecidedRequest, ...] = ()
    """Requests other than GET that were sent before: if no file comes, the control must not be pressed again."""


async def capture(
    context: contexts.Context,
    lease: page_lease.PageLease,
    click: models.Click,
    timeout: float,
    guard: document_answers.HostCheck | None = None,
    *,
    allow: press_record.Allow,
    decide: press_record.Decide,
    on_audit: press_record.OnAudit,
    on_no_file: Callable[[models.Control, errors.OrderError], None] = lambda *_: None,
) -> started_download.StartedDownload | Opened:
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
        decide: decides on each request that follows, while it is held.
        on_audit: called for the press, and for requests that change something or were stopped.
        on_no_file: called with the control and the error if a request other than GET was processed and brought no
            file: this control and similar ones must not be pressed again in this run.

    Raises:
        TransientError: nothing started in time, or the control was not found.
        PressRefusedError: it may not be pressed, its request was stopped, or its request brought no file.
        NotAFileError: a page came instead (`PageOpenedError`).
    """
    press_guarding = await context.guards.on(lease)
    press = press_record.Press(models.Purpose.FILE, decide, on_audit, lease.page.url, frozenset(lease.kinds))
    press_guarding.is_pressing = True
    try:
        with press_record.clickable(press):
            frame, go = await press_guarding.do(click, press, allow)
            result = await _start_and_wait(context, lease, frame, go, timeout, guard, press)
    except errors.OrderError as error:
        if press.sent and not isinstance(error, document_answers.NotProcessedError | errors.BrowserLostError):
            on_no_file(click.control, error)
        if isinstance(error, _NothingBegan):
            await press_guarding.note_messages()
            refused = press.error_without_file()
            if refused is not None:
                raise refused from error
        raise
    finally:
        press_guarding.is_pressing = False
    if isinstance(result, Opened):
        return dataclasses.replace(result, name=await press_guarding.name_given(result.url))
    return result


def _reads_alone(held: models.HeldRequest) -> models.RequestDecision:
    if held.method in {"GET", "HEAD", "OPTIONS"} or held.url.startswith(("blob:", "data:", "about:")):
        return models.RequestDecision(models.Ruling.PASS, "opening a file's address only reads")
    return models.RequestDecision(models.Ruling.STOP, "sent by a page that opened instead of the file")


async def download(
    context: contexts.Context,
    lease: page_lease.PageLease,
    url: str,
    referer: str,
    timeout: float,
    guard: document_answers.HostCheck | None = None,
    *,
    on_audit: press_record.OnAudit = lambda _: None,
) -> started_download.StartedDownload:
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
        NotAFileError: a page came instead (`PageOpenedError`).
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
    guard: document_answers.HostCheck | None,
    press: press_record.Press | None,
) -> started_download.StartedDownload | Opened:
    """Runs `begin` and returns what starts: a download, or the address of a page."""
    waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    answers = document_answers.DocumentAnswers(waiter, guard)
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
    captured = started_download.StartedDownload(
        result.suggested_filename, result.url, answers.headers.get(result.url, {}), result, context
    )
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
        is_form_sent = any(decided.request.resource == "document" for decided in press.sent)
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
