"""Asks the script in each frame (`quiet.js`) for its pending work and changes."""

from __future__ import annotations

import asyncio
import importlib.resources
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, Self

from playwright import async_api as playwright

from po_pw.browser import activity

if TYPE_CHECKING:
    from po_pw.browser import page_events

_NAME: Final = secrets.token_hex(16)
_FOLDER: Final = importlib.resources.files("po_pw.browser")
_PARTS: Final = "".join((_FOLDER / name).read_text("utf-8") for name in ("quiet_work.js", "quiet_document.js"))
SCRIPT: Final = (_FOLDER / "quiet.js").read_text("utf-8").replace("//%PARTS%", _PARTS).replace("%NAME%", _NAME)
"""For `context.add_init_script`: runs in every frame before the page's own scripts."""

_ANSWERS_WITHIN: Final = 1.0
"""Seconds after which a frame that does not respond no longer delays the others."""

_SETTLED: Final = f"""(limit) => {{
  const it = window[Symbol.for('{_NAME}')];
  return it ? it.settled(limit) : null;
}}"""


class FrameReports:
    """The reports of a page's frames. A context manager.

    Args:
        page: of a context that has `SCRIPT` as an init script.
        events: of the page.
    """

    def __init__(self, page: playwright.Page, events: page_events.PageEvents) -> None:
        self._page = page
        self._events = events
        self._asks: dict[playwright.Frame, tuple[float, asyncio.Task[Any]]] = {}
        self._inert: dict[playwright.Frame, bool] = {}
        self._changes_in: dict[str, int] = {}
        """By id of a document, as it last reported."""

    def __enter__(self) -> Self:
        self._page.on("framenavigated", self._on_navigated)
        return self

    def __exit__(self, *_: object) -> None:
        self._page.remove_listener("framenavigated", self._on_navigated)
        for _began, task in self._asks.values():
            task.cancel()

    @property
    def changes(self) -> int:
        """Number of DOM changes in all frames so far, plus the number of documents."""
        return len(self._changes_in) + sum(self._changes_in.values())

    def _on_navigated(self, frame: playwright.Frame) -> None:
        self._inert.pop(frame, None)

    async def _ask(self, frame: playwright.Frame, limit: float) -> Any:
        """A frame's report once its work has ended, or after `limit` seconds.

        `"uncounted"`: our script is not in it; `"inert"`: no script can run in it.
        """
        if await self._is_inert(frame):
            return "inert"
        told = await frame.evaluate(_SETTLED, limit * 1000)
        return "uncounted" if told is None else told

    async def _is_inert(self, frame: playwright.Frame) -> bool:
        """Whether no script can run in a frame: most such frames never respond (Chromium 156)."""
        if frame.parent_frame is None:
            return False
        if frame not in self._inert:
            sandbox = await (await frame.frame_element()).get_attribute("sandbox")
            self._inert[frame] = sandbox is not None and "allow-scripts" not in sandbox.lower().split()
        return self._inert[frame]

    async def look(self, limit: float) -> dict[playwright.Frame, Any]:
        """Each frame's report, after at most `limit` seconds and what a frame takes to respond.

        A report is a JSON object of the script's (`settled` in `quiet.js`), or one of these words. `"gone"`: the frame
        is being replaced; `"silent"`: no response yet; `"uncounted"`: the script is not in it, or it never responds;
        `"inert"`: no script can run in it.

        Raises:
            playwright.Error: the page was closed or crashed.
        """
        now = time.monotonic()
        for frame in self._page.frames:
            if frame not in self._asks:
                self._asks[frame] = now, asyncio.ensure_future(self._ask(frame, limit))
        tasks = [task for began, task in self._asks.values() if now - began < _ANSWERS_WITHIN]
        if tasks:
            await asyncio.wait(tasks, timeout=limit + _ANSWERS_WITHIN)
        told: dict[playwright.Frame, Any] = {}
        for frame, (began, task) in list(self._asks.items()):
            if frame.is_detached():
                task.cancel()
                del self._asks[frame]
                continue
            if not task.done():
                told[frame] = "silent" if time.monotonic() - began < activity.HORIZON else "uncounted"
                continue
            del self._asks[frame]
            error = task.exception()
            if error is None:
                told[frame] = task.result()
            elif isinstance(error, playwright.Error) and not self._page.is_closed() and not self._events.is_crashed:
                told[frame] = "gone"
            else:
                raise error
        self._changes_in.update(
            (report["id"], report["changes"]) for report in told.values() if isinstance(report, dict)
        )
        return told
