"""What all workers of a run share about files: how many at once, how many bytes came, and by which way they come."""

from __future__ import annotations

import asyncio
import collections
import contextlib
from typing import TYPE_CHECKING

from po_pw.downloads import verdicts
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Traffic:
    """What all workers of a run share: how many files at once in all, how many bytes came, and by which way.

    Args:
        files_in_all: at once.
        most: bytes that may be received; None for no limit.
        full: told once, when so many have come.
        go_ahead: waits while no file may be begun.
        known: what addresses turned out to be; None for a run that knows nothing yet.
    """

    def __init__(
        self,
        files_in_all: int,
        most: int | None = None,
        full: Callable[[], None] = lambda: None,
        *,
        go_ahead: Callable[[], Awaitable[None]],
        known: verdicts.Verdicts | None = None,
    ) -> None:
        self.slots = asyncio.Semaphore(files_in_all)
        self.received = 0
        self.by_browser: set[str] = set()
        """Hosts that refuse our HTTP client, and not the browser."""
        self.refused = collections.Counter[str]()
        """By host, how often the browser was refused as well."""
        self.reached: set[str] = set()
        """Hosts that our HTTP client got a file from: where it fails later, the host is down, for the browser too."""
        self.go_ahead = go_ahead
        self.known = known or verdicts.Verdicts()
        self._questions = collections.defaultdict[str, asyncio.Lock](asyncio.Lock)
        self._most = most
        self._full = full

    def add(self, count: int) -> None:
        """Counts bytes received."""
        before, self.received = self.received, self.received + count
        if self._most is not None and before < self._most <= self.received:
            self._full()

    @contextlib.asynccontextmanager
    async def question(self, url: str) -> AsyncIterator[Callable[[], None]]:
        """While the block lasts, no other address of the host is asked only to see what it is.

        Yields:
            Ends that before the block does: what came is the file.
        """
        lock = self._questions[allowed_hosts.host_of(url)]
        is_held = True

        def end() -> None:
            nonlocal is_held
            if is_held:
                is_held = False
                lock.release()

        await lock.acquire()
        try:
            yield end
        finally:
            end()
