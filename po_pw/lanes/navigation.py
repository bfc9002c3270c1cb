"""Opens an address on a page, and turns Playwright's errors about it into ours."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

from playwright import async_api as playwright

from po_pw import errors, http_statuses, models, net_errors, redact
from po_pw.browser import launching, page_lease
from po_pw.transport import certificate_requests, resolving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from po_pw import settings

_NETWORK: Final = ("net::ERR_", "NS_ERROR", "Navigation failed", "interrupted by another navigation")
"""Parts of Chromium's messages for errors that may be temporary."""


@contextlib.contextmanager
def document_responses(page: playwright.Page) -> Iterator[list[playwright.Response]]:
    """Collects the responses for the page's own documents inside the block, latest last."""
    answers: list[playwright.Response] = []

    def note(answer: playwright.Response) -> None:
        if answer.request.is_navigation_request() and answer.frame == page.main_frame:
            answers.append(answer)

    page.on("response", note)
    try:
        yield answers
    finally:
        page.remove_listener("response", note)


async def go(
    lease: page_lease.PageLease, url: str, options: settings.Settings, answers: list[playwright.Response]
) -> int:
    """Opens an address; returns the HTTP status.

    Args:
        lease: of the page; if it was pressed on, it is left first.
        url: to open.
        options: seconds for the first response, and who may see the client certificate.
        answers: from `document_responses`.

    Raises:
        TransientError: the portal is temporarily unavailable or cannot be reached.
        PermanentError: the address is invalid, or opens a file.
    """
    with map_page_errors(url):
        await lease.end_guard()
        answers.clear()
        try:
            await lease.page.goto(url, wait_until="commit", timeout=options.navigation_timeout * 1000)
        except playwright.Error as error:
            # For an error status without a body Chromium shows no page; the response has the status.
            if "ERR_HTTP_RESPONSE_CODE_FAILURE" not in str(error) or not answers:
                if (
                    not lease.page.is_closed()
                    and (refused := await _unreachable(url, error, answers, options)) is not None
                ):
                    raise refused from error
                raise
    if not answers:
        return 200
    status = answers[-1].status
    if http_statuses.is_temporary(status):
        said = f"the portal answered HTTP {status} for the order's page"
        raise http_statuses.error_of(status, said, answers[-1].headers.get("retry-after", ""))
    return status


async def _unreachable(
    url: str, error: playwright.Error, answers: Sequence[playwright.Response], options: settings.Settings
) -> errors.HostUnreachableError | None:
    """The error for a host that did not answer, that of the address or of a redirect; None for any other error."""
    said = launching.first_line(error)
    fault = models.NetFault.SILENT if isinstance(error, playwright.TimeoutError) else net_errors.of_chromium(said)
    if fault is None:
        return None
    if answers and (target := answers[-1].headers.get("location", "")):
        url = urljoin(answers[-1].url, target)
    if fault is models.NetFault.NAME and not await resolving.name_server_answers(url):
        fault = models.NetFault.NAME_SERVER
    if fault is models.NetFault.SILENT and await certificate_requests.is_missing(url, options.client_certificate_hosts):
        fault = models.NetFault.CLIENT_CERTIFICATE
    return net_errors.unreachable(url, fault, said)


@contextlib.contextmanager
def map_page_errors(url: str) -> Iterator[None]:
    """Maps Playwright's errors inside the block, while this address is opened or its page is read.

    Raises:
        TransientError: the page did not answer in time, or the connection failed.
        PermanentError: the address is invalid, or opens a file.
    """
    try:
        yield
    except playwright.TimeoutError as error:
        msg = "the order's page did not answer in time"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        first = launching.first_line(error)
        if "Download is starting" in first:
            msg = f"the url opens a file, not the order's page: {redact.bare(url)}"
            raise errors.PermanentError(msg, models.ErrorCode.INVALID_URL) from error
        if "Cannot navigate to invalid URL" in first or "ERR_INVALID_URL" in first:
            msg = "the url cannot be opened: correct it in your list"
            raise errors.PermanentError(msg, models.ErrorCode.INVALID_URL) from error
        for name in _NETWORK:
            if name in first:
                at = first.find("net::")
                reason = first[at:].split(" ")[0] if at >= 0 else name
                msg = f"the portal could not be reached ({reason})"
                raise errors.TransientError(msg, models.ErrorCode.NETWORK) from error
        raise
