"""What all workers of a run share about files: how many at once, how many bytes came, and by which way they come."""

from __future__ import annotations

import asyncio
import collections
import contextlib
from typing import TYPE_CHECKING

from po_pw.downloads import known_addresses
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Traffic:
    """Shared by all workers of a run: limits on parallel files, bytes received, and how each host is reached.

    Args:
        files_in_all: maximum files at once.
        most: maximum bytes to receive; None for no limit.
        full: called once when that limit is reached.
        go_ahead: waits while no file may be started.
        known: what addresses led to; None if nothing is known yet.
    """

    def __init__(
        self,
        files_in_all: int,
        most: int | None = None,
        full: Callable[[], None] = lambda: None,
        *,
        go_ahead: Callable[[], Awaitable[None]],
        known: known_addresses.KnownAddresses | None = None,
    ) -> None:
        self.slots = asyncio.Semaphore(files_in_all)
        self.received = 0
        self.by_browser: set[str] = set()
        """Hosts that refuse our HTTP client but not the browser."""
        self.refused = collections.Counter[str]()
        """Number of times that the browser was refused as well, by host."""
        self.reached: set[str] = set()
        """Hosts that our HTTP client got a file from: if one fails later, it is down, and the browser need not try."""
        self.go_ahead = go_ahead
        self.known = known or known_addresses.KnownAddresses()
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
        """Requests an address that may not be a file; other such requests to the host wait until the block ends.

        Yields:
            A function that lets them continue earlier, once the response is known to be a file.
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
