"""What all workers of a run share about files: how many at once, how many bytes came, and by which way they come."""

from __future__ import annotations

import asyncio
import collections
import contextlib
from typing import TYPE_CHECKING, Final

from po_pw import errors
from po_pw.downloads import known_addresses
from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_REFUSALS: Final = 2
"""Different files that a host refused to our HTTP client and gave to the browser, from which on it is the client."""


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
        """Number of times in a row that the browser was refused as well, by host."""
        self.reached: set[str] = set()
        """Hosts that our HTTP client got a file from: if one fails later, it is down, and the browser need not try."""
        self._browser_only = collections.defaultdict[str, set[str]](set)
        """Addresses, by host, of files that the host refused to our HTTP client and gave to the browser."""
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

    def got_by_browser(self, url: str, needed: errors.BrowserRouteNeededError | errors.HostUnreachableError) -> bool:
        """Notes that only the browser got a file; returns whether all files of its host go that way from now on.

        What stands between us and the host (a proxy, a certificate) stands before all its files. An answer may concern
        one file: an address that has expired, a right that is checked file by file. So the host's way changes only
        when it has refused several, and has given our client none.

        Args:
            url: of the file.
            needed: why our HTTP client did not get it.
        """
        host = allowed_hosts.host_of(url)
        self.refused.pop(host, None)
        self._browser_only[host].add(url)
        is_of_file = isinstance(needed, errors.BrowserRouteNeededError) and needed.is_of_file
        if is_of_file and (host in self.reached or len(self._browser_only[host]) < _REFUSALS):
            return False
        is_new = host not in self.by_browser
        self.by_browser.add(host)
        return is_new

    @contextlib.asynccontextmanager
    async def probe(self, url: str) -> AsyncIterator[Callable[[], None]]:
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
