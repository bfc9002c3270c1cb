"""Runs blocking work on its own thread, and always waits for its end, even when cancelled."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")


def run_on_thread(name: str, work: Callable[[], T]) -> asyncio.Future[T]:
    """Starts work on its own thread; await the result with `wait_for_thread`."""
    pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)
    try:
        return asyncio.wrap_future(pool.submit(work))
    finally:
        pool.shutdown(wait=False)


async def wait_for_thread(future: asyncio.Future[T], given_up: threading.Event | None = None) -> T:
    """Waits until a thread's work ends, even when cancelled; the cancellation is raised afterwards.

    Args:
        future: from `run_on_thread`.
        given_up: set when the wait is cancelled, so that the work can stop early.
    """
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
            if given_up is not None:
                given_up.set()
    if cancelled is not None:
        future.exception()  # marks it as retrieved, else asyncio logs it
        raise cancelled
    return future.result()
