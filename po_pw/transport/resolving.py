"""Resolves host names with the system's resolver; refuses private addresses if the portal's is public."""

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

_TIMEOUT: Final = 3.0
"""Seconds for a look-up that only tests whether a name server answers."""
within: Final[contextvars.ContextVar[allowed_hosts.HostPolicy | None]] = contextvars.ContextVar("within", default=None)
"""Host policy of the current request; None if a proxy resolves the name."""


async def name_server_answers(url: str) -> bool:
    """Whether a name server answers for a host that the browser cannot resolve; False after a timeout.

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
            with contextlib.suppress(RuntimeError):  # too late: the loop is closed
                loop.call_soon_threadsafe(done.set)

    # Not in the loop's own pool, whose shutdown would wait for a hanging look-up.
    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        async with asyncio.timeout(_TIMEOUT):
            await done.wait()
    except TimeoutError:
        return False
    return not silent[0]


class Resolver(aiohttp.abc.AbstractResolver):
    """Uses the system's resolver, including hosts file and VPN, and checks the addresses that are connected to."""

    def __init__(self) -> None:
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Resolves a name.

        Raises:
            NotAllowedError: its address is private and the portal's is not.
        """
        found = await self._system.resolve(host, port, family)
        policy = within.get()
        if policy is not None:
            await self._vet(policy, host, [entry["host"] for entry in found])
        return found

    async def vet(self, policy: allowed_hosts.HostPolicy, host: str) -> None:
        """The same check for a host that is an IP address already."""
        if allowed_hosts.is_address(host):
            await self._vet(policy, host, [host])

    async def close(self) -> None:
        """Nothing to do."""

    async def _vet(self, policy: allowed_hosts.HostPolicy, host: str, addresses: list[str]) -> None:
        inside = [address for address in addresses if not allowed_hosts.is_public(address)]
        if inside and not policy.may_be_inside(host) and not await self._is_inside(policy.order):
            raise policy.refused_inside(host, inside[0])

    async def _is_inside(self, host: str) -> bool:
        """Whether the portal itself has a private address."""
        if allowed_hosts.is_address(host):
            return not allowed_hosts.is_public(host)
        try:
            found = await self._system.resolve(host, 0, socket.AF_UNSPEC)
        except OSError:
            return False  # cannot be resolved
        return any(not allowed_hosts.is_public(entry["host"]) for entry in found)
