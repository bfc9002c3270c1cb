"""A browser context's cookies in a jar of aiohttp's, with every limit the browser puts on them."""

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
"""2100-01-01: later ones need no telling apart, and not every platform can count them."""


def new_jar() -> aiohttp.CookieJar:
    """An empty jar."""
    # unsafe: aiohttp otherwise drops the cookies of hosts that are an IP address. No quoting: values stay as they are.
    return aiohttp.CookieJar(unsafe=True, quote_cookie=False)


def _is_at_home(host: str, partition: object) -> bool:
    """Whether a cookie may be sent when its own host is visited: one kept apart for another site's pages may not."""
    site = urlsplit(partition).hostname if isinstance(partition, str) and partition else None
    return site is None or host == site or host.endswith(f".{site}") or site.endswith(f".{host}")


def fill(jar: aiohttp.CookieJar, cookies: Sequence[models.Cookie]) -> None:
    """Replaces what is in the jar.

    Args:
        jar: of a session.
        cookies: as Playwright's `context.cookies()` gives them. A domain without a leading dot is for that host alone.
    """
    jar.clear()
    for cookie in cookies:
        name, value, domain = str(cookie["name"]), str(cookie["value"]), str(cookie["domain"])
        host = domain.removeprefix(".").strip("[]")
        if not name or not host or not _is_at_home(host, cookie.get("partitionKey")):
            continue
        morsel: Morsel[str] = Morsel()
        # Morsel.set() refuses names that browsers and servers use, e.g. `user[id]`.
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
