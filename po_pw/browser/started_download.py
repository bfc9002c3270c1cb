"""A download that has started in the browser: waits for its file, and cancels one that stalls or is too large."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

from po_pw import errors, models, numerals
from po_pw.browser import contexts, launching, page_lease

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOOKS: Final = 4
"""Checks of a download's size per stall timeout."""


@dataclasses.dataclass(frozen=True, slots=True)
class StartedDownload:
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
        oversize = self._context.oversize
        try:
            path = Path(await self._arrived(stall))
        except playwright.Error as error:
            why = launching.first_line(error)
            if not await self._context.is_alive():
                msg = f"the browser stopped while downloading {self.sent_name!r}"
                raise errors.BrowserLostError(msg) from error
            if oversize is not None and oversize.was_cancelled(self.url, self.sent_name):
                raise errors.too_large(oversize.max_bytes) from error
            msg = f"the download of {self.sent_name!r} broke off ({why})"
            raise errors.TransientError(msg, models.ErrorCode.TRUNCATED) from error
        # Chromium accepts a body that is too short if the server sends no validator (ETag).
        announced = numerals.parse_int(self.headers.get("content-length", ""))
        encoded = self.headers.get("content-encoding", "identity").lower() not in {"", "identity"}
        size = (await asyncio.to_thread(path.stat)).st_size
        if oversize is not None and size > oversize.max_bytes:  # complete before it could be cancelled
            await self.discard()
            raise errors.too_large(oversize.max_bytes)
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


def _bytes_in(folder: Path) -> int:
    """Total bytes of complete and incomplete downloads in a folder."""
    total = 0
    for path in folder.glob("*"):
        with contextlib.suppress(OSError):  # just moved away
            total += path.stat().st_size
    return total
