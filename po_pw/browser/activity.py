"""What a page is still doing, in short descriptions that are the same on every order of a portal. Pure."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from po_pw import redact, secret_signs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HORIZON: Final = 10.0
"""Seconds: work that recurs less often counts as idle; requests that may never end are awaited this long."""
_VARYING: Final = re.compile(r"[0-9]+")
_OPAQUE: Final = re.compile(
    r"(?=[^/]*\d)[0-9a-f]{8,}(-[0-9a-f]{4,})*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)


@dataclasses.dataclass(frozen=True, slots=True)
class Recurring:
    """Recurring work, e.g. a timer."""

    label: str
    runs: int
    """Runs since the last change or new kind of request."""
    period: float
    """Seconds between runs; 0: continuously."""


@dataclasses.dataclass(frozen=True, slots=True)
class Activity:
    """A page's activity at one moment, in all frames."""

    finite: tuple[str, ...] = ()
    recurring: tuple[Recurring, ...] = ()
    uncountable: tuple[str, ...] = ()
    calm: float = 0.0
    """Seconds since the last change or new kind of request."""
    changes: int = 0


def describe(kind: str, url: str = "", page: str = "", method: str = "GET") -> str:
    """Describes a source of activity briefly, without parts that vary between orders.

    Args:
        kind: e.g. `fetch`.
        url: its address; `""` if it has none.
        page: address of the page it is on.
        method: of the request.
    """
    words = [kind]
    if method not in {"", "GET"}:
        words.append(method)
    if url:
        words.append(_shape(url, page))
    return " ".join(words)


def is_elsewhere(url: str, page: str) -> bool:
    """Whether an address belongs to another site than the page, e.g. analytics, a font, a map.

    Hosts with the same last two labels are one site, such as a portal and its API.
    """
    host, own = ((urllib.parse.urlsplit(one).hostname or "").lower() for one in (url, page))
    if host == own or not host:
        return False
    is_named = host.rpartition(".")[2].isalpha() and own.rpartition(".")[2].isalpha()
    return not is_named or host.split(".")[-2:] != own.split(".")[-2:]


def _shape(url: str, page: str) -> str:
    address, own = urllib.parse.urlsplit(url), urllib.parse.urlsplit(page)
    if address.scheme not in {"http", "https", "ws", "wss"}:
        return f"{address.scheme}:"
    record = own.path.rstrip("/").rpartition("/")[2]
    segments = []
    before = ""
    for segment in address.path.split("/"):
        if segment and (segment == record or secret_signs.is_token(urllib.parse.unquote(segment), before)):
            segments.append("#")
        else:
            segments.append(_VARYING.sub("#", _OPAQUE.sub("#", segment)))
        before = segment
    host = "" if address.netloc == own.netloc else address.netloc.rpartition("@")[2]
    return f"{host}{'/'.join(segments) or '/'}"


def recurring(raw: Mapping[str, Any], page: str) -> Recurring:
    """Reads a source reported by the script.

    Args:
        raw: JSON object.
        page: address of the page it is on.
    """
    kind, period = raw["kind"], float(raw["period"])
    words = [kind]
    if period:
        words.append(f"{period * 1000:.0f} ms")
    where = urllib.parse.urlsplit(raw["url"])
    if where.scheme in {"http", "https"}:
        host = "" if where.netloc == urllib.parse.urlsplit(page).netloc else where.netloc.rpartition("@")[2]
        words.append(f"{host}{redact.bare(where.path)}:{raw['position']}")
    else:
        words.append("in the page")
    words.append(f"({raw['trail']})")  # the stack trace: one line of a bundle or library may start many timers
    return Recurring(" ".join(words), int(raw["runs"]), period)


def merged(sources: Iterable[Recurring]) -> tuple[Recurring, ...]:
    """Keeps one per description: the one with the fewest runs."""
    least: dict[str, Recurring] = {}
    for source in sources:
        if source.label not in least or source.runs < least[source.label].runs:
            least[source.label] = source
    return tuple(least.values())


def unique(labels: Iterable[str]) -> tuple[str, ...]:
    """Removes duplicates, and sorts."""
    return tuple(sorted(set(labels)))
