"""Tests one context: opens a page, runs a script, downloads a file with a click."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors, models
from po_pw.browser import capture, contexts, controls, launching, started_download

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_FILE: Final = b"po-pw\n"
_STOP: Final = models.RequestDecision(models.Ruling.STOP, "the page needs no network")
_PAGE: Final = (
    "data:text/html,<title>po-pw</title>"
    "<a id=file download='trial.txt' href='data:application/octet-stream;base64,cG8tcHcK'>file</a>"
)


async def page(context: contexts.Context, timeout: float) -> None:
    """Opens a page that needs no network and runs a script in it.

    Raises:
        MachineError: the page did not open, or the script did not run.
        BrowserLostError: the browser crashed.
    """
    async with _in_time("show a page", timeout), context.page() as lease:
        await lease.page.goto(_PAGE)
        title = await lease.page.evaluate("document.title")
    if title != "po-pw":
        msg = f"the browser shows {title!r} instead of the test page"
        raise errors.MachineError(msg)


async def download(context: contexts.Context, timeout: float) -> Path:
    """Downloads a small file from a page that needs no network; returns its path.

    Raises:
        MachineError: nothing was downloaded, or its content is wrong.
        BrowserLostError: the browser crashed.
    """
    try:
        async with _in_time("download a file", timeout), context.page() as lease:
            await lease.page.goto(_PAGE)
            link = await lease.page.query_selector("#file")
            if link is None:
                msg = "the browser does not show the link on the test page"
                raise errors.MachineError(msg)
            click = models.Click(await controls.describe(link))
            result = await capture.capture(
                context, lease, click, timeout, allow=lambda _: None, decide=lambda _: _STOP, on_audit=lambda _: None
            )
            if not isinstance(result, started_download.StartedDownload):
                msg = "the browser opened the test file instead of downloading it"
                raise errors.MachineError(msg)
            path = await result.part()
    except errors.BrowserLostError:
        raise
    except errors.OrderError as error:
        msg = f"the browser did not download the test file: {error}"
        raise errors.MachineError(msg) from error
    if await asyncio.to_thread(path.read_bytes) != _FILE:
        msg = f"the downloaded test file ({path}) differs from the one that was sent"
        raise errors.MachineError(msg)
    return path


@contextlib.asynccontextmanager
async def _in_time(what: str, timeout: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout):
            yield
    except (playwright.Error, TimeoutError) as error:
        why = f"no result within {timeout:.0f} s" if isinstance(error, TimeoutError) else launching.first_line(error)
        msg = f"the browser could not {what}: {why}"
        raise errors.MachineError(msg) from error
