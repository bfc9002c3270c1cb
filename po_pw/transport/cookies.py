"""Copies a browser context's cookies into an aiohttp jar, with all restrictions that the browser applies."""

from __future__ import annotations

import email.utils
from http.cookies import Morsel, SimpleCookie
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import aiohttp
import yarl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from po_pw import models

_LATEST: Final = 4_102_444_800.0
"""2100-01-01: later expiry times are capped, because some platforms cannot represent them."""


def new_jar() -> aiohttp.CookieJar:
    """An empty jar."""
    # unsafe: otherwise aiohttp drops cookies of IP address hosts. No quoting: values are sent unchanged.
    return aiohttp.CookieJar(unsafe=True, quote_cookie=False)


def _is_at_home(host: str, partition: object) -> bool:
    """Whether a cookie may be sent in a visit to its own host; False if it is partitioned for another site."""
    site = urlsplit(partition).hostname if isinstance(partition, str) and partition else None
    return site is None or host == site or host.endswith(f".{site}") or site.endswith(f".{host}")


def fill(jar: aiohttp.CookieJar, cookies: Sequence[models.Cookie]) -> None:
    """Replaces the jar's cookies.

    Args:
        jar: of a session.
        cookies: from Playwright's `context.cookies()`. A domain without a leading dot matches only that host.
    """
    jar.clear()
    for cookie in cookies:
        name, value, domain = str(cookie["name"]), str(cookie["value"]), str(cookie["domain"])
        host = domain.removeprefix(".").strip("[]")
        if not name or not host or not _is_at_home(host, cookie.get("partitionKey")):
            continue
        morsel: Morsel[str] = Morsel()
        # Morsel.set() rejects names that browsers and servers use, e.g. `user[id]`.
        morsel.__setstate__({"key": name, "value": value, "coded_value": value})  # type: ignore[attr-defined]
        morsel["path"] = str(cookie.get("path") or "/")
        if domain.startswith("."):
            morsel["domain"] = host
        if cookie.get("secure"):
            morsel["secure"] = True
        expires = cookie.get("expires")
        if isinstance(expires, (int, float)) and expires >= 0:
            morsel["expires"] = email.utils.formatdate(min(float(expires), _LATEST), usegmt=True)
        holder: SimpleCookie = SimpleCookie()
        dict.__setitem__(holder, name, morsel)
        jar.update_cookies(holder, yarl.URL.build(scheme="https", host=host, path="/"))
