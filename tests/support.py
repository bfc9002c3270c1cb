"""What tests share: coroutines run on their own thread; pytest-playwright occupies the main thread's loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


def run_async(coroutine: Coroutine[Any, Any, T], timeout: float = 100) -> T:
    """Runs a coroutine to its end on a fresh loop in a fresh thread, and gives its result or raises its error."""

    async def bounded() -> T:
        async with asyncio.timeout(timeout):
            return await coroutine

    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, bounded()).result()
