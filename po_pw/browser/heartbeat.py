"""Regular checks that a process still responds."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_STEPS: Final = 3
"""Parts into which a wait is divided: if our own process was suspended, only one part ends early."""


@dataclasses.dataclass(frozen=True, slots=True)
class Timing:
    """Interval and timeout of the checks, in seconds."""

    every: float = 5.0
    timeout: float = 15.0


async def wait_until_unresponsive(ask: Callable[[], Awaitable[object]], timing: Timing) -> None:
    """Repeats a check; returns when it gets no response in time.

    Raises:
        Exception: whatever the check raises.
    """
    while True:
        await asyncio.sleep(timing.every)
        answer = asyncio.ensure_future(ask())
        try:
            for _ in range(_STEPS):
                done, _waiting = await asyncio.wait([answer], timeout=timing.timeout / _STEPS)
                if done:
                    break
            else:
                return
            answer.result()
        finally:
            answer.cancel()
