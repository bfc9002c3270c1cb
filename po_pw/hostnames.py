"""Host names that browsers, Python and people read in the same way. Pure."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

import idna

_PLACE: Final = re.compile(
    r"(?:\[([0-9a-f:.]+)\]|([^\x00-\x20\x7f\"#%/:<>?@\[\\\]^`{|}]+))(?::(\d{0,5}))?", re.IGNORECASE | re.ASCII
)
_DOTS: Final = re.compile("[\u3002\uff0e\uff61]")
"""Characters that browsers treat as a dot."""
_INVISIBLE: Final = re.compile("[\u00ad\u034f\u180b-\u180f\u200b\u2060-\u2064\ufe00-\ufe0f\ufeff]")
"""Characters that UTS 46 silently removes from a host."""
_MAX_HOST: Final = 253
_MAX_LABEL: Final = 63
_NUMERIC: Final = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE | re.ASCII)


def is_plain(netloc: str) -> bool:
    r"""Whether host and port of an address are what they look like.

    They are not if browsers decode or refuse the host (`%65vil.com`, `evil.com\.acme.com`), if it is a number that
    becomes an IP address (`0177.1`, `2130706433`), if it has invisible characters, if it is too long for DNS, or if
    the port is invalid.

    Args:
        netloc: the part between `//` and the path, without user info.
    """
    if _INVISIBLE.search(netloc):
        return False
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
    return len(name) <= _MAX_HOST and all(0 < len(label) <= _MAX_LABEL for label in labels)


def ascii_host(host: str) -> str:
    """A host in the form that browsers use: lower case, ASCII, no brackets, no trailing dot.

    By UTS 46, non-transitional, as in the URL standard ("domain to ASCII"): `straße.de` is `xn--strae-oqa.de` and not
    `strasse.de`. A host that browsers refuse is returned unchanged, and equals no host that can be reached.
    """
    bare = host.strip().strip("[]").lower()
    if not bare.isascii():
        try:
            mapped = idna.uts46_remap(bare, std3_rules=False, transitional=False)
        except idna.IDNAError:
            return bare.rstrip(".")
        # Browsers accept names that registries do not, e.g. emoji: so only punycode, without IDNA's checks.
        bare = ".".join(one if one.isascii() else f"xn--{one.encode('punycode').decode()}" for one in mapped.split("."))
    return bare.rstrip(".")


DEFAULT_PORTS: Final = {"http": 80, "https": 443}
"""By scheme."""


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, e.g. `https://acme.coupahost.com` or `http://127.0.0.1:8080`.

    The host is normalised by `ascii_host` and the default port is left out, so that a portal has one origin, however
    it is written. `""` if it is not an address.
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), ascii_host(parts.hostname or ""), parts.port
    except ValueError:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port in {None, DEFAULT_PORTS.get(scheme)} else f":{port}")


def _is(kind: type[ipaddress.IPv4Address | ipaddress.IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True
