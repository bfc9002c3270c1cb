"""Parses addresses as browsers do: unchanged, so that signatures stay valid. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import yarl

from po_pw import errors, hostnames, models, redact

# ASCII characters that browsers leave as they are; others, e.g. spaces and raw UTF-8, are percent-encoded.
_UNESCAPED: Final = "!#$%&'()*+,/:;=?@[]~"
_EDGES: Final = "".join(map(chr, range(0x21)))
_BREAKS: Final = re.compile(r"[\t\r\n]+")
_DOT: Final = re.compile(r"\.|%2e", re.IGNORECASE)


def parse(text: str, base: str = "") -> yarl.URL:
    """Parses an http(s) address to an absolute one; percent-encoding is kept.

    Args:
        text: absolute, or relative to `base`.
        base: address that redirected here.

    Raises:
        PermanentError: it is invalid, not http(s), or its host is not what it looks like
            (see `hostnames.is_plain`).
    """
    try:
        parts = urlsplit(urljoin(base, _cleaned(text)))
        scheme, host = parts.scheme.lower(), parts.hostname
        if scheme not in {"http", "https"} or not host or not hostnames.is_plain(parts.netloc.rpartition("@")[2]):
            raise _refused(text, base)
        netloc = parts.netloc
        if not netloc.isascii():
            port = f":{parts.port}" if parts.port is not None else ""
            netloc = f"{hostnames.ascii_host(host)}{port}"
            if not netloc.isascii():  # browsers refuse it
                raise _refused(text, base)
        whole = urlunsplit((scheme, netloc, _resolved(parts.path), parts.query, ""))
        return yarl.URL(quote(whole, safe=_UNESCAPED, errors="surrogateescape"), encoded=True)
    except ValueError as error:
        raise _refused(text, base) from error


def referer(page: str, url: yarl.URL) -> str:
    """The `Referer` for a link on `page` (strict-origin-when-cross-origin); `""` for none."""
    if not page:
        return ""
    at = parse(page).with_user(None)
    if at.origin() == url.origin():
        return str(at)
    return "" if at.scheme == "https" and url.scheme == "http" else f"{at.origin()}/"


def _cleaned(text: str) -> str:
    """Cleaned as browsers do: line breaks and surrounding control characters removed, backslashes made slashes."""
    address = _BREAKS.sub("", text.strip(_EDGES))
    path = re.split(r"[?#]", address, maxsplit=1)[0]
    return path.replace("\\", "/") + address[len(path) :]


def _resolved(path: str) -> str:
    """Resolves `.` and `..`, also percent-encoded."""
    steps: list[str] = []
    parts = path.split("/")[1:] or [""]
    for part in parts:
        plain = _DOT.sub(".", part)
        if plain == "..":
            del steps[-1:]
        elif plain != ".":
            steps.append(part)
    if _DOT.sub(".", parts[-1]) in {".", ".."}:
        steps.append("")
    return "/" + "/".join(steps)


def _refused(text: str, base: str) -> errors.PermanentError:
    if base:
        msg = f"{redact.bare(base)} leads to {redact.bare(text)}, which is not an http(s) address"
    else:
        msg = f"{redact.bare(text)} is not an http(s) address"
    return errors.PermanentError(msg, models.ErrorCode.INVALID_URL)
