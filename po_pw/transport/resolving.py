"""Names to addresses, as the system has them; and no address inside the network for a portal that is outside it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import socket
import threading
from typing import TYPE_CHECKING, Final

import aiohttp
import aiohttp.abc

from po_pw.transport import allowed_hosts

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

_LOOKS_UP_WITHIN: Final = 3.0
"""Seconds for a look-up that says only whether there is somebody to ask."""
within: Final[contextvars.ContextVar[allowed_hosts.HostPolicy | None]] = contextvars.ContextVar("within", default=None)
"""The fence that the request under way must stay in; None where another resolves its name, a proxy."""


async def name_server_answers(url: str) -> bool:
    """Whether somebody could be asked for a host that the browser does not find; False where that takes long.

    Args:
        url: http(s).
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    silent = [False]

    def ask() -> None:
        try:
            socket.getaddrinfo(allowed_hosts.host_of(url), None)
        except socket.gaierror as error:
            silent[0] = error.errno == socket.EAI_AGAIN
        except (OSError, UnicodeError):
            silent[0] = False
        finally:
            with contextlib.suppress(RuntimeError):  # it took too long, and the loop is gone
                loop.call_soon_threadsafe(done.set)

    # Not of the loop's own pool: its end would wait for a look-up that hangs.
    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        async with asyncio.timeout(_LOOKS_UP_WITHIN):
            await done.wait()
    except TimeoutError:
        return False
    return not silent[0]


class Resolver(aiohttp.abc.AbstractResolver):
    """The system's own, so that its hosts file and VPN hold; looks at the addresses that are then connected to."""

    def __init__(self) -> None:
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name.

        Raises:
            NotAllowedError: it is at a private address, and the portal is not.
        """
        found = await self._system.resolve(host, port, family)
        fence = within.get()
        if fence is not None:
            await self._vet(fence, host, [entry["host"] for entry in found])
        return found

    async def vet(self, fence: allowed_hosts.HostPolicy, host: str) -> None:
        """The same for a host that is an address already, which nobody resolves."""
        if allowed_hosts.is_address(host):
            await self._vet(fence, host, [host])

    async def close(self) -> None:
        """Nothing to do."""

    async def _vet(self, fence: allowed_hosts.HostPolicy, host: str, addresses: list[str]) -> None:
        inside = [address for address in addresses if not allowed_hosts.is_public(address)]
        if inside and not fence.may_be_inside(host) and not await self._is_inside(fence.order):
            raise fence.refused_inside(host, inside[0])

    async def _is_inside(self, host: str) -> bool:
        """Whether the portal itself is at a private address."""
        if allowed_hosts.is_address(host):
            return not allowed_hosts.is_public(host)
        try:
            found = await self._system.resolve(host, 0, socket.AF_UNSPEC)
        except OSError:
            return False  # then nothing says so
        return any(not allowed_hosts.is_public(entry["host"]) for entry in found)
