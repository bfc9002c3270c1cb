"""Addresses as a browser sends them: as they stand, so that a signature over them stays right. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

import yarl

from po_pw import errors, hostnames, models, redact

# Everything ASCII that a browser leaves alone; the rest, e.g. spaces and raw UTF-8, is percent-encoded.
_KEPT: Final = "!#$%&'()*+,/:;=?@[]~"
_EDGES: Final = "".join(map(chr, range(0x21)))
_BREAKS: Final = re.compile(r"[\t\r\n]+")
_DOT: Final = re.compile(r"\.|%2e", re.IGNORECASE)


def parse(text: str, base: str = "") -> yarl.URL:
    """An http(s) address, absolute; what is percent-encoded in it stays as it is.

    Args:
        text: absolute, or relative to `base`.
        base: where a redirect came from.

    Raises:
        PermanentError: it is not http(s), no address at all, or its host is not what it looks like
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
            if not netloc.isascii():  # no browser takes it
                raise _refused(text, base)
        whole = urlunsplit((scheme, netloc, _resolved(parts.path), parts.query, ""))
        return yarl.URL(quote(whole, safe=_KEPT, errors="surrogateescape"), encoded=True)
    except ValueError as error:
        raise _refused(text, base) from error


def referer(page: str, url: yarl.URL) -> str:
    """What a browser tells `url` about the page a link stands on (strict-origin-when-cross-origin); `""`: nothing."""
    if not page:
        return ""
    at = parse(page).with_user(None)
    if at.origin() == url.origin():
        return str(at)
    return "" if at.scheme == "https" and url.scheme == "http" else f"{at.origin()}/"


def _cleaned(text: str) -> str:
    """As a browser takes it: no line breaks in it, no control characters around it, each backslash a slash."""
    address = _BREAKS.sub("", text.strip(_EDGES))
    path = re.split(r"[?#]", address, maxsplit=1)[0]
    return path.replace("\\", "/") + address[len(path) :]


def _resolved(path: str) -> str:
    """Without `.` and `..`, encoded ones too."""
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
