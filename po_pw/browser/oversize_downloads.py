"""Cancels the downloads of a browser that are larger than the user allows (`--max-file-size`)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from playwright import async_api as playwright

if TYPE_CHECKING:
    from pathlib import Path


class OversizeDownloads:
    """Cancels each download of a browser as soon as it exceeds a limit.

    Args:
        session: of the browser itself; must stay open as long as the browser, or downloads stop working.
        max_bytes: maximum bytes of a file.
    """

    def __init__(self, session: playwright.CDPSession, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._session = session
        self._names: dict[str, tuple[str, str]] = {}
        self._cancelled: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def watch(self, folder: Path) -> None:
        """Starts watching.

        Args:
            folder: the browser's download folder, as set by Playwright. Set again here, because only the session that
                sets it gets download events; Playwright still gets them, too.
        """
        self._session.on("Browser.downloadWillBegin", self._begun)
        self._session.on("Browser.downloadProgress", self._came)
        await self._session.send(
            "Browser.setDownloadBehavior",
            {"behavior": "allowAndName", "downloadPath": str(folder), "eventsEnabled": True},
        )

    def was_cancelled(self, url: str, name: str) -> bool:
        """Whether a download was cancelled because it was too large.

        Args:
            url: its address.
            name: suggested by the browser.
        """
        return (url, name) in self._cancelled

    def _begun(self, event: dict[str, Any]) -> None:
        self._names[event["guid"]] = event["url"], event["suggestedFilename"]

    def _came(self, event: dict[str, Any]) -> None:
        guid = event["guid"]
        if event["state"] != "inProgress":
            self._names.pop(guid, None)
        elif max(event["receivedBytes"], event["totalBytes"]) > self.max_bytes and (
            named := self._names.pop(guid, None)
        ):
            self._cancelled.add(named)
            task = asyncio.get_running_loop().create_task(self._end(guid), name="end-download")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end(self, guid: str) -> None:
        with contextlib.suppress(playwright.Error):  # it has just finished, or the browser is gone
            await self._session.send("Browser.cancelDownload", {"guid": guid})
