"""Cookies in the Netscape format (`cookies.txt`), as browser extensions, curl and wget write them. Pure.

A line has seven tab-separated fields: domain, whether subdomains are included, path, whether only over https, expiry in
seconds since the epoch (0: when the browser closes), name, value. `#HttpOnly_` before the domain marks a cookie that
scripts cannot read; other lines that start with `#` are comments (curl, docs/HTTP-COOKIES.md).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from po_pw import errors, hostnames

if TYPE_CHECKING:
    from collections.abc import Iterable

    from po_pw import models

_HTTP_ONLY: Final = "#HttpOnly_"
_FIELDS: Final = 7
_LAST_SECOND: Final = 253_402_300_799
"""End of the year 9999, the latest expiry that browsers accept."""
_NAME: Final = re.compile(r"[^\x00-\x20\x7f;=,]+")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f;]*")


def parse(text: str, file: str) -> list[models.Cookie]:
    """Reads the cookies of a file, in the form that Playwright takes.

    Args:
        text: of the file.
        file: its name, for messages.

    Raises:
        InputError: a line is not a cookie; the message names file and line, but nothing of its content.
    """
    found: list[models.Cookie] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        is_hidden = line.startswith(_HTTP_ONLY)
        if not line.strip() or (line.startswith("#") and not is_hidden):
            continue
        try:
            found.append(_cookie(line.removeprefix(_HTTP_ONLY), http_only=is_hidden))
        except ValueError as error:
            msg = f"{file}, line {number}: {error}. Export the cookies in the Netscape format (cookies.txt)"
            raise errors.InputError(msg) from None
    return found


def _cookie(line: str, *, http_only: bool) -> models.Cookie:
    fields = line.split("\t")
    if len(fields) != _FIELDS:
        msg = f"it has {len(fields)} tab-separated fields, not {_FIELDS}"
        raise ValueError(msg)
    domain, subdomains, path, secure, expires, name, value = fields
    host = hostnames.ascii_host(domain.removeprefix("."))
    if not host or not hostnames.is_plain(host if ":" not in host else f"[{host}]"):
        msg = "its first field is not a host name"
        raise ValueError(msg)
    flags = {"TRUE": True, "FALSE": False}
    if subdomains.upper() not in flags or secure.upper() not in flags:
        msg = "its second and fourth fields must be TRUE or FALSE"
        raise ValueError(msg)
    if not path.startswith("/"):
        msg = "its third field is not a path"
        raise ValueError(msg)
    if not re.fullmatch(r"\d{1,15}(?:\.\d*)?", expires, re.ASCII) or float(expires) > _LAST_SECOND:
        msg = "its fifth field is not a time in seconds"
        raise ValueError(msg)
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        msg = "its name or value has characters that are not allowed in cookies"
        raise ValueError(msg)
    return {
        "name": name,
        "value": value,
        "domain": f".{host}" if flags[subdomains.upper()] else host,
        "path": path,
        "expires": float(expires) or -1,
        "httpOnly": http_only,
        "secure": flags[secure.upper()],
    }


def for_hosts(cookies: Iterable[models.Cookie], hosts: Iterable[str], now: float) -> list[models.Cookie]:
    """The cookies that a browser would send to one of these hosts, and that have not expired.

    Args:
        cookies: from `parse`.
        hosts: of the portal, and those that the user named.
        now: seconds since the epoch.

    Raises:
        InputError: there are none; the message names the hosts that have cookies.
    """
    wanted = [hostnames.ascii_host(host) for host in hosts]
    fitting = [one for one in cookies if any(_is_sent_to(str(one["domain"]), host) for host in wanted)]
    current = [one for one in fitting if one["expires"] == -1 or _seconds(one) > now]
    if current:
        return current
    if fitting:
        msg = f"every cookie of {wanted[0]} in the file has expired. Sign in with your browser and export them again"
        raise errors.InputError(msg)
    others = ", ".join(sorted({str(one["domain"]).removeprefix(".") for one in cookies})[:10])
    msg = f"the file has no cookies of {wanted[0]}" + (f"; it has cookies of {others}" if others else "")
    raise errors.InputError(msg)


def _seconds(cookie: models.Cookie) -> float:
    return float(str(cookie["expires"]))


def _is_sent_to(domain: str, host: str) -> bool:
    """Domain matching, RFC 6265, 5.1.3."""
    bare = domain.removeprefix(".")
    return host == bare or (domain.startswith(".") and host.endswith(f".{bare}"))
