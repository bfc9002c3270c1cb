"""Secrets known by their value: passwords and sessions that this process handles, removed wherever they appear."""

from __future__ import annotations

import base64
import html as markup
import json
import re
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from po_pw import secret_signs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MAX_KNOWN: Final = 400
_MIN_KNOWN: Final = 6
_known: Final[dict[str, tuple[str, ...]]] = {}
_lock: Final = threading.Lock()


def remember(*values: str) -> None:
    """Registers passwords and sessions to be removed everywhere, also if percent-encoded or escaped.

    Keeps the latest few hundred. Values under six characters are ignored: they would remove too much else.
    """
    with _lock:
        for value in values:
            if len(value) < _MIN_KNOWN or secret_signs.PLAIN.fullmatch(value):
                continue
            plain = unquote(value)
            quoted = (quote(plain, safe, errors="surrogatepass") for safe in ("/", ""))
            forms = {value, plain, *quoted, markup.escape(plain), json.dumps(plain)[1:-1]}
            forms.add(base64.b64encode(plain.encode("utf-8", "surrogatepass")).decode().rstrip("="))
            _known.pop(value, None)
            _known[value] = tuple(sorted((one for one in forms if len(one) >= _MIN_KNOWN), key=len, reverse=True))
        for value in list(_known)[:-_MAX_KNOWN]:
            del _known[value]


def remember_cookies(cookies: Iterable[Mapping[str, object]]) -> None:
    """Registers the values of cookies from Playwright that may be sessions; not a language, currency or name."""
    for cookie in cookies:
        if may_be_session(cookie):
            remember(str(cookie.get("value", "")))


def may_be_session(cookie: Mapping[str, object]) -> bool:
    """Whether a cookie from Playwright may be a session, by its name and value."""
    name, value = str(cookie.get("name", "")), str(cookie.get("value", ""))
    if re.fullmatch(r"[A-Za-z]{0,15}|\d{0,11}|[a-z]{2}[-_][A-Za-z]{2}", value):
        return False
    return bool(secret_signs.is_secret_name(name) or cookie.get("httpOnly") or secret_signs.is_opaque(unquote(value)))


def replaced(raw: str, by: str) -> str:
    """The text with each registered value replaced."""
    if not _known or not raw:
        return raw
    with _lock:
        forms = [form for known in _known.values() for form in known if form in raw]
    for form in sorted(forms, key=len, reverse=True):
        raw = raw.replace(form, by)
    return raw
