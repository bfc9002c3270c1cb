"""Ends browsers: waits for a regular exit, then kills the process tree and all processes on its user-data dir."""

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
    """Ends an abandoned launch and its browser, which may not have started yet."""
    killed = False
    while not launching.done():
        found = await asyncio.to_thread(kill_all_on, user_data_dir)
        if killed and not found:
            launching.cancel()  # if the browser is killed too early, the driver waits until the launch timeout
        killed = killed or found
        await asyncio.wait([launching], timeout=0.5)
    if not launching.cancelled() and launching.exception() is None:
        with contextlib.suppress(playwright.Error):
            await launching.result().close()
    await asyncio.to_thread(kill_all_on, user_data_dir)


def kill_all_on(user_data_dir: Path) -> bool:
    """Kills all processes on a user-data dir; returns whether there were any."""
    found = watchdog.browsers_in(user_data_dir)
    for browser in found:
        watchdog.kill_tree(browser)
    return bool(found)


def end(process: psutil.Process | None, user_data_dir: Path, timeout: float) -> None:
    """Waits up to `timeout` seconds for a browser to exit, then kills it and all processes on its user-data dir."""
    if process is not None and not watchdog.wait_ended([process], timeout):
        watchdog.kill_tree(process)
    kill_all_on(user_data_dir)
