"""Addresses that can be shown: signatures live in the query, sessions sometimes in the path."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_MATRIX: Final = re.compile(r";[^/]*")


def bare(url: str) -> str:
    """Scheme, host and path of an address, for messages and manifests: no user, parameter, query or fragment.

    Of an address that is not http(s) (`blob:`, `data:`) only the scheme is given.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0].partition("#")[0].rpartition("@")[2]
    path = _MATRIX.sub("", parts.path)
    if parts.netloc:
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"
    return f"{parts.scheme}:" if parts.scheme else path
