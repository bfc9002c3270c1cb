"""Opens an address in a browser; reports its status, or why it does not open."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from playwright import async_api as playwright

from po_pw import errors, models, net_errors
from po_pw.browser import launching
from po_pw.transport import certificate_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SETTLES_WITHIN: Final = 5.0
"""Maximum seconds for a page to load everything: a script may redirect to a sign-in. Portals that poll never end."""


@dataclasses.dataclass(slots=True)
class Statuses:
    """The documents that a page showed, and their HTTP statuses."""

    last: int = 200
    seen: int = 0
    shown: int = 0
    """Documents that the page went on to after an answer had come."""
    led_to: str = ""
    """Target of the last response's redirect; `""` if it did not redirect."""


async def open_page(
    page: playwright.Page,
    url: str,
    timeout: float,
    named: Iterable[str] = (),
) -> int:
    """Opens an address, and waits a little for its scripts; returns the HTTP status.

    Args:
        page: of any context.
        url: http(s).
        timeout: seconds.
        named: hosts that get the client certificate from the browser.

    Raises:
        PortalUnreachableError: the host does not answer; the message says why.
    """
    with statuses(page) as counted:
        try:
            answer = await page.goto(url, wait_until="domcontentloaded", timeout=timeout * 1000)
            # A page that polls is used as it is after a while.
            with contextlib.suppress(playwright.TimeoutError):
                await page.wait_for_load_state("networkidle", timeout=min(timeout, _SETTLES_WITHIN) * 1000)
        except playwright.Error as error:
            if page.is_closed():
                raise
            silent = counted.led_to or url
            if isinstance(error, playwright.TimeoutError) and await certificate_requests.is_missing(silent, named):
                asks = net_errors.unreachable(silent, models.NetFault.CLIENT_CERTIFICATE)
                raise errors.PortalUnreachableError(str(asks)) from error
            raise errors.PortalUnreachableError(unreachable(silent, launching.first_line(error))) from error
        return counted.last if counted.seen else (answer.status if answer else 200)


@contextlib.contextmanager
def map_errors(what: str) -> Iterator[None]:
    """Maps the errors that Playwright raises if a page or its browser closes while in use.

    Args:
        what: what was being done; start of the message.

    Raises:
        BrowserLostError: instead of Playwright's error.
    """
    try:
        yield
    except playwright.Error as error:
        msg = f"{what} was interrupted: {launching.first_line(error)}"
        raise errors.BrowserLostError(msg) from error


def unreachable(url: str, said: str) -> str:
    """The error for an address that does not open. Pure.

    Args:
        url: the requested address.
        said: the first line of the browser's message.
    """
    fault = net_errors.of_chromium(said)
    if fault is None and "Timeout" in said:
        fault = models.NetFault.SILENT
    if fault is not None:
        return str(net_errors.unreachable(url, fault, said))
    code = re.search(r"ERR_[A-Z0-9_]+", said)
    reason = f"the connection failed ({code[0]})" if code is not None else said
    return f"{net_errors.authority_of(url)} cannot be opened: {reason}"


@contextlib.contextmanager
def statuses(page: playwright.Page) -> Iterator[Statuses]:
    """Records the status of every document that the page itself shows during the block."""
    counted = Statuses()

    def on_answer(answer: playwright.Response) -> None:
        # Asking a removed frame for its page raises an error.
        with contextlib.suppress(playwright.Error):
            if answer.request.is_navigation_request() and answer.frame == page.main_frame:
                counted.last = answer.status
                counted.seen += 1
                target = answer.headers.get("location", "")
                counted.led_to = urljoin(answer.url, target) if target else ""

    def on_document(frame: playwright.Frame) -> None:
        if frame == page.main_frame and counted.seen:
            counted.shown += 1

    page.on("response", on_answer)
    page.on("framenavigated", on_document)
    try:
        yield counted
    finally:
        page.remove_listener("response", on_answer)
        page.remove_listener("framenavigated", on_document)
