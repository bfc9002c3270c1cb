"""Places for those who work at once, whose number may change while they work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Limiter:
    """As many at once as are allowed at the moment; who is in stays in where it becomes fewer. A context manager.

    Args:
        allowed: how many; at least 1. Asked each time somebody wants in.
    """

    def __init__(self, allowed: Callable[[], int]) -> None:
        self._allowed = allowed
        self._taken = 0
        self._left = asyncio.Event()

    async def acquire(self) -> None:
        """Waits for a place."""
        while self._taken >= self._allowed():
            self._left.clear()
            await self._left.wait()
        self._taken += 1

    def release(self) -> None:
        """Gives a place back."""
        self._taken -= 1
        self._left.set()

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
