"""Whether somebody still answers: one question at a time, every few seconds."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_STEPS: Final = 3
"""A wait is cut in so many parts: one that ends at once, since we were stopped ourselves meanwhile, is only one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Beat:
    """How often to ask, and how long to wait, in seconds."""

    every: float = 5.0
    patience: float = 15.0


async def wait_until_unresponsive(ask: Callable[[], Awaitable[object]], beat: Beat) -> None:
    """Asks again and again; returns when no answer came in time.

    Raises:
        Exception: what the question itself raises.
    """
    while True:
        await asyncio.sleep(beat.every)
        answer = asyncio.ensure_future(ask())
        try:
            for _ in range(_STEPS):
                done, _waiting = await asyncio.wait([answer], timeout=beat.patience / _STEPS)
                if done:
                    break
            else:
                return
            answer.result()
        finally:
            answer.cancel()
