"""How a browser is ended: politely, else by its process tree, and whatever else runs on its user-data dir."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from playwright import async_api as playwright

from po_pw.browser import watchdog

if TYPE_CHECKING:
    from pathlib import Path

    import psutil


async def abandon(launching: asyncio.Future[playwright.BrowserContext], user_data_dir: Path) -> None:
    """Ends a launch that nobody waits for any more, and its browser, which may not even have started yet."""
    killed = False
    while not launching.done():
        found = await asyncio.to_thread(kill_all_on, user_data_dir)
        if killed and not found:
            launching.cancel()  # killed at a bad moment, the driver would wait for it until the launch timeout
        killed = killed or found
        await asyncio.wait([launching], timeout=0.5)
    if not launching.cancelled() and launching.exception() is None:
        with contextlib.suppress(playwright.Error):
            await launching.result().close()
    await asyncio.to_thread(kill_all_on, user_data_dir)


def kill_all_on(user_data_dir: Path) -> bool:
    """Kills what runs on a user-data dir; says whether anything did."""
    found = watchdog.browsers_in(user_data_dir)
    for browser in found:
        watchdog.kill_tree(browser)
    return bool(found)


def end(process: psutil.Process | None, user_data_dir: Path, patience: float) -> None:
    """Gives a browser so many seconds to end, then kills it, and whatever else runs on its user-data dir."""
    if process is not None and not watchdog.wait_gone([process], patience):
        watchdog.kill_tree(process)
    kill_all_on(user_data_dir)
