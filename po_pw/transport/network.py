"""Whether this machine has a network at all, by what it knows itself: nothing is sent."""

from __future__ import annotations

import socket
from typing import Final

_OUTSIDE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses that nobody has (RFC 5737, RFC 3849): only the way to them is asked for."""


def is_there() -> bool:
    """Whether a route leads out of this machine. One that leads nowhere, such as a VPN that hangs, counts, too."""
    return any(_is_routed(family, address) for family, address in _OUTSIDE)


def _is_routed(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.connect((address, 53))  # of a datagram's socket: looks the route up, and sends nothing
    except OSError:
        return False
    return True
