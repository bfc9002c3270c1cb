"""Where user name, password and one-time code may be typed."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from po_pw import errors, hostnames

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where a user name, password or code would be sent, according to the field's document."""

    origin: str
    """Origin of the document with the field."""
    action: str
    """The address that its form is sent to; the document's own if it has none."""


@dataclasses.dataclass(slots=True)
class Trust:
    """Where the password may be typed, apart from the portal's own origin."""

    hosts: tuple[str, ...] = ()
    """Hosts that the user named (`--sign-in-host`)."""
    confirm: Callable[[str], bool] | None = None
    """Asks the user whether a host is right; blocks. None if nobody can be asked."""
    confirmed: set[str] = dataclasses.field(default_factory=set)
    """Hosts that the user has confirmed, so as not to ask twice."""

    def allowed(self) -> tuple[str, ...]:
        """All named or confirmed hosts, sorted."""
        return tuple(sorted({*map(hostnames.ascii_host, self.hosts), *self.confirmed}))


async def check_target(target: Target, origin: str, trust: Trust) -> None:
    """Refuses a target that must not get the user name, password or code.

    Args:
        target: where they would be sent.
        origin: the portal's origin.
        trust: what else the user allows; a host that the user confirms is added to it.

    Raises:
        LoginRequiredError: it is another host, or not encrypted; the message says what to do.
    """
    for url in dict.fromkeys((target.origin, target.action)):
        parts = urlsplit(url)
        host = hostnames.ascii_host(parts.hostname or "")
        if parts.scheme not in {"http", "https"} or not host:
            msg = f"the sign-in form is sent to {url!r}, which is not a web address: nothing was typed"
            raise errors.LoginRequiredError(msg)
        if parts.scheme == "http" and not is_this_machine(host):
            msg = (
                f"the sign-in form on {host} is sent without encryption (http), so others on the network could read "
                "what is typed; nothing was typed. Use the portal's https address, or sign in in a window: leave out "
                "--username."
            )
            raise errors.LoginRequiredError(msg)
        if _is_asked_for(url, origin) or host in trust.allowed():
            continue
        if trust.confirm is not None and await asyncio.to_thread(trust.confirm, host):
            trust.confirmed.add(host)
            continue
        msg = (
            f"{origin} leads to a sign-in form on another host, {host}: nothing was typed. If that is the right place "
            f"for your password, add --sign-in-host {host}"
        )
        raise errors.LoginRequiredError(msg)


def _is_asked_for(url: str, origin: str) -> bool:
    here, there = urlsplit(url), urlsplit(origin)
    if hostnames.ascii_host(here.hostname or "") != hostnames.ascii_host(there.hostname or ""):
        return False
    # The portal may lead from http to https on the same host, but not from https to another port.
    ports = [one.port or hostnames.DEFAULT_PORTS.get(one.scheme, 0) for one in (here, there)]
    return ports[0] == ports[1] or ports == [443, 80]


def is_this_machine(host: str) -> bool:
    """Whether a host is this computer, so that data sent there does not pass a network. Pure."""
    bare = host.strip("[]").rstrip(".")
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
