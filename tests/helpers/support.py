"""Helpers for all tests: coroutines run on their own thread, as pytest-playwright occupies the main thread's loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

IN_TIME: Final = 300.0
"""Seconds after which a wait is taken for a hang, on a machine whose cores are all busy. No result depends on it."""


async def until(condition: Callable[[], object]) -> None:
    """Waits for a condition that sends no notification.

    Raises:
        TimeoutError: it did not become true.
    """
    async with asyncio.timeout(IN_TIME):
        while not condition():  # noqa: ASYNC110 - browsers, servers and disks tell nobody
            await asyncio.sleep(0.01)


def run_async(coroutine: Coroutine[Any, Any, T], timeout: float = IN_TIME) -> T:
    """Runs a coroutine to its end on a fresh loop in a fresh thread, and gives its result or raises its error."""

    async def bounded() -> T:
        async with asyncio.timeout(timeout):
            return await coroutine

    return on_thread(lambda: asyncio.run(bounded()))


def on_thread(action: Callable[[], T]) -> T:
    """Does something that runs a loop of its own in a fresh thread, and gives its result or raises its error."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(action).result()
