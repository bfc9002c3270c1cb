"""Prints a page as PDF, as Chromium's own *Save as PDF* does, whether or not its window is visible."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import html
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors, models, redact

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

    from po_pw.browser import contexts

_CHUNK: Final = 1 << 20
"""Bytes per read."""
_INCHES: Final = {"paperWidth": 8.27, "paperHeight": 11.69, "marginTop": 0.5, "marginBottom": 0.7}
"""A4. The lower margin has the footer."""


def footer(url: str, at: datetime.datetime) -> str:
    """The footer of each sheet as HTML: address without secrets, local time, page number. Pure."""
    text = html.escape(f"{redact.address(url)} · {at.astimezone():%Y-%m-%d %H:%M %z}")
    return (
        '<div style="font-size:7px;width:100%;padding:0 10mm;display:flex;justify-content:space-between">'
        f"<span>{text}</span>"
        '<span><span class="pageNumber"></span> / <span class="totalPages"></span></span></div>'
    )


async def to_pdf(
    context: contexts.Context,
    page: playwright.Page,
    path: Path,
    *,
    at: datetime.datetime,
    timeout: float,
    most: int | None,
) -> None:
    """Prints a page to a file. Nothing is pressed, and the page does not notice (`page_lease.QUIET`).

    `Page.pdf` of Playwright refuses visible browsers; Chromium itself does not (Playwright 1.65, Chromium 156).

    Args:
        context: of the page.
        page: as it is shown now.
        path: is overwritten; removed after an error.
        at: the time for the footer.
        timeout: seconds.
        most: bytes that it may have; None for no limit.

    Raises:
        TransientError: the page did not answer in time, or cannot be printed now.
        PermanentError: the PDF is larger than `most`.
        OSError: the file cannot be written.
    """
    done = False
    try:
        async with asyncio.timeout(timeout):
            session = await context.cdp(page)
            try:
                await _print(session, path, footer(page.url, at), most)
                done = True
            finally:
                with contextlib.suppress(playwright.Error):  # the page is gone, with its session
                    await session.detach()
    except TimeoutError as error:
        msg = f"the order's page could not be printed within {timeout:.0f} s"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    except playwright.Error as error:
        msg = f"the order's page could not be printed: {str(error).partition(chr(10))[0]}"
        raise errors.TransientError(msg, models.ErrorCode.TIMEOUT) from error
    finally:
        if not done:
            await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))


async def _print(session: playwright.CDPSession, path: Path, footer_html: str, most: int | None) -> None:
    options = {
        "printBackground": True,
        "displayHeaderFooter": True,
        "headerTemplate": "<span></span>",
        "footerTemplate": footer_html,
        "generateTaggedPDF": True,
        "transferMode": "ReturnAsStream",
        **_INCHES,
    }
    stream = (await session.send("Page.printToPDF", options))["stream"]
    size = 0
    with path.open("wb") as file:
        while True:
            chunk = await session.send("IO.read", {"handle": stream, "size": _CHUNK})
            content = base64.b64decode(chunk["data"]) if chunk.get("base64Encoded") else chunk["data"].encode("latin-1")
            size += len(content)
            if most is not None and size > most:
                raise errors.too_large(most, "the printed page")
            await asyncio.to_thread(file.write, content)
            if chunk["eof"]:
                break
    await session.send("IO.close", {"handle": stream})
