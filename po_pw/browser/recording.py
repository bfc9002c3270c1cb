"""Records Playwright traces of a context's pages, one order at a time. They still contain secrets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

from playwright import async_api as playwright

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_log = logging.getLogger(__name__)

_TIMEOUT: Final = 10.0
"""Seconds for the driver to start or stop a recording."""
_REMAINS: Final = ("screencast/*", "*.trace", "*.stacks", "*-pwnetcopy-*")
"""Files that each recording leaves. The `.network` file, which is empty, stays: the driver copies it later."""


class Recording:
    """Records the pages of one context. If recording fails, only the trace is missing.

    Records screenshots and Playwright's calls, but neither the page's source nor its requests: for those, Playwright
    would run a script in every page and read the body of every response.

    Args:
        inner: the Playwright context.
        folder: the driver's trace folder, used by this context alone and closed to other users; the caller removes it.
    """

    def __init__(self, inner: playwright.BrowserContext, folder: Path) -> None:
        self._tracing = inner.tracing
        self._folder = folder
        self._is_recording = False

    async def open(self) -> None:
        """Prepares the context; recording starts with `begin`."""
        with _logged():
            async with asyncio.timeout(_TIMEOUT):
                await self._tracing.start(screenshots=True, snapshots=False, sources=False)
                await self._tracing.stop_chunk()

    async def begin(self, title: str) -> None:
        """Starts recording.

        Args:
            title: of the recording.
        """
        with _logged():
            async with asyncio.timeout(_TIMEOUT):
                await self._tracing.start_chunk(title=title)
                self._is_recording = True

    async def end(self, path: Path | None) -> bool:
        """Stops recording.

        Args:
            path: of the trace; None to write none.

        Returns:
            Whether it was written.
        """
        if not self._is_recording:
            return False
        self._is_recording = False
        is_written = False
        with _logged():
            async with asyncio.timeout(_TIMEOUT):
                await self._tracing.stop_chunk(path=path)
                is_written = path is not None
        await asyncio.to_thread(self._remove_parts)
        return is_written

    def _remove_parts(self) -> None:
        for pattern in _REMAINS:
            for path in self._folder.glob(pattern):
                with contextlib.suppress(OSError):  # the folder is removed later, with everything in it
                    path.unlink()


@contextlib.contextmanager
def _logged() -> Iterator[None]:
    try:
        yield
    except (playwright.Error, TimeoutError) as error:
        _log.info("no trace was recorded: %s", str(error).partition("\n")[0] or "the driver did not answer in time")
