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
    """Where a user name, password or code would go, as the field's own document says."""

    origin: str
    """Of the document that the field is in."""
    action: str
    """The address that its form is sent to; the document's own where it has none."""


@dataclasses.dataclass(slots=True)
class Trust:
    """Where the password may be typed, besides the origin that was asked for."""

    hosts: tuple[str, ...] = ()
    """Hosts that the person named (`--sign-in-host`)."""
    confirm: Callable[[str], bool] | None = None
    """Asks the person whether a host is right; blocks. None where nobody can be asked."""
    confirmed: set[str] = dataclasses.field(default_factory=set)
    """Hosts that the person has said yes to: nobody is asked twice."""

    def allowed(self) -> tuple[str, ...]:
        """All hosts that were named or confirmed, sorted."""
        return tuple(sorted({*map(hostnames.ascii_host, self.hosts), *self.confirmed}))


async def check_target(target: Target, origin: str, trust: Trust) -> None:
    """Refuses a target that must get neither user name nor password nor code.

    Args:
        target: where they would go.
        origin: that the person asked for.
        trust: what else the person allows; a host that the person confirms is added to it.

    Raises:
        LoginRequiredError: it is another host, or the way there is not encrypted; says what to do.
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
    # From http to https of the same host is the portal's own doing; from https to another port is not.
    ports = [one.port or hostnames.DEFAULT_PORTS.get(one.scheme, 0) for one in (here, there)]
    return ports[0] == ports[1] or ports == [443, 80]


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, so that what is sent there passes no network. Pure."""
    bare = host.strip("[]").rstrip(".")
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
