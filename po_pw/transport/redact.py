"""Addresses and texts that can be shown: signatures live in the query, sessions sometimes in the path."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_MATRIX: Final = re.compile(r";[^/]*")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)
_HEADER: Final = re.compile(r"\b((?:set-)?cookie2?|(?:proxy-)?authorization)(\s*[:=]\s*)[^\r\n]+", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"\b([\w-]*(?:password|passwd|token|signature|secret|session[_-]?id|api[_-]?key))(\s*[:=]\s*)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s&,;)]+)",
    re.IGNORECASE,
)


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


def text(said: str) -> str:
    """A text without the user, parameters and query of any address in it, and without values that name a secret."""
    cleaned = _ADDRESS.sub(_shown, said)
    return _NAMED.sub(r"\1\2***", _HEADER.sub(r"\1\2***", cleaned))


def _shown(found: re.Match[str]) -> str:
    address = bare(found[0])
    return f"{address}?***" if re.search("[?#]", found[0]) else address
