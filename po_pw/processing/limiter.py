"""A semaphore whose limit may change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Limiter:
    """Allows a limited number of tasks at once; a lower limit does not affect those inside. A context manager.

    Args:
        allowed: returns the limit, at least 1; called on each entry.
    """

    def __init__(self, allowed: Callable[[], int]) -> None:
        self._allowed = allowed
        self._taken = 0
        self._left = asyncio.Event()

    async def acquire(self) -> None:
        """Waits until the limit allows another task."""
        while self._taken >= self._allowed():
            self._left.clear()
            await self._left.wait()
        self._taken += 1

    def release(self) -> None:
        """Lets the next task in."""
        self._taken -= 1
        self._left.set()

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
