"""Hosts that a browser, Python and a person read alike. Pure."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

_PLACE: Final = re.compile(
    r"(?:\[([0-9a-f:.]+)\]|([^\x00-\x20\x7f\"#%/:<>?@\[\\\]^`{|}]+))(?::(\d{0,5}))?", re.IGNORECASE | re.ASCII
)
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
"""What browsers take for a dot, too."""
_LONGEST: Final = 253
_LONGEST_LABEL: Final = 63
_NUMERIC: Final = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE | re.ASCII)


def is_plain(netloc: str) -> bool:
    r"""Whether host and port of an address are what they look like to everybody.

    They are not where browsers decode or refuse the host (`%65vil.com`, `evil.com\.acme.com`), where it is a number
    that becomes an IP address (`0177.1`, `2130706433`), where it is longer than DNS knows, or where the port cannot be.

    Args:
        netloc: what stands between `//` and the path, without a user.
    """
    found = _PLACE.fullmatch(_DOTS.sub(".", unicodedata.normalize("NFKC", netloc)))
    if found is None:
        return False
    six, name, port = found.groups()
    if int(port or 0) > 65_535:
        return False
    if six is not None:
        return _is(ipaddress.IPv6Address, six)
    labels = name.removesuffix(".").split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _is(ipaddress.IPv4Address, ".".join(labels))
    return len(name) <= _LONGEST and all(0 < len(label) <= _LONGEST_LABEL for label in labels)


def _is(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
