"""What a browser downloads, while it comes: no more of a file than is allowed, whoever began it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from playwright import async_api as playwright

if TYPE_CHECKING:
    from pathlib import Path


class Transfers:
    """Ends each download of a browser that grows beyond a limit, at the moment it does.

    Args:
        session: of the browser itself; must stay open as long as the browser: without it nothing would be downloaded.
        most: bytes that a file may have.
    """

    def __init__(self, session: playwright.CDPSession, most: int) -> None:
        self.most = most
        self._session = session
        self._names: dict[str, tuple[str, str]] = {}
        self._ended: set[tuple[str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def watch(self, folder: Path) -> None:
        """Begins.

        Args:
            folder: where the browser puts what it downloads, as Playwright has told it: told once more, because only
                whoever tells it hears of downloads. Playwright hears of them still.
        """
        self._session.on("Browser.downloadWillBegin", self._begun)
        self._session.on("Browser.downloadProgress", self._came)
        await self._session.send(
            "Browser.setDownloadBehavior",
            {"behavior": "allowAndName", "downloadPath": str(folder), "eventsEnabled": True},
        )

    def ended(self, url: str, name: str) -> bool:
        """Whether a download was ended because it was too large.

        Args:
            url: its address.
            name: the browser's name for it.
        """
        return (url, name) in self._ended

    def _begun(self, event: dict[str, Any]) -> None:
        self._names[event["guid"]] = event["url"], event["suggestedFilename"]

    def _came(self, event: dict[str, Any]) -> None:
        guid = event["guid"]
        if event["state"] != "inProgress":
            self._names.pop(guid, None)
        elif max(event["receivedBytes"], event["totalBytes"]) > self.most and (named := self._names.pop(guid, None)):
            self._ended.add(named)
            task = asyncio.get_running_loop().create_task(self._end(guid), name="end-download")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end(self, guid: str) -> None:
        with contextlib.suppress(playwright.Error):  # it has just come to its end, or the browser has
            await self._session.send("Browser.cancelDownload", {"guid": guid})
