"""Checks of files that the browser downloads: their hosts, their size, and whether a sign-in page came instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from po_pw import errors, numerals
from po_pw.portals.generic import address_policy, page_facts, record_address, sign_in_signs
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from playwright import async_api as playwright

    from po_pw import settings
    from po_pw.browser import document_answers, started_download
    from po_pw.portals import base as portals

_LOOK_TIMEOUT: Final = 5.0
"""Seconds to read a page that came instead of a file; a guarded page may never finish."""


async def raise_if_signed_out(page: playwright.Page, asked: str, error: document_answers.PageOpenedError) -> None:
    """Raises if the page that came instead of a file is a sign-in page.

    Args:
        page: as it is shown.
        asked: address of the file, or of the order's page with the control.
        error: from the download.

    Raises:
        SessionExpiredError: it is one.
    """
    facts = await page_facts.look(page, asked=asked, status=error.status, within=_LOOK_TIMEOUT)
    kept = record_address.same_address(asked, facts.url)
    if sign_in_signs.sign_in_reason(facts, kept=kept, strong=False, has_area=False):
        msg = "the portal asked for a sign-in instead of sending the file"
        raise errors.SessionExpiredError(msg) from error


def host_policy(
    portal: portals.Portal, options: settings.Settings, order_url: str, page_url: str
) -> allowed_hosts.HostPolicy:
    """Which hosts an order's files may come from.

    Args:
        portal: of the order.
        options: of the run; names further hosts.
        order_url: the order's own address.
        page_url: the final address of the page with the links.
    """
    return allowed_hosts.host_policy(
        order_url,
        page_url,
        declared=portal.file_hosts(order_url),
        allowed=options.allow_hosts,
        is_sign_in=lambda url: sign_in_signs.leads_to_sign_in(url, order_url),
        changes=lambda url: address_policy.change_in_address(url) is not None,
        leads_to_files=portal.leads_to_files,
    )


async def refuse_if_too_large(got: started_download.StartedDownload, most: int | None) -> None:
    """Cancels a download whose response announces more than `most` bytes, before they arrive.

    Raises:
        PermanentError: it was cancelled.
    """
    announced = numerals.parse_int(got.headers.get("content-length", ""))
    if most is not None and announced is not None and announced > most:
        await got.discard()
        raise errors.too_large(most)
