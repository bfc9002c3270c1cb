"""Whether this machine has a network, by its routing table: nothing is sent."""

from __future__ import annotations

import socket
from typing import Final

_OUTSIDE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Documentation addresses (RFC 5737, RFC 3849): only their route is looked up."""


def is_available() -> bool:
    """Whether there is a route to other networks; a dead one, such as a hanging VPN, counts, too."""
    return any(_is_routed(family, address) for family, address in _OUTSIDE)


def _is_routed(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.connect((address, 53))  # UDP: looks up the route and sends nothing
    except OSError:
        return False
    return True
