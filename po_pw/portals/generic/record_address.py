"""Which part of an order's address names the order, and whether another address still does. Pure."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from po_pw import redact
from po_pw.portals.generic import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHORT_PART: Final = 3
"""Characters of an id from which on it also counts as a word within a longer part."""
_RECORD: Final = re.compile(r"\d|^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$", re.IGNORECASE)
_VERSION: Final = re.compile(r"v\d+(?:\.\d+)*|\d\.\d", re.IGNORECASE)
"""Segments that name a version of the portal, not a record: `/v2/`."""
_PAGING: Final = re.compile(
    r"p|page|tab|step|limit|offset|size|rows|start|lang|locale|sort|view|version|v", re.IGNORECASE
)
"""Parameters that say how a page is shown, not which record."""
_ENDING: Final = re.compile(r"\.(?:html?|aspx?|jsp|jsf|do|php|action|xhtml)$", re.IGNORECASE)


def address_parts(url: str) -> list[tuple[str, str]]:
    """The parts of an address that may name a record, as pairs of position and decoded text.

    Positions are numbers of path segments and names of query values, also in a fragment that is a route. A value that
    is itself an address (`next=/orders/7`) is left out: it names no record of this page.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return []
    return [*_parts("", parts.path, parts.query), *_fragment(parts.fragment)]


def _fragment(fragment: str) -> list[tuple[str, str]]:
    route = fragment.lstrip("!")
    path, _, query = route.partition("?")
    if "=" in path and "/" not in path.partition("=")[0]:
        path, query = "", route
    return _parts("#", path, query)


def _parts(where: str, path: str, query: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for index, segment in enumerate(path.strip("/").split("/")):
        for piece, value_said in enumerate(segment.split(";")):  # also matrix parameters
            name, equals, value = value_said.partition("=")
            plain = unquote(value if equals and piece else value_said)
            # OData: Orders('77') and Orders(77)
            key = re.search(r"\((?:[\w]+=)?'?([^'()]+)'?\)$", plain)
            if plain:
                where_now = f"{where}/{index}" if not piece else f"{where};{name}"
                found.append((where_now, key[1] if key else _ENDING.sub("", plain)))
    for name, value in parse_qsl(query, keep_blank_values=False):
        if not is_address(value):
            found.append((f"{where}?{name.lower()}", value))
    return found


def is_address(value: str) -> bool:
    """Whether a parameter's value is an address itself, whole or only a path."""
    return value.startswith(("/", "http:", "https:")) or "://" in value or unquote(value).startswith(("/", "http"))


def record_part(asked_url: str, po_number: str, sibling_urls: Iterable[str] = ()) -> str:
    """The part of an order's address that names this record: an id or number in path, query or fragment.

    Args:
        asked_url: of the order.
        po_number: of the order.
        sibling_urls: addresses of other orders of the portal: the record's part is one that varies among them.

    Returns:
        Decoded; `""` if the address has no such part.
    """
    parts = _parts_without_secrets(asked_url)
    shape = [where for where, _ in parts]
    values: dict[str, collections.Counter[str]] = {where: collections.Counter() for where in shape}
    for url in sibling_urls:
        others = _parts_without_secrets(url)
        if url != asked_url and [where for where, _ in others] == shape and host(url) == host(asked_url):
            for where, value in others:
                values[where][value] += 1
    has_siblings = any(values.values())
    varying = [(where, value) for where, value in parts if any(other != value for other in values[where])]
    candidates = varying if has_siblings and varying else parts
    wanted = numbers.core(po_number)
    by_number = [value for _, value in candidates if wanted and numbers.core(value) == wanted]
    if by_number:
        return by_number[-1]
    if has_siblings and varying:
        # If several vary, the record's is the one that repeats least.
        return max(reversed(varying), key=lambda one: len(values[one[0]]))[1]
    naming = [(where, value) for where, value in candidates if not _is_about_display(where)]
    with_id = [value for _, value in naming if _RECORD.search(value) and not _VERSION.fullmatch(value)]
    # The number may stand inside a longer part: `order-4500012345`.
    holding = [value for value in with_id if wanted and len(wanted) >= 3 and wanted in numbers.normal(value)]
    if holding or with_id:
        return (holding or with_id)[-1]
    return (naming or candidates)[-1][1] if candidates else ""


def _parts_without_secrets(url: str) -> list[tuple[str, str]]:
    """The parts of an address without secrets, which name a record only if nothing else can."""
    cleaned = address_parts(redact.address(url))
    without_secrets = [part for part in cleaned if redact.REDACTED not in part[1]]
    return without_secrets if without_secrets or not cleaned else list(address_parts(url))


def names_record(url: str) -> bool:
    """Whether an address looks like a record's: an id or number in path, query or fragment."""
    return bool(_RECORD.search(record_part(url, "")))


def keeps_record(url: str, part: str) -> bool:
    """Whether an address still contains the record's part, as a whole part or as a word in one."""
    wanted = part.casefold()
    if not wanted:
        return False
    for where, value in address_parts(url):
        value_said = value.casefold()
        if _is_about_display(where):
            continue
        if value_said == wanted:
            return True
        # A short one may occur by chance: "orders-7-days".
        if len(wanted) >= _SHORT_PART and re.search(rf"(?<![^\W_]){re.escape(wanted)}(?![^\W_])", value_said):
            return True
        if _starts_with(value_said, wanted):
            return True
    return False


_SEARCHING: Final = re.compile(r"q|query|search|search_?(term|text|string)|keywords?|term|find|such(e|begriff)")
"""Parameters with a search term: a page of search results names the record but is not its page."""


def _is_about_display(where: str) -> bool:
    name = where.rpartition("?")[2]
    return "?" in where and (_PAGING.fullmatch(name) is not None or _SEARCHING.fullmatch(name) is not None)


def _starts_with(value_said: str, wanted: str) -> bool:
    """`77-blue-pens` for 77."""
    return re.match(rf"{re.escape(wanted)}[-_][^\W\d_]", value_said) is not None


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are the same, ignoring scheme, `www.`, a trailing slash and an empty fragment."""
    return _plain(one) == _plain(other)


def _plain(url: str) -> tuple[str, str, str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url, "", ""
    return host(url), unquote(parts.path).rstrip("/"), parts.query, parts.fragment.lstrip("!").strip("/")


def host(url: str) -> str:
    """Host of an address, without `www.`; `""` if it has none."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
